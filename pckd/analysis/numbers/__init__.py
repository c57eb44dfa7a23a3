"""Numbers of a report, computed from the rows of a study: frames in, frames out."""
