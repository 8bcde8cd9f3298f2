"""What both benchmarks use: contests in turns, watched processes, and reports."""
