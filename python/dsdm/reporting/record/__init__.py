"""The record of a selection: read, compared with the files that it names, and the scores that it is by opened."""
