"""The systems: each rule at the best way that is known for a library.

Where a library sorts, it sorts what may be chosen alone: rows within bounds that are taken from a sample of them.
"""

from collections.abc import Callable

from dsdm_bench.rules.inputs import Inputs
from dsdm_bench.rules.peers.call import Call
from dsdm_bench.rules.peers.ours import with_dsdm
from dsdm_bench.rules.peers.with_duckdb import with_duckdb
from dsdm_bench.rules.peers.with_numpy import with_numpy
from dsdm_bench.rules.peers.with_polars import with_polars

__all__ = ["SYSTEMS", "Call"]

SYSTEMS: dict[str, Callable[[Inputs, int], dict[str, Call]]] = {
    "dsdm": with_dsdm,
    "numpy": with_numpy,
    "polars": with_polars,
    "duckdb": with_duckdb,
}
"""By the library. Each gives what is timed by the name of the job."""
