"""A job planned: rows chosen once, cut into units, and written down: :func:`plan_job`."""

import json
import os
import secrets
import shutil
from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import Any, Literal

import numpy as np

from dsdm import checks
from dsdm._native import layout_of_units
from dsdm.jobs.job import Job
from dsdm.jobs.place import PLAN, job_of
from dsdm.jobs.plan import Plan, read_plan
from dsdm.jobs.rows import told_of_scores, write_added, write_rows
from dsdm.jobs.sources import write_sources
from dsdm.names import close
from dsdm.paths import PathLike
from dsdm.rows.added_columns import added_table
from dsdm.rows.materializing import materialize
from dsdm.rows.options import Arguments
from dsdm.rows.output.described import Output, output_of
from dsdm.rows.releases import installed
from dsdm.rows.request import open_request
from dsdm.scores import open_scores
from dsdm.selection.rules.choose import choose
from dsdm.selection.rules.chosen import Selection
from dsdm.shown import safe_messages

_ORDERS = ("row", "best_first", "best_last", "shuffle", "given")
_OF_RULE = tuple(name for name in signature(choose).parameters if name not in ("scores", "order", "threads"))
_OF_OUTPUT = tuple(
    name
    for name in signature(materialize).parameters
    if name not in ("source", "indices", "out_dir", "row_order", "seed", "scores", "selection", "resume", "verify")
)


@safe_messages
def plan_job(
    source: Any,
    scores: Any,
    *,
    out: PathLike,
    order: Literal["row", "best_first", "best_last", "shuffle", "given"] = "row",
    shuffle_seed: int | None = None,
    added_scores: Any = None,
    **options: Any,
) -> Job:
    """Plan an output that is made in units, by any number of processes on any number of machines.

    The rows are chosen here, once. The plan lies beside the output, in ``.NAME.dsdm-job``, where every machine must
    find it and the sources by the same paths. Each unit is one shard: :meth:`Job.run` makes units, and
    :meth:`Job.finalize` puts them together. The output has the bytes that one process writes:
    ``materialize(source, choose(scores, ..., order=order), out, ...)``.

    Parameters
    ----------
    source
        As in :func:`open_shards`; it must lie in files.
    scores
        By what rows are chosen: a :class:`Scores`, an array, or the path of score files; with the arguments of
        :func:`choose`, such as ``k=``, ``min_score=`` or ``groups=`` with ``per_group=``. Or a :class:`Selection`.
    out
        The directory to make.
    order
        The order of the rows: ``"row"``, ascending, in which a unit reads few files; ``"best_first"`` or
        ``"best_last"``; ``"shuffle"``; or that of a selection as it is, ``"given"``.
    shuffle_seed
        For ``order="shuffle"``; fresh if not given.
    added_scores
        As `scores` of :func:`materialize`: scores that are added as columns.
    **options
        The arguments of :func:`choose` that say which rows, and those of :func:`materialize` that say how they are
        written: ``format``, ``columns``, ``row_ids``, ``num_shards``, ``max_shard_size`` and so on.

    Returns
    -------
    Job
        The job. Where the same was planned before, as by a planning step that was started again, it is that one.

    Raises
    ------
    FileExistsError
        If there is something at `out`, or another job of it.
    ValueError, TypeError
        As :func:`choose` and :func:`materialize` have them; for a source that lies in no files.

    Notes
    -----
    Planning reads the scores, and of the sources what says where rows lie. Memory is that of the chosen row numbers.

    Examples
    --------
    >>> import dsdm, numpy as np, pyarrow as pa, pyarrow.parquet as pq, tempfile
    >>> place = tempfile.mkdtemp()
    >>> pq.write_table(pa.table({"n": range(100)}), place + "/rows.parquet")
    >>> job = dsdm.plan_job(place + "/rows.parquet", np.arange(100.0), out=place + "/best", k=10, num_shards=2)
    >>> job.run(units=[1], progress=False), job.run(progress=False)
    ([1], [0])
    >>> job.finalize().rows
    10
    """
    checks.one_of("order", order, _ORDERS)
    checks.check_seed(shuffle_seed, "shuffle_seed")
    rule, output = _told_apart(options)
    arguments = _arguments(source, scores, out, order, shuffle_seed, rule, output, added_scores)
    request = open_request(arguments, writes=True)
    if not request.source.files or request.source.mapping is not None or request.source.dataset is not None:
        message = (
            "a job reads files, which every machine opens by itself, and these rows are a table or a dataset in "
            "memory; name their files, or write them first by dsdm.materialize"
        )
        raise ValueError(message)
    seed = arguments.seed
    if order == "shuffle" and seed is None:
        seed = secrets.randbits(63)
    found = output_of(request, seed)
    place = job_of(out)
    return _written(request.path, place, found)


def _told_apart(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arguments that say which rows are chosen, and those that say how they are written."""
    for name in options:
        if name not in _OF_RULE and name not in _OF_OUTPUT:
            meant = close(name, (*_OF_RULE, *_OF_OUTPUT, "order", "shuffle_seed", "added_scores"))
            hint = f"; {meant} is one" if meant else ""
            message = f"plan_job has no argument {name}{hint}"
            raise TypeError(message)
    rule = {name: value for name, value in options.items() if name in _OF_RULE}
    return rule, {name: value for name, value in options.items() if name in _OF_OUTPUT}


def _arguments(
    source: Any,
    scores: Any,
    out: PathLike,
    order: str,
    shuffle_seed: int | None,
    rule: dict[str, Any],
    output: dict[str, Any],
    added_scores: Any,
) -> Arguments:
    """Return the arguments of the call of :func:`materialize` that writes the same, with the rows chosen."""
    threads = output.get("threads")
    if shuffle_seed is not None and order != "shuffle":
        message = f"shuffle_seed={shuffle_seed} belongs to order='shuffle', and order is {order!r}; leave it out"
        raise ValueError(message)
    if isinstance(scores, Selection):
        if rule:
            message = (
                f"{next(iter(rule))} is given, and the rows are a Selection, which is chosen already; leave it out"
            )
            raise ValueError(message)
        if order in ("best_first", "best_last"):
            message = f"order={order!r} is for scores, and the rows are a Selection in its own order; say order='given'"
            raise ValueError(message)
        chosen, row_order = scores, order
    else:
        if order == "given":
            message = "order='given' is for a Selection, and rows are chosen by scores here; say order='best_first'"
            raise ValueError(message)
        vector = open_scores(scores) if isinstance(scores, str | os.PathLike) else scores
        in_order: Any = order if order in ("best_first", "best_last") else "row"
        chosen = choose(vector, **rule, order=in_order, threads=threads)
        row_order = "shuffle" if order == "shuffle" else "given"
    defaults = {
        name: parameter.default for name, parameter in signature(materialize).parameters.items() if name != "source"
    }
    given = {"source": source, "indices": chosen, "out_dir": out, "row_order": row_order, "seed": shuffle_seed}
    return Arguments(**{**defaults, **output, **given, "scores": added_scores, "resume": True})


def _written(out: str, place: Path, output: Output) -> Job:
    """Write a plan, whole or not at all, and return the job; that which is there if it is the same."""
    arguments, source = output.request.arguments, output.request.source
    extras = added_table(output.rows[:0], arguments.row_ids, dict(output.vectors))
    options = output.options()
    layout = json.loads(
        layout_of_units(source.corpus, len(output.rows), options, extras=extras, threads=arguments.threads)
    )
    head, files = source.corpus.describe()
    unfinished = place.with_name(f"{place.name}.part-{secrets.token_hex(8)}")
    unfinished.mkdir(parents=True)
    try:
        plan = Plan(
            out=os.path.abspath(out),  # noqa: PTH100 - not resolved
            rows=len(output.rows),
            seed=output.seed,
            options=_options_told(output),
            layout=layout,
            corpus=json.loads(head),
            row_ids=arguments.row_ids,
            added=_added(unfinished, output),
        )
        write_sources(unfinished, files)
        write_rows(unfinished, source.rows(output.rows), layout["ends"])
        (unfinished / PLAN).write_text(plan.text())
        _name(unfinished, place, plan)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return Job(out, place, plan)


def _name(unfinished: Path, place: Path, plan: Plan) -> None:
    """Give a job its name, unless the same is there."""
    for path in sorted(unfinished.rglob("*"), reverse=True):
        _sync(path)
    try:
        unfinished.rename(place)
    except OSError:
        if not place.is_dir():
            raise
        there = read_plan(place)
        if there.known_by != plan.known_by:
            message = (
                f"{place}: another job of {plan.out} is planned there, of {there.rows:,} rows in {there.units:,} "
                "units; open it by dsdm.open_job, or remove the directory to plan anew"
            )
            raise FileExistsError(message) from None
    _sync(place.parent)


def _sync(path: Path) -> None:
    """Bring a file or a directory to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _options_told(output: Output) -> dict[str, Any]:
    """Return the arguments of the engine's options, as JSON has them."""
    arguments = output.request.arguments
    return {
        "format": arguments.format,
        "dtype": arguments.token_dtype,
        "by_content": arguments.content_defined_chunking,
        "overwrite": arguments.overwrite,
        "resume": "either",
        "resumable": True,
        "absolute": arguments.paths == "absolute",
        "datasets": installed(),
        "embed": True,
        **output.told,
    }


def _added(job: Path, output: Output) -> list[dict[str, Any]]:
    """Return the columns of scores that are added, and write down the values of those that lie in no file."""
    told = []
    for number, (name, vector) in enumerate(output.vectors.items()):
        made = told_of_scores(vector)
        if made is None:
            table = added_table(output.rows, None, {name: vector})
            write_added(job, number, np.empty(0) if table is None else table.column(name).to_numpy())
        told.append({"name": name, "scores": made})
    return told
