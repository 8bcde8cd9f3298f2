"""The page of the rules: each row of its table in both forms, and a row for every argument and option."""

import inspect
import re
import shlex
from dataclasses import fields

import numpy as np
import pytest

import dsdm
from dsdm.cli.options.choosing import Choosing
from dsdm.cli.options.ruling import Ruling
from tests.conftest import ROOT

pytestmark = pytest.mark.filterwarnings("ignore:.*come from the front:UserWarning")

PAGE = (ROOT / "docs" / "selecting.md").read_text("utf-8")
LINES = [line for line in PAGE.splitlines() if line.startswith("| `")][1:]
CELLS = [[cell.strip() for cell in line.strip()[1:-1].split("|")] for line in LINES]
ROWS = [(call.strip("`"), options.strip("`")) for call, options, *_ in CELLS]
OTHER_NAMES = {"count": "-k", "rng": "--noise"}


@pytest.fixture
def named(tmp_path, monkeypatch):
    """Write the files of the page, and give the names of its block."""
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(block, "selecting.md", "exec"), names)  # noqa: S102 - of the page
    return names


@pytest.mark.parametrize(("call", "options"), ROWS)
def test_both_forms_choose_the_same_rows(run, named, tmp_path, call, options):
    given = {"scores": named["scores"], **eval(f"dict({call})", named)}  # noqa: S307 - of the page
    expected = dsdm.choose(**given)
    assert 0 < len(expected) < expected.n
    arguments = shlex.split(options)
    files = [] if not arguments[0].startswith("-") else ["scores.npy"]
    code, _, said = run("indices", *files, *arguments, "-o", "rows.npy")
    assert code == 0, said
    assert np.load(tmp_path / "rows.npy").tolist() == expected.indices.tolist()
    assert dsdm.Selection.load(tmp_path / "rows.npy").seed == expected.seed


def test_the_rows_are_of_a_table():
    assert len(ROWS) > 25
    assert {len(cells) for cells in CELLS} == {5}


def test_every_argument_and_every_option_has_a_row():
    calls = " ".join(call for call, _ in ROWS)
    arguments = inspect.signature(dsdm.choose).parameters.keys()
    assert [name for name in arguments if not re.search(rf"\b{name}=", calls)] == []
    options = " ".join(options for _, options in ROWS)
    of_methods = {"target", "data_dir"}
    names = [field.name for group in (Choosing, Ruling) for field in fields(group) if field.name not in of_methods]
    named = [OTHER_NAMES.get(name, f"--{name.replace('_', '-')}") for name in names]
    assert [name for name in named if not re.search(rf"(?<![\w-]){name}\b", options)] == []
    assert all(f"`--{name.replace('_', '-')}`" in PAGE for name in of_methods)


UNLIKE = {
    "another size": [{"k": 5}, {"fraction": 0.1}, {"tokens": 5}, {"per_group": 1}],
    "per_group": [{"per_group": 1}],
    "like": [{"like": "equal"}],
    "groups": [{"groups": ["a"], "like": "equal"}],
    "tokens": [{"k": None, "tokens": 5, "lengths": [1]}],
    "gumbel": [{"gumbel": True}],
    "near": [{"near": 1}],
    "largest=False": [{"largest": False}],
    'ties="random"': [{"ties": "random"}],
    'nan="largest"': [{"nan": "largest"}],
    '"smallest"': [{"nan": "smallest"}],
    "a least above the greatest": [{"min_score": 5}],
}
"""What the last column has, as arguments."""
OF_COMMAND = {"--lengths", "see the rules"}


def test_what_does_not_go_together_is_refused(named):
    seen = set()
    for call, *_, unlike in CELLS:
        given = {"scores": named["scores"], **eval(f"dict({call.strip('`')})", named)}  # noqa: S307 - of the page
        for other in filter(None, (text.strip("` ") for text in unlike.split(","))):
            seen.add(other)
            for more in UNLIKE[other] if other not in OF_COMMAND else ():
                if other == "another size" and more.keys() & given.keys():
                    continue
                with pytest.raises(ValueError, match=r"given|min_score is 5 and max_score is 4"):
                    dsdm.choose(**{**given, **more})
    assert seen == UNLIKE.keys() | OF_COMMAND
