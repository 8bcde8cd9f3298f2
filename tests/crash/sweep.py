"""Kill a run, or fail its system calls, at every place there is; go on each time, and compare every byte.

Needs strace, which counts system calls and injects the faults: signals, ENOSPC, EIO, EINTR, threads that do not begin.
For each call that writes, names or syncs, the first is hit, then in another run the second, and so on until a run ends
unharmed. After each: nothing that is left loads as a dataset, the same call goes on, the output has the bytes of an
undisturbed run, and its checksums hold. A limit of the size of files has writes end short. With root, a small tmpfs
that fills up is tried as well, and a folder of another user under the name of the unfinished output.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import dsdm
from dsdm.dataset import Report

ROWS = 20_000
TOKENS = 256
SHARDS = 5
CALLS = ("write", "pwrite64", "renameat", "renameat2", "fdatasync", "fsync", "mkdirat", "unlinkat")
ERRORS = {
    "ENOSPC": ("write", "pwrite64", "fdatasync", "fsync", "mkdirat"),
    "EIO": ("write", "pwrite64", "renameat", "renameat2", "fdatasync", "fsync", "unlinkat"),
}
EVERY = 20
PACKINGS = {"jsonl.gz": "gzip", "jsonl.zst": "zstd"}
"""Packed JSON lines that rows are taken of, by their endings: the first format is written of these as well."""

CHILD = """
import json, resource, sys
import numpy as np
import dsdm
corpus, out, options, limit = json.loads(sys.argv[1])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
rows = np.load(corpus + ".npy")
try:
    dsdm.materialize(corpus, rows, out, progress=False, **options)
except OSError as error:
    sys.exit({28: 28, 5: 5, 27: 27, 11: 11}.get(error.errno, 1))
"""


class Sweep:
    """A corpus, the output of an undisturbed run, and counts of what was done to others."""

    def __init__(self, folder: Path, form: str, source: str) -> None:
        self.folder, self.form = folder, form
        self.corpus = folder / f"corpus.{source}"
        self.counts: Counter[str] = Counter()
        rng = np.random.default_rng(0)
        # Every run looks at all values of lines.
        count = ROWS if source == "parquet" else ROWS // 10
        lengths = rng.integers(TOKENS - 1, TOKENS + 1, count)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        values = pa.array(rng.integers(0, 2**16, offsets[-1], dtype=np.uint16))
        table = pa.table({"input_ids": pa.ListArray.from_arrays(offsets, values)})
        if source == "parquet":
            pq.write_table(table, self.corpus, row_group_size=2000)
        else:
            lines = "".join(json.dumps(row) + "\n" for row in table.to_pylist())
            with pa.output_stream(self.corpus, compression=PACKINGS[source]) as sink:
                sink.write(lines.encode())
        self.rows = rng.permutation(count)[: count // 2]
        np.save(f"{self.corpus}.npy", self.rows)
        self.options = {"format": form, "num_shards": SHARDS, "threads": 1}
        self.write(folder / "whole")
        self.expected = contents(folder / "whole")

    def write(self, out: Path, **options: object) -> Report:
        return dsdm.materialize(self.corpus, self.rows, out, progress=False, **{**self.options, **options})

    def child(self, out: Path, *inject: str, limit: int = 0) -> int:
        """Run under strace, and give the exit code; negative for a signal."""
        arguments = json.dumps([str(self.corpus), str(out), self.options, limit])
        calls = ",".join({what.partition(":")[0] for what in inject})
        faults = [part for what in inject for part in ("-e", f"inject={what}")]
        trace = ["strace", "-f", "-qqq", "-o", "/dev/null", "-e", f"trace={calls}", *faults] if inject else []
        command = [*trace, sys.executable, "-c", CHILD, arguments]
        # Without threads of other libraries, the first one that does not begin is one of this.
        alone = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        ran = subprocess.run(command, capture_output=True, text=True, check=False, env=alone)  # noqa: S603
        if ran.returncode not in {0, 28, 5, 27, 11, 1, -9, 137}:
            print(ran.stderr)  # noqa: T201
        return -9 if ran.returncode == 137 else ran.returncode

    def check(self, out: Path, what: str) -> None:
        """Go on with what a run left, and compare."""
        for left in self.folder.glob(".out*"):
            for place in [left, *(path for path in left.rglob("*") if path.is_dir())]:
                # A complete one may be loaded, as the next thing that happens to it is its name.
                if contents(place) != self.expected:
                    refuses_to_load(place, what)
        if out.exists():
            self.counts["named before"] += 1
        else:
            report = self.write(out)
            self.counts["shards kept"] += report.kept
        assert contents(out) == self.expected, what
        dsdm.verify(out)
        # What a run that was killed at its very end left goes with the next run.
        shutil.rmtree(out)
        for left in self.folder.glob(".out*"):
            shutil.rmtree(left)

    def kills(self, step: int) -> None:
        for call in CALLS:
            number = 1
            while (code := self.child(self.folder / "out", f"{call}:signal=KILL:when={number}")) != 0:
                assert code == -9, (call, number, code)
                self.counts[f"{call} killed"] += 1
                self.check(self.folder / "out", f"killed at {call} {number}")
                number += step if call not in {"renameat", "renameat2"} else 1
            self.check(self.folder / "out", f"{call} undisturbed")

    def errors(self, step: int) -> None:
        for error, calls in ERRORS.items():
            for call in calls:
                number = 1
                while (code := self.child(self.folder / "out", f"{call}:error={error}:when={number}")) != 0:
                    self.counts[f"{call} {error}"] += 1
                    self.check(self.folder / "out", f"{error} at {call} {number} ({code})")
                    number += step if call not in {"renameat", "renameat2"} else 1
                self.check(self.folder / "out", f"{call} undisturbed")

    def overwrites(self) -> None:
        """Kill what replaces a dataset: it is the old one or the new one, and never anything else."""
        out = self.folder / "out"
        plain, self.options = self.options, {**self.options, "overwrite": True}
        dsdm.materialize(self.corpus, [1, 2, 3], self.folder / "old", format=self.form, num_shards=2)
        old = contents(self.folder / "old")
        for call in ("renameat", "renameat2", "fdatasync", "fsync", "unlinkat"):
            number, code = 1, -9
            while code != 0:
                shutil.copytree(self.folder / "old", out)
                code = self.child(out, f"{call}:signal=KILL:when={number}")
                assert contents(out) in (old, self.expected), (call, number)
                self.counts[f"replacing, {call} killed"] += code != 0
                self.write(out)
                assert contents(out) == self.expected, (call, number)
                assert [path.name for path in self.folder.glob(".out*")] == [], (call, number)
                shutil.rmtree(out)
                number += 1
        self.options = plain

    def overwrites_without_exchange(self) -> None:
        """Do the same where no two names can be exchanged at once, and have calls fail, alone or with all behind them.

        The old dataset or the new one is there, or the next run puts it there, whatever it was called for.
        """
        out, plain = self.folder / "out", self.options
        self.options = {**plain, "overwrite": True}
        old = contents(self.folder / "old")
        for call in ("renameat", "fdatasync", "fsync", "unlinkat"):
            for fault in ("signal=KILL:when={}", "error=EIO:when={}", "error=EIO:when={}+"):
                number, code = 1, -9
                while code != 0:
                    what = (call, fault.format(number))
                    shutil.copytree(self.folder / "old", out)
                    code = self.child(out, "renameat2:error=EINVAL", f"{call}:{what[1]}")
                    self.counts[f"replacing without exchange, {call} {fault}"] += code != 0
                    self.one_of_two(out, old, what)
                    self.write(out)
                    assert contents(out) == self.expected, what
                    assert [path.name for path in self.folder.glob(".out*")] == [], what
                    shutil.rmtree(out)
                    number += 1
        self.options = plain

    def one_of_two(self, out: Path, old: dict[str, bytes], what: tuple[str, str]) -> None:
        """See to it that the old or the new dataset is there, or is put there by a run that may not even replace it."""
        if out.exists():
            assert contents(out) in (old, self.expected), what
            return
        self.counts["put back by the next run"] += 1
        assert contents(self.folder / ".out.dsdm-unfinished" / "replaced") == old, what
        try:
            self.write(out, overwrite=False)
        except FileExistsError:
            assert contents(out) == old, what
        else:
            message = f"{what}: the old dataset is lost"
            raise AssertionError(message)

    def interruptions(self, step: int) -> None:
        """Interrupt calls, which are made again then, and have threads not begin, as beyond RLIMIT_NPROC."""
        for call in ("write", "pwrite64", "fdatasync", "fsync"):
            for number in range(1, 40, step):
                code = self.child(self.folder / "out", f"{call}:error=EINTR:when={number}")
                assert code in {0, 1}, (call, number, code)
                self.counts[f"{call} EINTR"] += 1
                self.check(self.folder / "out", f"EINTR at {call} {number} ({code})")
        number = 1
        while (code := self.child(self.folder / "out", f"clone3:error=EAGAIN:when={number}+")) != 0:
            self.counts["no thread"] += 1
            self.check(self.folder / "out", f"no thread from {number} on ({code})")
            number += 1
        self.check(self.folder / "out", "all threads")

    def limits(self) -> None:
        """Have writes end short, where a file would get larger than it may, and then fail."""
        largest = max(map(len, self.expected.values()))
        for share in (0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 1.0):
            code = self.child(self.folder / "out", limit=int(largest * share) + (share == 1.0))
            assert (code == 0) == (share == 1.0), (share, code)
            self.counts["file limit"] += 1
            self.check(self.folder / "out", f"files of {share} of the largest ({code})")

    def in_the_way(self) -> None:
        """Put a link, or a folder of another user, under the name of the unfinished output: nothing is touched."""
        victim, left, out = self.folder / "victim", self.folder / ".out.dsdm-unfinished", self.folder / "out"
        (victim / "sub").mkdir(parents=True)
        (victim / "thesis.tex").write_text("years")
        whole = contents(victim)
        places = [("", victim), *((name, victim / "thesis.tex") for name in ("pid", "journal", "plan.json"))]
        for name, target in [*places, ("output", victim), ("replaced", victim)]:
            if name:
                left.mkdir()
            (left / name if name else left).symlink_to(target)
            self.refused(out, FileExistsError)
            assert contents(victim) == whole, name
            shutil.rmtree(left) if name else left.unlink()
        shutil.copytree(victim, left)
        left.chmod(0o777)
        self.refused(out, PermissionError)
        assert contents(left) == whole
        if os.geteuid() == 0:
            left.chmod(0o700)
            os.chown(left, 12345, 12345)
            self.refused(out, PermissionError)
            assert contents(left) == whole
        shutil.rmtree(left)
        self.check(out, "nothing in the way")

    def refused(self, out: Path, kind: type[OSError]) -> None:
        try:
            self.write(out)
        except kind:
            self.counts[f"in the way, {kind.__name__}"] += 1
        else:
            message = f"{out}: written, although something was in the way"
            raise AssertionError(message)

    def again_and_again(self) -> None:
        """Kill one output at every 20th write until it is there."""
        out = self.folder / "out"
        for call in ("pwrite64", "write"):
            for _ in range(1000):
                if self.child(out, f"{call}:signal=KILL:when={EVERY}") == 0 or out.exists():
                    break
                self.counts[f"every {EVERY}th {call} killed"] += 1
            self.check(out, f"every {EVERY}th {call}")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refuses_to_load(folder: Path, what: str) -> None:
    try:
        datasets.load_from_disk(str(folder))
    except (FileNotFoundError, json.JSONDecodeError):
        return
    message = f"{what}: {folder} loads"
    raise AssertionError(message)


def full_disk(sweep: Sweep) -> None:
    """Fill a small tmpfs, make room, go on."""
    disk = sweep.folder / "disk"
    disk.mkdir()
    # Of the same depth, as the manifest names its sources from where it lies.
    sweep.write(sweep.folder / "elsewhere" / "out")
    expected = contents(sweep.folder / "elsewhere" / "out")
    total = sum(map(len, sweep.expected.values()))
    for share in (0.1, 0.3, 0.5, 0.7, 0.9, 0.99):
        mount("mount", "-t", "tmpfs", "-o", f"size={int(total * share) // 4096 * 4096}", "tmpfs", str(disk))
        try:
            try:
                sweep.write(disk / "out")
            except OSError as error:
                assert error.errno == 28, error  # noqa: PT017
                assert "are free" in str(error), error  # noqa: PT017
                kept = len(list(disk.glob(".out*/journal")))
                assert bool(getattr(error, "__notes__", ())) == bool(kept), (share, error)  # noqa: PT017
            mount("mount", "-o", f"remount,size={2 * total}", str(disk))
            report = sweep.write(disk / "out")
            sweep.counts["tmpfs filled"] += 1
            sweep.counts["shards kept on tmpfs"] += report.kept
            assert contents(disk / "out") == expected
        finally:
            mount("umount", str(disk))


def mount(*command: str) -> None:
    subprocess.run(command, check=True)  # noqa: S603


def replacing(sweep: Sweep) -> None:
    sweep.overwrites()
    sweep.overwrites_without_exchange()


def small_disk(sweep: Sweep) -> None:
    if os.geteuid() == 0:
        full_disk(sweep)


PARTS: dict[str, Callable[[Sweep, int], None]] = {
    "way": lambda sweep, _: sweep.in_the_way(),
    "kills": Sweep.kills,
    "again": lambda sweep, _: sweep.again_and_again(),
    "replacing": lambda sweep, _: replacing(sweep),
    "errors": Sweep.errors,
    "interruptions": Sweep.interruptions,
    "limits": lambda sweep, _: sweep.limits(),
    "disk": lambda sweep, _: small_disk(sweep),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--formats", nargs="+", default=["arrow", "parquet", "jsonl", "tokens", "megatron", "litdata"])
    parser.add_argument("--lines", nargs="*", choices=PACKINGS, default=list(PACKINGS), help="packed lines as sources")
    parser.add_argument("--step", type=int, default=1, help="hit every so many-th call, not each")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    given = parser.parse_args()
    if shutil.which("strace") is None:
        sys.exit("strace is not there; on Debian: apt install strace")
    runs = [*((form, "parquet") for form in given.formats), *((given.formats[0], source) for source in given.lines)]
    for form, source in runs:
        with tempfile.TemporaryDirectory() as made:
            sweep = Sweep(Path(made), form, source)
            for part in given.parts:
                PARTS[part](sweep, given.step)
        done = sum(count for what, count in sweep.counts.items() if "kept" not in what and "named" not in what)
        print(f"{form} of {source}: {done} faults, every output the same", flush=True)  # noqa: T201
        print("  " + ", ".join(f"{what} {count}" for what, count in sweep.counts.items()), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
