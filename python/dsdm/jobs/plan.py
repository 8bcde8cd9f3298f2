"""``plan.json``: all that the units of a job have in common, written once and never changed."""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from dsdm._native import OutputOptions, __version__, json_bytes
from dsdm.errors import ChecksumError, FormatError
from dsdm.jobs.place import PLAN

_VERSION = 1


@dataclass(frozen=True)
class Plan:
    """What the units of a job have in common."""

    out: str
    """The output, by the path by which it was planned."""
    rows: int
    """Rows of the output."""
    seed: int | None
    """What they are shuffled with."""
    options: Mapping[str, Any]
    """The arguments of :class:`dsdm._native.OutputOptions`."""
    layout: Mapping[str, Any]
    """How the rows are cut into shards and blocks: ``row_bytes``, ``block_rows`` and ``ends``."""
    corpus: Mapping[str, Any]
    """How the corpus is opened, apart from its files."""
    row_ids: str | None
    """The column of row numbers that is added."""
    added: Sequence[Mapping[str, Any]]
    """The other columns that are added: their ``name``, and the ``scores`` as they are made, or none."""
    dsdm: str = __version__
    job: int = _VERSION

    @property
    def units(self) -> int:
        """How many units there are."""
        return len(self.layout["ends"])

    def bounds(self, unit: int) -> tuple[int, int]:
        """Return the rows of the output that a unit makes: the first, and that behind the last."""
        ends = self.layout["ends"]
        return (ends[unit - 1] if unit else 0), ends[unit]

    def text(self) -> str:
        """Return the text of the file, with a checksum of its own."""
        told = asdict(self)
        return json.dumps({**told, "crc32": _sum(told)}, indent=1, ensure_ascii=False)

    @property
    def known_by(self) -> str:
        """By what the notes of its units know it: no other plan has the same."""
        return _sum(asdict(self))

    def output_options(self, **more: Any) -> OutputOptions:
        """Return how the engine is to write units and what lies beside them."""
        card = self.options["card"]
        told = {**self.options, "card": None if card is None else tuple(card), **more}
        return OutputOptions(self.out, **told)


def read_plan(job: Path) -> Plan:
    """Read the plan of a job.

    Raises
    ------
    FormatError
        For what is none, and for one of another version. By ChecksumError for one that was changed.

    """
    path = job / PLAN
    try:
        told = json.loads(json_bytes(path))
    except (ValueError, RecursionError) as error:
        message = f"{path}: it is no JSON ({error}); plan the job again"
        raise FormatError(message) from None
    version = told.get("job") if isinstance(told, dict) else None
    if version != _VERSION:
        message = f"{path}: job is {version!r:.100}, and this dsdm reads {_VERSION}; use the dsdm that planned it"
        raise FormatError(message)
    given = told.pop("crc32", None)
    if given != (found := _sum(told)):
        message = (
            f"{path}: crc32 is {given!r:.100}, and what is told has {found}: it was damaged or edited; plan it again"
        )
        raise ChecksumError(message)
    if told.get("dsdm") != __version__:
        message = (
            f"{path}: dsdm {told.get('dsdm')!r:.100} planned it and this is {__version__!r}: the bytes of a shard may "
            "differ between releases; run all units by the release that planned them, or plan the job again"
        )
        raise FormatError(message)
    names = {field.name for field in fields(Plan)}
    if set(told) != names:
        other = sorted(set(told) ^ names)
        message = f"{path}: {other[0]} is missing, or unknown to this dsdm; plan the job again"
        raise FormatError(message)
    return Plan(**told)


def _sum(told: Mapping[str, Any]) -> str:
    """Return the checksum of what is told, in the one spelling that depends on no spaces."""
    text = json.dumps(told, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
    return f"{zlib.crc32(text.encode()):08x}"
