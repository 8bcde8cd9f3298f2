"""The rules by dsdm."""

from typing import Any

import numpy as np

import dsdm
from dsdm_bench.rules.inputs import Inputs
from dsdm_bench.rules.peers.call import Call
from dsdm_bench.rules.settings import SEED


def with_dsdm(inputs: Inputs, threads: int) -> dict[str, Call]:
    """Return the calls of dsdm."""
    scores, groups, k = inputs.scores, inputs.groups, inputs.k
    each: dict[str, Any] = {"threads": threads}
    value = inputs.value
    like = dict(enumerate(inputs.reference.tolist()))
    calls: dict[str, Call] = {
        "threshold": lambda: dsdm.choose(scores, min_score=float(np.float32(inputs.least)), order="row", **each),
        "budget": lambda: dsdm.choose(scores, tokens=inputs.tokens, lengths=inputs.lengths, **each),
        "quotas": lambda: dsdm.choose(scores, groups=groups, per_group=inputs.quota, **each),
        "near": lambda: dsdm.choose(scores, k=k, near=value, **each),
        "near-fraction": lambda: dsdm.choose(scores, fraction=0.05, near=value, **each),
        "quantile": lambda: dsdm.choose(scores, quantile=inputs.quantiles, order="row", **each),
        "like": lambda: dsdm.choose(scores, k=k, groups=groups, like=like, **each),
        "ties": lambda: dsdm.choose(inputs.labels, k=k, ties="random", seed=SEED, **each),
    }
    if inputs.texts is not None:
        import pyarrow as pa

        lengths = dsdm.open_shards(pa.table({"text": inputs.texts})).lengths("text")
        calls["lengths"] = lambda: dsdm.choose(scores, tokens=inputs.text_budget, lengths=lengths, **each)
    return calls
