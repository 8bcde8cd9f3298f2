"""A report as text for a terminal and as a page for a browser."""
