"""Reports in a real browser: ``make browser``."""
