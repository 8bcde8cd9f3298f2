"""Turns score vectors into training subsets.

>>> import dsdm, numpy as np
>>> scores = np.array([0.1, 0.9, 0.4, 0.9], dtype=np.float32)
>>> dsdm.top_k(scores, 2)
array([1, 3])

The names below are imported when they are first used, so that ``import dsdm`` costs next to nothing.
``dsdm.selections`` and ``dsdm.utils`` stand in for the modules of the reference code.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from dsdm._native import __version__

if TYPE_CHECKING:
    from dsdm.dataset import Shards, materialize, open_shards, select
    from dsdm.errors import (
        ChecksumError,
        FormatError,
        InternalError,
        ResumeMismatchError,
        SchemaError,
        SourceChangedError,
        TruncatedError,
        UnsafePickleError,
    )
    from dsdm.rows.planning import Plan, plan
    from dsdm.rows.verifying import verify
    from dsdm.scores import Scores, open_scores
    from dsdm.selection.indices import gumbel_top_k, last_seed, sample, top_k
    from dsdm.selection.methods import get_indices
else:
    _HOMES = {
        "dsdm.dataset": ("Shards", "materialize", "open_shards", "select"),
        "dsdm.errors": (
            "ChecksumError",
            "FormatError",
            "InternalError",
            "ResumeMismatchError",
            "SchemaError",
            "SourceChangedError",
            "TruncatedError",
            "UnsafePickleError",
        ),
        "dsdm.selection.indices": ("gumbel_top_k", "last_seed", "sample", "top_k"),
        "dsdm.selection.methods": ("get_indices",),
        "dsdm.rows.planning": ("Plan", "plan"),
        "dsdm.scores": ("Scores", "open_scores"),
        "dsdm.rows.verifying": ("verify",),
    }
    _HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

    def __getattr__(name: str) -> object:
        if name not in _HOME_OF:
            message = f"module 'dsdm' has no attribute {name!r}"
            raise AttributeError(message)
        value = getattr(import_module(_HOME_OF[name]), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *_HOME_OF})


__all__ = [
    "ChecksumError",
    "FormatError",
    "InternalError",
    "Plan",
    "ResumeMismatchError",
    "SchemaError",
    "Scores",
    "Shards",
    "SourceChangedError",
    "TruncatedError",
    "UnsafePickleError",
    "__version__",
    "get_indices",
    "gumbel_top_k",
    "last_seed",
    "materialize",
    "open_scores",
    "open_shards",
    "plan",
    "sample",
    "select",
    "top_k",
    "verify",
]
