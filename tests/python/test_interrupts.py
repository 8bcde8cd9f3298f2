"""Ctrl-C is seen at once, also where one call of numpy is all that is done."""

import os
import signal
import threading

import numpy as np
import pyarrow as pa
import pytest

import dsdm
from dsdm.rows import row_numbers

pytestmark = pytest.mark.disk

TABLE = pa.table({"id": range(100)})


@pytest.fixture(autouse=True)
def many(monkeypatch):
    monkeypatch.setattr(row_numbers, "_MANY", 5)


@pytest.mark.parametrize("row_order", ["row", "shuffle"])
def test_a_call_that_looks_for_no_interrupt_is_not_waited_for(tmp_path, monkeypatch, row_order):
    go_on, main = threading.Event(), threading.main_thread()
    ended = []

    def endless(*_, **__):
        assert threading.current_thread() is not main
        os.kill(os.getpid(), signal.SIGINT)
        go_on.wait()
        ended.append(True)

    monkeypatch.setattr(np, "sort", endless)
    monkeypatch.setattr(np.random, "default_rng", endless)
    with pytest.raises(KeyboardInterrupt):
        dsdm.materialize(TABLE, range(10), tmp_path / "out", row_order=row_order, progress=False)
    assert not ended
    go_on.set()
    assert not (tmp_path / "out").exists()


def test_many_scores_are_picked_so_too(tmp_path):
    threads = []

    class Scores(np.ndarray):
        """What tells which thread picks its values."""

        def __getitem__(self, key):
            threads.append(threading.current_thread())
            return np.asarray(self)[key]

    scores = np.arange(100.0).view(Scores)
    dsdm.materialize(TABLE, range(10), tmp_path / "out", scores=scores, progress=False)
    assert threading.main_thread() not in threads
    assert dsdm.open_shards(tmp_path / "out")[:]["scores"] == list(range(10))


def test_rows_are_the_same_on_a_thread_of_their_own(tmp_path):
    rows = np.random.default_rng(1).integers(0, 100, 50)
    for row_order, seed, expected in (
        ("row", None, np.sort(rows)),
        ("shuffle", 7, np.random.default_rng(7).permutation(rows)),
    ):
        out = tmp_path / row_order
        dsdm.materialize(TABLE, rows, out, row_order=row_order, seed=seed, progress=False)
        assert dsdm.open_shards(out)[:]["id"] == expected.tolist()


def test_what_fails_there_fails_here():
    def fail():
        message = "no room"
        raise MemoryError(message)

    with pytest.raises(MemoryError, match="no room"):
        row_numbers.interruptibly(fail, 10)
