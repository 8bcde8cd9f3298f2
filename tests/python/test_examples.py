"""The examples, and the README's blocks, run as they stand in a folder with what `make demo` makes."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import datasets
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_the_readmes_python_runs(number, demo, monkeypatch, tmp_path):
    (tmp_path / "demo").symlink_to(demo / "demo")
    monkeypatch.chdir(tmp_path)
    source = blocks("python")[number]
    exec(compile(source, f"README.md, block {number}", "exec"), {"__name__": "__main__"})  # noqa: S102 - ours


def test_the_readmes_commands_run(demo, tmp_path):
    (tmp_path / "demo").symlink_to(demo / "demo")
    commands = [line for block in blocks("bash") for line in block.splitlines() if line.startswith("dsdm ")]
    commands = [line for line in commands if not line.startswith(("dsdm demo", "dsdm fetch"))]
    assert len(commands) >= 3
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    script = "set -eu\n" + "\n".join(commands)
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, check=False)  # noqa: S603, S607
    assert done.returncode == 0, done.stderr.decode()


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
