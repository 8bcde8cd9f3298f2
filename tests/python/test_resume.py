"""Interrupted runs: continued by the same call to the same bytes, refused by another, and never half a dataset."""

import errno
import io
import json
import os
import shutil
import subprocess
import sys
import time
import zlib

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm import errors
from dsdm.checks import FORMATS
from dsdm.rows import progress

ROWS = 40_000
SHARDS = 6
# The first half of the rows are short and the others long: so are the shards, of which a limit cuts the long.
CHOSEN = np.concatenate([np.random.default_rng(1).permutation(ROWS // 2)[:1500], ROWS // 2 + np.arange(1500)])
LONG = np.tile(CHOSEN, 150)
"""As Parquet, they take some tenths of a second."""
SMALL, LIMIT = 3, 40_000


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Give one row group, which is decoded anew for every shard when memory is small."""
    rng = np.random.default_rng(0)
    lengths = np.where(np.arange(ROWS) < ROWS // 2, rng.integers(14, 18, ROWS), 64)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    values = pa.array(rng.integers(0, 2**16, offsets[-1], dtype=np.uint16))
    path = tmp_path_factory.mktemp("corpus") / "a.parquet"
    pq.write_table(pa.table({"input_ids": pa.ListArray.from_arrays(offsets, values)}), path)
    return path


@pytest.fixture
def corpus(source, tmp_path):
    """Give a copy to be changed."""
    shutil.copy2(source, tmp_path / "corpus.parquet")
    return tmp_path / "corpus.parquet"


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write(corpus, out, rows=CHOSEN, **options):
    return dsdm.materialize(corpus, rows, out, **{"num_shards": SHARDS, "threads": 1, **options})


def staging(out):
    return out.with_name(f".{out.name}.dsdm-unfinished")


def lines(out):
    try:
        return (staging(out) / "journal").read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


CHILD = """
import json, resource, sys
import numpy as np
import dsdm
arguments = json.loads(sys.argv[1])
limit = arguments.pop("limit")
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
rows = np.load(arguments.pop("rows"))
try:
    dsdm.materialize(arguments.pop("corpus"), rows, arguments.pop("out"), **arguments)
except OSError as error:
    print(json.dumps([error.errno, error.filename, str(error), error.__notes__]))
"""


def child(corpus, out, limit=None, rows=CHOSEN, **options):
    np.save(out.with_suffix(".npy"), rows)
    arguments = {"corpus": str(corpus), "out": str(out), "rows": str(out.with_suffix(".npy")), "limit": limit}
    arguments |= {"num_shards": SHARDS, "threads": 1, **options}
    command = [sys.executable, "-c", CHILD, json.dumps(arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603


def leave(corpus, out, **options):
    """Leave what a run does that can write no large files: its small shards. Give what it was told."""
    told, wrong = child(corpus, out, limit=LIMIT, **options).communicate()
    assert told, wrong
    return json.loads(told)


def not_loadable(folder):
    for place in [folder, *folder.rglob("*")]:
        if place.is_dir():
            with pytest.raises(FileNotFoundError):
                datasets.load_from_disk(str(place))


# --- the same call goes on ---


@pytest.mark.parametrize("form", FORMATS)
def test_what_fails_keeps_its_finished_shards_and_says_so(corpus, tmp_path, form):
    write(corpus, tmp_path / "whole", format=form)
    out = tmp_path / "out"
    number, path, message, notes = leave(corpus, out, format=form)
    assert number == errno.EFBIG
    assert path.startswith(str(staging(out)))
    assert "writing" in message
    assert notes == [f"3 shards are finished and kept in {staging(out)}; the same call continues from there"]
    not_loadable(staging(out))
    inodes = {file.name: file.stat().st_ino for file in staging(out).rglob("*00*.*")}
    report = write(corpus, out, format=form, threads=2, memory_limit="1GB")
    assert (report.kept, report.shards, report.rows) == (SMALL, SHARDS, len(CHOSEN))
    assert "6 shards (3 of them kept from an interrupted run)" in str(report)
    assert contents(out) == contents(tmp_path / "whole")
    assert not staging(out).exists()
    # They are the files that were there.
    kept = {file.name for file in out.rglob("*00*.*") if inodes.get(file.name) == file.stat().st_ino}
    assert len([name for name in kept if not name.endswith((".offsets.npy", ".index", ".idx"))]) == SMALL


@pytest.mark.parametrize("form", FORMATS)
def test_killed_again_and_again_a_run_ends_with_the_same_bytes(source, tmp_path, form):
    options = {"format": form, "num_shards": 24, "memory_limit": 1}
    write(source, tmp_path / "whole", **options)
    out = tmp_path / "out"
    kills = 0
    for finished in (0, 1, 3, 6, 10, 15, 20):
        process = child(source, out, **options)
        deadline = time.monotonic() + 60
        while process.poll() is None and lines(out) <= finished and time.monotonic() < deadline:
            time.sleep(0.0002)
        process.kill()
        process.communicate()
        if out.exists():
            break
        kills += 1
        not_loadable(staging(out))
    if not out.exists():
        assert write(source, out, **options).kept > 0
    assert kills > 0
    assert contents(out) == contents(tmp_path / "whole")
    assert not staging(out).exists()


def test_a_run_without_a_seed_goes_on_with_that_of_the_interrupted(corpus, tmp_path):
    out = tmp_path / "out"
    rows = CHOSEN[:1500]
    # Small shards, of which the manifest names so many that it is what the limit cuts.
    number, path, *_ = leave(corpus, out, row_order="shuffle", rows=rows, num_shards=250)
    assert (number, path) == (errno.EFBIG, str(staging(out) / "output" / "dsdm.json"))
    finished = lines(out)
    seed = json.loads((staging(out) / "plan.json").read_text())["fields"]["seed"]
    with pytest.raises(errors.ResumeMismatchError, match=rf"seed: .* had {seed}, and this call has 7"):
        write(corpus, out, rows, row_order="shuffle", num_shards=250, seed=7)
    with pytest.raises(errors.ResumeMismatchError, match=r"rows: the interrupted run .* had other rows than"):
        write(corpus, out, rows[::-1], row_order="shuffle", num_shards=250, seed=seed)
    report = write(corpus, out, rows, row_order="shuffle", num_shards=250)
    assert (report.seed, report.kept) == (seed, finished)
    write(corpus, tmp_path / "whole", rows, row_order="shuffle", num_shards=250, seed=seed)
    assert contents(out) == contents(tmp_path / "whole")


@pytest.mark.parametrize("damage", [None, "7", True, -1, 1.5])
def test_a_plan_whose_seed_is_damaged_is_not_gone_on_with(corpus, tmp_path, damage):
    out = tmp_path / "out"
    rows = CHOSEN[:1500]
    leave(corpus, out, row_order="shuffle", rows=rows, num_shards=250)
    path = staging(out) / "plan.json"
    plan = json.loads(path.read_text())
    plan["fields"].pop("seed")
    plan["fields"].update({} if damage is None else {"seed": damage})
    path.write_text(json.dumps(plan))
    with pytest.raises(errors.ResumeMismatchError, match=r"seed: .* had .*, and this call has \d+;.*resume=False"):
        write(corpus, out, rows, row_order="shuffle", num_shards=250)


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)), resource.RLIM_INFINITY))
from dsdm.cli import main
main()
"""

BIG = ["corpus.parquet", "out", "-k", "3000", "--row-order", "row", "--num-shards", str(SHARDS)]
DRAWS = {
    "scores": ["--by", "scores.npy", "--gumbel", "--temperature", "3"],
    "random": ["--by", "random"],
    "dsir": ["--by", "dsir", "--target", "squad", "--data-dir", "data"],
    "semdedup": ["--by", "semdedup", "--data-dir", "data"],
    "rule": ["--by", "scores.npy", "--gumbel", "--min-score", "0.1"],
    "rule of a method": ["--by", "dsir", "--target", "squad", "--data-dir", "data", "--max-score", "0.9"],
    "ties": ["--by", "same.npy", "--ties", "random"],
    "groups": ["--by", "same.npy", "--ties", "random", "--groups", "groups.npy", "--like", "equal"],
}


def drawable(folder):
    from dsdm.demo.torch_file import write_tensor

    (folder / "data" / "dsir").mkdir(parents=True)
    np.save(folder / "scores.npy", np.arange(ROWS, dtype=np.float32) / ROWS)
    np.save(folder / "same.npy", np.zeros(ROWS, np.float32))
    np.save(folder / "groups.npy", np.arange(ROWS) % 3)
    write_tensor(folder / "data" / "dsir" / "squad.pt", np.arange(ROWS, dtype=np.float32) / ROWS)
    write_tensor(folder / "data" / "sdd.pt", np.arange(ROWS, dtype=np.int64))


def leave_by_command(folder, *options):
    command = [sys.executable, "-c", LIMITED, str(LIMIT), "materialize", *BIG, "--threads", "1", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 1, done.stderr
    assert "finished and kept" in done.stderr
    return int(done.stderr.split("drawn with seed ")[1].split()[0])


@pytest.mark.usefixtures("corpus")
@pytest.mark.parametrize("draw", DRAWS)
def test_a_draw_without_a_seed_goes_on_with_that_of_the_interrupted(run, tmp_path, draw):
    drawable(tmp_path)
    options = DRAWS[draw]
    seed = leave_by_command(tmp_path, *options)
    left = contents(staging(tmp_path / "out"))
    code, _, wrong = run("materialize", *BIG, *options, "--seed", seed + 1)
    assert code == 1
    assert "seed of the draw: the interrupted run that left this directory" in wrong
    assert f"had {seed}, and this call has {seed + 1};" in wrong
    np.save(tmp_path / "rows.npy", np.arange(3000))
    code, _, wrong = run("materialize", "corpus.parquet", "out", "-i", "rows.npy", *BIG[4:])
    assert code == 1
    assert f"had other rows than this call, or the same in another order, and drew them with seed {seed};" in wrong
    assert contents(staging(tmp_path / "out")) | {"pid": b""} == left | {"pid": b""}
    code, told, wrong = run("materialize", *BIG, *options)
    assert (code, f"drawn with seed {seed}\n" in wrong) == (0, True), wrong
    assert "of them kept from an interrupted run)" in told
    out = ["corpus.parquet", "whole", *BIG[2:]]
    assert run("materialize", *out, *options, "--seed", seed)[0] == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.mark.usefixtures("corpus")
def test_another_draw_than_that_of_the_interrupted_has_a_seed_of_its_own(run, tmp_path):
    drawable(tmp_path)
    seed = leave_by_command(tmp_path, *DRAWS["scores"])
    for other in (["--by", "scores.npy", "--gumbel"], DRAWS["random"], [*DRAWS["scores"], "--no-resume"]):
        _, _, told = run("materialize", *BIG, *other)
        assert "drawn with seed" in told
        assert f"drawn with seed {seed}\n" not in told


@pytest.mark.usefixtures("corpus")
def test_a_plan_whose_draw_is_damaged_is_told_to_differ(run, tmp_path):
    drawable(tmp_path)
    leave_by_command(tmp_path, *DRAWS["random"])
    path = staging(tmp_path / "out") / "plan.json"
    for damage in (None, 7, [], {}, {"by": 3}, {"arguments": 3}, {"arguments": {"seed": True}}):
        plan = json.loads(path.read_text())
        plan["fields"]["chosen"] = damage
        path.write_text(json.dumps(plan))
        code, _, wrong = run("materialize", *BIG, *DRAWS["random"])
        assert (code, "had other rows than this call" in wrong) == (1, True), wrong


def test_an_overwrite_goes_on_and_leaves_what_was_there_until_its_end(corpus, tmp_path):
    out = tmp_path / "out"
    write(corpus, out, [1, 2, 3], num_shards=1)
    before = contents(out)
    leave(corpus, out, overwrite=True)
    assert contents(out) == before
    with pytest.raises(FileExistsError, match="overwrite=True"):
        write(corpus, out)
    assert write(corpus, out, overwrite=True).kept == SMALL
    write(corpus, tmp_path / "whole")
    assert contents(out) == contents(tmp_path / "whole")
    assert not staging(out).exists()


# --- another call does not ---


def changed_source(corpus, out):
    os.utime(corpus, ns=(0, 123_456_789))
    write(corpus, out)


def replaced_source(corpus, out):
    state = corpus.stat()
    corpus.rename(corpus.with_name("old"))
    corpus.write_bytes(corpus.with_name("old").read_bytes())
    os.utime(corpus, ns=(state.st_atime_ns, state.st_mtime_ns))
    write(corpus, out)


def longer_source(corpus, out):
    pq.write_table(pa.concat_tables([pq.read_table(corpus)] * 2), corpus)
    write(corpus, out)


DIFFERENT = {
    "source": (changed_source, r"sources\[0\] \(.*corpus.parquet\), modified_ns: .* had \d+, and .* has 123456789;"),
    "replaced": (replaced_source, r"sources\[0\] \(.*corpus.parquet\), inode: .* had \d+, and this call has \d+;"),
    "longer": (longer_source, r"sources\[0\] \(.*corpus.parquet\), bytes: .* had \d+, and this call has \d+;"),
    "rows": (
        lambda corpus, out: write(corpus, out, CHOSEN[::-1]),
        r"rows: the interrupted run .* had other rows than this call, or the same in another order;",
    ),
    "fewer rows": (lambda corpus, out: write(corpus, out, CHOSEN[:9]), r"rows: .* had 3000, and this call has 9;"),
    "format": (lambda corpus, out: write(corpus, out, format="tokens"), r'format: .* had "arrow", and .* has "tokens"'),
    "layout": (lambda corpus, out: write(corpus, out, format="bin"), r'format: .* had "arrow", and .* has "bin"'),
    "shards": (lambda corpus, out: write(corpus, out, num_shards=4), r"shards: .* had 6 of 3000 .* has 4 of 3000 rows"),
    "order": (
        lambda corpus, out: write(corpus, out, row_order="row"),
        r'order: .* had "given", and this call has "row"',
    ),
    "row ids": (lambda corpus, out: write(corpus, out, row_ids="id"), r"number of columns: .* had 1, and .* has 2"),
    "scores": (
        lambda corpus, out: write(corpus, out, scores=np.ones(ROWS)),
        r"number of columns: .* had 1, and this call has 2",
    ),
}


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_old_dataset_that_was_put_aside_when_a_run_was_killed_goes_back(corpus, tmp_path, overwrite):
    """Where names cannot be exchanged, there is a moment in which neither has the name."""
    out = tmp_path / "out"
    write(corpus, out, CHOSEN[:10])
    old = contents(out)
    staging(out).mkdir()
    (staging(out) / "made-by-dsdm").touch()
    out.rename(staging(out) / "replaced")
    if overwrite:
        assert write(corpus, out, overwrite=True).rows == len(CHOSEN)
        assert dsdm.verify(out).rows == len(CHOSEN)
    else:
        with pytest.raises(FileExistsError, match="making the output directory, which is there already"):
            write(corpus, out)
        assert contents(out) == old
    assert not staging(out).exists()


def test_an_old_dataset_that_was_put_aside_is_not_lost_to_another(corpus, tmp_path):
    out = tmp_path / "out"
    write(corpus, out, CHOSEN[:10])
    old = contents(out)
    write(corpus, tmp_path / "mine", CHOSEN[:5], num_shards=5)
    mine = contents(tmp_path / "mine")
    staging(out).mkdir()
    (staging(out) / "made-by-dsdm").touch()
    out.rename(staging(out) / "replaced")
    (tmp_path / "mine").rename(out)
    with pytest.raises(ValueError, match=r"put the dataset that was here aside, in .*replaced, and another is here"):
        write(corpus, out, overwrite=True)
    assert contents(staging(out) / "replaced") == old
    assert contents(out) == mine


@pytest.mark.parametrize("what", DIFFERENT)
def test_another_call_is_told_what_differs_and_can_start_over(corpus, tmp_path, what):
    call, message = DIFFERENT[what]
    out = tmp_path / "out"
    leave(corpus, out)
    before = contents(staging(out))
    with pytest.raises(errors.ResumeMismatchError, match=message) as caught:
        call(corpus, out)
    assert str(caught.value).startswith(str(staging(out)))
    assert "3 of its 6 shards are finished" in str(caught.value)
    assert "resume=False to remove it and start over" in str(caught.value)
    after = contents(staging(out))
    assert after | {"pid": b""} == before | {"pid": b""}
    report = write(corpus, out, [5, 3], num_shards=1, resume=False)
    assert (report.kept, report.rows) == (0, 2)
    assert not staging(out).exists()


def test_the_same_scores_go_on_and_others_do_not(corpus, tmp_path):
    out = tmp_path / "out"
    # The scores come from a file, as the child must have the same.
    scores = np.random.default_rng(2).normal(size=ROWS).astype(np.float32)
    leave(corpus, out, row_ids="id")
    left = json.loads((staging(out) / "plan.json").read_text())["fields"]["added columns"]
    assert list(left) == ["id"]
    with pytest.raises(errors.ResumeMismatchError, match="columns"):
        write(corpus, out, scores={"id": scores})
    assert write(corpus, out, row_ids="id").kept == SMALL


def test_a_table_in_memory_is_never_continued(corpus, tmp_path):
    out = tmp_path / "out"
    leave(corpus, out)
    table = pq.read_table(corpus)
    with pytest.raises(errors.ResumeMismatchError, match="number of sources"):
        write(table, out)
    assert write(table, out, resume=False).kept == 0


def test_what_has_no_finished_shard_is_no_hindrance(corpus, tmp_path):
    out = tmp_path / "out"
    told, _ = child(corpus, out, limit=LIMIT, rows=CHOSEN[2000:]).communicate()
    assert told == ""  # an exception without a note is not what the child prints
    assert not staging(out).exists()
    process = child(corpus, out, memory_limit=1, num_shards=1)
    while not (staging(out) / "plan.json").exists() and process.poll() is None:
        time.sleep(0.0002)
    process.kill()
    process.communicate()
    assert write(corpus, out, [1], num_shards=1, overwrite=True).rows == 1
    assert not staging(out).exists()


# --- damage to what was left ---


def test_a_torn_line_of_the_journal_is_ignored(corpus, tmp_path):
    out = tmp_path / "out"
    leave(corpus, out)
    journal = staging(out) / "journal"
    journal.write_bytes(journal.read_bytes()[:-9])
    assert write(corpus, out).kept == SMALL - 1
    write(corpus, tmp_path / "whole")
    assert contents(out) == contents(tmp_path / "whole")


@pytest.mark.parametrize("damage", ["cut", "gone", "wrong line"])
def test_a_shard_that_is_not_as_it_was_noted_is_made_again(corpus, tmp_path, damage):
    out = tmp_path / "out"
    leave(corpus, out)
    shard = sorted((staging(out) / "output").glob("*.arrow"))[1]
    journal = staging(out) / "journal"
    if damage == "cut":
        os.truncate(shard, shard.stat().st_size - 1)
    elif damage == "gone":
        shard.unlink()
    else:
        journal.write_bytes(journal.read_bytes().replace(b'"rows":500', b'"rows":501', 1))
    assert write(corpus, out).kept == SMALL - 1
    write(corpus, tmp_path / "whole")
    assert contents(out) == contents(tmp_path / "whole")


STRANGE = {
    "other rows": {"rows": 501},
    "a number that no shard has": {"shard": SHARDS},
    "the number of another shard": {"shard": 5},
    "no file": {"files": []},
    "a file elsewhere": {"files": [{"name": "../plan.json"}]},
}


@pytest.mark.parametrize("change", STRANGE)
@pytest.mark.parametrize("verify", [False, True])
def test_a_line_of_the_journal_that_no_run_writes_is_as_one_that_is_not_there(corpus, tmp_path, change, verify):
    out = tmp_path / "out"
    leave(corpus, out)
    journal = staging(out) / "journal"
    first, *others = journal.read_text().splitlines()
    entry = json.loads(first.partition(" ")[2])
    entry["done"] |= STRANGE[change]
    for file in entry["done"]["files"]:
        plan = (staging(out) / "plan.json").read_bytes()
        if file["name"] == "../plan.json":
            file |= {"bytes": len(plan), "crc32": f"{zlib.crc32(plan):08x}"}
    text = json.dumps(entry, separators=(",", ":"))
    journal.write_text("\n".join([f"{zlib.crc32(text.encode()):08x} {text}", *others, ""]))
    assert write(corpus, out, verify=verify).kept == SMALL - 1
    write(corpus, tmp_path / "whole")
    assert contents(out) == contents(tmp_path / "whole")


CRAFTED = {
    "shard of another": {"shard": 3},
    "shard beyond": {"shard": 39},
    "shard beyond all": {"shard": 2**63},
    "no rows": {"rows": 0},
    "no files": {"files": []},
    "above": "../../foreign",
    "absolute": "/foreign",
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("change", CRAFTED.values(), ids=CRAFTED)
def test_a_line_that_the_plan_does_not_make_is_not_gone_by(corpus, tmp_path, form, change):
    out = tmp_path / "out"
    leave(corpus, out, format=form)
    journal = staging(out) / "journal"
    told = [json.loads(line.partition(" ")[2]) for line in journal.read_text().splitlines()]
    done = told[1]["done"]
    if isinstance(change, str):
        (file,) = done["files"][:1]
        foreign = tmp_path / "foreign"
        shutil.copy(staging(out) / "output" / file["name"], foreign)
        change = {"files": [{**file, "name": str(foreign) if change.startswith("/") else change}]}
    done.update(change)
    texts = [json.dumps(entry, separators=(",", ":")) for entry in told]
    journal.write_text("".join(f"{zlib.crc32(text.encode()):08x} {text}\n" for text in texts))
    assert write(corpus, out, format=form).kept == SMALL - 1
    write(corpus, tmp_path / "whole", format=form)
    assert contents(out) == contents(tmp_path / "whole")


@pytest.mark.parametrize("form", FORMATS)
def test_a_flipped_byte_is_found_when_asked_and_its_shard_made_again(corpus, tmp_path, form):
    out = tmp_path / "out"
    leave(corpus, out, format=form)
    shard = max((staging(out) / "output").rglob("*-00001-of-00006.*"))
    flip(shard, shard.stat().st_size // 2)
    assert write(corpus, out, format=form, verify=True).kept == SMALL - 1
    write(corpus, tmp_path / "whole", format=form)
    assert contents(out) == contents(tmp_path / "whole")


def flip(path, at):
    bytes_ = bytearray(path.read_bytes())
    bytes_[at] ^= 1
    path.write_bytes(bytes_)


def test_a_plan_that_cannot_be_read_is_started_over(corpus, tmp_path):
    out = tmp_path / "out"
    leave(corpus, out)
    (staging(out) / "plan.json").write_text("{")
    assert write(corpus, out).kept == 0


@pytest.mark.parametrize("name", ["plan.json", "journal"])
def test_a_plan_and_a_journal_have_a_size(corpus, tmp_path, name):
    """What is beyond it is told and stays; the plan goes where the call says that nothing of it is needed."""
    out = tmp_path / "out"
    leave(corpus, out)
    os.truncate(staging(out) / name, (64 << 20) + 1)
    before = sorted(path.name for path in staging(out).rglob("*"))
    for options in ({}, {"row_order": "shuffle"}):
        with pytest.raises(errors.FormatError, match=rf"{name}: it has 67108865 bytes, .* at most 67108864 are read"):
            write(corpus, out, **options)
    assert sorted(path.name for path in staging(out).rglob("*")) == before
    if name == "journal":
        # It tells whether an output is there, or what an output replaced, which nobody else knows.
        with pytest.raises(errors.FormatError, match="journal: it has 67108865 bytes"):
            write(corpus, out, resume=False)
        shutil.rmtree(staging(out))
    assert write(corpus, out, resume=False).kept == 0
    assert not staging(out).exists()


def test_the_folder_of_a_run_that_is_deleted_ends_it(corpus, tmp_path, monkeypatch):
    out = tmp_path / "out"

    class Bar:
        def __enter__(self):
            return self

        def __call__(self, _done):
            shutil.rmtree(staging(out), ignore_errors=True)

        def __exit__(self, *_):
            return None

    monkeypatch.setattr("dsdm.rows.materializing.bar", lambda *_, **__: Bar())
    rows = np.random.default_rng(3).integers(0, ROWS, 300_000)
    with pytest.raises(OSError, match=r"No such file") as caught:
        write(corpus, out, rows, num_shards=100, memory_limit=1)
    assert caught.value.errno == errno.ENOENT
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus.parquet"]


def test_an_output_that_cannot_get_its_name_tells_where_it_lies(corpus, tmp_path, monkeypatch):
    """Another takes the name meanwhile, once rows are written: the bar moves a few times a second."""
    out = tmp_path / "out"

    class Bar:
        def __enter__(self):
            return self

        def __call__(self, done):
            if done:
                out.mkdir(exist_ok=True)

        def __exit__(self, *_):
            return None

    with monkeypatch.context() as patched:
        patched.setattr("dsdm.rows.materializing.bar", lambda *_, **__: Bar())
        with pytest.raises(FileExistsError, match="giving the finished output its name") as caught:
            write(corpus, out, LONG, format="parquet")
    kept = f"{SHARDS} shards are finished and kept in {staging(out)}; the same call continues from there"
    assert caught.value.__notes__ == [kept]
    out.rmdir()
    assert write(corpus, out, LONG, format="parquet").kept == SHARDS


# --- the command ---


def test_the_command_goes_on_too(run, corpus, tmp_path):
    out = tmp_path / "out"
    np.save(tmp_path / "rows.npy", CHOSEN)
    leave(corpus, out)
    options = ["--indices", "rows.npy", "--num-shards", SHARDS]
    code, _, wrong = run("materialize", corpus, "out", "--indices", "rows.npy", "--num-shards", 5)
    assert code == 1
    assert "shards: " in wrong
    assert "--no-resume" in wrong
    code, told, _ = run("materialize", corpus, "out", *options, "--verify")
    assert code == 0
    assert "(3 of them kept from an interrupted run)" in told
    code, told, _ = run("materialize", corpus, "out", *options, "--overwrite", "--no-resume")
    assert (code, "kept" in told) == (0, False)


def test_an_interrupt_of_the_command_says_how_to_go_on(run, corpus, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        error = KeyboardInterrupt()
        error.add_note("2 shards are finished")
        raise error

    monkeypatch.setattr("dsdm.materialize", interrupted)
    np.save(tmp_path / "rows.npy", CHOSEN)
    code, _, wrong = run("materialize", corpus, "out", "--indices", "rows.npy")
    assert (code, wrong.splitlines()[1:]) == (130, ["dsdm: 2 shards are finished", "dsdm: interrupted"])


def test_a_bar_counts_what_was_kept_and_not_as_speed(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    now = iter([10.0, 10.0, 12.0])
    monkeypatch.setattr("dsdm.rows.progress.time.perf_counter", lambda: next(now))
    with progress.bar(1000, 1_000_000, shown=True) as bar:
        bar(2 * 400)
        assert (bar._bar.n, bar._bar.initial) == (400, 400)
        bar(2 * 500)
        assert bar._bar.n == 500
        assert "50.0 MB/s" in str(bar._bar)
    assert "1.00k/1.00k" in shown.getvalue()
