"""Scores that lie in another order than the rows, joined to them by id."""
