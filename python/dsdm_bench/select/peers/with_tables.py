"""polars, pyarrow and duckdb, which take the scores as columns of an Arrow table."""

import os
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm_bench.select.peers.peer import VALUES, Call, Peer
from dsdm_bench.select.tasks import Operation, Task

_COLUMNS = ("a", "b", "c")


def _polars(task: Task) -> Call:
    if task.threads:
        os.environ.setdefault("POLARS_MAX_THREADS", str(task.threads))
    polars = import_module("polars")
    frame = polars.from_arrow(_arrow_table(task)).with_row_index("row").lazy()
    if task.operation is Operation.mean:
        mean = (polars.col("a") + polars.col("b") + polars.col("c")) / polars.lit(3, polars.Float32)
        frame = frame.select("row", a=mean)
    # As many rows as are wanted lie at this quantile and above, and what ties with it.
    bound = polars.col("a").quantile((task.rows - task.k) / max(task.rows - 1, 1), "nearest")
    query = frame.filter(polars.col("a") >= bound).sort("a", descending=True).head(task.k).select("row")
    return lambda: np.asarray(query.collect()["row"])


def _pyarrow(task: Task) -> Call:
    pa, compute = import_module("pyarrow"), import_module("pyarrow.compute")
    if task.threads:
        pa.set_cpu_count(task.threads)
    columns = _arrow_table(task).columns
    options = compute.SelectKOptions(task.k, [("a", "descending")])

    def run() -> NDArray[Any]:
        values = columns[0]
        if task.operation is Operation.mean:
            sums = compute.add(compute.add(columns[0], columns[1]), columns[2])
            values = compute.divide(sums, pa.scalar(3, pa.float32()))
        return compute.select_k_unstable(values.chunk(0), options=options).to_numpy()

    return run


def _duckdb(task: Task) -> Call:
    return _in_duckdb(task, None)


def _duckdb_filter(task: Task) -> Call:
    # One row more than is wanted, whichever way the place is rounded, and what ties with it.
    share = max(task.rows - task.k - 0.5, 0) / task.rows
    return _in_duckdb(task, share)


def _in_duckdb(task: Task, share: float | None) -> Call:
    pa, duckdb = import_module("pyarrow"), import_module("duckdb")
    table = _arrow_table(task)
    numbers = pa.array(np.arange(task.rows, dtype=np.int32 if task.rows < 2**31 else np.int64))
    connection = duckdb.connect()
    connection.execute(f"SET temp_directory = '{str(task.paths[0].parent).replace(chr(39), chr(39) * 2)}'")
    if task.threads:
        connection.execute(f"SET threads = {task.threads}")
    connection.register("scores", table.append_column("row", numbers))
    by = "(a + b + c) / 3::FLOAT" if task.operation is Operation.mean else "a"
    where = "" if share is None else f"WHERE score >= (SELECT quantile_disc(score, {share!r}) FROM wanted)"  # noqa: S608
    query = (
        f"WITH wanted AS (SELECT row, {by} AS score FROM scores) "  # noqa: S608 - no part of it is foreign text
        f"SELECT row FROM wanted {where} ORDER BY score DESC LIMIT {task.k}"
    )
    return lambda: connection.execute(query).fetchnumpy()["row"]


def _arrow_table(task: Task) -> Any:
    pa = import_module("pyarrow")
    return pa.table({name: pa.array(array) for name, array in zip(_COLUMNS, task.arrays, strict=False)})


PEERS = [
    Peer("polars filter", "polars", VALUES, _polars),
    Peer("pyarrow select_k", "pyarrow", VALUES, _pyarrow),
    Peer("duckdb limit", "duckdb", VALUES, _duckdb),
    Peer("duckdb filter", "duckdb", VALUES, _duckdb_filter),
]
