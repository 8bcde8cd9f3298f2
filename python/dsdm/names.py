"""Names that users see: those that a module lists, and old ones, which work with a warning that says what to write."""

import difflib
import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])


def public_names(module: dict[str, Any], *more: str) -> Callable[[], list[str]]:
    """Return the ``__dir__`` of a module: its public names and more of them, but nothing that it imports.

    >>> public_names({"__all__": ["size"], "__doc__": "", "os": None, "size": 1}, "errors")()
    ['__all__', '__doc__', 'errors', 'size']
    """

    def listed() -> list[str]:
        return sorted({*module["__all__"], *more, *(name for name in module if name.startswith("__"))})

    return listed


def renamed(**names: str) -> Callable[[_F], _F]:
    """Have a function take arguments by their old names as well: ``old="new"``.

    The signature that is shown has the new names alone.

    >>> @renamed(colour="color")
    ... def paint(*, color):
    ...     return color
    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     paint(colour="red")
    'red'
    >>> str(caught[0].message)
    "paint: colour= is now color=; write color='red'"
    """

    def decorate(function: _F) -> _F:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            for old, new in names.items():
                if old in kwargs:
                    _rename(function.__name__, kwargs, old, new)
            return function(*args, **kwargs)

        return call  # type: ignore[return-value]

    return decorate


def _rename(function: str, kwargs: dict[str, Any], old: str, new: str) -> None:
    if new in kwargs:
        message = f"{function}: {old}= is the old name of {new}=, and both are given; write {new}= alone"
        raise TypeError(message)
    kwargs[new] = kwargs.pop(old)
    message = f"{function}: {old}= is now {new}=; write {new}={kwargs[new]!r}"
    warnings.warn(message, DeprecationWarning, stacklevel=3)


def close(name: str, known: Sequence[str]) -> str | None:
    """Return the one of some names that another was probably meant to be.

    >>> close("fraktion", ["fraction", "k"])
    'fraction'
    """
    return next(iter(difflib.get_close_matches(name, known, 1)), None)


def old_attribute(old: str, new: str) -> property:
    """Return a property that gives the attribute `new`, and says that it is not `old` any more."""

    def value(self: Any) -> Any:
        message = f"{type(self).__name__}.{old} is now {type(self).__name__}.{new}"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return getattr(self, new)

    value.__doc__ = f"The old name of `{new}`."
    return property(value)
