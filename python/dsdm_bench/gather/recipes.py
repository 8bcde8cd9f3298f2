"""How each system takes rows out of a corpus and writes them, as its documentation has it.

A recipe is given a task: ``files``, the file of row numbers ``indices``, the directory ``out`` to write to, which
exists and is empty, a directory ``scratch``, and the number of ``threads``. What it returns is held while the memory is
sampled. The file is loaded by processes that import nothing but what they run; so it imports nothing of this package.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

Task = dict[str, Any]


def _indices(task: Task) -> Any:
    return np.load(task["indices"])


def _out(task: Task, name: str) -> str:
    return str(Path(task["out"]) / name)


# --- dsdm ------------------------------------------------------------------------------------------------------


def dsdm(task: Task) -> Any:
    """Materialize."""
    return import_module("dsdm").materialize(task["files"], _indices(task), _out(task, "rows"), progress=False)


# --- datasets --------------------------------------------------------------------------------------------------


def datasets_arrow(task: Task) -> Any:
    """Select from the shards of the cache, opened as load_dataset opens them once it has made them."""
    datasets = import_module("datasets")
    whole = datasets.concatenate_datasets([datasets.Dataset.from_file(file) for file in task["files"]])
    return _select_and_save(whole, task, None)


def datasets_arrow_processes(task: Task) -> Any:
    """Do the same, written by several processes."""
    datasets = import_module("datasets")
    whole = datasets.concatenate_datasets([datasets.Dataset.from_file(file) for file in task["files"]])
    return _select_and_save(whole, task, task["threads"])


def datasets_parquet(task: Task) -> Any:
    """Make the Arrow cache, then select and save."""
    return _select_and_save(datasets_cache(task), task, None)


def datasets_parquet_processes(task: Task) -> Any:
    """Do the same by several processes."""
    return _select_and_save(datasets_cache(task, task["threads"]), task, task["threads"])


def datasets_cache(task: Task, processes: int | None = None) -> Any:
    """Load the Parquet files, which makes an Arrow cache of them in the scratch directory."""
    load = import_module("datasets").load_dataset
    return load("parquet", data_files=task["files"], split="train", cache_dir=task["scratch"], num_proc=processes)


def _select_and_save(whole: Any, task: Task, processes: int | None) -> Any:
    subset = whole.select(_indices(task))
    subset.save_to_disk(_out(task, "rows"), num_proc=processes)
    return subset


# --- pyarrow ---------------------------------------------------------------------------------------------------


def pyarrow_arrow(task: Task) -> Any:
    """Take from the mapped files."""
    return _take_and_write(_mapped_table(task), task)


def pyarrow_parquet(task: Task) -> Any:
    """Read all, then take."""
    return _take_and_write(import_module("pyarrow.parquet").read_table(task["files"]), task)


def pyarrow_dataset(task: Task) -> Any:
    """Take while reading."""
    rows = import_module("pyarrow.dataset").dataset(task["files"]).take(_indices(task))
    return _write_stream(rows, task)


def _take_and_write(table: Any, task: Task) -> Any:
    return _write_stream(table.take(import_module("pyarrow").array(_indices(task))), task)


def _mapped_table(task: Task) -> Any:
    pa, ipc = import_module("pyarrow"), import_module("pyarrow.ipc")
    return pa.concat_tables(ipc.open_stream(pa.memory_map(file)).read_all() for file in task["files"])


def _write_stream(table: Any, task: Task) -> Any:
    pa, ipc = import_module("pyarrow"), import_module("pyarrow.ipc")
    with pa.OSFile(_out(task, "rows.arrow"), "wb") as file, ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    return table


# --- polars ----------------------------------------------------------------------------------------------------


def polars_arrow(task: Task) -> Any:
    """Gather from the mapped files."""
    polars = import_module("polars")
    return _gather_and_write(polars.from_arrow(_mapped_table(task), rechunk=False).lazy(), task)


def polars_parquet(task: Task) -> Any:
    """Gather from a scan."""
    return _gather_and_write(import_module("polars").scan_parquet(task["files"]), task)


def _gather_and_write(frame: Any, task: Task) -> Any:
    polars = import_module("polars")
    rows = frame.select(polars.all().gather(_indices(task))).collect()
    rows.write_ipc(_out(task, "rows.arrow"), compression="uncompressed")
    return rows


# --- duckdb ----------------------------------------------------------------------------------------------------


def duckdb_arrow(task: Task) -> Any:
    """Join the mapped files with the row numbers, and order by place."""
    pa = import_module("pyarrow")
    table = _mapped_table(task)
    connection = _duckdb(task)
    connection.register("corpus", table.append_column("row", pa.array(np.arange(len(table)))))
    _register_rows(connection, row=_indices(task))
    return _copy(connection, "SELECT input_ids FROM corpus JOIN chosen USING (row) ORDER BY place", task)


def duckdb_parquet(task: Task) -> Any:
    """Join a scan with files and row numbers, and order by place."""
    return _copy(_duckdb_of_parquet(task), f"{_PARQUET_ROWS} ORDER BY place", task)


def duckdb_parquet_any_order(task: Task) -> Any:
    """Join alone: the rows come in any order."""
    return _copy(_duckdb_of_parquet(task), _PARQUET_ROWS, task)


_PARQUET_ROWS = "SELECT input_ids FROM corpus JOIN chosen ON filename = file AND file_row_number = row"


def _duckdb_of_parquet(task: Task) -> Any:
    pa = import_module("pyarrow")
    connection = _duckdb(task)
    connection.read_parquet(task["files"], filename=True, file_row_number=True).create_view("corpus")
    counted = connection.execute("SELECT file_name, num_rows FROM parquet_file_metadata($1)", [task["files"]])
    counts = dict(counted.fetchall())
    ends = np.cumsum([counts[file] for file in task["files"]])
    indices = _indices(task)
    file = np.searchsorted(ends, indices, side="right")
    row = indices - np.concatenate(([0], ends))[file]
    names = pa.DictionaryArray.from_arrays(pa.array(file), pa.array(task["files"]))
    _register_rows(connection, file=names, row=row)
    return connection


def _register_rows(connection: Any, **columns: Any) -> None:
    places = np.arange(len(columns["row"]))
    connection.register("chosen", import_module("pyarrow").table({**columns, "place": places}))


def _duckdb(task: Task) -> Any:
    connection = import_module("duckdb").connect()
    connection.execute(f"SET temp_directory = {_quoted(task['scratch'])}")
    connection.execute("SET enable_progress_bar = false")
    return connection


def _copy(connection: Any, query: str, task: Task) -> Any:
    connection.execute(f"COPY ({query}) TO {_quoted(_out(task, 'rows.parquet'))} (FORMAT parquet)")
    return connection


def _quoted(text: str) -> str:
    return f"'{text.replace(chr(39), chr(39) * 2)}'"


# --- lance -----------------------------------------------------------------------------------------------------


def lance_copy(task: Task) -> Any:
    """Make lance's own copy of the corpus, once and before the time."""
    return import_module("lance").write_dataset(_mapped_table(task), task["scratch"])


def lance_arrow(task: Task) -> Any:
    """Take from lance's own copy."""
    return _write_stream(import_module("lance").dataset(task["copy"]).take(_indices(task)), task)
