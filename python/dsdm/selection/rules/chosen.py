"""What was chosen: a :class:`Selection` knows its rows, its rule and where the cut lies."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from dsdm import checks
from dsdm._native import digest_of_rows
from dsdm.paths import PathLike
from dsdm.selection.ids.order.side import Beside
from dsdm.selection.ids.placed import loaded_placed, placed_of
from dsdm.selection.ids.slices import refuse_other_slice
from dsdm.selection.loaded import at_hand, bounds_of, checked_corpora, file_of, input_of
from dsdm.selection.rules import saved
from dsdm.selection.rules.cut import Cut, cut_of
from dsdm.selection.rules.origin import corpora_of
from dsdm.selection.rules.told.agreement import refuse_disagreement
from dsdm.selection.rules.told.words import which_scores
from dsdm.selection.told import INPUTS, Told
from dsdm.shown import as_html

_Rows: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class Selection:
    """Rows that were chosen from a vector of scores, and how.

    It is an array to numpy, and has the length of its rows. Two are equal if they have the same rows in the same order,
    of as many rows, however they were chosen; with an array, each of its rows is compared, as numpy does.

    Attributes
    ----------
    indices : numpy.ndarray
        The row numbers, int64, in the order that was asked for. It cannot be written to.
    n : int
        Rows of the vector, chosen or not.
    rule : dict
        The arguments of :func:`dsdm.choose` that say what was asked for.
    cut : Cut or None
        Where the chosen rows end; None for draws, for groups, which end each on its own, and for no rows.
    seed : int or None
        The seed of a draw.
    tokens : int or None
        The sum of the lengths of the chosen rows, where a budget was given.
    per_group : dict or None
        How many rows of each group were chosen, of those of which some were, in ascending order of their names; None
        without groups.
    short : dict
        The groups that had fewer rows than were to be chosen of them, or fewer tokens, with what they had and what that
        was; of ``short="keep"`` and ``short="fill"``.
    bounds : tuple
        The least and the greatest score that could be chosen: `min_score` and `max_score`, or the quantiles; None where
        there is no such bound.
    inputs : dict
        Where the lengths and the groups lie, as ``dsdm.json`` tells it, if they lie in files.
    corpora : sequence
        Of which corpora, beside those of `inputs`, rows are known that were excluded, or that alone could be chosen:
        rows of another one are refused.
    """

    indices: NDArray[np.int64]
    n: int
    rule: Mapping[str, Any]
    what: str
    """The rule in words."""
    cut: Cut | None = None
    seed: int | None = None
    tokens: int | None = None
    largest: bool = True
    files: list[Any] = field(default_factory=list)
    """What the score files are known by."""
    again: Mapping[str, Any] | None = None
    """How the rows are chosen again, as ``dsdm.json`` tells it; None where what they were chosen by lies in no file."""
    per_group: Mapping[Any, int] | None = None
    short: Mapping[Any, tuple[int, int]] = field(default_factory=dict)
    bounds: tuple[float | None, float | None] = (None, None)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    corpora: Sequence[Mapping[str, Any]] = ()
    placed: tuple[Beside, ...] | None = None
    """The files that those which are combined here were chosen by, by position."""
    placed_rows: tuple[Beside, ...] = ()
    """The files by which, by position, rows were chosen that were excluded, or that alone could be chosen."""

    def by_position(self) -> list[Beside]:
        """Return the files of scores, groups and lengths that are taken by position: those with a column of ids."""
        own = placed_of({**self._files(), "chosen_by": {}}, self.n) if self.placed is None else self.placed
        return list(dict.fromkeys([*own, *self.placed_rows]))

    def union(self, *others: "Selection") -> "Selection":
        """Return these rows, and behind them those of others that were not there before.

        Rows that a selection has several times stay so, here as in the other operations; of a row that is there, no
        copy of another selection is added.

        Raises
        ------
        ValueError
            For a selection from another number of rows.

        """
        return self._combined("union", others, _union)

    def intersection(self, *others: "Selection") -> "Selection":
        """Return those of these rows that all others have, in this order, as often as they are here.

        Raises
        ------
        ValueError
            For a selection from another number of rows.

        """
        return self._combined("intersection", others, lambda rows, more: rows[np.isin(rows, more)])

    def difference(self, *others: "Selection") -> "Selection":
        """Return those of these rows that none of the others has, in this order, as often as they are here.

        Raises
        ------
        ValueError
            For a selection from another number of rows.

        """
        return self._combined("difference", others, lambda rows, more: rows[~np.isin(rows, more)])

    def _combined(
        self, name: str, others: Sequence["Selection"], combine: Callable[[_Rows, _Rows], _Rows]
    ) -> "Selection":
        rows = self.indices
        for other in others:
            if not isinstance(other, Selection):
                message = f"{name} takes selections, and a {type(other).__name__} is given; dsdm.choose gives one"
                raise TypeError(message)
            if other.n != self.n:
                message = f"{name} of selections from {self.n:,} and {other.n:,} rows: they are of different rows"
                raise ValueError(message)
            refuse_other_slice(name, other, self)
            rows = combine(rows, other.indices)
        parts = [self, *others]
        return Selection(
            indices=_unwritable(rows),
            n=self.n,
            rule={name: [dict(part.rule) for part in parts]},
            what=f"{name} of " + " and ".join(f"({part.what})" for part in parts),
            largest=self.largest,
            files=list({file.path: file for part in parts for file in part.files}.values()),
            corpora=corpora_of(*parts),
            placed=tuple(dict.fromkeys(one for part in parts for one in part.by_position())),
        )

    def is_of(self, rows: int) -> bool:
        """Return whether it is from so many rows: those that have a score, or the first that alone were looked at."""
        again = self.again or {}
        return rows in (self.n, again.get("rows"), again.get("arguments", {}).get("rows"))

    def record(self) -> Told:
        """Return how the rows were chosen, as ``dsdm.json`` tells it."""
        told: dict[str, Any] = {"rule": self.what, "of": self.n}
        if self.again is None or self.per_group is not None:
            told["chosen_by"] = {name: saved.plain(value) for name, value in self.rule.items()}
        if self.cut is not None:
            told["cut"] = self.cut.told()
        for name in ("seed", "tokens"):
            if getattr(self, name) is not None:
                told[name] = getattr(self, name)
        if self.short:
            told["short"] = saved.short(self.short)
        return Told({**told, **self._files()}, [file.fields() for file in self.files])

    def _files(self) -> dict[str, Any]:
        """Return what names files: how the rows are chosen again, and what the score files are known by."""
        files = [file.fields() for file in self.files]
        told = {**(self.again or {}), **self.inputs}
        return {**told, "score_files": files} if files else told

    def save(self, path: PathLike, *, overwrite: bool = False) -> None:
        """Write the row numbers to a ``.npy`` file, and beside it a JSON file that tells what they are.

        Parameters
        ----------
        path
            The ``.npy`` file, which numpy opens. The other has its name with ``.json`` behind it.
        overwrite
            Replace files that are there.

        Raises
        ------
        ValueError
            For another suffix than ``.npy``.
        FileExistsError
            If one of them is there.

        """
        cut = self.cut
        told = {
            "of": self.n,
            "rule": {name: saved.plain(value) for name, value in self.rule.items()},
            "words": self.what,
            "cut": None if cut is None else {"dtype": cut.score.dtype.name, **cut.told()},
            "seed": self.seed,
            "tokens": self.tokens,
            "largest": self.largest,
            "bounds": [saved.plain(bound) for bound in self.bounds],
            **({"corpora": list(self.corpora)} if self.corpora else {}),
        }
        if self.per_group is not None:
            told["per_group"] = [[name, count] for name, count in self.per_group.items()]
            told["short"] = saved.short(self.short)
        for name, placed in (("placed", self.placed), ("placed_rows", self.placed_rows or None)):
            told |= {} if placed is None else {name: [one.told() for one in placed]}
        saved.write(path, self.indices, told, self._files(), overwrite=checks.check_flag("overwrite", overwrite))

    def report(self, **options: Any) -> Any:
        """Return what the selection is like: where its scores lie among all, its files, groups, lengths and rows.

        Parameters
        ----------
        options
            Those of :func:`dsdm.report`, such as ``corpus``, ``groups``, ``lengths`` and ``scores``.

        Returns
        -------
        SelectionReport
            As of :func:`dsdm.report`.

        Examples
        --------
        >>> import dsdm, numpy as np
        >>> scores = np.array([0.5, 2.0, -1.0, 2.0], dtype=np.float32)
        >>> found = dsdm.choose(scores, k=2).report(scores=scores, groups=["a", "b", "b", "b"])
        >>> found.selections[0].groups
        [Part(name='b', rows=3, chosen=2), Part(name='a', rows=1, chosen=0)]

        """
        # What reports a selection stands on this module, which does not import it: it is asked of the package.
        package: Any = sys.modules[__name__.partition(".")[0]]
        return package.report(self, **options)

    @staticmethod
    def load(path: PathLike) -> "Selection":
        """Read a selection that was saved.

        Parameters
        ----------
        path
            Its ``.npy`` file.

        Raises
        ------
        FileNotFoundError
            If the file beside it, which tells what the rows are, is not there.
        FormatError
            If that tells of no selection.
        ChecksumError
            If the row numbers are others than those that it tells of.

        """
        rows, told, beside = saved.read(path)
        files = told["files"].pop("score_files", [])
        inputs = {name: input_of(beside, told["files"].pop(name)) for name in INPUTS if name in told["files"]}
        per_group = told.get("per_group")
        found = Selection(
            indices=_unwritable(rows),
            n=told["of"],
            rule=saved.rule_of(beside, told["rule"]),
            what=told["words"],
            cut=cut_of(beside, told["cut"]),
            seed=told["seed"],
            tokens=told["tokens"],
            largest=told["largest"],
            files=[at_hand(file_of(beside, file)) for file in files],
            again=told["files"] or None,
            per_group=None if per_group is None else saved.of_groups(beside, per_group, 1),
            short=saved.of_groups(beside, told.get("short", []), 2),
            bounds=bounds_of(beside, told["bounds"]),
            inputs=inputs,
            corpora=checked_corpora(beside, told["corpora"]),
            placed=loaded_placed(beside, "placed", told["placed"]) if "placed" in told else None,
            placed_rows=loaded_placed(beside, "placed_rows", told.get("placed_rows", [])),
        )
        refuse_disagreement(beside, found)
        return found

    def __len__(self) -> int:
        """Return how many rows were chosen."""
        return len(self.indices)

    def __eq__(self, other: object) -> bool:
        """Return whether another selection has the same rows of as many, in the same order, chosen by whatever."""
        if not isinstance(other, Selection):
            return NotImplemented
        return self.n == other.n and np.array_equal(self.indices, other.indices)

    def __hash__(self) -> int:
        """Return the same for selections that are equal: all rows are read."""
        return hash((self.n, digest_of_rows(self.indices)))

    def __iter__(self) -> Iterator[Any]:
        """Yield the row numbers."""
        return iter(self.indices)

    def __getitem__(self, key: Any) -> Any:
        """Return what the row numbers have there, as numpy does."""
        return self.indices[key]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: FBT001 - numpy's
        """Return the row numbers."""
        return np.array(self.indices, dtype=dtype, copy=copy)

    def _repr_html_(self) -> str:
        """Return the same as a table, for a notebook."""
        pairs: list[tuple[str, object]] = [("rows", f"{len(self):,} of {self.n:,}"), ("rule", self.what)]
        if self.cut is not None:
            pairs.append(("worst score", f"{self.cut.score} ({self.cut.tied:,} tied there, {self.cut.taken:,} taken)"))
        pairs += [(name, value) for name, value in (("seed", self.seed), ("tokens", self.tokens)) if value is not None]
        return as_html("Selection", pairs)

    def __repr__(self) -> str:
        """Return one line: how many rows, where the cut lies, and the rule."""
        parts = [f"{len(self):,} of {self.n:,} rows"]
        scores = which_scores(self)
        # Bounds that no cut narrows are those in the words of the rule.
        if scores and f" with {scores}" not in self.what:
            parts.append(scores)
        if self.tokens is not None:
            parts.append(f"{self.tokens:,} tokens")
        parts.append(self.what)
        if self.seed is not None:
            parts.append(f"seed {self.seed}")
        return ", ".join(parts)


def _union(rows: _Rows, more: _Rows) -> _Rows:
    return np.concatenate([rows, more[~np.isin(more, rows)]])


def _unwritable(rows: _Rows) -> _Rows:
    # A view, so that the rows of a selection that all others leave as they are stay its own.
    rows = rows.view()
    rows.flags.writeable = False
    return rows
