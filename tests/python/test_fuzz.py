"""The mutator itself: the same mutants for the same seed, and no wrong value, row or byte that it lets pass."""

import random
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm.errors import FormatError, InternalError
from tests.fuzz import folders
from tests.fuzz.judge import (
    ALONE,
    AS_WHOLE,
    CRASH,
    EQUAL,
    REFUSED,
    UNKNOWN,
    WRONG,
    Mutant,
    judged,
    judged_in_part,
)
from tests.fuzz.mutants import CHANGES, SHARES, Damaged, Mutants
from tests.fuzz.mutate import mutated
from tests.fuzz.seeds import Seed
from tests.fuzz.targets import read
from tests.oracle.readers import STREAM, RefusedError, read_table, read_until_refused

FILES = ["npy", "npz", "raw", "pt", "safetensors", "stream", "file", "parquet", "lines"]
FOLDERS = {"folder", "unfinished"}
ROUND = sum(SHARES.values())


@pytest.fixture(scope="module")
def mutants():
    return Mutants(7)


def undamaged(mutants, form, name=None):
    """Give a seed as a mutant to which nothing was done: the first, or the one of a name."""
    seed = next(seed for seed in mutants._seeds[form] if name in {None, seed.name})
    ending = {"stream": ".arrow", "file": ".arrow", "raw": ".bin"}.get(form, "" if form in FOLDERS else f".{form}")
    return Damaged(form, f"seed{ending}", seed.files if form in FOLDERS else seed.data, seed)


def test_mutants_are_the_same_for_the_same_seed_and_others_for_another(mutants):
    again, other = Mutants(7), Mutants(8)
    numbers = range(4 * ROUND)
    made = [mutants[number] for number in numbers]
    assert {damaged.form for damaged in made} == {*FILES, *FOLDERS}
    assert [(d.form, d.name, d.data, d.whole) for d in made] == [
        (d.form, d.name, d.data, d.whole) for d in map(again.__getitem__, numbers)
    ]
    assert sum(damaged.data == other[number].data for number, damaged in zip(numbers, made, strict=True)) < 10
    # A change may change nothing, as where a byte is set to what it was.
    assert sum(damaged.data == damaged.whole for damaged in made) < 10


def test_without_all_of_its_changes_a_mutant_is_the_whole_file():
    seed = Seed("numbers", bytes(range(200)), ((0, 30),))
    several = 0
    for number in range(40):
        make = lambda without=(), number=number: mutated(random.Random(number), seed, [seed], without)  # noqa: E731, S311
        assert make(range(CHANGES)) == seed.data
        several += make() not in {make((0,)), make((1,)), make((2,)), seed.data} and make((0,)) != seed.data
    assert several > 0


@pytest.mark.parametrize("form", [*FILES, *sorted(FOLDERS)])
def test_a_mutant_of_several_changes_is_to_be_had_with_some_of_them(mutants, form):
    made = (mutants[number] for number in range(60 * ROUND) if mutants.form(number) == form)
    several = next(damaged for damaged in made if len(damaged.fewer()) > 1)
    fewer = several.fewer()
    assert all(data not in (several.data, several.whole) for data in fewer)
    assert all(type(data) is type(several.data) for data in fewer)
    if form in FOLDERS:
        assert all(data.keys() == several.data.keys() for data in fewer)


@pytest.mark.parametrize("form", [*FILES, *sorted(FOLDERS)])
def test_what_is_whole_is_read_and_equal(mutants, form, tmp_path):
    assert read(undamaged(mutants, form), tmp_path / undamaged(mutants, form).name, 1) == (EQUAL, "")


@pytest.mark.parametrize("form", [form for form in FILES if form != "lines"])
def test_a_score_that_is_wrong_in_one_bit_is_seen(mutants, form, tmp_path, monkeypatch):
    real = dsdm.open_scores

    def planted(path, **options):
        scores = np.array(real(path, **options))
        scores.view(np.uint8)[-1] ^= 1
        return scores

    monkeypatch.setattr(dsdm, "open_scores", planted)
    damaged = undamaged(mutants, form)
    outcome, message = read(damaged, tmp_path / damaged.name, 1)
    assert outcome == WRONG
    assert "expected" in message


@pytest.mark.parametrize("form", ["stream", "file", "parquet", "lines", "folder"])
def test_rows_in_another_order_are_seen(mutants, form, tmp_path, monkeypatch):
    real = dsdm.open_shards

    def planted(path, **options):
        shards = real(path, **options)
        exchanged = lambda rows: shards.take(np.r_[rows[1], rows[0], rows[2:]])  # noqa: E731
        return type(
            "Planted",
            (),
            {
                "take": staticmethod(exchanged),
                "column_names": shards.column_names,
                "__len__": lambda _: len(shards),
            },
        )()

    monkeypatch.setattr(dsdm, "open_shards", planted)
    damaged = undamaged(mutants, form)
    outcome, message = read(damaged, tmp_path / damaged.name, 0)
    assert outcome == WRONG
    assert "row 0" in message


def test_a_folder_that_is_not_as_written_and_found_to_be_is_seen(mutants, tmp_path, monkeypatch):
    whole = undamaged(mutants, "folder", "tokens")
    name = next(name for name in whole.data if name.endswith(".npy"))
    damaged = Damaged("folder", "folder", {**whole.data, name: whole.data[name][:-1] + b"\xff"}, whole.seed)
    assert read(damaged, tmp_path / "found", 0)[0] == REFUSED
    monkeypatch.setattr(dsdm, "verify", lambda _: SimpleNamespace(rows=len(folders.wanted())))
    outcome, message = read(damaged, tmp_path / "passed", 0)
    assert outcome == WRONG
    assert message.endswith(f"{name} differs")


def test_a_run_that_goes_on_to_other_bytes_is_seen(mutants, tmp_path, monkeypatch):
    real = dsdm.materialize
    monkeypatch.setattr(
        dsdm,
        "materialize",
        lambda source, rows, out, **options: real(
            source, rows[::-1], out, **{**options, "resume": False, "verify": False}
        ),
    )
    outcome, message = read(undamaged(mutants, "unfinished"), tmp_path / "run", 0)
    assert outcome == WRONG
    assert "data-00000-of-00004.arrow" in message


@pytest.mark.parametrize("error", [InternalError("a defect"), KeyError("a defect"), BaseException("a panic")])
def test_what_is_no_refusal_is_a_crash(mutants, tmp_path, monkeypatch, error):
    def planted(*_, **__):
        raise error

    monkeypatch.setattr(dsdm, "open_scores", planted)
    outcome, message = read(undamaged(mutants, "npy"), tmp_path / "a.npy", 0)
    assert outcome == CRASH
    assert "a defect" in message or "a panic" in message


def test_what_differs_from_the_other_reader_is_right_only_beside_the_whole_file(tmp_path):
    mutant = Mutant(str(tmp_path / "a.bin"), 0, b"whole", lambda: [b"fewer"])
    refused = RefusedError("no")
    compare = lambda ours: lambda theirs: (EQUAL, "") if ours == theirs else (WRONG, f"{theirs} expected")  # noqa: E731

    def reads(**found):
        def other(path):
            content = "damaged" if path == mutant.path else (tmp_path / "a.whole.bin").read_text()
            if found[content] is None:
                raise refused
            return found[content]

        return other

    assert judged(mutant, reads(damaged=2, whole=1), compare(1))[0] == AS_WHOLE
    assert judged(mutant, reads(damaged=2, whole=3), compare(1))[0] == WRONG
    assert judged(mutant, reads(damaged=None, whole=1), compare(1))[1] == "with the values of the undamaged file"
    assert judged(mutant, reads(damaged=None, whole=3, fewer=1), compare(1))[1].endswith("without one of the changes")
    assert judged(mutant, reads(damaged=None, whole=3, fewer=2), compare(1)) == (
        "accepted, unexplained",
        "the other reader: no; beside the whole file: 3 expected",
    )
    assert judged(mutant, reads(damaged=None, whole=None, fewer=None), compare(1))[0] == "accepted, unexplained"


def test_what_is_wrong_in_rows_that_nobody_asked_for_is_no_ones_refusal(tmp_path):
    path = tmp_path / "a.arrow"
    text = pa.array([b"a", b"\xff", b"c"]).view(pa.string())
    with pa.ipc.new_stream(path, pa.schema({"text": pa.string()})) as to:
        to.write_table(pa.table({"text": text}))
    assert len(read_table(path, STREAM, rows=np.array([2, 0, 0]))) == 3
    for rows in (None, [1], [0, 1]):
        with pytest.raises(RefusedError, match="UTF8"):
            read_table(path, STREAM, rows=rows)


def test_what_the_other_reader_has_not_implemented_is_read_without_the_schema_that_asks_for_it(tmp_path):
    mutant = Mutant(str(tmp_path / "a.parquet"), 0, b"whole")
    (tmp_path / "a.parquet").write_bytes(b"values and ARROW:schema")
    compare = lambda theirs: (EQUAL, "") if theirs == 1 else (WRONG, f"{theirs} expected")  # noqa: E731

    def reads(said, plain):
        def other(path):
            content = Path(path).read_bytes()
            if b"ARROW:schema" in content:
                raise RefusedError(said)
            return plain if content.startswith(b"values") else 3

        return other

    assert judged(mutant, reads("Not yet implemented: it", 1), compare)[0] == ALONE
    assert judged(mutant, reads("Not yet implemented: it", 2), compare)[0] == UNKNOWN
    assert judged(mutant, reads("it is damaged", 1), compare)[0] == UNKNOWN
    (tmp_path / "a.parquet").write_bytes(b"damaged ARROW:schema")
    assert judged(mutant, reads("Not yet implemented: it", 1), compare)[0] == UNKNOWN


class Shards:
    """Rows of which all together are refused, or not."""

    def __init__(self, count, error):
        self.count, self.error = count, error

    def __len__(self):
        return self.count

    def take(self, _):
        if self.error:
            raise self.error


def test_rows_are_read_past_one_that_is_refused_only_if_all_are_and_as_far_as_they_are_known():
    rows, unknown = np.array([4, 2, 0]), (UNKNOWN, "said")
    ours, known = pa.table({"x": rows * 10}), pa.table({"x": np.arange(0, 30, 10)})
    damaged = Shards(5, FormatError("row 3"))
    judge = lambda shards, before: judged_in_part(unknown, shards, ours, rows, before)  # noqa: E731
    assert judge(damaged, lambda: known)[0] == ALONE
    assert judge(damaged, lambda: known.slice(0, 0))[0] == ALONE
    assert judge(Shards(5, None), lambda: known) == unknown
    assert judge(Shards(5, InternalError("a defect")), lambda: known)[0] == CRASH
    assert judge(damaged, lambda: pa.table({"x": [0, 10, 21]}))[0] == WRONG
    assert judge(damaged, lambda: pa.table({"y": [0, 10, 20]}))[0] == WRONG

    def refused():
        raise RefusedError

    assert judge(damaged, refused) == unknown


def test_the_rows_before_one_that_is_refused_are_read(tmp_path):
    path = tmp_path / "a.parquet"
    table = pa.table({"x": pa.array(range(0, 500, 5), pa.int32())})
    pq.write_table(table, path, compression="none", use_dictionary=True)
    assert read_until_refused(path, ["x"]).equals(table)
    # The last of the keys, of seven bits each, are beyond the dictionary.
    keys = data_of_keys(data := path.read_bytes())
    path.write_bytes(data[: keys - 4] + b"\xff" * 4 + data[keys:])
    before = read_until_refused(path, ["x"])
    assert 80 < len(before) < 100
    assert before.equals(table.slice(0, len(before)))


def data_of_keys(data):
    """Give where the keys of 0 to 99 end, in groups of eight of seven bits each."""
    bits = sum(key << (7 * key) for key in range(100))
    keys = bits.to_bytes(88, "little")
    return data.index(keys) + len(keys)


def test_a_run_tells_its_seed_and_what_became_of_each_format():
    command = [sys.executable, "-m", "tests.fuzz", "--seed", "3", "--mutants", str(2 * ROUND), "--jobs", "1"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert ran.returncode == 0, ran.stdout + ran.stderr
    *table, last = ran.stdout.splitlines()
    assert last.startswith(f"seed 3: {2 * ROUND} mutants in ")
    rows = {line.split()[0]: sum(map(int, line.split()[1:])) for line in table if line.split()[0] in SHARES}
    assert rows == {form: 2 * share for form, share in SHARES.items()}
