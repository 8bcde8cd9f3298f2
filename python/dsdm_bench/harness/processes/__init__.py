"""Processes whose work is timed and watched from outside."""
