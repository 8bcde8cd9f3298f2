"""Files that options of a rule name: directories of shards, files that are not there, and what is wrong in them."""

import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

import dsdm
from dsdm import errors
from dsdm.cli.words import CALL, OPTIONS
from dsdm.selection.columns import read_groups

N = 60
SCORES = np.arange(N, dtype=np.float32) % 17
DOMAINS = [("books", "code", "web")[row % 3] for row in range(N)]
LENGTHS = [row % 5 for row in range(N)]
TEXTS = ["x" * length for length in LENGTHS]


def written_json(table, path):
    path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))


WRITERS = {
    "parquet": pq.write_table,
    "arrow": lambda table, path: feather.write_feather(table, path, compression="uncompressed"),
    "jsonl": written_json,
}


@pytest.fixture(params=WRITERS)
def shards(request, tmp_path):
    """A directory of shards of unlike length, one of which comes after another by its name alone."""
    np.save(tmp_path / "s.npy", SCORES)
    table = pa.table({"domain": DOMAINS, "count": LENGTHS, "text": TEXTS, "ids": [[1] * n for n in LENGTHS]})
    (tmp_path / "shards").mkdir()
    ends = [0, 7, 8, 40, N]
    for place, (start, end) in enumerate(pairwise(ends)):
        path = tmp_path / "shards" / f"part-{place:05}-of-00004.{request.param}"
        WRITERS[request.param](table.slice(start, end - start), path)
    # What is no shard is left alone, as in a corpus.
    (tmp_path / "shards" / "notes.txt").write_text("x")
    return tmp_path


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        (["--groups", "shards:domain", "--per-group", 3], {"groups": DOMAINS, "per_group": 3}),
        (["--groups", "shards/:count", "--per-group", 3], {"groups": LENGTHS, "per_group": 3}),
        (["--tokens", 40, "--lengths", "shards:count"], {"tokens": 40, "lengths": LENGTHS}),
        (["--tokens", 40, "--lengths", "shards:text"], {"tokens": 40, "lengths": LENGTHS}),
        (["--tokens", 40, "--lengths", "shards:ids"], {"tokens": 40, "lengths": LENGTHS}),
        (["--rows", 50, "-k", 9, "--like", "equal", "--groups", "shards:domain"], None),
    ],
)
def test_directories_of_shards_have_columns(run, shards, options, rule):
    expected = dsdm.choose(SCORES, **rule) if rule else None
    if expected is None:
        expected = dsdm.choose(SCORES[:50], k=9, like="equal", groups=DOMAINS[:50])
    code, _, said = run("indices", "s.npy", *options, "-o", "rows.npy")
    assert code == 0, said
    chosen = dsdm.Selection.load(shards / "rows.npy")
    assert chosen.indices.tolist() == expected.indices.tolist()
    # They are the files of the corpus in its order, by which rows are chosen again.
    names = [str(path) for path in dsdm.open_shards(shards / "shards").files]
    told = next(iter(chosen.inputs.values()))
    assert [file["path"] for file in told["files"]] == names
    assert run("materialize", "shards", "out", "--indices", "rows.npy")[0] == 0
    code, said, errors = run("verify", "out", "--json")
    assert (code, json.loads(said)["selection"]) == (0, True), errors


def test_directories_tell_what_they_lack(run, shards):
    for options, said in {
        ("--groups", "shards:none", "--per-group", 3): "shards: --groups takes a column, and there is no column 'none'",
        ("--groups", "shards", "--per-group", 3): "say shards:COLUMN",
        ("--tokens", 3, "--lengths", "shards:none"): "shards: --lengths: there is no column 'none'",
        ("--groups", "s.npy:x", "--per-group", 3): "--groups is s.npy:x, and s.npy has no columns; say s.npy",
    }.items():
        code, _, errors = run("indices", "s.npy", *options, "-o", "rows.npy")
        assert code == 1, errors
        assert said in errors
    assert not (shards / "rows.npy").exists()


def test_a_report_counts_groups_of_a_directory(run, shards):
    assert run("indices", "s.npy", "-k", 9, "-o", "rows.npy")[0] == 0
    code, said, errors = run("report", "rows.npy", "--groups", "./shards:domain", "--lengths", "./shards:ids", "--json")
    assert code == 0, errors
    chosen = dsdm.Selection.load(shards / "rows.npy").indices
    found = {part["name"]: part["chosen"] for part in json.loads(said)["selections"][0]["groups"]}
    assert found == {name: sum(DOMAINS[row] == name for row in chosen) for name in set(DOMAINS)}


@pytest.mark.parametrize(
    "arguments",
    [
        ("indices", "gone.npy", "-k", 3, "-o", "rows.npy"),
        ("indices", "s.npy", "-k", 3, "--exclude", "gone.npy", "-o", "rows.npy"),
        ("indices", "s.npy", "-k", 3, "--only", "gone.npy", "-o", "rows.npy"),
        ("indices", "s.npy", "--groups", "gone.npy", "--per-group", 3, "-o", "rows.npy"),
        ("indices", "s.npy", "--groups", "gone.parquet:domain", "--per-group", 3, "-o", "rows.npy"),
        ("indices", "s.npy", "--tokens", 3, "--lengths", "gone.npy", "-o", "rows.npy"),
        ("materialize", "gone", "out", "--indices", "rows.npy"),
        ("materialize", "c.parquet", "out", "--indices", "gone.npy"),
        ("materialize", "c.parquet", "out", "--by", "gone.npy", "-k", 3),
        ("materialize", "c.parquet", "out", "--by", "s.npy", "-k", 3, "--scores", "gone.npy"),
        ("materialize", "c.parquet", "out", "--by", "s.npy", "--groups", "gone.npy", "--per-group", 3),
        ("materialize", "c.parquet", "out", "--by", "s.npy", "--tokens", 3, "--lengths", "gone.npy"),
        ("scores", "gone.npy"),
        ("report", "gone.npy"),
        ("verify", "gone"),
    ],
)
def test_a_file_that_is_not_there_is_a_failure_and_no_wrong_usage(run, tmp_path, arguments):
    np.save(tmp_path / "s.npy", SCORES)
    pq.write_table(pa.table({"a": range(N)}), tmp_path / "c.parquet")
    code, _, said = run(*arguments)
    assert code == 1, said
    assert "gone" in said
    assert said.startswith("dsdm: ")
    assert "Traceback" not in said


def test_weights_that_are_none_name_the_file_and_the_option(run, tmp_path):
    np.save(tmp_path / "s.npy", -SCORES)
    np.save(tmp_path / "zeros.npy", np.zeros(3))
    code, _, said = run("indices", "s.npy", "-k", 3, "--replace", "-o", "rows.npy")
    assert code == 1
    assert "s.npy: --replace takes scores for weights, and that of row 1 is -1.0; a weight is a" in said
    code, _, said = run("indices", "zeros.npy", "-k", 3, "--replace", "-o", "rows.npy")
    assert code == 1
    assert "zeros.npy: --replace: 3 rows are to be drawn, and no row that may be chosen has a" in said
    with pytest.raises(ValueError, match=r"^replace=True takes scores for weights, and that of row 1 is -1\.0"):
        dsdm.choose(-SCORES, k=3, replace=True)


# Each with an argument that a rule or an output refuses: of every option that can be wrong or go with nothing.
REFUSED = [
    *[["-k", value] for value in ("-1", "x", "1.5", "61", 2**63)],
    *[["--fraction", value] for value in ("-1", "2", "nan", "x")],
    *[["--tokens", value] for value in ("5", "-1", "x", "inf", 2**63)],
    *[["--quantile", value] for value in ("0.9:0.1", "-1:0", "0:2", "nan:1", "x", "1:x")],
    *[[f"{name}={value}"] for name in ("--min-score", "--max-score") for value in ("nan", "x")],
    ["--min-score", 3, "--max-score", 2],
    *[["-k", 3, f"--near={value}"] for value in ("nan", "inf", "x")],
    *[["-k", 3, option, "s.npy"] for option in ("--lengths", "--groups")],
    *[["-k", 3, option] for option in ("--at-least", "--like=a=1", "--like=equal", "--per-group=2", "--short=keep")],
    *[["-k", 3, f"--repeat={value}"] for value in ("0", "-1", "1.5", "x", "a=2", "1e15", 2**62)],
    *[["-k", 3, "--groups", "g.npy", f"--like={value}"] for value in ("a=1", "a=-1", "a=nan", "a=x", "0=0", "x")],
    *[["--groups", "g.npy", f"--per-group={value}"] for value in ("-1", "1.5", "nan", "x", "7=1", "999")],
    *[["-k", 3, "--groups", "g.npy", "--like", "equal", f"--repeat={value}"] for value in ("7=1", "0=0", "0=1")],
    ["--groups", "g.npy", "--per-group", 1, "--short", "never"],
    ["-k", 50, "--groups", "g.npy", "--like=0=1", "--like=1=0", "--like=2=0", "--short=fill"],
    *[["--replace", "-k", 3, *more] for more in (["--near", 1], ["--gumbel"], ["--ties", "random"])],
    *[["--replace", *more] for more in (["--min-score", 1], ["-k", 3, "--nan", "largest"], ["-k", "1e12"])],
    ["--replace", "-k", 3, "--groups", "g.npy", "--like", "equal"],
    ["--gumbel", "-k", 3, "--ties", "random"],
    ["--gumbel", "-k", 3, "--smallest"],
    ["--gumbel", "-k", 3, "--near", 1],
    *[["--gumbel", "-k", 3, f"--temperature={value}"] for value in ("0", "-1", "nan", "inf", "x")],
    *[["--gumbel", "-k", 3, f"--seed={value}"] for value in ("-1", "x", 2**200)],
    *[
        ["-k", 3, *more]
        for more in (["--temperature", 2], ["--seed", 3], ["--noise", "numpy"], ["--near", 1, "--smallest"])
    ],
    *[["-k", 3, "--near", 1, "--nan", nan] for nan in ("largest", "smallest")],
    *[["--quantile", "0:1", "--nan", nan] for nan in ("largest", "smallest")],
    ["-k", 3, "--ties", "random", "--nan", "largest"],
    ["-k", 3, "--only", "large.npy"],
    ["-k", 3, "--exclude", "large.npy"],
    ["-k", 3, "--only", "s.npy"],
    ["--tokens", 5, "--lengths", "s.npy"],
    ["--tokens", 5, "--lengths", "g.npy", "--row-tokens", 2],
    ["--tokens", "1e6", "--lengths", "g.npy"],
    ["--tokens", "1e6", "--lengths", "g.npy", "--at-least"],
    ["--tokens", "1e6", "--lengths", "g.npy", "--groups", "g.npy", "--like", "equal"],
    ["-k", 3, "--column", "x"],
    ["-k", 3, "--key", "x"],
    ["-k", 3, "--dtype", "x"],
    ["-k", 3, "--shape", "x"],
    ["-k", 3, "--threads", 0],
    ["-k", 3, "--rows", 0],
    ["-k", 3, "--order", "x"],
    ["-k", 3, "--fraction", 0.5],
    [],
]
WRITING = [
    *[["--format", kind, "--card"] for kind in ("arrow", "tokens", "bin", "megatron", "litdata", "modded-nanogpt")],
    *[["--format", kind, "--split", "test"] for kind in ("tokens", "bin")],
    *[["--split", name] for name in ("all", "a b", "", "x" * 300)],
    ["--content-defined-chunking"],
    ["--columns", "none"],
    ["--format", "tokens"],
    ["--format", "bin", "--columns", "a"],
    ["--token-dtype", "uint16"],
    ["--format", "parquet", "--token-dtype", "uint16"],
    ["--format", "megatron", "--token-dtype", "uint32"],
    ["--row-ids", "a"],
    ["--num-shards", 0],
    ["--num-shards", 3, "--max-shard-size", "1MB"],
    ["--max-shard-size", "x"],
    ["--memory-limit", "x"],
    ["--shuffle-seed", 3],
    ["--verify", "--no-resume"],
    ["--dry-run", "--overwrite"],
    ["--scores", "large.npy"],
    ["--tokens-column", "a"],
]
ARGUMENT = re.compile(rf"(?<![\w-])(?:{'|'.join(OPTIONS)})=")
# Names of two words are Python's alone.
WORDS = re.compile(rf"(?<![\w.-])(?:{'|'.join(name for name in OPTIONS if '_' in name)}|True|False|None)\b")


@pytest.mark.parametrize(
    "arguments",
    [("indices", "s.npy", "-o", "rows.npy", *options) for options in REFUSED]
    + [("materialize", "c.parquet", "out", "--by", "s.npy", *options) for options in REFUSED]
    + [("materialize", "c.parquet", "out", "--by", "s.npy", "-k", 3, *options) for options in WRITING],
    ids=lambda arguments: " ".join(map(str, arguments))[:100],
)
def test_what_is_refused_is_said_in_the_words_of_the_command(run, tmp_path, arguments):
    np.save(tmp_path / "s.npy", SCORES)
    np.save(tmp_path / "g.npy", np.arange(N) % 3)
    np.save(tmp_path / "large.npy", np.array([900]))
    pq.write_table(pa.table({"a": [str(row) for row in range(N)]}), tmp_path / "c.parquet")
    code, _, said = run(*arguments)
    assert code in (1, 2), said
    assert "---" not in said
    # A call that is advised is one of Python.
    found = [*ARGUMENT.findall(CALL.sub("", said)), *WORDS.findall(said)]
    assert found == [], said
    assert "Traceback" not in said
    assert list(tmp_path.glob("out*")) == []


@pytest.mark.filterwarnings("ignore:.*come from the front:UserWarning")
def test_columns_of_directories_are_named_as_those_of_files(run, shards):
    for place, path in enumerate(sorted((shards / "shards").glob("part-*"))):
        folder = shards / "hive" / f"k={place // 2 + 1}" / f"name=n{place}"
        folder.mkdir(parents=True)
        path.rename(folder / f"0{path.suffix}")
    rows = dsdm.open_shards(shards / "hive", hive=True)
    columns = {name: rows.column(name).to_pylist() for name in ("k", "name", "domain", "count")}
    for name, (option, rule) in {
        "k": (("--groups", "--per-group", 1), lambda values: {"groups": values, "per_group": 1}),
        "name": (("--groups", "--per-group", 1), lambda values: {"groups": values, "per_group": 1}),
        "domain": (("--groups", "--per-group", 1), lambda values: {"groups": values, "per_group": 1}),
        "count": (("--lengths", "--tokens", 40), lambda values: {"lengths": values, "tokens": 40}),
    }.items():
        options = [option[0], f"hive:{name}", *option[1:]]
        code, _, said = run("indices", "s.npy", *options, "-o", "rows.npy", "--overwrite")
        assert code == 0, said
        chosen = dsdm.Selection.load(shards / "rows.npy")
        assert chosen.indices.tolist() == dsdm.choose(SCORES, **rule(columns[name])).indices.tolist()
        assert run("materialize", "hive", "out", "--hive", "--indices", "rows.npy", "--overwrite")[0] == 0
        code, said, errors = run("verify", "out", "--json")
        assert (code, json.loads(said)["selection"]) == (0, True), errors
    code, _, said = run("indices", "s.npy", "--lengths", "hive:k", "--tokens", 40, "-o", "rows.npy", "--overwrite")
    assert code == 0, said
    wanted = dsdm.choose(SCORES, lengths=columns["k"], tokens=40).indices.tolist()
    assert dsdm.Selection.load(shards / "rows.npy").indices.tolist() == wanted


def test_a_mark_of_the_encoding_is_no_part_of_a_text(tmp_path, run, monkeypatch):
    """Editors of Windows write U+FEFF first. In any other place it is a character of the text."""
    monkeypatch.chdir(tmp_path)
    names = ["b", "a", "\ufeffa", "b"]
    pq.write_table(pa.table({"n": range(4)}), "c.parquet")
    np.save("s.npy", np.arange(4.0))
    chosen = dsdm.choose(np.arange(4.0), groups=names, per_group=1)
    assert sorted(chosen.indices.tolist()) == sorted({name: row for row, name in enumerate(names)}.values())
    for mark in ("", "\ufeff"):
        Path("g.txt").write_text(mark + "\n".join(names) + "\n", encoding="utf-8")
        assert list(read_groups("g.txt").values) == names
        code, _, said = run(
            *("materialize", "c.parquet", "by-groups", "--by", "s.npy", "--groups", "g.txt"),
            *("--per-group=b=1", "--per-group=a=1", "--per-group=\ufeffa=1", "--overwrite"),
        )
        assert code == 0, said
        assert sorted(dsdm.open_shards("by-groups")[:]["n"]) == sorted(chosen.indices.tolist())
        assert dsdm.verify("by-groups").selection
        Path("rows.txt").write_text(mark + "3\n1\n", encoding="utf-8")
        assert run("materialize", "c.parquet", "by-rows", "--indices", "rows.txt", "--overwrite")[0] == 0
        assert dsdm.open_shards("by-rows")[:]["n"] == [3, 1]
    Path("g.txt").write_bytes(b"\xef\xbb\xbfa\nb\n\xff\nc")
    with pytest.raises(errors.FormatError, match="this is no UTF-8 at byte 7"):
        read_groups("g.txt")
