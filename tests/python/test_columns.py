"""Which column of a table and which tensor of a dict is the score: told, or refused where two could be it."""

import decimal
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm import errors, open_scores
from dsdm.demo.torch_file import write_tensor

TORCH = Path(__file__).parents[1] / "fixtures" / "torch"
SCORES = [3.5, 2.5, 1.5]

OTHERS = {
    "decimal": pa.array([decimal.Decimal(str(score)) for score in SCORES], pa.decimal128(21, 1)),
    "list": pa.array([[score] for score in SCORES]),
    "large list": pa.array([[score] for score in SCORES], pa.large_list(pa.float32())),
    "list of two": pa.array([[score, 0] for score in SCORES], pa.list_(pa.float32(), 2)),
    "nested": pa.array([{"score": score} for score in SCORES]),
    "list of nested": pa.array([[{"score": score}] for score in SCORES]),
    "dictionary": pa.array(SCORES).dictionary_encode(),
}
TEXTS = {"text": pa.array(list(map(str, SCORES))), "flag": pa.array([True, False, True]), "null": pa.nulls(3)}


def stored(path, columns, kind):
    table = pa.table(columns)
    if kind == "parquet":
        pq.write_table(table, path)
    else:
        with pa.ipc.new_stream(path, table.schema) as writer:
            writer.write_table(table)
    return path


@pytest.fixture(params=["arrow", "parquet"])
def kind(request):
    return request.param


READ = ("decimal", "list", "large list", "list of two")
"""Those that are numbers, of which one column is to be named."""


def choices(column, what):
    """Return the names that an error has to choose from, as a pattern."""
    named = {"nested": '"score.score"', **dict.fromkeys(READ, '"score"')}.get(what)
    return f'choose with column="{column}"' + ("" if named is None else f" or column={named}") + "$"


@pytest.mark.parametrize("what", [*OTHERS, *TEXTS])
def test_ids_are_not_taken_for_scores(tmp_path, kind, what):
    other = {**OTHERS, **TEXTS}[what]
    path = stored(tmp_path / "s", {"id": [0, 1, 2], "score": other}, kind)
    why = r'"id" \(Int64\) may be ids of the rows, as "score" \(.*\) stands beside it, which is read only where'
    why = "more than one column holds numbers" if what in READ else why
    with pytest.raises(errors.SchemaError, match=rf"{why}.*; {choices('id', what)}"):
        open_scores(path)
    assert open_scores(path, column="id")[:].tolist() == [0, 1, 2]
    if what in READ and what != "list of two":
        assert open_scores(path, column="score")[:].tolist() == SCORES
        return
    said = {"flag": "booleans=True", "list of two": r"score\[0\]"}.get(what, "scores are integers or floats")
    with pytest.raises(ValueError, match=f'column "score".*{said}'):
        open_scores(path, column="score")


@pytest.mark.parametrize("what", OTHERS)
def test_a_float_is_not_taken_beside_numbers_in_another_form(tmp_path, kind, what):
    path = stored(tmp_path / "s", {"loss": pa.array([0.5, 1.5, 2.5]), "score": OTHERS[what]}, kind)
    why = r'"loss" .* may not be .* "score" .* beside it'
    why = "more than one column holds numbers" if what in READ else why
    with pytest.raises(errors.SchemaError, match=rf"{why}.*; {choices('loss', what)}"):
        open_scores(path)


@pytest.mark.parametrize("other", [*TEXTS.values(), pa.array([[1], [2, 3], []], pa.list_(pa.int32()))])
def test_a_float_beside_what_rows_are_made_of_is_taken_and_told(tmp_path, kind, other):
    path = stored(tmp_path / "s", {"row": other, "score": pa.array(SCORES, pa.float32())}, kind)
    scores = open_scores(path)
    assert scores[:].tolist() == SCORES
    assert (scores.column, scores.key) == ("score", None)
    assert repr(scores) == f'<dsdm.Scores of 3 rows, float32, {path}, column "score">'
    assert scores.slice(1).column == (scores + 1).column == "score"


def test_the_files_of_a_vector_have_one_column(tmp_path, kind):
    paths = [stored(tmp_path / name, {name: SCORES}, kind) for name in ("a", "b")]
    with pytest.raises(errors.SchemaError, match=rf'b: column "b": .*column "a" in {paths[0]}; .*column='):
        open_scores(paths)
    with pytest.raises(errors.SchemaError, match=r'there is no such column; choose with column="b"$'):
        open_scores(paths, column="a")
    both = open_scores(paths[0]) + open_scores(paths[1])
    assert both.column is None
    assert repr(both).endswith(', column "a", column "b">')
    np.save(tmp_path / "c.npy", np.array(SCORES))
    mixed = open_scores([paths[0], tmp_path / "c.npy"])
    assert (mixed.column, mixed[:].tolist()) == ("a", SCORES * 2)


def test_a_lone_column_of_integers_is_taken(tmp_path, kind):
    scores = open_scores(stored(tmp_path / "s", {"label": [3, 1, 2]}, kind))
    assert (scores.column, dsdm.top_k(scores, 1).tolist()) == ("label", [0])


def test_a_tensor_beside_a_list_of_numbers_is_refused():
    with pytest.raises(errors.FormatError, match=r'the tensor "idx" and list "scores" .*key="idx"'):
        open_scores(TORCH / "dict_list_and_tensor.pt")
    assert open_scores(TORCH / "dict_list_and_tensor.pt", key="idx").key == "idx"
    one = open_scores(TORCH / "dict_one_tensor.pt")
    assert f', key "{one.key}">' in repr(one)
    assert open_scores(TORCH / "float32.pt").key is None


def pickled(value):
    """The opcodes of protocol 2 for a value of plain types, or of a tensor, which is given as its opcodes."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, dict):
        return b"}(" + b"".join(pickled(key) + pickled(of) for key, of in value.items()) + b"u"
    if isinstance(value, list):
        return b"](" + b"".join(map(pickled, value)) + b"e"
    return pickle.dumps(value, 2)[2:-1]


def saved_beside(path, others, dtype="float32"):
    """A file of a dict with the tensor "scores" and other items."""
    write_tensor(path, np.array(SCORES, dtype))
    with zipfile.ZipFile(path) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    body = f"{path.stem}/data.pkl"
    records[body] = b"\x80\x02" + pickled({"scores": records[body][2:-1], **others}) + b"."
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, payload in records.items():
            archive.writestr(name, payload)
    return path


@pytest.mark.parametrize("other", [3, 0.5, "squad", None, True, [], {}, ["jeopardy", "squad"], {"task": "squad"}])
def test_a_tensor_beside_what_is_no_vector_is_taken(tmp_path, other):
    scores = open_scores(saved_beside(tmp_path / "a.pt", {"other": other}))
    assert scores[:].tolist() == SCORES
    assert (scores.key, scores.column) == ("scores", None)


@pytest.mark.parametrize("other", [[0.5, 1.5], [1], {"a": 0.5}, {0: 0.5}, [["a", [2.5]]], {"a": {"b": [1]}}])
def test_a_tensor_beside_numbers_needs_a_key(tmp_path, other):
    path = saved_beside(tmp_path / "a.pt", {"other": other})
    with pytest.raises(errors.FormatError, match=r'the tensor "scores" and (list|dict) "other".*key="scores"'):
        open_scores(path)
    assert open_scores(path, key="scores")[:].tolist() == SCORES


def test_every_key_counts_and_keys_that_look_the_same_are_refused(tmp_path):
    write_tensor(tmp_path / "a.pt", np.float32(SCORES))
    with zipfile.ZipFile(tmp_path / "a.pt") as archive:
        tensor = archive.read("a/data.pkl")[2:-1]
    for key in (None, 1, "b"):
        path = saved_beside(tmp_path / "a.pt", {key: tensor})
        with pytest.raises(errors.FormatError, match=r'2 tensors.*choose with key="scores"') as refused:
            open_scores(path)
        assert ("have keys that are neither" in str(refused.value)) == (key is None)
        assert (f'or key="{key}"' in str(refused.value)) == (key is not None)
    path = saved_beside(tmp_path / "a.pt", {1: tensor})
    with pytest.raises(TypeError, match=r'^key is 1; a name is needed; give it as text: key="1"$'):
        open_scores(path, key=1)
    assert open_scores(path, key="1")[:].tolist() == SCORES
    path = saved_beside(tmp_path / "a.pt", {1: tensor, "1": tensor})
    with pytest.raises(errors.FormatError, match=r'both the number 1 and the text "1" as keys'):
        open_scores(path, key="1")


def test_the_command_says_which_was_taken(run, tmp_path):
    stored(tmp_path / "s.parquet", {"text": list("abc"), "score": SCORES}, "parquet")
    code, out, _ = run("scores", "s.parquet")
    assert code == 0
    assert dict(line.split(maxsplit=1) for line in out.splitlines())["column"] == "score"
    code, out, _ = run("scores", TORCH / "dict_one_tensor.pt")
    assert dict(line.split(maxsplit=1) for line in out.splitlines())["key"]
