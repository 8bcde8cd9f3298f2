"""Lines on the terminal, and how times and sizes are written in them."""

import sys


def say(text: str) -> None:
    """Print on stderr what is being done."""
    print(text, file=sys.stderr, flush=True)


def seconds(value: float) -> str:
    """Return a time as text.

    >>> seconds(48.42), seconds(0.9999), seconds(0.05217), seconds(0.000123)
    ('48.4 s', '1 s', '52.2 ms', '0.123 ms')
    """
    if value >= 0.9995:  # noqa: PLR2004 - what three digits of milliseconds cannot show
        return f"{value:.3g} s" if value < 100 else f"{value:.0f} s"  # noqa: PLR2004 - three digits
    return f"{value * 1000:.3g} ms"


def readable(size: float) -> str:
    """Return a number of bytes as text.

    >>> readable(512), readable(20_480_000), readable(4.1e9)
    ('512 B', '20.5 MB', '4.1 GB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:  # noqa: PLR2004 - the next unit begins there
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
