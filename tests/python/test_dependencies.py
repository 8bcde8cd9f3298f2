"""What the packages import is what `pyproject.toml` declares."""

import ast
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
OWN = {"dsdm", "dsdm_bench"}
MODULES = {"pyyaml": "yaml"}
"""Those that are called otherwise than what is installed."""
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# The one call that needs it says how to install it.
OPTIONAL = {"transformers": "tokenizer", "matplotlib": "bench", "ray": "ray"}


def imported():
    """Return the names of all packages that a file of ours imports, in functions too."""
    found = set()
    for path in (ROOT / "python").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(node.module)
    return {name.split(".")[0] for name in found} - OWN - set(sys.stdlib_module_names)


def declared(requirements):
    """Return the modules of requirements such as ``huggingface-hub>=0.14``."""
    names = {re.match(r"[\w-]+", requirement)[0].replace("-", "_") for requirement in requirements}
    return {MODULES.get(name, name) for name in names}


def test_what_is_imported_is_declared_and_the_other_way_round():
    assert imported() - set(OPTIONAL) == declared(PROJECT["dependencies"])


def test_what_an_extra_installs_is_imported():
    for module, extra in OPTIONAL.items():
        assert module in imported()
        assert module in declared(PROJECT["optional-dependencies"][extra])
