"""Numbers that cannot be, for every option of a command that takes a number: named, and without a traceback."""

import re
import shutil
import typing

import numpy as np
import pyarrow as pa
import pytest

import dsdm
from dsdm import cli
from dsdm.cli.options.size import parse_size

TABLE = pa.table({"a": range(20)})
NUMBER = re.compile(r"\b(int|float)\b")
TEXTS = [
    str(2**70),
    str(-(2**70)),
    str(2**63),
    "9" * 5000,
    "1e400",
    "1e999999999",
    "1.5",
    "x",
    "True",
    "nan",
    "inf",
    "",
]
SIZES = {"--tokens", "--max-shard-size", "--memory-limit"}
# Each command, in ways that end before anything long is begun; and what is then said of something else.
INDICES = ["indices", "s.npy", "-o", "o.npy", "--overwrite"]
MATERIALIZE = ["materialize", "made", "o", "--dry-run"]
COMMANDS = {
    "demo": (["demo", "made"], "made"),
    "indices": ([*INDICES, "--gumbel", "-k", "2"], None),
    "materialize": ([*MATERIALIZE, "--by", "s2.npy", "--gumbel", "--row-order", "shuffle", "-k", "1"], None),
    "job plan": (
        ["job", "plan", "made", "o", "--by", "s2.npy", "--gumbel", "--row-order", "shuffle", "-k", "1"],
        None,
    ),
    "job run": (["job", "run", "made"], "no job"),
    "job submit": (["job", "submit", "made", "--slurm"], "no job"),
    "verify": (["verify", "made"], None),
    "report": (["report", "made"], None),
    "bench select": (["bench", "select", "--rows", "100", "--plot", "x.txt"], "x.txt"),
    "bench rules": (["bench", "rules", "--rows", "2000", "--groups", "2", "--plot", "x.txt"], "x.txt"),
    "bench whole": (["bench", "whole", "--rows", "2000", "--plot", "x.txt"], "x.txt"),
    "bench gather": (["bench", "gather", "--rows", "100", "--plot", "x.txt"], "x.txt"),
}
# Instead of `-k`, which goes with none of these.
INSTEAD = {"--fraction": ["--fraction"], "--tokens": ["--row-tokens", "1", "--tokens"]}
INSTEAD["--row-tokens"] = ["--tokens", "5", "--row-tokens"]
INSTEAD |= {name: [name] for name in ("--min-score", "--max-score")}
LARGE = {str(2**63), str(2**70)}
BOUNDS = {"1.5", "inf", "1e400", "1e999999999", str(-(2**70))} | LARGE
GOOD = {
    "--row-tokens": LARGE,
    "--temperature": {"1.5"} | LARGE,
    "--max-shard-size": {"1.5"},
    "--memory-limit": {"1.5"},
    "--shuffle-seed": LARGE,
    "--seed": {str(2**63)},
    "--budget": {"1.5", "inf", "1e400", "1e999999999", "9" * 5000} | LARGE,
    "--density": {"1.5"},
    # Bounds that no score reaches.
    "--min-score": BOUNDS,
    "--max-score": BOUNDS,
}
GOOD_OF = {("demo", "--rows"): LARGE}


def options():
    """Give the options that take a number, with the command that has them."""
    groups = [("", cli.app), *((f"{group.name} ", group.typer_instance) for group in cli.app.registered_groups)]
    for path, group in groups:
        for command in group.registered_commands:
            for hint in typing.get_type_hints(command.callback, include_extras=True).values():
                for option in getattr(hint, "__metadata__", ()):
                    # typer keeps the first name of an option where its default would be.
                    given = (option.default, *(option.param_decls or ()))
                    names = tuple(name for name in given if str(name).startswith("-"))
                    if names and (NUMBER.search(str(typing.get_args(hint)[0])) or SIZES & {*names}):
                        yield f"{path}{command.name or command.callback.__name__}", names


OPTIONS = list(options())


def test_every_command_that_takes_a_number_is_run_here():
    assert {command for command, _ in OPTIONS} == COMMANDS.keys()
    assert len(OPTIONS) > 25


@pytest.mark.parametrize(("command", "names"), OPTIONS, ids=lambda value: " ".join(np.atleast_1d(value)))
def test_an_option_that_cannot_be_is_named(run, tmp_path, command, names):
    np.save(tmp_path / "s.npy", np.arange(20.0))
    np.save(tmp_path / "s2.npy", np.arange(2.0))
    dsdm.materialize(TABLE, [1, 2], tmp_path / "made", progress=False)
    base, other = COMMANDS[command]
    option = max(names, key=len)
    good = GOOD_OF.get((command, option), GOOD.get(option, set()))
    if option == "--count" or option in INSTEAD:
        base = base[: base.index("-k")]
    elif option in base:  # once is enough, as it must be
        base = base[: base.index(option)] + base[base.index(option) + 2 :]
    for text in TEXTS:
        shutil.rmtree(tmp_path / ".o.dsdm-job", ignore_errors=True)
        code, _, errors = run(*base, *INSTEAD.get(option, [option]), text)
        said = " ".join(errors.split())
        assert "Traceback" not in said
        assert "OverflowError" not in said
        accepted = code == 0 or (other is not None and not any(name in said for name in names))
        assert accepted == (text in good), (text[:50], said)
        if not accepted:
            assert any(re.search(rf"(?<![\w-]){name}\b", said) for name in names), (text[:50], said)


def test_whole_numbers_are_written_as_people_write_them():
    """As 2e3 and 2K, wherever a command takes a whole number."""
    seen = set()
    groups = [cli.app, *(group.typer_instance for group in cli.app.registered_groups)]
    for command in (command for group in groups for command in group.registered_commands):
        for name, hint in typing.get_type_hints(command.callback, include_extras=True).items():
            whole = re.search(r"\bint\b", str(typing.get_args(hint)[:1])) and not re.search(r"\bfloat\b", str(hint))
            for option in getattr(hint, "__metadata__", ()) if whole else ():
                assert [option.parser(text) for text in ("2e3", "2K", "2_000", 2000)] == [2000] * 4, name
                seen.add(name)
    assert {"count", "rows", "row_tokens", "seed", "threads", "num_shards", "shuffle_seed", "groups", "k"} <= seen
    assert parse_size(None, None, "2.6B", None).tokens == 2_600_000_000
