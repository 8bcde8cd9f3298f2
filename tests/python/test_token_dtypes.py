"""The type in which tokens are stored: each is the same number of it or an error, against numpy."""

import json
import re
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dsdm
from dsdm import errors
from dsdm.checks import TOKEN_DTYPES, TOKEN_FORMATS
from tests.corpora import unfinished
from tests.corpora.unfinished import CHOSEN, SMALL, leave
from tests.formats.docs import validator
from tests.formats.trainers import READERS
from tests.python.test_hostile_manifests import reseal

source = pytest.fixture(unfinished.source, scope="module")
corpus = pytest.fixture(unfinished.corpus)

SIGNED = {"uint16", "int32", "int64", "uint8", "int8", "int16"}
STORABLE = {
    "tokens": set(TOKEN_DTYPES),
    "bin": set(TOKEN_DTYPES),
    "modded-nanogpt": {"uint16"},
    "megatron": SIGNED,
    "litdata": SIGNED,
}
"""The types that the files of each format can have."""
OUTER = (pa.list_, pa.large_list)


def lists_of(rows, kind, outer=pa.list_):
    return pa.array(rows, outer(pa.from_numpy_dtype(kind)))


def write(table, out, form, dtype, rows=None, **options):
    rows = range(len(table)) if rows is None else rows
    options = {"num_shards": 1, "progress": False, **options}
    return dsdm.materialize(table, rows, out, format=form, token_dtype=dtype, **options)


def read(out, form):
    """Give the rows of an output as arrays."""
    if form != "tokens":
        return list(READERS[form](out))
    found = []
    for shard in json.loads((out / "tokens.json").read_text())["shards"]:
        tokens = np.load(out / shard["file"])
        ends = None if shard["offsets"] is None else np.load(out / shard["offsets"])[1:-1]
        found += list(tokens) if ends is None else np.split(tokens, ends)
    return found


def misfit(rows, dtype):
    """Give the first token that a type has no number for: its row, its position there and itself."""
    span = np.iinfo(dtype)
    tokens = ((row, at, token) for row, tokens in enumerate(rows) for at, token in enumerate(tokens))
    return next((found for found in tokens if not span.min <= found[2] <= span.max), None)


@st.composite
def corpora(draw):
    """Give a format, the types of a column and of its tokens when stored, its rows, which are taken, and the shards."""
    form, kind = draw(st.sampled_from(TOKEN_FORMATS)), draw(st.sampled_from(TOKEN_DTYPES))
    dtype = draw(st.sampled_from(sorted(STORABLE[form])))
    span, stored = np.iinfo(kind), np.iinfo(dtype)
    both = st.integers(max(int(span.min), int(stored.min)), min(int(span.max), int(stored.max)))
    edges = [edge + near for edge in (stored.min, stored.max) for near in (-1, 0, 1)]
    edges = [edge for edge in map(int, edges) if span.min <= edge <= span.max]
    beyond = st.integers(int(span.min), int(span.max))
    tokens = draw(st.sampled_from([both, st.sampled_from([0, *edges]), both | beyond]))
    length = draw(st.none() | st.integers(0, 4))
    sizes = {"max_size": 40} if length is None else {"min_size": length, "max_size": length}
    rows = draw(st.lists(st.lists(tokens, **sizes), min_size=1, max_size=12))
    taken = draw(st.lists(st.integers(0, len(rows) - 1), max_size=20))
    shards = draw(st.integers(1, max(1, len(taken))))
    return form, kind, dtype, rows, taken, shards, draw(st.sampled_from(OUTER))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(corpora())
def test_tokens_are_the_same_numbers_or_an_error(tmp_path, case):
    form, kind, dtype, rows, taken, shards, outer = case
    out = tmp_path / "out"
    table = pa.table({"input_ids": lists_of(rows, kind, outer)})
    expected = [rows[row] for row in taken]
    wrong = misfit(expected, dtype)
    if wrong is not None:
        with pytest.raises(errors.SchemaError) as caught:
            write(table, out, form, dtype, taken, num_shards=shards, threads=1)
        row, at, token = wrong
        said = str(caught.value)
        start = f'row {row}: the column "input_ids" has the token {token} at position {at} of this row of the output'
        assert start in said
        assert f'format="{form}" stores tokens as {dtype}, which has none such; give ' in said
        # What is advised has it.
        advised = re.findall(r'token_dtype="(\w+)"', said.partition("; give ")[2])
        assert advised
        assert all(np.iinfo(name).min <= token <= np.iinfo(name).max for name in advised)
        assert set(advised) <= STORABLE["bin" if 'format="bin" with' in said else form]
        assert not out.exists()
        return
    write(table, out, form, dtype, taken, num_shards=shards)
    found = read(out, form)
    assert [row.tolist() for row in found] == [np.array(row, dtype).tolist() for row in expected]
    assert {row.dtype.name for row in found} <= {dtype}
    sidecar, manifest = (json.loads((out / name).read_text()) for name in ("tokens.json", "dsdm.json"))
    assert (sidecar["dtype"], manifest["token_dtype"]) == (dtype, dtype)
    for name, told in (("tokens", sidecar), ("dsdm", manifest)):
        assert [error.message for error in validator(name).iter_errors(told)] == []
    assert dsdm.verify(out).rows == len(taken)
    shutil.rmtree(out)


@pytest.mark.parametrize("kind", ["int32", "int64", "uint32", "uint64"])
def test_what_nanogpt_maps_are_the_tokens(tmp_path, kind):
    rows = [[1, 50_256], [], [65_535, 0, 7]]
    write(pa.table({"input_ids": lists_of(rows, kind)}), tmp_path / "out", "bin", "uint16")
    mapped = np.memmap(tmp_path / "out" / "tokens-00000-of-00001.bin", dtype=np.uint16, mode="r")
    assert mapped.tolist() == [token for row in rows for token in row]


@pytest.mark.parametrize("form", TOKEN_FORMATS)
@pytest.mark.parametrize("outer", ["lists", "large lists", "fixed"])
def test_a_token_far_in_is_found_in_every_block(tmp_path, form, outer):
    """Rows are converted a block at a time: one wrong token, at any place, is named by its row and position."""
    rng = np.random.default_rng(3)
    count, width = 6000, 50
    lengths = np.full(count, width) if outer == "fixed" else rng.integers(0, 2 * width, count)
    ends = np.concatenate([[0], np.cumsum(lengths)])
    tokens = rng.integers(0, 2**16, ends[-1])
    rows = rng.permutation(count)

    def table(values):
        if outer == "fixed":
            return pa.table({"input_ids": pa.FixedSizeListArray.from_arrays(pa.array(values), width)})
        kind = pa.ListArray if outer == "lists" else pa.LargeListArray
        offsets = pa.array(ends, pa.int32() if outer == "lists" else pa.int64())
        return pa.table({"input_ids": kind.from_arrays(offsets, pa.array(values))})

    options = {"num_shards": 4, "memory_limit": 1, "threads": 2}
    write(table(tokens), tmp_path / "out", form, "uint16", rows, **options)
    found = read(tmp_path / "out", form)
    for place, row in enumerate(rows):
        assert np.array_equal(found[place], tokens[ends[row] : ends[row + 1]].astype("uint16"))
    for wrong in [0, len(tokens) - 1, *rng.integers(0, len(tokens), 6)]:
        row = int(np.searchsorted(ends, wrong, side="right")) - 1
        place = int(np.flatnonzero(rows == row)[0])
        values = tokens.copy()
        values[wrong] = -(2**40)
        message = rf"row {place}: .* the token -1099511627776 at position {wrong - ends[row]} of this row of the output"
        with pytest.raises(errors.SchemaError, match=message):
            write(table(values), tmp_path / "wrong", form, "uint16", rows, **options)
        assert not (tmp_path / "wrong").exists()


# --- which type is meant ---


@pytest.mark.parametrize("kind", TOKEN_DTYPES)
def test_tokens_without_a_header_are_of_a_type_that_readers_expect_or_of_one_that_is_named(run, tmp_path, kind):
    table = pa.table({"input_ids": lists_of([[1, 2], [3]], kind)})
    pq.write_table(table, tmp_path / "c.parquet")
    np.save(tmp_path / "s.npy", np.arange(2.0))
    command = ["materialize", "c.parquet", "o", "--by", "s.npy", "-k", 2, "--format", "bin"]
    if kind in {"uint16", "uint32"}:
        write(table, tmp_path / "out", "bin", None)
        assert json.loads((tmp_path / "out" / "dsdm.json").read_text())["token_dtype"] == kind
        assert run(*command)[0] == 0
        return
    for call in (dsdm.plan, dsdm.materialize):
        with pytest.raises(ValueError, match=rf'"input_ids" holds {kind}: give token_dtype="uint16" .*="{kind}"'):
            call(table, [1, 0], tmp_path / "out", format="bin")
    for more in ([], ["--dry-run"]):
        code, _, err = run(*command, *more)
        assert code == 1
        assert "give --token-dtype uint16 (or" in err
        assert f"or --token-dtype {kind} to write it as it is" in err
    assert not (tmp_path / "o").exists()
    assert run(*command, "--token-dtype", kind)[0] == 0
    assert [row.dtype.name for row in read(tmp_path / "o", "bin")] == [kind, kind]


@pytest.mark.parametrize("form", TOKEN_FORMATS)
@pytest.mark.parametrize("dtype", TOKEN_DTYPES)
def test_a_type_that_the_files_cannot_have_is_refused(run, tmp_path, form, dtype):
    table = pa.table({"input_ids": lists_of([[1]], "uint16")})
    if dtype in STORABLE[form]:
        assert dsdm.plan(table, [0], format=form, token_dtype=dtype).rows == 1
        return
    for call in (dsdm.plan, dsdm.materialize):
        with pytest.raises(ValueError, match=rf'^token_dtype is "{dtype}", which format="{form}" has no tokens of; it'):
            call(table, [0], tmp_path / "out", format=form, token_dtype=dtype)
    code, _, err = run("materialize", "c", "o", "--by", "s.npy", "-k", 1, "--format", form, "--token-dtype", dtype)
    said = " ".join(err.split())
    assert (
        code,
        f'--token-dtype is "{dtype}", which --format {form} has no tokens of; it is one of "uint16"' in said,
    ) == (
        2,
        True,
    ), said


@pytest.mark.parametrize(
    ("value", "form", "error", "message"),
    [
        ("uint16", "arrow", ValueError, 'token_dtype="uint16" is for formats of tokens, and format="arrow" keeps'),
        ("int32", "parquet", ValueError, 'leave it out, or give one of format="tokens", format="bin"'),
        ("float32", "bin", ValueError, 'token_dtype is "float32"; it is one of "uint16", "uint32"'),
        ("UINT16", "tokens", ValueError, 'token_dtype is "UINT16"; it is one of'),
        (np.uint16, "bin", TypeError, "token_dtype is <class 'numpy.uint16'>; it is one of \"uint16\""),
        (16, "megatron", TypeError, 'token_dtype is 16; it is one of "uint16"'),
    ],
)
def test_a_value_that_is_no_type_of_tokens_is_refused(tmp_path, value, form, error, message):
    table = pa.table({"input_ids": lists_of([[1]], "uint16")})
    for call in (dsdm.plan, dsdm.materialize):
        with pytest.raises(error, match=re.escape(message)):
            call(table, [0], tmp_path / "out", format=form, token_dtype=value)


# --- lists of which none has a token ---


def empty_lists(folder, kind):
    """Write files whose lists are all empty; of these nobody knows what their tokens would be."""
    folder.mkdir()
    rows = pa.table({"input_ids": pa.array([[], [], []], pa.list_(pa.null()))})
    if kind == "jsonl":
        (folder / "a.jsonl").write_text('{"input_ids": []}\n' * 3)
    elif kind == "parquet":
        pq.write_table(rows, folder / "a.parquet")
    elif kind == "arrow":
        with pa.ipc.new_file(folder / "a.arrow", rows.schema) as writer:
            writer.write_table(rows)
    return rows if kind == "memory" else folder


@pytest.mark.parametrize("form", TOKEN_FORMATS)
@pytest.mark.parametrize("kind", ["jsonl", "parquet", "arrow", "memory"])
def test_no_tokens_are_of_the_type_that_is_asked_for(run, tmp_path, form, kind):
    source = empty_lists(tmp_path / "c", kind)
    for dtype in sorted(STORABLE[form]):
        write(source, tmp_path / dtype, form, dtype, [2, 0])
        found = read(tmp_path / dtype, form)
        assert [(len(row), row.dtype.name) for row in found] == [(0, dtype)] * 2
        sidecar = json.loads((tmp_path / dtype / "tokens.json").read_text())
        assert (sidecar["dtype"], sidecar["rows"], sidecar["tokens"]) == (dtype, 2, 0)
        assert dsdm.verify(tmp_path / dtype).rows == 2
        assert dsdm.plan(source, [2, 0], format=form, token_dtype=dtype).shards == 1
    if form == "modded-nanogpt":  # which has one type
        assert write(source, tmp_path / "out", form, None, [2, 0]).rows == 2
        return
    message = rf'the lists of the column "input_ids" hold no tokens.*format="{form}" stores them by token_dtype='
    for call in (dsdm.plan, dsdm.materialize):
        with pytest.raises(ValueError, match=message):
            call(source, [2, 0], tmp_path / "out", format=form)
    if kind != "memory":
        np.save(tmp_path / "s.npy", np.arange(3.0))
        command = ["materialize", "c", "o", "--by", "s.npy", "-k", 2, "--format", form]
        code, _, err = run(*command)
        assert (code, "by --token-dtype, such as --token-dtype uint16" in " ".join(err.split())) == (1, True), err
        assert run(*command, "--token-dtype", "int32")[0] == 0


@pytest.mark.parametrize("form", TOKEN_FORMATS)
@pytest.mark.parametrize("kind", ["jsonl", "parquet", "arrow"])
@pytest.mark.parametrize("first", ["a", "z"])
def test_files_without_a_token_are_of_the_type_of_the_others(tmp_path, form, kind, first):
    folder = empty_lists(tmp_path / "c", kind)
    (empty,) = folder.iterdir()
    empty.rename(folder / f"{first}{empty.suffix}")
    rows = [[7, 65_535], [], [1]]
    if kind == "jsonl":
        (folder / "m.jsonl").write_text("".join(json.dumps({"input_ids": row}) + "\n" for row in rows))
    else:
        table = pa.table({"input_ids": lists_of(rows, "int64")})
        if kind == "parquet":
            pq.write_table(table, folder / "m.parquet")
        else:
            with pa.ipc.new_stream(folder / "m.arrow", table.schema) as writer:
                writer.write_table(table)
    whole = [[]] * 3 + rows if first == "a" else rows + [[]] * 3
    write(folder, tmp_path / "out", form, "uint16", [5, 3, 1, 0, 4])
    assert [row.tolist() for row in read(tmp_path / "out", form)] == [whole[row] for row in (5, 3, 1, 0, 4)]


@pytest.mark.parametrize("form", TOKEN_FORMATS)
def test_a_null_in_a_list_of_nulls_is_refused(tmp_path, form):
    nulls = {"a token": [[], [None]], "the row": [[], None]}
    for rows, message in ((nulls["a token"], "has a token that is null"), (nulls["the row"], "is null in this row")):
        table = pa.table({"input_ids": pa.array(rows, pa.list_(pa.null()))})
        with pytest.raises(errors.SchemaError, match=rf'row 1: the column "input_ids" {message}'):
            write(table, tmp_path / "out", form, "uint16")
        assert write(table, tmp_path / "kept", form, "uint16", [0], overwrite=True).rows == 1
    with pytest.raises(errors.SchemaError, match="it holds Null, and token files hold lists"):
        write(pa.table({"input_ids": pa.nulls(2)}), tmp_path / "out", form, "uint16")


# --- how large shards are ---


@pytest.mark.parametrize("form", TOKEN_FORMATS)
@pytest.mark.parametrize("kind", ["uint16", "int64"])
@pytest.mark.parametrize("outer", [*OUTER, "fixed"])
def test_a_shard_has_as_many_bytes_of_stored_tokens_as_were_asked_for(tmp_path, form, kind, outer):
    """Whatever the type of the column is: tokens are stored in another."""
    width, count = 100, 400
    values = np.random.default_rng(1).integers(0, 100, width * count).astype(kind)
    if outer == "fixed":
        lists = pa.FixedSizeListArray.from_arrays(pa.array(values), width)
    else:
        lists = lists_of(values.reshape(count, width).tolist(), kind, outer)
    table = pa.table({"input_ids": lists})
    pq.write_table(table, tmp_path / "c.parquet")
    for dtype in sorted(STORABLE[form] & {"uint8", "uint16", "int64"}):
        for source, rows in ((table, count), (tmp_path / "c.parquet", count // 2)):
            # Beside the tokens there are a header, and in the chunks of litdata 4 bytes of each row.
            stored = (np.dtype(dtype).itemsize * width + 4 * (form == "litdata")) * rows
            limit = stored // 5 + stored // 50
            out = tmp_path / f"{dtype}-{rows}"
            made = write(source, out, form, dtype, range(rows), num_shards=None, max_shard_size=limit)
            sizes = [path.stat().st_size for path in out.glob("tokens-*") if path.suffix in {".bin", ".npy"}]
            assert len(sizes) == made.shards == 5
            assert stored // 5 <= max(sizes) <= limit + 1024
            planned = dsdm.plan(source, range(rows), format=form, token_dtype=dtype, max_shard_size=limit)
            assert planned.shards == made.shards
            shutil.rmtree(out)


# --- what is told of it ---


@pytest.mark.parametrize("form", ["tokens", "bin", "megatron", "litdata"])
def test_a_run_goes_on_with_the_same_type_alone(corpus, tmp_path, form):
    out = tmp_path / "out"
    # One that is named is that of the column, where it has it already.
    for left, same in (
        ({"format": form}, {"format": form, "token_dtype": "uint16"}),
        ({"format": form}, {"format": form}),
    ):
        leave(corpus, out, **left)
        for dtype in ("int64", "int32"):
            said = f'token dtype: .* had "uint16", and this call has "{dtype}"'
            with pytest.raises(errors.ResumeMismatchError, match=said):
                unfinished.write(corpus, out, **{**same, "token_dtype": dtype})
        assert unfinished.write(corpus, out, **same).kept == SMALL
        assert dsdm.verify(out).rows == len(CHOSEN)
        shutil.rmtree(out)


@pytest.mark.parametrize("form", TOKEN_FORMATS)
def test_verify_looks_at_the_type_that_the_manifest_tells(tmp_path, form):
    out = tmp_path / "out"
    write(pa.table({"input_ids": lists_of([[1, 2], [3]], "uint16")}), out, form, None)
    manifest = json.loads((out / "dsdm.json").read_text())
    reseal(out, {name: value for name, value in manifest.items() if name != "token_dtype"})
    assert dsdm.verify(out).rows == 2
    for wrong in ("float32", "", None, 16):
        reseal(out, {**manifest, "token_dtype": wrong})
        with pytest.raises(errors.FormatError, match="token_dtype"):
            dsdm.verify(out)
    reseal(out, {**manifest, "token_dtype": "int64"})
    if form in {"tokens", "megatron"}:
        with pytest.raises(errors.FormatError, match="tokens of int64 were written and uint16 are there"):
            dsdm.verify(out)
    if form == "bin":
        with pytest.raises(errors.FormatError, match="3 tokens of 8 bytes are told, and 6 bytes are there"):
            dsdm.verify(out)
