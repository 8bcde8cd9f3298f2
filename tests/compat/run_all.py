"""Read, select and save rows with the installed versions of dsdm and datasets, the plain and the lazy way."""

import pickle
import tempfile
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa

import dsdm
import dsdm.dataset

ROWS = 3000
CHOSEN = np.random.default_rng(1).permutation(ROWS)[:1000]
LABELS = ["a", "b", "c"]


def make() -> datasets.Dataset:
    columns = {
        "ids": [[row % 7, row] for row in range(ROWS)],
        "text": [f"row {row}" for row in range(ROWS)],
        "label": [row % 3 for row in range(ROWS)],
    }
    ids = datasets.Sequence(datasets.Value("uint16"))
    features = {"ids": ids, "text": datasets.Value("string"), "label": datasets.ClassLabel(names=LABELS)}
    return datasets.Dataset.from_dict(columns, features=datasets.Features(features))


def alike(found: datasets.Dataset, expected: datasets.Dataset) -> None:
    assert found.features == expected.features, (found.features, expected.features)
    assert found[:] == expected[:]
    assert list(found) == list(expected)


def plainly(source: object, folder: Path, expected: datasets.Dataset) -> None:
    shards = dsdm.open_shards(source)
    assert shards.features == expected.features
    assert shards[int(CHOSEN[0])] == expected[0]
    assert isinstance(shards.take(CHOSEN), pa.Table)
    alike(shards.select(CHOSEN), expected)
    alike(dsdm.select(source, CHOSEN, memory_limit=1), expected)
    alike(dsdm.select(source, CHOSEN, columns=["text"]), expected.select_columns(["text"]))
    report = dsdm.materialize(source, CHOSEN, folder, row_ids="row", num_shards=3)
    assert report.rows == len(CHOSEN)
    saved = datasets.load_from_disk(str(folder))
    assert list(saved["row"]) == CHOSEN.tolist()
    alike(saved.remove_columns("row"), expected)


def lazily(source: object, folder: Path, expected: datasets.Dataset) -> None:
    lazy = dsdm.dataset.open_dataset(source).select(CHOSEN)
    alike(lazy, expected)
    alike(pickle.loads(pickle.dumps(lazy)), expected)  # noqa: S301
    alike(lazy.flatten_indices(), expected)
    alike(lazy.select_columns(["label"]), expected.select_columns(["label"]))
    alike(lazy.rename_column("text", "words"), expected.rename_column("text", "words"))
    alike(dsdm.dataset.open_dataset(source, columns=["label"]).select(CHOSEN), expected.select_columns(["label"]))
    alike(lazy.map(lambda row: {"more": row["label"] + 1}), expected.map(lambda row: {"more": row["label"] + 1}))
    alike(lazy.sort("text"), expected.sort("text"))
    alike(lazy.filter(lambda row: row["label"] == 1), expected.filter(lambda row: row["label"] == 1))
    more = lazy.add_column("more", list(range(len(lazy))))
    assert more.select_columns(["more", "text"])[5:7] == {"more": [5, 6], "text": expected["text"][5:7]}
    if lazy.cache_files:
        cached = [Path(file["filename"]) for file in lazy.map(lambda row: {"more": row["label"]}).cache_files]
        assert [path.parent.parent.name for path in cached] == ["dsdm"], cached
    assert lazy.with_format("numpy")[:]["ids"].tolist() == expected["ids"][:]
    lazy.save_to_disk(str(folder))
    alike(datasets.load_from_disk(str(folder)), expected)
    lazy.to_parquet(str(folder / "rows.parquet"))
    alike(dsdm.select(folder / "rows.parquet", range(len(CHOSEN))), expected)


def main(folder: Path) -> None:
    datasets.config.HF_DATASETS_CACHE = folder / "cache"
    datasets.disable_progress_bar()
    whole = make()
    expected = whole.select(CHOSEN).flatten_indices()
    whole.save_to_disk(str(folder / "arrow"), num_shards=2)
    whole.to_parquet(str(folder / "parquet.parquet"))
    sources = {"arrow": folder / "arrow", "parquet": folder / "parquet.parquet", "dataset": whole}
    for name, source in sources.items():
        plainly(source, folder / f"plain-{name}", expected)
        lazily(source, folder / f"lazy-{name}", expected)
    print(f"dsdm runs with datasets {datasets.__version__}, pyarrow {pa.__version__}, numpy {np.__version__}")  # noqa: T201 - the report


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        main(Path(made))
