"""``dsdm report``: what selections are like."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from dsdm.cli import options as opt
from dsdm.cli.by_rule import groups_in, lengths_in, parts_of
from dsdm.cli.joined import join
from dsdm.cli.notes import say_order
from dsdm.cli.options.groups import expanded
from dsdm.cli.options.joining import Joining
from dsdm.cli.options.reading import Reading
from dsdm.cli.options.reporting import Reporting
from dsdm.cli.saying import say, say_json
from dsdm.cli.usage import as_usage
from dsdm.cli.words import as_options
from dsdm.paths import refuse_inputs

# What bars are drawn with where the terminal has no blocks.
_PLAIN = "#."


@expanded
def report(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="WHAT...",
            help="Directories that dsdm materialize wrote, and .npy files that dsdm indices wrote, of the same rows.",
        ),
    ],
    asked: Reporting,
    reading: Reading,
    joining: Joining,
    *,
    html: Annotated[
        Path | None,
        typer.Option("--html", parser=opt.local_path, metavar="FILE", help="Write a page as well: one .html file."),
    ] = None,
    overwrite: opt.Overwrite = False,
    as_json: opt.AsJson = False,
) -> None:
    """Show what selections are like: a histogram of the scores, counts, the best rows, and what several share.

    All of it comes from the record beside the rows and from the files that it names, which are compared with it first:
    scores that changed are an error. What cannot be known is said with the reason.

    \b
    Examples:
      dsdm report demo/subsets/dsdm-squad --html squad.html
      dsdm report demo/subsets/dsdm-squad demo/subsets/classifier-squad --lengths input_ids
      dsdm report demo/subsets/dsdm-squad --corpus demo/corpus --json
    """
    import dsdm
    from dsdm.checks import check_threads
    from dsdm.reporting.report import checked_numbers
    from dsdm.reporting.shape.text import BLOCKS, as_text

    with as_usage():
        check_threads(asked.threads)
        checked_numbers(asked.examples, asked.characters, asked.bins)
    if html is not None:
        _check_page(html, overwrite=overwrite, inputs=[*what, *(asked.scores or []), *(asked.corpus or [])])
    named = [*(asked.scores or []), *(asked.corpus or [])]
    reading.check_found(named or what)
    options: dict[str, Any] = {**asked.numbers, **_opened(asked, reading, joining)}
    options |= {"groups": _groups(asked.groups), "lengths": _lengths(asked.lengths)}
    made = _in_words(dsdm.report(*what, **options))
    if html is not None:
        made.save(html, overwrite=overwrite)
    if as_json:
        say_json(made.to_dict())
        return
    encoding = sys.stdout.encoding or "ascii"
    marks = BLOCKS if encoding.lower().startswith("utf") else _PLAIN
    for line in as_text(made.selections, made.overlaps, marks):
        say(line.encode(encoding, "backslashreplace").decode(encoding))


def _opened(asked: Reporting, reading: Reading, joining: Joining) -> dict[str, Any]:
    """Open the scores and the corpus that were named, by their arguments."""
    import dsdm

    joining.check(reading.about(asked.scores or []), "--scores", asked.scores)
    if joining.on is not None and not asked.corpus:
        message = "--on joins --scores to the rows of --corpus by their ids; give both"
        raise typer.BadParameter(message)
    if asked.hive and not asked.corpus:
        message = "--hive is for the directories of --corpus, and none is given"
        raise typer.BadParameter(message)
    opened: dict[str, Any] = {}
    if asked.corpus:
        where = asked.corpus[0] if len(asked.corpus) == 1 else asked.corpus
        say_order("shards", asked.corpus)
        found = reading.about(asked.corpus).files
        opened["corpus"] = dsdm.open_shards(where, **found, schema="union", hive=asked.hive)
    if asked.scores and joining.on is not None:
        opened["scores"] = join(asked.scores, joining.on, reading, opened["corpus"], asked.threads)
        return opened
    if asked.scores:
        say_order("score files", asked.scores)
        opened["scores"] = reading.about(asked.scores).open(
            asked.scores, opened["corpus"].files if "corpus" in opened else ()
        )
    reading.check_used([opened["scores"]] if asked.scores else [])
    return opened


def is_file(name: str) -> bool:
    """Return whether a name is that of a file, and not of a column: by how it is spelled, and that there is one.

    A name without a dot and a slash is that of a column, whatever lies in the directory.
    """
    return ("/" in name or "." in name) and parts_of(name)[0].exists()


def _check_page(html: Path, *, overwrite: bool, inputs: list[str]) -> None:
    """Fail where a page cannot be written, before anything takes time."""
    from dsdm.reporting.report import html_place

    if html.suffix.lower() != ".html":
        message = f"--html is {html}, and a page is an .html file, which browsers know by its name: say {html}.html"
        raise typer.BadParameter(message)
    refuse_inputs(html, inputs)
    html_place(html, overwrite=overwrite)
    if not html.parent.is_dir():
        message = f"{html}: there is no directory {html.parent}; make it, or name a file elsewhere"
        raise FileNotFoundError(message)


def _in_words(found: Any) -> Any:
    """Return a report that says by options what is not known."""
    said = [
        replace(one, unknown={name: as_options(why) for name, why in one.unknown.items()}) for one in found.selections
    ]
    return replace(found, selections=said)


def _groups(name: str | None) -> Any:
    if name is None or not is_file(name):
        return name
    return groups_in(*parts_of(name))


def _lengths(name: str | None) -> Any:
    return lengths_in(*parts_of(name)) if name is not None and is_file(name) else name
