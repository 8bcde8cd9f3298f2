"""Scores that were opened with verify=True keep hashes, which tell of changes that no time of a file tells of."""

import os
import pickle
import signal
import threading

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm.demo.torch_file import write_tensor
from dsdm.errors import SourceChangedError

pytestmark = pytest.mark.disk

ROWS = 700_000
BLOCK = 1 << 20
VALUES = np.random.default_rng(4).standard_normal(ROWS).astype(np.float32)


def write_arrow(path, compression=None):
    table = pa.table({"score": VALUES})
    with pa.ipc.new_file(path, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as file:
        file.write_table(table, max_chunksize=ROWS // 5)


WRITERS = {
    "npy": lambda path: np.save(path, VALUES),
    "raw": VALUES.tofile,
    "pt": lambda path: write_tensor(path, VALUES),
    "arrow": write_arrow,
    "packed.arrow": lambda path: write_arrow(path, "zstd"),
    "parquet": lambda path: pq.write_table(pa.table({"score": VALUES}), path, row_group_size=ROWS // 3),
}


class Held:
    """A file that is written through a map, of whose writes its times do not tell once its pages were written."""

    def __init__(self, path):
        self.map = np.memmap(path, np.uint8, "r+")
        self.map[::4096] = self.map[::4096].copy()

    def flip(self, byte):
        self.map[byte] ^= 1


@pytest.fixture(params=WRITERS)
def kind(request):
    return request.param


def opened(folder, kind, *, verify=True, io="mmap"):
    path = folder / f"scores.{kind}"
    WRITERS[kind](path)
    held = Held(path)
    options = {"dtype": "float32"} if kind == "raw" else {}
    return path, held, dsdm.open_scores(path, verify=verify, io=io, **options)


def is_decoded(kind):
    return kind in {"packed.arrow", "parquet"}


def places(path):
    """The byte at which each value lies, in as many runs as there are batches."""
    whole, run = path.read_bytes(), ROWS // 5
    starts = [whole.find(VALUES[row : row + 4].tobytes()) for row in range(0, ROWS, run)]
    return np.concatenate([start + 4 * np.arange(run) for start in starts])


@pytest.mark.parametrize("io", ["mmap", "pread"])
def test_what_size_and_times_do_not_tell_is_found_by_the_hashes(tmp_path, kind, io):
    path, held, scores = opened(tmp_path, kind, io=io)
    scores.check()
    before, where = path.stat(), None if is_decoded(kind) else places(path)
    size = before.st_size
    for byte in {BLOCK // 2, min(BLOCK, size // 2), size // 2, *(() if is_decoded(kind) else (ROWS * 2,))}:
        held.flip(byte)
        now = path.stat()
        assert (now.st_mtime_ns, now.st_ctime_ns) == (before.st_mtime_ns, before.st_ctime_ns)
        assert len(dsdm.top_k(scores, 3)) == 3  # which looks at the times alone
        block = byte // BLOCK * BLOCK
        with pytest.raises(SourceChangedError) as raised:
            scores.check()
        said = str(raised.value)
        assert f"{path}: " in said
        assert f"at byte {block}: bytes {block} to {min(block + BLOCK, size) - 1}" in said
        if is_decoded(kind):
            assert "of which rows were decoded" in said
        else:
            rows = np.flatnonzero((where + 4 > block) & (where < block + BLOCK))
            assert f"which hold rows {rows[0]} to {rows[-1]} of it" in said
        held.flip(byte)
        scores.check()


def test_the_first_block_that_changed_is_named_whatever_the_threads(tmp_path, monkeypatch):
    path, held, scores = opened(tmp_path, "npy")
    for byte in (BLOCK + 5, 2 * BLOCK + 5, 200, path.stat().st_size - 1):
        held.flip(byte)
    for threads in ("1", "2", "7"):
        monkeypatch.setenv("DSDM_NUM_THREADS", threads)
        for _ in range(5):
            with pytest.raises(SourceChangedError, match=r"at byte 0: bytes 0 to 1048575, which hold rows 0 to 262111"):
                scores.check()


def test_a_slice_has_the_blocks_of_its_rows_and_an_expression_those_of_all(tmp_path):
    path, held, scores = opened(tmp_path, "npy")
    (tmp_path / "other").mkdir()
    _, other, more = opened(tmp_path / "other", "npy")
    first, last = scores.slice(0, 1000), scores.slice(600_000, None)
    mixed = (scores + more).zscore()
    held.flip(128 + 4 * 600_001)
    first.check()
    more.check()
    for changed in (scores, last, last.slice(5, 6), -scores, mixed, mixed.slice(0, 5), (scores + more).slice(0, 10)):
        with pytest.raises(SourceChangedError, match=str(path)):
            changed.check()
    held.flip(128 + 4 * 600_001)
    mixed.check()
    other.flip(BLOCK)
    first.check()
    with pytest.raises(SourceChangedError, match=str(tmp_path / "other")):
        mixed.check()
    scores.slice(5, 5).check()


def test_of_several_files_the_one_that_changed_is_named_with_its_own_rows(tmp_path):
    paths, helds = [], []
    for number in range(3):
        paths.append(tmp_path / f"{number}.npy")
        np.save(paths[-1], VALUES)
        helds.append(Held(paths[-1]))
    scores = dsdm.open_scores(paths, verify=True)
    helds[1].flip(BLOCK)
    with pytest.raises(SourceChangedError, match=rf"{paths[1]}: at byte {BLOCK}: .* hold rows 262112 to 524255 of it"):
        scores.check()
    # Rows are those of the file, wherever a slice begins.
    with pytest.raises(SourceChangedError, match="hold rows 300000 to 524255 of it"):
        scores.slice(ROWS + 300_000, None).check()
    scores.slice(0, ROWS).check()
    scores.slice(2 * ROWS, None).check()


def test_without_hashes_there_is_nothing_to_compare_with(tmp_path, kind):
    path, _, scores = opened(tmp_path, kind, verify=False)
    options = {"dtype": "float32"} if kind == "raw" else {}
    for unverified in (scores, scores.slice(1, 5), scores + dsdm.open_scores(path, verify=True, **options)):
        with pytest.raises(ValueError, match=r"open_scores\(…, verify=True\) kept, and .*scores.* was opened without"):
            unverified.check()


def test_what_the_times_tell_is_told_first(tmp_path):
    path, _, scores = opened(tmp_path, "npy")
    os.utime(path)
    with pytest.raises(SourceChangedError, match="modification time is another"):
        scores.check()
    os.truncate(path, 1000)
    with pytest.raises(SourceChangedError, match="bytes and has 1000"):
        scores.check()


def test_a_copy_that_was_unpickled_has_hashes_of_its_own(tmp_path):
    _, held, scores = opened(tmp_path, "npy")
    copied = pickle.loads(pickle.dumps(scores.slice(5, None)))  # noqa: S301
    copied.check()
    held.flip(BLOCK)
    with pytest.raises(SourceChangedError):
        copied.check()


@pytest.mark.parametrize("call", ["open", "check"])
def test_a_long_one_is_interrupted(tmp_path, call):
    """The file has a hole of 64 GB, which is hashed for seconds, and lets no other thread wait for the GIL."""
    with (tmp_path / "scores.raw").open("wb") as file:
        file.truncate(64 << 30 if call == "open" else 100 << 20)
    options = {"dtype": "float32", "io": "pread", "verify": True}
    run = lambda: dsdm.open_scores(tmp_path / "scores.raw", **options)  # noqa: E731
    if call == "check":
        # Over and over: the same blocks are compared once for each part of the expression.
        scores = run()
        many = [scores.slice(number, None) for number in range(190)]
        total = sum((one.slice(0, len(scores) - 190) for one in many[1:]), many[0].slice(0, len(scores) - 190))
        run = total.check
    told = []
    ticker = threading.Timer(0.1, lambda: (told.append("held"), signal.raise_signal(signal.SIGINT)))
    ticker.start()
    with pytest.raises(KeyboardInterrupt):
        run()
    assert told == ["held"]
    ticker.join()
