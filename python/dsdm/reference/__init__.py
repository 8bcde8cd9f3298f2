"""The score files that the reference repository publishes: what they are, and where they are looked for.

Sixteen float32 vectors with one score per candidate row, and ``sdd.pt`` with the row ids that SemDeDup keeps.
A directory holds them as the reference repository does: ``dsdm/squad.pt``, ``classifier/squad.pt``, ``sdd.pt``.
"""

import difflib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from dsdm.names import public_names
from dsdm.paths import PathLike, local
from dsdm.shown import shown

__all__ = [
    "DATASET_SIZE",
    "DSDM_MIX",
    "METHODS",
    "SEMDEDUP_FILE",
    "TARGETED_METHODS",
    "TARGETS",
    "UNTARGETED_METHODS",
    "UNUSED",
    "Method",
    "ReferenceFile",
    "Target",
    "cache_dir",
    "check_method",
    "files_of",
    "find_file",
    "find_files",
    "places",
    "reference_files",
    "refuse_unused",
    "targets_of",
    "unknown",
]

logger = logging.getLogger(__name__)

DATASET_SIZE = 216_948_746
"""The rows of the candidate corpus."""

Target: TypeAlias = Literal["jeopardy", "squad", "lambada", "cs_algorithms", "lm_task_mix", "gpt3_mix"]
"""The name of a target task."""

Method: TypeAlias = Literal["dsdm", "classifier", "dsir", "random", "semdedup"]
"""The name of a method."""

TARGETS: tuple[Target, ...] = get_args(Target)
"""The target tasks."""

TARGETED_METHODS: tuple[Method, ...] = ("dsdm", "classifier", "dsir")
"""The methods that score every row for a target."""

UNTARGETED_METHODS: tuple[Method, ...] = ("random", "semdedup")
"""The methods that know no target."""

METHODS: tuple[Method, ...] = TARGETED_METHODS + UNTARGETED_METHODS
"""Every method."""

UNUSED: Mapping[str, tuple[str, ...]] = {
    "dsdm": ("seed", "temperature", "noise"),
    "classifier": ("seed", "temperature", "noise"),
    "dsir": (),
    "random": ("data_dir", "nan", "temperature", "noise"),
    "semdedup": ("nan", "temperature", "noise"),
}
"""The options that a method has no use for."""

SEMDEDUP_FILE = "sdd.pt"
"""The row ids that SemDeDup keeps."""

DSDM_MIX = ("jeopardy", "squad", "lambada")
"""The targets whose mean is the ``lm_task_mix`` of the method dsdm, in the order in which they are summed."""


@dataclass(frozen=True)
class ReferenceFile:
    """One published file."""

    path: str
    """Its path in a data directory, such as ``dsdm/squad.pt``."""
    size: int
    """Its bytes."""
    sha256: str
    """The checksum of its bytes, in hexadecimal."""


@cache
def reference_files() -> dict[str, ReferenceFile]:
    """The 17 published files by their path in a data directory.

    >>> len(reference_files())
    17
    >>> reference_files()["sdd.pt"].size
    170218696
    """
    table = json.loads(resources.files(__name__).joinpath("reference_files.json").read_text("utf-8"))
    return {entry["path"]: ReferenceFile(**entry) for entry in table["files"]}


def check_method(method: str, target: str | None) -> None:
    """Fail unless the reference has scores of this method for this target.

    Raises
    ------
    ValueError
        For an unknown method or target, a missing target, or one that the method does not take.

    """
    if method in UNTARGETED_METHODS:
        if target is not None:
            message = f"the method {method!r} takes no target, and target={target!r} is given; leave it out"
            raise ValueError(message)
        return
    if method not in TARGETED_METHODS:
        raise ValueError(unknown("method", method, METHODS))
    targets = targets_of(method)
    if target is None:
        message = f"the method {method!r} needs a target; one of {_listed(targets)}"
        raise ValueError(message)
    if target not in TARGETS:
        raise ValueError(unknown("target", target, targets))
    if target not in targets:
        message = f"there are no scores of the method {method!r} for {target!r}; it has {_listed(targets)}"
        raise ValueError(message)


def refuse_unused(method: str, options: Mapping[str, object]) -> None:
    """Fail for an option that a method has no use for, unless it is what it is without being given.

    Raises
    ------
    ValueError
        Naming both.

    """
    for name in UNUSED[method]:
        value = options.get(name)
        if value is not None and (name, value) != ("nan", "raise"):
            from dsdm.checks import said

            shown_value = said(value) if isinstance(value, int) else repr(value)
            message = f"{name} is {shown_value}, and the method {method!r} has no use for it; leave it out"
            raise ValueError(message)


def targets_of(method: str) -> tuple[Target, ...]:
    """The targets for which a method has scores; none for the methods that know no target.

    >>> targets_of("dsdm")
    ('jeopardy', 'squad', 'lambada', 'cs_algorithms', 'lm_task_mix')
    >>> targets_of("random")
    ()
    """
    if method not in TARGETED_METHODS:
        return ()
    return tuple(target for target in TARGETS if (method, target) != ("dsdm", "gpt3_mix"))


def files_of(method: str, target: str | None = None) -> tuple[str, ...]:
    """The files that a method reads, as paths in a data directory.

    >>> files_of("dsdm", "lm_task_mix")
    ('dsdm/jeopardy.pt', 'dsdm/squad.pt', 'dsdm/lambada.pt')
    >>> files_of("random")
    ()
    """
    check_method(method, target)
    if method == "random":
        return ()
    if method == "semdedup":
        return (SEMDEDUP_FILE,)
    if (method, target) == ("dsdm", "lm_task_mix"):
        return tuple(f"dsdm/{part}.pt" for part in DSDM_MIX)
    return (f"{method}/{target}.pt",)


def cache_dir() -> Path:
    """The user's cache directory, which ``dsdm fetch`` fills."""
    import platformdirs

    return platformdirs.user_cache_path("dsdm", appauthor=False) / "data"


def places(data_dir: PathLike | None = None) -> list[tuple[str, Path]]:
    """The directories in which files are looked for, each with the name by which a user knows it.

    They are `data_dir`, then ``$DSDM_DATA_DIR``, then the user's cache directory.
    """
    found = []
    if data_dir is not None:
        found.append(("data_dir", Path(local(data_dir, "data_dir"))))
    if from_environment := os.environ.get("DSDM_DATA_DIR"):
        found.append(("$DSDM_DATA_DIR", Path(local(from_environment, "$DSDM_DATA_DIR"))))
    found.append(("the user's cache", cache_dir()))
    return found


def find_file(path: str, data_dir: PathLike | None = None) -> Path:
    """Find a file of the reference layout, such as ``dsdm/squad.pt``.

    In each place it is looked for at ``<place>/dsdm/squad.pt`` and, for a checkout of the reference
    repository, at ``<place>/data/dsdm/squad.pt``.

    Raises
    ------
    FileNotFoundError
        Naming every place looked at, and the command that gets the file.

    """
    rank, found = _found(path, data_dir)
    if data_dir is not None and rank > 0:
        name = places(data_dir)[rank][0]
        logger.warning("%s is not in data_dir=%s; taken from %s: %s", path, shown(data_dir), name, shown(found))
    return found


def find_files(paths: Sequence[str], data_dir: PathLike | None = None) -> list[Path]:
    """Find files that make one vector, all of which must be in one of the places.

    Raises
    ------
    FileNotFoundError
        For one that is in none of them, as of :func:`find_file`.
    ValueError
        For files of two places, which may be of two versions, with both and how to choose.

    """
    found = [_found(path, data_dir) for path in paths]
    first_rank, first = found[0]
    for path, (rank, other) in zip(paths, found, strict=True):
        # A checkout has them below data/, which is another place than the directory around it.
        if (rank, str(other).removesuffix(path)) != (first_rank, str(first).removesuffix(paths[0])):
            names = [name for name, _ in places(data_dir)]
            message = (
                f"{paths[0]} is taken from {names[first_rank]} ({first}) and {path} from {names[rank]} ({other}), and "
                "scores of two places may be of two versions; put all of them into one directory, and name it by "
                f"data_dir=: {', '.join(paths)}"
            )
            raise ValueError(message)
    return [find_file(path, data_dir) for path in paths]


def _found(path: str, data_dir: PathLike | None) -> tuple[int, Path]:
    """Return the number of the place that has a file, and the file there."""
    looked_at = places(data_dir)
    for rank, (_, place) in enumerate(looked_at):
        for candidate in (place / path, place / "data" / path):
            if candidate.exists():
                return rank, candidate
    tried = "; ".join(f"{place / path} ({name})" for name, place in looked_at)
    files = [name for name in reference_files() if name == path or name.startswith(f"{path}/")]
    get = f"Get it with `dsdm fetch {' '.join(files)}`, or name" if files else "Name"
    how = f"{get} its directory by data_dir= or $DSDM_DATA_DIR"
    message = f"{path} is in none of the places looked at: {tried}. {how}"
    raise FileNotFoundError(message)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names)


def unknown(kind: str, name: object, known: tuple[str, ...], *, what: str | None = None) -> str:
    """Say that a name is none of those known, and which was meant, perhaps.

    >>> unknown("method", "dsmd", ("dsdm", "dsir"))
    "'dsmd' is no method: did you mean 'dsdm'? the methods are dsdm, dsir"
    """
    close = difflib.get_close_matches(str(name), known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{name!r} is {what or f'no {kind}'}: {hint}the {kind}s are {_listed(known)}"


__dir__ = public_names(globals())
