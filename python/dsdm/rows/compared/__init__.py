"""Rows that were written, held against the files that they came from."""
