"""From the rows of a study to the numbers that its report shows: frames in, frames out."""
