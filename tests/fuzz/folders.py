"""Whole folders that dsdm writes or leaves, and damage to them: to one of their files, or to which files there are."""

import os
import re
import resource
import shutil
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import dsdm
from dsdm.checks import FORMATS, TOKEN_FORMATS
from tests.fuzz.mutate import mutated
from tests.fuzz.seeds import Seed

PLACE = b"@THE-FOLDER@"
"""What stands in seeds for the folder that they lie in, so that mutants are the same wherever they lie."""
KNOWN = {b"inode": b"900000000000000001", b"changed_ns": b"900000000000000002"}
"""What stands in seeds for what the corpus of a run is known by where it lies, and is another each time."""
CORPUS, OUT, UNFINISHED, MANIFEST = "corpus.parquet", "out", ".out.dsdm-unfinished", "dsdm.json"
MODIFIED = 1_700_000_000
ROWS = 60
SEED = 5
"""Of the run that is shuffled."""


@dataclass(frozen=True)
class Folder:
    """The files of a folder by their names, and the kind of it."""

    name: str
    files: dict[str, bytes]
    end: dict[str, bytes] | None = None
    """What becomes of an unfinished run."""


def corpus():
    """Rows of which the second half are long."""
    lengths = np.r_[np.random.default_rng(4).integers(1, 5, ROWS // 2), np.full(ROWS // 2, 60)]
    numbers = np.arange(ROWS)
    texts = [f"{number:03}" * int(length) for number, length in zip(numbers, lengths, strict=True)]
    return pa.table({"id": numbers, "score": numbers.astype(np.float32) / 7, "text": texts})


def wanted():
    """Short rows, and then long ones."""
    return np.r_[np.random.default_rng(5).permutation(ROWS // 2)[:10], ROWS // 2 + np.arange(10)]


def call(kind):
    """Give the options of the run that a folder is of."""
    form, _, order = kind.partition(" ")
    tokens = {"columns": ["tokens"]} if form in TOKEN_FORMATS else {}
    tokens |= {"token_dtype": "int64"} if form == "bin" else {}
    return {"format": form, "row_order": order or "given", "num_shards": 4, "threads": 1, "progress": False, **tokens}


def folder():
    """Folders as they are opened and verified: with the manifest and without."""
    rows = corpus()
    tokens = pa.table({"tokens": [[number] * (number % 5) for number in range(ROWS)]})
    with tempfile.TemporaryDirectory() as place:
        for kind in FORMATS:
            out = Path(place) / kind
            dsdm.materialize(tokens if kind in TOKEN_FORMATS else rows, wanted(), out, **call(kind))
            files = contents(out)
            yield Folder(kind, files)
            if kind in {"arrow", "parquet"}:
                yield Folder(kind, {name: data for name, data in files.items() if name != MANIFEST})


def unfinished():
    """What interrupted runs leave: a plan, a journal, shards that are finished, and one that is not."""
    for kind in ("arrow", "parquet", "arrow shuffle"):
        with tempfile.TemporaryDirectory() as place:
            lay_corpus(place)
            seed = {"seed": SEED} if "shuffle" in kind else {}
            out = Path(place) / OUT
            dsdm.materialize(str(Path(place) / CORPUS), wanted(), out, **call(kind), **seed)
            end = told(contents(out), place)
            shards = sorted(len(data) for name, data in end.items() if "-of-" in name)
            shutil.rmtree(out)
            with largest_file(shards[2] - 1), suppress(OSError):
                dsdm.materialize(str(Path(place) / CORPUS), wanted(), out, **call(kind), **seed)
            left = told(contents(Path(place) / UNFINISHED), place)
            # The number of the process is another each time.
            yield Folder(kind, {name: data for name, data in left.items() if name != "pid"}, end)


@contextmanager
def largest_file(size):
    """Let no file be written that is larger: it is a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def lay_corpus(place):
    """Write the rows that runs are of, with one time of their last change."""
    path = Path(place) / CORPUS
    pq.write_table(corpus(), path)
    os.utime(path, (MODIFIED, MODIFIED))


def told(files, place):
    """Give files with what stands for the folder and its corpus in their place, and no checksum of the manifest."""
    files = {name: data.replace(os.fsencode(place), PLACE) for name, data in files.items()}
    for key, stands in KNOWN.items():
        files = {name: re.sub(rb'("%b": )\d+' % key, rb"\g<1>" + stands, data) for name, data in files.items()}
    if MANIFEST in files:
        files[MANIFEST] = re.sub(rb',\n  "crc32": "[0-9a-f]{8}"\n}\s*\Z', b"\n}", files[MANIFEST])
    return files


def lay_unfinished(path, files):
    """Write what an interrupted run left, beside the place of its output, and the corpus that it was of."""
    Path(path).mkdir()
    lay_corpus(path)
    corpus = (Path(path) / CORPUS).stat()
    known = {b"inode": corpus.st_ino, b"changed_ns": corpus.st_ctime_ns}
    for key, stands in KNOWN.items():
        files = {name: data.replace(stands, b"%d" % known[key]) for name, data in files.items()}
    lay(Path(path) / UNFINISHED, files, path)


def contents(folder):
    """Give the files of a folder, by their names."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def lay(folder, files, place=None):
    """Write the files of a folder, of which `place` is where it lies."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.replace(PLACE, os.fsencode(place)) if place else data)


def mutated_folder(rng, seed, others, without=()):
    """Change a file of a folder, most often one that tells of others; or take one away, or exchange two.

    Some of the changes to a file may be left out.
    """
    files = dict(seed.files)
    names = sorted(files)
    small = [name for name in names if "-of-" not in name]
    if rng.random() < 0.15:
        rng.choice((_remove, _exchange, _copy, _empty))(rng, files, names)
        return files
    name = rng.choice(small) if small and rng.random() < 0.8 else rng.choice(names)
    donors = [Seed(name, other.files[name]) for other in others if name in other.files]
    files[name] = mutated(rng, Seed(name, files[name]), donors, without)
    return files


def _remove(rng, files, names):
    del files[rng.choice(names)]


def _exchange(rng, files, names):
    one, other = rng.choice(names), rng.choice(names)
    files[one], files[other] = files[other], files[one]


def _copy(rng, files, names):
    one, other = rng.choice(names), rng.choice(names)
    files[one] = files[other]


def _empty(rng, files, names):
    files[rng.choice(names)] = b""
