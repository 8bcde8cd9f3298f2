"""What `selection=` may hold is what `verify` reads, and is refused before it is written."""

import re

import numpy as np
import pyarrow as pa
import pytest

import dsdm
from dsdm.selection.record import check, limits
from dsdm.selection.told import KNOWN
from tests.conftest import ROOT

TABLE = pa.table({"a": [1, 2, 3]})
FILE = {"path": "s.npy", "bytes": 1, "modified_ns": 2**64 - 1, "rows": 3, "ends": "0123456789abcdef" * 2}


def nested(depth):
    value = []
    for _ in range(depth - 1):
        value = [value]
    return value


def refused(folder, selection, why):
    for call in (dsdm.plan, dsdm.materialize):
        with pytest.raises(ValueError, match=why):
            call(TABLE, [0], folder / "out", selection=selection)
    assert list(folder.iterdir()) == []


def test_the_limits_are_those_of_the_reader():
    sources = (ROOT / "rust/io/json.rs").read_text() + (ROOT / "rust/write/manifest/schema/mod.rs").read_text()
    for name in ("MAX_BYTES", "MAX_DEPTH", "MAX_VALUES", "MAX_NUMBER", "MAX_PATH"):
        (value,) = re.findall(rf"const {name}: \w+ = ([\d_]+(?: << \d+)?);", sources)
        assert eval(value) == getattr(limits, name)  # noqa: S307 - a number


@pytest.mark.parametrize(
    "value", [10**1000 - 1, -(10**999) + 1, nested(97), [0] * 100_000, np.float32(0.5), "x" * 100_000, True, None]
)
def test_what_is_within_them_is_written_and_verified(tmp_path, value):
    dsdm.materialize(TABLE, [0], tmp_path / "out", selection={"by": "me", "value": value}, progress=False)
    assert dsdm.verify(tmp_path / "out").rows == 1


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (10**1000, "a number of 1001 digits; at most 1,000 characters are read"),
        (-(10**999), "number of 1000 digits; at most 1,000 characters are read"),
        (10**5000, "a number of 5001 digits"),
        ({"deep": [{10**5000: 1}]}, "a number of 5001 digits"),
        (nested(98), "lie deeper in each other than 98"),
        (nested(100_000), "lie deeper in each other than 98"),
        (float("nan"), "it holds nan, which JSON has no way to write"),
        (np.float32("inf"), "it holds inf, which JSON has no way to write"),
        ([0] * 2_000_001, "more than 2,000,000 values"),
        ("x" * (64 << 20), r"67,108,\d+ bytes in dsdm.json, of which verify reads at most 67,108,864"),
    ],
    ids=range(10),
)
def test_what_is_beyond_them_is_refused_when_it_is_given(tmp_path, value, why):
    refused(tmp_path, {"by": "me", "value": value}, why)


def test_what_lies_in_itself_is_refused(tmp_path):
    value = []
    value.append(value)
    refused(tmp_path, {"by": "me", "value": value}, "or in themselves")


def told(files):
    return {"by": "get_indices", "arguments": {"method": "random", "k": 1, "seed": 1, "rows": 3}, "score_files": files}


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ("s.npy", r"score_files is 's\.npy'; a list is needed"),
        (["s.npy"], r"score_files\[0\] is 's\.npy'; a mapping is needed"),
        ([FILE, {}], r"score_files\[1\]\.path is None"),
        *(
            ([{**FILE, name: value}], rf"score_files\[0\]\.{name} is ")
            for name, values in {
                "path": (None, 3, "", "a\0b", "x" * 32_769),
                "bytes": (None, -1, 2**63, 1.0, True, "1"),
                "modified_ns": (None, -1, 2**64),
                "rows": (None, -1, 2**63),
                "ends": (None, "0" * 31, "A" * 32, 3),
            }.items()
            for value in values
        ),
    ],
    ids=str,
)
def test_score_files_are_what_the_reader_takes(tmp_path, files, why):
    refused(tmp_path, told(files), why)


def test_score_files_that_it_takes_are_written(tmp_path):
    rows = dsdm.get_indices("random", 1, rows=3, seed=1)
    for number, files in enumerate(([], [FILE], [{name: FILE[name] for name in ("path", "bytes", "modified_ns")}])):
        folder = tmp_path / str(number)
        dsdm.materialize(TABLE, rows, folder, selection=told(files), progress=False)
        assert dsdm.verify(folder).rows == 1


def test_functions_that_choose_again_are_those_that_the_reader_knows():
    """Fields of the others are not looked at before they are worked with."""
    (known,) = re.findall(
        r"const KNOWN: \[&str; \d\] = \[(.*)\];", (ROOT / "rust/write/manifest/schema/mod.rs").read_text()
    )
    assert tuple(re.findall(r'"(\w+)"', known)) == KNOWN == tuple(check.FUNCTIONS)
