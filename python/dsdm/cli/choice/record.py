"""How the rows of a command were chosen, as ``dsdm.json`` tells it, so that they can be chosen again."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dsdm.cli import options as opt
from dsdm.cli.options.choosing import Choosing
from dsdm.cli.options.reading import Reading
from dsdm.cli.options.ruling import Ruling
from dsdm.reference import UNTARGETED_METHODS

if TYPE_CHECKING:
    from dsdm import Aligned
    from dsdm.scores import Scores


class Recorded:
    """What is told of a choice: its options, and what is known once its scores are opened."""

    what: list[str]
    given: Choosing
    ruling: Ruling
    reading: Reading
    method: str | None
    _aligned: "Aligned | None"
    _arguments: dict[str, Any]
    _by_position: dict[str, bool]
    _candidates: "Scores | Aligned | None"
    _files: list[dict[str, Any]]
    _rows: int | None
    _seed: Any

    @property
    def draws(self) -> bool:
        """Whether a seed decides which rows they are."""
        return self._gumbel or self.method in UNTARGETED_METHODS or self.ruling.draws

    @property
    def _gumbel(self) -> bool:
        return self.given.gumbel or self.method == "dsir"

    def record(self, rows: int | None = None, per_group: Mapping[Any, int] | None = None) -> dict[str, Any]:
        """Return how so many rows were chosen, so that they can be chosen again; or how they are to be chosen."""
        from dsdm.selection.told import Told

        if self.ruling.given or self._aligned is not None:
            return Told(self._told_by_rule(rows or 0, per_group), self._files)
        return Told(self._told_by_options(rows) | self._by_position, self._files)

    def _told_by_options(self, rows: int | None = None) -> dict[str, Any]:
        """Return how rows were chosen by a method, or by score files and no rule but their number."""
        given = self.given
        arguments = {
            "k": rows,
            "order": opt.value_of(given.order),
            "nan": given.nan.value,
            "seed": self._seed if self.draws else None,
            "temperature": given.temperature,
            "rng": opt.value_of(given.noise),
        }
        if self.method is not None:
            more = {"method": self.method, "target": given.target, "data_dir": given.data_dir, "rows": self._rows}
            record: dict[str, Any] = {"by": "get_indices", "arguments": given_alone(more | arguments)}
        else:
            arguments["largest"] = False if given.smallest else None
            record = {
                "by": "gumbel_top_k" if given.gumbel else "top_k",
                "scores": self.what,
                "reading": given_alone(
                    {
                        **{name: value or None for name, value in self.reading.of_values.items()},
                        "sort": opt.value_of(self.reading.sort),
                        "partial": self.reading.partial or None,
                    }
                ),
                "rows": given.rows,
                "arguments": given_alone(arguments),
            }
        return given_alone({**record, "exclude": given.exclude})

    def _told_by_rule(self, rows: int, per_group: Mapping[Any, int] | None) -> dict[str, Any]:
        """Return how rows were chosen by a rule; its arguments alone for scores that were computed."""
        from dsdm.selection.rules.again import told_again
        from dsdm.selection.rules.origin import inputs_of
        from dsdm.selection.rules.rule import Rule
        from dsdm.selection.rules.saved import plain

        asked = Rule(scores=None, **self._arguments).told()
        inputs = inputs_of(self._candidates, self._arguments)
        by_groups = self.ruling.groups is not None
        counts = {} if by_groups and per_group is None else per_group
        told = told_again(self._candidates, asked, rows, self._seed if self.draws else None, per_group=counts)
        if by_groups and "groups" not in inputs:
            told = None
        chosen_by = {"chosen_by": {name: plain(value) for name, value in asked.items()}}
        if told is None:
            return {**chosen_by, **inputs}
        files = given_alone({"exclude": self.given.exclude, "only": self.ruling.only})
        return {**(chosen_by if by_groups else {}), **told, **files, **inputs, **self._by_position}


def given_alone(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were given."""
    return {name: value for name, value in options.items() if value is not None}
