"""Values of options that are wrong in themselves, whatever the files hold: wrong usage, and not an error of files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer


@contextmanager
def as_usage() -> Iterator[None]:
    """Make a usage error of what is said of an argument's value or type."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise typer.BadParameter(str(error)) from error


@contextmanager
def naming(indices: Path | None = None, **files: Path | None) -> Iterator[None]:
    """Have an error of a row number name the file that holds it: of several, that of the argument that it names."""
    try:
        yield
    except IndexError as error:
        text = str(error)
        file = next((path for name, path in files.items() if text.startswith(name)), indices)
        if file is None:
            raise
        message = f"{file}: {text}"
        raise IndexError(message) from error
