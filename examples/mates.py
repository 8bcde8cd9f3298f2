"""The selection step of MATES: influence predicted for every row, a fifth of the rows drawn, a dataset saved.

    python examples/mates.py [DEMO]

DEMO is the directory that `make demo` fills, `demo` by default. What the model of MATES would have predicted is stood
in for by the demonstration's scores, cut in eight and saved as MATES saves them: `save_to_disk` directories with a
column `prediction`, where a smaller prediction is better.

The draw. MATES computes `prediction / temperature + gumbel` and takes the smallest. Gumbel noise is skewed, and
that is not a draw with probability proportional to exp(-prediction / temperature): adding noise draws by the
largest key, so what is small must be negated first. The call that draws as intended is

    dsdm.gumbel_top_k(-predictions, k, temperature=0.5)

To repeat a run of MATES to the letter instead, compute its keys with numpy and take the smallest of them:

    keys = numpy.asarray(predictions) / 0.5 + numpy.random.default_rng(seed).gumbel(size=len(predictions))
    dsdm.top_k(keys, k, largest=False)
"""

import sys
from pathlib import Path

import datasets
import numpy as np

import dsdm

PARTS = 8
TEMPERATURE = 0.5
SEED = 42


def save_predictions(folder: Path, scores: np.ndarray) -> None:
    """Save predictions as the ranks of a MATES job do: one directory each."""
    for rank, part in enumerate(np.array_split(-scores, PARTS)):
        datasets.Dataset.from_dict({"prediction": part.reshape(-1, 1)}).save_to_disk(str(folder / str(rank)))


def main(demo: Path) -> None:
    """Select and save, then open as the training job does."""
    save_predictions(demo / "predictions", np.asarray(dsdm.open_scores(demo / "data" / "dsdm" / "lambada.pt")))

    # The shards by their globs, as MATES names the first 160 of 891; read where they lie.
    globs = [f"train-{shard:05}-of-00004*" for shard in range(4)]
    shards = [path for pattern in globs for path in sorted((demo / "corpus" / "data").glob(pattern))]

    # Eight directories are one vector, in the order given; nothing is copied.
    predictions = dsdm.open_scores([demo / "predictions" / str(rank) for rank in range(PARTS)], column="prediction")

    k = len(predictions) // 5
    indices = dsdm.gumbel_top_k(-predictions, k, temperature=TEMPERATURE, seed=SEED)
    dsdm.materialize(shards, indices, demo / "mates", overwrite=True)

    # The training job.
    train = datasets.load_from_disk(str(demo / "mates")).shuffle(seed=1337)
    print(f"{len(predictions):,} rows scored, {len(train):,} drawn with seed {SEED} into {demo / 'mates'}")
    print(bytes(train[0]["input_ids"][:200]).decode("utf-8", "replace"))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo"))
