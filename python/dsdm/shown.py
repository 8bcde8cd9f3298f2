"""Text for people: what files and their makers named is shown, and does nothing else.

A name can hold the characters by which terminals are told to clear the screen or to write backwards, and can be a
million characters long. What the commands print and what exceptions say goes through here; what the extension says
went through its own like of this.
"""

import errno
import functools
import html
import re
from collections.abc import Callable, Iterable
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")

_LIMIT = "raise the limit of open files with ulimit -n"
_MAX_NAME = 200
_MAX_MESSAGE = 4_000
_KEPT_START = 3_000

# Control characters, line breaks among them, marks of direction, and characters of no width.
_ACTING = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff9-\ufffb\U000e0000-\U000e01ef]"
)
_LONG = re.compile(rf"(?<!\w)(?P<quote>['\"])(?P<name>(?:(?!(?P=quote)).){{{_MAX_NAME + 1},}})(?P=quote)(?!\w)")


def shown(text: object) -> str:
    r"""Return a text in which no character acts on a terminal.

    >>> shown("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    return _ACTING.sub(lambda found: found[0].encode("unicode_escape").decode(), str(text))


def as_html(title: str, pairs: Iterable[tuple[str, object]]) -> str:
    """Return a short table for a notebook: names and values, which are text whatever they hold.

    >>> as_html("Plan", [("rows", "<b>")])
    '<table><caption>Plan</caption><tbody><tr><th scope="row">rows</th><td>&lt;b&gt;</td></tr></tbody></table>'
    """

    def text(value: object) -> str:
        whole = str(value)
        cut = whole if len(whole) <= _MAX_NAME else f"{whole[:_MAX_NAME]}… ({len(whole):,} characters)"
        return html.escape(shown(cut).encode("utf-8", "backslashreplace").decode())

    rows = "".join(f'<tr><th scope="row">{text(name)}</th><td>{text(value)}</td></tr>' for name, value in pairs)
    return f"<table><caption>{text(title)}</caption><tbody>{rows}</tbody></table>"


def safe_message(message: str) -> str:
    """Return a message in which no character acts on a terminal, names are cut, and so is the whole."""
    length = len(message)
    if length > _MAX_NAME:
        message = _LONG.sub(_cut, message)
    if len(message) > _MAX_MESSAGE:
        end = message[-(_MAX_MESSAGE - _KEPT_START) :]
        message = f"{message[:_KEPT_START]}… ({length:,} characters) …{end}"
    return shown(message)


def _cut(found: re.Match[str]) -> str:
    quote, name = found["quote"], found["name"]
    return f"{quote}{name[:_MAX_NAME]}… ({len(name):,} characters){quote}"


def with_limit(error: BaseException) -> None:
    """Have an error of too many open files say what to do, wherever it comes from: an import, say."""
    if isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE} and _LIMIT not in str(error.strerror):
        error.strerror = f"{error.strerror}; {_LIMIT}"
    if isinstance(error, ImportError) and "Too many open files" in error.msg and _LIMIT not in error.msg:
        error.msg = f"{error.msg}; {_LIMIT}"


def safe_messages(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Have the exceptions of a function say what they say in such words. Files keep their names in `filename`."""

    @functools.wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            with_limit(error)
            error.args = tuple(safe_message(arg) if isinstance(arg, str) else arg for arg in error.args)
            raise

    return call
