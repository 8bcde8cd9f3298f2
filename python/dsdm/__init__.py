"""Turns score vectors into training subsets."""
