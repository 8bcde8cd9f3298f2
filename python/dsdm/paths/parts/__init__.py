"""What files that were found together are: parts of one vector, or a vector each."""
