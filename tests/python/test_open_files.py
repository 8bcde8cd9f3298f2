"""More files than a process may have open: a few handles are shared, and what is opened again is the same file."""

import resource
import subprocess
import sys
import textwrap

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.disk

LIMIT = 64
FILES = 150


def run(folder, code, limit=LIMIT):
    """Run code where few files may be open, and give what it prints."""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < limit:
        pytest.fail(f"the tests need {limit} open files")
    before = f"""
        import resource
        import numpy as np
        import pyarrow as pa
        import dsdm
        from dsdm import errors
        dsdm.open_shards(pa.table({{"x": [1]}})).take([0])  # what is imported late opens files too
        dsdm.top_k(np.zeros(1), 1)
        resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}))
    """
    code = textwrap.dedent(before) + textwrap.dedent(code)
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("many")
    for name in ("arrow", "parquet", "scores"):
        (folder / name).mkdir()
    for number in range(FILES):
        ids = [number * 10 + row for row in range(10)]
        table = pa.table({"id": ids, "text": [f"row {i}" for i in ids], "ids": [[i] * 3 for i in ids]})
        pq.write_table(table, folder / "parquet" / f"{number:03}.parquet")
        with pa.ipc.new_stream(folder / "arrow" / f"{number:03}.arrow", table.schema) as writer:
            writer.write_table(table)
        np.save(folder / "scores" / f"{number:03}.npy", np.asarray(ids, np.float32))
    return folder


@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize("kind", ["arrow", "parquet"])
def test_rows_come_from_more_shards_than_may_be_open(folder, kind, io):
    assert FILES > 2 * LIMIT
    run(
        folder,
        f"""
        shards = dsdm.open_shards("{kind}", io="{io}")
        assert len(shards) == {FILES * 10}
        for _ in range(2):
            rows = np.random.default_rng(0).permutation({FILES * 10})
            found = shards.take(rows)
            assert found["id"].to_pylist() == rows.tolist()
            assert found["text"].to_pylist() == [f"row {{row}}" for row in rows]
            assert shards.take([1499, 0, 1499])["ids"].to_pylist() == [[1499] * 3, [0] * 3, [1499] * 3]
        """,
    )


@pytest.mark.parametrize("io", ["mmap", "pread"])
def test_scores_come_from_more_files_than_may_be_open(folder, io):
    run(
        folder,
        f"""
        import os
        scores = dsdm.open_scores("scores", io="{io}")
        os.chdir("/")
        for _ in range(2):
            assert np.array_equal(scores[:], np.arange({FILES * 10}))
            assert dsdm.top_k(scores, 3).tolist() == [1499, 1498, 1497]
        """,
    )


def test_many_shards_are_written(folder, tmp_path):
    run(
        folder,
        f"""
        rows = np.arange({FILES * 10})[::-1]
        for form in ("arrow", "parquet"):
            out = "{tmp_path}/" + form
            dsdm.materialize("arrow", rows, out, num_shards=120, format=form)
            assert dsdm.verify(out)
            assert dsdm.open_shards(out).take(range({FILES * 10}))["id"].to_pylist() == rows.tolist()
        """,
    )


@pytest.mark.parametrize("change", ["replaced", "cut", "removed", "touched"])
def test_a_file_that_is_opened_again_is_the_same(tmp_path, change):
    (tmp_path / "parts").mkdir()
    for number in range(FILES):
        np.save(tmp_path / "parts" / f"{number:03}.npy", np.arange(10.0))
    run(
        tmp_path,
        f"""
        import os, shutil
        scores = dsdm.open_scores("parts", io="pread")
        path = "parts/140.npy"
        if "{change}" == "replaced":
            shutil.copy(path, "new.npy")
            times = os.stat(path)
            os.utime("new.npy", ns=(times.st_atime_ns, times.st_mtime_ns))
            os.replace("new.npy", path)
        elif "{change}" == "cut":
            os.truncate(path, 150)
        elif "{change}" == "removed":
            os.remove(path)
        else:
            os.utime(path)
        try:
            scores[:]
        except errors.SourceChangedError as error:
            assert "140.npy" in str(error), error
        except FileNotFoundError as error:
            assert "{change}" == "removed", error
            assert "140.npy" in str(error), error
        else:
            raise AssertionError("the change was not noticed")
        """,
    )


def test_handles_are_given_back(folder):
    """What was opened and let go of counts no more."""
    run(
        folder,
        """
        import gc, os
        kept = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            shards = dsdm.open_shards("arrow")
            assert len(os.listdir("/proc/self/fd")) <= 64
            del shards
            gc.collect()
            assert len(os.listdir("/proc/self/fd")) == kept
        """,
    )


def test_as_many_files_as_the_usual_limit_are_no_matter(tmp_path):
    """The limit of most systems is 1,024."""
    for number in range(1050):
        (tmp_path / f"{number:04}.bin").write_bytes(np.float32([number]).tobytes())
    run(
        tmp_path,
        """
        for io in ("mmap", "pread"):
            scores = dsdm.open_scores(".", io=io, dtype="float32")
            assert np.array_equal(scores[:], np.arange(1050))
        """,
        limit=1024,
    )


@pytest.mark.parametrize("kind", ["arrow", "parquet", "jsonl", "tokens", "megatron"])
def test_where_next_to_none_may_be_open_it_is_said_how_to_raise_the_limit(tmp_path, kind):
    """Nothing that the system refuses for want of handles is called damage, and each error says what to do."""
    pq.write_table(pa.table({"input_ids": [[1, 2], [3, 4]]}), tmp_path / "a.parquet")
    said = run(
        tmp_path,
        f"""
        import contextlib, io, shutil, sys
        from dsdm.cli import main
        # What is imported late opens files too.
        dsdm.materialize("a.parquet", [1], "before", format="{kind}")
        sys.argv = ["dsdm", "materialize", "a.parquet", "before", "--by", "random", "-k", "1"]
        with contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(SystemExit):
            main()
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        for limit in range(3, 24):
            told, code = io.StringIO(), None
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, most))
            try:
                dsdm.materialize("a.parquet", [1], "out", format="{kind}")
            except OSError as error:
                assert "ulimit -n" in error.strerror and error.errno == 24, error
                code = 1
            sys.argv = ["dsdm", "materialize", "a.parquet", "too", "--format", "{kind}", "--by", "random", "-k", "1"]
            with contextlib.redirect_stderr(told), contextlib.suppress(SystemExit):
                main()
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
            last = told.getvalue().splitlines()[-1]
            assert "ulimit -n" in last or "selected" in last, (limit, last)
            for made in ("out", "too"):
                shutil.rmtree(made, ignore_errors=True)
            print(code)
        """,
        limit=64,
    )
    assert {"1", "None"} <= set(said.splitlines())
