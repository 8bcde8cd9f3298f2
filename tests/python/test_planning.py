"""What a plan tells agrees with what is done."""

import re
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from tests.corpora.damaged import put, stream_of

pytestmark = pytest.mark.disk

ROWS, TOKENS = 4000, 64


@pytest.fixture
def corpus(tmp_path):
    """The same rows as an Arrow stream and as Parquet."""
    values = np.random.default_rng(0).integers(0, 50_000, ROWS * TOKENS).astype(np.uint16)
    lists = pa.ListArray.from_arrays(pa.array(np.arange(ROWS + 1, dtype=np.int32) * TOKENS), pa.array(values))
    table = pa.table({"input_ids": lists})
    with pa.ipc.new_stream(tmp_path / "a.arrow", table.schema) as writer:
        writer.write_table(table, max_chunksize=1000)
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=500)
    return tmp_path


@pytest.mark.parametrize("name", ["a.arrow", "a.parquet"])
@pytest.mark.parametrize("limit", ["1GB", "200kB"])
def test_a_plan_tells_what_is_then_done(corpus, name, limit):
    options = {"max_shard_size": "100kB", "memory_limit": limit, "row_ids": "row"}
    indices = np.random.default_rng(1).integers(0, ROWS, 3000)
    told = dsdm.plan(corpus / name, indices, corpus / "out", **options)
    assert not (corpus / "out").exists()
    done = dsdm.materialize(corpus / name, indices, corpus / "out", **options)
    assert (told.rows, told.shards, told.passes) == (done.rows, done.shards, done.passes)
    assert told.write_bytes == pytest.approx(done.bytes, rel=0.1)
    assert told.free_bytes > 0


def test_few_rows_are_read_one_by_one_and_many_are_mapped(corpus):
    few = dsdm.plan(corpus / "a.arrow", [5, 1005, 5, 3999])
    assert (few.reads, few.passes) == (4, 1)
    assert "4 rows read one by one" in few.strategy
    many = dsdm.plan(corpus / "a.arrow", range(ROWS))
    assert many.reads == 4
    assert many.read_bytes == pytest.approx((corpus / "a.arrow").stat().st_size, rel=0.01)
    assert "mapped" in many.strategy


def test_rows_that_are_converted_are_not_called_copied(tmp_path):
    """Types that differ from shard to shard, columns of directories, and columns that no shard holds."""
    narrow, wide = (pa.table({"n": pa.array(range(1000), kind)}) for kind in (pa.int32(), pa.int64()))
    sizes = {}
    for name, table in (("k=a", narrow), ("k=b", wide)):
        (tmp_path / "c" / name).mkdir(parents=True)
        sizes[name] = len(put(tmp_path / "c" / name / "0.arrow", stream_of(table)).read_bytes())
    files = sorted((tmp_path / "c").rglob("*.arrow"))
    rows = range(2000)
    mixed = dsdm.plan(files, rows)
    assert re.search(r"^copied from .* of mapped files; .* converted to other types in the order", mixed.strategy)
    assert mixed.read_bytes == pytest.approx(sum(sizes.values()), rel=0.1)
    hive = dsdm.plan(tmp_path / "c", rows, hive=True)
    assert re.search(r"^[0-9.]+ kB converted to other types in the order of the files$", hive.strategy)
    assert (hive.reads, hive.read_bytes) == (mixed.reads, mixed.read_bytes)
    assert dsdm.plan(files[:1], range(1000)).strategy.startswith("copied from")
    alone = dsdm.plan(tmp_path / "c", rows, hive=True, columns=["k"])
    assert (alone.strategy, alone.read_bytes, alone.reads) == ("no file is read", 0, 0)
    for form, encoded in (("copied from memory", wide), ("read from memory", wide.column("n").dictionary_encode())):
        table = encoded if form == "copied from memory" else pa.table({"n": encoded})
        assert dsdm.plan(table, [5, 1]).strategy.startswith(form)


def test_every_pass_over_parquet_is_counted(corpus):
    once = dsdm.plan(corpus / "a.parquet", range(ROWS))
    assert (once.passes, once.reads) == (1, 8)
    assert once.read_bytes == pytest.approx((corpus / "a.parquet").stat().st_size, rel=0.05)
    shuffled = dsdm.plan(corpus / "a.parquet", range(ROWS), row_order="shuffle", seed=0, memory_limit="200kB")
    assert shuffled.passes > 1
    assert shuffled.reads == 8 * shuffled.passes
    assert "decoded" in shuffled.strategy
    assert shuffled.memory_bytes < once.memory_bytes


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"by": "top_k", "scores": "s.npy", "arguments": {"k": 4}}, "has k=4, and 3 rows are written"),
        ({"by": "top_k", "scores": "out/s.npy", "arguments": {"k": 3}}, "out"),
        ({"by": "top_k", "scores": "s.npy"}, "a mapping"),
    ],
)
def test_a_selection_that_would_not_be_written_is_refused(corpus, monkeypatch, told, message):
    monkeypatch.chdir(corpus)
    (corpus / "out").mkdir()
    for path in ("s.npy", "out/s.npy"):
        np.save(path, np.zeros(ROWS, np.float32))
    refused = []
    for call in (dsdm.plan, dsdm.materialize):
        with pytest.raises((ValueError, OSError), match=message) as error:
            call("a.arrow", [1, 2, 3], "out", selection=told)
        refused.append((error.type, str(error.value)))
    assert refused[0] == refused[1]


def test_a_row_out_of_range_is_named(corpus):
    with pytest.raises(IndexError, match="index 4000 at position 1 is out of range"):
        dsdm.plan(corpus / "a.arrow", [0, ROWS])


def test_a_dry_run_prints_the_plan_and_writes_nothing(corpus, run):
    np.save(corpus / "rows.npy", np.arange(100))
    code, printed, _ = run("materialize", corpus / "a.parquet", "out", "-i", corpus / "rows.npy", "--dry-run")
    assert code == 0
    assert not (corpus / "out").exists()
    for words in ("100 in 1 shard", "1 read and 1 pass", "decoded", "free disk"):
        assert words in printed


def test_the_command_tells_what_it_read_and_wrote_where_that_is_asked_for(corpus):
    def errors_of(*options, out):
        chosen = [str(corpus / "a.parquet"), str(corpus / out), "--by", "random", "-k", "9", "--threads", "2"]
        command = [sys.executable, "-m", "dsdm", *options, "materialize", *chosen]
        return subprocess.run(command, capture_output=True, text=True, check=True).stderr  # noqa: S603

    assert "read about" not in errors_of(out="quiet")
    line = r"^read about [\d.]+ \wB of 1 file in \d reads?, wrote [\d.]+ k?B, in \d+\.\d\d s on 2 threads$"
    assert re.search(line, errors_of("-v", out="told"), re.MULTILINE)
