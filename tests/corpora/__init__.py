"""Corpora, vectors and outputs that the tests of several files make: what they hold, and what is done to them."""
