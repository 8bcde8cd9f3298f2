""":func:`report`: selections to what is known of them."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, SupportsIndex

from dsdm import checks
from dsdm.paths import PathLike, local
from dsdm.reporting.facts import VERSION, Overlap, SelectionFacts, plain
from dsdm.reporting.finding import Asked, facts_of
from dsdm.reporting.measure.overlap import overlaps
from dsdm.reporting.record.given import Given, given
from dsdm.reporting.shape.markdown import as_markdown
from dsdm.reporting.shape.page import as_page, as_part
from dsdm.reporting.shape.text import as_text
from dsdm.rows.sources import Source, open_source
from dsdm.selection.rules.saved import replaced
from dsdm.shown import safe_messages

_MOST_BINS = 10_000
_MOST_EXAMPLES = 1_000
_MOST_CHARACTERS = 1_000_000


@dataclass(frozen=True)
class SelectionReport:
    """What :func:`report` found out about selections. It prints as text, and a notebook shows it as a page."""

    selections: list[SelectionFacts]
    """In the order in which they were given."""
    overlaps: list[Overlap]
    """Of each two whose rows are known: those of one method first."""

    def to_dict(self) -> dict[str, Any]:
        """Return every number as JSON has it: ``docs/report.md`` tells the fields.

        A float that JSON has no number for (an infinite score) is its text.
        """
        return {"version": VERSION, "selections": plain(self.selections), "overlaps": plain(self.overlaps)}

    def to_markdown(self) -> str:
        """Return the report as a part of a Markdown page, such as the card of a dataset: for what is published.

        It has the numbers, the histograms as text, and the names of files and groups; of files the names alone. It has
        no rows, no rule, and nothing of why a part is not known. Markdown and HTML in names are shown and do nothing.
        """
        return as_markdown(self.selections, self.overlaps)

    def save(self, path: PathLike, *, overwrite: bool = False) -> None:
        """Write the report as one HTML file, which needs no network and runs no script.

        Parameters
        ----------
        path
            The ``.html`` file.
        overwrite
            Replace a file that is there.

        Raises
        ------
        ValueError
            For another suffix than ``.html``.
        FileExistsError
            If it is there.

        """
        place = html_place(path, overwrite=checks.check_flag("overwrite", overwrite))
        page = as_page(self.selections, self.overlaps).encode()
        replaced(place, lambda file: file.write(page))

    def _repr_html_(self) -> str:
        return as_part(self.selections, self.overlaps)

    def __str__(self) -> str:
        return "\n".join(as_text(self.selections, self.overlaps))


def html_place(path: PathLike, *, overwrite: bool) -> Path:
    """Return where a page is written, or fail where it cannot be."""
    place = Path(local(path, "path"))
    if place.suffix.lower() != ".html":
        message = f"{place}: a report is an .html file, which browsers know by its name: say {place}.html"
        raise ValueError(message)
    if os.path.lexists(place) and not overwrite:
        message = f"{place}: it exists; name another file, or give overwrite=True"
        raise FileExistsError(message)
    return place


@safe_messages
def report(
    *selections: Any,
    corpus: Any = None,
    scores: Any = None,
    groups: Any = None,
    lengths: Any = None,
    text: str | None = None,
    examples: SupportsIndex = 3,
    characters: SupportsIndex = 400,
    bins: SupportsIndex = 40,
    data_dir: PathLike | None = None,
    trust_paths: Iterable[PathLike] = (),
    threads: int | None = None,
    schema: checks.Schema = "same",
    hive: bool = False,
) -> SelectionReport:
    """Look at selections: where their scores lie among all, their files, groups, lengths and rows, and what they share.

    All of it comes from the record of a selection and from the files that it names. Score files, and the files of the
    corpus, are compared with what the record knows them by, and the rows are chosen again, as :func:`dsdm.verify` does:
    scores that changed are an error. What the record does not tell, or what is not at hand, is None, and `unknown` of
    the selection says why.

    Parameters
    ----------
    selections
        Each a :class:`dsdm.Selection`, the ``.npy`` file of one (:meth:`Selection.save`), or a directory that
        :func:`dsdm.materialize` wrote. All of them are of the same rows.
    corpus
        The corpus that the rows are of, as for :func:`dsdm.open_shards`. A directory names its own.
    scores
        The scores that the rows were chosen by, where the record does not name them: scores in memory, or that were
        computed, or groups. They are compared with the cut that the record tells of.
    groups
        A column of the corpus, or the group of each row, as for :func:`dsdm.choose`; there are at most 100,000. Those
        that the rule is about, if not given, where they lie in files.
    lengths
        A column of the corpus, or the length of each row, as for :func:`dsdm.choose`. Those of the rule's budget, if
        not given, where they lie in files. Of a column and of those of the rule, the lengths of the chosen rows alone
        are read.
    text
        The column that rows are shown by, or the field of structs (``meta.text``): the column ``text`` of texts, or
        else all columns, if not given.
    examples
        So many rows are shown of each kind: the best, the worst that were chosen, and the best that were not; at most
        1,000.
    characters
        Characters of each row that are shown, at most 1,000,000.
    bins
        Bins of the histograms, 1 to 10,000.
    data_dir, trust_paths
        Where score files of the reference's methods are looked for first, and which files that a directory names may be
        opened, as for :func:`dsdm.verify`.
    threads
        All that the process may run on, if not given.
    schema, hive
        Whether files of `corpus` may lack columns, and whether the names of its directories hold some; as in
        :func:`dsdm.open_shards`. The files that a record names are opened as they were.

    Returns
    -------
    SelectionReport
        ``print`` shows it as text, ``to_dict()`` has every number, ``save("report.html")`` writes a page, which a
        notebook shows.

    Raises
    ------
    ChecksumError
        If scores or rows are others than those of the record.
    ValueError
        For selections of other rows; for a corpus, scores, groups or lengths of another number of rows; for `schema`
        and `hive` without `corpus`.
    TypeError
        For anything but selections and paths.
    FileNotFoundError, FormatError
        For a path that leads to no selection, and a record that is damaged.

    Notes
    -----
    A histogram has bins of equal width between the least and the greatest finite score, with edges of float64 that are
    compared with scores as the numbers that they are. Each row is in exactly one bin, or counted as NaN or infinite
    beside them. Quantiles are of the finite scores, exact, and between two scores in proportion (Hyndman and Fan 1996,
    type 7), as ``numpy.quantile`` has them by default.

    The engine passes over the scores to choose the rows again, three times for the counts, the quantiles and the bins,
    and up to three times for the cut and for the rows to show; once more where scores are infinite, or
    could be labels by their ends and are none. Memory is
    proportional to the chosen rows, and some MB for each thread.

    Examples
    --------
    >>> import dsdm, numpy as np
    >>> scores = np.array([0.5, 2.0, -1.0, 2.0, np.nan], dtype=np.float32)
    >>> found = dsdm.report(dsdm.choose(scores, k=2, nan="omit"), scores=scores, bins=3)
    >>> found.selections[0].scores.histogram
    Histogram(edges=[-1.0, 0.0, 1.0, 2.0], rows=[1, 1, 2], chosen=[0, 0, 2])
    >>> found.selections[0].scores.outside.nan
    1
    """
    if not selections:
        message = "no selection was given; name one, or several"
        raise TypeError(message)
    checks.check_threads(threads)
    if text is not None and not isinstance(text, str):
        message = f"text is {text!r}; the name of a column is needed"
        raise TypeError(message)
    numbers = checked_numbers(examples, characters, bins)
    asked = Asked(
        corpus=_opened(corpus, threads, schema, hive=hive),
        scores=scores,
        groups=groups,
        lengths=lengths,
        text=text,
        examples=numbers[0],
        characters=numbers[1],
        bins=numbers[2],
        data_dir=data_dir,
        threads=threads,
    )
    trusted = trust_paths if isinstance(trust_paths, str | bytes | os.PathLike) else list(trust_paths)
    known = [given(one, data_dir, trusted, threads) for one in selections]
    _refuse_other_rows(known)
    found = [facts_of(one, asked) for one in known]
    return SelectionReport(found, overlaps(found, [one.rows for one in known]))


def _opened(corpus: Any, threads: int | None, schema: checks.Schema, *, hive: bool) -> Source | None:
    """Open the corpus that is given, if one is."""
    if corpus is not None:
        return open_source(corpus, None, threads, schema=schema, hive=hive)
    checks.check_schema(schema)
    checks.check_flag("hive", hive)
    if hive or schema != "same":
        given = "hive=True" if hive else f'schema="{schema}"'
        message = f"{given} is for the files of corpus=, and none is given; leave it out, or name the corpus"
        raise ValueError(message)
    return None


def checked_numbers(examples: Any, characters: Any, bins: Any) -> tuple[int, int, int]:
    """Return the numbers of a report, which are whole and within their limits."""
    return (
        _number("examples", examples, 0, _MOST_EXAMPLES),
        _number("characters", characters, 1, _MOST_CHARACTERS),
        _number("bins", bins, 1, _MOST_BINS),
    )


def _number(name: str, value: Any, least: int, most: int) -> int:
    number = checks.whole(name, value)
    if not least <= number <= most:
        message = f"{name} is {checks.said(number)}; a number from {least:,} to {most:,} is needed"
        raise ValueError(message)
    return number


def _refuse_other_rows(known: list[Given]) -> None:
    """Fail for selections that are of other rows than the first.

    Raises
    ------
    ValueError
        Naming both, and in what they differ.

    """
    for one, other in ((one, other) for at, one in enumerate(known) for other in known[at + 1 :]):
        if one.of is not None and other.of is not None and one.of != other.of:
            message = f"{one.name} is of {one.of:,} rows and {other.name} of {other.of:,}: report each on its own"
            raise ValueError(message)
        corpora = [[(file.bytes, file.ends) for file in of.sources] for of in (one, other)]
        if all(corpora) and corpora[0] != corpora[1] and all(ends for files in corpora for _, ends in files):
            message = f"{one.name} and {other.name} are of other files: report each on its own"
            raise ValueError(message)
