"""Columns in the names of directories: against pyarrow's hive partitioning and plain Python, through every call."""

import itertools
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote, unquote

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
import zstandard

import dsdm
from dsdm import errors, open_shards, selections
from dsdm.dataset import open_dataset
from tests.corpora.damaged import file_of, parquet_of, put

NULL = "__HIVE_DEFAULT_PARTITION__"


def lines_of(table):
    return "".join(json.dumps(row) + "\n" for row in table.to_pylist()).encode()


WRITERS = {"ipc": ("arrow", file_of), "parquet": ("parquet", parquet_of), "json": ("jsonl", lines_of)}


def corpus(root, folders, form="parquet", rows=7, empty=()):
    """Write a file into each directory, some of them without rows, and return what is in each."""
    suffix, write = WRITERS[form]
    tables = {}
    for rank, folder in enumerate(folders):
        numbers = range(rank * 100, rank * 100 + (0 if rank in empty else rows))
        table = pa.table({"x": pa.array(numbers, pa.int64()), "t": pa.array(map(str, numbers), pa.string())})
        (root / folder).mkdir(parents=True)
        tables[put(root / folder / f"part-0.{suffix}", write(table))] = table
    return tables


def plain(root, files, tables, kinds):
    """Read rows by hand: those of each file, with the names of its directories taken apart."""
    found = []
    for file in files:
        parts = [name.split("=", 1) for name in os.path.relpath(file, root).split("/")[:-1] if "=" in name]
        values = {unquote(key): None if value == NULL else unquote(value) for key, value in parts}
        added = {key: value if value is None else kinds[key](value) for key, value in values.items()}
        found += [{**row, **added} for row in tables[Path(file)].to_pylist()]
    return found


def by_pyarrow(root, files, form, kinds):
    """Read the same files with pyarrow, whose columns of directories are told their types."""
    types = {int: pa.int64(), str: pa.string()}
    schema = pa.schema([(key, types[kind]) for key, kind in kinds.items()])
    partitioning = pyarrow.dataset.partitioning(schema, flavor="hive")
    opened = pyarrow.dataset.dataset(root, format=form, partitioning=partitioning)
    fragments = {fragment.path: fragment for fragment in opened.get_fragments()}
    return pa.concat_tables(fragments[str(file)].to_table(schema=opened.schema) for file in files)


LAYOUTS = {
    "texts": (["lang=de", "lang=en", "lang=fr"], {"lang": str}),
    "numbers": (["year=2022", "year=2023", "year=2024"], {"year": int}),
    "two levels": (["lang=de/year=-1", "lang=en/year=0", "lang=en/year=2024"], {"lang": str, "year": int}),
    "the other order": (["year=1/lang=en", "year=2/lang=de", "year=2/lang=en"], {"year": int, "lang": str}),
    "numbers and texts": (["k=1", "k=2", "k=b"], {"k": str}),
    "leading zeros": (["k=007", "k=008", "k=009"], {"k": str}),
    "signs": (["k=+1", "k=-0", "k=1"], {"k": str}),
    "fractions": (["k=0.5", "k=1.5", "k=1e3"], {"k": str}),
    "nulls": ([f"k={NULL}/l=1", f"k=a/l={NULL}", "k=b/l=2"], {"k": str, "l": int}),
    "nothing but nulls": ([f"k={NULL}/l=1", f"k={NULL}/l=2"], {"k": str, "l": int}),
    "escapes": ([f"k={quote(text, safe='')}" for text in ("a b", "a/b", "ü=%", "日")], {"k": str}),
    "names with escapes": (["a%20b=x", "a%20b=y"], {"a b": str}),
    "a percent sign": (["k=100%", "k=50%zz"], {"k": str}),
    "a sign of equality": (["k=a=b", "k=c=d=e"], {"k": str}),
    "directories between": (["k=1/raw/l=x", "k=2/l=y", "more/k=3/l=z"], {"k": int, "l": str}),
    "int64": ([f"k={-(2**63)}", f"k={2**63 - 1}"], {"k": int}),
}


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_values_are_those_of_pyarrow_and_of_the_text(tmp_path, layout, form):
    folders, kinds = LAYOUTS[layout]
    root = tmp_path / "corpus"
    tables = corpus(root, folders, form)
    shards = open_shards(root, hive=True, sort="name")
    assert len(shards.files) == len(folders)
    wanted = by_pyarrow(root, shards.files, form, kinds)
    rows = np.random.default_rng(7).permutation(np.repeat(np.arange(len(wanted)), 2))
    first, last = min(kinds), max(kinds)
    for columns in (None, ["t"], [*kinds], [*[*kinds][::-1], "x"], list(dict.fromkeys([last, "t", first]))):
        opened = open_shards(root, hive=True, columns=columns, sort="name")
        found = opened.take(rows)
        assert opened.schema == found.schema
        assert found.equals(wanted.select(wanted.column_names if columns is None else columns).take(rows))
    assert shards.take(np.arange(len(wanted))).to_pylist() == plain(root, shards.files, tables, kinds)
    # Numbers are the texts of the directories.
    assert {type(value) for key in kinds for value in shards.column(key).to_pylist()} - {type(None)} <= {
        *kinds.values()
    }


def test_any_text_comes_back_from_its_escapes(tmp_path):
    draw = np.random.default_rng(11)
    texts = {"".join(map(chr, draw.integers(0, 0x2FF, draw.integers(1, 20)))) for _ in range(200)}
    texts |= {"/", "..", "\n", "\0", "%", "%41", "=", " ", "\U0001f600", "x" * 250}
    tables = corpus(
        tmp_path, [f"k={quote(text, safe='')}" for text in texts if len(quote(text, safe="")) < 253], rows=1
    )
    shards = open_shards(tmp_path, hive=True, sort="name")
    assert len(shards) > 150
    assert shards.take(np.arange(len(shards)))["k"].to_pylist() == [
        unquote(file.split("/")[-2][2:]) for file in shards.files
    ]
    assert set(shards.column("k").to_pylist()) <= texts
    assert len(tables) == len(set(shards.column("k").to_pylist()))


def test_types_are_those_that_pyarrow_infers_where_it_keeps_the_text(tmp_path):
    corpus(tmp_path / "c", ["a=1/b=x", f"a=-20/b={NULL}", "a=3/b=4"])
    inferred = pyarrow.dataset.dataset(tmp_path / "c", partitioning="hive").schema
    assert inferred.names == open_shards(tmp_path / "c", hive=True, sort="name").schema.names
    assert inferred.types[2:] == [pa.int32(), pa.string()]
    assert open_shards(tmp_path / "c", hive=True, sort="name").schema.types[2:] == [pa.int64(), pa.string()]


def read(folder, form):
    if form == "arrow":
        return datasets.load_from_disk(str(folder)).to_list()
    if form == "parquet":
        return pq.read_table(folder / "data").to_pylist()
    lines = []
    for path in sorted((folder / "data").iterdir()):
        reader = zstandard.ZstdDecompressor().stream_reader(path.read_bytes(), read_across_frames=True)
        lines += [json.loads(line) for line in reader.read().splitlines()]
    return lines


FOLDERS = ["lang=de/year=2023", "lang=de/year=2024", f"lang=en/year={NULL}", f"lang={NULL}/year=7"]
KINDS = {"lang": str, "year": int}


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("empty", [(), (0,), (1, 3)])
def test_every_call_gives_the_same_rows(tmp_path, form, empty):
    root = tmp_path / "corpus"
    tables = corpus(root, FOLDERS, form, 20, empty if form != "json" else ())
    shards = open_shards(root, hive=True)
    every = plain(root, shards.files, tables, KINDS)
    rows = np.random.default_rng(3).integers(0, len(every), 90)
    wanted = [every[row] for row in rows]
    again = pickle.loads(pickle.dumps(shards))  # noqa: S301
    lazy = open_dataset(root, hive=True)
    assert shards.take(rows).to_pylist() == again.take(rows).to_pylist() == wanted
    assert list(shards) == [shards[row] for row in range(len(shards))] == every
    for found in (
        dsdm.select(root, rows, hive=True),
        shards.select(rows),
        lazy.select(rows),
        pickle.loads(pickle.dumps(lazy.select(rows))),  # noqa: S301
        selections.get_candidate_dataset(path=root, hive=True).select(rows),
        selections.get_candidate_dataset(path=root, data_files="**/part-0.*", hive=True).select(rows),
    ):
        assert found.to_list() == wanted
        assert found.features["lang"] == datasets.Value("string")
        assert found.features["year"] == datasets.Value("int64")
    assert lazy.select(rows).map(lambda row: {"next": row["year"]}, num_proc=2)["next"] == [r["year"] for r in wanted]
    for out in ("arrow", "parquet", "jsonl"):
        dsdm.materialize(root, rows, tmp_path / out, format=out, hive=True, num_shards=3)
        assert read(tmp_path / out, out) == wanted
        dsdm.verify(tmp_path / out)
    assert dsdm.plan(root, rows, hive=True).rows == len(rows)


def test_every_way_of_reading_gives_the_same_bytes(tmp_path, monkeypatch):
    root, written = tmp_path / "corpus", set()
    tables = corpus(root, FOLDERS, "ipc", 50)
    rows = np.random.default_rng(1).integers(0, 200, 300)
    ways = itertools.product(["", "copy", "decode", "expand", "positional"], ["mmap", "pread"], [None, "1kB"])
    for number, (strategy, io, limit) in enumerate(ways):
        monkeypatch.setenv("DSDM_STRATEGY", strategy)
        out = tmp_path / str(number)
        how = {"io": io, "memory_limit": limit, "threads": 1 + number % 2}
        dsdm.materialize(root, rows, out, hive=True, num_shards=2, **how)
        written.add(tuple(path.read_bytes() for path in sorted(out.glob("*.arrow"))))
    assert len(written) == 1
    every = plain(root, open_shards(root, hive=True).files, tables, KINDS)
    assert read(out, "arrow") == [every[row] for row in rows]


@pytest.mark.filterwarnings("ignore:.*come from the front:UserWarning")
@pytest.mark.parametrize("column", ["lang", "year"])
def test_rows_chosen_by_such_a_column_are_chosen_again(tmp_path, monkeypatch, column):
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "corpus"
    tables = corpus(root, ["lang=de/year=1", "lang=de/year=2", "lang=en/year=1"], rows=30)
    values = np.random.default_rng(5).integers(0, 9, 90).astype(np.float32)
    np.save(tmp_path / "scores.npy", values)
    shards = open_shards(root, hive=True)
    groups = [row[column] for row in plain(root, shards.files, tables, KINDS)]
    chosen = dsdm.choose(dsdm.open_scores(tmp_path / "scores.npy"), groups=shards.groups(column), per_group=4)
    assert chosen.indices.tolist() == dsdm.choose(values, groups=groups, per_group=4).indices.tolist()
    for name, rows in (
        ("out", chosen),
        ("saved", dsdm.Selection.load(chosen.save(tmp_path / "rows.npy") or "rows.npy")),
    ):
        dsdm.materialize(root, rows, tmp_path / name, hive=True)
        assert dsdm.verify(tmp_path / name).selection is True
        told = json.loads((tmp_path / name / "dsdm.json").read_text())["selection"]
        assert told["hive"] == told["chosen"]["groups"]["hive"] == {"lang": ["de", "de", "en"], "year": [1, 2, 1]}
        (found,) = dsdm.report(tmp_path / name, groups=column).selections
        counted = {str(part.name): part.chosen for part in found.groups}
        assert counted == {str(group): 4 for group in set(groups)}
    if column == "year":
        lengths = shards.lengths("year")
        found = dsdm.choose(values, tokens=40, lengths=lengths).indices.tolist()
        assert found == dsdm.choose(values, tokens=40, lengths=np.array(groups)).indices.tolist()


def test_features_of_the_files_are_joined_by_those_of_directories(tmp_path):
    labels = datasets.Features({"y": datasets.ClassLabel(names=["no", "yes"])})
    for rank, folder in enumerate(["k=1/l=a", "k=2/l=b"]):
        (tmp_path / "c" / folder).mkdir(parents=True)
        datasets.Dataset.from_dict({"y": [rank]}, labels).to_parquet(tmp_path / "c" / folder / "0.parquet")
    wanted = {**labels, "k": datasets.Value("int64"), "l": datasets.Value("string")}
    shards = open_shards(tmp_path / "c", hive=True)
    assert shards.features == wanted
    told = json.loads(shards.schema.metadata[b"huggingface"])["info"]["features"]
    assert told["k"] == {"dtype": "int64", "_type": "Value"}
    assert told["l"] == {"dtype": "string", "_type": "Value"}
    dsdm.materialize(tmp_path / "c", [1, 0], tmp_path / "out", hive=True)
    assert datasets.load_from_disk(str(tmp_path / "out")).features == wanted


def test_files_that_lack_columns_have_those_of_directories(tmp_path):
    one, two = tmp_path / "c" / "k=a", tmp_path / "c" / "k=b"
    one.mkdir(parents=True)
    two.mkdir()
    put(one / "0.parquet", parquet_of(pa.table({"x": [1]})))
    put(two / "0.jsonl", b'{"y": 2.5}\n')
    files = sorted((tmp_path / "c").rglob("0.*"))
    with pytest.raises(ValueError, match="two formats"):
        open_shards(tmp_path / "c", hive=True)
    put(two / "0.parquet", parquet_of(pa.table({"y": [2.5]})))
    files[1].unlink()
    with pytest.raises(errors.SchemaError, match='schema="union"'):
        open_shards(tmp_path / "c", hive=True)
    found = open_shards(tmp_path / "c", hive=True, schema="union")
    wanted = [{"x": 1, "y": None, "k": "a"}, {"x": None, "y": 2.5, "k": "b"}]
    assert found.take([1, 0]).to_pylist() == wanted[::-1]
    assert open_shards(tmp_path / "c", hive=True, schema="union", columns=["k", "y"]).take([1, 0]).to_pylist() == [
        {"k": "b", "y": 2.5},
        {"k": "a", "y": None},
    ]


UNITED = {
    "another order": (["a=1/b=x", "b=y/a=2"], {"a": int, "b": str}),
    "one more": (["a=1", "a=2/b=x", "a=3/b=y/c=0"], {"a": int, "b": str, "c": int}),
    "none": (["a=1", "b=x", "other"], {"a": int, "b": str}),
    "case": (["K=1", "k=2"], {"K": int, "k": int}),
}


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("layout", UNITED)
def test_files_of_other_directories_have_the_columns_of_all(tmp_path, layout, form):
    folders, kinds = UNITED[layout]
    root = tmp_path / "corpus"
    tables = corpus(root, folders, form)
    shards = open_shards(root, hive=True, schema="union")
    every = plain(root, shards.files, tables, kinds)
    wanted = [{**dict.fromkeys(kinds), **row} for row in every]
    rows = np.random.default_rng(2).integers(0, len(every), 50)
    assert shards.column_names == ["x", "t", *kinds]
    assert shards.take(rows).to_pylist() == [wanted[row] for row in rows]
    assert shards.take(np.arange(len(every))).equals(by_pyarrow(root, shards.files, form, kinds))
    dsdm.materialize(root, rows, tmp_path / "out", hive=True, schema="union")
    assert read(tmp_path / "out", "arrow") == [wanted[row] for row in rows]


def test_words_of_splits_in_values_part_no_table(tmp_path):
    for number, folders in enumerate((["k=train", "k=test", "k=en-dev"], ["k=en-test/train", "k=en-dev/train"])):
        corpus(tmp_path / str(number), folders)
        values = [folder.split("/")[0][2:] for folder in sorted(folders)]
        assert open_shards(tmp_path / str(number), hive=True).column("k").to_pylist() == list(np.repeat(values, 7))
    corpus(tmp_path / "splits", ["k=test-1/train", "k=test-2/dev"])
    for source in (tmp_path / "splits", f"{tmp_path}/splits/*/*/*", f"{tmp_path}/splits/*/*"):
        with pytest.raises(ValueError, match=r"there are the splits \['dev', 'train'\]"):
            open_shards(source, hive=True)
    for name, folders in (("above", ["A/k=1", "B/k=1"]), ("below", ["k=1/A", "k=1/B"])):
        for folder in folders:
            (tmp_path / name / folder).mkdir(parents=True)
            table = pa.table({"x": [folder]})
            put(tmp_path / name / folder / "train-00000-of-00001.parquet", parquet_of(table))
        with pytest.raises(ValueError, match=r"each of the directories A, B has shards of its own.*/\*\*/A/\*"):
            open_shards(tmp_path / name, hive=True)
        assert open_shards(f"{tmp_path / name}/**/A/*", hive=True)[:] == {"x": [folders[0]], "k": [1]}


def test_links_to_the_same_files_have_the_columns_of_the_links(tmp_path):
    (tmp_path / "data").mkdir()
    put(tmp_path / "data" / "0.parquet", parquet_of(pa.table({"x": [1]})))
    found = {}
    for value in ("a", "b"):
        (tmp_path / value).mkdir()
        (tmp_path / value / f"k={value}").symlink_to(tmp_path / "data")
        found[value] = open_dataset(tmp_path / value, hive=True)
        assert found[value][:] == {"x": [1], "k": [value]}
    # What datasets made of one is never taken for what it makes of the other.
    assert found["a"]._fingerprint != found["b"]._fingerprint
    assert [found[value].map(lambda row: {"z": row["k"]})["z"] for value in "ab"] == [["a"], ["b"]]


def test_partitions_of_series_of_shards_are_one_table(tmp_path):
    for folder, count in (("lang=de", 2), ("lang=en", 3)):
        (tmp_path / "c" / folder).mkdir(parents=True)
        for rank in range(count):
            table = pa.table({"x": [count * 10 + rank]})
            put(tmp_path / "c" / folder / f"train-{rank:05d}-of-{count:05d}.parquet", parquet_of(table))
    for source in (tmp_path / "c", f"{tmp_path}/c/*/*.parquet", f"{tmp_path}/c/*", [f"{tmp_path}/c/lang=*/train-*"]):
        found = open_shards(source, hive=True)
        assert found[:] == {"x": [20, 21, 30, 31, 32], "lang": ["de"] * 2 + ["en"] * 3}
    # Two directories of one list have the columns of both.
    both = open_shards([f"{tmp_path}/c/lang=e*", f"{tmp_path}/c/lang=d*"], hive=True)
    assert both[:] == {"x": [30, 31, 32, 20, 21], "lang": ["en"] * 3 + ["de"] * 2}
    (tmp_path / "c" / "lang=en" / "train-00001-of-00003.parquet").unlink()
    with pytest.raises(FileNotFoundError, match="1 of the 3 shards"):
        open_shards(tmp_path / "c", hive=True)


def test_data_sets_of_save_to_disk_may_lie_in_such_directories(tmp_path):
    for value in ("a", "b"):
        datasets.Dataset.from_dict({"x": [value * 2]}).save_to_disk(str(tmp_path / "c" / f"k={value}"))
    with pytest.raises(ValueError, match="the column 'k' is in the names of directories"):
        open_shards(tmp_path / "c")
    assert open_shards(tmp_path / "c", hive=True)[:] == {"x": ["aa", "bb"], "k": ["a", "b"]}


def test_an_interrupted_run_goes_on_with_the_same_columns_alone(tmp_path):
    code = """if True:
        import dsdm, resource, sys
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))
        dsdm.materialize(sys.argv[1], range(3000), sys.argv[2], hive=True, num_shards=300)
    """
    root, out = tmp_path / "corpus", tmp_path / "out"
    corpus(root, ["lang=de/year=1", "lang=en/year=2"], rows=1500)
    whole = dsdm.materialize(root, range(3000), tmp_path / "whole", hive=True, num_shards=300)
    ended = subprocess.run([sys.executable, "-c", code, root, out], capture_output=True, text=True, check=False)  # noqa: S603
    assert "finished and kept" in ended.stderr, ended.stderr
    plan = json.loads((tmp_path / ".out.dsdm-unfinished" / "plan.json").read_text())
    assert plan["fields"]["hive"] == {"lang": ["de", "en"], "year": [1, 2]}
    files = [str(path) for path in open_shards(root, hive=True).files]
    with pytest.raises(errors.ResumeMismatchError, match="had 4, and this call has 2"):
        dsdm.materialize(files, range(3000), out, num_shards=300)
    (root / "lang=en").rename(root / "lang=fr")
    with pytest.raises(errors.ResumeMismatchError, match="hive"):
        dsdm.materialize(root, range(3000), out, hive=True, num_shards=300)
    (root / "lang=fr").rename(root / "lang=en")
    report = dsdm.materialize(root, range(3000), out, hive=True, num_shards=300)
    assert report.kept > 0
    assert report.fingerprint == whole.fingerprint
    assert read(out, "arrow") == read(tmp_path / "whole", "arrow")


@pytest.mark.parametrize(
    "folders",
    [
        ["lang=en/year=10", "lang=en/year=9", "lang=de/year=9"],
        ["set=train", "set=test", "set=validation"],
        ["a/lang=10", "a/lang=9", "b/lang=1"],
    ],
)
def test_scores_beside_the_rows_are_in_their_order(tmp_path, folders):
    corpus(tmp_path / "c", folders)
    for where in (tmp_path / "c", f"{tmp_path}/c/**/*.parquet"):
        rows = open_shards(where, hive=True, sort="natural")
        scores = dsdm.open_scores(where, column="x", sort="natural")
        assert scores[:].tolist() == rows.column("x").to_pylist()
        chosen = dsdm.choose(scores, k=5)
        dsdm.materialize(rows, chosen, tmp_path / "out", overwrite=True)
        assert datasets.load_from_disk(tmp_path / "out")["x"][:] == sorted(rows.column("x").to_pylist())[:-6:-1]
        assert dsdm.verify(tmp_path / "out").rows == 5
    with pytest.raises(dsdm.SchemaError, match="there is no such column"):
        dsdm.open_scores(tmp_path / "c", sort="name", column=folders[0].rpartition("/")[2].partition("=")[0])
