"""Every rule of the page is chosen again by `verify`, which sees that what it was chosen by became another."""

import shlex
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import dsdm
from tests.python.test_selecting_page import ROWS
from tests.python.test_selecting_page import named as of_page

pytestmark = pytest.mark.filterwarnings("ignore:.*come from the front:UserWarning")

named = of_page
LENGTH = 2000
FILES = ["scores.npy", "lengths.npy", "domains.npy", "seen.npy", "good.npy", "holes.npy"]
"""What the rows of the page read, each of which is damaged in turn."""


def other(values: np.ndarray) -> np.ndarray:
    """Return as many values of the same type: a file of the same size, of which other rows are chosen."""
    turned = values + 1 if np.array_equal(values, np.arange(0, LENGTH, 7)) else values[::-1]
    assert (turned.dtype, turned.tobytes() == values.tobytes()) == (values.dtype, False)
    return turned


@pytest.mark.parametrize("options", [options for _, options in ROWS])
@pytest.mark.usefixtures("named")
def test_verify_chooses_again_and_sees_what_became_another(run, tmp_path, options):
    rows = 500 if "--rows" in options else LENGTH
    parquet.write_table(pa.table({"row": np.arange(rows)}), tmp_path / "corpus.parquet")
    arguments = shlex.split(options)
    by = "scores.npy"
    if not arguments[0].startswith("-"):
        by, *arguments = arguments
    code, _, said = run("materialize", "corpus.parquet", "out", "--by", by, *arguments)
    assert code == 0, said
    code, told, said = run("verify", "out")
    assert (code, "the selection is that of the scores" in told) == (0, True), told + said
    assert dsdm.verify("out").selection
    read = {by, *(name for name in FILES if name in arguments)}
    for name in sorted(read):
        whole = Path(name).read_bytes()
        np.save(name, other(np.load(name)))
        code, told, said = run("verify", "out")
        assert code == 3, (name, told + said)
        with pytest.raises((dsdm.ChecksumError, dsdm.FormatError, dsdm.SourceChangedError)):
            dsdm.verify("out")
        Path(name).write_bytes(whole)
    code, told, said = run("verify", "out")
    assert (code, "the selection is that of the scores" in told) == (0, True), told + said


def test_files_that_rows_read_are_those_of_the_page():
    text = " ".join(options for _, options in ROWS)
    assert [name for name in FILES if name != "scores.npy" and name not in text] == []
