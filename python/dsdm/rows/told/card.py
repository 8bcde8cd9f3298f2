"""The card of what is written: ``README.md``, by which the hub and ``datasets`` know its columns, splits and files."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from dsdm.shown import shown

if TYPE_CHECKING:
    import pyarrow as pa


# It stands for the bytes of all shards, which are known when these are written.
_BYTES = 2**62 - 57
_MOST_NAMES = 20
_ORDERS = {"given": "as they were given", "row": "ascending, as they lie in the source", "shuffle": "shuffled"}
# A folder of this machine, and what is behind it in a text.
_PLACE = re.compile(r"(?<![\w.~-])(?:~|[A-Za-z]:)?[/\\](?:[^/\\\s\"'`]+[/\\])*(?=[^/\\\s\"'`])")


def card_of(
    name: str,
    schema: "pa.Schema",
    *,
    split: str,
    rows: int,
    memory_bytes: int,
    sources: Sequence[str],
    record: Mapping[str, Any],
    chosen: Mapping[str, Any] | None,
    report: str | None,
) -> tuple[str, str]:
    """Return the text of a card, before and behind the number of bytes that all shards have.

    `report` is Markdown. Files are named by their names alone: nothing is told of the machine and of its users.
    """
    head, tail = _header(schema, split, rows, memory_bytes)
    body = [f"# {_code(name)}", f"{rows:,} rows in one split, `{split}`, chosen from larger data and written by dsdm."]
    body += ["## How the rows were chosen", *_choice(chosen, record)]
    body += [] if report is None else ["## What was chosen", report]
    body += ["## Where they come from", *_names(sources)]
    body += ["## To repeat it", *_again(chosen)]
    return head, tail + "\n" + "\n\n".join(body) + "\n"


def _header(schema: "pa.Schema", split: str, rows: int, memory_bytes: int) -> tuple[str, str]:
    """Return what ``datasets`` and the hub read, as ``push_to_hub`` writes it."""
    from datasets import DatasetInfo, Features
    from datasets.info import DatasetInfosDict
    from datasets.splits import SplitDict, SplitInfo
    from datasets.utils.metadata import MetadataConfigs
    from huggingface_hub import DatasetCardData

    info = DatasetInfo(features=Features.from_arrow_schema(schema))
    info.splits = SplitDict({split: SplitInfo(name=split, num_bytes=memory_bytes, num_examples=rows)})
    info.download_size, info.dataset_size = _BYTES, memory_bytes
    data = DatasetCardData()
    DatasetInfosDict({"default": info}).to_dataset_card_data(data)
    files = {"data_files": [{"split": split, "path": f"data/{split}-*"}]}
    MetadataConfigs({"default": files}).to_dataset_card_data(data)
    told = f"download_size: {_BYTES}\n"
    # Names of columns come before it, and have no line of their own.
    fields: dict[str, Any] = data.to_dict()  # type: ignore[no-untyped-call]
    head, _, tail = f"---\n{_yaml(fields)}\n---\n".rpartition(told)
    return head + told.removesuffix(f"{_BYTES}\n"), "\n" + tail


def _yaml(data: Mapping[str, Any]) -> str:
    """Return what a card tells, as ``DatasetCardData.to_yaml`` does, whatever characters names have.

    PyYAML writes U+0085 as it is, and reads it as a break of lines: where there is one, or any other character that is
    none to see, it is made to escape all that are not ASCII.
    """
    import yaml

    seen = json.dumps(data, ensure_ascii=False).isprintable()
    return str(yaml.dump(dict(data), sort_keys=False, allow_unicode=seen)).strip()


def _choice(chosen: Mapping[str, Any] | None, record: Mapping[str, Any]) -> list[str]:
    """Tell the rule of a selection, its cut and its seed."""
    lines = []
    if chosen is None:
        lines.append("- By row numbers; how these were found was not told.")
    else:
        lines += [f"- Rule: {_code(_plain(chosen['rule']))}"] if isinstance(chosen.get("rule"), str) else []
        lines += [f"- By: {_code(str(chosen['by']))}{_arguments(chosen)}"] if isinstance(chosen.get("by"), str) else []
        lines += _cut(chosen.get("cut"))
        of = chosen.get("of", chosen.get("source_rows"))
        lines += [f"- Of {of:,} rows"] if isinstance(of, int) else []
        lines += [f"- Seed of the draw: {chosen['seed']}"] if isinstance(chosen.get("seed"), int) else []
        lines += [f"- Tokens in all: {chosen['tokens']:,}"] if isinstance(chosen.get("tokens"), int) else []
        files = chosen.get("score_files")
        names = [PurePath(str(file["path"])).name for file in files] if isinstance(files, list) else []
        lines += [f"- Scores: {', '.join(map(_code, names[:_MOST_NAMES]))}{_more(names)}"] if names else []
    seed = "" if record["seed"] is None else f" (seed {record['seed']})"
    lines.append(f"- Order: {_ORDERS[record['order']]}{seed}")
    return ["\n".join(lines)]


def _cut(cut: object) -> list[str]:
    if not isinstance(cut, Mapping):
        return []
    return [
        f"- Cut: the worst score is {cut['score']}; {cut['taken']:,} of {cut['tied']:,} rows that have it were taken"
    ]


def _arguments(chosen: Mapping[str, Any]) -> str:
    """Tell the arguments that are numbers, flags and short words: others are in ``dsdm.json``."""
    arguments = chosen.get("arguments")
    plain = {
        name: value
        for name, value in (arguments.items() if isinstance(arguments, Mapping) else ())
        if isinstance(value, bool | int | float) or (isinstance(value, str) and re.fullmatch(r"\w{1,40}", value))
    }
    return f" with {_code(json.dumps(plain))}" if plain else ""


def _names(sources: Sequence[str]) -> list[str]:
    names = [PurePath(path).name for path in sources]
    if not names:
        return ["A table in memory."]
    return ["\n".join([*(f"- {_code(name)}" for name in names[:_MOST_NAMES])]) + _more(names)]


def _more(names: Sequence[str]) -> str:
    left = len(names) - _MOST_NAMES
    return f" and {left:,} more" if left > 0 else ""


def _again(chosen: Mapping[str, Any] | None) -> list[str]:
    scores = " and of the score files" if chosen is not None and chosen.get("score_files") else ""
    text = (
        "`dsdm.json` beside this file has the digest of the row numbers, the sizes and digests of the sources"
        f"{scores}, and how the rows were chosen. `dsdm verify` compares this directory with them, and chooses the "
        "rows again where it can."
    )
    return [text]


def _plain(text: str) -> str:
    """Return a text without the folders of this machine."""
    return _PLACE.sub("", text).replace("\n", " ")


def _code(text: str) -> str:
    """Return a name or a value as Markdown shows it to the letter."""
    text = shown(text.replace("\n", " "))
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    return f"{fence} {text} {fence}" if "`" in text else f"`{text}`"
