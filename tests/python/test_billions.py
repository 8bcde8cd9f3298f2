"""More than 2^32 rows: one vector over many files, nearly all of it holes that take no disk."""

import numpy as np
import pytest

import dsdm
from dsdm_bench.select.oracle import philox_bits

PART = 1 << 29
PARTS = 8
ROWS = PARTS * PART + 1000


@pytest.fixture(scope="module")
def vector(tmp_path_factory):
    """Eight times the same file of zeros with two scores of 100, then a short one: row 2^32 is its first."""
    folder = tmp_path_factory.mktemp("billions")
    with (folder / "zeros.raw").open("wb") as file:
        file.truncate(PART)
        for row in (5, PART - 1):
            file.seek(row)
            file.write(np.int8(100).tobytes())
    last = np.zeros(1000, np.int8)
    last[7], last[9] = 120, -100
    last.tofile(folder / "last.raw")
    return dsdm.open_scores([folder / "zeros.raw"] * PARTS + [folder / "last.raw"], dtype="int8")


def test_rows_past_32_bits_are_found(vector):
    assert len(vector) == ROWS
    hundreds = [part * PART + row for part in range(PARTS) for row in (5, PART - 1)]
    best = [2**32 + 7, *hundreds]
    assert dsdm.top_k(vector, 17).tolist() == best
    assert dsdm.top_k(vector, 19).tolist() == [*best, 0, 1]
    assert dsdm.top_k(vector, 17, order="row").tolist() == sorted(best)
    assert dsdm.top_k(vector, 2, largest=False).tolist() == [2**32 + 9, 0]
    assert dsdm.top_k(vector, 1, exclude=[2**32 + 7]).tolist() == [5]
    assert vector[[2**32 + 7, 5, -1]].tolist() == [120, 100, 0]


def test_a_draw_reaches_rows_past_32_bits(vector):
    rows = dsdm.gumbel_top_k(vector, 17, seed=3)
    assert rows[0] == 2**32 + 7
    assert set(rows.tolist()) == {2**32 + 7, *(part * PART + row for part in range(PARTS) for row in (5, PART - 1))}


def test_a_sample_takes_the_rows_of_the_least_bits():
    """Against the bits of rows one by one: of a million other rows, none has less than those of the sample."""
    rows = dsdm.sample(ROWS, 50_000, seed=11)
    bits = philox_bits(11, rows.astype(np.uint64), domain=2)
    assert (bits[1:] > bits[:-1]).all()
    others = np.random.default_rng(0).integers(0, ROWS, 1_000_000, dtype=np.uint64)
    others = np.concatenate([others, np.arange(2**32 - 100_000, ROWS, dtype=np.uint64)])
    less = others[philox_bits(11, others, domain=2) < bits[-1]]
    assert set(less.tolist()) <= set(rows.tolist())
    assert len(less) > 0
    assert (dsdm.sample(ROWS, 10, seed=11) == rows[:10]).all()
