"""What other readers make of a file, and how their rows are compared with those of dsdm."""
