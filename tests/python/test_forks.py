"""A child that is forked while other threads of its parent are in the middle of something."""

import subprocess
import sys
import textwrap

import numpy as np
import pyarrow as pa
import pytest

pytestmark = pytest.mark.disk

LIMIT = 64
FILES = 120
BEFORE = """
    import os, random, resource, signal, sys, threading, warnings
    import numpy as np
    import dsdm
    warnings.simplefilter("ignore")  # of forks in a process that has threads
    dsdm.top_k(np.zeros(1), 1)

    def fork(look):
        "How a child that looks whether all is well ends; one that waits for ever is ended by a signal."
        pid = os.fork()
        if pid == 0:
            signal.alarm(60)
            try:
                os._exit(0 if look() else 1)
            except BaseException as error:
                print(error, file=sys.stderr, flush=True)
            finally:
                os._exit(2)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""


def run(folder, code):
    """Run code in a process of its own, and give what it prints."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", textwrap.dedent(BEFORE) + textwrap.dedent(code)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("io", ["pread", "mmap"])
def test_a_child_reads_the_files_that_it_is_asked_for(tmp_path, io):
    for number in range(FILES):
        np.save(tmp_path / f"{number:03}.npy", np.arange(10, dtype=np.float32) + 10 * number)
    code = f"""
        resource.setrlimit(resource.RLIMIT_NOFILE, ({LIMIT}, {LIMIT}))
        scores = dsdm.open_scores(sorted(os.listdir()), io="{io}")
        ended = threading.Event()

        def read():
            while not ended.is_set():
                row = random.randrange({FILES} * 10)
                assert scores[row] == row

        def look():
            rows = np.random.default_rng(os.getpid()).permutation({FILES} * 10)[:100]
            return (scores[rows] == rows).all()

        threads = [threading.Thread(target=read) for _ in range(2)]
        for thread in threads:
            thread.start()
        print([status for status in (fork(look) for _ in range(150)) if status])
        ended.set()
        for thread in threads:
            thread.join()
    """
    assert run(tmp_path, code) == "[]"


def test_a_child_computes_the_moments_that_a_thread_of_its_parent_was_at(tmp_path):
    np.save(tmp_path / "s.npy", np.arange(3_000_000, dtype=np.float32) % 1000)
    code = """
        scores = dsdm.open_scores("s.npy")
        first = dsdm.top_k(scores, 5)
        for _ in range(4):
            z = scores.zscore()
            thread = threading.Thread(target=lambda: dsdm.top_k(z, 5))
            thread.start()
            print(fork(lambda: (dsdm.top_k(z, 5) == first).all()))
            thread.join()
    """
    assert run(tmp_path, code).split() == ["0"] * 4


def test_a_child_decodes_the_dictionaries_that_a_thread_of_its_parent_was_at(tmp_path):
    words = pa.array([f"word {number}" for number in range(300_000)])
    table = pa.table({"a": pa.DictionaryArray.from_arrays(np.arange(len(words), dtype=np.int32), words)})
    for number in range(4):
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        with pa.ipc.new_file(tmp_path / f"{number}.arrow", table.schema, options=options) as writer:
            writer.write_table(table, max_chunksize=1000)
    code = """
        for name in sorted(name for name in os.listdir() if name.endswith(".arrow")):
            shards = dsdm.open_shards(name)
            thread = threading.Thread(target=lambda: shards.take([7]))
            thread.start()
            print(fork(lambda: shards.take([7])["a"].to_pylist() == ["word 7"]))
            thread.join()
    """
    assert run(tmp_path, code).split() == ["0"] * 4
