"""The token files of trainers, against slow readers that go by what the pages say of their bytes."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dsdm
from dsdm import errors
from tests.formats.docs import validator
from tests.formats.trainers import READERS, sidecar

FORMATS = list(READERS)
TYPES = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
STORED = {
    "bin": {kind: kind for kind in TYPES},
    "modded-nanogpt": dict.fromkeys(TYPES, "uint16"),
    "megatron": {kind: {"uint32": "int32", "uint64": "int64"}.get(kind, kind) for kind in TYPES},
    "litdata": {kind: {"uint32": "int32", "uint64": "int64"}.get(kind, kind) for kind in TYPES},
}
"""The type in which each format stores tokens of a column's type."""


def lists_of(rows, kind="int32", outer=pa.list_):
    return pa.array(rows, outer(pa.from_numpy_dtype(kind)))


def write(table, out, form, rows=None, **options):
    rows = range(len(table)) if rows is None else rows
    return dsdm.materialize(
        table, rows, out, **{"num_shards": 1, "progress": False, **as_stored(table, form), **options}
    )


def as_stored(table, form):
    """Give the options of a format: tokens without a header are of the type of the column, which is to be named."""
    kind = getattr(table.schema.types[0], "value_type", None)
    own = {"token_dtype": str(kind) if kind in map(pa.from_numpy_dtype, TYPES) else "uint16"}
    return {"format": form, **(own if form == "bin" else {})}


def read(out, form):
    return [row.tolist() for row in READERS[form](out)]


@st.composite
def corpora(draw):
    """Give a format, a type of a column, its rows, which of them are taken, and in how many shards."""
    form, kind = draw(st.sampled_from(FORMATS)), draw(st.sampled_from(TYPES))
    span = [np.iinfo(kind), np.iinfo(STORED[form][kind])]
    tokens = st.integers(max(int(one.min) for one in span), min(int(one.max) for one in span))
    length = draw(st.none() | st.integers(0, 4))
    sizes = {"max_size": 40} if length is None else {"min_size": length, "max_size": length}
    rows = draw(st.lists(st.lists(tokens, **sizes), min_size=1, max_size=12))
    taken = draw(st.lists(st.integers(0, len(rows) - 1), max_size=20))
    outer = draw(st.sampled_from([pa.list_, pa.large_list]))
    return form, lists_of(rows, kind, outer), kind, taken, draw(st.integers(1, max(1, len(taken))))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(corpora())
def test_rows_come_out_as_they_are(tmp_path, case):
    form, lists, kind, taken, shards = case
    out = tmp_path / "out"
    write(pa.table({"input_ids": lists}), out, form, taken, num_shards=shards)
    found = list(READERS[form](out))
    assert [row.tolist() for row in found] == lists.take(pa.array(taken, pa.int64())).to_pylist()
    assert {row.dtype.name for row in found} <= {STORED[form][kind]}
    files, told = sidecar(out, form)
    assert (len(files), told) == (shards, STORED[form][kind])
    whole = json.loads((out / "tokens.json").read_text())
    assert [error.message for error in validator("tokens").iter_errors(whole)] == []
    assert (whole["rows"], whole["tokens"]) == (len(taken), sum(map(len, found)))
    for shard in whole["shards"]:
        named = {"litdata": None, "megatron": shard["file"].replace(".bin", ".idx")}
        assert shard["offsets"] == named.get(form, f"{shard['file']}.index")
    assert dsdm.verify(out).rows == len(taken)
    shutil.rmtree(out)


@pytest.mark.parametrize("form", FORMATS)
def test_long_and_fixed_rows_in_many_shards(tmp_path, form):
    rng = np.random.default_rng(0)
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(rng.integers(0, 2**16, 4000 * 64, dtype=np.int32)), 64)
    ragged = lists_of([rng.integers(0, 2**16, length) for length in rng.integers(0, 300, 4000)])
    for name, lists in (("fixed", fixed), ("ragged", ragged)):
        rows = rng.integers(0, 4000, 9000)
        expected = lists.take(pa.array(rows)).to_pylist()
        pieces = []
        for threads, memory in ((1, 1), (2, "1GB")):
            out = tmp_path / f"{name} {threads}"
            options = {"num_shards": None, "max_shard_size": "200KB", "threads": threads, "memory_limit": memory}
            report = write(pa.table({"doc": lists}), out, form, rows, columns=["doc"], **options)
            assert read(out, form) == expected
            assert report.shards > 3
            pieces.append({path.name: path.read_bytes() for path in out.iterdir()})
        assert pieces[0] == pieces[1]


@pytest.mark.parametrize("form", ["bin", "modded-nanogpt"])
def test_as_a_trainer_maps_them(tmp_path, form):
    """The files that end in .bin are tokens from the first byte, or from byte 1024, and nothing else ends so."""
    lists = lists_of([[1, 2], [], [3, 65_535]], "uint16")
    write(pa.table({"input_ids": lists}), tmp_path / "out", form, num_shards=2)
    begin = {"bin": 0, "modded-nanogpt": 1024}[form]
    mapped = [np.memmap(path, "<u2", "r", offset=begin) for path in sorted((tmp_path / "out").glob("*.bin"))]
    assert np.concatenate(mapped).tolist() == [1, 2, 3, 65_535]
    assert not list((tmp_path / "out").glob("*.npy"))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("rows", [[], [[]], [[], []], [[7]]], ids=str)
def test_few_rows_and_few_tokens(tmp_path, form, rows):
    write(pa.table({"input_ids": lists_of(rows)}), tmp_path / "out", form)
    assert read(tmp_path / "out", form) == rows
    assert dsdm.verify(tmp_path / "out").rows == len(rows)
    options = as_stored(pa.table({"input_ids": lists_of(rows)}), form)
    assert dsdm.plan(pa.table({"input_ids": lists_of(rows)}), range(len(rows)), **options).rows == len(rows)


# --- what they have no place for ---

NARROWED = [
    ("modded-nanogpt", "int32", [[1], [2, 65_536], [3]], 65_536, "uint16"),
    ("modded-nanogpt", "int64", [[1], [2, -1], [3]], -1, "uint16"),
    ("modded-nanogpt", "uint64", [[1], [2**64 - 1], []], 2**64 - 1, "uint16"),
    ("modded-nanogpt", "int8", [[1], [-128], []], -128, "uint16"),
    ("megatron", "uint32", [[1], [2**31], []], 2**31, "int32"),
    ("megatron", "uint64", [[], [2**63], []], 2**63, "int64"),
    ("litdata", "uint32", [[1], [2**32 - 1], []], 2**32 - 1, "int32"),
    ("litdata", "uint64", [[1], [5, 2**63], []], 2**63, "int64"),
]


@pytest.mark.parametrize(("form", "kind", "rows", "token", "stored"), NARROWED)
def test_a_token_that_has_no_place_is_named_and_never_another(tmp_path, form, kind, rows, token, stored):
    table = pa.table({"input_ids": lists_of(rows, kind)})
    message = rf'row 2: the column "input_ids" has the token {token} .*format="{form}" stores tokens as {stored}'
    with pytest.raises(errors.SchemaError, match=message):
        write(table, tmp_path / "out", form, [0, 2, 1])
    assert list(tmp_path.iterdir()) == []
    write(table, tmp_path / "out", form, [0, 2])
    assert read(tmp_path / "out", form) == [rows[0], rows[2]]


REFUSED = {
    "a null row": ({"input_ids": [[1], None, [2]]}, {}, errors.SchemaError, r"row 2: .* is null in this row"),
    "a null token": ({"input_ids": [[1], [2, None], [3]]}, {}, errors.SchemaError, r"row 2: .* a token that is null"),
    "text": ({"input_ids": ["a", "b", "c"]}, {}, errors.SchemaError, "it holds texts, which are not made tokens here"),
    "floats": ({"input_ids": [[1.5], [2.5], []]}, {}, errors.SchemaError, "token files hold lists of whole numbers"),
    "no column": ({"ids": [[1], [2], [3]]}, {}, ValueError, r'no column "input_ids"; the columns are \["ids"\]'),
    "two columns": ({"a": [[1]] * 3, "b": [[1]] * 3}, {"columns": ["a", "b"]}, ValueError, "token files hold one"),
    "row ids": ({"input_ids": [[1]] * 3}, {"row_ids": "row"}, ValueError, r"add none by row_ids= or scores="),
    "shards": ({"input_ids": [[1]] * 3}, {"num_shards": 4}, ValueError, "num_shards is 4, and 3 rows are written"),
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("what", REFUSED)
def test_what_token_files_cannot_hold_is_refused(tmp_path, form, what):
    columns, options, error, message = REFUSED[what]
    with pytest.raises(error, match=message):
        write(pa.table(columns), tmp_path / "out", form, [0, 2, 1], **options)
    assert list(tmp_path.iterdir()) == []
    if "null" not in what:
        with pytest.raises(error, match=message):
            dsdm.plan(pa.table(columns), [0, 2, 1], **as_stored(pa.table(columns), form), **options)


# --- damage ---


@pytest.mark.parametrize("form", FORMATS)
def test_a_flipped_bit_anywhere_is_found(tmp_path, form):
    write(pa.table({"input_ids": lists_of([[1, 2], [3], []])}), out := tmp_path / "out", form, num_shards=2)
    written = sorted(path for path in out.iterdir() if path.name != "dsdm.json")
    assert len(written) == {"litdata": 4}.get(form, 5)
    for path in written:
        whole = path.read_bytes()
        for at in range(0, len(whole), 1 + len(whole) // 60):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
            with pytest.raises(errors.ChecksumError, match=path.name):
                dsdm.verify(out)
        path.write_bytes(whole)
        path.unlink()
        with pytest.raises(FileNotFoundError):
            dsdm.verify(out)
        path.write_bytes(whole)
    assert dsdm.verify(out).rows == 3


# --- the command ---


@pytest.mark.parametrize("form", FORMATS)
def test_the_command_writes_them(run, tmp_path, form):
    import pyarrow.parquet as pq

    lists = [[1, 2, 3], [1], [1, 2], [1, 2, 3, 4]]
    pq.write_table(pa.table({"doc": lists, "input_ids": [[7]] * 4}), tmp_path / "c.parquet")
    np.save(tmp_path / "s.npy", np.array([1.0, 4, 3, 2]))
    command = ["materialize", "c.parquet", "o", "--by", "s.npy", "--format", form, "--columns", "doc"]
    command += ["--token-dtype", "uint16"] if form == "bin" else []
    code, _, err = run(*command, "--tokens", 7, "--dry-run")
    assert code == 0, err
    code, _, err = run(*command, "--tokens", 7)
    assert (code, err) == (0, "3 rows of 7 tokens selected, counted as the items of the lists in doc\n")
    assert read(tmp_path / "o", form) == [lists[1], lists[2], lists[3]]
    code, told, err = run("verify", "o")
    assert (code, f"of {form}" in told) == (0, True), err
