"""The best that the machine can do, which `dsdm bench gather` compares with: plain reads and copies of the rows."""

import os
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from dsdm_bench.gather.baseline import reads
from dsdm_bench.gather.baseline.copies import copies
from dsdm_bench.gather.corpus.files import Corpus
from dsdm_bench.gather.corpus.tokens import as_table, draw, hash_rows
from dsdm_bench.gather.settings import ROW_BYTES
from dsdm_bench.harness.errors import WrongAnswerError

ROWS = 403  # as `bench_corpus` has


def test_where_arrow_rows_lie(bench_corpus):
    files = Corpus(bench_corpus, ROWS, 2)
    rows = np.array([ROWS - 1, 0, 7, 8, 200, 7])
    hashes, heads = [], []
    for one in reads.needed(files.files("arrow"), rows):
        content = one.file.read_bytes()
        assert sorted(one.ranges[:, 0]) == one.ranges[:, 0].tolist()
        spans = [content[start:end] for start, end in one.ranges]
        hashes += [hash_rows(np.frombuffer(span, np.uint16)[None])[0] for span in spans if len(span) == ROW_BYTES]
        heads += [span for span in spans if len(span) != ROW_BYTES]
    np.testing.assert_array_equal(hashes, files.hashes[np.unique(rows)])
    assert heads
    assert all(b"\xff\xff\xff\xff" in head for head in heads)


def test_where_parquet_row_groups_lie(tmp_path):
    tokens = next(draw(0, 100))
    parquet.write_table(as_table(tokens), tmp_path / "a.parquet", row_group_size=30)
    parquet.write_table(as_table(tokens), tmp_path / "b.parquet", row_group_size=30)
    first, second = reads.needed([tmp_path / "a.parquet", tmp_path / "b.parquet"], np.array([95, 31, 59, 130]))
    groups = [parquet.ParquetFile(tmp_path / "a.parquet").metadata.row_group(number).column(0) for number in range(4)]
    assert first.ranges.tolist() == [
        [
            groups[number].dictionary_page_offset,
            groups[number].dictionary_page_offset + groups[number].total_compressed_size,
        ]
        for number in (1, 3)
    ]
    assert len(second.ranges) == 1
    assert second.ranges[0, 0] == groups[1].dictionary_page_offset


@given(
    starts=st.lists(st.integers(0, 200_000), max_size=30, unique=True).map(sorted),
    length=st.integers(1, 5_000),
    gap=st.sampled_from([0, 4_096, 20_000]),
)
def test_merged_ranges_are_the_blocks_and_the_gaps(starts, length, gap):
    ranges = np.array([[start, start + length] for start in starts], np.int64).reshape(-1, 2)
    blocks = sorted({block for start, end in ranges for block in range(start // 4096, (end - 1) // 4096 + 1)})
    expected = []
    for block in blocks:
        if expected and block * 4096 <= expected[-1][1] + gap:
            expected[-1][1] = (block + 1) * 4096
        else:
            expected.append([block * 4096, (block + 1) * 4096])
    assert reads._merged(ranges, gap) == expected


@pytest.mark.parametrize("written", [None, 0, 2_500_000])
def test_ways_of_reading_read_what_is_needed_and_write_as_much(bench_corpus, tmp_path, written):
    files = Corpus(bench_corpus, ROWS, 2).files("arrow")
    wanted = reads.needed(files, np.arange(0, ROWS, 5))
    for one in reads.reads(wanted, written or 0, None if written is None else tmp_path):
        if hasattr(os, "O_DIRECT"):
            assert "past the page cache" in one.check(one.run())
            assert [path.stat().st_size for path in tmp_path.iterdir()] == ([] if written is None else [written])
        with pytest.raises(WrongAnswerError, match=f"7 bytes were read of {sum(one.bytes for one in wanted):,}"):
            one.check(7)


@pytest.mark.parametrize("size", [1, ROW_BYTES * 100, 25_000_000])
def test_copies_have_the_bytes_of_the_sources(tmp_path, size):
    content = [np.random.default_rng(seed).bytes(5_000_000 + seed) for seed in range(2)]
    files = [tmp_path / "a", tmp_path / "b"]
    for path, one in zip(files, content, strict=True):
        path.write_bytes(one)
    again = (b"".join(content) * (size // 10_000_000 + 1))[:size]
    out = tmp_path / "out"
    for one in copies(files, size, out, 3, flush=True):
        out.mkdir()
        assert one.check(one.run()) == "all bytes"
        assert b"".join(path.read_bytes() for path in sorted(out.iterdir())) == again
        shutil.rmtree(out)
    out.mkdir()
    with pytest.raises(WrongAnswerError, match="0 bytes were copied"):
        one.check(None)
