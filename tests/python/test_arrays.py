"""The first touch of numpy by the extension module, whose failure is the error itself."""

import subprocess
import sys

import pytest

# The numpy crate calls numpy.lib.NumpyVersion and imports numpy's core when it first needs a function of it.
FIRST = """
import io, sys
import numpy as np, numpy.lib
import dsdm
KIND = {"KeyboardInterrupt": KeyboardInterrupt, "MemoryError": MemoryError, "ImportError": ImportError}[sys.argv[1]]
class Version:
    times = int(sys.argv[2])
    right = np.lib.NumpyVersion
    def __call__(self, text):
        Version.times -= 1
        if Version.times == 0:
            raise KIND("of numpy")
        return Version.right(text)
np.lib.NumpyVersion = Version()
scores = np.arange(5, dtype=np.float32)
works = {
    "top_k": lambda: dsdm.top_k(scores, 2).tolist(),
    "take": lambda: dsdm.open_shards(sys.argv[4]).take([1])["n"].to_pylist(),
    "scores": lambda: dsdm._native.open_scores(
        [sys.argv[5]], None, None, None, False, False, None, None, "mmap", False
    )[1:3].tolist(),
}
work = works[sys.argv[3]]
try:
    work()
except BaseException as error:
    print(type(error).__module__, type(error).__name__)
print(work())
"""


@pytest.mark.parametrize("work", ["top_k", "take", "scores"])
@pytest.mark.parametrize(
    ("kind", "times", "found"),
    [
        ("KeyboardInterrupt", 1, "builtins KeyboardInterrupt"),
        ("KeyboardInterrupt", 2, "builtins KeyboardInterrupt"),
        ("MemoryError", 2, "builtins MemoryError"),
        ("ImportError", 1, "builtins ImportError"),
        ("ImportError", 2, "dsdm InternalError"),
    ],
)
def test_what_fails_at_the_first_touch_is_raised_and_the_next_call_works(tmp_path, work, kind, times, found):
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"n": [7, 8]}), tmp_path / "n.parquet")
    np.save(tmp_path / "s.npy", np.arange(5.0))
    command = [sys.executable, "-c", FIRST, kind, str(times), work, tmp_path / "n.parquet", tmp_path / "s.npy"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    results = {"top_k": "[4, 3]", "take": "[8]", "scores": "[1.0, 2.0]"}
    assert (run.returncode, run.stdout.splitlines(), run.stderr) == (0, [found, results[work]], "")


def test_the_package_is_imported_without_numpy():
    code = "import sys, dsdm; print('numpy' in sys.modules, 'pyarrow' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    assert (run.stdout.strip(), run.stderr) == ("False False", "")
