"""Survey of a data set, for people to look at before they train on it."""
