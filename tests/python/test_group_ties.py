"""The warning of rows that were chosen of groups for lying in front of others that tie, against a plain count."""

import re
import warnings
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dsdm
from dsdm import choose

SAID = re.compile(
    r"^(?P<taken>[\d,]+) of the (?P<chosen>[\d,]+) chosen rows have the (?P<what>score|distance) at which their group "
    r"is cut, in (?P<groups>[\d,]+) of (?P<of>[\d,]+) groups, where (?P<tied>[\d,]+) rows tie: those with the lowest "
    r"row numbers were taken, which come from the front(?P<advice>; ties='random' has a seed draw them)?$"
)


def warned(*arguments, **options):
    """Return what is chosen, and the numbers of the warning; None without one."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        chosen = choose(*arguments, **options)
    if not caught:
        return chosen, None
    (one,) = caught
    assert (one.category, one.filename) == (UserWarning, __file__)
    found = SAID.match(str(one.message))
    assert found, str(one.message)
    near = options.get("near") is not None
    assert (found["what"], found["advice"] is None) == ("distance" if near else "score", near)
    names = ("taken", "chosen", "groups", "of", "tied")
    return chosen, tuple(int(found[name].replace(",", "")) for name in names)


def counted(scores, groups, allowed, rows, *, largest=True, near=None, nan="raise"):
    """Return the numbers of the warning that there is to be: group by group, of exact numbers."""
    keys = []
    for value in scores.tolist():
        if value != value:  # noqa: PLR0124 - NaN
            keys.append(None)
        elif near is None:
            keys.append(-value if largest else value)
        else:
            keys.append(abs(Fraction(value) - Fraction(near)))
    last = (nan == "smallest") == largest
    taken = tied = with_ties = 0
    names = {groups[row] for row in rows}
    for name in names:
        mine = [keys[row] for row in rows if groups[row] == name]
        numbers = [key for key in mine if key is not None]
        if not numbers or (last and None in mine):
            continue
        worst = max(numbers)
        there = sum(keys[row] == worst for row in allowed if groups[row] == name)
        if there > mine.count(worst):
            taken, tied, with_ties = taken + mine.count(worst), tied + there, with_ties + 1
    return (taken, len(rows), with_ties, len(names), tied) if taken * 10 > len(rows) else None


def check(scores, groups, allowed, **options):
    """Hold the warning of a choice against the count, which has each row once."""
    chosen, found = warned(scores, groups=groups, exclude=np.setdiff1d(np.arange(len(scores)), allowed), **options)
    rows = sorted(set(chosen.indices.tolist()))
    kept = {name: options[name] for name in ("largest", "near", "nan") if name in options}
    nan = kept.get("nan", "raise")
    there = [row for row in allowed if groups[row] is not None or options.get("null_groups") == "group"]
    there = [row for row in there if nan != "omit" or scores[row] == scores[row]]
    assert found == counted(scores, groups, there, rows, **kept)
    return found


@pytest.fixture(params=[0, 2**40], ids=["few scores", "all scores"])
def _how_few_scores_are_read(request, monkeypatch):
    """Find cuts by the order of the rows, or by the scores of all of them: however many there are."""
    monkeypatch.setattr("dsdm.selection.rules.groups.tied._MANY_GROUPS", request.param)


N = 3000
RNG = np.random.default_rng(5)
LABELS = RNG.integers(0, 6, N)
FINE = RNG.standard_normal(N).astype(np.float32)
NAMES = RNG.choice(["books", "code", "law", "web"], N, p=[0.1, 0.2, 0.1, 0.6]).tolist()
LENGTHS = RNG.integers(0, 30, N)
ALL = list(range(N))
SHARES = {"books": 1, "code": 2, "law": 0, "web": 5}
RULES = {
    "so many of each": {"per_group": 50},
    "some of none": {"per_group": {"books": 0, "code": 3, "law": 40, "web": 0.25}},
    "a share": {"per_group": 0.4},
    "none at all": {"per_group": 0},
    "all of some": {"per_group": 400, "short": "keep"},
    "filled": {"k": 1500, "like": "equal", "short": "fill"},
    "a mixture": {"k": 700, "like": SHARES, "short": "fill"},
    "as they are": {"fraction": 0.3, "like": "proportional"},
    "a budget": {"tokens": 9000, "lengths": LENGTHS, "like": "equal"},
    "a budget by shares": {"tokens": 9000, "lengths": LENGTHS, "like": SHARES, "at_least": True},
    "copies": {"per_group": 60, "repeat": {"books": 1, "code": 4, "law": 2, "web": 3}},
    "copies of all": {"per_group": 60, "repeat": 3},
    "within bounds": {"per_group": 40, "min_score": 1, "max_score": 3},
}


@pytest.mark.parametrize("way", [{}, {"largest": False}, {"near": 2}, {"near": 2.5}], ids=str)
@pytest.mark.parametrize("order", ["best_first", "best_last", "row"])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.usefixtures("_how_few_scores_are_read")
def test_ties_at_the_cuts_of_groups_are_counted(rule, order, way, monkeypatch):
    monkeypatch.setattr("dsdm.selection.rules.ranked.ranking._AT_ONCE", 701)
    allowed = [row for row in ALL if row % 11 != 3]
    bounds = RULES[rule]
    within = [row for row in allowed if bounds.get("min_score", 0) <= LABELS[row] <= bounds.get("max_score", 9)]
    found = check(LABELS, NAMES, within, order=order, **way, **bounds)
    assert (found is None) == (rule == "none at all")


@pytest.mark.parametrize("way", [{}, {"largest": False}, {"near": 0.1}], ids=str)
def test_scores_of_which_no_two_are_equal_give_no_warning(way):
    for options in RULES.values():
        rule = {name: value for name, value in options.items() if not name.endswith("_score")}
        assert check(FINE, NAMES, ALL, **way, **rule) is None


TYPES = {
    "halves": (np.float16, [0.5, 1, -0.0, 0.0, np.inf, -np.inf]),
    "floats": (np.float32, [0.5, 1, -0.0, 0.0, np.inf, -np.inf]),
    "doubles": (np.float64, [0.1, 0.3, 0.5, -0.0, 0.0, np.inf, -np.inf, 1.7e308, -1.7e308]),
    "signed": (np.int64, [2**63 - 1, 2**63 - 2, -(2**63), 0, 1, -1]),
    "unsigned": (np.uint64, [2**64 - 1, 2**64 - 2, 2**63, 0, 1]),
    "bytes": (np.int8, [-128, 127, 0, 1, -1]),
}


@given(st.data())
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.usefixtures("_how_few_scores_are_read")
def test_ties_of_every_type_are_counted(data):
    dtype, values = TYPES[data.draw(st.sampled_from(sorted(TYPES)))]
    floats = np.dtype(dtype).kind == "f"
    way = data.draw(st.sampled_from([{}, {"largest": False}, {"near": 0}, {"near": 1}]))
    nans = ["omit"] if "near" in way else ["omit", "largest", "smallest"]
    nan = {"nan": data.draw(st.sampled_from(nans))} if floats else {}
    scores = data.draw(st.lists(st.sampled_from([*values, np.nan] if floats else values), min_size=1, max_size=60))
    names = data.draw(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=len(scores), max_size=len(scores)))
    out = data.draw(st.sets(st.integers(0, len(scores) - 1)))
    names[0], allowed = "a", [row for row in range(len(scores)) if row not in out]
    if "near" in way:
        # Exact distances are of numbers.
        scores = [0 if floats and np.isinf(score) else score for score in scores]
    options = {
        "order": data.draw(st.sampled_from(["best_first", "best_last", "row"])),
        "null_groups": data.draw(st.sampled_from(["group", "drop"])),
        "per_group": data.draw(st.integers(0, 12)),
        "short": "keep",
    }
    check(np.array(scores, dtype), names, allowed, **options, **way, **nan)


@pytest.mark.parametrize("near", [1, 1.0])
def test_infinite_scores_tie_by_distance_too(near):
    scores = np.array([np.inf, -np.inf, np.inf, 1, 1, -np.inf] * 2, np.float64)
    groups = ["a"] * 6 + ["b"] * 6
    # Of each group two are at a distance of 0, and of the four that are infinitely far one is taken.
    assert warned(scores, groups=groups, per_group=3, near=near)[1] == (2, 6, 2, 2, 8)


@pytest.mark.parametrize(("at_cut", "said"), [(10, None), (11, (11, 100, 1, 2, 12))])
def test_more_than_a_tenth_of_the_chosen_rows_is_worth_a_warning(at_cut, said):
    scores = np.concatenate([np.arange(1000, 1100 - at_cut), np.zeros(at_cut + 1)])
    groups = np.zeros(len(scores), np.int64)
    # The one row of another group lies at the cut of its own, and ties with none.
    groups[0] = 1
    chosen, found = warned(scores, groups=groups, per_group={0: 99, 1: 1})
    assert (len(chosen), found) == (100, said)


def test_drawn_rows_and_drawn_ties_give_no_warning():
    for options in ({"ties": "random"}, {"gumbel": True}, {"gumbel": True, "temperature": 0.1}):
        assert warned(LABELS, groups=NAMES, per_group=50, seed=1, **options)[1] is None


def test_bfloat16_scores_tie_too(tmp_path):
    # The upper half of a float32, which small whole numbers fill.
    (LABELS.astype("<f4").view("<u4") >> 16).astype("<u2").tofile(tmp_path / "scores.bin")
    scores = dsdm.open_scores(tmp_path / "scores.bin", dtype="bfloat16")
    chosen, found = warned(scores, groups=NAMES, per_group=50)
    assert found == counted(LABELS, NAMES, ALL, chosen.indices.tolist())


def test_scores_in_files_tie_too_and_verify_says_nothing(tmp_path):
    np.save(tmp_path / "scores.npy", LABELS)
    pq.write_table(pa.table({"domain": NAMES}), tmp_path / "corpus.parquet")
    shards, scores = dsdm.open_shards(tmp_path / "corpus.parquet"), dsdm.open_scores(tmp_path / "scores.npy")
    chosen, found = warned(scores, groups=shards.groups("domain"), per_group=50, order="row")
    assert found == counted(LABELS, NAMES, ALL, chosen.indices.tolist())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dsdm.materialize(shards, chosen, tmp_path / "out")
        assert dsdm.verify(tmp_path / "out", trust_paths=[tmp_path]).selection


@pytest.mark.parametrize("command", ["indices", "materialize"])
@pytest.mark.parametrize("rule", ["per group", "near"])
def test_the_command_says_it_in_its_words(run, tmp_path, monkeypatch, command, rule):
    monkeypatch.chdir(tmp_path)
    np.save("scores.npy", LABELS)
    pq.write_table(pa.table({"domain": NAMES}), "corpus.parquet")
    options, near = (["--near", 2.5], 2.5) if rule == "near" else ([], None)
    options += ["--groups", "corpus.parquet:domain", "--per-group", 0.25]
    rows = [row for name in sorted(set(NAMES)) for row in best(name, near)]
    taken, chosen, groups, of, tied = counted(LABELS, NAMES, ALL, rows, near=near)
    what = ["indices", "scores.npy"] if command == "indices" else ["materialize", "corpus.parquet", "out"]
    code, _, said = run(*what, *([] if command == "indices" else ["--by", "scores.npy"]), *options, *output(command))
    advice = "" if rule == "near" else "; --ties random has a seed draw them"
    measure = "distance" if near else "score"
    expected = (
        f"dsdm: {taken:,} of the {chosen:,} chosen rows have the {measure} at which their group is cut, in {groups} "
        f"of {of} groups, where {tied:,} rows tie: those with the lowest row numbers were taken, which come from the "
        f"front{advice}\n"
    )
    assert (code, expected in said) == (0, True), said


def output(command):
    return ["-o", "rows.npy"] if command == "indices" else []


def best(name, near):
    """Return a quarter of the rows of a group, the best of it."""
    rows = [row for row in ALL if NAMES[row] == name]
    first = sorted(rows, key=lambda row: (-LABELS[row] if near is None else abs(LABELS[row] - near), row))
    return first[: len(rows) // 4]
