"""Values of options that are wrong in themselves, whatever the files hold: wrong usage, and not an error of files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

DAMAGED = 3
"""The exit code of a directory that is not what was written."""


@contextmanager
def as_usage() -> Iterator[None]:
    """Make a usage error of what is said of an argument's value or type."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise typer.BadParameter(str(error)) from error


@contextmanager
def damaged(folder: Path) -> Iterator[None]:
    """Have what is found to be damaged in a directory end the command with an exit code of its own."""
    from dsdm.errors import FormatError

    try:
        yield
    except (FormatError, FileNotFoundError) as error:
        # That it is no directory of dsdm is no damage.
        if not isinstance(error, FileNotFoundError) or error.filename not in (None, str(folder)):
            error.exit_code = DAMAGED  # type: ignore[union-attr]
        raise


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
