"""Selections by groups in files and columns: told, chosen again by `verify`, and what their files become."""

import json
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm import errors

pytestmark = pytest.mark.filterwarnings("ignore:.*come from the front:UserWarning")

N = 300
RNG = np.random.default_rng(11)
SCORES = RNG.integers(0, 60, N).astype(np.float32)
DOMAINS = RNG.choice(["books", "code", "law"], N, p=[0.6, 0.3, 0.1])
NUMBERS = RNG.integers(-1, 3, N)
LENGTHS = RNG.integers(1, 9, N)
CORPUS = pa.table({"id": range(N), "domain": DOMAINS, "count": LENGTHS, "text": ["x" * size for size in LENGTHS]})


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("s.npy", SCORES)
    np.save("domains.npy", DOMAINS)
    np.save("numbers.npy", NUMBERS)
    np.save("lengths.npy", LENGTHS)
    Path("domains.txt").write_text("\n".join(DOMAINS) + "\n")
    pq.write_table(pa.table({"n": NUMBERS, "domain": DOMAINS, "count": LENGTHS}), "meta.parquet")
    pq.write_table(pa.table({"domain": pa.array(DOMAINS).dictionary_encode()}), "one.parquet")
    Path("corpus").mkdir()
    for part in range(2):
        pq.write_table(CORPUS[part * 150 : part * 150 + 150], f"corpus/{part}.parquet")


def told(out: str = "out") -> dict[str, Any]:
    chosen: dict[str, Any] = json.loads(Path(out, "dsdm.json").read_text())["selection"]["chosen"]
    return chosen


def again(out: str = "out") -> bool:
    return dsdm.verify(out).selection


# The options, and where the groups are told to lie: in which files, and in which column or how they are read.
GROUPS: dict[str, tuple[list[Any], list[str] | None, dict[str, Any]]] = {
    "npy": (["domains.npy", "--per-group", 9], ["../domains.npy"], {}),
    "numbers": (["numbers.npy", "--per-group", 9], ["../numbers.npy"], {}),
    "text": (["domains.txt", "--per-group", 0.1], ["../domains.txt"], {}),
    "column of a file": (["meta.parquet:domain", "-k", 40, "--like", "equal", "--short", "fill"], ["../meta.parquet"], {
        "column": "domain"
    }),
    "its only column": (["one.parquet", "--fraction", 0.2, "--like", "proportional"], ["../one.parquet"], {
        "column": "domain"
    }),
    "column of the rows": (["domain", "--per-group=books=7", "--per-group=code=0", "--per-group=law=2"], None, {
        "column": "domain"
    }),
    "budget": (["domain", "--tokens", 200, "--lengths", "count", "--like", "equal"], None, {"column": "domain"}),
    "drawn ties": (["domains.npy", "--per-group", 9, "--ties", "random", "--seed", 4], ["../domains.npy"], {}),
    "draw": (["domains.npy", "--per-group", 9, "--gumbel", "--seed", 4], ["../domains.npy"], {}),
    "short": (["domains.npy", "--per-group", 70, "--short", "keep"], ["../domains.npy"], {}),
    "of some": (["domains.npy", "--per-group", 5, "--only", "some.npy", "--min-score", 5], ["../domains.npy"], {}),
}  # fmt: skip


@pytest.mark.parametrize(("options", "files", "how"), GROUPS.values(), ids=GROUPS)
def test_the_command_tells_where_groups_lie_and_verify_chooses_again(run, options, files, how):
    np.save("some.npy", np.arange(0, N, 2))
    assert run("materialize", "corpus", "out", "--by", "s.npy", "--groups", *options)[0] == 0
    found = told()
    groups = found["groups"]
    assert [file["path"] for file in groups.pop("files", [])] == (files or [])
    assert groups == how
    rows = sum(count for _, count in found["arguments"]["per_group"])
    assert rows == found["arguments"]["k"] == len(pq_rows("out"))
    code, said, _ = run("verify", "out")
    assert (code, "the selection is that of the scores" in said) == (0, True)
    # Other rows with the same record are no longer those that the scores choose.
    others = np.setdiff1d(np.arange(N), pq_rows("out"))[:1]
    dsdm.materialize("corpus", [*others, *pq_rows("out")[1:]], "other", selection=dsdm_told(found, groups, files))
    with pytest.raises(errors.ChecksumError, match="they choose"):
        dsdm.verify("other")


def pq_rows(out):
    import datasets

    return datasets.load_from_disk(out)["id"][:]


def dsdm_told(found, groups, files):
    """Return a record with its paths as a caller names them."""
    record = {name: found[name] for name in ("by", "arguments", "reading")} | {"scores": ["s.npy"]}
    record |= {"only": "some.npy"} if "only" in found else {}
    file = [] if files is None else [{"path": files[0].removeprefix("../"), "bytes": Path(files[0][3:]).stat().st_size}]
    return record | {"groups": {**groups, **({"files": [{**f, "modified_ns": 0} for f in file]} if file else {})}}


LONG = np.char.ljust(DOMAINS, 200, "_")
"""Names with which files are longer than what is digested of them."""


@pytest.mark.parametrize("where", ["begin", "middle", "shorter"])
@pytest.mark.parametrize("name", ["long.npy", "long.txt", "long.parquet"])
def test_a_group_file_that_changed_is_damage_by_its_name(run, name, where):
    write_groups(name, LONG)
    assert run("materialize", "corpus", "out", "--by", "s.npy", "--groups", name, "--per-group", 9)[0] == 0
    assert run("verify", "out")[0] == 0
    changed = {"begin": slice(100), "middle": slice(120, 180), "shorter": slice(0)}[where]
    groups = LONG.copy()
    groups[changed] = np.roll(groups[changed], 1)
    write_groups(name, groups[:200] if where == "shorter" else groups)
    code, said, wrong = run("verify", "out")
    assert (code, said) == (3, "")
    assert name in wrong


def write_groups(name, groups):
    if name.endswith(".npy"):
        np.save(name, groups)
    elif name.endswith(".txt"):
        Path(name).write_text("\n".join(groups) + "\n")
    else:
        pq.write_table(pa.table({"domain": groups}), name)


def test_score_files_of_what_is_not_chosen_again_are_compared_too() -> None:
    chosen = dsdm.choose(dsdm.open_scores("s.npy"), groups=DOMAINS, per_group=5)
    dsdm.materialize("corpus", chosen, "out")
    assert "by" not in told()
    found = dsdm.verify("out")
    assert (found.selection, found.score_files.same) == (False, [str(Path("s.npy").resolve())])
    np.save("s.npy", SCORES[::-1])
    with pytest.raises(errors.ChecksumError, match=r"s\.npy: .*this score file is no longer the one it was"):
        dsdm.verify("out")
    Path("s.npy").unlink()
    assert len(dsdm.verify("out").score_files.missing) == 1


WAYS: dict[str, Any] = {
    "vector": lambda: {"groups": dsdm.open_scores("numbers.npy"), "per_group": 6},
    "vector of a column": lambda: {"groups": dsdm.open_scores("meta.parquet", column="n"), "k": 50, "like": "equal"},
    "column": lambda: {"groups": dsdm.open_shards("corpus").groups("domain"), "per_group": 6},
    "column of other rows": lambda: {"groups": dsdm.open_shards("meta.parquet").groups("domain"), "per_group": 6},
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("loaded", [False, True])
def test_calls_tell_where_groups_lie(way: Any, loaded: bool) -> None:  # noqa: FBT001 - of the parameters
    chosen = dsdm.choose(dsdm.open_scores("s.npy"), **way())
    if loaded:
        Path("saved").mkdir()
        chosen.save("saved/x.npy")
        loaded_again = dsdm.Selection.load("saved/x.npy")
        assert loaded_again.record() == chosen.record()
        assert (loaded_again.per_group, loaded_again.short) == (chosen.per_group, chosen.short)
        chosen = loaded_again
    dsdm.materialize("corpus", chosen, "out")
    assert again()


def test_groups_are_counted() -> None:
    plain = {name: np.count_nonzero(name == DOMAINS) for name in ("books", "code", "law")}
    chosen = dsdm.choose(SCORES, groups=DOMAINS, per_group=70, short="keep")
    assert chosen.per_group == {name: min(count, 70) for name, count in plain.items()}
    assert chosen.short == {name: (count, 70) for name, count in plain.items() if count < 70}
    assert len(chosen.short) > 0
    assert chosen.record()["short"] == [["law", plain["law"], 70]]
    filled = dsdm.choose(SCORES, k=210, groups=DOMAINS, like="equal", short="fill")
    assert filled.short == chosen.short
    assert filled.per_group == {name: int((DOMAINS[filled.indices] == name).sum()) for name in plain}
    assert dsdm.choose(SCORES, groups=DOMAINS, per_group={"books": 3, "code": 0, "law": 1}).per_group == {
        "books": 3,
        "law": 1,
    }
    assert dsdm.choose(np.arange(9), k=3).per_group is None


def test_groups_that_had_too_few_rows_are_said_to(run):
    code, _, said = run(
        "indices", "s.npy", "--groups", "domains.npy", "--per-group", 70, "--short", "keep", "-o", "x.npy"
    )
    law = int((DOMAINS == "law").sum())
    assert code == 0
    assert f"1 group has fewer rows than were to be chosen: 'law' ({law} of 70); all that they have is taken" in said
    options = ["-k", 210, "--like", "equal", "--short", "fill"]
    code, _, said = run("indices", "s.npy", "--groups", "domains.npy", *options, "-o", "y.npy")
    assert (code, "the rest is taken from the others (--short fill)" in said) == (0, True)


def test_lengths_are_told_too(run):
    options = ["--tokens", 100, "--lengths"]
    for name, expected in (("lengths.npy", {"reading": {}}), ("meta.parquet:count", {"reading": {"column": "count"}})):
        assert run("materialize", "corpus", "out", "--by", "s.npy", *options, name, "--overwrite")[0] == 0
        lengths = told()["lengths"]
        assert lengths.pop("files")[0]["path"] == f"../{name.partition(':')[0]}"
        assert {"reading": {}, **lengths} == expected
    np.save("lengths.npy", LENGTHS[:-1])
    assert run("materialize", "corpus", "out", "--by", "s.npy", *options, "text", "--overwrite")[0] == 0
    assert told()["lengths"] == {"column": "text"}
    assert run("verify", "out")[0] == 0
    assert run("indices", "s.npy", *options, "meta.parquet:count", "-o", "x.npy")[0] == 0
    beside = json.loads(Path("x.npy.json").read_text())["files"]["lengths"]
    assert (beside["files"][0]["path"], beside["reading"]) == ("../meta.parquet", {"column": "count"})


def test_rows_of_another_order_than_in_files_tell_no_column() -> None:
    rows = dsdm.open_shards(dsdm.dataset.open_dataset("corpus").select(range(N - 1, -1, -1)))
    chosen = dsdm.choose(dsdm.open_scores("s.npy"), groups=rows.groups("domain"), per_group=2)
    assert (chosen.again, dict(chosen.inputs)) == (None, {})
    assert rows.lengths("count").origin is None
    assert dsdm.open_shards(CORPUS).groups("domain").origin is None


def test_a_group_file_that_was_replaced_since_is_an_error() -> None:
    chosen = dsdm.choose(dsdm.open_scores("s.npy"), groups=dsdm.open_scores("numbers.npy"), per_group=2)
    np.save("numbers.npy", NUMBERS[::-1])
    with pytest.raises(errors.SourceChangedError, match=r"the groups are of .*numbers\.npy, which changed since"):
        dsdm.materialize("corpus", chosen, "out")


GOOD = {"by": "choose", "scores": ["s.npy"]}
FILE = {"path": "domains.npy", "bytes": 1, "modified_ns": 0}
WRONG = {
    "no groups": ({"k": 2, "per_group": [["a", 2]]}, {}, "there is 'per_group', and no 'groups'"),
    "no numbers": ({"k": 2}, {"groups": {"column": "domain"}}, "there is 'groups', and no 'per_group'"),
    "other sum": (
        {"k": 2, "per_group": [["a", 1]]},
        {"groups": {"files": [FILE]}},
        "'per_group' has 1 rows, and k is 2",
    ),
    "twice": ({"k": 2, "per_group": [["a", 1], ["a", 1]]}, {"groups": {"files": [FILE]}}, "each group once"),
    "mapping": ({"k": 2, "per_group": {"a": 2}}, {"groups": {"files": [FILE]}}, "a list of pairs is needed"),
    "negative": ({"k": 0, "per_group": [["a", -1]]}, {"groups": {"files": [FILE]}}, "per_group is -1"),
    "path alone": ({"k": 0, "per_group": []}, {"groups": "domains.npy"}, "a mapping with 'files', 'column' or both"),
    "no file": ({"k": 0, "per_group": []}, {"groups": {"files": [{"path": "x"}]}}, "which is none"),
    "no list": ({"k": 0, "per_group": []}, {"groups": {"files": 3}}, "which is none"),
    "column": ({"k": 0, "per_group": []}, {"groups": {"column": 3}}, "has the column 3; a text"),
    "both": ({"k": 0, "per_group": []}, {"groups": {"column": "a", "reading": {}}}, "no 'column' beside it"),
    "field": ({"k": 0, "per_group": []}, {"groups": {"column": "a", "file": 1}}, "'groups' has 'file'; it may have"),
    "reading": ({"k": 0}, {"lengths": {"files": [FILE], "reading": {"io": 1}}}, "'reading' has 'io'"),
    "copies of no groups": ({"k": 6, "repeat": [3]}, {}, "'repeat' is a list, which has a number for each group"),
    "sum of copies": (
        {"k": 5, "per_group": [["a", 2], ["b", 1]], "repeat": [2, 3]},
        {"groups": {"files": [FILE]}},
        "'per_group' has 7 rows, and k is 5",
    ),
    "copies of all": (
        {"k": 3, "per_group": [["a", 2], ["b", 1]], "repeat": 3},
        {"groups": {"files": [FILE]}},
        "'per_group' has 9 rows, and k is 3",
    ),
    "copies of one group": (
        {"k": 3, "per_group": [["a", 2], ["b", 1]], "repeat": [1]},
        {"groups": {"files": [FILE]}},
        "'repeat' has 1 numbers, and 'per_group' has 2 groups",
    ),
    "no copy": ({"k": 0, "per_group": [["a", 2]], "repeat": [0]}, {"groups": {"files": [FILE]}}, "repeat is 0"),
    "copies as text": ({"k": 2, "per_group": [["a", 2]], "repeat": ["1"]}, {"groups": {"files": [FILE]}}, "'1'"),
}


@pytest.mark.parametrize(("arguments", "more", "said"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_done_again_is_refused(arguments: dict[str, Any], more: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        dsdm.materialize("corpus", [0], "out", selection={**GOOD, "arguments": arguments, **more})
    assert not Path("out").exists()


def test_verify_says_why_groups_are_not_looked_at(run, tmp_path):
    assert run("materialize", "corpus", "out", "--by", "s.npy", "--groups", "domains.npy", "--per-group", 3)[0] == 0
    elsewhere = tmp_path.parent / f"{tmp_path.name}-elsewhere"
    Path("domains.npy").rename(elsewhere)
    code, said, _ = run("verify", "out")
    assert (code, "domains.npy: it is not there, and the groups of the rows are in it" in said) == (0, True)
    Path("domains.npy").symlink_to(elsewhere)
    code, said, _ = run("verify", "out")
    assert (code, "outside" in said) == (0, True)
    assert run("verify", "out", "--trust-path", elsewhere)[0] == 0
    elsewhere.unlink()


COPIES = ["--repeat", "books=3", "--repeat", "code=1", "--repeat", "law=2"]


@pytest.mark.parametrize(
    "more",
    [
        ["--per-group", "9"],
        ["--tokens", "90", "--lengths", "count", "--like", "equal"],
        ["--per-group", "9", "--repeat", "2"],
        ["--per-group", "9", *COPIES],
    ],
)
def test_a_draw_by_groups_that_was_interrupted_goes_on_with_its_seed(run, more, monkeypatch):
    """What is told before rows are chosen has the same draw as what is told of them afterwards."""
    from dsdm.cli import choice
    from dsdm.selection.record.provenance import seed_of_draw

    seen = []

    class Watched(choice.Choice):
        def select(self, *arguments):
            before = json.loads(json.dumps(self.record(), default=str))
            found = super().select(*arguments)
            seen.append((before, json.loads(json.dumps(found.record(), default=str)), found.seed))
            return found

    monkeypatch.setattr("dsdm.cli.written.Choice", Watched)
    arguments = ["materialize", "corpus", "out", "--by", "s.npy", "--groups", "domain", *more, "--overwrite"]
    for ties in (["--ties", "random"], ["--gumbel"]):
        assert run(*arguments, *ties)[0] == 0
        before, after, seed = seen.pop()
        assert seed is not None
        assert seed_of_draw(after, before) == seed
        assert seed_of_draw({**after, "groups": {"column": "id"}}, before) is None


JUNK: list[Any] = [None, 0, -1, 2**70, 1.5, True, "", "x", "\0", "../s.npy", [], [[]], [["a"]], {}, {"path": 1}, [{}]]
FILES: list[Any] = [{"files": junk} for junk in JUNK] + [{"files": [], "column": junk} for junk in JUNK]
FILES += [{"files": [{"path": junk, "bytes": 1, "modified_ns": 0}]} for junk in JUNK]
FILES += [{"files": [{"path": "../s.npy", "bytes": junk, "modified_ns": junk}], "reading": junk} for junk in JUNK]


def resigned(told: dict[str, Any]) -> None:
    """Write a manifest with the checksum that it should have."""
    del told["crc32"]
    text = json.dumps(told, separators=(",", ":"), ensure_ascii=False)
    Path("out/dsdm.json").write_text(json.dumps({**told, "crc32": f"{zlib.crc32(text.encode()):08x}"}))


@pytest.mark.parametrize("field", ["groups", "lengths", "per_group", "score_files", "chosen_by", "short"])
@pytest.mark.parametrize("kind", ["told by choose", "of its own"])
def test_manifests_that_tell_of_no_groups_choose_nothing(kind: str, field: str) -> None:
    groups: Any = dsdm.open_scores("numbers.npy") if kind == "told by choose" else NUMBERS
    lengths = dsdm.open_scores("lengths.npy")
    given: dict[str, Any] = {"tokens": 99, "lengths": lengths, "groups": groups, "like": "equal"}
    dsdm.materialize("corpus", dsdm.choose(dsdm.open_scores("s.npy"), **given), "out")
    assert dsdm.verify("out").selection == (kind == "told by choose")
    whole = Path("out/dsdm.json").read_text()
    chosen = 0
    for junk in JUNK + FILES:
        told = json.loads(whole)
        place = told["selection"]["chosen"]
        place = place.setdefault("arguments", {}) if field == "per_group" else place
        place[field] = junk
        resigned(told)
        try:
            chosen += dsdm.verify("out").selection
        except (errors.FormatError, errors.ChecksumError) as error:
            assert "out" in str(error) or Path.cwd().name in str(error)  # noqa: PT017 - either is right
    # Rows do not depend on what this one tells, whose kind is looked at all the same.
    untouched = kind == "told by choose" and field == "short"
    assert untouched <= chosen < len(JUNK + FILES)


def test_no_byte_of_a_file_that_holds_no_groups_is_shown_and_no_pipe_is_waited_for() -> None:
    chosen = dsdm.choose(dsdm.open_scores("s.npy"), groups=dsdm.open_scores("numbers.npy"), per_group=2)
    dsdm.materialize("corpus", chosen, "out")
    whole = Path("out/dsdm.json").read_text()
    for text in ("secret\n" * N, "secret", "\xff" * 9):
        Path("secret.txt").write_text(text)
        size = Path("secret.txt").stat().st_size
        told_now = json.loads(whole)
        files = [{"path": "../secret.txt", "bytes": size, "modified_ns": 0}]
        told_now["selection"]["chosen"]["groups"] = {"files": files}
        resigned(told_now)
        with pytest.raises(errors.FormatError) as caught:
            dsdm.verify("out")
        assert "secret.txt" in str(caught.value)
        assert "secret" not in str(caught.value).replace("secret.txt", "")
        assert "\xff" not in str(caught.value)
    Path("secret.txt").unlink()
    os.mkfifo("secret.txt")
    assert "secret.txt: it is not there" in dsdm.verify("out").reason
