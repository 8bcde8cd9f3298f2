"""The rules by duckdb."""

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm_bench.rules.inputs import Inputs
from dsdm_bench.rules.peers import bounds
from dsdm_bench.rules.peers.call import Call
from dsdm_bench.rules.settings import SEED

_WITHIN = (
    "SELECT row FROM (SELECT row, sum({length}) OVER (ORDER BY score DESC, row ROWS UNBOUNDED PRECEDING) AS total, "
    "score FROM t WHERE score >= $bound) WHERE total <= $tokens ORDER BY score DESC, row"
)
_OF_GROUPS = "SELECT unnest(max_by(row, (score, -row), {quota})) AS row FROM t GROUP BY grp"
_OF_SHARES = "SELECT unnest(max_by(row, (score, -row), quota)) AS row FROM t JOIN quotas USING (grp) GROUP BY grp"
_NEAREST = (
    "SELECT row FROM t WHERE score BETWEEN $low::FLOAT AND $high::FLOAT "
    "ORDER BY abs(score::DOUBLE - $value), row LIMIT {k}"
)
_BETWEEN = "SELECT row FROM t WHERE score BETWEEN $low::FLOAT AND $high::FLOAT"
_AT_RANK = (
    "SELECT score FROM t "
    "WHERE score BETWEEN $low::FLOAT AND $high::FLOAT ORDER BY score "
    "LIMIT 2 OFFSET {rank} - (SELECT count(*) FROM t WHERE score < $low::FLOAT)"
)
_DRAWN = "SELECT row FROM t WHERE label >= $bound ORDER BY label DESC, hash(row, {seed}) LIMIT {k}"


def with_duckdb(inputs: Inputs, threads: int) -> dict[str, Call]:
    """Return the calls of duckdb."""
    connection = _tables(inputs, threads)

    def rows(query: str, **values: Any) -> Any:
        return connection.execute(query, values).fetchnumpy()["row"]

    def within(length: str, lengths: NDArray[np.int32], budget: int) -> Any:
        bound = float(bounds.above_tokens(inputs.scores, lengths, budget))
        return rows(_WITHIN.format(length=length), bound=bound, tokens=budget)

    def nearest(k: int) -> Any:
        low, high = bounds.around(inputs.scores, inputs.value, k)
        return rows(_NEAREST.format(k=k), low=float(low), high=float(high), value=inputs.value)

    def quantile(quantile: float) -> float:
        low, high = (float(bound) for bound in bounds.about(inputs.scores, quantile))
        rank = quantile * (inputs.rows - 1)
        query = _AT_RANK.format(rank=int(rank))
        return bounds.between(connection.execute(query, {"low": low, "high": high}).fetchnumpy()["score"], rank)

    def between() -> Any:
        low, high = bounds.as_float32(*(quantile(one) for one in inputs.quantiles))
        return rows(_BETWEEN, low=float(low), high=float(high))

    def drawn() -> Any:
        bound = float(bounds.above_rows(inputs.labels, inputs.k))
        return rows(_DRAWN.format(seed=SEED, k=inputs.k), bound=bound)

    calls: dict[str, Call] = {
        "threshold": lambda: rows("SELECT row FROM t WHERE score >= $least::FLOAT", least=inputs.least),
        "budget": lambda: within("length", inputs.lengths, inputs.tokens),
        "quotas": lambda: rows(_OF_GROUPS.format(quota=inputs.quota)),
        "near": lambda: nearest(inputs.k),
        "near-fraction": lambda: nearest(inputs.rows // 20),
        "quantile": between,
        "like": lambda: rows(_OF_SHARES),
        "ties": drawn,
    }
    if inputs.texts is not None:
        calls["lengths"] = lambda: within("strlen(text)", inputs.text_lengths, inputs.text_budget)
    return calls


def _tables(inputs: Inputs, threads: int) -> Any:
    """Return a connection with the inputs in tables of its own, which duckdb reads faster than those of others."""
    pa, duckdb = import_module("pyarrow"), import_module("duckdb")
    columns = {"score": inputs.scores, "label": inputs.labels, "length": inputs.lengths, "grp": inputs.groups}
    if inputs.texts is not None:
        columns["text"] = inputs.texts
    numbers = np.arange(inputs.rows, dtype=np.int32 if inputs.rows < 2**31 else np.int64)
    names = np.arange(len(inputs.quotas), dtype=np.int32)
    connection = duckdb.connect()
    connection.execute(f"SET threads = {threads}")
    connection.register("given_rows", pa.table({**columns, "row": numbers}))
    connection.execute("CREATE TABLE t AS SELECT * FROM given_rows")
    connection.register("given_quotas", pa.table({"grp": names, "quota": inputs.quotas}))
    connection.execute("CREATE TABLE quotas AS SELECT * FROM given_quotas")
    return connection
