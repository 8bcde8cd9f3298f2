"""What the commands print: the one place through which it goes."""

import logging

import typer

from dsdm.shown import shown


def say(what: object, *, err: bool = False) -> None:
    """Print a line, in which no name acts on the terminal."""
    typer.echo(shown(what), err=err)


class Formatter(logging.Formatter):
    """Write messages of the log so, too."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a message."""
        record.msg, record.args = shown(record.getMessage()), ()
        return super().format(record)
