"""What is counted: scores by bins, rows by files and groups, lengths, and the rows that two selections share."""
