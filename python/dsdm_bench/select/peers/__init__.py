"""The systems that are compared: for each, one function that prepares a task and returns what is timed.

Inputs are handed over without a copy where a system can take them that way, and outside of the time. What a system
needs beside the scores, such as a column of row numbers, is made outside of the time as well.
"""

from dsdm_bench.select.peers import with_dsdm, with_numpy, with_reference, with_tables, with_torch
from dsdm_bench.select.peers.peer import Peer
from dsdm_bench.select.tasks import Operation

LIBRARIES = ("numpy", "torch", "polars", "pyarrow", "duckdb", "reference")
"""The names that ``--peers`` takes."""

PEERS: list[Peer] = [
    *with_dsdm.PEERS,
    *with_numpy.PEERS,
    *with_torch.PEERS,
    *with_tables.PEERS,
    *with_reference.PEERS,
]
"""Every system; dsdm comes first."""


def peers_for(operation: Operation, libraries: tuple[str, ...] | None) -> list[Peer]:
    """Return the installed systems that have an operation: dsdm, and those of the named libraries or of all."""
    named = LIBRARIES if libraries is None else libraries
    return [
        peer
        for peer in PEERS
        if operation in peer.promises and peer.available and (peer.library == "dsdm" or peer.library in named)
    ]
