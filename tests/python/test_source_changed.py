"""A file that changed since it was opened is told to have changed, and never to be damaged."""

import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm import errors

pytestmark = pytest.mark.disk

ROWS = 4000


def table():
    texts = [f"text {row % 97} {row}" for row in range(ROWS)]
    return pa.table({"id": range(ROWS), "text": texts, "score": np.arange(ROWS) / 7})


def parquet(codec):
    return lambda path: pq.write_table(table(), path, compression=codec, row_group_size=1000)


def arrow(codec, create):
    def write(path):
        with create(path, table().schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:
            writer.write_table(table(), max_chunksize=500)

    return write


FORMS = {
    **{f"parquet {codec}": parquet(codec) for codec in ("none", "snappy", "zstd", "gzip", "brotli", "lz4")},
    **{f"stream {codec}": arrow(codec, pa.ipc.new_stream) for codec in (None, "zstd", "lz4")},
    **{f"file {codec}": arrow(codec, pa.ipc.new_file) for codec in (None, "zstd", "lz4")},
}


def rewritten(path):
    """Overwrite what lies between the ends, in place, with bytes that no format has."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(64)
        file.write(np.random.default_rng(1).bytes(size - 200))
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("read", ["take", "row", "slice", "materialize", "select"])
def test_rows_of_a_shard_that_was_rewritten(tmp_path, form, read, io):
    path = tmp_path / f"x.{form.split()[0].replace('stream', 'arrow').replace('file', 'arrow')}"
    FORMS[form](path)
    shards = dsdm.open_shards(path, io=io)
    rewritten(path)
    reads = {
        "take": lambda: shards.take([ROWS - 1, 5, 1700]),
        "row": lambda: shards[1700],
        "slice": lambda: shards[100:3000],
        "materialize": lambda: dsdm.materialize(shards, [5, 3, 3999], tmp_path / "out"),
        "select": lambda: shards.select([5, 3, 3999]),
    }
    with pytest.raises(
        errors.SourceChangedError, match=rf"{path.name}: .*modification time.*open it again \(by open_sc"
    ):
        reads[read]()


def test_what_changed_between_opening_and_a_call_is_to_be_opened_again(tmp_path):
    """A further call of what was opened fails for ever: the advice is to open it again, and then it works."""
    for name, opens, uses in (
        ("s.npy", dsdm.open_scores, lambda opened: dsdm.top_k(opened, 3)),
        ("c.parquet", dsdm.open_shards, lambda opened: dsdm.materialize(opened, [1], tmp_path / "out", progress=False)),
    ):
        path = tmp_path / name
        np.save(path, np.arange(9.0)) if name == "s.npy" else parquet("none")(path)
        opened = opens(path)
        os.utime(path, ns=(1, 1))
        for _ in range(2):
            with pytest.raises(
                errors.SourceChangedError, match=r"since it was opened: .*open it again \(by open_scores"
            ):
                uses(opened)
        uses(opens(path))


def test_a_command_is_to_be_run_again(run, tmp_path, monkeypatch):
    np.save(tmp_path / "s.npy", np.arange(9.0))
    monkeypatch.setattr(
        dsdm, "choose", lambda scores, *_, **__: os.utime(tmp_path / "s.npy", ns=(1, 1)) or scores[:].max()
    )
    code, _, said = run("indices", "s.npy", "-k", 3, "-o", "rows.npy")
    assert code == 1
    assert "once nothing writes to it, run again" in said
    assert "open_scores" not in said
