"""Pages of the site with code: the blocks of each run in their order, in a directory with what `dsdm demo` makes."""

import os
import pickle
import re
import shutil
import subprocess
import sys
import types
from importlib.util import find_spec
from pathlib import Path
from unittest import mock

import huggingface_hub
import numpy as np
import pytest

import dsdm

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
RECIPES = DOCS / "recipes"
PAGES = sorted(path for path in RECIPES.rglob("*.md") if path.name != "index.md")
OTHERS = [DOCS / "index.md", DOCS / "scores.md", DOCS / "report.md", *sorted((DOCS / "guide").glob("*.md"))]
BLOCK = re.compile(r"^```(?P<language>[a-z]+)(?: title=\"[^\"]*\")?\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
SHOWN = {"text", "py", "console"}
"""Languages of what is shown and not run: outputs, code for programs that are not here, and commands of make."""

SPECIAL = {"hub"}
"""Pages that are run with a stand-in for what is not here."""

pytestmark = pytest.mark.filterwarnings("ignore:.*come from the front:UserWarning")


def blocks(page):
    """Give the language and the code of each block, and its line in the page."""
    text = page.read_text("utf-8")
    for found in BLOCK.finditer(text):
        yield found["language"], found["code"], text[: found.start()].count("\n") + 2


class Loader:
    """What a DataLoader of torch does with a dataset: a copy for its workers, and batches by ``__getitems__``."""

    def __init__(self, dataset, *, batch_size, shuffle, num_workers, collate_fn):
        assert num_workers > 0
        self.dataset, self.batch_size, self.collate_fn = pickle.loads(pickle.dumps(dataset)), batch_size, collate_fn  # noqa: S301 - ours
        self.order = np.random.default_rng(0).permutation(len(dataset)) if shuffle else np.arange(len(dataset))

    def __iter__(self):
        for start in range(0, len(self.order), self.batch_size):
            yield self.collate_fn(self.dataset.__getitems__(self.order[start : start + self.batch_size].tolist()))


@pytest.fixture
def torch(monkeypatch):
    """Put a package with that loader in the place of torch, where there is none."""
    if find_spec("torch") is None:
        data = types.ModuleType("torch.utils.data")
        data.DataLoader = Loader
        for name in ("torch", "torch.utils"):
            monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        monkeypatch.setitem(sys.modules, "torch.utils.data", data)


@pytest.fixture
def hub(monkeypatch):
    """Give what is called in place of the hub: calls are compared with the signatures of ``huggingface_hub``."""
    api = mock.create_autospec(huggingface_hub.HfApi, instance=True)
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: api)
    return api


@pytest.fixture
def beside(demo, tmp_path, monkeypatch):
    """Give a directory with a demonstration of its own and nothing else, in which the test runs."""
    shutil.copytree(demo / "demo", tmp_path / "demo")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_python(code, page, line, names):
    exec(compile("\n" * (line - 1) + code, str(page), "exec"), names)  # noqa: S102 - of the page


def run_shell(code, page, line):
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = ["bash", "-c", f"set -eu\n{code}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, f"{page}:{line}\n{done.stdout}{done.stderr}"


def run_page(page, monkeypatch):
    """Run the blocks of a page in their order, those of Python as one module."""
    # What a block defines is pickled by the name of its module.
    monkeypatch.setitem(sys.modules, "recipe", module := types.ModuleType("recipe"))
    ran = set()
    for language, code, line in blocks(page):
        if language == "python":
            run_python(code, page, line, module.__dict__)
        elif language == "bash":
            run_shell(code, page, line)
        else:
            assert language in SHOWN, f"{page}:{line}: {language} is not run"
        ran.add(language)
    return ran & {"python", "bash"}


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.stem not in SPECIAL], ids=lambda path: path.relative_to(DOCS).as_posix()
)
def test_the_blocks_of_a_recipe_run_in_their_order(page, beside, monkeypatch):
    assert "python" in run_page(page, monkeypatch)
    assert len(list(beside.iterdir())) > 1


@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize(
    "page",
    [page for page in OTHERS if "```" in page.read_text("utf-8")],
    ids=lambda path: path.relative_to(DOCS).as_posix(),
)
def test_the_blocks_of_a_page_of_the_guide_run_in_their_order(page, monkeypatch):
    ran = run_page(page, monkeypatch)
    assert ran or page.name == "index.md"


@pytest.mark.usefixtures("beside", "torch")
def test_the_loader_of_a_recipe_reads_the_subset(monkeypatch):
    page = RECIPES / "training" / "dataloader.md"
    run_page(page, monkeypatch)
    ((code, line),) = ((code, line) for language, code, line in blocks(page) if language == "py")
    assert "from torch" in code
    names = sys.modules["recipe"].__dict__
    run_python(code, page, line, names)
    assert names["tokens"] == len(names["chosen"]) * 1024


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(DOCS).as_posix())
def test_blocks_are_pasted_as_they_stand(page):
    text = page.read_text("utf-8")
    assert len(BLOCK.findall(text)) * 2 == len(re.findall(r"^\s*```", text, re.MULTILINE))


def test_the_upload_of_a_recipe_is_one_that_the_hub_takes(beside, hub, monkeypatch):
    run_page(RECIPES / "training" / "hub.md", monkeypatch)
    (uploaded,) = hub.upload_folder.call_args_list
    folder = beside / uploaded.kwargs["folder_path"]
    assert {"README.md", "dsdm.json", "data"} <= {path.name for path in folder.iterdir()}
    assert hub.create_repo.call_args.args == (uploaded.kwargs["repo_id"],)


@pytest.mark.usefixtures("beside")
def test_what_a_notebook_shows_is_a_page():
    (page,) = (path for path in PAGES if path.stem == "notebook")
    names: dict[str, object] = {}
    shown = []
    for _, code, line in blocks(page):
        last = code.strip().splitlines()[-1]
        run_python(code, page, line, names)
        if last.isidentifier():
            shown.append(names[last])
    assert [type(one) for one in shown if not hasattr(one, "_repr_html_")] == [type(names["subset"])]
    assert {dsdm.Scores, dsdm.Selection, dsdm.SelectionReport, dsdm.Plan} <= {type(one) for one in shown}


def test_every_recipe_is_in_the_lists():
    listed = (RECIPES / "index.md").read_text("utf-8")
    navigation = (ROOT / "zensical.toml").read_text("utf-8")
    assert len(PAGES) > 12
    for page in PAGES:
        name = page.relative_to(RECIPES).as_posix()
        assert f"]({name})" in listed, name
        assert f'"recipes/{name}"' in navigation, name
