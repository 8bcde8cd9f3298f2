"""Outputs of datasets that have slices of files, or files several times: what dsdm.json tells of them."""

import json
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset, concatenate_datasets, load_from_disk

import dsdm

N = 10


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = {"id": list(range(N)), "other": list(range(100, 100 + N)), "text": [f"t{row}" for row in range(N)]}
    Dataset.from_dict(table).save_to_disk("data")
    return load_from_disk("data")


def lazy():
    return dsdm.dataset.open_dataset(["data/data-00000-of-00001.arrow"])


AS_IN_FILES = {
    "all": lambda data: data,
    "one column": lambda data: data.select_columns(["text"]),
    "without a column": lambda data: data.remove_columns("text"),
}
CHANGED = {
    "twice": lambda data: concatenate_datasets([data, data]),
    "a slice, and all": lambda data: concatenate_datasets([data.select(range(5, 9)), data]),
    "halves, the second first": lambda data: concatenate_datasets([data.select(range(5, N)), data.select(range(5))]),
    "a slice": lambda data: data.select(range(3, 9)),
    "some rows": lambda data: data.select([9, 1, 4, 4]),
    "shuffled": lambda data: data.shuffle(seed=1),
    "some rows, and all": lambda data: concatenate_datasets([data.select([9, 1]), data]),
    "beside a column in memory": lambda data: data.add_column("more", list(range(N))),
    "columns of each other's names": lambda data: data.rename_columns({"id": "other", "other": "id"}),
}


def written(data, out, **how):
    """Write the best rows by scores in a file, and return what dsdm.json tells of them, and of how many they are."""
    scores = np.random.default_rng(3).permutation(len(data)).astype(np.float32)
    np.save("scores.npy", scores)
    chosen = dsdm.choose(dsdm.open_scores("scores.npy"), k=3)
    dsdm.materialize(data, chosen, out, **how)
    best = np.argsort(-scores)[:3]
    rows = load_from_disk(out).remove_columns([name for name in how.values() if name is not None])
    assert rows.to_dict() == data[best.tolist()]
    return json.loads(Path(out, "dsdm.json").read_text())


@pytest.mark.parametrize("row_ids", [None, "row"])
@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("of", [*AS_IN_FILES, *CHANGED])
def test_an_output_of_a_dataset_is_verified_and_its_rows_are_not_taken_for_those_of_files(data, of, opened, row_ids):
    is_lazy_as_it_is = opened and of in AS_IN_FILES
    source = (AS_IN_FILES | CHANGED)[of](lazy() if opened else data)
    told = written(source, "out", row_ids=row_ids)["selection"]
    assert dsdm.verify("out").sources.same
    assert told.get("mapped", False) == (of in CHANGED)
    scores = dsdm.open_scores("scores.npy")
    for take in (
        lambda: dsdm.written_rows("out").indices,
        lambda: dsdm.written_rows("out", ["data/data-00000-of-00001.arrow"]).indices,
        lambda: dsdm.choose(scores, k=3, only="out").indices,
    ):
        if is_lazy_as_it_is:
            assert take().tolist() == np.argsort(-np.asarray(scores))[:3].tolist()
        else:
            with pytest.raises(ValueError, match=r"dsdm\.json: .*(which rows|is another file)"):
                take()


def test_rows_of_a_dataset_are_no_rows_of_files_to_hold_an_output_against(data):
    dsdm.materialize(lazy(), [2, 0], "out", row_ids="row")
    with pytest.raises(ValueError, match=r"corpus is no rows of files as they lie.*dsdm\.open_shards"):
        dsdm.written_rows("out", data)
    assert dsdm.written_rows("out", lazy()).indices.tolist() == [2, 0]


def test_a_lazy_dataset_with_columns_of_directories_is_as_its_files_are(data, tmp_path):
    for at in range(2):
        data.select(range(5 * at, 5 * at + 5)).to_parquet(tmp_path / "parts" / f"kind=k{at}" / "rows.parquet")
    opened = dsdm.dataset.open_dataset("parts", hive=True)
    told = written(opened, "out", row_ids="row")["selection"]
    assert "mapped" not in told
    assert dsdm.verify("out").sources.same
