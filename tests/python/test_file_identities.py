"""What files are known by crosses the border as frozen classes: with the fields of dsdm.json, and pickled whole."""

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm._native import Corpus, FileIdentity, PinnedFile, check_files, verify
from dsdm.errors import SourceChangedError

pytestmark = pytest.mark.disk


@pytest.fixture
def rows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table({"n": [1, 2, 3]}), "rows.parquet")
    return Path("rows.parquet")


def test_its_fields_are_those_of_the_manifest(rows, tmp_path):
    np.save("s.npy", np.arange(3.0))
    dsdm.materialize(rows, [2], tmp_path / "out", selection={"by": "top_k", "scores": ["s.npy"], "arguments": {"k": 1}})
    told = json.loads((tmp_path / "out" / "dsdm.json").read_text())
    (source,), (scores,) = Corpus.open([rows]).identities(), dsdm.open_scores("s.npy").identities()
    for file, name, count in ((source, "rows.parquet", 3), (scores, str(Path("s.npy").absolute()), 3)):
        state = Path(name).stat()
        assert (file.path, file.bytes, file.modified_ns, file.rows) == (name, state.st_size, state.st_mtime_ns, count)
    assert [{**source.fields(), "path": "../rows.parquet"}] == told["sources"]
    assert list(source.fields()) == list(told["sources"][0]) == ["path", "bytes", "modified_ns", "rows", "ends"]
    assert [{**scores.fields(), "path": "../s.npy"}] == told["selection"]["chosen"]["score_files"]
    assert verify("out").sources == [source.at("../rows.parquet")]
    assert FileIdentity("a", 1, 0).fields() == {"path": "a", "bytes": 1, "modified_ns": 0}


def test_a_path_stays_as_it_was_named(rows):
    for name in (f"./{rows}", f".//{rows}", f"../{Path.cwd().name}/{rows}", os.fsdecode(b"odd\xff")):
        assert FileIdentity(name, 1, 0).path == FileIdentity("a", 1, 0).at(name).path == name
    (file,) = Corpus.open([f".//{rows}"]).identities()
    assert file.path == f".//{rows}"


def test_a_difference_is_told(rows):
    (file,) = Corpus.open([rows]).identities()
    assert file.difference() is None
    os.utime(rows, ns=(1, 1))
    assert file.difference() is None
    assert FileIdentity(file.path, 3, 0).difference() == f"it had 3 bytes and has {file.bytes}"
    assert FileIdentity(file.path, file.bytes, 0).difference() is None
    other = "0" * 32
    told = FileIdentity(file.path, file.bytes, 0, ends=other).difference()
    assert told == f"its first and last bytes had the digest {other} and have {file.ends}"
    with pytest.raises(FileNotFoundError):
        file.at("gone").difference()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_all_of_it_is_pickled(rows, protocol):
    def again(value):
        return pickle.loads(pickle.dumps(value, protocol))  # noqa: S301 - made here

    for file in (*Corpus.open([rows]).identities(), FileIdentity(os.fsdecode(b"odd\xff"), 2**64 - 1, 2**64 - 1)):
        assert again(file) == file
        assert again(file) != file.at("other")
    (pinned,) = Corpus.open([rows]).pinned()
    state = rows.stat()
    kind, (file, here, boot) = pinned.__reduce__()
    changed = divmod(state.st_ctime_ns, 10**9)
    assert (kind, file, here) == (PinnedFile, pinned.file, (state.st_dev, state.st_ino, changed))
    assert again(pinned).__reduce__() == (kind, (file, here, boot))
    check_files([again(pinned), again(pinned.at(rows.absolute()))])
    with pytest.raises(SourceChangedError, match="another file stands in its place"):
        check_files([PinnedFile(file, (state.st_dev, state.st_ino + 1, changed), boot)])
    with pytest.raises(SourceChangedError, match="its modification time is another"):
        check_files([pinned, PinnedFile(FileIdentity(file.path, file.bytes, 1, ends=file.ends), here, boot)])


def test_they_are_frozen(rows):
    (pinned,) = Corpus.open([rows]).pinned()
    for one, name in ((pinned, "file"), (pinned.file, "bytes"), (pinned.file, "note")):
        with pytest.raises(AttributeError):
            setattr(one, name, 1)


def test_shards_whose_names_are_not_utf_8_are_pickled(rows):
    odd = os.fsdecode(b"odd\xff.parquet")
    rows.rename(odd)
    back = pickle.loads(pickle.dumps(dsdm.open_shards(odd)))  # noqa: S301 - made here
    assert back.take([2])["n"].to_pylist() == [3]
