"""The mutants of a seed number: each is known by that number and its own."""

import random
from dataclasses import dataclass

from tests.fuzz import seeds
from tests.fuzz.mutate import mutated

SHARES = {"parquet": 9, "stream": 4, "file": 3, "pt": 4, "npy": 3, "raw": 1}
"""How many mutants in a round are of each format."""
_ROUND = [form for form, share in SHARES.items() for _ in range(share)]

ENDINGS = {"parquet": ".parquet", "stream": ".arrow", "file": ".arrow", "pt": ".pt", "npy": ".npy", "raw": ".bin"}


@dataclass(frozen=True)
class Damaged:
    """A damaged file."""

    form: str
    name: str
    data: bytes
    whole: bytes
    """What it was before."""


class Mutants:
    """All mutants of a seed number, made when they are asked for."""

    def __init__(self, seed):
        self._seed = seed
        self._seeds = {form: list(make()) for form, make in seeds.FILES.items()}

    def __getitem__(self, number):
        form = _ROUND[number % len(_ROUND)]
        rng = random.Random(f"{self._seed}/{number}")  # noqa: S311 - to be repeated, not to be secret
        chosen = rng.choice(self._seeds[form])
        return Damaged(
            form, f"{self._seed}-{number}{ENDINGS[form]}", mutated(rng, chosen, self._seeds[form]), chosen.data
        )
