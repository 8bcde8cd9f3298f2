"""A job put together: the output with the files beside the shards, under its name."""

import json
import time
from pathlib import Path

from dsdm._native import Corpus, finish_units
from dsdm.jobs.place import note_of
from dsdm.jobs.plan import Plan
from dsdm.jobs.units import added_to
from dsdm.rows.materializing import Report
from dsdm.selection.record.manifest import read_manifest


def put_together(out: str, job: Path, plan: Plan, corpus: Corpus) -> Report:
    """Put all units of a job together."""
    import numpy as np

    begun = time.perf_counter()
    notes = [note_of(job, unit).read_text() for unit in range(plan.units)]
    written = finish_units(
        corpus,
        plan.output_options(),
        json.dumps(plan.layout),
        plan.known_by,
        notes,
        job,
        out,
        extras=added_to(job, plan, [], np.empty(0, np.int64)),
    )
    seconds = time.perf_counter() - begun
    return Report(out, written.rows, written.shards, written.bytes, seconds, 0, written.fingerprint, plan.seed)


def finished(out: str, plan: Plan, job: Path) -> Report | None:
    """Return what a job has made, if the output is there and is its: as after a call that was killed at its end.

    By the notes of the units it is told from another output of the same rows, as long as they are there.
    """
    if not Path(out, "dsdm.json").exists():
        return None
    manifest = read_manifest(out)
    told = json.loads(plan.options["selection"])
    if manifest.given != told.get("given") or len(manifest.shards) != plan.units:
        return None
    for unit, shard in enumerate(manifest.shards):
        start, end = plan.bounds(unit)
        note = note_of(job, unit)
        noted = json.loads(note.read_text())["unit"] if note.exists() else {**shard, "rows": end - start}
        if any(noted[name] != shard.get(name) for name in ("rows", "indices", "digest")):
            return None
    fingerprint = str(manifest.fingerprint)
    return Report(out, plan.rows, plan.units, manifest.nbytes, 0.0, 0, fingerprint, plan.seed)
