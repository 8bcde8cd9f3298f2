"""A corpus of short and long rows, and runs over it that end early."""

import json
import shutil
import subprocess
import sys

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm

ROWS = 40_000
SHARDS = 6
# The first half of the rows are short and the others long: so are the shards, of which a limit cuts the long.
CHOSEN = np.concatenate([np.random.default_rng(1).permutation(ROWS // 2)[:1500], ROWS // 2 + np.arange(1500)])
LONG = np.tile(CHOSEN, 150)
"""As Parquet, they take some tenths of a second."""
SMALL, LIMIT = 3, 40_000


def source(tmp_path_factory):
    """Give one row group, which is decoded anew for every shard when memory is small."""
    rng = np.random.default_rng(0)
    lengths = np.where(np.arange(ROWS) < ROWS // 2, rng.integers(14, 18, ROWS), 64)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    values = pa.array(rng.integers(0, 2**16, offsets[-1], dtype=np.uint16))
    path = tmp_path_factory.mktemp("corpus") / "a.parquet"
    pq.write_table(pa.table({"input_ids": pa.ListArray.from_arrays(offsets, values)}), path)
    return path


def corpus(source, tmp_path):
    """Give a copy to be changed."""
    shutil.copy2(source, tmp_path / "corpus.parquet")
    return tmp_path / "corpus.parquet"


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write(corpus, out, rows=CHOSEN, **options):
    return dsdm.materialize(corpus, rows, out, **{"num_shards": SHARDS, "threads": 1, **options})


def staging(out):
    return out.with_name(f".{out.name}.dsdm-unfinished")


def lines(out):
    try:
        return (staging(out) / "journal").read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


CHILD = """
import json, resource, sys
import numpy as np
import dsdm
arguments = json.loads(sys.argv[1])
limit = arguments.pop("limit")
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
rows = np.load(arguments.pop("rows"))
try:
    dsdm.materialize(arguments.pop("corpus"), rows, arguments.pop("out"), **arguments)
except OSError as error:
    print(json.dumps([error.errno, error.filename, str(error), error.__notes__]))
"""


def child(corpus, out, limit=None, rows=CHOSEN, **options):
    np.save(out.with_suffix(".npy"), rows)
    corpus = corpus if isinstance(corpus, list) else str(corpus)
    arguments = {"corpus": corpus, "out": str(out), "rows": str(out.with_suffix(".npy")), "limit": limit}
    arguments |= {"num_shards": SHARDS, "threads": 1, **options}
    command = [sys.executable, "-c", CHILD, json.dumps(arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603


def leave(corpus, out, **options):
    """Leave what a run does that can write no large files: its small shards. Give what it was told."""
    told, wrong = child(corpus, out, limit=LIMIT, **options).communicate()
    assert told, wrong
    return json.loads(told)


def not_loadable(folder):
    for place in [folder, *folder.rglob("*")]:
        if place.is_dir():
            with pytest.raises(FileNotFoundError):
                datasets.load_from_disk(str(place))
