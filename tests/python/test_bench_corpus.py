"""The corpus of `dsdm bench gather`: its rows, their hashes, and the files that hold them."""

import sys
import threading

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import ipc, parquet

from dsdm_bench.gather.corpus import shards
from dsdm_bench.gather.corpus import tokens as rows_of_corpus
from dsdm_bench.gather.corpus.files import Corpus
from dsdm_bench.gather.corpus.tokens import draw, hash_rows
from dsdm_bench.gather.settings import ROW_TOKENS

ROWS = 403  # as `bench_corpus` has


def test_both_sources_have_the_rows_of_the_hashes(bench_corpus):
    files = Corpus(bench_corpus, ROWS, 2)
    counts = [parquet.ParquetFile(file).metadata.num_rows for file in files.files("parquet")]
    assert len(counts) == 8
    assert max(counts) - min(counts) == 1
    tokens = np.concatenate([piece for rank, rows in enumerate(counts) for piece in draw(rank, rows)])
    assert tokens.shape == (ROWS, ROW_TOKENS)
    from_parquet = pa.concat_tables(map(parquet.read_table, files.files("parquet")))
    from_arrow = pa.concat_tables(ipc.open_stream(file).read_all() for file in files.files("arrow"))
    for table in (from_parquet, from_arrow):
        assert table.column_names == ["input_ids"]
        assert table.schema.types[0].value_type == pa.uint16()
        np.testing.assert_array_equal(np.array(table["input_ids"].to_pylist()), tokens)
    np.testing.assert_array_equal(files.hashes, hash_rows(tokens))
    (chunk,) = {
        parquet.ParquetFile(file).metadata.row_group(0).column(0).compression for file in files.files("parquet")
    }
    assert chunk == "SNAPPY"


def test_a_hash_is_the_sum_of_weighted_words():
    tokens = next(draw(0, 3))
    weights = [int(weight) for weight in rows_of_corpus._weights()]
    for row, found in zip(tokens, hash_rows(tokens), strict=True):
        words = np.frombuffer(row.tobytes(), "<u8")
        assert found == sum(int(word) * weight for word, weight in zip(words, weights, strict=True)) % 2**64


def test_tokens_are_as_frequent_as_words():
    tokens = np.concatenate(list(draw(3, 5_000))).ravel()
    assert tokens.max() < 50_257
    counts = np.bincount(tokens, minlength=50_257)
    frequencies = 1 / (np.arange(50_257) + 2.7)
    expected = frequencies / frequencies.sum() * len(tokens)
    for rank in (0, 1, 10, 100, 1_000):
        assert counts[rank] == pytest.approx(expected[rank], rel=0.15)
    # The rarest half is there too, as often as it should be.
    assert counts[25_000:].sum() == pytest.approx(expected[25_000:].sum(), rel=0.02)


def test_shards_stop_when_told():
    stop = threading.Event()
    file = shards._Stoppable(sys.stdout, stop)
    assert file.name == sys.stdout.name
    stop.set()
    with pytest.raises(InterruptedError):
        file.write(b"")
