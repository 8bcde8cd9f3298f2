"""Turns score vectors into training subsets.

>>> import dsdm, numpy as np
>>> scores = np.array([0.1, 0.9, 0.4, 0.9], dtype=np.float32)
>>> dsdm.top_k(scores, 2)
array([1, 3])

The names below are imported when they are first used, so that ``import dsdm`` costs next to nothing.
``dsdm.selections`` and ``dsdm.utils`` stand in for the modules of the reference code.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from dsdm._native import __version__

if TYPE_CHECKING:
    from dsdm.dataset import Report, Shards, materialize, open_shards, select
    from dsdm.errors import (
        ChecksumError,
        FormatError,
        InternalError,
        JobNotFinishedError,
        ResumeMismatchError,
        SchemaError,
        SourceChangedError,
        TruncatedError,
        UnsafePickleError,
    )
    from dsdm.jobs.job import Job, JobStatus, open_job
    from dsdm.jobs.planning import plan_job
    from dsdm.joins.align import Aligned, align
    from dsdm.reporting.diagnosis import Diagnosis, diagnose
    from dsdm.reporting.report import SelectionReport, report
    from dsdm.rows.planning import Plan, plan
    from dsdm.rows.told.earlier import written_rows
    from dsdm.rows.verifying import Verified, verify
    from dsdm.scores import Scores, open_scores
    from dsdm.selection.indices import gumbel_top_k, sample, top_k
    from dsdm.selection.methods import get_indices, method_scores
    from dsdm.selection.rules.choose import choose
    from dsdm.selection.rules.chosen import Selection
    from dsdm.selection.rules.round_robin import round_robin
    from dsdm.selection.seeds import last_seed
    from dsdm.selection.summary import Description
else:
    from dsdm.names import public_names

    _HOMES = {
        "dsdm.dataset": ("Report", "Shards", "materialize", "open_shards", "select"),
        "dsdm.reporting.diagnosis": ("Diagnosis", "diagnose"),
        "dsdm.errors": (
            "ChecksumError",
            "FormatError",
            "InternalError",
            "JobNotFinishedError",
            "ResumeMismatchError",
            "SchemaError",
            "SourceChangedError",
            "TruncatedError",
            "UnsafePickleError",
        ),
        "dsdm.selection.indices": ("gumbel_top_k", "sample", "top_k"),
        "dsdm.selection.methods": ("get_indices", "method_scores"),
        "dsdm.selection.rules.choose": ("choose",),
        "dsdm.selection.rules.chosen": ("Selection",),
        "dsdm.selection.rules.round_robin": ("round_robin",),
        "dsdm.selection.seeds": ("last_seed",),
        "dsdm.selection.summary": ("Description",),
        "dsdm.jobs.job": ("Job", "JobStatus", "open_job"),
        "dsdm.jobs.planning": ("plan_job",),
        "dsdm.joins.align": ("Aligned", "align"),
        "dsdm.reporting.report": ("SelectionReport", "report"),
        "dsdm.rows.planning": ("Plan", "plan"),
        "dsdm.scores": ("Scores", "open_scores"),
        "dsdm.rows.told.earlier": ("written_rows",),
        "dsdm.rows.verifying": ("Verified", "verify"),
    }
    _HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
    _MODULES = ("dataset", "errors", "reference", "scores", "selections", "utils")

    def __getattr__(name: str) -> object:
        if name in _MODULES:
            return import_module(f"dsdm.{name}")
        if name not in _HOME_OF:
            message = f"module 'dsdm' has no attribute {name!r}"
            raise AttributeError(message)
        value = getattr(import_module(_HOME_OF[name]), name)
        globals()[name] = value
        return value

    __dir__ = public_names(globals(), *_MODULES)


__all__ = [
    "Aligned",
    "ChecksumError",
    "Description",
    "Diagnosis",
    "FormatError",
    "InternalError",
    "Job",
    "JobNotFinishedError",
    "JobStatus",
    "Plan",
    "Report",
    "ResumeMismatchError",
    "SchemaError",
    "Scores",
    "Selection",
    "SelectionReport",
    "Shards",
    "SourceChangedError",
    "TruncatedError",
    "UnsafePickleError",
    "Verified",
    "__version__",
    "align",
    "choose",
    "diagnose",
    "get_indices",
    "gumbel_top_k",
    "last_seed",
    "materialize",
    "method_scores",
    "open_job",
    "open_scores",
    "open_shards",
    "plan",
    "plan_job",
    "report",
    "round_robin",
    "sample",
    "select",
    "top_k",
    "verify",
    "written_rows",
]
