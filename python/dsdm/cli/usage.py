"""Values of options that are wrong in themselves, whatever the files hold: wrong usage, and not an error of files."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer


@contextmanager
def as_usage() -> Iterator[None]:
    """Make a usage error of what is said of an argument's value or type."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise typer.BadParameter(str(error)) from error
