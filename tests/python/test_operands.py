"""Scores beside arrays in memory: the bits that numpy gives, on either side, and the array held where it lies."""

import copy
import gc
import operator
import pickle
import weakref

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dsdm
from dsdm.errors import SourceChangedError
from tests.corpora.vectors import DTYPES, same, saved, values

OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv]
UNKNOWN = "unsupported operand type|can't multiply sequence|does not support ufuncs"
# Around what is computed, copied and looked at together.
LENGTHS = [0, 1, 255, 256, 257, 1023, 1025, 32_767, 32_768, 32_769, 70_001]


def small(dtype, rows, seed):
    """Return values of a type, integers of which float64 holds."""
    made = values(dtype, rows, seed)
    return made % 1000 if made.dtype.kind != "f" and made.dtype.itemsize > 4 else made


def wide(*arrays):
    """Return arrays in the type in which scores are computed."""
    single = all(array.dtype in (np.float16, np.float32) for array in arrays)
    return [array.astype(np.float32 if single else np.float64) for array in arrays]


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    folder = tmp_path_factory.mktemp("operands")

    def made(dtype, rows):
        path = folder / f"{dtype}-{rows}.npy"
        array = small(dtype, rows, 1)
        return dsdm.open_scores(path if path.exists() else saved(path, array)), array

    return made


@given(
    st.sampled_from(DTYPES),
    st.sampled_from(DTYPES),
    st.sampled_from(LENGTHS),
    st.sampled_from(OPERATORS),
    st.sampled_from(["whole", "strided", "backwards", "big-endian", "a column", "read-only", "unaligned"]),
    st.data(),
)
@settings(max_examples=150, deadline=None)
def test_any_operation_has_the_bits_of_numpy_on_either_side(opened, own, other, rows, operate, layout, data):
    scores, left = opened(own, rows)
    right = small(other, rows, 2)
    laid = {
        "strided": lambda: np.repeat(right, 3)[::3],
        "backwards": lambda: right[::-1].copy()[::-1],
        "big-endian": lambda: right.astype(right.dtype.newbyteorder(">")),
        "a column": lambda: right[:, None],
        "read-only": lambda: np.frombuffer(right.tobytes(), right.dtype),
        "unaligned": lambda: np.frombuffer(b"x" + right.tobytes(), np.uint8)[1:].view(right.dtype),
    }.get(layout, lambda: right)()
    with np.errstate(all="ignore"):
        expected = operate(*wide(left, right))
        turned = operate(*wide(right, left))
        both = operate(wide(expected, left)[0], wide(expected, right)[1])
    found, back = operate(scores, laid), operate(laid, scores)
    again = operate(operate(scores, laid), laid)
    assert type(found) is type(back) is dsdm.Scores
    start = data.draw(st.integers(0, rows))
    for ours, theirs in ((found, expected), (back, turned), (again, both)):
        assert (ours.dtype, len(ours), ours.in_memory) == (theirs.dtype, rows, True)
        np.testing.assert_array_equal(np.asarray(ours), theirs)
        np.testing.assert_array_equal(ours.slice(start)[:], theirs[start:])
        np.testing.assert_array_equal(np.signbit(ours[:][theirs == 0]), np.signbit(theirs[theirs == 0]))


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_every_call_takes_what_was_computed(tmp_path, threads):
    rng = np.random.default_rng(4)
    left = (np.round(rng.normal(size=70_001) * 20) / 8).astype("f4")
    right, seen, groups = (
        np.round(rng.normal(size=70_001) * 20) / 4,
        rng.integers(0, 70_001, 900),
        rng.integers(0, 3, 70_001),
    )
    made, expected = dsdm.open_scores(saved(tmp_path / "s.npy", left)) + right, left + right
    order = np.argsort(-expected, kind="stable")
    np.testing.assert_array_equal(dsdm.top_k(made, 500, threads=threads), order[:500])
    kept = order[~np.isin(order, seen)]
    np.testing.assert_array_equal(dsdm.choose(made, k=500, exclude=seen, threads=threads).indices, kept[:500])
    for call in (
        lambda vector: dsdm.gumbel_top_k(vector, 300, seed=3, threads=threads),
        lambda vector: dsdm.choose(vector, min_score=1.0, max_score=2.5, threads=threads).indices,
        lambda vector: dsdm.choose(vector, groups=groups, per_group=30, threads=threads).indices,
        lambda vector: dsdm.round_robin([vector, -vector], 100, threads=threads).indices,
        lambda vector: vector[seen],
    ):
        np.testing.assert_array_equal(call(made), call(expected))
    np.testing.assert_array_equal(made.quantile([0.1, 0.9], threads=threads), np.quantile(expected, [0.1, 0.9]))
    np.testing.assert_array_equal(made.histogram(30, threads=threads)[0], np.histogram(expected, 30)[0])
    assert made.describe(threads=threads).max == expected.max()


def test_z_scores_and_sums_of_one_array_are_those_of_numpy(opened):
    scores, left = opened("i2", 32_769)
    right = small("f8", 32_769, 9)
    right[~np.isfinite(right)] = 0
    made, expected = scores + right, left + right
    standard = (expected - expected.mean()) / expected.std()
    np.testing.assert_allclose(np.asarray(made.zscore()), standard, rtol=1e-9, atol=1e-9)
    shared = made * made - made
    np.testing.assert_array_equal(np.asarray(shared), expected * expected - expected)
    np.testing.assert_array_equal(np.asarray(sum([scores, right, right], 0.0)), (left + right) + right)


def test_an_array_is_held_where_it_lies_and_as_long_as_it_is_needed(opened):
    scores, left = opened("f4", 1025)
    right = small("f8", 1025, 3)
    right[:] = np.arange(1025)
    alive = weakref.ref(right)
    made = (scores + right).slice(10, 1000)
    # No copy: what is written is read.
    right[500] = -7.5
    assert made[490] == float(left[500]) - 7.5
    del right
    gc.collect()
    assert alive() is not None
    expected = left[10:1000] + np.where(np.arange(10, 1000) == 500, -7.5, np.arange(10, 1000))
    np.testing.assert_array_equal(made[:], expected)
    kept = copy.copy(made)
    del made
    gc.collect()
    assert alive() is not None
    assert kept[0] == expected[0] or np.isnan(expected[0])
    del kept
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
@pytest.mark.parametrize("dtype", DTYPES)
def test_pickles_hold_the_values_of_arrays_and_no_others(opened, dtype, protocol):
    scores, _ = opened("f4", 1025)
    right = small(dtype, 1025, 5)
    for made in (
        scores + right,
        (right / scores).slice(200, 210),
        (scores - right).slice(3, 3),
        scores * list(range(1025)) * right,
    ):
        back = pickle.loads(pickle.dumps(made, protocol))  # noqa: S301
        same(np.asarray(back), np.asarray(made))
        assert (repr(back), back.paths, back.in_memory) == (repr(made), made.paths, True)
        same(np.asarray(copy.deepcopy(made)), np.asarray(made))


def test_a_pickle_of_a_slice_has_the_values_of_its_rows(opened):
    scores, _ = opened("f4", 70_001)
    made = scores + np.zeros(70_001)
    assert len(pickle.dumps(made)) > 8 * 70_001
    array = np.arange(70_001.0)
    text = pickle.dumps(array + scores.slice(0, 70_001))
    assert len(text) > 8 * 70_001
    buffers = []
    text = pickle.dumps(made, 5, buffer_callback=buffers.append)
    assert len(text) < 10_000
    moved = [b"x" + bytes(buffer.raw()) for buffer in buffers]
    # Memory of another process can begin anywhere.
    back = pickle.loads(text, buffers=[memoryview(one)[1:] for one in moved])  # noqa: S301
    same(np.asarray(back), np.asarray(made))


def test_pickles_of_bfloat16_come_back(tmp_path):
    """Its numpy type is of another library, so that it is told here by the name that a pickle has for it."""
    left = dsdm.open_scores(saved(tmp_path / "s.npy", np.arange(9, dtype="f4")))
    right = (np.arange(9, dtype="f4") / 8).view(np.uint32)
    rebuild, (text, [(bits, name)]) = (left - (right >> 16).astype("u2")).__reduce__()
    assert name == "uint16"
    made = rebuild(text, [(bits, "bfloat16")])
    assert "float64" in repr(left - bits)
    for vector in (made, pickle.loads(pickle.dumps(made))):  # noqa: S301
        same(np.asarray(vector), np.arange(9, dtype="f4") - right.view("f4"))


@pytest.mark.parametrize(
    ("other", "kind", "said"),
    [
        (np.zeros(4), ValueError, r"5 rows in .*s\.npy and 4 rows in an array in memory; scores of the same rows"),
        ([1.0] * 6, ValueError, "5 rows in .* and 6 rows in an array"),
        ([], ValueError, "5 rows in .* and 0 rows in an array"),
        (np.zeros((5, 2)), ValueError, r"operand has shape \(5, 2\); one score per row is needed"),
        (np.zeros((1, 5)), ValueError, r"operand has shape \(1, 5\)"),
        (np.array(2.0), ValueError, r"operand has shape \(\); .*; for one number give operand\.item\(\)"),
        (np.zeros(5, bool), TypeError, r"operand holds bool; .*numpy\.asarray\(operand\)\.astype\('uint8'\)"),
        (np.zeros(5, object), TypeError, "operand holds Python objects"),
        (np.array(list("abcde")), TypeError, "operand holds <U1"),
        (list("abcde"), TypeError, r"operand\[0\] is 'a', which is no number"),
        (np.zeros(5, complex), TypeError, "operand holds complex128"),
        (np.zeros(5, "M8[s]"), TypeError, "operand holds datetime64"),
        (pa.array([1.0, None, 2.0, 3.0, 4.0]), TypeError, "1 nulls"),
        (pa.table({"s": [1.0] * 5}), TypeError, r"operand is a table; one column of it is needed"),
        ("12345", TypeError, UNKNOWN),
        (b"12345", TypeError, UNKNOWN),
        (dict.fromkeys(range(5), 1.0), TypeError, UNKNOWN),
        ({1.0, 2.0, 3.0, 4.0, 5.0}, TypeError, UNKNOWN),
        (np.True_, TypeError, "scores are computed with True, and booleans are no scores; give 1"),
        (False, TypeError, "scores are computed with False, and booleans are no scores; give 0"),
        (np.str_("1"), TypeError, UNKNOWN),
        (None, TypeError, UNKNOWN),
    ],
    ids=repr,
)
@pytest.mark.parametrize("operate", OPERATORS)
def test_what_is_no_vector_of_as_many_numbers_is_refused(tmp_path, operate, other, kind, said):
    scores = dsdm.open_scores(saved(tmp_path / "s.npy", np.arange(5, dtype="f4")))
    with pytest.raises(kind, match=said):
        operate(scores, other)
    if not isinstance(other, str | bytes | np.str_):  # which have operators of their own
        with pytest.raises(kind):
            operate(other, scores)


def test_rows_of_a_selection_are_no_scores(tmp_path):
    scores = dsdm.open_scores(saved(tmp_path / "s.npy", np.arange(5, dtype="f4")))
    with pytest.raises(TypeError, match="unsupported operand"):
        scores + dsdm.choose(scores, k=5)


def test_arrays_are_never_changed_by_scores(tmp_path):
    scores = dsdm.open_scores(saved(tmp_path / "s.npy", np.arange(5, dtype="f4")))
    array = np.ones(5)
    with pytest.raises(TypeError, match="__array_ufunc__"):
        array += scores
    assert array.tolist() == [1.0] * 5


@pytest.mark.parametrize("dtype", ["i8", "u8"])
def test_integers_that_would_be_rounded_are_named_by_their_row(tmp_path, dtype):
    scores = dsdm.open_scores(saved(tmp_path / "s.npy", np.zeros(5, "f4")))
    array = np.array([2**53, 0, 7, 2**53 + 1, 2**63 - 1], dtype)
    made = scores + array
    said = r"an array in memory: at row 3: the score 9007199254740993 is not exactly a float64"
    for call in (lambda: made[:], lambda: made.slice(3)[:], lambda: dsdm.top_k(made, 1), lambda: made.zscore()[0]):
        with pytest.raises(ValueError, match=said):
            call()
    assert made.slice(0, 3)[:].tolist() == [2.0**53, 0.0, 7.0]


def test_what_is_told_of_scores_names_the_array(tmp_path):
    scores = dsdm.open_scores(saved(tmp_path / "s.npy", np.arange(5, dtype="f4")))
    made = scores * np.arange(5)
    assert not scores.in_memory
    assert repr(made).endswith("s.npy and an array in memory>")
    assert repr(made + [1] * 5).endswith("s.npy and 2 arrays in memory>")
    assert "an array in memory" in made._repr_html_()
    assert "an array in memory" not in scores._repr_html_()
    assert made.paths == scores.paths
    assert (made.is_mapped, scores.is_mapped, made.opened_as()) == (False, True, None)
    assert "top-k of s.npy and an array in memory" in repr(dsdm.choose(made, k=2))
    dsdm.materialize(pa.table({"n": range(5)}), dsdm.choose(made, k=2), tmp_path / "out", progress=False)
    told = (tmp_path / "out" / "dsdm.json").read_text()
    assert "s.npy and an array in memory" in told


def test_only_the_files_are_held_against_their_hashes(tmp_path):
    path = saved(tmp_path / "s.npy", np.arange(5, dtype="f4"))
    made = dsdm.open_scores(path, verify=True) + np.ones(5)
    made.check()
    held = np.load(path, mmap_mode="r+")
    held[2] = 9
    held.flush()
    with pytest.raises(SourceChangedError):
        made.check()


def test_no_output_replaces_the_file_that_numpy_maps(tmp_path):
    scores = dsdm.open_scores(saved(tmp_path / "s.npy", np.arange(5, dtype="f4")))
    (tmp_path / "out").mkdir()
    mapped = np.load(saved(tmp_path / "out" / "b.npy", np.ones(5)), mmap_mode="r")
    for made in (scores + mapped, (scores - mapped[::-1][::-1]).slice(0, 5)):
        assert made.mapped_by_numpy() == [tmp_path / "out" / "b.npy"]
        with pytest.raises(ValueError, match=r"b\.npy"):
            dsdm.materialize(
                pa.table({"n": range(5)}), [0], tmp_path / "out", scores=made, overwrite=True, progress=False
            )
    assert (tmp_path / "out" / "b.npy").exists()


def test_pickles_hold_of_arrays_what_the_result_was_made_of(tmp_path):
    scores = dsdm.open_scores(saved(tmp_path / "s.npy", np.zeros(10_000, "f4")))
    array = np.arange(10_000.0)
    late, early = (scores + array).slice(0, 10), scores.slice(0, 10) + array[:10]
    assert len(pickle.dumps(late)) > array.nbytes
    assert len(pickle.dumps(early)) < array.nbytes // 10
    np.testing.assert_array_equal(late[:], early[:])


def test_masked_arrays_on_the_left_compare_by_themselves(tmp_path):
    scores = dsdm.open_scores(saved(tmp_path / "s.npy", np.arange(5, dtype="f4")))
    masked = np.ma.array([0.0, 9.0, 2.0, 1.0, 4.0], mask=[0, 1, 0, 0, 0])
    for compare in (operator.lt, operator.le, operator.eq, operator.ne, operator.ge, operator.gt):
        with pytest.raises(TypeError, match="operand is a masked array"):
            compare(scores, masked)
        found = compare(masked, scores)
        assert isinstance(found, np.ma.MaskedArray)
        for name in ("only", "exclude"):
            with pytest.raises(TypeError, match=f"{name} is a masked array"):
                dsdm.choose(scores, k=1, **{name: found})
        with pytest.raises(TypeError, match="is a masked array"):
            scores[found]
    for operate in OPERATORS:
        for left, right in ((scores, masked), (masked, scores)):
            with pytest.raises(TypeError, match="operand is a masked array"):
                operate(left, right)
