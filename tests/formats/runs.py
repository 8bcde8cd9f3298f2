"""Run dsdm over formats and options, each undisturbed, killed and gone on with; keep what each run wrote.

``python -m tests.formats.runs DIR`` fills DIR. For each case there is ``whole/CASE/out``, what the killed run left in
``left/CASE``, and ``killed/CASE/out``, which a second run completed. ``results.json`` tells how many shards it kept.
"""

import json
import os
import resource
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import dsdm
from dsdm.dataset import open_dataset
from dsdm.demo.torch_file import write_tensor

TOTAL = 40
SHARDS = 9
"""So many that of the files of an output ``dsdm.json`` is the longest, and what a killed run writes last."""
ROWS = np.random.default_rng(0).permutation(TOTAL)[:12]
ATTEMPTS = 50

Case = Callable[[str], object]


def main(folder: Path) -> None:
    """Make everything."""
    os.chdir(folder)
    make_sources()
    results = {}
    for name, case in cases().items():
        whole, killed = (f"{kind}/{name}/out" for kind in ("whole", "killed"))
        prepare(name, whole)
        case(whole)
        prepare(name, killed)
        limit = max(path.stat().st_size for path in Path("whole", name).rglob("*.*")) - 1
        forked(lambda case=case, killed=killed: case(killed), limit=limit)
        keep(name)
        report = case(killed)
        results[name] = getattr(report, "kept", None)
    complete_and_unnamed(Path("left/complete"))
    complete_and_unnamed(Path("left/replacing"), overwrite=True)
    Path("results.json").write_text(json.dumps(results))


def make_sources() -> None:
    """Write a corpus with token lists and pictures, and scores of its rows."""
    rng = np.random.default_rng(1)
    Path("pictures").mkdir()
    for number in range(TOTAL):
        Path(f"pictures/{number}.png").write_bytes(bytes([number]) * 20)
    ragged = [rng.integers(0, 2**15, number % 5) for number in range(TOTAL)]
    columns = {
        "text": [f"row {number}" for number in range(TOTAL)],
        "input_ids": pa.array(list(rng.integers(0, 2**15, (TOTAL, 4), dtype=np.uint16)), pa.list_(pa.uint16())),
        "ragged": pa.array(ragged, pa.list_(pa.int32())),
    }
    Path("corpus").mkdir()
    for part in range(2):
        half = slice(part * TOTAL // 2, (part + 1) * TOTAL // 2)
        pq.write_table(pa.table({name: values[half] for name, values in columns.items()}), f"corpus/{part}.parquet")
        Path(f"hive/part={'ab'[part]}/n=1").mkdir(parents=True)
        shutil.copy(f"corpus/{part}.parquet", f"hive/part={'ab'[part]}/n=1/0.parquet")
    Path("lacking").mkdir()
    for part, more in enumerate(({}, {"number": range(TOTAL)})):
        pq.write_table(pa.table({"text": columns["text"], **more}), f"lacking/{part}.parquet")
    stored = [{"bytes": None, "path": f"pictures/{number}.png"} for number in range(TOTAL)]
    features = datasets.Features({"image": datasets.Image(decode=False), "id": datasets.Value("int64")})
    images = pa.table({"image": stored, "id": range(TOTAL)}).cast(features.arrow_schema)
    pq.write_table(images, "images.parquet")
    scores = rng.random(TOTAL, dtype=np.float32)
    np.save("scores.npy", scores)
    np.save("no.npy", np.array([3, 4]))
    np.save("some.npy", np.arange(5, TOTAL))
    pq.write_table(pa.table({"id": range(TOTAL), "quality": scores}), "scores.parquet")
    groups = {"domain": ["a"] * 4 + ["b"] * (TOTAL - 4), "number": [1] * 20 + [2] * 20, "one": [1] * TOTAL}
    pq.write_table(pa.table(groups), "groups.parquet")
    Path("data/dsir").mkdir(parents=True)
    write_tensor(Path("data/dsir/squad.pt"), scores)


def prepare(name: str, out: str) -> None:
    """Make the directory around an output, and for an overwrite what it replaces."""
    Path(out).parent.mkdir(parents=True)
    if name == "overwrite":
        dsdm.materialize("corpus", [1], out, progress=False)


def forked(work: Callable[[], object], *, limit: int) -> None:
    """Do something in a process that is killed as soon as it writes a file beyond a limit."""
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        try:
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), status
    assert os.WTERMSIG(status) == signal.SIGXFSZ


def keep(name: str) -> None:
    """Copy what a killed run left."""
    for left in Path("killed", name).rglob(".*.dsdm-*"):
        shutil.copytree(left, Path("left", name, left.name))
    assert Path("left", name).exists(), name


def complete_and_unnamed(parent: Path, **options: Any) -> None:
    """Leave an output that is complete, because something took its name while it was written, or lies in its place."""
    for _ in range(ATTEMPTS):
        parent.mkdir(parents=True)
        out, staging = parent / "out", parent / ".out.dsdm-unfinished"
        if options:
            write(str(out), [1])
        taking = threading.Thread(target=take_name, args=(out, staging))
        taking.start()
        with suppress(FileExistsError, ValueError):
            write(str(out), num_shards=len(ROWS), **options)
        taking.join()
        if (staging / "journal").exists():
            return
        shutil.rmtree(parent)
    sys.exit("every run was faster than the one that takes its name")


def take_name(out: Path, staging: Path) -> None:
    replaced = out.stat().st_ino if out.exists() else None
    while not (staging / "plan.json").exists() and (out.stat().st_ino if out.exists() else None) == replaced:
        pass
    out.mkdir(exist_ok=True)
    (out / "notes.txt").touch()


def write(out: str, rows: Any = ROWS, source: Any = "corpus", **options: Any) -> object:
    shards = min(SHARDS, max(len(rows), 1))
    return dsdm.materialize(source, rows, out, **{"num_shards": shards, "progress": False, **options})


def chosen(told: Mapping[str, Any], rows: Any = ROWS) -> Case:
    return lambda out: write(out, rows, selection=told)


def command(*arguments: str) -> Case:
    """Run the command, which tells how it chose the rows."""

    def run(out: str) -> None:
        from dsdm.cli import main as dsdm_main

        sys.argv = ["dsdm", "materialize", "corpus", out, "-k", "12", "--num-shards", str(SHARDS), *arguments]
        with suppress(SystemExit):
            dsdm_main()

    return run


def in_cache(out: str) -> None:
    """Select more rows than memory may hold: they go into the cache, under the name of their fingerprint."""
    datasets.config.HF_DATASETS_CACHE = Path(out)
    dsdm.select("corpus", range(TOTAL), memory_limit=1)


def cases() -> dict[str, Case]:
    """Give what to run, by name."""
    scores = dsdm.open_scores("scores.npy")
    best = {"by": "top_k", "scores": "scores.npy", "arguments": {"k": 12, "largest": False, "threads": 1}}
    drawn = {"by": "gumbel_top_k", "scores": ["scores.npy"], "rows": TOTAL, "exclude": "no.npy"}
    drawn |= {"reading": {"io": "pread"}, "arguments": {"k": 12, "seed": 2**64 - 1, "temperature": 0.5}}
    random = {"by": "get_indices", "arguments": {"method": "random", "k": 12, "seed": 5, "rows": TOTAL}}
    gone = {"by": "top_k", "scores": ["gone.npy"], "arguments": {"k": 12, "exclude": [1]}}
    own = {"by": "a colleague", "note": [1.5, None, True, {"x": []}]}
    options = {"k": 12, "seed": 2**64 - 1, "temperature": 0.5, "exclude": np.load("no.npy")}
    by_dsir = ("--by", "dsir", "--target", "squad", "--data-dir", "data", "--seed", "3", "--noise", "numpy")
    by_column = ("--by", "scores.parque?", "--column", "quality", "--gumbel", "--seed", "3", "--exclude", "no.npy")
    within = dsdm.choose(scores, tokens=12, lengths=np.ones(TOTAL, np.int64), min_score=-np.inf, max_score=1)
    between = dsdm.choose(scores, k=12, quantile=(0.0, 1.0), ties="random", seed=4)
    nearest = dsdm.choose(scores, k=12, near=0.5)
    numbers, ones = (dsdm.open_scores("groups.parquet", column=name) for name in ("number", "one"))
    lists = dsdm.open_shards("corpus").lengths("ragged")
    divided = dsdm.choose(scores, tokens=40, lengths=lists, groups=numbers, like="equal")
    counted = dsdm.choose(scores, tokens=12, lengths=ones)
    copies = dsdm.choose(scores, groups=numbers, per_group=4, repeat={1: 1, 2: 2})
    replaced = dsdm.choose(ones, k=12, replace=True, seed=6)
    hive = dsdm.open_shards("hive", hive=True, schema="union")
    of_hive = dsdm.choose(scores, tokens=12, lengths=hive.lengths("n"), groups=hive.groups("part"), like="equal")
    by_groups = ("--by", "scores.npy", "--groups", "groups.parquet:domain", "--like", "equal")
    Path("ids/part=1").mkdir(parents=True)
    pq.write_table(pa.table({"id": range(TOTAL)}), "ids/part=1/ids.parquet")
    joined = dsdm.choose(dsdm.align("scores.parquet", "ids", hive=True, schema="union"), k=12)
    pq.write_table(pa.table({"domain": pa.array(["a", None] * (TOTAL // 2))}), "null.parquet")
    by_null = ("--by", "scores.npy", "--groups", "null.parquet:domain", "--like", "equal", "--null-groups", "group")
    by_position = ("--by", "scores.parquet", "--column", "quality", "--by-position")
    by_rule = ("--by", "scores.npy", "--gumbel", "--min-score", "0", "--only", "some.npy", "--seed", "3")
    return {
        "arrow": lambda out: write(out, row_ids="row", scores={"quality": scores}, verify=True),
        "parquet": lambda out: write(out, format="parquet", columns=["text"], scores=scores, row_order="row"),
        "chunks": lambda out: write(out, format="parquet", content_defined_chunking=True, split="test", card=True),
        "split": lambda out: write(out, split="validation"),
        "jsonl": lambda out: write(out, format="jsonl", row_ids="row", scores=scores),
        "tokens": lambda out: write(out, format="tokens"),
        "ragged": lambda out: write(out, format="tokens", columns=["ragged"], row_order="shuffle", seed=7),
        "no rows": lambda out: write(out, [], format="tokens"),
        "bin": lambda out: write(out, format="bin", columns=["ragged"], token_dtype="uint16"),  # noqa: S106 - a type
        "modded-nanogpt": lambda out: write(out, format="modded-nanogpt"),
        "megatron": lambda out: write(out, format="megatron", columns=["ragged"], row_order="shuffle", seed=7),
        "litdata": lambda out: write(out, format="litdata"),
        "shuffle": lambda out: write(out, row_order="shuffle", seed=2**63 - 1, paths="absolute"),
        "overwrite": lambda out: write(out, overwrite=True),
        "union": lambda out: write(out, source="lacking", schema="union"),
        "table": lambda out: write(out, source=pa.table({"a": range(TOTAL)})),
        "dataset": lambda out: write(out, source=open_dataset("corpus")),
        "picked": lambda out: write(out, source=open_dataset("corpus").select(range(TOTAL - 1, -1, -1))),
        "saved": lambda out: open_dataset("corpus").select(ROWS).save_to_disk(out, num_shards=SHARDS),
        "cache": in_cache,
        "images": lambda out: write(out, source="images.parquet"),
        "best": chosen(best, dsdm.top_k(scores, 12, largest=False)),
        "drawn": chosen(drawn, dsdm.gumbel_top_k(scores, **options)),
        "random": chosen(random, dsdm.get_indices("random", 12, seed=5, rows=TOTAL)),
        "gone": chosen(gone),
        "own": chosen(own),
        "bounds": lambda out: write(out, within),
        "quantile": lambda out: write(out, between),
        "near": lambda out: write(out, nearest),
        "budgets": lambda out: write(out, divided),
        "lengths": lambda out: write(out, counted),
        "copies": lambda out: write(out, copies),
        "hive": lambda out: write(out, of_hive, "hive", hive=True, schema="union", num_shards=12),
        "replaced": lambda out: write(out, replaced),
        "groups": command(*by_groups, "--short", "keep"),
        "null": command(*by_null),
        "rule": command(*by_rule),
        "joined": lambda out: write(out, joined),
        "position": command(*by_position),
        "dsir": command(*by_dsir, "--nan", "omit", "--order", "row", "--row-order", "row"),
        "column": command(*by_column, "--temperature", "2", "--sort", "name", "--partial"),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
