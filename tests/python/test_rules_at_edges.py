"""Rules where they end: groups without rows or tokens, shares of other types, more copies than there is memory for."""

from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dsdm
from dsdm import choose

SCORES = np.arange(10.0)
GROUPS = list("aabbbbbbbb")


@pytest.mark.filterwarnings("ignore:.*come from the front:UserWarning")
@given(st.data())
@settings(deadline=None, max_examples=200)
def test_what_groups_that_are_short_have_is_kept_whole(data):
    """Rows of length 0 belong to all that such a group has, wherever they rank."""
    n = data.draw(st.integers(1, 30))
    lengths = data.draw(st.lists(st.sampled_from([0, 0, 1, 3]), min_size=n, max_size=n))
    groups = data.draw(st.lists(st.sampled_from("abc"), min_size=n, max_size=n))
    scores = np.array(data.draw(st.lists(st.integers(0, 4), min_size=n, max_size=n)), np.int32)
    names = sorted(set(groups))
    tokens, at_least = data.draw(st.integers(0, 40)), data.draw(st.booleans())
    ties, seed = ("random", 3) if data.draw(st.booleans()) else ("row", None)
    chosen = choose(
        scores,
        tokens=tokens,
        lengths=lengths,
        groups=groups,
        like="equal",
        at_least=at_least,
        short="keep",
        ties=ties,
        seed=seed,
    )
    parts = [tokens // len(names) + (place < tokens % len(names)) for place in range(len(names))]
    rows = set(chosen.indices.tolist())
    for name, part in zip(names, parts, strict=True):
        mine = {row for row in range(n) if groups[row] == name}
        there = sum(lengths[row] for row in mine)
        if there < part:
            assert mine <= rows
            assert chosen.short[name] == (there, part)
        elif at_least:
            assert sum(lengths[row] for row in mine & rows) >= part
        else:
            assert sum(lengths[row] for row in mine & rows) <= part


@pytest.mark.parametrize("like", ["proportional", "equal"])
@pytest.mark.parametrize(
    ("size", "more"),
    [
        ({"k": 0}, {"only": []}),
        ({"fraction": 0.5}, {"only": []}),
        ({"k": 5, "short": "keep"}, {"only": []}),
        ({"tokens": 5, "short": "keep"}, {"only": [], "lengths": [1] * 10}),
        ({"tokens": 0, "at_least": True}, {"lengths": [0] * 10}),
    ],
)
def test_nothing_is_divided_among_groups_that_have_nothing(like, size, more):
    assert choose(SCORES, groups=GROUPS, like=like, **size, **more).indices.tolist() == []


@pytest.mark.parametrize("like", ["proportional", "equal"])
def test_more_than_nothing_of_groups_that_have_nothing_is_refused(like):
    with pytest.raises(ValueError, match=r"^2 of 2 groups have fewer rows .* 'a' \(0 of 3\), 'b' \(0 of 2\)"):
        choose(SCORES, groups=GROUPS, like=like, k=5, only=[])
    with pytest.raises(ValueError, match=r"^2 of 2 groups have fewer tokens .* 'a' \(0 of 3\), 'b' \(0 of 2\)"):
        choose(SCORES, groups=GROUPS, like=like, tokens=5, lengths=[0] * 10)
    assert choose([], groups=[], like=like, k=0).indices.tolist() == []
    with pytest.raises(ValueError, match=r"^5 are to be chosen, and there is no group, since there are no rows"):
        choose([], groups=[], like=like, k=5)


FLOATS = [np.float16, np.float32, np.float64, np.longdouble]


@pytest.mark.parametrize("kind", FLOATS)
@pytest.mark.parametrize("percent", range(101))
def test_a_share_is_what_its_own_type_writes(kind, percent):
    share, scores = kind(f"{percent / 100}"), np.arange(100)
    assert len(choose(scores, fraction=share)) == percent
    assert len(choose(scores, groups=[0] * 100, per_group=share)) == percent
    assert dsdm.Scores.quantile(dsdm_vector(), share, method="lower") == percent
    assert dsdm_vector().quantile(np.array([share, share]), method="higher").tolist() == [percent, percent]
    assert choose(np.arange(101), quantile=(share, share)).indices.tolist() == [percent]
    shares = {"a": share, "b": kind(f"{(100 - percent) / 100}")}
    halves = choose(np.arange(200), k=100, groups=["a"] * 100 + ["b"] * 100, like=shares)
    assert halves.per_group == {name: count for name, count in (("a", percent), ("b", 100 - percent)) if count}


def dsdm_vector():
    """Return the scores 0 to 100, of which the quantile of a share is its percent."""
    return dsdm.scores.open_scores(VECTOR)


@pytest.fixture(autouse=True, scope="module")
def _vector(tmp_path_factory):
    global VECTOR  # noqa: PLW0603 - a file for the whole module
    VECTOR = tmp_path_factory.mktemp("vector") / "scores.npy"
    np.save(VECTOR, np.arange(101))


def test_shares_are_told_as_they_were_taken():
    chosen = choose(np.arange(100.0), quantile=(np.float32(0.1), np.float32(0.29)))
    assert chosen.rule == {"quantile": (0.1, 0.29)}
    assert choose(np.arange(100.0), fraction=np.float16(0.29)).rule == {"fraction": 0.29}
    by_group = choose(SCORES, groups=GROUPS, per_group={"a": np.float32(0.5), "b": np.int8(1)})
    assert by_group.rule == {"per_group": {"a": 0.5, "b": 1}}
    # A bound is the number that it is: rows with this very score are within.
    bound = np.float32(0.29)
    assert len(choose(np.array([bound, bound]), min_score=bound)) == 2
    assert choose(np.array([bound]), min_score=bound).bounds == (float(bound), None)
    assert Fraction(float(bound)) != Fraction("0.29")


def test_groups_and_ids_that_are_views_are_texts():
    view = pa.array(GROUPS, pa.string_view())
    expected = choose(SCORES, groups=GROUPS, per_group=1).indices.tolist()
    nested = pa.DictionaryArray.from_arrays(pa.array([0, 0] + [1] * 8), pa.array(["a", "b"], pa.string_view()))
    for groups in (view, pa.chunked_array([view[:3], view[3:]]), nested):
        assert choose(SCORES, groups=groups, per_group=1).indices.tolist() == expected
    ids = pa.array(["c", "a"], pa.string_view())
    of_ids = pa.DictionaryArray.from_arrays(pa.array([1, 0]), pa.array(["a", "c"], pa.string_view()))
    for given_ids in (ids, of_ids, pa.chunked_array([ids[:1], ids[1:]])):
        corpus = pa.table({"id": pa.array(["a", "b", "c"], pa.string_view())})
        aligned = dsdm.align((given_ids, [1.0, 2.0]), corpus, on="id")
        np.testing.assert_array_equal(np.asarray(aligned.scores), [2.0, np.nan, 1.0])


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ({"k": 3, "repeat": 2**62}, "repeat"),
        ({"k": 3, "repeat": 2**40}, "repeat"),
        ({"groups": GROUPS, "per_group": 1, "repeat": {"a": 2**62, "b": 2**62}}, "repeat"),
        ({"groups": GROUPS, "per_group": 1, "repeat": {"a": 2**63 - 1, "b": 1}}, "repeat"),
        ({"k": 2**40, "replace": True, "seed": 1}, "k"),
        ({"k": 2**62, "replace": True, "seed": 1}, "k"),
    ],
)
def test_more_copies_than_there_is_memory_for_are_refused(rule, name):
    with pytest.raises(MemoryError, match=rf"^{name} asks for [0-9,]+ rows, copies counted, .* ask for fewer$"):
        choose(SCORES, **rule)


def test_copies_of_no_rows_are_none():
    assert len(choose(SCORES, k=0, repeat=2**62)) == 0
    of_one = choose(SCORES, groups=GROUPS, per_group={"a": 1, "b": 0}, repeat={"a": 2, "b": 2**63 - 1})
    assert of_one.indices.tolist() == [1, 1]


def test_selections_are_equal_by_their_rows(tmp_path):
    best, same = choose(SCORES, k=3), choose(SCORES, min_score=7)
    assert best == same
    assert hash(best) == hash(same)
    assert best != choose(SCORES, k=3, order="row")
    assert best != choose(SCORES, k=2)
    assert best != choose(np.arange(-1, 10), k=3)
    assert best != choose(np.append(SCORES, -1), k=3), "of more rows"
    assert best != "rows"
    assert best != [9, 8, 7]
    # numpy compares each row.
    assert (best == np.array([9, 8, 7])).tolist() == [True, True, True]
    assert (np.array([9, 0, 7]) == best).tolist() == [True, False, True]
    best.save(tmp_path / "rows.npy")
    assert dsdm.Selection.load(tmp_path / "rows.npy") == best
    assert {best, same} == {best}


def test_operations_keep_the_copies_of_the_first():
    twice, others = choose(SCORES, k=2, repeat=2), choose(SCORES, k=3, order="row", repeat=2)
    assert twice.union(others).indices.tolist() == [9, 8, 9, 8, 7, 7]
    assert twice.union(twice) == twice
    assert others.intersection(twice).indices.tolist() == [8, 9, 8, 9]
    assert others.difference(twice).indices.tolist() == [7, 7]


@pytest.mark.parametrize("kind", ["arrow", "parquet", "jsonl"])
@pytest.mark.parametrize("name", ["x" * 300, "x" * 201, "é" * 101])
def test_a_split_whose_name_no_file_can_have_is_refused(tmp_path, kind, name):
    with pytest.raises(ValueError, match=r"^split='.{20}…' has \d+ characters, .* at most 200 bytes$"):
        dsdm.materialize(pa.table({"a": [1, 2]}), [0], tmp_path / "out", split=name, format=kind)
    assert list(tmp_path.iterdir()) == []
    longest = "x" * 200 if name.isascii() else "é" * 100
    dsdm.materialize(pa.table({"a": [1, 2]}), [0], tmp_path / "out", split=longest, format=kind)


INTEGERS = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]
FAR = [2.0**1023, 1e308, float(np.finfo("f8").max), 2.0**127, 2.0**126, 2.0**64, 2.0**63]


@pytest.mark.parametrize("size", [{"k": 2}, {"fraction": 0.5}, {"tokens": 2, "lengths": [1] * 5}], ids=str)
@pytest.mark.parametrize("dtype", INTEGERS)
def test_a_value_far_beyond_integers_is_near_to_the_last_of_them(dtype, size):
    limits = np.iinfo(dtype)
    low, high = int(limits.min), int(limits.max)
    scores = np.array([low, high, 5, high, high - 1], dtype)
    for sign, far in ((sign, far) for far in FAR for sign in (1, -1)):
        for near in (sign * far, sign * int(far), np.float64(sign * far)):
            chosen = choose(scores, near=near, **size)
            distances = [abs(Fraction(score) - Fraction(near)) for score in scores.tolist()]
            expected = sorted(range(5), key=lambda row: (distances[row], row))[: len(chosen)]
            last = distances[expected[-1]]
            assert chosen.indices.tolist() == expected
            assert (chosen.cut.tied, chosen.cut.taken) == (
                distances.count(last),
                [distances[row] for row in expected].count(last),
            )


BEYOND = {
    "near": ({"near": 10**400, "k": 1}, "near is a number of 401 digits; a finite number is needed, within float64"),
    "least": ({"min_score": 10**400, "k": 1}, "k is 1, and 0 rows that .* of at least a number of 401 digits"),
    "most": (
        {"max_score": -(10**400), "k": 1},
        "k is 1, and 0 rows that .* of at most a negative number of 401 digits",
    ),
    "both": ({"min_score": 10**400, "max_score": 3}, "min_score is a number of 401 digits and max_score is 3: no"),
    "temperature": (
        {"k": 1, "gumbel": True, "temperature": 10**400},
        "temperature is a number of 401 digits; a finite",
    ),
    "share": ({"k": 1, "groups": GROUPS, "like": {"a": 10**400, "b": 1}}, "share a number of 401 digits; .* within"),
}


@pytest.mark.parametrize(("options", "said"), BEYOND.values(), ids=BEYOND)
@pytest.mark.parametrize("dtype", ["f4", "f8", "i1", "i8"])
def test_numbers_beyond_float64_are_told_as_given(dtype, options, said):
    with pytest.raises(ValueError, match=said):
        choose(SCORES.astype(dtype), **options)


def test_bounds_beyond_float64_are_told_as_given():
    assert "score >= a number of 401 digits" in repr(choose(SCORES, min_score=10**400))
    assert "score <= a number of 401 digits" in repr(choose(SCORES, max_score=10**400))
    assert "score from -9 to a number of 401 digits" in repr(choose(SCORES, min_score=-9, max_score=10**400))
    assert "score >= inf" in repr(choose(SCORES, min_score=np.inf))
    assert len(choose(np.array([1.0, np.inf]), k=1, min_score=10**400)) == 1


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, float])
def test_shares_are_told_as_written(kind):
    chosen = choose(SCORES, fraction=kind(0.1))
    assert (len(chosen), chosen.rule) == (1, {"fraction": 0.1})
    assert "top-k at 0.1 of" in chosen.what
    assert "from the quantile 0.1 to 0.7" in choose(SCORES, quantile=(kind(0.1), kind(0.7))).what


def test_a_share_of_minus_nothing_is_nothing():
    for chosen in (choose(SCORES, fraction=-0.0), choose(SCORES, quantile=(-0.0, -0.0))):
        assert "-0" not in chosen.what
        assert "-0" not in repr(chosen.rule)
