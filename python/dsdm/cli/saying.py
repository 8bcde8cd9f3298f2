"""What the commands print: the one place through which it goes."""

import logging

import typer

from dsdm.shown import shown


def say(*lines: object, err: bool = False) -> None:
    """Print lines, in none of which a name acts on the terminal: a break within one of them is a name's."""
    for line in lines:
        typer.echo(shown(line), err=err)


class Formatter(logging.Formatter):
    """Write messages of the log so, too."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a message."""
        record.msg, record.args = shown(record.getMessage()), ()
        return super().format(record)
