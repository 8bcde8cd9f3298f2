"""Files as pyarrow and numpy read them, and nothing that is not valid.

pyarrow takes offsets, keys and texts as they are, and looks at no checksum unless it is told to. What it reads is
therefore validated in full, with the checksums of its pages: a table that pyarrow itself finds invalid is one that it
refuses.
"""

import contextlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

PARQUET, FILE, STREAM, FEATHER, NPY = "Parquet", "Arrow file", "Arrow stream", "Feather 1", ".npy"

MAGICS = {b"PAR1": PARQUET, b"PARE": PARQUET, b"ARROW1": FILE, b"\xff\xff\xff\xff": STREAM, b"FEA1": FEATHER}
MAGICS |= {np.lib.format.MAGIC_PREFIX: NPY}

ENDINGS = dict.fromkeys((".parquet", ".parq", ".par", ".pq", ".parquet.encrypted"), PARQUET)
ENDINGS |= dict.fromkeys((".arrow", ".arrow_file", ".feather", ".ipc"), FILE)
ENDINGS |= dict.fromkeys((".arrows", ".stream"), STREAM)
ENDINGS |= {".npy": NPY}


RANGES = ("does not fit in precision", "is not within the acceptable range", "not represent a whole number of days")
"""What pyarrow finds invalid of single values, and hands on: a decimal of more digits than its type has, for one."""


class RefusedError(Exception):
    """The other reader does not read a file."""


def format_of(path, name=None):
    """Give the format of a file, by its content and else by its name; None if it is none of them."""
    with Path(path).open("rb") as file:
        head = file.read(8)
    for magic, form in MAGICS.items():
        if head.startswith(magic):
            return form
    name = (name or Path(path).name).lower()
    return next((form for ending, form in ENDINGS.items() if name.endswith(ending)), None)


@contextlib.contextmanager
def _refusals():
    try:
        yield
    # Whatever a reader raises is its refusal: they have no one kind of it.
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        raise RefusedError(message) from error


def read_table(path, form, columns=None, rows=None):
    """Read a file, or columns of it, with pyarrow, and validate every value, or those of some rows."""
    with _refusals():
        table = _read(path, form, columns)
        for part in [table] if rows is None else _runs(table, rows):
            try:
                part.validate(full=True)
            except pa.ArrowInvalid as error:
                if not any(words in str(error) for words in RANGES):
                    raise
        return table


def _runs(table, rows):
    wanted = np.unique(rows)
    runs = np.split(wanted, np.flatnonzero(np.diff(wanted) != 1) + 1)
    return [table.slice(run[0], len(run)) for run in runs if len(run)]


def read_until_refused(path, columns):
    """Read columns of a Parquet file with pyarrow, row by row, until it refuses one: give the rows before it."""
    with _refusals():
        file = pq.ParquetFile(path, page_checksum_verification=True)
    rows = [file.schema_arrow.empty_table().select(columns)]
    with file, contextlib.suppress(RefusedError), _refusals():
        for batch in file.iter_batches(1, columns=columns, use_threads=False):
            batch.validate(full=True)
            rows.append(pa.Table.from_batches([batch]))
    return pa.concat_tables(rows)


def read_schema(path, form):
    """Read the schema of a file with pyarrow."""
    with _refusals():
        if form == PARQUET:
            return pq.read_schema(path)
        with (pa.ipc.open_file if form == FILE else pa.ipc.open_stream)(path) as reader:
            return reader.schema


def _read(path, form, columns):
    if form == PARQUET:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            return file.read(columns, use_threads=False)
    if form == FEATHER:
        from pyarrow import feather

        return feather.read_table(path, columns, use_threads=False)
    open_ipc = pa.ipc.open_file if form == FILE else pa.ipc.open_stream
    content = pa.py_buffer(Path(path).read_bytes())
    fields = None
    if columns is not None:
        with open_ipc(content) as reader:
            fields = [reader.schema.names.index(name) for name in columns]
    options = pa.ipc.IpcReadOptions(use_threads=False, included_fields=fields)
    with open_ipc(content, options=options) as reader:
        return reader.read_all()


_TENSORS = {"F16": "<f2", "BF16": "<u2", "F32": "<f4", "F64": "<f8"}
_TENSORS |= {f"{sign}{8 * width}": f"<{sign.lower()}{width}" for sign in "IU" for width in (1, 2, 4, 8)}


def read_safetensors(path, key=None):
    """Read the tensor of a key, or the only one, as the package of the format finds it: a vector."""
    import safetensors

    with _refusals():
        tensors = dict(safetensors.deserialize(Path(path).read_bytes()))
        ((name, found),) = tensors.items() if key is None else [(key, tensors[key])]
        del name
        values = np.frombuffer(bytes(found["data"]), _TENSORS[found["dtype"]])
        length, *more = found["shape"]
        if more not in ([], [1]) or length != len(values):
            message = "no vector"
            raise RefusedError(message)
        if found["dtype"] != "BF16":
            return values
        values = (values.astype("u4") << 16).view("f4")
        # A signaling NaN of bfloat16 becomes a quiet one here: which NaN it is changes no rank and no row.
        return np.where(np.isnan(values), (values.view("u4") | 0x400000).view("f4"), values)


def read_archive(path, key=None):
    """Read an array of a key, or the only one, with Python's zipfile and numpy; no checksum is looked at."""
    with _refusals(), zipfile.ZipFile(path) as archive:
        (name,) = archive.namelist() if key is None else [f"{key}.npy"]
        with archive.open(name) as entry:
            entry._expected_crc = None  # dsdm compares none unasked
            return np.lib.format.read_array(io.BytesIO(entry.read()), allow_pickle=False)


def read_array(path):
    """Read an array with numpy, which is not asked to unpickle anything."""
    with _refusals():
        return np.load(path, allow_pickle=False)
