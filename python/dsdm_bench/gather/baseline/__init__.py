"""The unit of time: the best that the machine can do with the bytes of the rows, without any system."""
