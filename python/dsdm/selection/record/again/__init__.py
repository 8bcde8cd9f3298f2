"""What a record tells of a choice, done again: the rows, where they end, and all else that follows from them."""
