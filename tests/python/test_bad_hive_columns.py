"""Columns in the names of directories that are refused, and what the command says of them."""

import json
import re
import subprocess
import sys

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pytest

import dsdm
from dsdm import errors, open_shards, selections
from dsdm._native import Corpus
from dsdm.dataset import open_dataset
from tests.corpora.damaged import parquet_of, put


def corpus(root, folders):
    """Write a row into each directory, and return the files."""
    paths = []
    for rank, folder in enumerate(folders):
        (root / folder).mkdir(parents=True)
        paths.append(put(root / folder / "0.parquet", parquet_of(pa.table({"x": [rank]}))))
    return paths


CALLS = {
    "open_shards": open_shards,
    "open_dataset": open_dataset,
    "select": lambda source, **options: dsdm.select(source, [0], **options),
    "plan": lambda source, **options: dsdm.plan(source, [0], **options),
    "candidates": lambda source, **options: selections.get_candidate_dataset(path=source, **options),
}


@pytest.mark.parametrize("call", CALLS)
def test_they_are_refused_unless_they_are_asked_for(tmp_path, call):
    paths = corpus(tmp_path / "c", ["lang=en", "lang=fr"])
    call = CALLS[call]
    how = r"the column 'lang' is in the names of directories \(lang=en/\).*hive=True adds it.*as a list.*without it"
    for options in ({}, {"hive": False}):
        with pytest.raises(ValueError, match=how):
            call(tmp_path / "c", **options)
    for wrong in (1, "yes", None, ["lang"]):
        with pytest.raises(TypeError, match=r"hive is .*True or False"):
            call(tmp_path / "c", hive=wrong)
    # A list of files has no directory below which names count, and one in which nothing is named so has none.
    with pytest.raises(
        ValueError, match=rf"hive=True is for directories and globs, and {paths[0]} and 1 more are files"
    ):
        call(paths, hive=True)
    for source in (tmp_path / "c" / "lang=en", [f"{tmp_path}/c/lang=en/*.parquet"]):
        with pytest.raises(
            ValueError, match=rf"hive=True is for files in directories.*and {paths[0]} is in none below"
        ):
            call(source, hive=True)
    # pyarrow and datasets have no such column for files of a list either.
    files = list(map(str, paths))
    assert open_shards(paths)[:] == pyarrow.dataset.dataset(files).to_table().to_pydict() == {"x": [0, 1]}


def test_datasets_leaves_them_out(tmp_path):
    corpus(tmp_path / "c", ["lang=en", "lang=fr"])
    for how in ({"data_dir": str(tmp_path / "c")}, {"data_files": f"{tmp_path}/c/**/*.parquet"}):
        loaded = datasets.load_dataset("parquet", split="train", cache_dir=str(tmp_path / "cache"), **how)
        assert loaded.to_dict() == {"x": [0, 1]}
    assert pyarrow.dataset.dataset(tmp_path / "c", partitioning="hive").schema.names == ["x", "lang"]


WRONG = {
    "other columns": (
        ["a=1", "b=1"],
        "{1}: the names of its directories hold 'b', and those of {0} 'a'; with hive=True",
    ),
    "another order": (["a=1/b=1", "b=2/a=2"], "{1}: .* hold 'b', 'a', and those of {0} 'a', 'b'"),
    "one more": (["a=1", "a=2/b=1"], "{1}: .* hold 'a', 'b', and those of {0} 'a'"),
    "none": (["a=1", "other"], "{1}: .* hold no column, and those of {0} 'a'"),
    "none in the first": (["B", "a=1"], "{1}: .* hold 'a', and those of {0} no column"),
    "no name": (["a=1/=2"], "{0}: the directory '=2' has no name of a column"),
    "twice": (["a=1/a=2"], "{0}: the directory 'a=2' holds the column 'a', which a directory above holds already"),
    "twice by escapes": (["a=1/%61=2"], "{0}: the directory '%61=2' holds the column 'a'"),
    "an empty value": (["a="], "{0}: the directory 'a=' has no value.*a=__HIVE_DEFAULT_PARTITION__"),
    "no UTF-8": (["a=%ff"], "{0}: the directory 'a=%ff' is no UTF-8"),
    "no UTF-8 in the name": (["%c3=1"], "{0}: the directory '%c3=1' is no UTF-8"),
    "a NUL in the name": (["a%00b=1"], "{0}: the directory 'a%00b=1' has a NUL in the name of its column"),
    "beyond int64": (
        ["a=1", f"a={2**63}"],
        "{1}: the column 'a' .* holds whole numbers, and 9223372036854775808 is none",
    ),
    "below int64": (["a=-9223372036854775809"], "{0}: the column 'a' .* and -9223372036854775809 is none of int64"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_column_of_all_files_is_refused(tmp_path, case):
    folders, message = WRONG[case]
    paths = corpus(tmp_path / "c", folders)
    for source in (tmp_path / "c", f"{tmp_path}/c/**/*.parquet"):
        with pytest.raises(ValueError, match=message.format(*map(re.escape, map(str, paths)))):
            open_shards(source, hive=True, sort="name")
        with pytest.raises(ValueError, match=message.format(*map(re.escape, map(str, paths)))):
            dsdm.materialize(source, [0], tmp_path / "out", hive=True, sort="name")
    assert not (tmp_path / "out").exists()


def test_a_column_that_files_hold_too_is_refused(tmp_path):
    first, second = corpus(tmp_path / "c", ["lang=en", "lang=fr"])
    for lacks, has in ((first, second), (second, first)):
        put(lacks, parquet_of(pa.table({"x": [1]})))
        put(has, parquet_of(pa.table({"x": [1], "lang": ["en"]})))
        for options in ({}, {"schema": "union"}, {"columns": ["x"]}, {"columns": ["lang"]}):
            message = rf'{has}: column "lang": the column is in the file, and in the names of its directories too'
            with pytest.raises(errors.SchemaError, match=message):
                open_shards(tmp_path / "c", hive=True, **options)
    put(has, parquet_of(pa.table({"x": [1]})))
    with pytest.raises(ValueError, match=r'there is no column "a"; the columns are \["x", "lang"\]'):
        open_shards(tmp_path / "c", hive=True, columns=["a"])


def test_a_name_above_what_is_given_is_no_null(tmp_path):
    paths = corpus(tmp_path / "c", ["lang=en/year=1", "lang=fr/year=2"])
    how = r"2/0.parquet: the column 'lang' is in the names of the directories above those that were given"
    for other in (tmp_path / "c/lang=fr", f"{tmp_path}/c/lang=fr/**/*.parquet", paths[1]):
        with pytest.raises(ValueError, match=how):
            open_shards([f"{tmp_path}/c/lang=e*", other], hive=True, schema="union")
        with pytest.raises(ValueError, match=r"those of .* 'lang', 'year'; with hive=True.*schema="):
            open_shards([f"{tmp_path}/c/lang=e*", other], hive=True)


def test_rows_that_are_opened_already_keep_their_columns(tmp_path):
    corpus(tmp_path / "c", ["lang=en", "lang=fr"])
    for opened in (pa.table({"a": [1]}), datasets.Dataset.from_dict({"a": [1]})):
        with pytest.raises(
            ValueError, match=r"hive=True is for directories and globs that this call opens.*open_shards"
        ):
            dsdm.select(opened, [0], hive=True)
    for hive in (True, False):
        assert dsdm.select(open_shards(tmp_path / "c", hive=True), [1], hive=hive)[:] == {"x": [1], "lang": ["fr"]}


def test_the_extension_refuses_what_is_no_column(tmp_path):
    paths = list(map(str, corpus(tmp_path / "c", ["a", "b"])))
    assert Corpus.open(paths, constants=[("n", True, ["1", None])]).constants == [("n", True, ["1", None])]
    with pytest.raises(ValueError, match='the column "n" is "007", which is no int64'):
        Corpus.open(paths, constants=[("n", True, ["1", "007"])])
    with pytest.raises(ValueError, match='the column "n" is there twice'):
        Corpus.open(paths, constants=[("n", False, ["1", "2"])] * 2)
    with pytest.raises(RuntimeError, match="values of a column of directories"):
        Corpus.open(paths, constants=[("n", False, ["1"])])


@pytest.mark.parametrize(
    "wrong", [7, [], {"lang": 7}, {"lang": ["de"]}, {"lang": ["de", 1]}, {"lang": [True, False]}, {"lang": [2**63, 1]}]
)
def test_a_record_that_tells_of_other_columns_is_refused(tmp_path, monkeypatch, wrong):
    monkeypatch.chdir(tmp_path)
    corpus(tmp_path / "c", ["lang=de", "lang=en"])
    np.save(tmp_path / "scores.npy", np.arange(2.0))
    shards = open_shards("c", hive=True)
    chosen = dsdm.choose(dsdm.open_scores("scores.npy"), groups=shards.groups("lang"), per_group=1)
    told = json.loads(json.dumps(chosen.record()))
    told["groups"]["hive"] = wrong
    if wrong != {"lang": ["de"]}:
        with pytest.raises(ValueError, match=r"'groups' is wrong: 'hive' is .*a mapping is needed"):
            dsdm.materialize("c", chosen.indices, "out", hive=True, selection=told)
        return
    # By how many files there are it is told apart where these are known.
    dsdm.materialize("c", chosen.indices, "out", hive=True, selection=told)
    with pytest.raises(errors.FormatError, match=r"chosen\.groups\.hive is wrong: .* for each of 2 files"):
        dsdm.verify("out")


def test_the_command_takes_them(tmp_path):
    corpus(tmp_path / "c", ["lang=de/year=1", "lang=en/year=2", "lang=en/year=3"])
    np.save(tmp_path / "scores.npy", np.array([1.0, 2, 3]))

    def run(*command):
        return subprocess.run(  # noqa: S603
            [sys.executable, "-m", "dsdm", *command], capture_output=True, text=True, check=False, cwd=tmp_path
        )

    by = ("--by", "scores.npy", "--groups", "lang", "--per-group", "1")
    refused = run("materialize", "c", "out", *by)
    assert refused.returncode == 1
    assert "--hive adds it as a column" in refused.stderr
    assert "hive=" not in refused.stderr
    of_files = run("materialize", "c/lang=de/year=1/0.parquet", "out", "--by", "scores.npy", "-k", "1", "--hive")
    assert of_files.returncode == 1
    assert "--hive is for directories and globs" in of_files.stderr
    assert "2 in 1 shard" in run("materialize", "c", "out", *by, "--hive", "--dry-run").stdout
    written = run("materialize", "c", "out", *by, "--hive")
    assert written.returncode == 0, written.stderr
    found = datasets.load_from_disk(str(tmp_path / "out")).to_list()
    assert found == [{"x": 2, "lang": "en", "year": 3}, {"x": 0, "lang": "de", "year": 1}]
    assert "the selection is that of the scores" in run("verify", "out").stdout
    for corpus_named in ((), ("--corpus", "c", "--hive")):
        shown = run("report", "out", "--groups", "year", *corpus_named, "--json")
        assert shown.returncode == 0, shown.stderr
    assert run("report", "out", "--hive").returncode == 2
    corpus(tmp_path / "months", [f"month={month}" for month in range(1, 13)])
    np.save(tmp_path / "scores.npy", np.arange(12.0))
    by_month = ("materialize", "months", "best", "--by", "scores.npy", "-k", "1", "--hive")
    said = " ".join(run(*by_month).stderr.split())
    assert "comes month=10/0.parquet by name and month=2/0.parquet by number" in said
    assert "Choose by --sort name (the order of datasets, pyarrow and polars) or --sort natural (2 before 10)" in said
    assert run(*by_month, "--sort", "natural").returncode == 0
    assert datasets.load_from_disk(str(tmp_path / "best"))["month"][:] == [12]
    assert "--hive adds it" in run("report", "out", "--corpus", "c").stderr
