"""Rows that are chosen more than once: whole copies, and systematic resampling by weight."""

import json
import re
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dsdm
from dsdm import choose
from tests.oracle.choosing import DOMAINS, LENGTHS, SCORES

pytestmark = [pytest.mark.disk, pytest.mark.filterwarnings("ignore:.*come from the front:UserWarning")]


@pytest.mark.parametrize("order", ["best_first", "best_last", "row"])
@pytest.mark.parametrize(
    "rule", [{"k": 700}, {"min_score": 40}, {"k": 5000, "near": 3}, {"k": 60, "ties": "random", "seed": 4}, {"k": 0}]
)
def test_one_copy_comes_after_the_other(rule, order):
    once = choose(SCORES, order=order, nan="omit", **rule)
    thrice = choose(SCORES, order=order, nan="omit", repeat=np.int8(3), **rule)
    assert thrice.indices.tolist() == once.indices.tolist() * 3
    assert (thrice.cut, thrice.seed, thrice.n) == (once.cut, once.seed, once.n)
    assert repr(thrice).endswith(", 3 times" if once.seed is None else ", 3 times, seed 4")
    assert not thrice.indices.flags.writeable


def test_copies_of_a_budget_have_as_many_tokens_each():
    once = choose(SCORES, tokens=100_000, lengths=LENGTHS, nan="omit")
    twice = choose(SCORES, tokens=100_000, lengths=LENGTHS, nan="omit", repeat=2)
    assert twice.indices.tolist() == once.indices.tolist() * 2
    assert twice.tokens == 2 * once.tokens


def test_groups_have_their_own_number_of_copies():
    copies = {"web": 1, "code": 4, "books": 2, "law": 1, "news": 3}
    once = choose(SCORES, groups=DOMAINS, per_group=30, nan="omit")
    many = choose(SCORES, groups=DOMAINS, per_group=30, nan="omit", repeat=copies)
    rows = once.indices.tolist()
    expected = [row for copy in range(4) for row in rows if copies[DOMAINS[row]] > copy]
    assert many.indices.tolist() == expected
    assert many.per_group == once.per_group


@pytest.mark.parametrize("order", ["best_first", "best_last", "row"])
@pytest.mark.parametrize(
    "copies",
    [2, {"web": 1, "code": 4, "books": 2, "law": 1, "news": 3}, {np.str_(name): np.int8(2) for name in set(DOMAINS)}],
)
@pytest.mark.parametrize(
    "rule", [{"per_group": {"web": 0, "code": 9, "books": 0.1, "law": 1, "news": 7}}, {"k": 90, "like": "equal"}]
)
def test_copies_of_groups_are_chosen_again(tmp_path, rule, copies, order):
    np.save(tmp_path / "scores.npy", SCORES)
    pq.write_table(pa.table({"domain": DOMAINS}), tmp_path / "corpus.parquet")
    scores, shards = dsdm.open_scores(tmp_path / "scores.npy"), dsdm.open_shards(tmp_path / "corpus.parquet")
    chosen = choose(scores, groups=shards.groups("domain"), nan="omit", repeat=copies, order=order, **rule)
    ranked = "row" if order == "row" else "best_first"
    once = choose(SCORES, groups=DOMAINS, nan="omit", order=ranked, **rule).indices.tolist()
    of_row = copies if isinstance(copies, dict) else dict.fromkeys(DOMAINS.tolist(), copies)
    expected = [row for copy in range(4) for row in once if of_row[DOMAINS[row]] > copy]
    # With the best last, all is the other way round: the last of it is one copy of each row.
    expected = expected[::-1] if order == "best_last" else expected
    assert chosen.indices.tolist() == expected
    chosen.save(tmp_path / "rows.npy")
    dsdm.materialize(tmp_path / "corpus.parquet", dsdm.Selection.load(tmp_path / "rows.npy"), tmp_path / "out")
    assert dsdm.verify(tmp_path / "out", trust_paths=[tmp_path]).selection
    # As many rows, and other copies of them.
    others = expected[::-1] if order == "row" else sorted(expected)
    with pytest.raises(ValueError, match="rows"):
        dsdm.materialize(tmp_path / "corpus.parquet", others[1:], tmp_path / "few", selection=chosen.record())
    dsdm.materialize(tmp_path / "corpus.parquet", others, tmp_path / "other", selection=chosen.record())
    with pytest.raises(dsdm.errors.ChecksumError, match="they choose"):
        dsdm.verify(tmp_path / "other", trust_paths=[tmp_path])


def systematic(weights, k, start, allowed):
    """Return how many copies each row has, by exact fractions."""
    total = sum((Fraction(weights[row]) for row in allowed), Fraction(0))
    copies, before, end = {}, 0, Fraction(0)
    for row in allowed:
        end += Fraction(weights[row])
        points = end / total * k - Fraction(start)
        below = min(max(-((-points.numerator) // points.denominator), 0), k)
        copies[row], before = below - before, below
    return copies


@given(
    st.lists(st.integers(0, 50), min_size=1, max_size=40),
    st.integers(0, 2**64 - 1),
    st.integers(0, 200),
    st.sampled_from([np.float32, np.float64, np.int16, np.uint64]),
    st.sampled_from(["best_first", "best_last", "row"]),
    st.booleans(),
)
@settings(deadline=None, max_examples=300)
def test_rows_are_resampled_by_their_weights(weights, seed, k, dtype, order, largest):
    # Sums of whole numbers whose total is a power of two are exact in float64, as are their shares.
    weights = [*weights, 2048 - sum(weights)]
    scores, allowed = np.array(weights, dtype), [row for row in range(len(weights)) if row % 7 != 3]
    if not any(weights[row] for row in allowed):
        return
    out = [row for row in range(len(weights)) if row % 7 == 3]
    weights[allowed[0]] += 4096 - sum(weights[row] for row in allowed)
    scores = np.array(weights, dtype)
    options = {"k": k, "replace": True, "seed": seed, "order": order, "largest": largest, "exclude": out}
    chosen = choose(scores, **options)
    start = (int(np.random.PCG64(seed).random_raw()) >> 11) / 2**53
    copies = systematic(weights, k, start, allowed)
    best = sorted(allowed, key=lambda row: (-weights[row] if largest else weights[row], row))
    ranked = sorted(best) if order == "row" else best
    expected = [row for copy in range(max(copies.values(), default=0)) for row in ranked if copies[row] > copy]
    expected = expected[::-1] if order == "best_last" else expected
    assert chosen.indices.tolist() == expected
    assert len(chosen) == k
    for row in allowed:
        assert copies[row] in (k * weights[row] // 4096, k * weights[row] // 4096 + 1)
    assert choose(scores, **options, threads=1).indices.tolist() == expected
    assert chosen.cut is None
    assert chosen.seed == seed


def test_resampling_takes_the_scores_between_bounds(monkeypatch):
    scores = np.abs(np.random.default_rng(0).standard_normal(10_000))
    whole = choose(scores, k=5000, replace=True, seed=1, min_score=0.5, quantile=(0, 0.9), order="row")
    assert scores[whole.indices].min() >= 0.5
    assert scores[whole.indices].max() <= np.quantile(scores[scores >= 0.5], 0.9)
    monkeypatch.setattr("dsdm.selection.rules.ranked.ranking._AT_ONCE", 37)
    parts = choose(scores, k=5000, replace=True, seed=1, min_score=0.5, quantile=(0, 0.9), order="row")
    assert parts.indices.tolist() == whole.indices.tolist()


WRONG = {
    "no copy": ({"k": 1, "repeat": 0}, ValueError, "repeat is 0; a row is chosen once or more often"),
    "less than none": ({"k": 1, "repeat": -3}, ValueError, "repeat is -3"),
    "half a copy": ({"k": 1, "repeat": 1.5}, TypeError, "repeat is 1.5"),
    "text": ({"k": 1, "repeat": "2"}, TypeError, "repeat is '2'"),
    "true": ({"k": 1, "repeat": True}, TypeError, "repeat is True"),
    "of no groups": ({"k": 1, "repeat": {"a": 2}}, ValueError, "repeat by group is given, which means something with"),
    "of other groups": (
        {"groups": ["a", "b", "b"], "per_group": 1, "repeat": {"a": 2}}, ValueError, "repeat does not name 'b'",
    ),
    "none of a group": (
        {"groups": ["a", "b", "b"], "per_group": 1, "repeat": {"a": 2, "b": 0}}, ValueError,
        "repeat is 0 for 'b'; a row is chosen once or more often: what leaves a group out is 0 in per_group= or like=",
    ),
    "half a copy of a group": (
        {"groups": ["a", "b", "b"], "per_group": 1, "repeat": {"a": 2, "b": 0.5}}, TypeError, "repeat is 0.5",
    ),
    "replaced without a number": ({"replace": True, "min_score": 1}, ValueError, "replace=True is given, which means"),
    "replaced and drawn": ({"replace": True, "k": 1, "gumbel": True}, ValueError, "replace=True and gumbel=True"),
    "replaced near": ({"replace": True, "k": 1, "near": 2}, ValueError, "replace=True and near are given"),
    "replaced and NaN": ({"replace": True, "k": 1, "nan": "largest"}, ValueError, "replace=True and nan='largest'"),
    "no flag": ({"replace": 1, "k": 1}, TypeError, "replace is 1"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_says_so(what):
    options, error, said = WRONG[what]
    with pytest.raises(error, match=said):
        choose(np.array([1, 2, 3], np.float32), **options)


@pytest.mark.parametrize("weight", [-1.0, np.inf, np.nan])
def test_what_is_no_weight_is_told_by_its_row(weight):
    with pytest.raises(ValueError, match="row 2"):
        choose(np.array([1, 2, weight]), k=1, replace=True)


def test_without_weights_nothing_is_drawn():
    with pytest.raises(ValueError, match=r"replace=True: 2 rows .* no row that may be chosen has a score above 0"):
        choose(np.zeros(3), k=2, replace=True)
    with pytest.raises(ValueError, match="more than a float64 has room for"):
        choose(np.full(3, 1e308), k=2, replace=True)
    assert len(choose(np.zeros(3), k=0, replace=True)) == 0


@pytest.mark.parametrize("rule", [{"k": 20, "repeat": 3}, {"k": 40, "replace": True, "seed": 5}])
def test_verify_chooses_copies_again(tmp_path, rule):
    scores = tmp_path / "scores.npy"
    np.save(scores, np.abs(SCORES[1:900]))
    corpus = [{"row": row} for row in range(899)]
    (tmp_path / "in").mkdir()
    pq.write_table(pa.Table.from_pylist(corpus), tmp_path / "in" / "a.parquet")
    chosen = choose(dsdm.open_scores(scores), **rule)
    chosen.save(tmp_path / "rows.npy")
    again = dsdm.Selection.load(tmp_path / "rows.npy")
    assert again.indices.tolist() == chosen.indices.tolist()
    assert dict(again.rule) == dict(chosen.rule)
    dsdm.materialize(str(tmp_path / "in"), chosen, tmp_path / "out", row_order="given")
    assert dsdm.verify(tmp_path / "out", trust_paths=[tmp_path]).selection
    manifest = tmp_path / "out" / "dsdm.json"
    for name, other in (("repeat", 2), ("seed", 6)):
        told = json.loads(manifest.read_text())
        if name in told["selection"]["chosen"]["arguments"]:
            told["selection"]["chosen"]["arguments"][name] = other
            changed = manifest.read_text()
            manifest.write_text(json.dumps(told))
            with pytest.raises(dsdm.errors.ChecksumError):
                dsdm.verify(tmp_path / "out", trust_paths=[tmp_path])
            manifest.write_text(changed)


NAMED = (
    "; name every group, with at least 1 copy, also one of which nothing is chosen; what leaves a group out is 0 in "
    "{per_group} or {like}, or its rows in {exclude}"
)
OF_PYTHON = {"per_group": "per_group=", "like": "like=", "exclude": "exclude="}
SOURCES = ["web", "code", "arxiv", "books", "web", "arxiv"]
NULLS = ["web", None, "arxiv", "books", "web", None]
LEFT_OUT = {"arxiv": 0, "books": 1, "code": 0, "web": 1}
NUMBERS = {"arxiv": 0, "books": 1, "code": 2, "web": 3}
UNNAMED = {
    "one": (SOURCES, {"web": 2, "code": 1, "books": 1}, {"per_group": 1}, ["arxiv"]),
    "several": (SOURCES, {"web": 2}, {"per_group": 1}, ["arxiv", "books", "code"]),
    "all": (SOURCES, {}, {"per_group": 1}, ["arxiv", "books", "code", "web"]),
    "of which nothing is chosen": (SOURCES, {"web": 2, "books": 1}, {"per_group": LEFT_OUT}, ["arxiv", "code"]),
    "of which all is excluded": (
        SOURCES, {"web": 2, "books": 1, "code": 1}, {"per_group": 1, "short": "keep", "exclude": [2, 5]}, ["arxiv"],
    ),
    "by shares": (SOURCES, {"web": 2, "code": 1}, {"k": 3, "like": "equal"}, ["arxiv", "books"]),
    "null": (NULLS, {"web": 2, "books": 1, "arxiv": 2}, {"per_group": 1, "null_groups": "group"}, [None]),
}  # fmt: skip


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """The groups of rows in every place where they may lie; nothing may be chosen by them."""
    monkeypatch.chdir(tmp_path)
    np.save("scores.npy", np.arange(6.0))
    monkeypatch.setattr("dsdm.selection.rules.apply.of_groups", lambda *_: pytest.fail("rows were chosen"))

    def places(names):
        pq.write_table(pa.table({"source": names}), "corpus.parquet")
        yield names, str
        yield pa.array(names), str
        yield dsdm.open_shards("corpus.parquet").groups("source"), str
        if None not in names:
            np.save("numbers.npy", [NUMBERS[name] for name in names])
            yield dsdm.open_scores("numbers.npy"), int

    return places


@pytest.mark.parametrize("in_file", [False, True])
@pytest.mark.parametrize("what", UNNAMED)
def test_every_group_of_a_mapping_of_copies_is_named_wherever_groups_lie(sources, what, in_file):
    names, repeat, rule, missing = UNNAMED[what]
    scores = dsdm.open_scores("scores.npy") if in_file else np.arange(6.0)
    for groups, kind in sources(names):
        said = ", ".join(repr(name if kind is str else NUMBERS[name]) for name in missing)
        given = rule if kind is str else {name: by_number(value) for name, value in rule.items()}
        copies = repeat if kind is str else by_number(repeat)
        message = f"repeat does not name {said}{NAMED.format(**OF_PYTHON)}"
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            choose(scores, groups=groups, repeat=copies, **given)


def by_number(value):
    """Return a mapping by the numbers that stand for its names."""
    return {NUMBERS[name]: one for name, one in value.items()} if isinstance(value, dict) else value


def test_a_group_that_is_not_there_has_no_copies(sources):
    for groups, kind in sources(SOURCES):
        for scores in (np.arange(6.0), dsdm.open_scores("scores.npy")):
            name, there = ("arxive", "'arxiv', 'books', 'code', 'web'") if kind is str else (7, "0, 1, 2, 3")
            with pytest.raises(ValueError, match=f"repeat names {name!r}, which no row is of; there are {there}"):
                choose(scores, groups=groups, per_group=1, repeat={name: 2})
            with pytest.raises(ValueError, match="repeat is 0 for 'arxiv'; a row is chosen once or more often"):
                choose(scores, groups=groups, per_group=1, repeat={"arxiv": 0})


COMMANDS = {
    "rows": ["indices", "scores.npy", "-o", "rows.npy", "--groups", "corpus.parquet:source"],
    "text": ["indices", "scores.npy", "-o", "rows.npy", "--groups", "sources.txt"],
    "column": ["materialize", "corpus.parquet", "out", "--by", "scores.npy", "--groups", "source"],
    "file": ["materialize", "corpus.parquet", "out", "--by", "scores.npy", "--groups", "corpus.parquet:source"],
}
IN_COMMAND = {"per_group": "--per-group", "like": "--like", "exclude": "--exclude"}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_says_which_groups_copies_do_not_name(run, sources, tmp_path, command):
    list(sources(SOURCES))
    (tmp_path / "sources.txt").write_text("\n".join(SOURCES))
    rule = [*COMMANDS[command], "--per-group", 1]
    code, _, said = run(*rule, "--repeat", "web=2", "--repeat", "code=1", "--repeat", "books=1")
    assert (code, said) == (1, f"dsdm: --repeat does not name 'arxiv'{NAMED.format(**IN_COMMAND)}\n")
    code, _, said = run(*rule, "--repeat", "web=2", "--repeat", "poems=1")
    assert (code, "--repeat names 'poems', which no row is of; there are 'arxiv', 'books'" in said) == (1, True), said
    code, _, said = run(*rule, "--repeat", "web=2", "--repeat", "arxiv=0")
    said = " ".join(said.replace("│", " ").split())
    assert (code, "--repeat is 0 for 'arxiv'; a row is chosen once or more often" in said) == (2, True), said
    assert "what leaves a group out is 0 in --per-group or --like, or its rows in --exclude" in said
    assert not (tmp_path / "rows.npy").exists()
    assert not (tmp_path / "out").exists()


def test_a_group_that_is_left_out_is_named_with_a_copy():
    rows = [row for row in range(5, -1, -1) if SOURCES[row] in ("web", "books")]
    best = [row for at, row in enumerate(rows) if SOURCES[row] not in [SOURCES[other] for other in rows[:at]]]
    expected = [*best, *(row for row in best if SOURCES[row] == "web")]
    copies = {"web": 2, "books": 1, "arxiv": 1, "code": 1}
    assert choose(np.arange(6.0), groups=SOURCES, per_group=LEFT_OUT, repeat=copies).indices.tolist() == expected
    out = [row for row in range(6) if SOURCES[row] in ("arxiv", "code")]
    chosen = choose(np.arange(6.0), groups=SOURCES, per_group=1, short="keep", exclude=out, repeat=copies)
    assert chosen.indices.tolist() == expected
