"""What a command is to select, and the selection itself."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsdm.cli import options as opt
from dsdm.cli.asked import check_asked, check_rows, method_of
from dsdm.cli.by_rule import from_files, parts_of
from dsdm.cli.choice.record import Recorded, given_alone
from dsdm.cli.files import load_allowed, tied_by
from dsdm.cli.joined import join, refuse_missing
from dsdm.cli.notes import say_joined, say_order, too_short, warned
from dsdm.cli.options.choosing import Choosing
from dsdm.cli.options.joining import Joining
from dsdm.cli.options.reading import Reading
from dsdm.cli.options.ruling import Ruling
from dsdm.cli.options.size import parse_size
from dsdm.cli.saying import say
from dsdm.cli.tokens import Counted, Lengths, counted_by, rows_within, sized_by, too_few
from dsdm.cli.usage import naming
from dsdm.reference import DATASET_SIZE
from dsdm.selection.told import BY_POSITION, INPUTS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dsdm import Aligned, Selection
    from dsdm.dataset import Shards
    from dsdm.scores import Scores


class Choice(Recorded):
    """A selection that was asked for: by a method of the reference, or by score files of one's own."""

    def __init__(self, what: list[str], choosing: Choosing, ruling: Ruling, reading: Reading, joining: Joining) -> None:
        """Check the options, or end with a usage error where they do not go together."""
        self.what, self.given, self.ruling, self.reading = what, choosing, ruling, reading
        self.method = method_of(what)
        sized = (choosing.count, choosing.fraction, choosing.tokens, choosing.row_tokens)
        self.size = parse_size(*sized, optional=ruling.says_how_many)
        check_asked(self.method, choosing, ruling)
        self._on = joining.on if self.method is None else None
        self._as_they_lie = joining.by_position
        self._by_position = {BY_POSITION: True} if joining.by_position and self.method is None else {}
        if self.method is None:
            joining.check(reading, "--by", what, choosing.rows)
        self._aligned: Aligned | None = None
        self._counted: Counted | None = None
        self._paths: list[str] = []
        self.opened: list[Scores] = []
        """The score files of one's own that were opened."""
        self._rows: int | None = None
        self._whole: Scores | Aligned | None = None
        self._candidates: Scores | Aligned | None = None
        self._shards: Shards | None = None
        self._ids: list[Path] = []
        self._files: list[dict[str, Any]] = []
        self._seed = choosing.seed
        self.left: Mapping[str, Any] | None = None
        """How the rows of an interrupted run were chosen. A draw without a seed that is the same has the seed of it."""

    @property
    def sources(self) -> list[str]:
        """The files, directories and globs of scores that were named."""
        return [] if self.method is not None else self.what

    @property
    def named(self) -> list[str | Path]:
        """The files that were named."""
        rows = [file for file in (self.given.exclude, self.ruling.only) if file is not None]
        of_rows = (self.ruling.lengths, self.ruling.groups)
        files = [parts_of(name)[0] for name in of_rows if name is not None]
        return [*self.sources, *rows, *(file for file in files if file.exists())]

    @property
    def read(self) -> list[str | Path]:
        """The files that were read by a selection."""
        return [*self.named, *self._paths, *self._ids]

    def open(self, shards: "Shards | None" = None, left: Mapping[str, Any] | None = None) -> None:
        """Open the scores and compare them with the rows of the shards: all that can be wrong before it takes time."""
        self._shards, self.left = shards, left
        corpus_rows = None if shards is None else len(shards)
        if shards is not None and self.given.rows is not None and self.method != "random":
            from dsdm.selection.record.row_counts import refuse_later_shards

            refuse_later_shards("--rows", self.given.rows, shards.files)
        if shards is not None and self._on is not None:
            self._join(shards, self._on)
        elif self.method is None:
            self._open_files(corpus_rows)
        else:
            self._open_method(self.method, corpus_rows)
        if self._candidates is not None:
            self._arguments = self._rule()
        if self.draws and self._seed is None and self.left is not None:
            from dsdm.selection.record.provenance import seed_of_draw

            self._seed = seed_of_draw(self.left, self.record())

    def _join(self, shards: "Shards", on: str) -> None:
        self._aligned = found = join(self.what, on, self.reading, shards, self.given.threads)
        self._whole = self._candidates = found
        if found.by_id is not None:
            self._files = [file.fields() for file in found.by_id.files]
            self._paths = list(found.by_id.paths)
        if self.given.nan is opt.Nan.raise_ and self.given.exclude is None and self.ruling.only is None:
            refuse_missing(self.what, on, found)

    def more(self, rows: "Selection") -> dict[str, Any]:
        """Return what is printed of the choice beside it: what became of a join by ids, and what tokens counted."""
        found, by = self._aligned, self._counted
        joined = None if found is None else {"on": self._on, "missing": found.missing, "unused": found.unused}
        return given_alone({"joined": joined, "counted": None if by is None else by.told(rows)})

    def _open_files(self, corpus_rows: int | None) -> None:
        from dsdm.selection.methods import prefix
        from dsdm.selection.record import provenance

        say_order("score files", self.what)
        self._whole = opened = self.reading.open(self.what, () if self._shards is None else self._shards.files)
        say_joined(opened, self.what)
        self.opened.append(opened)
        # What is told of the files is of these, and not of what lies under their names when it is told.
        self._files = provenance.identities([opened])
        self._candidates = prefix(opened, self.given.rows, ", ".join(self.what))
        self._paths = [str(path) for path in opened.paths]
        check_rows(opened, self.given.rows, corpus_rows)

    def _open_method(self, method: str, corpus_rows: int | None) -> None:
        from dsdm.selection.methods import scores_of, semdedup_ids
        from dsdm.selection.record import provenance

        # What is drawn from are the rows of the shards.
        self._rows = rows = corpus_rows if method == "random" and self.given.rows is None else self.given.rows
        self._files = provenance.identities(provenance.opened_scores(self._told_by_options(), None))
        if method == "semdedup":
            from dsdm.reference import files_of, find_file

            self._ids = [find_file(path, self.given.data_dir) for path in files_of(method)]
            semdedup_ids(self.given.data_dir, rows, None)
        elif method != "random":
            self._candidates = scores_of(method, self.given.target, data_dir=self.given.data_dir, rows=rows)
            self._whole = scores_of(method, self.given.target, data_dir=self.given.data_dir)
            self._paths = [str(path) for path in self._whole.paths]
            check_rows(self._whole, rows, corpus_rows)

    def select(self, row_tokens: Callable[[], int], lengths: "Lengths | None" = None) -> "Selection":
        """Select rows.

        With `lengths`, a number of tokens is that of the rows themselves, taken in the order of their ranks.
        """
        from dsdm.selection.record.repeat import identities

        of_rule = {} if self._candidates is None else self._arguments
        self._counted = counted_by(self.size, of_rule, self.ruling.lengths, lengths, self.given.row_tokens)
        if self._candidates is None:
            return self._drawn_uniformly(row_tokens, lengths)
        with naming(exclude=self.given.exclude, only=self.ruling.only), warned():
            sized = sized_by(self.size, row_tokens, lengths, self._most, by_rule=self.ruling.lengths is not None)
            from dsdm import choose

            seed = {"seed": self._seed} if self.draws else {}
            found = choose(self._candidates, **(self._arguments | sized | seed))
        self._seed = found.seed
        short = self.ruling.groups is None and found.tokens is not None and found.tokens < (self.size.tokens or 0)
        if short and len(found) == self._most():
            raise too_few(self.size.tokens or 0, len(found), found.tokens or 0)
        told = self.record(len(found), found.per_group)
        whole = self._candidates if self._whole is None else self._whole
        n = len(whole) if self._shards is None else len(self._shards)
        again = {name: value for name, value in told.items() if name not in ("chosen_by", *INPUTS)}
        placed_rows = () if self._as_they_lie else found.placed_rows
        files = identities(self._files)
        return replace(found, n=n, again=again if "by" in told else None, files=files, placed_rows=placed_rows)

    def _rule(self) -> dict[str, Any]:
        """Return the arguments of :func:`dsdm.choose` but for the size and the seed."""
        given = self.given
        drawn = {
            "gumbel": True,
            "temperature": 1.0 if given.temperature is None else given.temperature,
            "noise": opt.value_of(given.noise, "philox"),
        }
        return {
            "largest": not given.smallest,
            "order": opt.value_of(given.order, "best_first"),
            "nan": given.nan.value,
            "exclude": self._excluded,
            "threads": given.threads,
            **(drawn if self._gumbel else {}),
            **self.ruling.arguments(),
            **{name: value for name, value in self._in_files().items() if value is not None},
        }

    def _in_files(self) -> dict[str, Any]:
        """Return the arguments of the rule that lie in files or columns."""
        n = 0 if self._candidates is None else len(self._candidates)
        return from_files(self.ruling, self._shards, n, n if self._whole is None else len(self._whole))

    def _drawn_uniformly(self, row_tokens: Callable[[], int], lengths: "Lengths | None") -> "Selection":
        """Draw rows by a method that has no scores."""
        from dsdm import Selection, get_indices, last_seed
        from dsdm.selection.record.repeat import identities

        method: Any = self.method
        options: dict[str, Any] = {"data_dir": self.given.data_dir, "rows": self._rows, "exclude": self._excluded}

        def draw(k: int, order: Any) -> "NDArray[np.int64]":
            rows = get_indices(method, k, seed=self._seed, order=order, threads=self.given.threads, **options)
            self._seed = last_seed()
            return rows

        most = self._most()
        if lengths is None or self.size.tokens is None or lengths.fixed is not None:
            k = self.size.rows(most, row_tokens if lengths is None else lambda: lengths.fixed or row_tokens())
        else:
            k, tokens = rows_within(self.size.tokens, most, lambda k: draw(k, None), lengths)
            self._counted = replace(self._counted, drawn=tokens) if self._counted is not None else None
        with naming(exclude=self.given.exclude):
            rows = draw(k, opt.value_of(self.given.order))
        n = of if (of := self._population()) is not None else int(rows.max(initial=-1)) + 1
        rows.flags.writeable = False
        told, files = self.record(len(rows)), identities(self._files)
        ties = tied_by(self._excluded, by_position=self._as_they_lie)
        return Selection(rows, n, {"k": k}, f"{method} rows", seed=self._seed, again=told, files=files, **ties)

    def _population(self) -> int | None:
        """The rows of the corpus, where they are known."""
        if self._shards is not None:
            return len(self._shards)
        return self._rows if self._rows is not None or self.method == "semdedup" else DATASET_SIZE

    @property
    def knows_rows(self) -> bool:
        """Whether it is known how many rows the corpus has: the file of one method names some of them alone."""
        return self._candidates is not None or self._population() is not None

    def _most(self) -> int:
        """The rows that can be chosen: those that are neither excluded nor NaN and omitted nor never drawn."""
        import numpy as np

        from dsdm.checks import excluded_rows

        excluded = excluded_rows(self._excluded)
        if self.method == "semdedup":
            from dsdm.selection.methods import semdedup_ids

            return len(semdedup_ids(self.given.data_dir, self.given.rows, excluded))
        if self._candidates is not None:
            from dsdm.selection.rules.apply import count_of_candidates

            return count_of_candidates(self._candidates, self._arguments)
        population = DATASET_SIZE if self._rows is None else self._rows
        if excluded is None:
            return population
        return population - (int(excluded.sum()) if excluded.dtype == np.bool_ else len(np.unique(excluded)))

    @cached_property
    def _excluded(self) -> "Selection | NDArray[np.generic] | None":
        # Read once: what is counted is what is left out.
        return None if self.given.exclude is None else load_allowed(self.given.exclude, "--exclude", self._shards)

    def select_and_report(self, row_tokens: Callable[[], int], lengths: "Lengths | None" = None) -> "Selection":
        """Select rows, and say on stderr what was selected."""
        rows = self.select(row_tokens, lengths)
        self.report(rows if lengths is None else lengths.known(rows))
        return rows

    def report(self, found: "Selection") -> None:
        """Say on stderr what was selected."""
        seed = f", drawn with seed {self._seed}" if self.draws else ""
        by = self._counted
        tokens, counted = ("", "") if by is None else (f" of {by.tokens(found):,} tokens", f", {by}")
        joined = "" if self._aligned is None else f" by {self._aligned}"
        is_one = self.method is not None or self._aligned is not None or len(self._paths) < 2  # noqa: PLR2004
        of = "" if is_one else f" of {found.n:,} in {len(self._paths):,} files"
        say(f"{len(found):,} rows{tokens} selected{of}{seed}{joined}{counted}", err=True)
        if found.short:
            say(f"dsdm: {too_short(found, self.ruling.short.value)}", err=True)
