"""The extension module: what `dsdm` is built on. Use the names of `dsdm` itself.

The stub is the reference of the module, and is checked against it by stubtest.
"""

__all__ = [
    "ChecksumError",
    "FormatError",
    "InternalError",
    "ResumeMismatchError",
    "SchemaError",
    "SourceChangedError",
    "TruncatedError",
    "UnsafePickleError",
    "__version__",
]

__version__: str

class FormatError(ValueError):
    """The bytes are not the format they should be, or a part of it that is not supported."""

class UnsafePickleError(FormatError):
    """A pickle asks for something that is not data. Nothing of it was run."""

class TruncatedError(FormatError):
    """A file ends before what it promises."""

class ChecksumError(FormatError):
    """Stored and computed checksums differ."""

class SchemaError(FormatError):
    """Readable, but not of the type or shape that is needed."""

class SourceChangedError(OSError):
    """A file changed while it was read."""

class ResumeMismatchError(ValueError):
    """An interrupted run cannot be continued by this call."""

class InternalError(RuntimeError):
    """A defect of dsdm: please report it."""
