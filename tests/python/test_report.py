"""Reports: every number against a plain computation from the arrays, and what was changed is an error."""

import json
import math
import re
import warnings
from collections import Counter
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import dsdm
from dsdm.reporting.measure import vector
from dsdm.reporting.measure.bins import even_edges, histogram_of
from dsdm.selection.inputs import engine_scores
from tests.oracle import reporting as oracle

N = 1000
DTYPES = ["float16", "float32", "float64", "int8", "uint8", "int16", "int32", "uint32", "int64", "uint64"]
FINITE = st.floats(allow_nan=False, allow_infinity=False)
LONG = st.integers(2**63 - 3000, 2**63 - 1)


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def scores_of(dtype, n, seed):
    """Give scores over the whole range of a type, with ties, and for floats with NaN and infinite ones."""
    rng = np.random.default_rng(seed)
    if dtype.startswith("float"):
        values = rng.normal(size=n) * 10.0 ** rng.integers(-3, 4)
        values[rng.random(n) < 0.2] = 1.5
        for special in (np.nan, np.inf, -np.inf):
            values[rng.random(n) < 0.05] = special
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    values = rng.integers(limits.min, limits.max, n, dtype=dtype, endpoint=True)
    values[rng.random(n) < 0.2] = limits.max
    return values


def check_scores(told, values, rows, bins=40):
    """Compare what is told of scores with the oracle."""
    edges = [1, 0] if told["histogram"] is None else told["histogram"]["edges"]
    mine = values[rows]
    assert told["rows"] == len(values)
    assert told["outside"] == oracle.outside(values)
    assert told["chosen_outside"] == oracle.outside(mine)
    every, own = oracle.quantiles(values), oracle.quantiles(mine)
    assert [one["all"] for one in told["quantiles"]] == every
    assert [one["chosen"] for one in told["quantiles"]] == (own or [None] * len(every))
    finite = values[np.isfinite(values.astype(np.float64))]
    assert told["finite"] == len(finite)
    if not len(finite):
        assert told["histogram"] is told["least"] is told["mean"] is None
        return
    assert (told["least"], told["most"]) == (finite.min().item(), finite.max().item())
    assert told["mean"] == pytest.approx(float(np.mean(finite.astype(np.longdouble))), rel=1e-12, abs=1e-9)
    is_whole = all(value == int(value) for value in finite.tolist())
    is_exact = max(map(abs, finite.tolist())) < 2**53
    if is_whole and is_exact and 0 < finite.max().item() - finite.min().item() < bins:
        # A bin for each value, the last of which ends at the next.
        assert edges == list(range(int(finite.min()), int(finite.max()) + 2))
    else:
        assert (edges[0], edges[-1]) == oracle.room(finite.min().item(), finite.max().item())
    assert sorted(set(edges)) == edges or len(edges) == 2
    assert told["histogram"]["rows"] == oracle.counts(values, edges)
    assert told["histogram"]["chosen"] == oracle.counts(mine, edges)
    assert sum(told["histogram"]["rows"]) + sum(told["outside"].values()) == len(values)
    assert sum(told["histogram"]["chosen"]) + sum(told["chosen_outside"].values()) == len(rows)


@settings(max_examples=120, deadline=None)
@given(
    dtype=st.sampled_from(DTYPES),
    n=st.sampled_from([0, 1, 2, 6, 7, 8, 13, 14, 15, 200]),
    bins=st.sampled_from([1, 2, 7, 40]),
    seed=st.integers(0, 2**32),
    block=st.sampled_from([1, 7, 1 << 18]),
)
@example(dtype="int64", n=2, bins=1, seed=0, block=7)  # two scores of 2^63 - 1
def test_numbers_are_those_of_the_arrays(tmp_path_factory, dtype, n, bins, seed, block):
    values = scores_of(dtype, n, seed)
    omitted = int(np.isnan(values.astype(np.float64)).sum())
    k = int(np.random.default_rng(seed).integers(0, n - omitted + 1))
    path = tmp_path_factory.mktemp("scores") / "s.npy"
    np.save(path, values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vector, "_BLOCK", block)
        in_memory = dsdm.choose(values, k=k, nan="omit")
        in_file = dsdm.choose(dsdm.open_scores(path), k=k, nan="omit")
        reports = [in_memory.report(scores=values, bins=bins), in_file.report(bins=bins)]
        reports.append(dsdm.report(in_file, bins=bins, threads=1))
    told = [report.to_dict()["selections"][0] for report in reports]
    for one in told:
        check_scores(one["scores"], values, in_memory.indices, bins)
        assert one["cut"] == (None if k == 0 else in_memory.cut and {**told[0]["cut"]})
    assert told[1] == told[2]
    if k:
        worst = in_memory.indices[-1]
        cut = told[1]["cut"]
        assert (cut["score"], cut["tied"]) == (
            str(values[worst]) if not np.isfinite(float(values[worst])) else values[worst].item(),
            int((values == values[worst]).sum()),
        )
        assert cut["taken"] == int((values[in_memory.indices] == values[worst]).sum())


@settings(max_examples=200, deadline=None)
@given(
    dtype=st.sampled_from(["float16", "float32", "float64", "int8", "uint8", "int64", "uint64"]),
    low=st.integers(-60, 60) | st.sampled_from([2**53 - 50, 2**53 - 3, -(2**53) - 2, 2**63 - 60]),
    values=st.lists(st.integers(0, 45), min_size=1, max_size=30),
    between=st.booleans(),
    bins=st.sampled_from([1, 2, 6, 40]),
)
def test_labels_have_a_bin_for_each_value(dtype, low, values, between, bins):
    """Unless any lies between two, however near to one, or there are more of them than bins."""
    is_float = dtype.startswith("float")
    limit = {"float16": 2**11, "float32": 2**24, "float64": 2**62, "int8": 2**7, "uint8": 2**8}.get(dtype, 2**63)
    low = low % 40 if (dtype.startswith("u") and low < 0) or abs(low) + 50 >= limit else low
    scores = np.array([low + value for value in values], dtype)
    if between and is_float:
        scores = np.append(scores, np.nextafter(scores[0], scores.max()))
    scores = np.append(scores, [np.nan, np.inf]).astype(dtype) if is_float else scores
    found = dsdm.choose(scores, k=1, nan="omit").report(scores=scores, bins=bins).to_dict()["selections"][0]
    check_scores(found["scores"], scores, dsdm.choose(scores, k=1, nan="omit").indices, bins)


def test_labels_are_shown_by_their_values():
    scores = np.repeat(np.arange(6.0), [5, 9, 0, 4, 2, 1])
    chosen = dsdm.choose(scores, min_score=3)
    found = chosen.report(scores=scores)
    told = found.selections[0].scores.histogram
    assert (told.edges, told.rows, told.chosen) == ([0, 1, 2, 3, 4, 5, 6], [5, 9, 0, 4, 2, 1], [0, 0, 0, 4, 2, 1])
    assert found.selections[0].rule == "all with score >= 3"
    lines = [line.split()[:3] for line in str(found).splitlines()]
    assert ["3", "4", "4"] in lines
    assert ["5", "1", "1"] in lines


def test_bfloat16_is_shown_by_its_values(tmp_path):
    values = np.float32([1.0, -2.0, 3.5, np.nan, np.inf])
    (tmp_path / "s.bin").write_bytes((values.view(np.uint32) >> 16).astype(np.uint16).tobytes())
    scores = dsdm.open_scores(tmp_path / "s.bin", dtype="bfloat16")
    found = dsdm.choose(scores, k=2, nan="omit").report(bins=3)
    check_scores(found.to_dict()["selections"][0]["scores"], values, np.array([4, 2]), 3)
    assert found.selections[0].scores.dtype == "bfloat16"


@settings(max_examples=300, deadline=None)
@given(
    ends=st.one_of(st.tuples(FINITE, FINITE), st.tuples(*[st.integers(2**63 - 3000, 2**63 - 1)] * 2)), data=st.data()
)
def test_a_value_is_in_the_last_bin_whose_edge_is_not_above_it(ends, data):
    least, most = sorted(ends)
    number = data.draw(st.integers(1, 50))
    edges = even_edges(least, most, number)
    assert (edges[0], edges[-1]) == oracle.room(least, most)
    assert 1 < len(edges) <= number + 1
    assert (np.diff(edges) > 0).all() or len(edges) == 2
    if isinstance(least, int):
        values = np.array([least, most, *data.draw(st.lists(st.integers(least, most), max_size=30))], np.int64)
    else:
        near = [math.nextafter(edge, toward) for edge in edges.tolist() for toward in (-math.inf, math.inf)]
        values = np.array([least, most, *(value for value in [*edges, *near] if least <= value <= most)])
    found = histogram_of(edges, engine_scores(values), engine_scores(values[:2]), 1)
    assert found.rows == oracle.counts(values, edges.tolist())
    assert found.chosen == oracle.counts(values[:2], edges.tolist())
    assert sum(found.rows) == len(values)


# --- one corpus, reported in every way ---


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Give a directory with scores, a corpus in three files, a selection of it and what was written of that."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(7)
    values = np.round(rng.normal(size=N), 1).astype(np.float32)
    np.save("s.npy", values)
    columns = {
        "text": [f"row {row}: " + "x" * (row % 9) for row in range(N)],
        "tokens": pa.array([list(range(row % 13)) for row in range(N)], pa.list_(pa.int32())),
        "domain": [("web", "books", "code")[row % 7 % 3] for row in range(N)],
    }
    whole = pa.table(columns)
    (tmp_path / "corpus").mkdir()
    for part, (start, stop) in enumerate([(0, 100), (100, 100), (100, N)]):
        pq.write_table(whole.slice(start, stop - start), f"corpus/{part}.parquet")
    chosen = dsdm.choose(dsdm.open_scores("s.npy"), k=200)
    chosen.save("chosen.npy")
    dsdm.materialize("corpus", chosen, "out", progress=False)
    return tmp_path, values, whole, chosen


def test_a_selection_its_file_and_its_directory_have_one_report(place):
    _, values, whole, chosen = place
    options = {"groups": "domain", "lengths": "tokens"}
    found = dsdm.report(chosen, "chosen.npy", corpus="corpus", **options).to_dict()
    found["selections"].append(dsdm.report("out", **options).to_dict()["selections"][0])
    names = [one.pop("name") for one in found["selections"]]
    assert names == ["top-k of s.npy", "chosen.npy", "out"]
    one = found["selections"][0]
    assert found["selections"] == [one] * 3
    rows = chosen.indices
    check_scores(one["scores"], values, rows)
    assert one["unknown"] == {}
    assert (one["of"], one["rows"], one["scores"]["excluded"]) == (N, 200, 0)
    assert [(part["rows"], part["chosen"]) for part in one["sources"]] == [
        (100, int((rows < 100).sum())),
        (0, 0),
        (N - 100, int((rows >= 100).sum())),
    ]
    domains = np.array(whole["domain"].to_pylist())
    every, mine = Counter(domains.tolist()), Counter(domains[rows].tolist())
    assert {part["name"]: (part["rows"], part["chosen"]) for part in one["groups"]} == {
        name: (every[name], mine[name]) for name in every
    }
    lengths = np.array([len(tokens) for tokens in whole["tokens"].to_pylist()])[rows]
    assert one["lengths"]["chosen"] == {
        "rows": 200,
        "total": int(lengths.sum()),
        "least": int(lengths.min()),
        "most": int(lengths.max()),
        "mean": float(lengths.mean()),
        "median": float(np.median(lengths)),
    }
    assert one["lengths"]["all"] is None
    assert one["lengths"]["histogram"]["chosen"] == oracle.counts(lengths, one["lengths"]["histogram"]["edges"])


@pytest.mark.parametrize(
    ("rule", "order"),
    [
        ({}, {}),
        ({"largest": False}, {"largest": False}),
        ({"near": 0.3}, {"near": 0.3}),
        ({"order": "row"}, {}),
        ({"gumbel": True, "seed": 1}, {}),
        ({"max_score": 1.0}, {}),
        ({"ties": "random", "seed": 5}, {}),
    ],
    ids=str,
)
def test_examples_are_the_ends_of_the_order(place, rule, order):
    _, values, whole, _ = place
    values = values.astype(np.float64)  # so that distances are exact
    np.save("d.npy", values)
    chosen = dsdm.choose(dsdm.open_scores("d.npy"), k=50, **rule)
    shown = dsdm.report(chosen, corpus="corpus", examples=4).selections[0].examples
    inside = oracle.ranked(values, chosen.indices.tolist(), **order)
    rest = oracle.ranked(values, sorted(set(range(N)) - set(chosen.indices.tolist())), **order)
    assert [one.row for one in shown.best] == inside[:4]
    assert [one.row for one in shown.worst] == inside[::-1][:4]
    assert [one.row for one in shown.not_chosen] == rest[:4]
    for one in (*shown.best, *shown.worst, *shown.not_chosen):
        assert (one.score, one.text, one.is_cut) == (values[one.row], whole["text"][one.row].as_py(), False)


def test_rows_that_were_left_out_are_counted_and_not_shown(place, run):
    _, values, _, _ = place
    best = oracle.ranked(values, list(range(N)))
    np.save("no.npy", np.array(best[:30] + best[40:45]))
    assert run("indices", "s.npy", "-k", "5", "--exclude", "no.npy", "-o", "e.npy")[0] == 0
    facts = dsdm.report("e.npy", examples=3).selections[0]
    assert facts.scores.excluded == 35
    assert [one.row for one in facts.examples.best] == best[30:33]
    assert [one.row for one in facts.examples.not_chosen] == best[35:38]
    mask = np.ones(N, bool)
    mask[best[:30]] = False
    np.save("some.npy", mask)
    assert run("indices", "s.npy", "-k", "5", "--only", "some.npy", "-o", "o.npy")[0] == 0
    facts = dsdm.report("o.npy", examples=3).selections[0]
    assert facts.scores.excluded == 30
    assert [one.row for one in facts.examples.not_chosen] == best[35:38]


def test_overlaps_are_those_of_sets(place, demo):
    _, _, _, chosen = place
    other = dsdm.choose(dsdm.open_scores("s.npy"), k=100, largest=False)
    third = dsdm.choose(dsdm.open_scores("s.npy"), k=300, gumbel=True, seed=3)
    none = dsdm.choose(dsdm.open_scores("s.npy"), k=0)
    every = [chosen, other, third, none]
    sets = [set(one.indices.tolist()) for one in every]
    found = {(one.first, one.second): one for one in dsdm.report(*every).overlaps}
    assert set(found) == {(a, b) for b in range(4) for a in range(b)}
    for (a, b), one in found.items():
        shared, either = len(sets[a] & sets[b]), len(sets[a] | sets[b])
        assert (one.shared, one.either, one.method) == (shared, either, None)
        assert one.jaccard == (shared / either if either else None)
    names = ["dsdm-squad", "classifier-squad", "dsdm-jeopardy", "random"]
    subsets = [demo / "demo" / "subsets" / name for name in names]
    report = dsdm.report(*subsets, trust_paths=[demo])
    assert [(one.method, one.first, one.second) for one in report.overlaps[:2]] == [("dsdm", 0, 2), (None, 0, 1)]
    assert [one.method for one in report.selections] == ["dsdm", "classifier", "dsdm", "random"]
    assert report.selections[3].unknown["scores"] == "random has no scores"


def test_copies_count_each_time_and_share_once(place):
    _, values, _, chosen = place
    twice = replace(chosen, indices=np.repeat(chosen.indices, 2), again=None, files=[], cut=None)
    report = twice.report(scores=values)
    facts = report.to_dict()["selections"][0]
    check_scores(facts["scores"], values, twice.indices)
    assert (facts["rows"], sum(facts["scores"]["histogram"]["chosen"])) == (400, 400)
    assert [(one.shared, one.either) for one in dsdm.report(twice, twice, scores=values).overlaps] == [(200, 200)]
    # A bar has a mark for each fortieth of the longest, or a part of one.
    most = max(*facts["scores"]["histogram"]["rows"], *facts["scores"]["histogram"]["chosen"])
    bars = [line.count("█") for line in str(report).splitlines() if re.match(r" +-?[\d.]+ +\d+ +\d+( |$)", line)]
    assert bars == [math.ceil(40 * count / most) for count in facts["scores"]["histogram"]["chosen"]]


@pytest.mark.parametrize("rule", [{"k": 50, "repeat": 3}, {"k": 80, "replace": True, "seed": 4}], ids=str)
def test_rules_that_take_rows_again_are_chosen_again(place, rule):
    values = np.abs(place[1]) + np.float32(0.5)
    np.save("w.npy", values)
    chosen = dsdm.choose(dsdm.open_scores("w.npy"), **rule)
    facts = dsdm.report(chosen).to_dict()["selections"][0]
    check_scores(facts["scores"], values, chosen.indices)
    ranked = oracle.ranked(values, sorted(set(chosen.indices.tolist())))
    assert [one["row"] for one in facts["examples"]["best"]] == ranked[:3]
    assert [one["row"] for one in facts["examples"]["worst"]] == ranked[::-1][:3]
    told = None if chosen.cut is None else (chosen.cut.score, chosen.cut.tied, chosen.cut.taken)
    assert told == (facts["cut"] and (facts["cut"]["score"], facts["cut"]["tied"], facts["cut"]["taken"]))


def test_no_row_chosen_is_a_report_too(place):
    facts = dsdm.report(dsdm.choose(dsdm.open_scores("s.npy"), k=0), corpus="corpus", lengths="tokens").selections[0]
    assert (facts.rows, facts.cut, facts.lengths.chosen, facts.examples.best) == (0, None, None, [])
    assert facts.examples.not_chosen[0].row == oracle.ranked(place[1], list(range(N)))[0]
    assert json.dumps(dsdm.report(dsdm.choose(np.zeros(0), k=0), scores=np.zeros(0)).to_dict())
