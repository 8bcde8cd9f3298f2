"""A mutator that runs on stable: damaged files of every format, and what other readers make of them."""
