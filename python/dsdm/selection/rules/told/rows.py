"""The rows of a rule that was told: chosen again as they were."""

from typing import Any

import numpy as np
import numpy.typing as npt

from dsdm import checks
from dsdm.selection.rules.apply import selected
from dsdm.selection.rules.chosen import Selection
from dsdm.selection.rules.groups.quotas import Copies, Parts
from dsdm.selection.rules.rule import Rule, at_least_one


def rows_of_rule(
    scores: Any,
    *,
    k: Any,
    min_score: Any = None,
    max_score: Any = None,
    quantile: Any = None,
    near: Any = None,
    repeat: Any = 1,
    replace: Any = False,
    largest: Any = True,
    ties: Any = "row",
    gumbel: Any = False,
    temperature: Any = 1.0,
    seed: Any = None,
    noise: Any = "philox",
    order: Any = "best_first",
    nan: Any = "raise",
    exclude: Any = None,
    only: Any = None,
    threads: Any = None,
    groups: Any = None,
    per_group: Any = None,
    null_groups: Any = "error",
) -> npt.NDArray[np.int64]:
    """Return the rows of a rule that was told, as :func:`dsdm.choose` chooses them, without its warnings.

    With groups, `per_group` has the rows of each as pairs, each row once, and `k` is their sum. With `repeat`, which
    may be a list with a number for each of these pairs, `k` counts all copies.
    """
    return chosen_again(**locals()).indices


def chosen_again(scores: Any, *, k: Any, repeat: Any = 1, per_group: Any = None, **arguments: Any) -> Selection:
    """Return what a rule that was told chooses, with where it ends: of the arguments of :func:`rows_of_rule`."""
    given = {**arguments, "scores": scores, "k": k, "repeat": repeat, "per_group": per_group}
    if per_group is not None:
        given |= {"k": None, "per_group": Parts(map(tuple, per_group))}
        if isinstance(repeat, list | tuple):
            given["repeat"] = Copies(zip((name for name, _ in per_group), repeat, strict=True))
    elif repeat != 1:
        given["k"] = checks.count_of(k) // at_least_one("repeat", repeat)
    for name in ("min_score", "max_score"):
        # JSON has no infinity.
        given[name] = float(given[name]) if given.get(name) in ("inf", "-inf") else given.get(name)
    return selected(Rule(**given))
