"""What is public: names that users look for, old names that still work, and types that say what may be chosen."""

import ast
import importlib
import inspect
import json
import subprocess
import sys
import typing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import dsdm
from dsdm import checks, reference

SCORES = np.arange(50, dtype=np.float32)
TABLE = pa.table({"n": range(50)})
MODULES = ("dataset", "errors", "reference", "scores", "selections", "utils")

# --- old names ---


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: dsdm.gumbel_top_k(SCORES, 3, seed=1, rng="numpy"), "gumbel_top_k: rng= is now noise=; write noise="),
        (lambda: dsdm.plan(TABLE, [3, 1], order="row"), "plan: order= is now row_order=; write row_order='row'"),
    ],
)
def test_an_old_name_works_and_says_what_to_write(call, text):
    with pytest.warns(DeprecationWarning, match=text) as warned:
        call()
    assert [one.filename for one in warned] == [__file__]


def test_an_old_name_does_what_the_new_one_does(tmp_path, upstream_mini):
    with pytest.warns(DeprecationWarning, match="noise='numpy'"):
        old = dsdm.gumbel_top_k(SCORES, 9, seed=1, rng="numpy")
    assert (old == dsdm.gumbel_top_k(SCORES, 9, seed=1, noise="numpy")).all()
    assert (old != dsdm.gumbel_top_k(SCORES, 9, seed=1)).any()
    options = {"target": "squad", "data_dir": upstream_mini, "seed": 1}
    with pytest.warns(DeprecationWarning, match="noise='numpy'"):
        old = dsdm.get_indices("dsir", 9, rng="numpy", **options)
    assert (old == dsdm.get_indices("dsir", 9, noise="numpy", **options)).all()
    with pytest.warns(DeprecationWarning, match="row_order='row'"):
        dsdm.materialize(TABLE, [3, 1], tmp_path / "old", order="row")
    dsdm.materialize(TABLE, [3, 1], tmp_path / "new", row_order="row")
    for file in ("dsdm.json", "data-00000-of-00001.arrow"):
        assert (tmp_path / "old" / file).read_bytes() == (tmp_path / "new" / file).read_bytes()


def test_both_names_are_an_error_that_says_which_to_write(tmp_path):
    for call, old, new, value in (
        (lambda **both: dsdm.gumbel_top_k(SCORES, 3, **both), "rng", "noise", "philox"),
        (lambda **both: dsdm.materialize(TABLE, [0], tmp_path / "out", **both), "order", "row_order", "row"),
    ):
        with pytest.raises(TypeError, match=f"{old}= is the old name of {new}=, and both are given"):
            call(**{old: value, new: value})
    assert list(tmp_path.iterdir()) == []


def test_old_names_are_in_no_signature():
    for function in (dsdm.gumbel_top_k, dsdm.get_indices, dsdm.materialize, dsdm.plan):
        names = inspect.signature(function).parameters.keys()
        assert names & {"noise", "row_order"}
        assert "rng" not in names
    assert "order" not in inspect.signature(dsdm.materialize).parameters


def test_the_command_takes_the_old_name_and_does_not_show_it(run):
    np.save("s.npy", SCORES)
    draw = ("indices", "s.npy", "-k", "5", "--gumbel", "--seed", "3")
    assert run(*draw, "--noise", "numpy", "-o", "new.npy")[0] == 0
    code, _, errors = run(*draw, "--rng", "numpy", "-o", "old.npy")
    assert (code, "dsdm: --rng is now --noise; write --noise numpy" in errors) == (0, True)
    assert np.load("old.npy").tolist() == np.load("new.npy").tolist()
    code, _, errors = run(*draw, "--rng", "numpy", "--noise", "numpy", "-o", "both.npy")
    assert (code, "--rng is the old name of --noise" in errors) == (2, True)
    assert "--rng" not in run("indices", "--help")[1]
    assert "--noise" in run("indices", "--help")[1]


def test_the_reason_has_its_old_name(tmp_path):
    dsdm.materialize(TABLE, [0], tmp_path / "out")
    verified = dsdm.verify(tmp_path / "out")
    with pytest.warns(DeprecationWarning, match="Verified.remark is now Verified.reason"):
        assert verified.remark == verified.reason != ""


def test_a_record_has_the_name_that_it_ever_had(tmp_path):
    """`noise` is `rng` in dsdm.json, whichever of them `selection=` has, and is drawn again by."""
    np.save(tmp_path / "s.npy", SCORES)
    rows = dsdm.gumbel_top_k(SCORES, 5, seed=1, noise="numpy")
    files = []
    for name in ("noise", "rng"):
        told = {
            "by": "gumbel_top_k",
            "scores": str(tmp_path / "s.npy"),
            "arguments": {"k": 5, "seed": 1, name: "numpy"},
        }
        dsdm.materialize(TABLE, rows, tmp_path / name, selection=told)
        files.append((tmp_path / name / "dsdm.json").read_bytes())
        assert dsdm.verify(tmp_path / name, trust_paths=[tmp_path]).selection
    assert files[0] == files[1]
    chosen = json.loads(files[0])["selection"]["chosen"]
    assert chosen["arguments"] == {"k": 5, "seed": 1, "rng": "numpy"}


# --- seeds ---


def test_the_seed_comes_with_the_rows(upstream_mini):
    place = {"data_dir": upstream_mini}
    draws = (
        lambda **more: dsdm.gumbel_top_k(SCORES, 5, **more),
        lambda **more: dsdm.sample(1000, 5, **more),
        lambda **more: dsdm.sample(np.arange(1000), 5, **more),
        lambda **more: dsdm.get_indices("dsir", 5, "squad", **place, **more),
        lambda **more: dsdm.get_indices("random", 5, rows=1000, **more),
        lambda **more: dsdm.get_indices("semdedup", 5, **place, **more),
    )
    for draw in draws:
        rows, seed = draw(return_seed=True)
        assert seed == dsdm.last_seed()
        again, same = draw(seed=seed, return_seed=True)
        assert (rows.tolist(), seed) == (again.tolist(), same)
        assert draw(seed=seed).tolist() == rows.tolist()
        with pytest.raises(TypeError, match="return_seed is 1; True or False is needed"):
            draw(return_seed=1)
    rows, seed = dsdm.get_indices("dsdm", 5, "squad", return_seed=True, **place)
    assert (rows.tolist(), seed) == (dsdm.get_indices("dsdm", 5, "squad", **place).tolist(), None)


# --- names ---


def test_what_calls_return_is_exported(tmp_path):
    report = dsdm.materialize(TABLE, [0], tmp_path / "out")
    assert type(report) is dsdm.Report
    assert type(dsdm.verify(tmp_path / "out")) is dsdm.Verified
    assert type(dsdm.plan(TABLE, [0])) is dsdm.Plan


def test_dir_lists_what_is_public():
    shown = [name for name in dir(dsdm) if not name.startswith("__")]
    assert shown == sorted({*dsdm.__all__, *MODULES} - {"__version__"})
    for name in MODULES:
        module = importlib.import_module(f"dsdm.{name}")
        assert [one for one in dir(module) if not one.startswith("__")] == sorted(module.__all__)
        assert all(hasattr(module, one) for one in module.__all__)


def test_choices_are_in_the_types():
    choices = {
        "format": checks.FORMATS,
        "token_dtype": checks.TOKEN_DTYPES,
        "row_order": checks.ROW_ORDERS,
        "order": checks.ORDERS,
        "nan": checks.NANS,
        "noise": checks.NOISES,
        "method": reference.METHODS,
        "target": reference.TARGETS,
        "paths": ("relative", "absolute"),
        "sort": ("name", "natural"),
        "io": ("mmap", "pread"),
    }
    seen = set()
    for name in dsdm.__all__:
        function = getattr(dsdm, name)
        # Jobs have the orders of a choice, of what is written, and a selection's own.
        if not inspect.isfunction(function) or function is dsdm.plan_job:
            continue
        for argument, parameter in inspect.signature(function).parameters.items():
            if argument in choices:
                kinds = [parameter.annotation, *typing.get_args(parameter.annotation)]
                literals = [typing.get_args(kind) for kind in kinds if typing.get_origin(kind) is typing.Literal]
                assert literals == [choices[argument]], (name, argument)
                seen.add(argument)
    assert seen == choices.keys()


def test_docstrings_of_scores_are_there_at_run_time():
    """The stub is what editors show, and `help` shows the same."""
    stub = ast.parse((Path(dsdm.__file__).parent / "_native.pyi").read_text())
    told = next(node for node in stub.body if isinstance(node, ast.ClassDef) and node.name == "Scores")
    assert inspect.getdoc(dsdm.Scores) == ast.get_docstring(told)
    documented = [node for node in told.body if isinstance(node, ast.FunctionDef) and ast.get_docstring(node)]
    assert len(documented) > 8
    for node in documented:
        assert inspect.getdoc(getattr(dsdm.Scores, node.name)) == ast.get_docstring(node), node.name


def test_what_dir_lists_is_there():
    code = "import dsdm, json; print(json.dumps([name for name in dir(dsdm) if not hasattr(dsdm, name)]))"
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    assert json.loads(found.stdout) == []
