"""Messages say by the command's options what they say by the arguments of functions, on the command line."""

import ast
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm.cli.words import CALL, OPTIONS, as_options

ROOT = Path(__file__).parents[2]

# Arguments that messages name and no command has: what only functions take, and what other programs do.
OF_FUNCTIONS = {"path", "selection", "order", "ddof", "copy", "keep_in_memory", "indices_cache_file_name"}
OF_FUNCTIONS |= {"io", "tz", "decryption_properties", "data_files", "cache_dir"}
ARGUMENT = re.compile(r"(?<![\w.`/<{-])([a-z][a-z_]*)=(?!=)")


def python_messages():
    """Give the texts of messages: what is assigned to `message`, raised or warned of."""
    for path in (ROOT / "python" / "dsdm").rglob("*.py"):
        if "demo" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            named = isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in {"message", "how", "said"}
            if named or isinstance(node, ast.Raise):
                for text in ast.walk(node):
                    if isinstance(text, ast.Constant) and isinstance(text.value, str):
                        yield path.name, text.value


def rust_messages():
    """Give the texts in the code that is no test and no signature of a Python function."""
    for path in (ROOT / "rust").rglob("*.rs"):
        if "tests" in path.name:
            continue
        code = re.sub(r"//.*|#\[pyo3\([^\]]*\]", "", path.read_text("utf-8").split("#[cfg(test)]")[0])
        for text in re.findall(r'"((?:[^"\\]|\\.)*)"', code):
            yield path.name, text.replace('\\"', '"')


def test_every_argument_that_a_message_names_is_an_option_of_the_command():
    named = {}
    for where, text in [*python_messages(), *rust_messages()]:
        for name in ARGUMENT.findall(CALL.sub("", text)):
            named.setdefault(name, (where, text))
    assert {"overwrite", "column", "dtype", "data_dir", "columns", "row_ids", "memory_limit"} <= named.keys()
    assert {name: named[name] for name in named.keys() - OPTIONS.keys() - OF_FUNCTIONS} == {}
    for name in named.keys() & OPTIONS.keys():
        for text in (f"give {name}=", f'use {name}="a b", or', f"({name}=True)", f"by {name}= or it", f"{name}='x'"):
            assert f"{name}=" not in as_options(text)
            assert OPTIONS[name] in as_options(text)


def test_every_option_is_there(run):
    commands = ("materialize", "indices", "fetch", "scores", "report", "verify", "job plan", "job run", "job submit")
    helps = " ".join(run(*command.split(), "--help")[1] for command in commands)
    for option in OPTIONS.values():
        assert re.search(rf"(?<![\w-]){option}\b", helps), option


def test_what_only_looks_like_an_argument_stays():
    for text in (
        "/data/rows=3/k=1/x.npy: it has 3",
        "rows=3/x.npy: it has 3",
        "the value a==b",
        "xrows=3",
        "rows are 3",
        "order=given",
    ):
        assert as_options(text) == text


def test_calls_that_a_message_advises_stay_calls():
    for call in (
        "np.asarray(x, dtype=int64)",
        "numpy.loadtxt('rows.txt', dtype='int64')",
        "numpy.asarray(list(map(int, scores)), dtype=float, copy=False)",
        "open_scores(…, verify=True)",
        "frame[0].astype(dtype='f4')",
    ):
        assert as_options(f"threads is 0; write by {call}, or give dtype= (partial=True): {call}") == (
            f"--threads is 0; write by {call}, or give --dtype (--partial): {call}"
        )
    assert as_options("f(dtype=x") == "f(--dtype x"
    assert as_options("what(" * 10_000 + ")") == "what(" * 10_000 + ")"


@pytest.fixture
def files(tmp_path):
    np.save(tmp_path / "s.npy", np.arange(10.0))
    np.save(tmp_path / "nan.npy", np.array([0.0, np.nan] * 5))
    np.save(tmp_path / "i.npy", np.arange(3))
    (tmp_path / "raw.bin").write_bytes(b"\1" * 80)
    pq.write_table(pa.table({"a": np.arange(10.0), "b": np.arange(10.0)}), tmp_path / "c.parquet")
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "state.json").write_text("{}")


C = ["materialize", "c.parquet", "o", "-i", "i.npy"]
SAID = [
    ([*C[:-1], "raw.bin"], "rows may be numpy.loadtxt('rows.txt', dtype='int64')"),
    (["materialize", "c.parquet", "there", "-i", "i.npy"], "(--overwrite replaces a dataset)"),
    (["scores", "c.parquet"], "--column"),
    (["scores", "raw.bin"], "give --dtype, for example --dtype float32"),
    (["scores", "raw.bin", "--dtype", "floot32"], "--dtype is 'floot32', which is no type;"),
    (["indices", "nan.npy", "-k", 3, "-o", "o.npy"], "--nan"),
    (["indices", "dsdm", "-t", "squad", "-k", 3, "-o", "o.npy"], "--data-dir"),
    (["indices", "s.npy", "-k", 3, "--nan", "bin", "-o", "o.npy"], "'bin' is not one of 'raise'"),
    (["indices", "s.npy", "-k", 3, "-o", "s3://o.npy"], "the path is a URL"),
    (["indices", "s.npy", "-k", 11, "-o", "o.npy"], "-k is 11"),
    (["indices", "s.npy", "-k", 1, "--rows", 11, "-o", "o.npy"], "--rows is 11"),
    (["indices", "s.npy", "-k", 1, "--gumbel", "--temperature", 0, "-o", "o.npy"], "--temperature is 0"),
    ([*C, "--max-shard-size", "much"], "--max-shard-size much is no size"),
    ([*C, "--memory-limit", "much"], "--memory-limit much is no size"),
    ([*C, "--num-shards", 0], "--num-shards is 0"),
    ([*C, "--row-ids", "a"], "--row-ids adds a column 'a'"),
    ([*C, "--shuffle-seed", 3], "--shuffle-seed 3 belongs to --row-order shuffle, and --row-order is 'given'"),
    ([*C, "--format", "tokens", "--columns", "a"], "name a column of these by --columns"),
    ([*C, "--format", "csv"], "'csv' is not one of 'arrow', 'parquet', 'jsonl', 'tokens', 'bin'"),
    (["materialize", "c.parquet"], "give SHARDS... and OUT: the corpus, and behind it the directory to write"),
    (
        ["materialize", "c.parquet", "o", "--by", "random", "--rows", 11, "-k", 3],
        "--rows is 11, and there are 10 rows to draw from",
    ),
]


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("arguments", "said"), SAID, ids=lambda value: value if isinstance(value, str) else "")
def test_errors_of_the_command_speak_its_language(run, arguments, said):
    code, _, errors = run(*arguments)
    assert code in {1, 2}
    assert said in errors
    assert "Value error" not in errors
    assert not ARGUMENT.search(CALL.sub("", errors))


# --- other words ---


def test_a_plan_counts_one_as_one():
    told = str(dsdm.plan(pa.table({"n": range(10)}), [1]))
    assert "in 1 shard\n" in told
    assert "1 pass\n" in told
    assert " 0 reads" in told or " 1 read " in told


@pytest.mark.usefixtures("files")
def test_what_is_not_there_is_told_by_its_name_alone(run):
    for arguments in (["scores", "none.npy"], ["materialize", "none.parquet", "o", "-i", "i.npy"]):
        code, _, errors = run(*arguments)
        assert (code, errors) == (1, f"dsdm: {arguments[1]}: No such file or directory\n")


def test_scores_in_memory_are_told_where_they_go():
    import datasets

    for given in (datasets.Dataset.from_dict({"score": [1.0]}), np.arange(3.0), [1.0], 3, None, {"a": 1}.values()):
        with pytest.raises(TypeError, match=r"scores are opened by the paths.*numpy\.asarray\(dataset\[\"score\"\]\)"):
            dsdm.open_scores(given)


@pytest.mark.usefixtures("files")
def test_arrays_are_never_stretched_to_the_length_of_scores(tmp_path):
    scores, array = dsdm.open_scores(tmp_path / "s.npy"), np.arange(10.0)
    for operate in (lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b):
        for short in (array[0:1], np.array(1.0)):
            for left, right in ((scores, short), (short, scores)):
                with pytest.raises(ValueError, match=r"different lengths: .* and 1 rows in|has shape \(\)|1 rows in"):
                    operate(left, right)
    assert (scores + np.float32(1))[0] == 1


@pytest.mark.usefixtures("files")
def test_a_slice_that_is_not_there_is_told_in_numbers(tmp_path):
    scores = dsdm.open_scores(tmp_path / "s.npy")
    with pytest.raises(IndexError, match=r"the slice from 0 to 1000000000 of 10 scores; its bounds are from -10 to 10"):
        scores.slice(0, 10**9)
    with pytest.raises(IndexError, match=r"the slice from -11 to None of 10 scores"):
        scores.slice(-11)


def test_a_type_that_token_files_have_not_is_a_sentence(tmp_path):
    with pytest.raises(ValueError, match=r'^the rows: column "n": it holds Int64, and token files hold lists'):
        dsdm.materialize(pa.table({"n": [1]}), [0], tmp_path / "o", format="tokens", columns=["n"])


@pytest.mark.usefixtures("files")
def test_several_files_of_all_rows_are_told_to_be_one_vector(run, tmp_path):
    np.save(tmp_path / "t.npy", np.arange(10.0))
    code, _, errors = run("materialize", "c.parquet", "o", "--by", "s.npy", "--by", "t.npy", "-k", 3)
    assert code == 1
    assert "20 scores and 10 rows" in errors
    assert "each of the 2 files has one for each row, and several files are one vector, one after the other" in errors
    assert "--rows" not in errors
    told = {"by": "top_k", "scores": [str(tmp_path / f"{name}.npy") for name in "st"], "arguments": {"k": 1}}
    with pytest.raises(ValueError, match=r"20 scores, 10 rows.*each of the 2 files has one for each row"):
        dsdm.plan(tmp_path / "c.parquet", [0], selection=told)
    code, _, errors = run("materialize", "c.parquet", "o", "--by", "s.npy", "--by", "raw.bin", "-k", 3, "--dtype", "f4")
    assert code == 1


@pytest.mark.usefixtures("files")
def test_verify_from_elsewhere_says_that_less_was_compared(run, tmp_path, monkeypatch):
    assert run("materialize", "c.parquet", "o", "--by", "s.npy", "-k", 3)[0] == 0
    (tmp_path / "elsewhere").mkdir()
    real = str(tmp_path / "o")
    monkeypatch.chdir(tmp_path / "elsewhere")
    found = str(dsdm.verify(real))
    assert f"not looked at: {tmp_path / 's.npy'} is outside" in found
    assert "with the files beside them, as written" in found


def test_a_download_that_did_not_begin_keeps_nothing(monkeypatch, tmp_path):
    import requests

    from dsdm.reference.fetch import fetch

    def offline(*_, **__):
        message = "no network"
        raise requests.ConnectionError(message)

    monkeypatch.setattr("requests.get", offline)
    with pytest.raises(OSError, match="no network; nothing has arrived; call again with a network"):
        fetch(["dsdm/squad.pt"], data_dir=tmp_path, url="http://localhost/")
    part = tmp_path / "dsdm" / "squad.pt.part"
    part.write_bytes(b"some")
    with pytest.raises(OSError, match=r"what has arrived is kept in .*squad\.pt\.part"):
        fetch(["dsdm/squad.pt"], data_dir=tmp_path, url="http://localhost/")


@pytest.mark.usefixtures("files")
def test_a_misspelt_method_is_neither_a_method_nor_a_file(run, tmp_path):
    for arguments, meant in (
        (("indices", "dsmd", "-t", "squad", "-k", 5, "-o", "a.npy"), "did you mean 'dsdm'?"),
        (("materialize", "c.parquet", "p", "--by", "rnadom", "-k", 3), "did you mean 'random'?"),
        (("materialize", "c.parquet", "p", "--by", "s.npy", "--by", "zzz", "-k", 3), "the methods are dsdm"),
    ):
        code, _, said = run(*arguments)
        assert code == 2
        assert f"is neither a method nor a file, and nothing of this name is here: {meant}" in " ".join(said.split())
    (tmp_path / "rnadom").mkdir()
    np.save(tmp_path / "rnadom" / "s.npy", np.arange(10.0))
    assert run("materialize", "c.parquet", "p", "--by", "rnadom", "-k", 3)[0] == 0


FOLDER = re.compile(r"(?<![\w{./-])folders?(?![\w}/=(]|\s*=)")


def test_what_is_said_and_told_of_is_a_directory_and_no_folder(run):
    """One word for one thing, in messages, help and documentation of what is public."""
    messages = [text for _, text in [*python_messages(), *rust_messages()]]
    documented = [getattr(dsdm, name).__doc__ or "" for name in dsdm.__all__ if name != "__version__"]
    lines = [line for text in documented for line in text.splitlines() if ">>>" not in line]
    documented = [line for line in lines if line.strip() != "folder"]  # the name of a parameter
    helps = [
        run(*command, "--help")[1] for command in ([], ["materialize"], ["verify"], ["demo"], ["fetch"], ["indices"])
    ]
    pages = [
        ROOT / "README.md",
        *(path for part in ("guide", "recipes") for path in (ROOT / "docs" / part).rglob("*.md")),
    ]
    told = [re.sub(r"`[^`]*`", "", line) for path in pages for line in path.read_text("utf-8").splitlines()]
    told = [line for line in told if "folder_path" not in line]  # the name of a parameter of the hub
    assert [text for text in [*messages, *documented, *helps, *told] if FOLDER.search(text)] == []
