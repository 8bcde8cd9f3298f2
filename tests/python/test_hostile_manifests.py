"""A ``dsdm.json`` that somebody else wrote, whose checksum is right: what it may have opened, and what comes of it."""

import copy
import functools
import json
import os
import signal
import traceback
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm import errors
from dsdm.checks import FORMATS
from dsdm.selection.record.check import FUNCTIONS

SECRET = "the words of another"  # noqa: S105 - of a test
DELETE = object()


def reseal(folder, manifest):
    """Write a manifest with the checksum that it should have."""
    contents = {name: value for name, value in manifest.items() if name != "crc32"}
    text = json.dumps(contents, separators=(",", ":"), ensure_ascii=False)
    sealed = {**contents, "crc32": f"{zlib.crc32(text.encode()):08x}"}
    (folder / "dsdm.json").write_text(json.dumps(sealed, ensure_ascii=False), encoding="utf-8")


@pytest.fixture
def work(memory_path, monkeypatch):
    """Give a folder with a corpus, scores, an output, a pipe and a link out of it, in which the test runs."""
    work = memory_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    (memory_path / "secret.txt").write_text(SECRET)
    np.save(memory_path / "secret.npy", np.arange(20.0))
    pq.write_table(pa.table({"id": range(20)}), "corpus.parquet")
    np.save("s.npy", np.arange(20.0))
    np.save("no.npy", np.array([19]))
    os.mkfifo("pipe")
    (work / "link").symlink_to(memory_path / "secret.txt")
    told = {
        "by": "gumbel_top_k",
        "scores": ["s.npy"],
        "exclude": "no.npy",
        "reading": {"key": None},
        "rows": 20,
        "arguments": {"k": 3, "seed": 5, "temperature": 2.0, "order": "row", "nan": "raise"},
    }
    scores = dsdm.open_scores("s.npy")
    rows = dsdm.gumbel_top_k(scores, exclude=np.load("no.npy"), **told["arguments"])
    dsdm.materialize("corpus.parquet", rows, "out", selection=told, progress=False)
    assert dsdm.verify("out").selection
    return work


@pytest.fixture(autouse=True)
def _nothing_hangs():
    """End a test that waits for a pipe."""

    def stop(*_):
        pytest.fail("it hangs")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(120)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def places(value, path=()):
    """Give the place of every value in a manifest."""
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


def changed(manifest, path, value):
    """Give a manifest with another value in one place, or without it."""
    whole = copy.deepcopy(manifest)
    inner = whole
    for step in path[:-1]:
        inner = inner[step]
    if value is DELETE:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return whole


OTHERS = [
    DELETE, None, True, False, 0, 1, -1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**80, 10**999, 0.5, 1e300, 1e-300, -0.0,
    "", "x", "\x1b[2J", "a\0b", "x" * 100_000, [], ["x"], [[]], {}, {"a": 1}, [1, 2, 3], [-1], [2**70],
    "..", "../../etc/passwd", "/etc/passwd", "/dev/zero", "/dev/stdin", "/proc/self/mem", "pipe", "./pipe", "link",
    "../secret.txt", "../secret.npy", "~", "~root/x", "**/**/*", "/**", "[", "s3://a/b", "C:\\x", "corpus.parquet",
    "s.npy", "out", "gumbel_top_k", "get_indices", "top_k", "tokens", "parquet", "random", "semdedup", "numpy",
    ["pipe"], ["../secret.npy"], ["/dev/zero"], ["s.npy", "pipe"], "0" * 32, "0" * 8,
]  # fmt: skip


def test_whatever_a_manifest_holds_nothing_else_is_raised_and_nothing_is_waited_for(work):
    out = work / "out"
    manifest = json.loads((out / "dsdm.json").read_text())
    tried = 0
    for place in places(manifest):
        for value in OTHERS:
            reseal(out, changed(manifest, place, value))
            try:
                found = dsdm.verify("out")
            except (errors.FormatError, FileNotFoundError) as error:
                assert SECRET not in str(error), (place, value)  # noqa: PT017 - most of them fail
                missing = isinstance(error, FileNotFoundError)
                # A file of the output that is not there, and nothing else.
                assert not missing or place[-1] in {"name", 0, "files", "shards"}, (place, value, error)  # noqa: PT017
            except Exception as error:
                raise AssertionError((place, str(value)[:100])) from error
            else:
                assert SECRET not in str(found), (place, value)
                assert found.rows == 3
            tried += 1
    assert tried > 2_000
    reseal(out, manifest)
    assert dsdm.verify("out").selection


@pytest.mark.parametrize("method", ["random", "semdedup", "dsdm"])
def test_what_is_told_of_a_method_is_read_so_too(work, upstream_mini, monkeypatch, method):
    monkeypatch.setenv("DSDM_DATA_DIR", str(upstream_mini))
    arguments = {"method": method, "k": 1, "rows": 20, "data_dir": None, "threads": 2}
    arguments |= {"seed": None if method == "dsdm" else 1}
    arguments |= {"target": "squad"} if method == "dsdm" else {"target": None}
    rows = dsdm.get_indices(**arguments)
    told = {"by": "get_indices", "arguments": arguments}
    dsdm.materialize("corpus.parquet", rows, "again", selection=told, progress=False)
    assert dsdm.verify("again").selection
    manifest = json.loads((work / "again" / "dsdm.json").read_text())
    chosen = ("selection", "chosen")
    for place in [place for place in places(manifest) if place[:2] == chosen]:
        for value in OTHERS:
            reseal(work / "again", changed(manifest, place, value))
            try:
                dsdm.verify("again")
            except errors.FormatError as error:
                assert SECRET not in str(error)  # noqa: PT017
            except Exception as error:
                raise AssertionError((place, str(value)[:100])) from error


FIELDS = [
    (("rows",), -1, "rows: it is -1; a whole number from 0 to 9223372036854775807 is expected"),
    (("sources",), {}, "sources: it is an object; a list is expected"),
    (("sources", 0, "path"), 3, r"sources\[0\]\.path: it is 3; a text is expected"),
    (("sources", 0, "bytes"), DELETE, r"sources\[0\]\.bytes: it is missing"),
    (("sources", 0, "ends"), "zz", r"sources\[0\]\.ends: it is \"zz\"; 32 hexadecimal digits"),
    (("shards", 0, "files"), [], r"shards\[0\]\.files: it is empty"),
    (("shards", 0, "files", 0, "name"), "../x", r"shards\[0\]\.files\[0\]\.name: .* leads out of the directory"),
    (("files", 0, "name"), "a/b/../c", r"files\[0\]\.name: the name .* leads out"),
    (("files", 0, "name"), "state.json\0", r"files\[0\]\.name: the name .* leads out"),
    (("files", 0, "crc32"), "0000000g", r"files\[0\]\.crc32: it is .*; 8 hexadecimal digits"),
    (("format",), "csv", 'format: the format "csv" is not known'),
    (("selection",), None, "selection: it is null; an object"),
    (("selection", "given"), 5, "selection.given: it is 5"),
    (("selection", "given"), DELETE, "selection.given: it is missing"),
    (("selection", "chosen"), [1], "selection.chosen: it is a list"),
    (("selection", "chosen", "score_files"), "x", 'selection.chosen.score_files: it is "x"; a list'),
    (("selection", "chosen", "score_files", 0, "path"), None, r"score_files\[0\]\.path: it is null"),
    (("selection", "chosen", "source_rows"), "x", 'selection.chosen.source_rows: it is "x"'),
    (("selection", "chosen", "arguments", "seed"), 10**1000, "selection: a number has 1001 digits"),
]  # fmt: skip


@pytest.mark.parametrize(("place", "value", "message"), FIELDS)
def test_the_field_that_is_wrong_is_named(work, place, value, message):
    manifest = json.loads((work / "out" / "dsdm.json").read_text())
    reseal(work / "out", changed(manifest, place, value))
    with pytest.raises(errors.FormatError, match=message) as caught:
        dsdm.verify("out")
    assert str(caught.value).startswith("out/dsdm.json: ")


@pytest.mark.parametrize("rows", [2**21, 10**12])
def test_rows_without_bytes_are_not_drawn_again_by_their_number(tmp_path, monkeypatch, rows):
    """A header that tells the shape (n, 0) is right for any n: memory does not follow it."""
    corpus, out = pa.table({"input_ids": pa.array([[]] * 3, pa.list_(pa.uint16()))}), tmp_path / "out"
    told = {"by": "get_indices", "arguments": {"method": "random", "k": 3, "rows": 3, "seed": 1}}
    drawn = dsdm.get_indices(**told["arguments"])
    dsdm.materialize(corpus, drawn, out, format="tokens", selection=told, progress=False)
    assert dsdm.verify(out).selection
    (shard,) = out.glob("*.npy")
    header = f"{{'descr': '<u2', 'fortran_order': False, 'shape': ({rows}, 0), }}"
    shard.write_bytes(shard.read_bytes()[:10] + header.ljust(117).encode() + b"\n")
    manifest = json.loads((out / "dsdm.json").read_text())
    manifest["shards"][0]["files"][0]["crc32"] = f"{zlib.crc32(shard.read_bytes()):08x}"
    manifest["rows"] = manifest["shards"][0]["rows"] = manifest["selection"]["rows"] = rows
    manifest["selection"]["chosen"]["arguments"] |= {"k": rows, "rows": rows}
    reseal(out, manifest)
    draw = functools.wraps(dsdm.get_indices)(lambda **_: pytest.fail("rows are drawn"))
    monkeypatch.setitem(FUNCTIONS, "get_indices", draw)
    found = dsdm.verify(out)
    assert (found.rows, found.selection) == (rows, False)
    assert f"a draw of {rows:,} rows" in found.reason


def test_a_name_that_is_there_twice_is_refused(work):
    manifest = json.loads((work / "out" / "dsdm.json").read_text())
    manifest["files"].append(manifest["files"][0])
    reseal(work / "out", manifest)
    with pytest.raises(errors.FormatError, match="is there twice"):
        dsdm.verify("out")


def test_files_elsewhere_are_looked_at_only_where_the_caller_trusts_them(run, work, tmp_path, monkeypatch):
    manifest = json.loads((work / "out" / "dsdm.json").read_text())
    for told in (manifest["sources"][0], manifest["selection"]["chosen"]["score_files"][0]):
        told["path"] = str(work / told["path"].removeprefix("../"))
    manifest["selection"]["chosen"]["scores"] = [str(work / "s.npy")]
    manifest["selection"]["chosen"]["exclude"] = str(work / "no.npy")
    reseal(work / "out", manifest)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    found = dsdm.verify(work / "out")
    assert (found.sources.same, found.score_files.same, found.selection) == ([], [], False)
    where = "is outside of the directory, the data directory and the current directory; if you trust it, allow it by"
    assert found.sources.outside == [f"{work / 'corpus.parquet'} {where} trust_paths="]
    assert found.reason == f"{work / 's.npy'} {where} trust_paths="
    assert f"the selection was not looked at: {work / 's.npy'} is outside; 1 of 1 sources were not " in str(found)
    assert f"1 of 1 sources were not looked at ({work / 'corpus.parquet'} is outside); 1 of 1 score" in str(found)
    assert str(found).count("trust_paths") == str(found).count("the data directory") == 1
    code, told, _ = run("verify", work / "out")
    assert (code, "allow it by --trust-path" in told, "trust_paths" in told) == (0, True, False)
    monkeypatch.chdir(elsewhere)
    code, _, said = run("verify", work / "out", "--trust-path", work / "nothing")
    assert (code, said) == (1, f"dsdm: {work / 'nothing'}: --trust-path names this, and it is not there\n")
    for trusted in ([work], [work / name for name in ("corpus.parquet", "s.npy", "no.npy")]):
        found = dsdm.verify(work / "out", trust_paths=trusted)
        assert (len(found.sources.same), len(found.score_files.same), found.selection) == (1, 1, True)
    assert dsdm.verify(work / "out", trust_paths=[work / "s.npy"]).reason.startswith(f"{work / 'no.npy'} is outside")
    for untrusted in ("work", b"work", work):
        with pytest.raises(TypeError, match=r"trust_paths is .*; a list of directories and files is needed"):
            dsdm.verify(work / "out", trust_paths=untrusted)
    monkeypatch.chdir(elsewhere)
    code, told, _ = run("verify", work / "out", "--trust-path", work / "s.npy", "--trust-path", work)
    assert (code, "the selection is that of the scores" in told) == (0, True)
    monkeypatch.setenv("DSDM_DATA_DIR", str(work))
    assert dsdm.verify(work / "out").selection


def test_a_link_out_of_what_is_trusted_is_not_followed(work, memory_path):
    (work / "linked.npy").symlink_to(memory_path / "secret.npy")
    manifest = json.loads((work / "out" / "dsdm.json").read_text())
    manifest["selection"]["chosen"]["scores"] = ["../linked.npy"]
    reseal(work / "out", manifest)
    assert dsdm.verify("out").reason.startswith(f"{work / 'linked.npy'} is outside")


@pytest.mark.parametrize("suffix", [".npy", ".pt", ".parquet", ".arrow", ".txt"])
def test_no_byte_of_a_file_that_holds_no_scores_is_shown(work, suffix):
    name = f"notes{suffix}"
    (work / name).write_text(SECRET * 100)
    manifest = json.loads((work / "out" / "dsdm.json").read_text())
    for field in ("scores", "exclude"):
        told = copy.deepcopy(manifest)
        told["selection"]["chosen"][field] = f"../{name}"
        reseal(work / "out", told)
        with pytest.raises(errors.FormatError, match=name) as caught:
            dsdm.verify("out")
        shown = "".join(traceback.format_exception(caught.value))
        assert SECRET[:10] not in shown


@pytest.mark.parametrize("name", ["dsdm.json", "state.json", "data-00000-of-00001.arrow"])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_no_file_is_not_waited_for(work, name, kind):
    path = work / "out" / name
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    with pytest.raises((errors.FormatError, IsADirectoryError), match=name):
        dsdm.verify("out")


@pytest.mark.parametrize("format", FORMATS)
def test_a_link_in_the_folder_to_what_is_not_trusted_is_not_followed(work, format):  # noqa: A002
    table = pa.table({"input_ids": pa.array([[1, 2], [3, 4], [5]], pa.list_(pa.uint16()))})
    dsdm.materialize(table, [2, 1], "linked", format=format, progress=False)
    folder = work / "linked"
    assert dsdm.verify(folder).rows == 2
    for file in [path for path in folder.rglob("*") if path.is_file()]:
        kept = file.read_bytes()
        for lead in (work.parent / "secret.txt", work.parent):
            file.unlink()
            file.symlink_to(lead)
            with pytest.raises(errors.FormatError, match=r"it is a link to .*trust_paths=") as failed:
                dsdm.verify(folder)
            assert SECRET not in str(failed.value)
        away = work.parent / "away"
        away.write_bytes(kept)
        file.unlink()
        file.symlink_to(away)
        assert dsdm.verify(folder, trust_paths=[away]).rows == 2
        away.rename(file)
    assert dsdm.verify(folder).rows == 2


def test_offsets_that_a_manifest_does_not_name_are_not_waited_for(work):
    dsdm.materialize(pa.table({"input_ids": [[1], [2, 3]]}), [1, 0], "tokens", format="tokens", progress=False)
    manifest = json.loads((work / "tokens" / "dsdm.json").read_text())
    _, offsets = manifest["shards"][0]["files"]
    del manifest["shards"][0]["files"][1]
    reseal(work / "tokens", manifest)
    (work / "tokens" / offsets["name"]).unlink()
    os.mkfifo(work / "tokens" / offsets["name"])
    with pytest.raises(errors.FormatError, match="pipe"):
        dsdm.verify("tokens")
    (work / "tokens" / offsets["name"]).unlink()
    (work / "tokens" / offsets["name"]).write_bytes(b"short")
    with pytest.raises(errors.TruncatedError, match="128 bytes, and this has 5"):
        dsdm.verify("tokens")


@pytest.mark.parametrize("named", ["evil", "ev*"])
@pytest.mark.parametrize("link", ["state.json", "refs/main", "refs", "below", "0", "snapshots/abc/README.md"])
def test_what_a_folder_of_scores_means_is_not_told_by_what_is_not_trusted(work, monkeypatch, named, link):
    elsewhere = work.parent / "elsewhere"
    elsewhere.mkdir()
    for name in ("main", "state.json", "README.md", "s.npy"):
        (elsewhere / name).write_text(SECRET)
    (work / "evil" / "snapshots" / "abc").mkdir(parents=True)
    (work / "evil" / "refs").mkdir()
    np.save(work / "evil" / "snapshots" / "abc" / "s.npy", np.arange(20.0))
    if link == "refs":
        (work / "evil" / "refs").rmdir()
    place = work / "evil" / link
    place.symlink_to(elsewhere if link in ("refs", "below", "0") else elsewhere / place.name)
    manifest = json.loads((work / "out" / "dsdm.json").read_text())
    manifest["selection"]["chosen"]["scores"] = [f"../{named}"]
    manifest["selection"]["chosen"]["reading"] = {"sort": "name"}
    reseal(work / "out", manifest)
    searched = []
    monkeypatch.setattr("dsdm.selection.record.provenance.find", lambda *args, **_: searched.append(args))
    found = dsdm.verify("out")
    assert not found.selection
    assert "outside of the directory" in found.reason
    assert not searched


def test_a_pipe_that_tells_which_folder_is_meant_is_not_waited_for(work):
    (work / "evil" / "snapshots").mkdir(parents=True)
    (work / "evil" / "refs").mkdir()
    os.mkfifo(work / "evil" / "refs" / "main")
    manifest = json.loads((work / "out" / "dsdm.json").read_text())
    manifest["selection"]["chosen"]["scores"] = ["../evil"]
    reseal(work / "out", manifest)
    with pytest.raises(errors.FormatError, match="evil: the manifest tells that this holds scores"):
        dsdm.verify("out")
