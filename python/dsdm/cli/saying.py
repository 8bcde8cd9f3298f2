"""What the commands print: the one place through which it goes."""

import contextlib
import json
import logging
import math
import os
import sys
from collections.abc import Mapping, Sized
from numbers import Number
from typing import Any, NoReturn, TextIO

import typer

from dsdm.shown import shown

# As a shell has it for a command that SIGPIPE ends, as it ends others whose reader went away.
_UNREAD = 141


def say(*lines: object, err: bool = False) -> None:
    """Print lines, in none of which a name acts on the terminal: a break within one of them is a name's."""
    try:
        for line in lines:
            typer.echo(shown(line), err=err)
    except BrokenPipeError:
        end_unread()
    except OSError as error:
        _write_to_nowhere(sys.stderr if err else sys.stdout)
        # Without its name, a full disk behind it reads as that of the output.
        raise OSError(error.errno, error.strerror, "standard error" if err else "standard output") from error


def say_if_none(rows: Sized) -> None:
    """Say on stderr that no row was chosen, which is seldom meant."""
    if not len(rows):
        say("dsdm: no row was chosen, and what is written has none", err=True)


def say_json(told: Mapping[str, Any]) -> None:
    """Print what was done as one object of JSON, in which nothing acts on the terminal either.

    Numbers have all of their digits. A float that JSON has no number for is its text: nan, inf or -inf.
    """
    say(*json.dumps(_as_json(told), indent=2).split("\n"))


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {"null" if name is None else str(name): _as_json(of) for name, of in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(item) for item in value]
    if isinstance(value, Number) and hasattr(value, "item"):  # one of numpy, which is not imported for this
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if value is None or isinstance(value, str | int) else str(value)


def end_unread() -> NoReturn:
    """End the command without a word: nobody reads it, and Python would say so as it flushes what is left."""
    for stream in (sys.stdout, sys.stderr):
        _write_to_nowhere(stream)
    sys.exit(_UNREAD)


def _write_to_nowhere(stream: TextIO | None) -> None:
    """Have what is still to be written to a stream go nowhere, as Python writes it again when it ends."""
    if stream is None:
        return
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


class Formatter(logging.Formatter):
    """Write messages of the log so, too."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a message."""
        record.msg, record.args = shown(record.getMessage()), ()
        return super().format(record)
