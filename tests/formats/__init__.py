"""Outputs of real runs, and what ``docs/formats`` says of them, so that tests can hold one against the other."""
