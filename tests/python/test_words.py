"""Messages say by the command's options what they say by the arguments of functions, on the command line."""

import ast
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dsdm.cli.words import OPTIONS, as_options

ROOT = Path(__file__).parents[2]

# Arguments that messages name and no command has: what only functions take, and what other programs do.
OF_FUNCTIONS = {"path", "selection", "order", "ddof", "copy", "keep_in_memory", "indices_cache_file_name"}
OF_FUNCTIONS |= {"weights_only", "full", "tz", "start", "stop"}
ARGUMENT = re.compile(r"(?<![\w.`/<{-])([a-z][a-z_]*)=(?!=)")


def python_messages():
    """Give the texts of messages: what is assigned to `message`, raised or warned of."""
    for path in (ROOT / "python" / "dsdm").rglob("*.py"):
        if {"bench", "demo"} & set(path.parts):
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
        for name in ARGUMENT.findall(text):
            named.setdefault(name, (where, text))
    assert {"overwrite", "column", "dtype", "data_dir", "columns", "row_ids", "memory_limit"} <= named.keys()
    assert {name: named[name] for name in named.keys() - OPTIONS.keys() - OF_FUNCTIONS} == {}
    for name in named.keys() & OPTIONS.keys():
        for text in (f"give {name}=", f'use {name}="a b", or', f"({name}=True)", f"by {name}= or it", f"{name}='x'"):
            assert f"{name}=" not in as_options(text)
            assert OPTIONS[name] in as_options(text)


def test_every_option_is_there(run):
    helps = " ".join(run(command, "--help")[1] for command in ("materialize", "indices", "fetch", "scores"))
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
    ([*C, "--shuffle-seed", 3], "--shuffle-seed 3 belongs to --row-order shuffle, and it is given"),
    ([*C, "--format", "tokens", "--keep", "a"], "name a column of these by --keep"),
    ([*C, "--format", "bin"], "'bin' is not one of 'arrow', 'parquet', 'tokens'"),
    (["materialize", "c.parquet"], "give SHARDS... and OUT: the corpus, and behind it the folder to write"),
    (["materialize", "c.parquet", "o", "--by", "random", "--rows", 11, "-k", 3], "the number of them with --rows"),
]


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("arguments", "said"), SAID, ids=lambda value: value if isinstance(value, str) else "")
def test_errors_of_the_command_speak_its_language(run, arguments, said):
    code, _, errors = run(*arguments)
    assert code in {1, 2}
    assert said in errors
    assert "Value error" not in errors
    assert not ARGUMENT.search(errors)
