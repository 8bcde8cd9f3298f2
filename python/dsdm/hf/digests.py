"""Digests by which ``datasets`` knows rows again, and finds in its cache what was made of them."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

    from dsdm._native import Corpus
    from dsdm.rows.sources import Source


def digest_of(*parts: str | bytes | memoryview) -> str:
    """Return the digest of some parts, and of where each ends, as the 16 digits that a fingerprint has."""
    import xxhash

    digest = xxhash.xxh64()
    for part in parts:
        data = memoryview(part.encode(errors="surrogateescape") if isinstance(part, str) else part)
        digest.update(data.nbytes.to_bytes(8, "little"))
        digest.update(data)
    return str(digest.hexdigest())


def digest_of_files(files: Sequence[str]) -> str:
    """Return a digest of which files these are and of the state they are in: a file that was written to has another."""
    states = []
    for file in files:
        state = Path(file).stat()
        states.append((os.path.realpath(file), state.st_size, state.st_mtime_ns, state.st_ctime_ns))
    return digest_of(repr(states))


def digest_of_opened(corpus: "Corpus", files: Sequence[str]) -> str:
    """Return the digest of files that are open, which lie where they were opened.

    Raises
    ------
    SourceChangedError
        If one changed since, or another has its name: its state is not that of the rows that are read.

    """
    digest = digest_of_files(files)
    corpus.check_named()
    return digest


def digest_of_table(table: "pa.Table") -> str:
    """Return a digest of the schema and the values of a table, however they are cut into chunks."""
    import pyarrow as pa

    sink = _Digesting()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        for start in range(0, len(table), 1 << 16):
            rows = table.slice(start, 1 << 16).combine_chunks()
            for batch in rows.to_batches():
                writer.write_batch(batch)
    return digest_of(sink.digest())


class _Digesting:
    """A file that keeps but digests of what is written to it."""

    closed = False

    def __init__(self) -> None:
        import xxhash

        self._digest = xxhash.xxh3_128()

    def write(self, data: Any) -> int:
        self._digest.update(data)
        return memoryview(data).nbytes

    def flush(self) -> None:
        """Do nothing; files have it."""

    def digest(self) -> bytes:
        """Return the digest of all that was written."""
        return self._digest.digest()


def digest_of_source(source: "Source") -> str | None:
    """Return a digest of which rows a source has, in which columns; None for a table, whose rows nothing names."""
    if source.dataset is not None:
        return digest_of(source.dataset._fingerprint, repr(source.corpus.schema.names))  # noqa: SLF001 - no public name
    if not source.files:
        return None
    schema = source.corpus.schema.serialize().to_pybytes()
    # Links can give the same files other directories.
    added = [repr(source.corpus.constants)] if source.corpus.constants else []
    return digest_of(digest_of_opened(source.corpus, source.files), schema, *added)


def digest_of_selection(source: "Source", rows: NDArray[np.int64]) -> str | None:
    """Return a digest of which rows of the corpus of a source these are; None as :func:`digest_of_source`."""
    of = digest_of_source(source)
    return None if of is None else digest_of(of, "select", np.ascontiguousarray(rows).data.cast("B"))
