"""Scores and shards are pickled by their files, and opened again only if these are still the same."""

import copy
import multiprocessing
import os
import pickle

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm import errors
from dsdm._native import rebuild_scores
from dsdm.dataset import open_dataset
from dsdm.demo.torch_file import write_tensor

VALUES = np.random.default_rng(3).normal(size=1000).astype(np.float32)


@pytest.fixture
def files(tmp_path):
    np.save(tmp_path / "a.npy", VALUES[:300])
    pq.write_table(pa.table({"text": ["x"] * 300, "score": VALUES[300:600]}), tmp_path / "b.parquet")
    with pa.ipc.new_file(tmp_path / "c.arrow", pa.schema([("id", pa.int64()), ("score", pa.float32())])) as writer:
        writer.write_table(pa.table({"id": np.arange(300), "score": VALUES[600:900]}))
    write_tensor(tmp_path / "d.pt", VALUES[900:])
    return [tmp_path / name for name in ("a.npy", "b.parquet", "c.arrow", "d.pt")]


def expressions(files):
    scores = dsdm.open_scores(files, column="score")
    raw = files[0].parent / "raw.bin"
    raw.write_bytes(VALUES.astype(">f4").tobytes())
    other = dsdm.open_scores(raw, dtype=">f4", io="pread")
    shared = scores.zscore(ddof=1)
    deep = scores
    for _ in range(6):
        deep = (deep + deep) / 2
    return {
        "files": scores,
        "cut": scores.slice(100, 950),
        "cut twice": scores.slice(100, 950).slice(300, 301),
        "empty": scores.slice(7, 7),
        "raw": other,
        "sum": (scores + other) / 3,
        "numbers": 1 - (0.1 * scores) + 1e300,
        "infinite": scores * float("inf") - float("nan"),
        "negated": -scores,
        "z-score": shared - shared * 0.5,
        "cut of a computed one": (scores + other).slice(299, 901),
        "deep": deep,
    }


NAMES = "files, cut, cut twice, empty, raw, sum, numbers, infinite, negated, z-score, cut of a computed one, deep"


@pytest.fixture(params=NAMES.split(", "))
def scores(request, files):
    return expressions(files)[request.param]


@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_scores_come_back_with_the_same_bits(scores, protocol, tmp_path, monkeypatch):
    expected = np.asarray(scores).tobytes()
    text = pickle.dumps(scores, protocol)
    assert len(text) < 50_000
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    back = pickle.loads(text)  # noqa: S301
    assert np.asarray(back).tobytes() == expected
    assert (len(back), back.dtype, back.paths) == (len(scores), scores.dtype, scores.paths)
    assert (back.column, back.key, repr(back)) == (scores.column, scores.key, repr(scores))
    assert np.asarray(pickle.loads(pickle.dumps(back))).tobytes() == expected  # noqa: S301
    for same in (copy.copy(scores), copy.deepcopy(scores)):
        assert np.asarray(same).tobytes() == expected


def test_relative_paths_are_those_of_the_process_that_pickled(files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = pickle.dumps((dsdm.open_scores("a.npy"), dsdm.open_shards("b.parquet")))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    scores, shards = pickle.loads(text)  # noqa: S301
    assert np.asarray(scores).tobytes() == VALUES[:300].tobytes()
    assert shards.take([5])["score"].to_pylist() == [float(VALUES[305])]
    assert len(files) == 4


def changes(path):
    whole = path.read_bytes()
    yield "longer", whole + b"x"
    yield "another byte", whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:]


@pytest.mark.parametrize("which", [0, 1, 2, 3])
def test_a_file_that_changed_is_refused_by_its_name(files, which):
    scores = dsdm.open_scores(files, column="score")
    shards = dsdm.open_shards(files[which]) if which in (1, 2) else None
    text, rows = pickle.dumps(scores + 1), pickle.dumps(shards)
    state, whole = files[which].stat(), files[which].read_bytes()
    for _, changed in changes(files[which]):
        files[which].write_bytes(changed)
        os.utime(files[which], ns=(state.st_atime_ns, state.st_mtime_ns))
        with pytest.raises(errors.SourceChangedError, match=rf"{files[which]}: the file is not the one"):
            pickle.loads(text)  # noqa: S301
        if shards is not None:
            with pytest.raises(errors.SourceChangedError, match=str(files[which])):
                pickle.loads(rows)  # noqa: S301
    files[which].write_bytes(whole)
    os.utime(files[which], ns=(1, 1))
    with pytest.raises(errors.SourceChangedError, match="its modification time is another"):
        pickle.loads(text)  # noqa: S301
    with pytest.raises(errors.SourceChangedError, match=str(files[which])):
        pickle.dumps(scores)
    files[which].unlink()
    with pytest.raises(FileNotFoundError, match=files[which].name):
        pickle.loads(text)  # noqa: S301


@pytest.mark.parametrize("how", ["written", "replaced"])
def test_a_file_of_the_same_size_time_and_ends_is_refused(tmp_path, how):
    """A machine tells its own files apart by more: where the pickle is of the same start of it."""
    values = np.arange(30_000, dtype=np.int64)
    np.save(tmp_path / "a.npy", values)
    pq.write_table(pa.table({"id": values}), tmp_path / "b.parquet", compression=None, use_dictionary=False)
    scores, rows = (
        pickle.dumps(dsdm.open_scores(tmp_path / "a.npy")),
        pickle.dumps(dsdm.open_shards(tmp_path / "b.parquet")),
    )
    for path, text in ((tmp_path / "a.npy", scores), (tmp_path / "b.parquet", rows)):
        pickle.loads(text)  # noqa: S301
        state, changed = path.stat(), bytearray(path.read_bytes())
        changed[100_000] ^= 1
        if how == "replaced":
            path.rename(tmp_path / "old")
        path.write_bytes(changed)
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
        with pytest.raises(errors.SourceChangedError, match=str(path)):
            pickle.loads(text)  # noqa: S301


def test_a_pickle_of_another_origin_is_refused():
    for text in ("", "[]", "{}", '[{"Negated": {"of": 0}}]', '[{"Slice": {"of": 7, "start": 0, "end": 1}}]'):
        with pytest.raises(ValueError, match=r"this (does not tell how scores are made|tells of no scores)"):
            rebuild_scores(text)


def best(scores, shards, results):
    rows = dsdm.top_k(scores, 3)
    results.put((rows.tolist(), shards.take(rows[:1])["id"].to_pylist()))


def test_another_process_gets_them(tmp_path):
    np.save(tmp_path / "s.npy", VALUES)
    pq.write_table(pa.table({"id": np.arange(1000)}), tmp_path / "c.parquet")
    scores, shards = -dsdm.open_scores(tmp_path / "s.npy"), dsdm.open_shards(tmp_path / "c.parquet")
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=best, args=(scores, shards, results))
    process.start()
    rows, ids = results.get(timeout=120)
    process.join()
    assert rows == dsdm.top_k(-VALUES, 3).tolist()
    assert ids == rows[:1]


# --- shards ---


def test_shards_come_back_with_their_columns(files):
    one = dsdm.open_shards(files[1], columns=["score", "text"])
    for back in (pickle.loads(pickle.dumps(one)), copy.copy(one), copy.deepcopy(one)):  # noqa: S301
        assert (back.column_names, len(back), back.files) == (["score", "text"], 300, one.files)
        assert back.schema == one.schema
        assert back.take([7, 299]).equals(one.take([7, 299]))
        assert repr(back) == repr(one)


@pytest.mark.parametrize("which", [1, 2])
def test_shards_that_are_read_by_position_stay_so(files, which):
    by_map, shards = dsdm.open_shards(files[which]), dsdm.open_shards(files[which], io="pread")
    lazy = open_dataset(files[which], io="pread")
    for back in (shards, pickle.loads(pickle.dumps(shards)), copy.copy(shards), dsdm.open_shards(shards)):  # noqa: S301
        assert back._source.corpus.io == "pread"
        assert back.take([299, 7]).equals(by_map.take([299, 7]))
    for back in (lazy, pickle.loads(pickle.dumps(lazy)), lazy.select_columns(["score"]), lazy.select([3])):  # noqa: S301
        assert back.data.corpus.io == "pread"
        assert back[0]["score"] == by_map[3 if len(back) == 1 else 0]["score"]
    assert by_map._source.corpus.io == pickle.loads(pickle.dumps(by_map))._source.corpus.io == "mmap"  # noqa: S301


def test_shards_of_a_table_or_a_dataset_come_back_with_their_rows(tmp_path):
    table = pa.table({"id": np.arange(10), "text": list("abcdefghij")})
    dataset = datasets.Dataset(table).select([7, 1, 9])
    dataset.save_to_disk(str(tmp_path / "saved"))
    mapped = datasets.load_from_disk(str(tmp_path / "saved"))
    for source, expected in (
        (table, list(range(10))),
        (dataset, [7, 1, 9]),
        (mapped, [7, 1, 9]),
        (mapped.select([2, 0]), [9, 7]),
        (str(tmp_path / "saved"), [7, 1, 9]),
    ):
        shards = dsdm.open_shards(source, columns=["id"])
        for back in (pickle.loads(pickle.dumps(shards)), copy.copy(shards), copy.deepcopy(shards)):  # noqa: S301
            assert back.take(range(len(back)))["id"].to_pylist() == expected
            assert back.column_names == ["id"]
