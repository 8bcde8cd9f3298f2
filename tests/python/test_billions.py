"""More than 2^32 rows: one vector over many files, nearly all of it holes that take no disk."""

import numpy as np
import pytest

import dsdm
from dsdm import _native
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


def test_cuts_lie_past_32_bits_and_among_more_ties_than_32_bits_count(vector):
    """Ranked by score, then by row: the rows of other scores are known, and all others are zeros in their order."""
    options, ranked = ("row", "raise", None, (None, None)), (vector, True)
    hundreds = [part * PART + row for part in range(PARTS) for row in (5, PART - 1)]
    others = sorted([2**32 + 7, 2**32 + 9, *hundreds])
    zeros = ROWS - len(others)

    def zero(place):
        """Return the row of the zero that so many zeros come before."""
        row = place
        for other in others:
            row += other <= row
        return row

    def place(row):
        """Return what rows are in the order of."""
        return -({2**32 + 7: 120, 2**32 + 9: -100} | dict.fromkeys(hundreds, 100)).get(row, 0), row

    for k, row in ((17, hundreds[-1]), (17 + zeros // 2, zero(zeros // 2 - 1)), (18 + zeros, 2**32 + 9)):
        cut = _native.cut_of(ranked, k, options, None)
        assert cut[1] == row
        for middle in (row, 2**32 + 8, PART):
            start, stop = max(0, middle - 50), min(ROWS, middle + 50)
            found = _native.rows_of_cut((vector.slice(start, stop), True), options, cut, start, stop, None)
            assert found.tolist() == [one for one in range(start, stop) if place(one) <= place(row)]
    half = _native.cut_of(ranked, 17 + zeros // 2, options, None)
    ends = np.array([*(PART * part for part in range(1, PARTS + 1)), ROWS], np.uint64)
    counts = _native.counts_of_cut(ranked, options, half, ends, None).tolist()
    assert sum(counts) == 17 + zeros // 2
    assert counts[:4] == [PART] * 4


def test_a_cut_of_a_sample_is_its_greatest_bits():
    drawn = dsdm.sample(ROWS, 50_000, seed=11)
    options = ("row", "raise", None, (None, None))
    cut = _native.cut_of((0, ROWS, 11), 50_000, options, None)
    assert cut == (int(philox_bits(11, drawn[-1:].astype(np.uint64), domain=2)[0]), int(drawn[-1]))
    start = ROWS - 2_000_000
    found = _native.rows_of_cut((start, ROWS, 11), options, cut, start, ROWS, None)
    np.testing.assert_array_equal(found, np.sort(drawn[drawn >= start]))
