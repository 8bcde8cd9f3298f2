"""The mutants of a seed number: each is known by that number and its own."""

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.fuzz import folders, seeds
from tests.fuzz.mutate import CHANGES, mutated

SHARES = {
    "parquet": 9,
    "stream": 4,
    "file": 3,
    "pt": 4,
    "npy": 3,
    "raw": 1,
    "folder": 1,
    "unfinished": 1,
    "safetensors": 2,
    "npz": 2,
    "lines": 2,
}
"""How many mutants in a round are of each format."""
_ROUND = [form for form, share in SHARES.items() for _ in range(share)]

ENDINGS = {"stream": ".arrow", "file": ".arrow", "raw": ".bin"}
ENDINGS |= {form: f".{form}" for form in ("parquet", "pt", "npy", "npz", "safetensors", "lines")}
FOLDERS = {"folder": folders.folder, "unfinished": folders.unfinished}


@dataclass(frozen=True)
class Damaged:
    """A damaged file, or the files of a damaged folder."""

    form: str
    name: str
    data: bytes | dict[str, bytes]
    seed: seeds.Seed | folders.Folder
    """What it was before."""
    fewer: Callable[[], list[bytes | dict[str, bytes]]] = list
    """The same with some of its changes and not all."""

    @property
    def whole(self):
        """What it was before, as its data."""
        return self.seed.files if isinstance(self.seed, folders.Folder) else self.seed.data


class Mutants:
    """All mutants of a seed number, made when they are asked for."""

    def __init__(self, seed):
        self._seed = seed
        self._seeds = {form: list(make()) for form, make in {**seeds.FILES, **FOLDERS}.items()}

    @staticmethod
    def form(number):
        """Give the format of a mutant."""
        return _ROUND[number % len(_ROUND)]

    def __getitem__(self, number):
        form = self.form(number)
        rng = self._rng(number)
        chosen = rng.choice(self._seeds[form])
        name = f"{self._seed}-{number}{ENDINGS.get(form, '')}"
        change = folders.mutated_folder if form in FOLDERS else mutated
        data = change(rng, chosen, self._seeds[form])
        return Damaged(form, name, data, chosen, lambda: self._fewer(number, form, change))

    def _rng(self, number):
        return random.Random(f"{self._seed}/{number}")  # noqa: S311 - to be repeated, not to be secret

    def _fewer(self, number, form, change):
        """Make a mutant with every choice of its changes but none and all."""
        made = [self[number].data, self[number].whole]
        for count in range(1, CHANGES):
            for without in itertools.combinations(range(CHANGES), count):
                rng = self._rng(number)
                chosen = rng.choice(self._seeds[form])
                data = change(rng, chosen, self._seeds[form], without)
                if data not in made:
                    made.append(data)
        return made[2:]
