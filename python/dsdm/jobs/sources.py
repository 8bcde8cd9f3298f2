"""``sources.parquet``: the files of the corpus of a job, a row for each, so that no unit opens all of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dsdm._native import Corpus
from dsdm.jobs.place import SOURCES


def write_sources(job: Path, files: Sequence[Mapping[str, Any]]) -> None:
    """Write what is known of the files of a corpus."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(list(files)), job / SOURCES, compression="zstd")


def described_corpus(job: Path, head: Mapping[str, Any]) -> Corpus:
    """Return the corpus of a job, of which no file is opened yet."""
    import json

    import pyarrow.parquet as pq

    files = pq.read_table(job / SOURCES, memory_map=True).to_pylist()
    return Corpus.from_description(json.dumps(head), files)
