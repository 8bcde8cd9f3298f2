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

__all__ = [
    "ChecksumError",
    "FormatError",
    "InternalError",
    "ResumeMismatchError",
    "SchemaError",
    "SourceChangedError",
    "TruncatedError",
    "UnsafePickleError",
]


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
