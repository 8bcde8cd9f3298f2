"""Scores that lie in another order than the rows: files of them with ids, and how both are joined."""
