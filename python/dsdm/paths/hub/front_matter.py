"""The YAML in front of a card: read as `huggingface_hub` reads it, and never by more memory or time than it is worth.

PyYAML is imported with this module, and this module where there is such YAML.
"""

from typing import Any

import yaml

from dsdm.errors import FormatError

# Integers of Python have a limit of 4,300 digits; those in base 60 have none, and take the square of their length.
_MOST_DIGITS = 1000


class _Loader(yaml.SafeLoader):  # type: ignore[misc] # it ships no types
    """The safe loader, without merge keys: merges of merges grow without bound."""

    def flatten_mapping(self, node: Any) -> None:
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(None, None, "a merge key (<<) is not read", key.start_mark)
        super().flatten_mapping(node)

    def construct_scalar(self, node: Any) -> Any:
        value = super().construct_scalar(node)
        if node.tag.endswith((":int", ":float")) and len(value) > _MOST_DIGITS:
            problem = f"a number of more than {_MOST_DIGITS} digits is not read"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return value


def fields(path: str, text: str) -> dict[Any, Any]:
    """Return what the YAML of a card says.

    Raises
    ------
    FormatError
        For what is no YAML, is no mapping, or lies too deep in itself.

    """
    try:
        # Its classes make no objects but those of plain data.
        found = yaml.load(text, _Loader)  # noqa: S506
    except RecursionError:
        raise FormatError(unread(path, "it lies too deep in itself")) from None
    except yaml.MarkedYAMLError as error:
        # Its own text shows lines of the file.
        line = "" if error.problem_mark is None else f"line {error.problem_mark.line + 1} of it: "
        raise FormatError(unread(path, f"{line}{error.problem}"[:300])) from None
    except (yaml.YAMLError, ValueError, TypeError, ArithmeticError, LookupError, AttributeError) as error:
        raise FormatError(unread(path, " ".join(str(error).split())[:300])) from error
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise FormatError(unread(path, f"it is a {type(found).__name__} and no mapping"))
    return found


def unread(path: str, why: str) -> str:
    """Say that the YAML of a card cannot be read."""
    return (
        f"{path}: the YAML, which tells load_dataset the files, cannot be read: {why}; mend or remove it, or give the "
        "files as a list or a glob"
    )
