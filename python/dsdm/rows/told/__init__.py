"""What is told of an output to those who open it."""
