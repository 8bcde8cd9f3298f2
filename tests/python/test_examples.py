"""The examples, and the README's blocks, run as they stand in a folder with what `make demo` makes."""

import ast
import doctest
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import datasets
import numpy as np
import pytest

import dsdm
from dsdm import selections, utils

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def clone(demo, tmp_path):
    """Give a directory with a demonstration of its own; nothing is to be in it after the test that git would show."""
    shutil.copytree(demo / "demo", tmp_path / "demo")
    yield tmp_path
    ignored = (ROOT / ".gitignore").read_text("utf-8").splitlines()
    assert [path.name for path in tmp_path.iterdir() if f"/{path.name}/" not in ignored] == []


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_the_readmes_python_runs(number, clone, monkeypatch):
    monkeypatch.chdir(clone)
    source = blocks("python")[number]
    exec(compile(source, f"README.md, block {number}", "exec"), {"__name__": "__main__"})  # noqa: S102 - ours


def test_the_readmes_commands_run(clone):
    commands = [line for block in blocks("bash") for line in block.splitlines() if line.startswith("dsdm ")]
    commands = [line for line in commands if not line.startswith(("dsdm demo", "dsdm fetch"))]
    assert len(commands) >= 3
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    script = "set -eu\n" + "\n".join(commands)
    done = subprocess.run(["bash", "-c", script], cwd=clone, env=environment, capture_output=True, check=False)  # noqa: S603, S607
    assert done.returncode == 0, done.stderr.decode()


def test_the_examples_of_the_help_run_one_after_the_other(demo, tmp_path):
    from dsdm.cli import commands, report

    (tmp_path / "demo").symlink_to(demo / "demo")
    run = [commands.scores, commands.indices, commands.materialize, commands.verify, report.report]
    found = [re.findall(r"^ +(dsdm .*)", command.__doc__, re.MULTILINE) for command in run]
    assert [len(lines) > 0 for lines in found] == [True] * 5
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    script = "set -eu\n" + "\n".join(line for lines in found for line in lines)
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, check=False)  # noqa: S603, S607
    assert done.returncode == 0, done.stderr.decode()
    assert all(len(np.load(path)) > 0 for path in tmp_path.glob("*.npy"))
    assert sum(path.stat().st_size for path in tmp_path.glob("*.npy")) < 1 << 20


def test_every_example_runs_behind_all_others(demo, tmp_path):
    """Those of the demonstration, the README in the order of the page, and the help, in one directory: none has the
    name of a file or an output of another, and all but the help's are in the directory of the demonstration.
    """
    from dsdm.cli import commands, report
    from dsdm.demo import _next_steps

    shutil.copytree(demo / "demo", tmp_path / "demo")
    script = ["set -eu", *_next_steps(Path("demo"))]
    for language, block in re.findall(r"^```(python|bash)\n(.*?)^```", README, re.MULTILINE | re.DOTALL):
        script.append(f"python - <<'END'\n{block}END" if language == "python" else block)
    script.append('test "$(ls)" = demo')
    for command in (commands.scores, commands.indices, commands.materialize, commands.verify, report.report):
        script += re.findall(r"^ +(dsdm .*)", command.__doc__ or "", re.MULTILINE)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    ran = subprocess.run(  # noqa: S603
        ["bash", "-c", "\n".join(script)],  # noqa: S607
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def test_the_chain_of_mates(demo):
    runpy.run_path(str(ROOT / "examples" / "mates.py"))["main"](demo / "demo")
    corpus = np.array(datasets.load_from_disk(str(demo / "demo" / "mates"))["input_ids"][:])
    assert corpus.shape == (80, 1024)
    import dsdm

    scores = np.asarray(dsdm.open_scores(demo / "demo" / "data" / "dsdm" / "lambada.pt"))
    indices = dsdm.gumbel_top_k(scores, 80, temperature=0.5, seed=42)
    shards = dsdm.open_shards(demo / "demo" / "corpus")
    np.testing.assert_array_equal(corpus, [shards[int(row)]["input_ids"] for row in indices])


def test_the_drop_in_example(demo, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["drop_in.py", str(demo / "demo")])
    runpy.run_path(str(ROOT / "examples" / "drop_in.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert "the best row is" in printed
    assert "num_rows: 100" in printed


def examples():
    """Give the examples of everything that is public, each to be run with no name but its own."""
    found = [(f"dsdm.{name}", getattr(dsdm, name)) for name in dsdm.__all__]
    of_reference = {name: value for name, value in vars(selections).items() if name[0] != "_"}
    home = selections.__name__
    found += [(name, value) for name, value in of_reference.items() if getattr(value, "__module__", "") == home]
    finder = doctest.DocTestFinder()
    for name, value in found:
        if callable(value):
            yield from (test for test in finder.find(value, name, module=False, globs={}) if test.examples)
    yield doctest.DocTestParser().get_doctest(dsdm.__doc__, {}, "dsdm", None, None)


@pytest.mark.parametrize("example", list(examples()), ids=lambda example: example.name)
def test_an_example_runs_when_it_is_pasted_alone(example):
    example.globs = {}
    said = []
    failed = doctest.DocTestRunner(verbose=False).run(example, out=said.append)
    assert failed.failed == 0, "".join(said)


def test_the_readme_names_what_can_be_found():
    """A function of the package that is named there is one that users have: of dsdm, or of what stands in for it."""
    inside, arguments = set(), set()
    for path in (ROOT / "python" / "dsdm").rglob("*.py"):
        functions = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.FunctionDef)]
        inside |= {function.name for function in functions}
        arguments |= {argument.arg for function in functions for argument in function.args.kwonlyargs}
    public = {*dsdm.__all__, *vars(selections), *vars(utils), *dir(dsdm.Scores), *dir(dsdm.Shards)}
    named = {name for name in re.findall(r"[a-z]\w+", " ".join(re.findall(r"`([^`\n]+)`", README))) if "_" in name}
    assert {"get_candidate_dataset", "open_shards"} <= named & inside
    # What `datasets` calls so is named as well.
    assert named & inside - public - arguments - {"save_to_disk"} == set()
    for module, name in re.findall(r"\b(dsdm|selections|utils)\.([a-z]\w+)", README):
        assert (module, name) == ("dsdm", "json") or hasattr({"dsdm": dsdm, **globals()}[module], name)
