"""The exceptions of dsdm, each a builtin or a small subclass of one.

Every message names the file, the byte, row or field, what was found, what was expected and what to do.
"""

from dsdm._native import (
    ChecksumError,
    FormatError,
    InternalError,
    ResumeMismatchError,
    SchemaError,
    SourceChangedError,
    TruncatedError,
    UnsafePickleError,
)
from dsdm.names import public_names


class JobNotFinishedError(RuntimeError):
    """Units of a job are missing."""


__all__ = [
    "ChecksumError",
    "FormatError",
    "InternalError",
    "JobNotFinishedError",
    "ResumeMismatchError",
    "SchemaError",
    "SourceChangedError",
    "TruncatedError",
    "UnsafePickleError",
]

__dir__ = public_names(globals())
