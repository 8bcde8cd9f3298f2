"""The reference's own example, with nothing changed but the directory of its data.

    python examples/drop_in.py [DEMO]

DEMO is the directory that `make demo` fills, `demo` by default. With the published score files (`dsdm fetch`) and the
candidate corpus on the hub, leave `data_dir`, `rows` and `path` out.
"""

import sys
from pathlib import Path

from dsdm import selections

demo = Path(sys.argv[1] if len(sys.argv) > 1 else "demo")

# A list of Python ints, in the reference's order: for dsdm the best is last.
indices = selections.get_indices("dsdm", 100, "squad", data_dir=demo / "data")
print("the best row is", indices[-1])

# The same rows of the corpus, as a datasets.Dataset; selecting is cheap, and saving runs in parallel.
subset = selections.dataset_select("dsdm", 100, "squad", data_dir=demo / "data", path=demo / "corpus")
print(subset)
print(bytes(subset[99]["input_ids"][:200]).decode("utf-8", "replace"))

# Draws can be repeated.
again = [selections.get_indices("random", 5, rows=2000, seed=7) for _ in range(2)]
print("seed 7 gives", again[0], "and again", again[1])
