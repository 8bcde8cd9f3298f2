"""Files of other projects, read here and by pyarrow and numpy, and compared value by value."""
