"""The loss terms, one a file: the file's name is the term's name in study files."""
