"""Selection and scores over the whole range of every type, against Python's own sort and numpy's arithmetic."""

import math
import operator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dsdm
from dsdm_bench.select.oracle import philox_bits

INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
FLOATS = ["float16", "float32", "float64"]
ORDERS = ["best_first", "best_last", "row"]
# Around the stride, the line and the block of the kernels, and past a task and the rows that are sampled.
LENGTHS = st.one_of(st.integers(1, 300), st.sampled_from([255, 256, 257, 16_383, 16_384, 16_385]))


def edges(dtype):
    """The ends of a type and of its parts, and what lies beside them."""
    if dtype.kind == "f":
        info = np.finfo(dtype)
        numbers = [0.0, info.smallest_subnormal, info.smallest_normal, 1.0, info.max, np.inf]
        return np.array([*numbers, *(-number for number in numbers)], dtype)
    info = np.iinfo(dtype)
    near = [info.min, info.max, *(sign << bit for bit in range(info.bits) for sign in (-1, 1)), 0]
    near = [number + step for number in near for step in (-1, 0, 1)]
    return np.array([number for number in near if info.min <= number <= info.max], dtype)


@st.composite
def vectors(draw, dtypes=(*INTEGERS, *FLOATS), lengths=LENGTHS):
    """Any bits at all (NaN of every payload among them), the ends of the type, or one end of it."""
    dtype, n = np.dtype(draw(st.sampled_from(dtypes))), draw(lengths)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(["bits", "edges", "top", "bottom"]))
    if kind == "bits":
        return np.frombuffer(rng.bytes(n * dtype.itemsize), dtype)
    if kind == "edges":
        return rng.choice(edges(dtype), n)
    unsigned = np.dtype(f"u{dtype.itemsize}")
    bits = rng.integers(0, 9, n).astype(unsigned)
    if kind == "top":
        bits = ~bits if dtype.kind == "u" else bits ^ unsigned.type(np.iinfo(f"i{dtype.itemsize}").max)
    elif dtype.kind != "u":
        bits |= unsigned.type(1) << unsigned.type(8 * dtype.itemsize - 1)
    return bits.view(dtype)


def ranked(scores, *, largest=True, nan="omit", excluded=()):
    """The rows that can be chosen, best first, by Python's sort of Python's numbers."""
    end = {"largest": math.inf, "smallest": -math.inf}.get(nan)
    sign = -1 if largest else 1
    skip = set(map(int, excluded))
    keys = {}
    for row, score in enumerate(scores.tolist()):
        if row not in skip and not (score != score and end is None):  # noqa: PLR0124 - it is NaN
            keys[row] = (sign * end, sign * end) if score != score else (sign * score, 0)  # noqa: PLR0124
    return sorted(keys, key=lambda row: (*keys[row], row))


def in_order(best, order):
    return {"best_first": best, "best_last": best[::-1], "row": sorted(best)}[order]


def counts(n):
    """None, one, all, and those around a stride."""
    return st.one_of(st.sampled_from([0, 1, n // 2, max(n - 1, 0), n]), st.integers(0, n)).filter(lambda k: k <= n)


def test_row_order_of_wide_keys():
    """Nearly all of 300 integers over the whole range: the bound of the cut lay past 2^64."""
    arrays = np.random.default_rng(5).integers(-(2**63), 2**63 - 1, (400, 300), dtype=np.int64)
    for scores in (*arrays, *arrays.view(np.uint64)):
        best = sorted(range(300), key=lambda row: (-int(scores[row]), row))[:299]
        assert dsdm.top_k(scores, 299, order="row", threads=1).tolist() == sorted(best)


@given(scores=vectors(), data=st.data())
@settings(max_examples=150, deadline=None)
def test_top_k_of_any_bits(scores, data):
    largest, nan = data.draw(st.booleans()), data.draw(st.sampled_from(["omit", "largest", "smallest"]))
    rows = st.integers(0, len(scores) - 1)
    excluded = data.draw(st.one_of(st.just([]), st.lists(rows, max_size=20)))
    best = ranked(scores, largest=largest, nan=nan, excluded=excluded)
    k = data.draw(counts(len(best)))
    for order in ORDERS:
        for threads in (1, 2, 7):
            options = {"largest": largest, "nan": nan, "exclude": excluded or None, "order": order}
            found = dsdm.top_k(scores, k, threads=threads, **options)
            assert found.tolist() == in_order(best[:k], order)
    with pytest.raises(ValueError, match=f"k is {len(best) + 1}"):
        dsdm.top_k(scores, len(best) + 1, largest=largest, nan=nan, exclude=excluded)


@pytest.mark.parametrize("dtype", ["int64", "uint64", "float64", "uint32", "float32"])
@pytest.mark.parametrize("n", [16_385, 262_145, 600_001])
def test_many_rows_of_any_bits(dtype, n):
    """Several tasks, and a limit from a sample: keys of all 64 bits, by a stable sort."""
    scores = np.frombuffer(np.random.default_rng(n).bytes(n * np.dtype(dtype).itemsize), dtype)
    scores = np.where(scores == scores, scores, 0).astype(dtype)  # noqa: PLR0124 - NaN becomes 0
    best = np.argsort(-scores if np.dtype(dtype).kind == "f" else ~scores, kind="stable")
    for k in (1, n // 30, n - 1, n):
        for threads in (1, 7):
            for order in ORDERS:
                expected = {"best_first": best[:k], "best_last": best[:k][::-1], "row": np.sort(best[:k])}[order]
                np.testing.assert_array_equal(dsdm.top_k(scores, k, order=order, threads=threads), expected)


@given(scores=vectors(), data=st.data())
@settings(max_examples=80, deadline=None)
def test_a_draw_with_numpys_noise_of_any_bits(scores, data):
    temperature = data.draw(st.sampled_from([1.0, 0.5, 1e-3, 1e6]))
    seed, n = data.draw(st.integers(0, 2**70)), len(scores)
    with np.errstate(over="ignore", invalid="ignore"):
        wide = scores.astype(np.float64)
        weights = wide / temperature
    overflown = np.flatnonzero(np.isinf(weights) & np.isfinite(wide))
    keys = weights + np.random.default_rng(seed).gumbel(size=n)
    possible = np.flatnonzero(~np.isnan(keys) & (keys != -np.inf))
    best = possible[np.argsort(-keys[possible], kind="stable")].tolist()
    options = {"seed": seed, "temperature": temperature, "noise": "numpy", "nan": "omit"}
    k = data.draw(counts(len(best)))
    if len(overflown):
        with pytest.raises(ValueError, match=f"score of row {overflown[0]} divided by"):
            dsdm.gumbel_top_k(scores, k, **options)
        return
    for order in ORDERS:
        for threads in (1, 2, 7):
            found = dsdm.gumbel_top_k(scores, k, order=order, threads=threads, **options)
            assert found.tolist() == in_order(best[:k], order)


@given(scores=vectors(), data=st.data())
@settings(max_examples=80, deadline=None)
def test_a_draw_of_any_bits(scores, data):
    """The chosen are those of the largest sums, but for the last bits of a logarithm; every order is of the same."""
    seed, n = data.draw(st.integers(0, 2**64 - 1)), len(scores)
    excluded = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n) if n < 400 else st.just([False] * n)))
    bits = philox_bits(seed, np.arange(n, dtype=np.uint64), domain=1)
    p = np.minimum((bits.astype(np.float64) + 0.5) * 2.0**-64, 1 - 2.0**-53)
    with np.errstate(invalid="ignore"):
        keys = scores.astype(np.float64) - np.log(-np.log1p(-p))
    keys[np.isnan(keys) | excluded] = -np.inf
    k = data.draw(counts(int((keys != -np.inf).sum())))
    options = {"seed": seed, "nan": "omit", "exclude": excluded}
    found = dsdm.gumbel_top_k(scores, k, threads=1, **options)
    assert len(set(found.tolist())) == k
    rest = np.delete(keys, found)
    chosen = keys[found]
    for better, worse in [
        *pairwise(chosen),
        *((c, rest.max(initial=-np.inf)) for c in chosen),
    ]:
        assert better >= worse or math.isclose(better, worse, rel_tol=1e-13, abs_tol=1e-13)
    for threads in (2, 7):
        for order in ORDERS:
            other = dsdm.gumbel_top_k(scores, k, order=order, threads=threads, **options)
            assert other.tolist() == in_order(found.tolist(), order)


@given(
    rows=LENGTHS,
    seed=st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, 2**32 - 1, 2**32, 2**63, 2**64 - 1])),
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_a_sample_is_the_rows_of_the_least_bits(rows, seed, data):
    excluded = np.array(data.draw(st.one_of(st.just([]), st.lists(st.integers(0, rows - 1)))), np.int64)
    bits = philox_bits(seed, np.arange(rows, dtype=np.uint64), domain=2)
    best = [row for row in np.argsort(bits, kind="stable").tolist() if row not in set(excluded.tolist())]
    k = data.draw(counts(len(best)))
    for threads in (1, 2, 7):
        assert dsdm.sample(rows, k, seed=seed, exclude=excluded, threads=threads).tolist() == best[:k]
    with pytest.raises(ValueError, match=f"k is {len(best) + 1}"):
        dsdm.sample(rows, len(best) + 1, seed=seed, exclude=excluded)


def test_rows_that_no_index_can_name_are_not_drawn():
    for population in (2**63, 2**64 - 1, 2**64, 2**100):
        with pytest.raises(ValueError, match=f"population is {population}.*2\\^63"):
            dsdm.sample(population, 3)
    with pytest.raises(TypeError, match="population is True"):
        dsdm.sample(True, 1)  # noqa: FBT003
    assert dsdm.sample(2**63 - 1, 0).tolist() == []
    for population in (2**48 + 1, 2**63 - 1):
        with pytest.raises(ValueError, match=f"the population is {population}, and at most {2**48} rows"):
            dsdm.sample(population, 3)


def test_ids_of_2_to_the_63_and_more_are_not_drawn(tmp_path):
    ids = np.array([5, 2**63 - 1, 2**63, 2**64 - 1], np.uint64)
    np.save(tmp_path / "ids.npy", ids)
    for population in (ids, dsdm.open_scores(tmp_path / "ids.npy")):
        with pytest.raises(ValueError, match=r"population\[2\] is 9223372036854775808.*2\^63"):
            dsdm.sample(population, 1, seed=3)
    assert sorted(dsdm.sample(ids[:2], 2).tolist()) == [5, 2**63 - 1]


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_excluded_ids_are_compared_by_all_their_bits(dtype):
    """Beyond 2^53 neighbours are one float64."""
    ids = np.arange(2**62, 2**62 + 50).astype(dtype)
    excluded = ids[::2].astype(np.int64)
    assert sorted(dsdm.sample(ids, 25, exclude=excluded).tolist()) == ids[1::2].tolist()
    assert sorted(dsdm.sample(ids, 50, exclude=[-1]).tolist()) == ids.tolist()


@pytest.mark.parametrize("masked", [np.ma.masked_array([3.0, 1.0], [True, False]), np.ma.masked_array([3, 1])])
def test_a_masked_array_is_refused(masked):
    """Its mask would not be looked at, and masked rows would be chosen."""
    for select in (dsdm.top_k, dsdm.gumbel_top_k):
        with pytest.raises(TypeError, match="masked"):
            select(masked, 1)
    with pytest.raises(TypeError, match="masked"):
        dsdm.top_k(np.zeros(5), 1, exclude=np.ma.masked_array([1, 2], [True, False]))
    with pytest.raises(TypeError, match="masked"):
        dsdm.sample(np.ma.masked_array([1, 2], [True, False]), 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("scores")


def stored(folder, values, *, bfloat16=False, swapped=False, cut=None):
    """The values as raw files of either byte order, in one or two files."""
    parts = [values] if cut is None else [values[:cut], values[cut:]]
    paths = []
    for part in parts:
        if len(part):
            path = folder / f"{len(paths)}.raw"
            part.astype(part.dtype.newbyteorder(">" if swapped else "<")).tofile(path)
            paths.append(path)
    dtype = "bfloat16" if bfloat16 else values.dtype.newbyteorder(">" if swapped else "<")
    return dsdm.open_scores(paths, dtype=dtype)


def same(found, expected):
    """Bit for bit, but for the payload of a NaN that was computed."""
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    numbers = ~np.isnan(expected)
    assert found[numbers].tobytes() == expected[numbers].tobytes()


@given(values=vectors(), data=st.data())
@settings(max_examples=80, deadline=None)
def test_values_come_out_with_their_bits(folder, values, data):
    n = len(values)
    cut = data.draw(st.one_of(st.none(), st.integers(0, n)))
    scores = stored(folder, values, swapped=data.draw(st.booleans()), cut=cut)
    assert np.asarray(scores).tobytes() == values.tobytes()
    taken = data.draw(st.slices(n))
    assert scores[taken].tobytes() == values[taken].tobytes()
    rows = data.draw(st.lists(st.integers(-n, n - 1), max_size=50))
    assert scores[np.array(rows, np.int64)].tobytes() == values[rows].tobytes()
    mask = np.arange(n) % 3 == 1
    assert scores[mask].tobytes() == values[mask].tobytes()
    start = data.draw(st.integers(0, n))
    stop = data.draw(st.integers(start, n))
    assert np.asarray(scores.slice(start, stop)).tobytes() == values[start:stop].tobytes()
    for row in (n, -n - 1, 2**63 - 1, -(2**63), 2**63, 2**64 - 1, 2**64):
        with pytest.raises(IndexError, match=str(row)):
            scores[row]
        if row < 2**64:
            with pytest.raises(IndexError, match=str(row)):
                scores[np.array([row], np.uint64 if row >= 2**63 else np.int64)]


OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv]


@given(values=vectors(), data=st.data())
@settings(max_examples=80, deadline=None)
def test_arithmetic_on_any_bits_is_numpys(folder, values, data):
    bfloat16 = values.dtype == np.uint16 and data.draw(st.booleans())
    scores = stored(folder, values, bfloat16=bfloat16, swapped=not bfloat16 and data.draw(st.booleans()))
    if bfloat16:
        values = (values.astype(np.uint32) << 16).view(np.float32)
        same(np.asarray(scores), values)
    short = values.dtype.kind == "f" and values.dtype.itemsize < 8
    kind = np.float32 if short else np.float64
    if values.dtype.kind in "iu" and any(int(float(value)) != value for value in values.tolist()):
        with pytest.raises(ValueError, match="is not exactly a float64"):
            np.asarray(-scores)
        return
    with np.errstate(all="ignore"):
        expected, found = values.astype(kind), scores
        for _ in range(data.draw(st.integers(1, 4))):
            operate = data.draw(st.sampled_from(OPERATORS))
            number = data.draw(st.one_of(st.floats(width=32), st.sampled_from([0.0, -0.0, 1e300, 2.0**-149])))
            choice = data.draw(st.sampled_from(["number", "reflected", "scores", "negated"]))
            if choice == "number":
                found, expected = operate(found, number), operate(expected, kind(number))
            elif choice == "reflected":
                found, expected = operate(number, found), operate(kind(number), expected)
            elif choice == "scores":
                found, expected = operate(found, scores), operate(expected, values.astype(kind))
            else:
                found, expected = -found, -expected
        same(np.asarray(found), expected.astype(kind))
        taken = data.draw(st.slices(len(values)))
        same(found[taken], expected[taken])
        rows = data.draw(st.lists(st.integers(0, len(values) - 1), max_size=20))
        same(found[np.array(rows, np.int64)], expected[rows])
    best = ranked(expected, nan="smallest")
    assert dsdm.top_k(found, len(values), nan="smallest", threads=2).tolist() == best
