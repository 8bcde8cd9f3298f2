"""What people select by QuRating's and WebOrganizer's scripts, row for row beside plain numpy programs of 100,000 rows.

Scores have many ties and NaN, and one of the domains has no row that may be chosen.
"""

import math
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from tests.oracle.choosing import DOMAINS, LENGTHS, SCORES, N, in_order

pytestmark = pytest.mark.filterwarnings("ignore:.*come from the front:UserWarning")

# Of one domain, all scores are NaN: it is empty of rows that may be chosen.
EMPTY = DOMAINS == "law"
HOLES = np.where(EMPTY, np.float32(np.nan), SCORES)
VALID = np.flatnonzero(~np.isnan(HOLES))
NAMES = sorted(set(DOMAINS.tolist()))
SEED, TEMPERATURE = 42, 2.0
KEYS = {
    "best": HOLES.astype(np.float64),
    "gumbel": HOLES.astype(np.float64) / TEMPERATURE + np.random.default_rng(SEED).gumbel(size=N),
    "median": -np.abs(HOLES.astype(np.float64) - np.median(HOLES[VALID].astype(np.float64))),
}
"""By what rows are ranked, the largest first."""
WAYS = {
    "best": {},
    "gumbel": {"gumbel": True, "temperature": TEMPERATURE, "seed": SEED, "noise": "numpy"},
    "median": {"near": float(np.median(HOLES[VALID].astype(np.float64)))},
}
ORDERS = ["best_first", "best_last", "row"]


def ranked(way, rows=VALID):
    """Return rows, best first, and of equal ones the lower first."""
    return rows[np.argsort(-KEYS[way][rows], kind="stable")]


def fitting(rows, budget):
    """Return the first rows that a budget has room for."""
    return rows[np.cumsum(LENGTHS[rows]) <= budget]


def parts(total, weights):
    """Divide by largest remainder: the first name wins a tie."""
    whole = sum(map(Fraction, weights.values()))
    exact = {name: total * Fraction(weight) / whole for name, weight in weights.items()}
    given = {name: int(part) for name, part in exact.items()}
    left = total - sum(given.values())
    for name in sorted(exact, key=lambda name: (given[name] - exact[name], name))[:left]:
        given[name] += 1
    return given


def merged(rows, way):
    """Return rows of several groups, best first."""
    return ranked(way, np.sort(np.array(rows, np.int64)))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Return shards of a corpus with domains and lengths as columns, and its scores as a column."""
    folder = tmp_path_factory.mktemp("peers")
    columns = {"score": HOLES, "domain": DOMAINS, "length": LENGTHS, "text": ["x" * length for length in LENGTHS]}
    table = pa.table(columns)
    for part in range(3):
        rows = table.slice(part * 40_000, 40_000)
        pq.write_table(rows, folder / f"part-{part}.parquet", row_group_size=9_000)
    return folder


@pytest.fixture
def scores(corpus):
    """Return the scores of the corpus, read from its column."""
    return dsdm.open_scores(sorted(corpus.glob("*.parquet")), column="score")


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("way", KEYS)
def test_the_best_drawn_and_nearest_rows(way, order, scores):
    for k in (0, 1, 777, 50_000, len(VALID)):
        chosen = dsdm.choose(scores, k=k, nan="omit", order=order, **WAYS[way])
        assert chosen.indices.tolist() == in_order(ranked(way)[:k], order)
    share = dsdm.choose(scores, fraction=0.37, nan="omit", order=order, **WAYS[way])
    assert share.indices.tolist() == in_order(ranked(way)[: len(VALID) * 37 // 100], order)


@pytest.mark.parametrize("column", ["length", "text"])
@pytest.mark.parametrize("way", KEYS)
def test_a_budget_by_a_column_of_lengths(way, column, scores, corpus):
    lengths = dsdm.open_shards(corpus).lengths(column)
    budgets = (0, 599, 1_000_003, int(LENGTHS[VALID].sum())) if column == "length" else (40_000,)
    for budget in budgets:
        chosen = dsdm.choose(scores, tokens=budget, lengths=lengths, nan="omit", **WAYS[way])
        expected = fitting(ranked(way), budget)
        assert chosen.indices.tolist() == expected.tolist()
        assert chosen.tokens == LENGTHS[expected].sum()


SHARES = {
    "equal": ("equal", dict.fromkeys(NAMES, 1)),
    "proportional": ("proportional", None),
    "reference": ({"web": 0.55, "code": 0.25, "books": 0.125, "law": 0.0, "news": 0.075}, None),
}


@pytest.mark.parametrize("short", ["keep", "fill"])
@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize("way", KEYS)
def test_domains_have_their_parts_of_a_number(way, shares, short, scores, corpus):
    total = 9_001
    counts = {name: int((DOMAINS[VALID] == name).sum()) for name in NAMES}
    like, weights = SHARES[shares]
    if weights is None:
        weights = counts if shares == "proportional" else {name: Fraction(repr(share)) for name, share in like.items()}
    quotas = parts(total, weights)
    if short == "fill" and quotas["law"]:
        # The domain without rows has none, and the others share what it lacks.
        quotas = {"law": 0, **parts(total, {name: weight for name, weight in weights.items() if name != "law"})}
    expected = [row for name in NAMES for row in ranked(way, VALID[DOMAINS[VALID] == name])[: quotas[name]].tolist()]
    groups = dsdm.open_shards(corpus).groups("domain")
    chosen = dsdm.choose(scores, k=total, groups=groups, like=like, short=short, nan="omit", **WAYS[way])
    assert chosen.indices.tolist() == merged(expected, way).tolist()
    lacking = parts(total, weights)["law"]
    assert chosen.short == ({"law": (0, lacking)} if lacking else {})
    if lacking:
        with pytest.raises(ValueError, match=rf"1 of 5 groups have fewer rows .*'law' \(0 of {lacking:,}\)"):
            dsdm.choose(scores, k=total, groups=groups, like=like, nan="omit", **WAYS[way])


@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize("way", KEYS)
def test_domains_have_their_parts_of_a_budget(way, shares, scores, corpus):
    budget = 1_000_003
    tokens = {name: int(LENGTHS[VALID][DOMAINS[VALID] == name].sum()) for name in NAMES}
    like, weights = SHARES[shares]
    if weights is None:
        weights = tokens if shares == "proportional" else {name: Fraction(repr(share)) for name, share in like.items()}
    budgets = parts(budget, weights)
    budgets["law"] = 0  # as it has none
    expected = [
        row for name in NAMES for row in fitting(ranked(way, VALID[DOMAINS[VALID] == name]), budgets[name]).tolist()
    ]
    shards = dsdm.open_shards(corpus)
    given = {"groups": shards.groups("domain"), "lengths": shards.lengths("length"), "like": like, "short": "keep"}
    chosen = dsdm.choose(scores, tokens=budget, nan="omit", **given, **WAYS[way])
    assert chosen.indices.tolist() == merged(expected, way).tolist()
    assert chosen.tokens == LENGTHS[expected].sum()


@pytest.mark.parametrize("way", KEYS)
def test_rows_between_quantiles(way, scores):
    low, high = np.quantile(HOLES[VALID].astype(np.float64), (0.1, 0.65))
    within = VALID[(HOLES[VALID] >= low) & (HOLES[VALID] <= high)]
    options = {"quantile": (0.1, 0.65), "nan": "omit"}
    assert dsdm.choose(scores, order="row", **options).indices.tolist() == within.tolist()
    chosen = dsdm.choose(scores, k=20_000, **options, **WAYS[way])
    assert chosen.indices.tolist() == ranked(way, within)[:20_000].tolist()
    chosen = dsdm.choose(scores, tokens=2_000_000, lengths=LENGTHS, **options, **WAYS[way])
    assert chosen.indices.tolist() == fitting(ranked(way, within), 2_000_000).tolist()


def test_a_reference_names_domains_that_no_row_is_of(scores):
    like = dict.fromkeys([*NAMES, "poems"], 1)
    with pytest.raises(ValueError, match="like names 'poems', which no row is of; there are 'books', 'code', 'law'"):
        dsdm.choose(scores, k=10, groups=DOMAINS, like=like, nan="omit")
    unused = pa.DictionaryArray.from_arrays(np.searchsorted(NAMES, DOMAINS), pa.array([*NAMES, "poems"]))
    of_texts = dsdm.choose(scores, groups=DOMAINS, per_group=3, short="keep", nan="omit")
    of_codes = dsdm.choose(scores, groups=unused, per_group=3, short="keep", nan="omit")
    assert of_codes.indices.tolist() == of_texts.indices.tolist()
    assert of_codes.per_group == {name: 3 for name in NAMES if name != "law"}


@pytest.mark.parametrize("seed", range(40))
def test_filled_quotas_are_by_largest_remainder_over_groups_with_room(seed):
    """Groups that have too few give all, and the rest is divided anew among the others."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 30, 5)
    weights = [Fraction(int(weight)) for weight in rng.integers(0, 4, 5)]
    there = sum(int(count) for count, weight in zip(counts, weights, strict=True) if weight)
    groups = np.repeat(np.arange(5), counts)
    scores = rng.permutation(len(groups)).astype(np.float32)
    names = sorted(set(groups.tolist()))
    if not there or not any(weights[name] for name in names):
        return
    total = int(rng.integers(0, there + 1))
    open_, given = [name for name in names if weights[name]], {}
    while True:
        rest = total - sum(given.values())
        whole = sum(weights[name] for name in open_)
        parts = {name: rest * weights[name] / whole for name in open_} if open_ else {}
        quotas = {name: math.floor(part) for name, part in parts.items()}
        by_remainder = sorted(parts, key=lambda name: (-(parts[name] - quotas[name]), name))
        for name in by_remainder[: rest - sum(quotas.values())]:
            quotas[name] += 1
        over = [name for name in open_ if quotas[name] > counts[name]]
        if not over:
            break
        given |= {name: int(counts[name]) for name in over}
        open_ = [name for name in open_ if name not in over]
    expected = given | quotas
    like = {name: float(weights[name]) for name in names}
    rows = dsdm.choose(scores, k=total, groups=groups, like=like, short="fill").indices
    found = np.bincount(groups[rows], minlength=5)
    assert {name: int(found[name]) for name in names} == {name: expected.get(name, 0) for name in names}
    if there < len(groups):
        with pytest.raises(ValueError, match="the groups of which any are to be chosen have"):
            dsdm.choose(scores, k=there + 1, groups=groups, like=like, short="fill")
