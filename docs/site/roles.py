"""An extension of griffe: what docstrings name by roles of Sphinx becomes links to it."""

import sys
from pathlib import Path
from typing import Any

from griffe import Alias, AliasResolutionError, Extension, Module, Object

sys.path.insert(0, str(Path(__file__).parent))

import docstrings


class Roles(Extension):
    """Rewrites docstrings once they are loaded."""

    def on_package(self, *, pkg: Module, **_: Any) -> None:
        """Rewrite the docstrings of a package, when all that they may name is there."""
        below: list[Object | Alias] = [pkg]
        while below:
            one = below.pop()
            if isinstance(one, Alias):
                continue
            below += one.members.values()
            if one.docstring is not None:
                one.docstring.value = docstrings.as_markdown(
                    one.docstring.value, lambda name, of=one: _linked(name, of)
                )


def _linked(name: str, of: Object) -> str:
    """Return a link to what a name means: a member of the class beside it, a name of the module, or a public one."""
    package, first = of.package, name.partition(".")[0]
    parent = of.parent
    if first == package.path:
        whole = name
    elif parent is not None and parent.is_class and name in parent.members:
        whole = f"{package.path if parent.name in package.members else parent.module.path}.{parent.name}.{name}"
    elif first in package.members:
        whole = f"{package.path}.{name}"
    else:
        whole = f"{of.module.path}.{name}"
    return f"[`{name}`][{whole}]" if _is_shown(whole, package) else f"`{name}`"


def _is_shown(whole: str, package: Module) -> bool:
    """Whether the reference has an entry of that name: it is there and has a docstring."""
    try:
        return package[whole.removeprefix(f"{package.path}.")].docstring is not None
    except (KeyError, AliasResolutionError):
        return False
