"""What a command is to select, and the selection itself."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from dsdm.cli import options as opt
from dsdm.cli.files import load_rows
from dsdm.cli.options.choosing import Choosing
from dsdm.cli.options.reading import Reading
from dsdm.cli.options.size import parse_size
from dsdm.cli.saying import say
from dsdm.cli.tokens import Lengths, rows_within
from dsdm.cli.usage import as_usage, naming
from dsdm.reference import DATASET_SIZE, METHODS, UNUSED, check_method, unknown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dsdm.scores import Scores

_Choose = Callable[[int, str | None], "NDArray[np.int64]"]
"""Return so many rows in an order; without one, in that of their ranks or draws."""

_BLOCK = 1 << 20
_DRAWING = ("dsir", "random", "semdedup")


class Choice:
    """A selection that was asked for: by a method of the reference, or by score files of one's own."""

    def __init__(self, what: list[str], choosing: Choosing, reading: Reading) -> None:
        """Check the options, or end with a usage error where they do not go together."""
        self.what, self.given, self.reading = what, choosing, reading
        self.method = what[0] if len(what) == 1 and what[0] in METHODS else None
        beside = next((name for name in what if name in METHODS and not Path(name).exists()), None)
        if self.method is None and beside is not None:
            message = (
                f"{beside} is a method, which goes alone, and {' and '.join(what)} were given; files may be several"
            )
            raise typer.BadParameter(message)
        for name in what if self.method is None else ():
            _check_name(name)
        self.size = parse_size(choosing.count, choosing.fraction, choosing.tokens, choosing.row_tokens)
        self.opened: list[Scores] = []
        """The score files of one's own that were opened."""
        self._rows: int | None = None
        self._candidates: Scores | None = None
        self._ids: list[Path] = []
        self._files: list[dict[str, Any]] = []
        self._seed = choosing.seed
        self.left: Mapping[str, Any] | None = None
        """How the rows of an interrupted run were chosen. A draw without a seed that is the same has the seed of it."""
        self._check()

    @property
    def draws(self) -> bool:
        """Whether rows are drawn."""
        return self.given.gumbel or self.method in _DRAWING

    @property
    def sources(self) -> list[str]:
        """The files, directories and globs of scores that were named."""
        return [] if self.method is not None else self.what

    @property
    def named(self) -> list[str | Path]:
        """The files that were named."""
        return [*self.sources, *([] if self.given.exclude is None else [self.given.exclude])]

    @property
    def read(self) -> list[str | Path]:
        """The files that were read by a selection."""
        scores = [] if self._candidates is None else [str(path) for path in self._candidates.paths]
        return [*self.named, *scores, *self._ids]

    def _check(self) -> None:
        """End with a usage error where options do not go together."""
        with as_usage():
            _check_values(self.given)
            if self.method is not None:
                check_method(self.method, self.given.target)
        if self.method is not None:
            if self.given.smallest or self.given.gumbel:
                message = f"--smallest and --gumbel are for score files; {self.method} knows what it takes"
                raise typer.BadParameter(message)
            self._refuse_unused(self.method)
            return
        if self.given.target is not None:
            message = f"--target goes with a method ({', '.join(METHODS)}), and score files were given"
            raise typer.BadParameter(message)
        if self.given.data_dir is not None:
            message = f"--data-dir goes with a method ({', '.join(METHODS)}), and score files were given"
            raise typer.BadParameter(message)
        drawing = {
            "--temperature": self.given.temperature,
            "--noise": self.given.noise,
            "--seed": self.given.seed,
        }
        given = [name for name, value in drawing.items() if value is not None]
        if given and not self.given.gumbel:
            message = f"{' and '.join(given)} with score files needs --gumbel: taking the best has no chance in it"
            raise typer.BadParameter(message)
        if self.given.smallest and self.given.gumbel:
            message = "--smallest and --gumbel do not go together: a draw prefers large scores; negate yours"
            raise typer.BadParameter(message)

    def _refuse_unused(self, method: str) -> None:
        """End with a usage error where a method has no use for an option."""
        unlike = {field.name for field in fields(self.given) if getattr(self.given, field.name) != field.default}
        given = [f"--{name.replace('_', '-')}" for name in UNUSED[method] if name in unlike]
        if given:
            message = f"{method} has no use for {' and '.join(given)}; leave it out"
            raise typer.BadParameter(message)
        if method in ("random", "semdedup") and self.given.order not in (None, opt.Order.row):
            message = f"{method} has no scores to order by: leave --order out (as drawn), or say --order row"
            raise typer.BadParameter(message)

    def open(self, corpus_rows: int | None = None) -> None:
        """Open the scores and compare them with the rows of the shards: all that can be wrong before it takes time."""
        by = self._by_scores if self.method is None else self._by_method
        self._choose, self._population = by(corpus_rows)
        if self.draws and self._seed is None and self.left is not None:
            from dsdm.selection.provenance import seed_of_draw

            self._seed = seed_of_draw(self.left, self.record())

    def select(self, row_tokens: Callable[[], int], lengths: "Lengths | None" = None) -> "NDArray[np.int64]":
        """Select rows.

        With `lengths`, a number of tokens is that of the rows themselves, taken in the order of their ranks.
        """
        choose, population = self._choose, self._population
        order = opt.value_of(self.given.order)
        if lengths is None or self.size.tokens is None or lengths.fixed is not None:
            k = self.size.rows(population, row_tokens if lengths is None else lambda: lengths.fixed or row_tokens())
        else:
            k = rows_within(self.size.tokens, self._most(population), lambda k: choose(k, None), lengths)
        with naming(self.given.exclude):
            return choose(k, order)

    def _most(self, population: int) -> int:
        """The rows that can be chosen: those that are neither excluded nor NaN and omitted nor never drawn."""
        import numpy as np

        excluded = self._excluded
        if self.method == "semdedup":
            from dsdm.checks import excluded_rows
            from dsdm.selection.methods import semdedup_ids

            return len(semdedup_ids(self.given.data_dir, self.given.rows, excluded_rows(excluded)))
        rows = np.empty(0, np.int64)
        if excluded is not None:
            rows = np.flatnonzero(excluded) if excluded.dtype == np.bool_ else np.unique(excluded)
        if self._candidates is None:
            return population - len(rows)
        valid = 0
        drawn = self.given.gumbel or self.method == "dsir"
        for start in range(0, population, _BLOCK):
            values = self._candidates[start : min(start + _BLOCK, population)].astype(np.float64)
            bad = np.isnan(values) if self.given.nan is opt.Nan.omit else np.zeros(len(values), np.bool_)
            if drawn:
                bad |= np.isneginf(values)
            low, high = np.searchsorted(rows, (start, start + len(values)))
            bad[rows[low:high] - start] = True
            valid += int(len(bad) - bad.sum())
        return valid

    @cached_property
    def _excluded(self) -> "NDArray[np.generic] | None":
        # Read once: what is counted is what is left out.
        return None if self.given.exclude is None else load_rows(self.given.exclude, "--exclude", mask=True)

    def _by_scores(self, corpus_rows: int | None) -> tuple[_Choose, int]:
        from dsdm import gumbel_top_k, last_seed, top_k
        from dsdm.selection.methods import prefix
        from dsdm.selection.provenance import identities

        opened = self.reading.open(self.what)
        self.opened.append(opened)
        # What is told of the files is of these, and not of what lies under their names when it is told.
        self._files = identities([opened])
        self._candidates = scores = prefix(opened, self.given.rows, ", ".join(self.what))
        _check_rows(opened, self.given.rows, corpus_rows)
        common: dict[str, Any] = {
            "nan": self.given.nan.value,
            "exclude": self._excluded,
            "threads": self.given.threads,
        }

        def best(k: int, order: Any) -> "NDArray[np.int64]":
            return top_k(scores, k, largest=not self.given.smallest, order=order or "best_first", **common)

        def drawn(k: int, order: Any) -> "NDArray[np.int64]":
            rows = gumbel_top_k(
                scores,
                k,
                seed=self._seed,
                temperature=1.0 if self.given.temperature is None else self.given.temperature,
                noise=opt.value_of(self.given.noise, "philox"),
                order=order or "best_first",
                **common,
            )
            self._seed = last_seed()
            return rows

        return (drawn if self.given.gumbel else best), len(scores)

    def _by_method(self, corpus_rows: int | None) -> tuple[_Choose, int]:
        from dsdm import get_indices, last_seed
        from dsdm.selection.provenance import identities, opened_scores

        method: Any = self.method
        # What is drawn from are the rows of the shards.
        self._rows = rows = corpus_rows if method == "random" and self.given.rows is None else self.given.rows
        self._files = identities(opened_scores(self.record(), None))
        population = self._candidates_of(method, rows, corpus_rows)

        given: Any = self.given

        def choose(k: int, order: Any) -> "NDArray[np.int64]":
            indices: NDArray[np.int64] = get_indices(
                method,
                k,
                given.target,
                data_dir=given.data_dir,
                rows=rows,
                seed=self._seed,
                temperature=given.temperature,
                noise=opt.value_of(given.noise),
                order=order,
                nan=given.nan.value,
                exclude=self._excluded,
                threads=given.threads,
            )
            if method in _DRAWING:
                self._seed = last_seed()
            return indices

        return choose, population

    def _candidates_of(self, method: str, rows: int | None, corpus_rows: int | None) -> int:
        """The rows of which a fraction is a share."""
        if method == "random":
            return DATASET_SIZE if rows is None else rows
        if method == "semdedup":
            from dsdm.reference import files_of, find_file
            from dsdm.selection.methods import semdedup_ids

            self._ids = [find_file(path, self.given.data_dir) for path in files_of(method)]
            return len(semdedup_ids(self.given.data_dir, rows, None))
        from dsdm.selection.methods import scores_of

        self._candidates = scores = scores_of(method, self.given.target, data_dir=self.given.data_dir, rows=rows)
        whole = scores_of(method, self.given.target, data_dir=self.given.data_dir)
        _check_rows(whole, rows, corpus_rows)
        return len(scores)

    def record(self, indices: "NDArray[np.int64] | None" = None) -> dict[str, Any]:
        """Return how rows that were selected were chosen, so that they can be chosen again; or are to be chosen."""
        given = self.given
        arguments = {
            "k": None if indices is None else len(indices),
            "order": opt.value_of(given.order),
            "nan": given.nan.value,
            "seed": self._seed if self.draws else None,
            "temperature": given.temperature,
            "rng": opt.value_of(given.noise),
        }
        if self.method is not None:
            more = {"method": self.method, "target": given.target, "data_dir": given.data_dir, "rows": self._rows}
            record: dict[str, Any] = {"by": "get_indices", "arguments": _given(more | arguments)}
        else:
            arguments["largest"] = False if given.smallest else None
            record = {
                "by": "gumbel_top_k" if given.gumbel else "top_k",
                "scores": self.what,
                "reading": _given(
                    {
                        **vars(self.reading),
                        "sort": opt.value_of(self.reading.sort),
                        "partial": self.reading.partial or None,
                    }
                ),
                "rows": given.rows,
                "arguments": _given(arguments),
            }
        from dsdm.selection.record import Told

        return Told(_given({**record, "exclude": given.exclude}), self._files)

    def select_and_report(self, row_tokens: Callable[[], int], lengths: "Lengths | None" = None) -> "NDArray[np.int64]":
        """Select rows, and say on stderr what was selected."""
        rows = self.select(row_tokens, lengths)
        self.report(rows)
        return rows

    def report(self, indices: "NDArray[np.int64]") -> None:
        """Say on stderr what was selected."""
        seed = f", drawn with seed {self._seed}" if self.draws else ""
        say(f"{len(indices):,} rows selected{seed}", err=True)


def _check_values(given: Choosing) -> None:
    """Refuse values that are wrong in themselves."""
    from dsdm import checks

    checks.check_rows(given.rows)
    checks.check_seed(given.seed)
    checks.check_threads(given.threads)
    if given.count is not None:
        checks.count_of(given.count)
    if given.temperature is not None:
        checks.check_temperature(given.temperature)


def _check_name(name: str) -> None:
    """End with a usage error for a word that is the name of nothing: neither a method, nor looks like a path."""
    is_word = not any(sign in name for sign in (".", "/", "*", "?", "[", "\\"))
    if is_word and not Path(name).exists():
        message = unknown("method", name, METHODS, what="neither a method nor a file")
        raise typer.BadParameter(message)


def _check_rows(scores: "Scores", rows: int | None, corpus: int | None) -> None:
    """Refuse scores that are neither those of the shards nor, cut by --rows, those of the first part of a corpus."""
    if corpus is None or corpus in (len(scores), rows):
        return
    from dsdm.selection.provenance import rows_of_files
    from dsdm.selection.row_counts import how_to_meet

    taken = "" if rows is None else f", of which --rows takes {rows:,},"
    how = how_to_meet(len(scores), corpus, rows_of_files(scores))
    files = [str(path) for path in scores.paths]
    more = f" and {len(files) - 1} more" if files[1:] else ""
    message = (
        f"{files[0]}{more}: there are {len(scores):,} scores{taken} and {corpus:,} rows in the shards; one score per "
        f"row is needed: {how}"
    )
    raise ValueError(message)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
