"""Which rows: the options of selecting them."""

from dataclasses import dataclass, fields

import typer

from dsdm.cli import options as opt
from dsdm.cli.saying import say


@dataclass(frozen=True, kw_only=True)
class Choosing:
    """The options of selecting rows."""

    count: opt.Count = None
    fraction: opt.Fraction = None
    tokens: opt.Tokens = None
    row_tokens: opt.RowTokens = None
    target: opt.Target = None
    data_dir: opt.DataDir = None
    rows: opt.Rows = None
    smallest: opt.Smallest = False
    gumbel: opt.Gumbel = False
    temperature: opt.Temperature = None
    seed: opt.Seed = None
    noise: opt.NoiseOption = None
    rng: opt.OldRngOption = None
    order: opt.OrderOption = None
    nan: opt.NanOption = opt.Nan.raise_
    exclude: opt.Exclude = None
    threads: opt.Threads = None

    def __post_init__(self) -> None:
        """Accept ``--rng``, the old name of ``--noise``."""
        if self.rng is None:
            return
        if self.noise is not None:
            message = "--rng is the old name of --noise, and both are given; say --noise alone"
            raise typer.BadParameter(message)
        say(f"dsdm: --rng is now --noise; write --noise {self.rng.value}", err=True)
        object.__setattr__(self, "noise", self.rng)
        object.__setattr__(self, "rng", None)

    def refuse_all(self, more: list[str]) -> None:
        """End with a usage error if any of them, or more, is given, but for the threads: the rows are chosen."""
        unlike = [field.name for field in fields(self) if getattr(self, field.name) != field.default]
        given = ["-k" if name == "count" else f"--{name.replace('_', '-')}" for name in unlike if name != "threads"]
        given += more
        if given:
            message = f"{' and '.join(given)} with --indices has no use: the rows are those of the file; leave it out"
            raise typer.BadParameter(message)
