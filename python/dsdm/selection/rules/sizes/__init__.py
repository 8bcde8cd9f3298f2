"""How many rows: as many as a budget has room for, and how many copies of each."""
