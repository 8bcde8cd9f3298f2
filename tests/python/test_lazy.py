"""Datasets over shards that stay where they are, each beside the plain dataset of the same rows."""

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets.table import InMemoryTable

import dsdm
from dsdm.dataset import open_dataset
from dsdm.errors import FormatError
from dsdm.hf.corpus_table import CorpusTable
from tests.corpora import lazily
from tests.corpora.lazily import ROWS, alike, plain_dataset, rows_of

folder = pytest.fixture(lazily.folder, scope="module")
lazy = pytest.fixture(
    lazily.lazy, params=["parquet", "a.arrow", "saved", "dataset", "table", "parquet by pread", "a.arrow by pread"]
)
_cache_of_its_own = pytest.fixture(lazily._cache_of_its_own, autouse=True)

# --- it is a dataset ---


def test_it_is_a_dataset(lazy):
    expected = plain_dataset()
    alike(lazy, expected)
    assert lazy.shape == expected.shape
    assert lazy.num_columns == expected.num_columns
    assert lazy[-1] == expected[-1]
    assert lazy[np.int64(7)] == expected[7]
    assert lazy[[5, 3, 5]] == expected[[5, 3, 5]]
    assert lazy["text"][:] == expected["text"][:]
    assert lazy["text"][3] == expected["text"][3]
    assert lazy[3:50:11] == expected[3:50:11]
    assert lazy.__getitems__([9, 0]) == expected.__getitems__([9, 0])
    with pytest.raises(IndexError):
        lazy[ROWS]
    assert "num_rows: 60" in repr(lazy)


def test_files_are_left_where_they_are(folder):
    lazy = open_dataset(folder / "parquet")
    assert isinstance(lazy.data, CorpusTable)
    assert lazy.data._loaded is None
    assert lazy.select([1, 2])[0]["id"] == 1
    assert lazy[4]["id"] == 4
    assert next(iter(lazy.select([3])))["id"] == 3
    assert lazy.data._loaded is None
    assert repr(lazy.data) == "CorpusTable(60 rows of id, ids, text, label, turn in 3 files)"


def test_columns_are_chosen_at_the_opening(folder):
    lazy = open_dataset(folder / "parquet", columns=["text", "id"])
    alike(lazy, plain_dataset().select_columns(["text", "id"]))
    alike(open_dataset(plain_dataset(), columns=["text", "id"]), plain_dataset().select_columns(["text", "id"]))


def test_a_file_in_another_state_has_another_fingerprint(tmp_path):
    table = plain_dataset().data.table
    pq.write_table(table, tmp_path / "a.parquet")
    first = open_dataset(tmp_path / "a.parquet")._fingerprint
    assert open_dataset(tmp_path / "a.parquet")._fingerprint == first
    assert open_dataset(tmp_path / "a.parquet", columns=["id"])._fingerprint != first
    pq.write_table(table.slice(1), tmp_path / "a.parquet")
    assert open_dataset(tmp_path / "a.parquet")._fingerprint != first


# --- selections ---


@pytest.mark.parametrize(
    "rows", [[], [0], [59, 0, 59], range(10, 20), np.arange(ROWS)[::-1], np.array([3, 1], np.uint8), (4, 4), iter([2])]
)
def test_select_is_that_of_datasets(lazy, rows):
    rows = list(rows)
    selected = lazy.select(rows)
    alike(selected, plain_dataset().select(rows))
    assert selected.select([]).num_rows == 0


def test_select_of_a_select(lazy):
    rng = np.random.default_rng(0)
    expected = plain_dataset()
    for size in (50, 200, 20, 5):
        rows = rng.integers(0, len(expected), size)
        lazy, expected = lazy.select(rows), expected.select(rows)
        alike(lazy, expected)


def test_select_reads_nothing(tmp_path):
    """A corpus whose rows are garbage is opened and selected from; only reading finds out."""
    table = pa.table({"ids": pa.array([[row, row] for row in range(ROWS)], pa.list_(pa.int32()))})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    bytes_ = sink.getvalue().to_pybytes()
    offsets = np.arange(0, 2 * ROWS + 1, 2, dtype=np.int32).tobytes()
    assert bytes_.count(offsets) == 1
    (tmp_path / "a.arrow").write_bytes(bytes_.replace(offsets, b"\xee" * len(offsets)))
    selected = open_dataset(tmp_path / "a.arrow").select([5, 4, 3]).select([1])
    assert len(selected) == 1
    with pytest.raises(FormatError, match=r"a\.arrow.*ids"):
        selected[0]


def test_select_names_a_row_that_is_not_there(lazy):
    with pytest.raises(IndexError, match="index 60 at position 1 is out of range: there are 60 rows"):
        lazy.select([0, 60])
    with pytest.raises(IndexError, match="index -1 at position 0"):
        lazy.select([-1])
    with pytest.raises(IndexError, match="index 3 at position 0 is out of range: there are 3 rows"):
        lazy.select([9, 8, 7]).select([3])
    with pytest.raises(TypeError, match="float64"):
        lazy.select([0.5])


def test_equal_selections_have_equal_fingerprints(folder):
    lazy = open_dataset(folder / "parquet")
    assert lazy.select([1, 2])._fingerprint == lazy.select(np.array([1, 2]))._fingerprint
    assert lazy.select([1, 2])._fingerprint != lazy.select([2, 1])._fingerprint
    assert lazy.select([1, 2])._fingerprint != lazy.select([1, 2]).select([0, 1])._fingerprint


def test_a_selection_of_the_source_is_kept():
    expected = plain_dataset().select([5, 3, 5])
    alike(open_dataset(expected), expected)
    opened = dsdm.open_shards(expected)
    alike(open_dataset(opened), expected)
    assert opened[0] == expected[0]


# --- formats ---


def shown(rows):
    """Give rows as text, a table's in one chunk."""
    return repr(rows.combine_chunks() if isinstance(rows, pa.Table) else rows)


@pytest.mark.parametrize("selected", [False, True])
@pytest.mark.parametrize("kind", ["numpy", "arrow", "pandas", None])
def test_formats_are_kept(lazy, kind, selected):
    expected = plain_dataset()
    if selected:
        lazy, expected = lazy.select(range(50, 2, -3)), expected.select(range(50, 2, -3))
    lazy = lazy.with_format(kind, columns=["id", "label"])
    expected = expected.with_format(kind, columns=["id", "label"])
    alike(lazy, expected)
    assert shown(lazy[3]) == shown(expected[3])
    assert shown(lazy[2:5]) == shown(expected[2:5])
    assert [shown(row) for row in lazy] == [shown(row) for row in expected]
    assert [shown(batch) for batch in lazy.iter(7)] == [shown(batch) for batch in expected.iter(7)]
    alike(lazy.select([1]), expected.select([1]))


def test_set_format_transforms_and_resets(lazy):
    expected = plain_dataset()
    for dataset in (lazy, expected):
        dataset.set_format("numpy", columns=["id"], output_all_columns=True)
    assert repr(lazy[:3]) == repr(expected[:3])
    assert [repr(row) for row in lazy.select([3, 2])] == [repr(row) for row in expected.select([3, 2])]
    lazy.reset_format()
    assert lazy[0] == rows_of(0)
    lazy.set_transform(lambda batch: {"n": [len(text) for text in batch["text"]]})
    assert lazy.select([0, 10])[:] == {"n": [5, 6]}
    assert list(lazy.select([0, 10])) == [{"n": 5}, {"n": 6}]


# --- what datasets does with datasets ---

OPERATIONS = {
    "map": lambda dataset: dataset.map(lambda row: {"twice": 2 * row["id"]}),
    "map, batched": lambda dataset: dataset.map(
        lambda batch: {"text": [text for text in batch["text"] for _ in range(2)]},
        batched=True,
        batch_size=7,
        remove_columns=dataset.column_names,
    ),
    "filter": lambda dataset: dataset.filter(lambda row: row["id"] % 3 == 0),
    "filter, twice": lambda dataset: dataset.filter(lambda row: row["id"] > 9).filter(lambda row: row["id"] < 30),
    "select of a filter": lambda dataset: dataset.filter(lambda row: row["id"] % 2 == 0).select([3, 0]),
    "shuffle": lambda dataset: dataset.shuffle(seed=3),
    "sort": lambda dataset: dataset.sort(["label", "id"], reverse=[False, True]),
    "train_test_split": lambda dataset: dataset.train_test_split(0.25, seed=1)["test"],
    "shard": lambda dataset: dataset.shard(3, 1),
    "take and skip": lambda dataset: dataset.skip(5).take(9),
    "repeat": lambda dataset: dataset.take(3).repeat(2),
    "repeat of a selection": lambda dataset: dataset.select([3, 1]).repeat(3),
    "repeat, not at all": lambda dataset: dataset.repeat(0),
    "sort by a column that is not first": lambda dataset: dataset.sort("text", reverse=True),
    "sort of a format": lambda dataset: dataset.with_format("numpy", columns=["id"]).sort("label"),
    "shard, not contiguous": lambda dataset: dataset.shard(3, 1, contiguous=False),
    "train_test_split, stratified": lambda dataset: dataset.train_test_split(0.25, seed=1, stratify_by_column="label")[
        "train"
    ],
    "train_test_split, in order": lambda dataset: dataset.train_test_split(0.25, shuffle=False)["test"],
    "interleave, by chance": lambda dataset: datasets.interleave_datasets(
        [dataset, dataset.select([5, 4])], probabilities=[0.7, 0.3], seed=1, stopping_strategy="all_exhausted"
    ),
    "with a plain one": lambda dataset: datasets.concatenate_datasets([dataset, plain_dataset().take(3)]),
    "add_item, twice": lambda dataset: dataset.add_item(rows_of(99)).add_item(rows_of(98)).select([len(dataset)]),
    "nothing": lambda dataset: dataset.filter(lambda _: False),
    "map of nothing": lambda dataset: dataset.select([]).map(lambda row: row),
    "batches": lambda dataset: dataset.select_columns(["id"]).map(
        lambda batch: {"sum": [sum(batch["id"])]}, batched=True, batch_size=8, remove_columns=["id"]
    ),
    "rename_column": lambda dataset: dataset.rename_column("id", "row"),
    "rename_columns": lambda dataset: dataset.rename_columns({"id": "text", "text": "id"}),
    "remove_columns": lambda dataset: dataset.remove_columns(["turn", "label"]),
    "select_columns": lambda dataset: dataset.select_columns(["text", "id"]),
    "add_column": lambda dataset: dataset.add_column("more", list(range(len(dataset)))),
    "add_item": lambda dataset: dataset.add_item(rows_of(99)),
    "cast": lambda dataset: dataset.cast_column("id", datasets.Value("int32")),
    "cast to what it is": lambda dataset: dataset.cast(dataset.features),
    "a label's names": lambda dataset: dataset.cast_column("label", datasets.ClassLabel(names=["x", "y", "z"])),
    "flatten": lambda dataset: dataset.flatten(),
    "flatten_indices": lambda dataset: dataset.flatten_indices(),
    "concatenate_datasets": lambda dataset: datasets.concatenate_datasets([dataset, dataset.select([0])]),
    "concatenate_datasets, columns": lambda dataset: datasets.concatenate_datasets(
        [dataset.select_columns(["id"]), dataset.select_columns(["text"])], axis=1
    ),
    "interleave_datasets": lambda dataset: datasets.interleave_datasets([dataset, dataset.select(range(9))]),
    "rename after a select": lambda dataset: dataset.select([4, 2]).rename_column("id", "row").remove_columns("ids"),
    "class_encode_column": lambda dataset: dataset.select_columns(["text"]).class_encode_column("text"),
}


# datasets 5.2 sorts with an option that pyarrow 25 deprecated.
@pytest.mark.filterwarnings("ignore:Specifying null_placement:FutureWarning")
@pytest.mark.parametrize("selected", [False, True])
@pytest.mark.parametrize("source", ["parquet", "saved"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_operations_are_those_of_datasets(folder, operation, source, selected):
    lazy, expected = open_dataset(folder / source), plain_dataset()
    if selected:
        rows = np.random.default_rng(1).permutation(ROWS)[:40]
        lazy, expected = lazy.select(rows), expected.select(rows)
    alike(OPERATIONS[operation](lazy), OPERATIONS[operation](expected))


@pytest.mark.parametrize("selected", [False, True])
def test_conversions_are_those_of_datasets(lazy, selected, tmp_path):
    expected = plain_dataset()
    if selected:
        lazy, expected = lazy.select([9, 4, 9]), expected.select([9, 4, 9])
    assert lazy.to_dict() == expected.to_dict()
    assert lazy.to_list() == expected.to_list()
    assert lazy.to_pandas().equals(expected.to_pandas())
    assert lazy.unique("label") == expected.unique("label")
    for name, dataset in (("lazy", lazy), ("plain", expected)):
        dataset.to_json(tmp_path / f"{name}.json")
        dataset.to_csv(tmp_path / f"{name}.csv")
    assert (tmp_path / "lazy.json").read_bytes() == (tmp_path / "plain.json").read_bytes()
    assert (tmp_path / "lazy.csv").read_bytes() == (tmp_path / "plain.csv").read_bytes()


@pytest.mark.parametrize("selected", [False, True])
@pytest.mark.parametrize("shards", [1, 4])
def test_as_an_iterable_dataset(lazy, selected, shards):
    expected = plain_dataset()
    if selected:
        lazy, expected = lazy.select(range(50, 2, -3)), expected.select(range(50, 2, -3))
    streamed = lazy.to_iterable_dataset(num_shards=shards)
    assert streamed.features == expected.features
    assert list(streamed) == list(expected.to_iterable_dataset(num_shards=shards))
    assert [row["id"] for row in streamed.filter(lambda row: row["id"] % 2 == 0).take(3)] == [
        row["id"] for row in expected if row["id"] % 2 == 0
    ][:3]


def test_as_a_loader_reads_it(lazy):
    """A torch DataLoader draws batches of row numbers and calls `__getitems__` with each."""
    expected = plain_dataset().select(range(0, ROWS, 2))
    selected = lazy.select(range(0, ROWS, 2))
    for batch in np.random.default_rng(2).permutation(len(selected)).reshape(5, 6).tolist():
        assert selected.__getitems__(batch) == [expected[row] for row in batch]


def test_a_table_of_the_same_rows(folder):
    """What datasets asks of a table is what a table in memory gives."""
    table, expected = open_dataset(folder / "parquet").data, InMemoryTable(plain_dataset().data.table)
    names = expected.column_names[1:3]
    for pair in [
        (table.slice(7, 30), expected.slice(7, 30)),
        (table.slice(55), expected.slice(55)),
        (table.slice(60), expected.slice(60)),
        (table.fast_slice(3, 9), expected.fast_slice(3, 9)),
        (table.fast_gather([5, 5, 1]), expected.fast_gather([5, 5, 1])),
        (table.select(names), expected.select(names)),
        (table.drop(names), expected.drop(names)),
        (table.remove_column(1), expected.remove_column(1)),
        (table.rename_columns(list("abcde")), expected.rename_columns(list("abcde"))),
        (table.combine_chunks(), expected.combine_chunks()),
        (table.to_reader(7).read_all(), expected.to_reader(7).read_all()),
    ]:
        found, wanted = (each.table if hasattr(each, "table") else each for each in pair)
        assert found.combine_chunks().equals(wanted.combine_chunks())
    assert table.shape == expected.shape
    assert len(table) == len(expected)
    assert table.column("text").to_pylist() == expected.column("text").to_pylist()
    assert table.column(0).to_pylist() == expected.column(0).to_pylist()
    assert table.field("ids").type == expected.field("ids").type
    assert table.to_pydict() == expected.to_pydict()
    assert [batch.num_rows for batch in table.to_reader(25)] == [25, 25, 10]
    assert table.replace_schema_metadata({"a": "b"}).schema.metadata == {b"a": b"b"}
