"""The release of ``datasets`` that is to open what is written: types and features differ between them."""

from dataclasses import replace
from functools import cache
from importlib.metadata import version

from dsdm.rows.sources import Source


@cache
def installed() -> str:
    """Return the version of ``datasets`` that is installed, without importing it. Asking for it takes a millisecond."""
    return version("datasets")


def for_datasets(source: Source) -> Source:
    """Return the same rows in the types that the installed ``datasets`` has, with features that stand for them."""
    return replace(source, corpus=source.corpus.for_datasets(installed()))
