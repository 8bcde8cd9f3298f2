"""Names with characters that act on a terminal: shown by their numbers, wherever they are shown."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import ipc

import dsdm
from dsdm.shown import safe_message, shown

BAD = "\x1b[2J\x07\r\u202e\x9b\n\u3164"
ACTING = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f]")
SOURCES = Path(dsdm.__file__).parent


def test_what_acts_is_spelled_and_the_rest_is_kept():
    assert shown(f"a{BAD}b") == r"a\x1b[2J\x07\r\u202e\x9b\n\u3164b"
    assert shown("ä 漢字 😀 'x'") == "ä 漢字 😀 'x'"
    assert safe_message("a 'name' and it's \"so\"") == "a 'name' and it's \"so\""
    name = "x" * 1_000_000
    assert (
        safe_message(f"the column {name!r} is missing")
        == f"the column '{'x' * 200}… (1,000,000 characters)' is missing"
    )
    assert len(safe_message(f"{name}: it is missing")) < 4_100
    assert safe_message(f"{name}: it is missing").endswith(": it is missing")


def test_one_place_prints():
    for path in SOURCES.rglob("*.py"):
        if path.name == "saying.py":
            continue
        found = re.findall(r"(?<![\w.])(?:print|typer\.echo)\((?!shown\(|datasets)", path.read_text())
        assert not found, path


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Give files whose names, columns and keys are such."""
    monkeypatch.chdir(tmp_path)
    np.save(f"{BAD}.npy", np.arange(10.0))
    np.save(f"{BAD}nan.npy", np.array([1.0, np.nan]))
    pq.write_table(pa.table({f"score{BAD}": np.arange(10.0)}), f"{BAD}.parquet")
    pq.write_table(pa.table({f"text{BAD}": ["a"] * 10, f"other{BAD}": [[1]] * 10}), f"text{BAD}.parquet")
    with ipc.new_stream(f"{BAD}.arrow", pa.schema([(f"a{BAD}", pa.float32())])):
        pass
    Path(f"cut{BAD}.parquet").write_bytes(b"PAR1 xxx")
    Path(f"html{BAD}.pt").write_bytes(b"<html>" + BAD.encode() * 20)
    Path(f"head{BAD}.npy").write_bytes(b"\x93NUMPY\x01\x00\x20\x00{'descr': '" + BAD.encode()[:6] + b"'             ")
    with zipfile.ZipFile(f"zip{BAD}.pt", "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(f"{BAD}/data.pkl", b"\x80\x02cos" + BAD.encode() + b"\nsystem\n.")
        archive.writestr(f"{BAD}2/data/0", b"1234")
    with zipfile.ZipFile(f"one{BAD}.pt", "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("one/data.pkl", b"\x80\x02c" + BAD.encode() + b"\nsystem\n.")
        archive.writestr("one/version", b"3\n")
    os.mkfifo(f"pipe{BAD}")
    Path(f"folder{BAD}").mkdir()
    Path(f"folder{BAD}", "state.json").write_text('{"_data_files": [{"filename": "../' + "\\u001b[2J" + '"}]}')
    Path(f"saved{BAD}").mkdir()
    Path(f"empty{BAD}").mkdir()
    Path(f"saved{BAD}", "data-00000-of-00001.arrow").write_bytes(b"")
    dsdm.materialize(f"{BAD}.parquet", [1, 2], f"out{BAD}", selection={"by": BAD}, progress=False)
    dsdm.materialize(f"{BAD}.parquet", [1, 2], f"bad{BAD}", progress=False)
    manifest = Path(f"bad{BAD}", "dsdm.json")
    manifest.write_text(manifest.read_text().replace('"rows"', f'"{BAD[0:0]}rows\\u001b"', 1))
    np.save("rows.npy", np.array([1, 2]))
    return tmp_path


def commands(names):
    for name in names:
        yield "scores", name
        yield "scores", name, name
        yield "scores", name, "--column", f"no{BAD}"
        yield "scores", name, "--key", f"no{BAD}"
        yield "scores", name, "--dtype", f"no{BAD}"
        yield "indices", name, "-k", 2, "-o", f"o{BAD}.npy", "--overwrite"
        yield "indices", name, "-k", 2, "-o", f"o{BAD}"
        yield "indices", f"dsdm{BAD}", "--target", f"squad{BAD}", "-k", 2, "-o", "o.npy"
        yield "indices", "dsdm", "--target", f"squad{BAD}", "-k", 2, "-o", "o.npy"
        yield "indices", "dsdm", "--target", "squad", "-k", 2, "-o", "o.npy", "--data-dir", name
        yield "materialize", name, f"m{BAD}", "--by", f"{BAD}.npy", "-k", 2, "--dry-run"
        yield "materialize", name, f"m{BAD}", "--by", name, "-k", 2, "--overwrite"
        yield "materialize", f"{BAD}.parquet", f"m{BAD}", "--by", name, "-k", 2
        yield "materialize", f"{BAD}.parquet", f"m{BAD}", "--indices", name
        yield "materialize", f"{BAD}.parquet", name, "--indices", "rows.npy"
        yield "materialize", name, f"n{BAD}", "--indices", "rows.npy", "--columns", f"no{BAD}"
        yield "materialize", name, f"n{BAD}", "--indices", "rows.npy", "--tokens-column", f"no{BAD}"
        yield "verify", name
        yield "verify", f"out{BAD}", "--data-dir", name
        yield "demo", name, "--rows", 200
        yield "fetch", name
        yield name, name


@pytest.mark.usefixtures("files")
def test_no_command_writes_one(run):
    names = [*sorted(path.name for path in Path().iterdir()), f"missing{BAD}"]
    codes = set()
    for command in commands(names):
        code, out, err = run("-v", *command)
        codes.add(code)
        for text in (out, err):
            assert not ACTING.search(text.replace("\n", "")), (command, text)
    assert codes == {0, 1, 2, 3}


CALLS = [
    dsdm.open_scores,
    dsdm.open_shards,
    dsdm.verify,
    lambda name: dsdm.open_scores(name, column=f"no{BAD}"),
    lambda name: dsdm.open_scores(name, key=f"no{BAD}"),
    lambda name: dsdm.open_scores(name, dtype=f"no{BAD}"),
    lambda name: dsdm.open_shards(name, columns=[f"no{BAD}"]),
    lambda name: dsdm.materialize(name, [99], f"x{BAD}", progress=False),
    lambda name: dsdm.materialize(f"{BAD}.parquet", [1], name, progress=False),
    lambda _: dsdm.materialize(f"{BAD}.parquet", [1], f"y{BAD}", row_ids=f"score{BAD}", progress=False),
    lambda name: dsdm.plan(name, [99]),
    lambda name: dsdm.top_k(dsdm.open_scores(name), 99),
    lambda name: dsdm.get_indices("dsdm", 3, "squad", data_dir=name),
    lambda name: dsdm.get_indices(name, 3, name),
]


@pytest.mark.usefixtures("files")
def test_no_exception_says_one():
    raised = set()
    for name in [*sorted(path.name for path in Path().iterdir()), f"missing{BAD}"]:
        for call in CALLS:
            try:
                found = call(name)
            except Exception as error:  # noqa: BLE001 - each is looked at
                raised.add(type(error))
                # As a program that does not catch it is told.
                assert not ACTING.search(str(error)), (name, error)  # noqa: PT017
            else:
                lines = str(found).split("\n") if isinstance(found, dsdm.Plan) else [repr(found)]
                assert not any(map(ACTING.search, lines)), (name, call)
    assert {dsdm.FormatError, dsdm.TruncatedError, dsdm.SchemaError, dsdm.UnsafePickleError} <= raised
    assert {ValueError, TypeError, FileNotFoundError, IsADirectoryError, FileExistsError} <= raised


@pytest.mark.usefixtures("files")
def test_the_command_as_it_is_run(tmp_path):
    for command in (["scores", f"missing{BAD}"], ["scores", f"{BAD}.npy"], ["verify", f"bad{BAD}"]):
        ran = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "dsdm", *command], cwd=tmp_path, capture_output=True, check=False
        )
        assert not ACTING.search((ran.stdout + ran.stderr).decode().replace("\n", ""))
        assert b"\\x1b[2J" in ran.stdout + ran.stderr


def test_no_break_of_its_own_is_spelled_where_all_is_right(run, tmp_path):
    """What dsdm says has its breaks as breaks: only those of names are spelled."""
    np.save(tmp_path / "s.npy", np.arange(10.0))
    pq.write_table(pa.table({"n": np.arange(10)}), tmp_path / "c.parquet")
    all_right = [
        ("--help",),
        ("--version",),
        *[(command, "--help") for command in ("demo", "fetch", "scores", "indices", "materialize", "verify", "bench")],
        ("demo", "--rows", 200),
        ("scores", "s.npy"),
        ("-v", "indices", "s.npy", "-k", 3, "--gumbel", "-o", "rows.npy"),
        ("-v", "materialize", "c.parquet", "out", "-i", "rows.npy", "--dry-run"),
        ("-v", "materialize", "c.parquet", "out", "-i", "rows.npy"),
        ("verify", "out"),
    ]
    for arguments, wanted in [((), 2), *[(arguments, 0) for arguments in all_right]]:
        code, out, errors = run(*arguments)
        assert code == wanted, (arguments, errors)
        # The demonstration shows text of the corpus, which may be about such breaks.
        said = "\n".join(line for line in (out + errors).split("\n") if ", row " not in line)
        assert r"\n" not in said, (arguments, said)
        assert len(said.splitlines()) > 1 or arguments[0] in ("--version", "-v", "verify"), arguments
