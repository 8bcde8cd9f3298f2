"""Rows that were chosen with one corpus, held against the corpus that they are taken from.

Row numbers say nothing of whose they are. Where a selection tells which files were read for it, and the rows that are
there are those of other files, the keys of both are compared, such as ``id``, block by block.
"""

import os
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm._native import Corpus, FileIdentity
from dsdm.errors import SourceChangedError
from dsdm.paths.hive.columns import of_told
from dsdm.rows.row_numbers import row_numbers
from dsdm.rows.sources import Source, open_source, opened_as
from dsdm.rows.told.once import compared, known_as, was_compared
from dsdm.selection.fields import Field, field_of, has_field
from dsdm.selection.ids.alike import as_plain, blocks, common, first_other, shown_key
from dsdm.selection.ids.order.keys import looks_like_a_key, may_name_rows
from dsdm.selection.record.earlier import first_other_value
from dsdm.selection.rules.origin import corpora_of, corpus_of, identity_of

_OF_KEYS = {
    "ids": "scores were joined by id to",
    "groups": "the groups are of",
    "lengths": "the lengths are of",
    "sources": "the rows were written from",
}
"""What was read of a corpus, where another with the same keys has the same rows."""
_AGAIN = {
    "ids": "join the scores to these rows (dsdm.align), or where both lie alike, give numpy.asarray(scores)",
    "groups": "read the groups of these rows, or where both lie alike, give numpy.asarray(groups)",
    "lengths": "read the lengths of these rows, or where both lie alike, give them as an array",
    "sources": "name the corpus that they were written from",
}


def rows_taken(source: Any, indices: Any, rows: int, threads: int | None = None) -> NDArray[np.int64]:
    """Return indices as row numbers of a source of so many rows; a selection must be of no other corpus.

    Raises
    ------
    TypeError, IndexError
        As :func:`dsdm.rows.row_numbers.row_numbers`.
    ValueError
        Also for a selection that was made with another corpus, naming both.
    SourceChangedError
        For one whose groups or lengths lie in files that changed since.

    """
    found = row_numbers(indices, rows)
    _refuse_changed_inputs(indices)
    if corpora := corpora_of(indices):
        refuse_other_corpora(corpora, open_source(source), threads)
    return found


def _refuse_changed_inputs(indices: Any) -> None:
    """Fail where groups or lengths that a selection was made by, and that are no column of rows, are others now."""
    inputs = getattr(indices, "inputs", None)
    for name, told in inputs.items() if isinstance(inputs, Mapping) else ():
        files = [] if "column" in told else [identity_of(file) for file in told.get("files", ())]
        if (changed := _first_changed(files)) is not None:
            message = (
                f"{_OF_KEYS[name]} {_named(files)}, which changed since ({changed}): they may be those of other rows; "
                "choose the rows again, or give their numbers alone: selection.indices"
            )
            raise SourceChangedError(message)


def refuse_other_scores(source: Source, scores: Any, threads: int | None = None) -> None:
    """Fail for scores, or a mapping of several, that were joined to the rows of another corpus."""
    given = scores.values() if isinstance(scores, Mapping) else [scores]
    refuse_other_corpora([told for one in given if (told := corpus_of("ids", one)) is not None], source, threads)


def refuse_other_corpora(corpora: Iterable[Mapping[str, Any]], source: Source, threads: int | None = None) -> None:
    """Fail where rows are told to be those of another corpus.

    Raises
    ------
    ValueError
        Naming both corpora, the first row where they differ, and what to do.

    """
    corpora = list(corpora)
    if not corpora:
        return  # and of which files the rows are is not asked
    whole = source.mapping is None or np.array_equal(source.mapping, np.arange(len(source.corpus)))
    now = source.corpus.identities() if whole else []
    hive = opened_as(source.corpus).get("hive")
    for told in corpora:
        then = [identity_of(file) for file in told["files"]]
        if _known(then) == _known(now) and first_other_value(told.get("hive"), hive) is None:
            continue
        if told["name"] in _OF_KEYS:
            _compare_keys(told, then, source, threads)
        else:
            message = (
                f"the rows were chosen with an earlier output of {_named(then)}, and these are of {_of(source)}, "
                "which are other files, or in another order: their numbers are of other rows; name an output of the "
                "same corpus, or where the rows lie alike, give its row numbers: dsdm.written_rows(output).indices"
            )
            raise ValueError(message)


def _known(files: list[FileIdentity]) -> list[tuple[Any, ...]]:
    return [(file.bytes, file.rows, file.ends) for file in files]


def _named(files: list[FileIdentity]) -> str:
    more = f" and {len(files) - 1:,} more" if len(files) > 1 else ""
    return f"{files[0].path}{more}"


def _of(source: Source) -> str:
    if not source.files:
        return f"a {source.label} in memory"
    return source.label if source.dataset is None else f"a dataset of {source.files[0]}"


def _compare_keys(told: Mapping[str, Any], then: list[FileIdentity], source: Source, threads: int | None) -> None:
    """Fail where a key that both corpora have is another in one of the rows; without such a key, numbers are all."""
    name = told["name"]
    here = _with_all_columns(source, threads)
    keys = _keys_of(here, told)
    if (changed := _first_changed(then)) is not None:
        message = (
            f"{_OF_KEYS[name]} {_named(then)}, which changed since ({changed}), so that it cannot be compared with "
            f"these rows of {_of(source)}; {_AGAIN[name]}"
        )
        raise SourceChangedError(message)
    missing = next((file.path for file in then if not os.path.lexists(file.path)), None)
    if not keys or (missing is not None and name == "sources"):
        return  # Proof: there is no key; or the caller names a corpus, as the files that a directory names are gone.
    if missing is not None:
        message = (
            f"{_OF_KEYS[name]} {_named(then)}, which cannot be compared with these rows of {_of(source)} ({missing}: "
            f"it is not there); {_AGAIN[name]}"
        )
        raise ValueError(message)
    known = known_as("keys", [file.path for file in then])
    if was_compared(source, known):
        return  # Proof: all keys that both have were the same.
    constants = of_told(told.get("hive"), len(then))
    there = Corpus.open([file.path for file in then], threads=threads, schema="union", constants=constants)
    keys_there = _keys_of(there, told, set(keys))
    both = [key for key in keys if key in keys_there]
    for key in both:
        _compare(told, then, key, (keys_there[key], keys[key]), source, threads)
    # Of ids one column alone was compared, by which nothing is said of other keys.
    if both and name != "ids" and len(there) == len(source):
        compared(source, known)


def _keys_of(rows: Corpus, told: Mapping[str, Any], names: Collection[str] | None = None) -> dict[str, Field]:
    """Return the columns that were told to name rows, or those of these names, or else all that may, by their names."""
    if told["name"] == "ids":
        column = told["column"]
        return {column: field_of(rows, column, "the column of ids")} if has_field(rows.schema, column) else {}
    may = (field.name for field in rows.schema if looks_like_a_key(field.name) and may_name_rows(field.type))
    found = [name for name in rows.schema.names if name in names] if names is not None else list(may)
    return {name: Field(rows.select([name]), (name,)) for name in found}


def _first_changed(files: Iterable[FileIdentity]) -> str | None:
    """Return the first file that is there and is another than it was, and what is another in it."""
    there = (file for file in files if os.path.isfile(file.path))  # noqa: PTH113 - which raises for no path
    return next((f"{file.path}: {what}" for file in there if (what := file.difference()) is not None), None)


def _with_all_columns(source: Source, threads: int | None) -> Corpus:
    """Return the rows with the columns that are not asked for as well, where they lie in files."""
    if source.dataset is not None or not source.files:
        return source.corpus
    how: dict[str, Any] = {"schema": source.corpus.missing, "constants": source.corpus.constants}
    return Corpus.open(source.files, threads=threads, **how)


def _compare(
    told: Mapping[str, Any],
    then: list[FileIdentity],
    name: str,
    both: tuple[Field, Field],
    source: Source,
    threads: int | None,
) -> None:
    """Compare a column of two corpora, which may be of different types, row by row."""
    there, here = both
    kinds = there.type, here.type
    kind = common(*kinds)
    for block in blocks(min(len(there.rows), len(source))):
        values = kind and as_plain(there.take(block, threads), kind)
        found = kind and as_plain(here.take(source.rows(block), threads), kind)
        if values is None or found is None:
            message = (
                f"{_OF_KEYS[told['name']]} {_named(then)}, whose {name!r} is {kinds[0]}, and these rows are of "
                f"{_of(source)}, where it is {kinds[1]}, so that they cannot be compared; {_AGAIN[told['name']]}"
            )
            raise ValueError(message)
        if (at := first_other(values, found)) is None:
            continue
        message = (
            f"{_OF_KEYS[told['name']]} {_named(then)}, whose {name!r} is {shown_key(values[at])} in row "
            f"{block[at]:,}, and these rows are of {_of(source)}, where it is {shown_key(found[at])}: row numbers of "
            f"the one are other rows of the other; {_AGAIN[told['name']]}"
        )
        raise ValueError(message)
