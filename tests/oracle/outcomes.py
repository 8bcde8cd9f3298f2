"""What comes of reading one file here and there."""

import builtins

from dsdm import errors
from dsdm.errors import InternalError

EQUAL = "equal"
BOTH = "refused by both"
HERE = "refused here"
THERE = "refused there"
TYPE = "other type"
WRONG = "WRONG"
CRASH = "crash"
ALL = (EQUAL, BOTH, HERE, THERE, TYPE, WRONG, CRASH)
"""From the best to the worst."""

_OURS = {getattr(errors, name) for name in errors.__all__} - {InternalError}
_BUILTIN = {FileNotFoundError, PermissionError, OSError, ValueError, TypeError, IndexError, MemoryError}


def is_refusal(error):
    """Tell whether an exception is one of those that dsdm documents, and not what a defect looks like."""
    return type(error) in _OURS or type(error) in _BUILTIN or isinstance(error, MemoryError)


def said(error):
    """Give the kind and the message of an exception."""
    kind = type(error).__name__
    if type(error).__module__ not in {builtins.__name__, "dsdm", "dsdm._native", "dsdm.errors"}:
        kind = f"{type(error).__module__}.{kind}"
    return f"{kind}: {error}"


def worst(outcomes):
    """Give the worst of (class, message); one refused column does not spoil what is equal."""
    return max(outcomes, key=lambda outcome: ALL.index(outcome[0]), default=(BOTH, ""))
