"""`make test` runs the tests of Python in parts, side by side: together they are all tests."""

import re

import pytest

from tests import conftest


def test_the_parts_that_are_run_are_all_of_them():
    (named,) = re.findall(r"^PARTS := (.*)$", (conftest.ROOT / "Makefile").read_text(), re.MULTILINE)
    parts = [int(part) for part in named.split()]
    assert parts == list(range(1, len(parts) + 1))
    assert {conftest.part_of(path, len(parts)) for path in conftest.FILES} == set(parts)


@pytest.mark.parametrize("parts", [1, 2, 3, 4, 7, len(conftest.FILES)])
def test_files_go_in_order_into_parts_of_one_size(parts):
    found = [conftest.part_of(path, parts) for path in conftest.FILES]
    assert found == sorted(found)
    sizes = [found.count(part) for part in range(1, parts + 1)]
    assert sum(sizes) == len(conftest.FILES)
    assert max(sizes) - min(sizes) <= 1


def test_other_files_are_in_the_first():
    assert conftest.part_of(conftest.ROOT / "tests" / "oracle" / "__init__.py", 3) == 1
