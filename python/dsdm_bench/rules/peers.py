"""The systems: each rule at the best way that is known for a library.

Where a library sorts, it sorts what may be chosen alone: rows above a bound that is taken from a sample of them.
"""

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import dsdm
from dsdm_bench.rules.inputs import Inputs

Call: TypeAlias = Callable[[], Any]
"""What is timed: it returns the rows."""

_SAMPLED = 1_000
"""Of so many rows, one is in the sample."""
_SURE = 1.2
"""So many times the budget lie above the bound of the sample, with certainty for what is measured here."""


def with_dsdm(inputs: Inputs, threads: int) -> dict[str, Call]:
    """Return the calls of dsdm."""
    scores = inputs.scores
    each: dict[str, Any] = {"threads": threads}
    return {
        "threshold": lambda: dsdm.choose(scores, min_score=float(np.float32(inputs.least)), order="row", **each),
        "budget": lambda: dsdm.choose(scores, tokens=inputs.tokens, lengths=inputs.lengths, **each),
        "quotas": lambda: dsdm.choose(scores, groups=inputs.groups, per_group=inputs.quota, **each),
    }


def with_numpy(inputs: Inputs, threads: int) -> dict[str, Call]:
    """Return the calls of numpy, which runs on one thread."""
    del threads
    scores, lengths, groups = inputs.scores, inputs.lengths, inputs.groups

    def budget() -> NDArray[np.int64]:
        rows = np.flatnonzero(scores >= _bound(scores, lengths, inputs.tokens))
        ranked = rows[np.argsort(-scores[rows], kind="stable")]
        return ranked[: np.searchsorted(np.cumsum(lengths[ranked], dtype=np.int64), inputs.tokens, side="right")]

    def quotas() -> NDArray[np.int64]:
        ranked = np.lexsort((-scores, groups))
        ends = np.cumsum(np.bincount(groups))
        starts = np.concatenate([[0], ends[:-1]])
        return np.concatenate([ranked[start : start + inputs.quota] for start in starts])

    return {
        "threshold": lambda: np.flatnonzero(scores >= np.float32(inputs.least)),
        "budget": budget,
        "quotas": quotas,
    }


def with_polars(inputs: Inputs, threads: int) -> dict[str, Call]:
    """Return the calls of polars."""
    os.environ.setdefault("POLARS_MAX_THREADS", str(threads))
    pl = import_module("polars")
    columns = {"score": inputs.scores, "length": inputs.lengths, "group": inputs.groups}
    frame = pl.DataFrame(columns).with_row_index("row").lazy()
    score, row = pl.col("score"), pl.col("row")

    def rows(query: Any) -> Any:
        return query.select("row").collect()["row"].to_numpy()

    def budget() -> Any:
        bound = _bound(inputs.scores, inputs.lengths, inputs.tokens)
        ranked = frame.filter(score >= bound).sort("score", "row", descending=[True, False])
        return rows(ranked.filter(pl.col("length").cast(pl.Int64).cum_sum() <= inputs.tokens))

    # Of one order, ranks are those of the rows: the row is what decides between equal scores.
    best = frame.sort("score", descending=True, maintain_order=True).group_by("group").agg(row.head(inputs.quota))
    above = frame.filter(score >= np.float32(inputs.least))
    return {"threshold": lambda: rows(above), "budget": budget, "quotas": lambda: rows(best.explode("row"))}


def with_duckdb(inputs: Inputs, threads: int) -> dict[str, Call]:
    """Return the calls of duckdb."""
    pa, duckdb = import_module("pyarrow"), import_module("duckdb")
    columns = {"score": inputs.scores, "length": inputs.lengths, "grp": inputs.groups}
    numbers = np.arange(inputs.rows, dtype=np.int32 if inputs.rows < 2**31 else np.int64)
    connection = duckdb.connect()
    connection.execute(f"SET threads = {threads}")
    connection.register("given", pa.table({**columns, "row": numbers}))
    # As it reads its own tables faster than those of others.
    connection.execute("CREATE TABLE t AS SELECT * FROM given")

    def rows(query: str, **values: Any) -> Any:
        return connection.execute(query, values).fetchnumpy()["row"]

    within = (
        "SELECT row FROM (SELECT row, sum(length) OVER (ORDER BY score DESC, row ROWS UNBOUNDED PRECEDING) AS total, "
        "score FROM t WHERE score >= $bound) WHERE total <= $tokens ORDER BY score DESC, row"
    )
    each = "SELECT unnest(max_by(row, (score, -row), $quota)) AS row FROM t GROUP BY grp"
    return {
        "threshold": lambda: rows("SELECT row FROM t WHERE score >= $least::FLOAT", least=inputs.least),
        "budget": lambda: rows(
            within, bound=float(_bound(inputs.scores, inputs.lengths, inputs.tokens)), tokens=inputs.tokens
        ),
        "quotas": lambda: rows(each.replace("$quota", str(inputs.quota))),
    }


SYSTEMS: dict[str, Callable[[Inputs, int], dict[str, Call]]] = {
    "dsdm": with_dsdm,
    "numpy": with_numpy,
    "polars": with_polars,
    "duckdb": with_duckdb,
}
"""By the library."""


def _bound(scores: NDArray[np.float32], lengths: NDArray[np.int32], tokens: int) -> np.float32:
    """Return a score above which lie more tokens than that: by a sample."""
    some, of = scores[::_SAMPLED], lengths[::_SAMPLED]
    order = np.argsort(-some)
    ends = np.cumsum(of[order], dtype=np.int64) * _SAMPLED
    place = int(np.searchsorted(ends, int(tokens * _SURE) + int(of.max()) * _SAMPLED))
    return some[order[place]] if place < len(order) else np.float32(-np.inf)
