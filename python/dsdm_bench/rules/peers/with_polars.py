"""The rules by polars."""

import math
import os
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm_bench.rules.inputs import Inputs
from dsdm_bench.rules.peers import bounds
from dsdm_bench.rules.peers.call import Call
from dsdm_bench.rules.settings import SEED


def with_polars(inputs: Inputs, threads: int) -> dict[str, Call]:
    """Return the calls of polars."""
    os.environ.setdefault("POLARS_MAX_THREADS", str(threads))
    pl = import_module("polars")
    columns = {"score": inputs.scores, "length": inputs.lengths, "group": inputs.groups, "label": inputs.labels}
    frame = pl.DataFrame(columns).with_row_index("row").lazy()
    score, row = pl.col("score"), pl.col("row")
    # Of one order, ranks are those of the rows: the row is what decides between equal scores.
    groups = frame.sort("score", descending=True, maintain_order=True).group_by("group", maintain_order=False)
    shares = pl.DataFrame({"group": np.arange(len(inputs.quotas), dtype=np.int32), "quota": inputs.quotas}).lazy()
    by_quota = groups.agg("row").join(shares, on="group").select(row.list.head(pl.col("quota")))
    calls: dict[str, Call] = {
        "threshold": lambda: _rows(frame.filter(score >= np.float32(inputs.least))),
        "budget": lambda: _within(pl, frame, inputs, pl.col("length"), inputs.lengths, inputs.tokens),
        "quotas": lambda: _rows(groups.agg(row.head(inputs.quota)).explode("row")),
        "near": lambda: _nearest(pl, frame, inputs, inputs.k),
        "near-fraction": lambda: _nearest(pl, frame, inputs, inputs.rows // 20),
        "quantile": lambda: _between(pl, frame, inputs),
        "like": lambda: _rows(by_quota.explode("row").drop_nulls()),
        "ties": lambda: _with_drawn_ties(pl, frame, inputs),
    }
    if inputs.texts is not None:
        size = pl.col("text").str.len_bytes()
        texts = frame.with_columns(pl.from_arrow(inputs.texts).alias("text"))
        calls["lengths"] = lambda: _within(pl, texts, inputs, size, inputs.text_lengths, inputs.text_budget)
    return calls


def _rows(query: Any) -> Any:
    return query.select("row").collect()["row"].to_numpy()


def _within(pl: Any, frame: Any, inputs: Inputs, length: Any, lengths: NDArray[np.int32], budget: int) -> Any:
    bound = bounds.above_tokens(inputs.scores, lengths, budget)
    ranked = frame.filter(pl.col("score") >= bound).sort("score", "row", descending=[True, False])
    return _rows(ranked.filter(length.cast(pl.Int64).cum_sum() <= budget))


def _nearest(pl: Any, frame: Any, inputs: Inputs, k: int) -> Any:
    low, high = bounds.around(inputs.scores, inputs.value, k)
    distance = (pl.col("score").cast(pl.Float64) - inputs.value).abs()
    some = frame.filter(pl.col("score").is_between(low, high)).select("row", distance=distance)
    # With a limit in the query, it would look for the k least in a way that is slower than a sort.
    return _rows(some.sort("distance", maintain_order=True))[:k]


def _between(pl: Any, frame: Any, inputs: Inputs) -> Any:
    low, high = (_quantile(pl, frame, inputs, quantile) for quantile in inputs.quantiles)
    return _rows(frame.filter(pl.col("score").is_between(*bounds.as_float32(low, high))))


def _quantile(pl: Any, frame: Any, inputs: Inputs, quantile: float) -> float:
    low, high = bounds.about(inputs.scores, quantile)
    score = pl.col("score")
    below, some = pl.collect_all(
        [frame.select((score < low).sum()), frame.filter(score.is_between(low, high)).select(score)]
    )
    rank = quantile * (inputs.rows - 1) - below.item()
    return bounds.between(some["score"].sort()[math.floor(rank) : math.floor(rank) + 2].to_numpy(), rank)


def _with_drawn_ties(pl: Any, frame: Any, inputs: Inputs) -> Any:
    label = pl.col("label")
    some = frame.filter(label >= bounds.above_rows(inputs.labels, inputs.k)).select("row", "label").collect()
    cut = some["label"].bottom_k(len(some) - inputs.k + 1).max()
    better, ties = some.filter(label > cut)["row"], some.filter(label == cut)["row"]
    return pl.concat([better, ties.sample(inputs.k - len(better), seed=SEED)]).to_numpy()
