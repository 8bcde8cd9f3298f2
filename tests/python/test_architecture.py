"""Which part of the Python code may import which, and that no modules import each other in a circle.

Every import counts, also one in a function or for the type checker alone, and so does the name of a module as text, by
which `import_module` or a new process finds it.
"""

import ast
import tomllib
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import dsdm

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / "python"
PACKAGES = ("dsdm", "dsdm_bench")

# The modules of each part: mostly a folder. A package stands for all modules in it that no other part names.
PARTS = {
    "native": "dsdm._native",
    "base": "dsdm.arrays dsdm.checks dsdm.names dsdm.errors dsdm.shown",
    "paths": "dsdm.paths",
    "scores": "dsdm.scores",
    "reference": "dsdm.reference",
    "selection": "dsdm.selection",
    "rows": "dsdm.rows",
    "joins": "dsdm.joins",
    "jobs": "dsdm.jobs",
    "hf": "dsdm.hf",
    "reporting": "dsdm.reporting",
    "public": "dsdm dsdm.dataset dsdm.ray dsdm.selections dsdm.utils",
    "demo": "dsdm.demo",
    "saying": "dsdm.cli.saying dsdm.cli.usage",
    "options": "dsdm.cli.options",
    "bench": "dsdm.cli.bench",
    "cli": "dsdm.cli dsdm.__main__",
    "harness": "dsdm_bench dsdm_bench.harness",
    "select": "dsdm_bench.select",
    "gather": "dsdm_bench.gather",
    "rules": "dsdm_bench.rules",
    "whole": "dsdm_bench.whole",
}
# What each part may import beside itself: other parts, or single modules of them.
ARROWS = {
    "base": "native",
    "paths": "native base",
    "scores": "native base paths",
    "reference": "base paths",
    "selection": "native base paths scores reference",
    "rows": "native base paths selection",
    "joins": "base selection rows",
    "jobs": "native base paths scores selection rows",
    "hf": "native base paths rows",
    "reporting": "native base paths reference selection rows joins",
    "public": "native base paths scores reference selection rows joins jobs hf reporting",
    "demo": "base reference public",
    "saying": "base",
    "options": "paths scores rows saying",
    "bench": "base options select gather rules whole",
    "cli": "base paths scores reference selection rows jobs reporting public demo saying options bench",
    "select": "harness dsdm dsdm.reference",
    "gather": "harness dsdm dsdm.dataset",
    "rules": "harness dsdm",
    "whole": "harness dsdm",
}
ARROWS = {part: set(names.split()) for part, names in ARROWS.items()}


def sources():
    """Return the text of every module by its name; the native one has none."""
    found = {"dsdm._native": ""}
    for path in (path for package in PACKAGES for path in sorted((PYTHON / package).rglob("*.py"))):
        parts = path.relative_to(PYTHON).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text("utf-8")
    return found


def imports(text, modules):
    """Yield the modules that a module names, each with the line."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            named = [name if name in modules else node.module for name in whole]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "." in node.value:
            named = [node.value]
        else:
            continue
        yield from ((name, node.lineno) for name in named if name in modules)


def part_of(module):
    """Return the part that names a module, or else the nearest package around it that is not a whole one."""
    around = {name: part for part, names in PARTS.items() for name in names.split()}
    nearest = module
    while nearest not in around:
        nearest = nearest.rpartition(".")[0]
        assert nearest not in PACKAGES, f"{module} is in no part: name it in PARTS"
    return around[nearest]


def graph(modules):
    return {name: {found for found, _ in imports(text, modules)} for name, text in modules.items()}


def forbidden(modules):
    """Yield each import that the table does not allow, in words."""
    for name, text in modules.items():
        part = part_of(name)
        for found, line in imports(text, modules):
            if part_of(found) != part and not {part_of(found), found} & ARROWS.get(part, set()):
                yield f"{name}, line {line}: {part} may not import {found} ({part_of(found)})"


def circle(arrows):
    """Return the names on one circle, if there is one."""
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_imports_are_those_of_the_table():
    assert list(forbidden(sources())) == []


def test_no_modules_import_each_other():
    assert circle(graph(sources())) == []


def test_no_parts_import_each_other():
    assert circle({part: {name if name in PARTS else part_of(name) for name in ARROWS[part]} for part in ARROWS}) == []


def test_every_module_and_every_arrow_of_the_table_is_there():
    modules = sources()
    names = {name for names in PARTS.values() for name in names.split()}
    assert names - modules.keys() == set()
    used = {
        (part_of(name), end) for name, ends in graph(modules).items() for one in ends for end in (one, part_of(one))
    }
    assert {(part, end) for part, ends in ARROWS.items() for end in ends} - used == set()


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("dsdm.scores", "from dsdm.hf.lazy import open_lazily"),
        ("dsdm.shown", "from dsdm.paths import local"),
        ("dsdm.paths.local", "def f():\n    from dsdm.scores import open_scores"),
        ("dsdm.selection.methods", "if TYPE_CHECKING:\n    import dsdm.rows.sources"),
        ("dsdm.reference.fetch", "import_module('dsdm_bench.harness.console')"),
        ("dsdm.cli.commands", "from dsdm_bench import select"),
        ("dsdm_bench.select.tasks", "from dsdm_bench.gather import settings"),
        ("dsdm_bench.harness.console", "import dsdm"),
        ("dsdm_bench.gather.corpus.shards", "from dsdm import _native"),
    ],
)
def test_an_arrow_that_is_added_is_found(module, code):
    modules = sources()
    before = set(forbidden(modules))
    modules[module] += f"\n{code}\n"
    (found,) = set(forbidden(modules)) - before
    assert found.startswith(f"{module}, line ")


def test_a_circle_that_is_added_is_found():
    modules = sources()
    modules["dsdm.rows.request"] += "\ndef f():\n    from dsdm.rows.planning import plan\n"
    assert set(circle(graph(modules))) == {"dsdm.rows.request", "dsdm.rows.planning"}


def test_the_benchmark_uses_public_names():
    for module, text in sources().items():
        for node in ast.walk(ast.parse(text)) if module.startswith("dsdm_bench") else ():
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "dsdm":
                assert node.attr in dsdm.__all__, f"{module}, line {node.lineno}: dsdm.{node.attr}"
            if isinstance(node, ast.ImportFrom) and node.module == "dsdm":
                assert {alias.name for alias in node.names} <= set(dsdm.__all__), f"{module}, line {node.lineno}"
            if isinstance(node, ast.ImportFrom) and node.module.startswith("dsdm."):
                assert not any(alias.name.startswith("_") for alias in node.names), f"{module}, line {node.lineno}"


def test_the_wheel_has_every_package():
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["maturin"]["python-packages"]
    assert sorted(packages) == sorted(path.parent.name for path in PYTHON.glob("*/__init__.py")) == sorted(PACKAGES)


def lines_of(function):
    """Return how many lines a function has beside its docstring."""
    first = function.body[0]
    is_text = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    said = first.end_lineno - first.lineno + 1 if is_text else 0
    return function.end_lineno - function.lineno + 1 - said


def test_no_folder_no_file_and_no_function_is_too_large():
    below = (path for package in PACKAGES for path in (PYTHON / package).rglob("*"))
    for folder in (path for path in below if path.is_dir() and path.name != "__pycache__"):
        files = [path for path in folder.iterdir() if path.is_file() and path.suffix not in {".so", ".pyd"}]
        assert len(files) <= 12, folder
    assert len([path for path in (PYTHON / "dsdm").iterdir() if path.suffix in {".py", ".pyi", ".typed"}]) <= 12
    for module, text in sources().items():
        assert text.count("\n") <= 350, module
        functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
        assert {f"{module}.{one.name}" for one in functions if lines_of(one) > 60} == set()


def test_no_file_of_tests_is_too_large():
    tests = ROOT / "tests" / "python"
    assert [path.name for path in sorted(tests.rglob("*.py")) if path.read_text("utf-8").count("\n") > 400] == []


def test_no_folder_and_no_file_of_rust_is_too_large():
    rust = PYTHON.parent / "rust"
    for folder in (rust, *(path for path in rust.rglob("*") if path.is_dir())):
        assert len([path for path in folder.iterdir() if path.is_file()]) <= 12, folder
    # Tests may be longer, in a file of their own. clippy counts the lines of functions.
    long = [path for path in rust.rglob("*.rs") if path.name != "tests.rs" and path.read_text().count("\n") > 350]
    assert long == []


def test_every_folder_says_what_it_is_for():
    for path in PYTHON.rglob("__init__.py"):
        assert ast.get_docstring(ast.parse(path.read_text("utf-8"))), path
