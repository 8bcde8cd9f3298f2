"""Corpora whose shards differ in types, or lack columns, through every call: written, verified, chosen from."""

import itertools
import json
import pickle
import subprocess
import sys

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

import dsdm
from dsdm import errors, open_shards
from dsdm.dataset import open_dataset
from tests.corpora.damaged import file_of, parquet_of, put, stream_of
from tests.formats.mutants import sealed

ROWS = 40


def rows_of(shard, start):
    """Give rows in which types, and the columns that there are, differ from shard to shard."""
    numbers = range(start, start + ROWS)
    texts = [None if row % 7 == 0 else f"row {row}" for row in numbers]
    kinds = [pa.int8(), pa.int32(), pa.int64()]
    columns = {
        "n": pa.array(numbers, kinds[shard]),
        "g": pa.array([row % 3 for row in numbers], kinds[-shard]),
        "t": pa.array(texts, [pa.string(), pa.large_string(), pa.string()][shard]),
        "ids": pa.array(
            [list(range(row % 5)) for row in numbers], pa.list_([pa.int32(), pa.int64(), pa.uint16()][shard])
        ),
        "z": pa.nulls(ROWS)
        if shard == 1
        else pa.array([row / 2 for row in numbers], [pa.float32(), None, pa.float64()][shard]),
    }
    return pa.table(columns)


def lacking(shard, table):
    return table.drop_columns([["z"], ["t", "n"], []][shard])


def shards_of(folder, tables):
    """Write tables as a stream, a Parquet file, and a file of Arrow, or the last as JSON lines; in this order."""
    writers = {"a.arrow": stream_of, "b.parquet": parquet_of, "c.arrow": file_of}
    return [put(folder / name, write(table)) for (name, write), table in zip(writers.items(), tables, strict=True)]


@pytest.fixture
def corpora(tmp_path):
    """Give shards of other types, and others that lack columns besides, each with the table that they are."""
    made = {}
    for schema in ("same", "union"):
        tables = [rows_of(shard, shard * ROWS) for shard in range(3)]
        tables = [lacking(shard, table) for shard, table in enumerate(tables)] if schema == "union" else tables
        folder = tmp_path / f"corpus-{schema}"
        folder.mkdir()
        made[schema] = (shards_of(folder, tables), tables)
    return made


def expected(tables, rows):
    return pa.concat_tables(tables, promote_options="permissive").take(rows)


def read(folder, form):
    if form == "arrow":
        return datasets.load_from_disk(str(folder)).data.table
    if form == "parquet":
        return pq.read_table(folder / "data")
    lines = []
    for path in sorted((folder / "data").iterdir()):
        reader = zstandard.ZstdDecompressor().stream_reader(path.read_bytes(), read_across_frames=True)
        lines += [json.loads(line) for line in reader.read().splitlines()]
    return lines


ORDERS = list(itertools.permutations(range(3)))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("schema", ["same", "union"])
def test_every_format_in_every_order(tmp_path, corpora, schema, order):
    paths, tables = ([item[place] for place in order] for item in corpora[schema])
    rows = np.random.default_rng(3).integers(0, 3 * ROWS, 90)
    wanted = expected(tables, rows)
    assert open_shards(paths, schema=schema).take(rows).equals(wanted)
    again = pickle.loads(pickle.dumps(open_shards(paths, schema=schema)))  # noqa: S301
    assert again.take(rows).equals(wanted)
    lazy = open_dataset(paths, schema=schema)
    for dataset in (
        dsdm.select(paths, rows, schema=schema),
        lazy.select(rows),
        pickle.loads(pickle.dumps(lazy.select(rows))),  # noqa: S301
    ):
        assert dataset[:] == wanted.to_pydict()
    for form in ("arrow", "parquet", "jsonl"):
        dsdm.materialize(paths, rows, tmp_path / form, format=form, schema=schema, num_shards=3)
        found = read(tmp_path / form, form)
        if form == "jsonl":
            assert found == wanted.to_pylist()
        else:
            assert found.combine_chunks().cast(wanted.schema).equals(wanted.combine_chunks())
            assert found.schema.types == wanted.schema.types
        dsdm.verify(tmp_path / form)
    if schema == "same":
        dsdm.materialize(paths, rows, tmp_path / "tokens", format="tokens", columns=["ids"])
        file, offsets = (
            np.load(next((tmp_path / "tokens").rglob(name))) for name in ("tokens-00000-of-00001.npy", "*.offsets.npy")
        )
        assert [list(file[a:b]) for a, b in itertools.pairwise(offsets)] == wanted["ids"].to_pylist()
        lengths = np.array([len(ids) for table in tables for ids in table["ids"].to_pylist()])
        found = dsdm.choose(np.arange(3.0 * ROWS), tokens=50, lengths=open_shards(paths).lengths("ids"))
        assert found.indices.tolist() == dsdm.choose(np.arange(3.0 * ROWS), tokens=50, lengths=lengths).indices.tolist()


@pytest.mark.filterwarnings("ignore:.*come from the front:UserWarning")
@pytest.mark.parametrize("schema", ["same", "union"])
def test_rows_chosen_by_a_column_are_chosen_again(tmp_path, corpora, schema, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths, tables = corpora[schema]
    values = np.random.default_rng(5).integers(0, 9, 3 * ROWS).astype(np.float32)
    np.save(tmp_path / "scores.npy", values)
    shards = open_shards(paths, schema=schema)
    chosen = dsdm.choose(dsdm.open_scores(tmp_path / "scores.npy"), groups=shards.groups("g"), per_group=2)
    groups = [group for table in tables for group in table["g"].to_pylist()]
    assert chosen.indices.tolist() == dsdm.choose(values, groups=groups, per_group=2).indices.tolist()
    dsdm.materialize(paths, chosen, tmp_path / "out", schema=schema)
    assert dsdm.verify(tmp_path / "out").selection is True
    assert dsdm.report(tmp_path / "out").selections
    manifest = tmp_path / "out" / "dsdm.json"
    told = json.loads(manifest.read_text())
    places = [told["selection"], told["selection"]["chosen"]["groups"]]
    assert [place.pop("schema", "same") for place in places] == [schema] * 2
    # The first manifests do not tell of it.
    manifest.write_text(sealed(told))
    assert dsdm.verify(tmp_path / "out").selection is True
    (found,) = dsdm.report(tmp_path / "out", groups="g").selections
    assert {part.chosen for part in found.groups} == {2}
    for wrong in ("same", 1, None):
        told["selection"]["schema"] = wrong
        manifest.write_text(sealed(told))
        for call in (dsdm.verify, dsdm.report):
            with pytest.raises(errors.FormatError, match=r"selection\.schema"):
                call(tmp_path / "out")
        record = {**chosen.record(), "groups": {**chosen.record()["groups"], "schema": wrong}}
        with pytest.raises(ValueError, match="'groups' has 'schema'="):
            dsdm.materialize(paths, chosen.indices, tmp_path / "other", schema=schema, selection=record)


@pytest.mark.parametrize("schema", ["same", "union"])
def test_every_way_of_reading_gives_the_same_bytes(tmp_path, corpora, schema, monkeypatch):
    paths, tables = corpora[schema]
    rows = np.random.default_rng(1).integers(0, 3 * ROWS, 200)
    wanted, written = expected(tables, rows), set()
    ways = itertools.product(["", "copy", "decode", "expand", "positional"], ["mmap", "pread"], [None, "1kB"])
    for number, (strategy, io, limit) in enumerate(ways):
        monkeypatch.setenv("DSDM_STRATEGY", strategy)
        assert open_shards(paths, schema=schema, io=io).take(rows).equals(wanted)
        out = tmp_path / str(number)
        how = {"io": io, "memory_limit": limit, "threads": 1 + number % 2}
        dsdm.materialize(paths, rows, out, schema=schema, num_shards=2, **how)
        written.add(tuple(path.read_bytes() for path in sorted(out.glob("*.arrow"))))
    assert len(written) == 1
    assert read(out, "arrow").combine_chunks().equals(wanted.combine_chunks())


def test_what_a_file_lacks_is_an_error_unless_it_is_asked_for(tmp_path, corpora):
    paths, tables = corpora["union"]
    with pytest.raises(errors.SchemaError, match=r'column "n": the column is missing here.*schema="union"'):
        open_shards([paths[2], paths[1]])
    with pytest.raises(errors.SchemaError, match=rf'{paths[0]}.*columns=.*schema="union"'):
        open_shards([paths[1], paths[0]])
    shards = open_shards(paths, schema="union")
    # The columns are those of all files, in the order in which they are seen.
    assert shards.schema.names == ["n", "g", "t", "ids", "z"]
    assert open_shards(paths[::-1], schema="union", columns=["z", "n"]).schema.names == ["z", "n"]
    # A file may have none of the columns.
    for rows in ([], [ROWS], list(range(3 * ROWS))[::-1]):
        assert open_shards(paths, schema="union", columns=["t"]).take(rows)["t"].to_pylist() == [
            expected(tables, list(range(3 * ROWS)))["t"][row].as_py() for row in rows
        ]
    with pytest.raises(ValueError, match='there is no column "x"'):
        open_shards(paths, schema="union", columns=["x"])
    for wrong, kind in (("first", ValueError), ("", ValueError), (None, TypeError), (True, TypeError)):
        with pytest.raises(kind, match=r'schema is .*; it is one of "same", "union"'):
            open_shards(paths, schema=wrong)
        with pytest.raises(kind, match=r'schema is .*; it is one of "same", "union"'):
            dsdm.materialize(paths, [0], tmp_path / "out", schema=wrong)
    for opened in (open_shards(paths, columns=["ids"]), pa.table({"a": [1]})):
        with pytest.raises(ValueError, match=r'schema="union" is for files that this call opens.*open_shards'):
            dsdm.select(opened, [0], schema="union")
    assert dsdm.select(shards, [0], schema="union")[:] == shards.select([0])[:]
    twice = put(tmp_path / "twice.arrow", stream_of(pa.table([[1], [2]], names=["t", "t"])))
    with pytest.raises(errors.SchemaError, match='column "t": there are two columns of this name'):
        open_shards([paths[0], twice], schema="union")


def test_the_command_takes_shards_that_lack_columns(tmp_path, corpora):
    paths, tables = corpora["union"]
    np.savetxt(tmp_path / "rows.txt", [50, 0, 119], "%d")

    def run(out, *options):
        command = ["materialize", *map(str, paths), str(tmp_path / out), "-i", str(tmp_path / "rows.txt"), *options]
        return subprocess.run([sys.executable, "-m", "dsdm", *command], capture_output=True, text=True, check=False)  # noqa: S603

    refused = run("out")
    assert refused.returncode == 1
    assert "--schema union" in refused.stderr
    assert run("out", "--schema", "both").returncode == 2
    assert not (tmp_path / "out").exists()
    assert "3 in 1 shard" in run("out", "--schema", "union", "--dry-run").stdout
    written = run("out", "--schema", "union")
    assert written.returncode == 0, written.stderr
    assert read(tmp_path / "out", "arrow").combine_chunks().equals(expected(tables, [50, 0, 119]).combine_chunks())


def test_json_lines_beside_other_files(tmp_path):
    lines = put(tmp_path / "a.jsonl", b'{"n": 1, "t": null}\n{"n": -5, "t": null, "z": 1.5}\n')
    table = pa.table({"n": pa.array([7], pa.int32()), "t": pa.array(["x"], pa.large_string())})
    other = put(tmp_path / "b.parquet", parquet_of(table))
    empty = put(tmp_path / "c.arrow", stream_of(table.slice(0, 0)))
    for order in itertools.permutations([lines, other, empty]):
        found = open_shards(order, schema="union").take([2, 1, 0])
        assert found.schema.field("n").type == pa.int64()
        wanted = [{"n": 1, "t": None, "z": None}, {"n": -5, "t": None, "z": 1.5}]
        mine = [{"n": 7, "t": "x", "z": None}]
        wanted = mine + wanted if order.index(other) < order.index(lines) else wanted + mine
        assert found.select(["n", "t", "z"]).to_pylist() == wanted[::-1]
        assert open_shards(order, columns=["n", "t"]).schema.types == [pa.int64(), pa.large_string()]


LABEL = datasets.ClassLabel(names=["no", "yes"])


def test_features_are_those_of_the_shards_that_have_values(tmp_path):
    plain, labels = (
        datasets.Value("null"),
        datasets.Features({"y": LABEL, "ids": datasets.List(datasets.Value("int32"))}),
    )
    tables = [
        datasets.Dataset.from_dict({"y": [None], "ids": [None]}, datasets.Features({"y": plain, "ids": plain})),
        datasets.Dataset.from_dict({"y": [1, 0], "ids": [[1], []]}, labels),
        datasets.Dataset.from_dict(
            {"ids": [[2**40]]}, datasets.Features({"ids": datasets.List(datasets.Value("int64"))})
        ),
    ]
    paths = []
    for number, table in enumerate(tables):
        paths.append(tmp_path / f"{number}.parquet")
        table.to_parquet(paths[-1])
    for number, order in enumerate(itertools.permutations(paths)):
        known = {"y": LABEL, "ids": datasets.List(datasets.Value("int64"))}
        assert dsdm.select(order, [0, 3], schema="union").features == known
        dsdm.materialize(order, range(4), tmp_path / f"out{number}", schema="union")
        assert datasets.load_from_disk(str(tmp_path / f"out{number}")).features == known
    # Other names are other values, also where the first shard has none.
    other = datasets.Features({"y": datasets.ClassLabel(names=["yes", "no"]), "ids": labels["ids"]})
    datasets.Dataset.from_dict({"y": [1], "ids": [[1]]}, other).to_parquet(tmp_path / "other.parquet")
    for order in itertools.permutations([*paths, tmp_path / "other.parquet"]):
        with pytest.raises(errors.SchemaError, match='column "y": its values are a ClassLabel') as caught:
            open_shards(order, schema="union")
        assert str(paths[1]) in str(caught.value)
        assert "other.parquet" in str(caught.value)


def images(tmp_path, name, binary, *, told):
    """Write a row of a struct of bytes and path, with or without the feature that reads it as an image."""
    kind = pa.struct({"bytes": binary, "path": pa.string()})
    table = pa.table({"c": pa.array([{"bytes": b"1", "path": None}], kind)})
    if told:
        metadata = datasets.Features({"c": datasets.Image()}).arrow_schema.metadata
        table = table.replace_schema_metadata(metadata)
    return put(tmp_path / name, file_of(table))


@pytest.mark.parametrize("binary", [pa.binary(), pa.large_binary()], ids=str)
def test_an_image_and_plain_bytes_are_refused_in_either_order(tmp_path, binary):
    told = images(tmp_path, "told.arrow", pa.binary(), told=True)
    plain = images(tmp_path, "plain.arrow", binary, told=False)
    same = images(tmp_path, "same.arrow", pa.binary(), told=True)
    wide = images(tmp_path, "wide.arrow", pa.large_binary(), told=True)
    for first, second in ([told, plain], [plain, told]):
        with pytest.raises(errors.SchemaError, match="of the feature Image") as caught:
            dsdm.materialize([first, second], [0, 1], tmp_path / "out")
        assert str(first) in str(caught.value)
        assert str(second) in str(caught.value)
    for paths in ([told, wide], [wide, told], [same, wide, told]):
        with pytest.raises(errors.SchemaError, match=r'"c": shards have it in several types, .* such as Image'):
            open_shards(paths)
    for number, paths in enumerate(([told, same], [same, told])):
        out = tmp_path / str(number)
        dsdm.materialize(paths, [0, 1], out)
        assert datasets.load_from_disk(str(out)).features == {"c": datasets.Image()}


def test_an_extension_type_is_refused_beside_another_and_plain_values(tmp_path):
    numbers = pa.array([1], pa.int8())
    types = [pa.opaque(pa.int8(), "a", "v"), pa.opaque(pa.int8(), "b", "v"), pa.bool8()]
    columns = [pa.ExtensionArray.from_storage(kind, numbers) for kind in types] + [numbers]
    paths = [put(tmp_path / f"{at}.arrow", file_of(pa.table({"c": one}))) for at, one in enumerate(columns)]
    wide = put(tmp_path / "wide.arrow", file_of(pa.table({"c": pa.array([1], pa.int64())})))
    pairs = [
        *itertools.permutations(paths, 2),
        *((one, wide) for one in paths[:3]),
        *((wide, one) for one in paths[:3]),
    ]
    for first, second in pairs:
        with pytest.raises(errors.SchemaError, match="extension type") as caught:
            open_shards([first, second])
        assert str(first) in str(caught.value)
        assert str(second) in str(caught.value)
