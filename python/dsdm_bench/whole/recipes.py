"""How each system does a whole job, from the saved corpus to the saved subset.

A recipe is given a task: the directory ``corpus``, the directory ``out`` to write to, which exists and is empty, the
budget ``tokens``, the number ``k`` and the ``share`` that it is of the rows, the number of ``threads``, and the file
``script`` of QuRating's. The file is loaded by processes that import nothing but what they run; so it imports nothing
of this package.
"""

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

Task = dict[str, Any]


def dsdm_budget(task: Task) -> None:
    """Take the best rows that reach the budget, in the order of the corpus, as QuRating's script writes them."""
    dsdm = import_module("dsdm")
    shards = dsdm.open_shards(task["corpus"])
    scores = dsdm.open_scores(task["corpus"], column="score")
    chosen = dsdm.choose(scores, tokens=task["tokens"], lengths=shards.lengths("length"), at_least=True, order="row")
    dsdm.materialize(shards, chosen, _out(task), progress=False)


def qurating_budget(task: Task) -> None:
    """Run QuRating's script as it is, in one more process, told to save all rows in one directory."""
    options = ["--metric_field", "score", "--seq_len_field", "length", "--tokens", str(task["tokens"])]
    options += ["--tokens_per_shard", str(2 * task["tokens"]), "--num_workers", str(task["threads"])]
    command = [sys.executable, task["script"], task["corpus"], _out(task), *options]
    subprocess.run(command, check=True)  # noqa: S603 - the user names the script


def dsdm_share(task: Task) -> None:
    """Take a share of the rows, best first."""
    dsdm = import_module("dsdm")
    scores = dsdm.open_scores(task["corpus"], column="score")
    dsdm.materialize(task["corpus"], dsdm.choose(scores, fraction=task["share"]), _out(task), progress=False)


def data_juicer_share(task: Task) -> None:
    """Run data-juicer's selector between ``load_from_disk`` and ``save_to_disk``."""
    datasets = import_module("datasets")
    of = import_module("data_juicer.ops.selector.topk_specified_field_selector")
    selector = of.TopkSpecifiedFieldSelector(field_key="score", top_ratio=task["share"])
    selector.process(datasets.load_from_disk(task["corpus"])).save_to_disk(_out(task))


def _out(task: Task) -> str:
    return str(Path(task["out"]) / "subset")
