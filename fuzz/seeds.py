"""Write the seeds of the libFuzzer targets into fuzz/corpus, made on the spot: those of tests/fuzz, and more types."""

import datetime as dt
import decimal
import gzip
import io
import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.fuzz import folders, seeds

CORPUS = Path(__file__).parent / "corpus"
LARGEST = 16_000
"""Bytes of a seed: larger ones are slow to run."""
FORMATS = ("arrow", "parquet")
"""Those of unfinished outputs, by the byte that chooses one."""
COUNT = 9
"""Rows of each table here."""


def more_tables():
    """Give tables of the types that tests/fuzz has none of."""
    day = dt.date(2024, 2, 29)
    columns = {
        "small": pa.array([None, *range(COUNT - 1)], pa.int8()),
        "half": pa.array([float(row) for row in range(COUNT)], pa.float16()),
        "double": pa.array([row / 3 for row in range(COUNT)], pa.float64()),
        "one": pa.array([[row / 3] for row in range(COUNT)], pa.list_(pa.float32(), 1)),
        "bytes": pa.array([bytes(row) for row in range(COUNT)], pa.large_binary()),
        "fixed": pa.array([bytes([row] * 5) for row in range(COUNT)], pa.binary(5)),
        "date": pa.array([day] * COUNT, pa.date32()),
        "time": pa.array([row * 1000 for row in range(COUNT)], pa.time64("ns")),
        "large": pa.array([[row] * (row % 3) for row in range(COUNT)], pa.large_list(pa.int64())),
        "map": pa.array(
            [[("a", row), ("b", None)][: row % 3] for row in range(COUNT)], pa.map_(pa.string(), pa.int16())
        ),
        "digits": pa.array([decimal.Decimal(row) for row in range(COUNT)], pa.decimal256(50, 3)),
        "texts": pa.array([["a", None, "bc" * row] for row in range(COUNT)], pa.list_(pa.string())),
        "floats": pa.array([[0.5] * row for row in range(COUNT)], pa.list_(pa.float64())),
        "flags": pa.array([[True, None]] * COUNT, pa.list_(pa.bool_())),
    }
    yield from ((name, pa.table({name: column})) for name, column in columns.items())
    yield "score and text", pa.table({"score": columns["double"], "texts": columns["texts"]})


def score_lines():
    """Give JSON lines of scores, plain and packed."""
    rows = [{"score": n / 3, "meta": {"score": -n}, "scores": [n, 2**53 + n], "keep": n % 2 == 0} for n in range(COUNT)]
    for name in (None, *rows[0]):
        chosen = rows if name is None else [{name: row[name], "text": "NaN"} for row in rows]
        text = "".join(json.dumps(row) + "\n" for row in chosen).encode()
        yield f"{name}", text
        yield f"{name} gzip", gzip.compress(text, mtime=0)
        yield f"{name} zstd", pa.compress(text, "zstd", asbytes=True)
    yield "of Python", b'{"score": 1}\r\n\n{"score": NaN}\n{"score": -Infinity}\n{"score": 1e-400}'


def bergson():
    """Give score directories: what is told of the records, a zero, and the records."""
    for name, kind in (("float16", "<f2"), ("float32", "<f4"), (">float64", ">f8"), ("bfloat16", "<u2")):
        for count in (1, 2, 3):
            size = np.dtype(kind).itemsize
            pair, names, formats, offsets = 2 * size, [], [], []
            for number in range(count):
                names += [f"score_{number}", f"written_{number}"]
                formats += [name, "bool"]
                offsets += [number * pair, number * pair + size]
            record = {"names": names, "offsets": offsets, "itemsize": count * pair}
            types = [kind if name != "bool" else name for name in formats]
            rows = np.zeros(COUNT, np.dtype({**record, "formats": types}))
            for number in range(count):
                rows[f"score_{number}"] = np.arange(COUNT) + number
                rows[f"written_{number}"] = name != "float16" or count < 3 or np.arange(COUNT) < 5  # noqa: PLR2004
            info = {"num_items": COUNT, "num_scores": count, "dtype": {**record, "formats": formats}}
            yield f"{name} {count}", json.dumps(info).encode() + b"\0" + rows.tobytes()


def ipc():
    """Give Arrow streams and files."""
    yield from ((f"stream {seed.name}", seed.data) for seed in seeds.stream())
    yield from ((f"file {seed.name}", seed.data) for seed in seeds.file())
    for kind, writer in (("stream", pa.ipc.new_stream), ("file", pa.ipc.new_file)):
        for name, rows in more_tables():
            sink = pa.BufferOutputStream()
            with writer(sink, rows.schema) as to:
                to.write_table(rows, max_chunksize=4)
            yield f"{kind} {name}", sink.getvalue().to_pybytes()


def parquet():
    """Give Parquet files."""
    yield from ((seed.name, seed.data) for seed in seeds.parquet())
    for name, rows in more_tables():
        for version in ("1.0", "2.0"):
            sink = pa.BufferOutputStream()
            pq.write_table(rows, sink, data_page_version=version, row_group_size=4, compression="none")
            yield f"{name} {version}", sink.getvalue().to_pybytes()
    times = pa.table({"when": pa.array(range(COUNT), pa.timestamp("ns"))})
    sink = pa.BufferOutputStream()
    pq.write_table(times, sink, use_deprecated_int96_timestamps=True, store_schema=False)
    yield "int96", sink.getvalue().to_pybytes()


def pickle():
    """Give the pickles of files that torch wrote."""
    for seed in seeds.pt():
        if zipfile.is_zipfile(io.BytesIO(seed.data)):
            with zipfile.ZipFile(io.BytesIO(seed.data)) as archive:
                for name in archive.namelist():
                    if name.endswith("/data.pkl"):
                        yield seed.name, archive.read(name)


def manifest():
    """Give the manifests of outputs."""
    yield from ((folder.name, folder.files["dsdm.json"]) for folder in folders.folder() if "dsdm.json" in folder.files)


def state():
    """Give the files of JSON beside shards."""
    for folder in folders.folder():
        yield from ((f"{folder.name} {name}", data) for name, data in folder.files.items() if name.endswith(".json"))


def unfinished():
    """Give what interrupted runs leave: the format, the plan, and the entries of the journal without checksums."""
    for folder in folders.unfinished():
        entries = [line.partition(b" ")[2] for line in folder.files["journal"].splitlines()]
        form = FORMATS.index(folder.name.split()[0])
        yield folder.name, bytes([form]) + folder.files["plan.json"] + b"\0" + b"\n".join(entries)


TARGETS = {
    "zip": lambda: ((seed.name, seed.data) for seed in seeds.pt()),
    "pickle": pickle,
    "npy": lambda: ((seed.name, seed.data) for seed in seeds.npy()),
    "npz": lambda: ((seed.name, seed.data) for seed in seeds.npz()),
    "lines": lambda: ((seed.name, seed.data) for seed in seeds.lines()),
    "score_lines": score_lines,
    "bergson": bergson,
    "safetensors": lambda: ((seed.name, seed.data) for seed in seeds.safetensors()),
    "ipc": ipc,
    "parquet": parquet,
    "state": state,
    "manifest": manifest,
    "unfinished": unfinished,
}


def main():
    """Write the seeds of the targets that are named, or of all."""
    for target in sys.argv[1:] or TARGETS:
        corpus = CORPUS / target
        corpus.mkdir(parents=True, exist_ok=True)
        for number, (name, data) in enumerate(TARGETS[target]()):
            if len(data) <= LARGEST:
                plain = "".join(letter if letter.isalnum() else "-" for letter in name)
                (corpus / f"seed-{number:03}-{plain}").write_bytes(data)


if __name__ == "__main__":
    main()
