"""What the command writes: one JSON document of every command, and files of rows with what tells of them."""

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm import cli
from dsdm.demo.torch_file import write_tensor


def test_what_told_of_other_rows_is_not_left_beside_new_ones(run, tmp_path):
    np.save(tmp_path / "s.npy", np.arange(600.0))
    write_tensor(tmp_path / "sdd.pt", np.arange(0, 600, 2))
    semdedup = ["indices", "semdedup", "-k", 5, "--data-dir", ".", "--overwrite", "-o", "x.npy"]
    assert run("indices", "s.npy", "-k", 9, "-o", "x.npy")[0] == 0
    assert (tmp_path / "x.npy.json").exists()
    assert run(*semdedup)[0] == 0
    assert (len(np.load(tmp_path / "x.npy")), (tmp_path / "x.npy.json").exists()) == (5, False)
    assert run(*semdedup, "--rows", 600)[0] == 0
    assert len(dsdm.Selection.load(tmp_path / "x.npy")) == 5
    with pytest.MonkeyPatch.context() as patch:
        # Rows that are not written leave what was there.
        patch.setattr(np, "save", lambda *_: exec("raise OSError(28, 'No space left on device')"))  # noqa: S102
        assert run(*semdedup)[0] == 1
    assert len(dsdm.Selection.load(tmp_path / "x.npy")) == 5


# Each command in ways that succeed and that fail, and what it needs before.
RUNS = {
    "demo": [("demo", "made", "--rows", 200), ("demo", "s.npy")],
    "fetch": [("fetch", "dsdm/squad.pt", "--data-dir", "."), ("fetch", "nothing.pt")],
    "scores": [("scores", "s.npy"), ("scores", "gone.npy"), ("scores", "c.parquet", "--column", "none")],
    "indices": [
        ("indices", "s.npy", "-k", "2e1", "-o", "x.npy"),
        ("indices", "s.npy", "--groups", "g.npy", "--per-group", 900, "--short", "keep", "-o", "y.npy"),
        ("indices", "s.npy", "-k", 601, "-o", "z.npy"),
        ("indices", "s.npy", "-k", "x", "-o", "z.npy"),
    ],
    "materialize": [
        ("materialize", "c.parquet", "out", "--by", "s.npy", "-k", 5),
        ("materialize", "c.parquet", "none", "--by", "s.npy", "-k", 5, "--dry-run"),
        ("materialize", "c.parquet", "out", "--by", "s.npy", "-k", 5),
        ("materialize", "gone", "other", "--by", "s.npy", "-k", 5),
    ],
    "report": [("report", "x.npy"), ("report", "gone.npy"), ("report", "x.npy", "--examples", -1)],
    "doctor": [("doctor",), ("doctor", "gone")],
    "verify": [("verify", "out"), ("verify", "damaged"), ("verify", "gone")],
}


def test_every_command_is_run_here():
    assert {command.callback.__name__ for command in cli.app.registered_commands} == RUNS.keys()


@pytest.mark.parametrize("command", RUNS)
def test_json_is_one_document_and_all_else_is_on_stderr(run, tmp_path, monkeypatch, command):
    monkeypatch.setattr("dsdm.reference.fetch.fetch", lambda files, **_: [tmp_path / file for file in files])
    np.save(tmp_path / "s.npy", np.r_[np.arange(599.0), np.inf])
    np.save(tmp_path / "g.npy", np.arange(600) % 2)
    pq.write_table(pa.table({"id": range(600)}), tmp_path / "c.parquet")
    if command == "verify":
        for name in ("out", "damaged"):
            dsdm.materialize(tmp_path / "c.parquet", [1, 2], tmp_path / name, progress=False)
        next((tmp_path / "damaged").glob("*.arrow")).write_bytes(b"ARROW1")
    if command == "report":
        dsdm.choose(dsdm.open_scores(tmp_path / "s.npy"), k=9).save(tmp_path / "x.npy")
    codes = set()
    for arguments in RUNS[command]:
        code, out, errors = run(*arguments, "--json")
        codes.add(code)
        if code == 0 or out:
            told = json.loads(out)
            assert isinstance(told, dict)
            assert "NaN" not in out
            assert not re.search(r"\bInfinity\b", out)
        if code:
            assert errors
            assert not errors.startswith("{")
            assert out == "" or (code == 3 and "damage" in told)
        if arguments[0] == "indices" and "--short" in arguments:
            assert told["short"] == {"0": [300, 900], "1": [300, 900]}
            assert told["per_group"] == {"0": 300, "1": 300}
    assert 0 in codes
    assert codes & {1, 2, 3}


@pytest.mark.parametrize("kind", ["int8", "uint8", "int64", "uint64", "float16", "float32", "float64"])
def test_the_worst_score_is_a_number_with_all_of_its_digits(run, tmp_path, kind):
    """Of JSON, and the same that numpy has: also at the ends of its type."""
    info = np.iinfo(kind) if np.dtype(kind).kind in "iu" else np.finfo(kind)
    values = np.array([info.max, info.min, 0, 1, 3], kind)
    values = np.concatenate([values, (values[:1] - 1), np.array([0.1, 1 / 3]).astype(kind)])
    np.save(tmp_path / "s.npy", values)
    for k in range(1, len(values) + 1):
        code, out, err = run("indices", "s.npy", "-k", k, "-o", "x.npy", "--overwrite", "--json")
        assert code == 0, err
        told = json.loads(out)
        worst = np.sort(values)[::-1][k - 1]
        assert type(told["cut"]["score"]) is type(worst.item())
        assert told["cut"] == {
            "score": worst.item(),
            "tied": int((values == worst).sum()),
            "taken": told["cut"]["taken"],
        }
    told = json.loads(run("scores", "s.npy", "--json")[1])
    assert (told["smallest"], told["largest"]) == (values.min().item(), values.max().item())


def test_what_json_has_no_number_for_is_a_text(run, tmp_path):
    np.save(tmp_path / "s.npy", np.array([1.0, np.inf, -np.inf, np.nan]))
    found = {}
    for k, nan in ((1, "omit"), (3, "smallest")):
        code, out, err = run("indices", "s.npy", "-k", k, "--nan", nan, "-o", "x.npy", "--overwrite", "--json")
        assert code == 0, err
        found[k] = json.loads(out, parse_constant=pytest.fail)["cut"]
    assert [cut["score"] for cut in found.values()] == ["inf", "-inf"]
    told = json.loads(run("scores", "s.npy", "--json")[1], parse_constant=pytest.fail)
    assert (told["smallest"], told["largest"], told["nan"]) == ("-inf", "inf", 1)


HYPHENS = {
    "OUT": ("materialize", "c.parquet", "-", "--by", "s.npy", "-k", 3),
    "--indices": ("materialize", "c.parquet", "out", "--indices", "-"),
    "--out": ("indices", "s.npy", "-k", 3, "-o", "-"),
    "--exclude": ("indices", "s.npy", "-k", 3, "--exclude", "-", "-o", "x.npy"),
    "--only": ("indices", "s.npy", "-k", 3, "--only", "-", "-o", "x.npy"),
    "--html": ("report", "x.npy", "--html", "-"),
    "[DIR]": ("demo", "-"),
    "--data-dir": ("fetch", "--data-dir", "-"),
    "DIR": ("verify", "-"),
    "--trust-path": ("verify", "out", "--trust-path", "-"),
    "--json": ("bench", "rules", "--json", "-"),
    "--plot": ("bench", "select", "--plot", "-"),
}


@pytest.mark.parametrize("name", HYPHENS)
def test_a_lone_hyphen_is_no_file(run, tmp_path, name):
    np.save(tmp_path / "s.npy", np.arange(9.0))
    pq.write_table(pa.table({"id": range(9)}), tmp_path / "c.parquet")
    before = sorted(tmp_path.iterdir())
    code, out, errors = run(*HYPHENS[name])
    assert (code, out) == (2, "")
    # The message has the option, or what the help calls the argument.
    said = " ".join(errors.split())
    assert f"{name}'" in said or f"/ '{name}" in said, said
    assert "it is -, and nothing is read from the standard input or written to the standard output" in said
    assert sorted(tmp_path.iterdir()) == before


def test_a_directory_may_have_the_name_of_a_hyphen(run, tmp_path):
    np.save(tmp_path / "s.npy", np.arange(9.0))
    pq.write_table(pa.table({"id": range(9)}), tmp_path / "c.parquet")
    code, _, errors = run("materialize", "c.parquet", "./-", "--by", "s.npy", "-k", 3)
    assert code == 0, errors
    assert dsdm.verify(tmp_path / "-").selection


def test_a_shard_that_is_given_twice_is_said_to_be(tmp_path, run, monkeypatch):
    """Its rows are there twice, in the order in which it is named; a link is another name of it."""
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table({"n": [0, 1, 2]}), "a.parquet")
    pq.write_table(pa.table({"n": [3, 4]}), "b.parquet")
    Path("link.parquet").symlink_to("a.parquet")
    np.save("rows.npy", np.arange(8))
    for again in ("a.parquet", "link.parquet"):
        code, _, said = run(
            "materialize", "a.parquet", "b.parquet", again, "out", "--indices", "rows.npy", "--overwrite"
        )
        assert (code, dsdm.open_shards("out")[:]["n"]) == (0, [0, 1, 2, 3, 4, 0, 1, 2])
        also = "" if again == "a.parquet" else f" (also as {tmp_path / again})"
        told = f"{tmp_path / 'a.parquet'}: it is 2 times among the shards{also}, and so are its rows; name each once"
        assert told in " ".join(said.split())
    np.save("rows.npy", np.arange(5))
    code, _, said = run("materialize", "a.parquet", "b.parquet", "out", "--indices", "rows.npy", "--overwrite")
    assert (code, "among the shards" in said) == (0, False)
