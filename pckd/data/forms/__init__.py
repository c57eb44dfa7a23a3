"""The forms in which users have data sets: how each is found and read."""
