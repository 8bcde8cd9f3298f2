"""``dsdm demo``: a small corpus with scores of the reference layout, and every method run on every target.

Each selection is compared with a plain numpy computation, and each dataset that is written is opened by
``datasets.load_from_disk`` and compared with the rows of the corpus.
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import dsdm
from dsdm.demo.corpus import ROW_TOKENS, make_rows, text_of, write_shards
from dsdm.demo.scores import write_scores
from dsdm.reference import DSDM_MIX, METHODS, SEMDEDUP_FILE, UNUSED, Method, Target, targets_of
from dsdm.shown import shown

SEED = 1337
_SHARE = 10
_MARKER = ".dsdm-demo"
_SHOWN: tuple[tuple[Method, Target], ...] = (("dsdm", "cs_algorithms"), ("dsdm", "jeopardy"), ("classifier", "squad"))
_SNIPPET = 76


@dataclass(frozen=True)
class Made:
    """What was made: the rows of the corpus, and the score vectors by path."""

    folder: Path
    rows: NDArray[np.uint16]
    vectors: dict[str, NDArray[np.generic]]

    def scores(self, method: str, target: str) -> NDArray[np.floating[Any]]:
        """The scores of a method for a target, computed the plain way."""
        if (method, target) == ("dsdm", "lm_task_mix"):
            first, second, third = (self.scores("dsdm", part) for part in DSDM_MIX)
            return (first + second + third) / np.float32(3)
        return self.vectors[f"{method}/{target}.pt"].astype(np.float32, copy=False)


class WrongError(RuntimeError):
    """The demonstration found a result that differs from the plain computation."""


def run(folder: Path, limit: int) -> None:
    """Make the corpus and the scores in `folder`, run everything, and print what was done.

    Raises
    ------
    FileExistsError
        If the directory has other content than that of an earlier demonstration.
    WrongError
        If a result differs from the plain numpy computation.

    """
    began = time.perf_counter()
    _claim(folder)
    made = _make(folder, limit)
    k = len(made.rows) // _SHARE
    _say("", f"Every method on every target: {k} of {len(made.rows):,} rows", "")
    _say(f"  {'method':<11}{'target':<15}{'indices':<15}{'dataset':<15}directory")
    for method in METHODS:
        for target in targets_of(method) or (None,):
            _run_one(made, method, target, k)
    _show_best(made)
    _say("", f"Done in {time.perf_counter() - began:.1f} s. All of it is in {folder}. Try next:", "")
    _say(*_next_steps(folder), "")


def _say(*lines: str) -> None:
    """Print lines; a break within one of them is that of a name, and is spelled."""
    for line in lines:
        print(shown(line))


def _claim(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()) and not (folder / _MARKER).exists():
        message = f"{folder}: it has content that no demonstration made; name another directory"
        raise FileExistsError(message)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MARKER).touch()


def _make(folder: Path, limit: int) -> Made:
    rows = make_rows(limit)
    _remove_old_shards(folder / "corpus" / "data")
    shards = write_shards(rows, folder / "corpus" / "data")
    _say(f"corpus  {folder / 'corpus'}  {len(rows):,} rows of {ROW_TOKENS:,} tokens in {len(shards)} Parquet shards")
    _say("        documentation and licences found on this machine; a token is a byte")
    vectors = write_scores(rows, folder / "data")
    _say(f"scores  {folder / 'data'}  {len(vectors)} .pt files of the reference layout, one score per row")
    return Made(folder, rows, vectors)


def _remove_old_shards(folder: Path) -> None:
    for shard in folder.glob("*.parquet"):
        shard.unlink()


def _run_one(made: Made, method: Method, target: Target | None, k: int) -> None:
    """Select, compare, write, open, compare, and print one line."""
    indices = _select(made, method, target, k)
    right = _is_right(made, method, target, indices)
    out = made.folder / "subsets" / "-".join(filter(None, (method, target)))
    told = {"by": "get_indices", "arguments": {"method": method, "k": k, "target": target, **_options(made, method)}}
    dsdm.materialize(made.folder / "corpus", indices, out, overwrite=True, selection=told)
    same = _holds(out, made.rows[indices])
    as_it_must_be = "= numpy" if target else "as drawn"
    _say(f"  {method:<11}{target or '':<15}{_tick(right, as_it_must_be):<15}{_tick(same, 'same rows'):<15}{out}")
    if not (right and same):
        message = f"{method} {target or ''}: the result differs from the plain computation; please report it"
        raise WrongError(message)


def _select(made: Made, method: Method, target: Target | None, k: int) -> NDArray[np.int64]:
    return dsdm.get_indices(method, k, target, **_options(made, method))


def _options(made: Made, method: Method) -> dict[str, Any]:
    options: dict[str, Any] = {"data_dir": made.folder / "data", "seed": SEED, "noise": "numpy", "rows": len(made.rows)}
    return {name: value for name, value in options.items() if name not in UNUSED[method]}


def _is_right(made: Made, method: Method, target: Target | None, indices: NDArray[np.int64]) -> bool:
    """Compare a selection with what numpy gives, or for a uniform draw with what must hold of one."""
    k = len(indices)
    if target is not None:
        keys = made.scores(method, target)
        if method == "dsir":
            keys = keys.astype(np.float64) + np.random.default_rng(SEED).gumbel(size=len(keys))
        return bool(np.array_equal(indices, np.argsort(-keys, kind="stable")[:k]))
    allowed = made.vectors[SEMDEDUP_FILE] if method == "semdedup" else np.arange(len(made.rows))
    again = _select(made, method, target, k)
    return len(np.unique(indices)) == k and bool(np.isin(indices, allowed).all()) and np.array_equal(indices, again)


def _holds(folder: Path, rows: NDArray[np.uint16]) -> bool:
    """Open a dataset directory as a training job does, and compare all of it."""
    import datasets

    table = datasets.load_from_disk(str(folder)).with_format("numpy")
    texts = list(map(text_of, rows))
    return table.column_names == ["input_ids", "text"] and (
        np.array_equal(np.stack(table[:]["input_ids"]), rows) and list(table[:]["text"]) == texts
    )


def _show_best(made: Made) -> None:
    _say("", "The best row, as text:")
    for method, target in _SHOWN:
        best = int(dsdm.get_indices(method, 1, target, data_dir=made.folder / "data")[0])
        text = " ".join(text_of(made.rows[best]).split())
        _say(f"  {method} {target}, row {best}: {text[:_SNIPPET]}…".encode(_encoding(), "replace").decode(_encoding()))


def _next_steps(folder: Path) -> list[str]:
    return [
        f"  dsdm scores {folder}/data/dsdm/squad.pt",
        f"  dsdm indices classifier --target squad --fraction 0.05 --data-dir {folder}/data -o {folder}/rows.npy",
        f"  dsdm materialize {folder}/corpus {folder}/rows --indices {folder}/rows.npy",
        f"  dsdm report {folder}/subsets/dsdm-squad {folder}/subsets/classifier-squad --html {folder}/report.html",
        f"  python -c \"import datasets; print(datasets.load_from_disk('{folder}/subsets/dsdm-squad'))\"",
    ]


def _tick(right: bool, words: str) -> str:  # noqa: FBT001 - it is the value shown
    signs = ("✓ ", "✗ ") if _encoding().startswith("utf") else ("", "")
    return signs[not right] + (words if right else "differs")


def _encoding() -> str:
    return (sys.stdout.encoding or "ascii").lower()
