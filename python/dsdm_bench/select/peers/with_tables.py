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
    by = polars.col("a")
    if task.operation is Operation.mean:
        by = (polars.col("a") + polars.col("b") + polars.col("c")) / polars.lit(3, polars.Float32)
    query = frame.top_k(task.k, by=by).select("row")
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
    pa, duckdb = import_module("pyarrow"), import_module("duckdb")
    table = _arrow_table(task)
    numbers = pa.array(np.arange(task.rows, dtype=np.int32 if task.rows < 2**31 else np.int64))
    connection = duckdb.connect()
    connection.execute(f"SET temp_directory = '{str(task.paths[0].parent).replace(chr(39), chr(39) * 2)}'")
    if task.threads:
        connection.execute(f"SET threads = {task.threads}")
    connection.register("scores", table.append_column("row", numbers))
    by = "(a + b + c) / 3::FLOAT" if task.operation is Operation.mean else "a"
    query = f"SELECT row FROM scores ORDER BY {by} DESC LIMIT {task.k}"  # noqa: S608 - no part of it is foreign text
    return lambda: connection.execute(query).fetchnumpy()["row"]


def _arrow_table(task: Task) -> Any:
    pa = import_module("pyarrow")
    return pa.table({name: pa.array(array) for name, array in zip(_COLUMNS, task.arrays, strict=False)})


PEERS = [
    Peer("polars top_k", "polars", VALUES, _polars),
    Peer("pyarrow select_k_unstable", "pyarrow", VALUES, _pyarrow),
    Peer("duckdb order by, limit", "duckdb", VALUES, _duckdb),
]
