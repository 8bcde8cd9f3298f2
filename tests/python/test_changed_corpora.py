"""Groups and lengths of files that changed since a choice was made by them: no call takes rows by it."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm import errors
from dsdm.dataset import open_dataset

N = 300
RNG = np.random.default_rng(8)
SCORES = RNG.permutation(N).astype(np.float64)
A = pa.table({"domain": RNG.choice(["a", "b"], N), "length": RNG.integers(1, 9, N)})


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pq.write_table(A, "A.parquet")
    pq.write_table(A.append_column("more", pa.array(range(N))), "meta.parquet")
    np.save("groups.npy", RNG.integers(0, 3, N))
    np.save("lengths.npy", RNG.integers(1, 9, N))
    return tmp_path


def by_groups(file):
    return dsdm.choose(SCORES, groups=dsdm.open_shards(file).groups("domain"), per_group=3)


def by_lengths(file):
    return dsdm.choose(SCORES, tokens=40, lengths=dsdm.open_shards(file).lengths("length"))


def by_labels(file):
    return dsdm.choose(SCORES, groups=dsdm.open_scores(file), per_group=3)


def by_numbers(file):
    return dsdm.choose(SCORES, tokens=40, lengths=dsdm.open_scores(file))


def read_again(file):
    by_labels(file).save("kept.npy", overwrite=True)
    return dsdm.Selection.load("kept.npy")


MADE = [
    (by_groups, "A.parquet"),
    (by_lengths, "A.parquet"),
    (by_groups, "meta.parquet"),
    (by_lengths, "meta.parquet"),
    (by_labels, "groups.npy"),
    (by_numbers, "lengths.npy"),
    (read_again, "groups.npy"),
]


def change(file):
    if file.endswith(".npy"):
        np.save(file, np.load(file)[::-1])
    else:
        pq.write_table(pq.read_table(file).take(np.arange(N)[::-1]), file)


def calls(rows):
    return [
        lambda: dsdm.materialize("A.parquet", rows, "out", overwrite=True),
        lambda: dsdm.plan("A.parquet", rows),
        lambda: dsdm.select("A.parquet", rows),
        lambda: dsdm.open_shards("A.parquet").take(rows),
        lambda: open_dataset("A.parquet").select(rows),
    ]


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(("made", "file"), MADE, ids=[f"{made.__name__}-{file}" for made, file in MADE])
def test_a_file_that_changed_since_is_refused_by_all_calls(made, file):
    chosen = made(file)
    for call in calls(chosen):
        call()
    os.utime(file, ns=(1, 1))
    dsdm.open_shards("A.parquet").take(chosen)  # Of another time alone, nothing is another.
    change(file)
    for call in calls(chosen):
        with pytest.raises(
            errors.SourceChangedError, match=rf"{file}.* changed since .*: it(s first and last bytes)? had"
        ):
            call()
    assert len(dsdm.open_shards("A.parquet").take(chosen.indices)) == len(chosen)


@pytest.mark.usefixtures("place")
def test_the_file_that_was_moved_is_the_corpus_still():
    chosen = by_groups("A.parquet")
    Path("A.parquet").rename("moved.parquet")
    pq.write_table(A.take(np.arange(N)[::-1]), "A.parquet")
    assert len(dsdm.open_shards("moved.parquet").take(chosen)) == len(chosen)
    with pytest.raises(errors.SourceChangedError, match=r"A\.parquet, which changed since"):
        dsdm.open_shards("A.parquet").take(chosen)
