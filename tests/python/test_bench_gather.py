"""`dsdm bench gather`: right rows, wrong ones caught, and nothing left behind."""

import json
import os
import shutil
import signal
import sys
import threading
import time
from dataclasses import replace
from itertools import cycle, product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import ipc, parquet

from dsdm.bench import gather, process
from dsdm.bench.answers import WrongAnswerError
from dsdm.bench.gather import contest, corpus, outputs, places, reads, systems
from dsdm.bench.gather.copies import copies
from dsdm.bench.gather.settings import ROW_BYTES, ROW_TOKENS, Case, Settings
from dsdm.bench.gather.systems import LIBRARIES, System

ROWS = 403
SUBSET = 40  # 10 %

RECIPES = """
import os, time
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import ipc


def write(task, change):
    whole = pa.concat_tables(ipc.open_stream(file).read_all() for file in task["files"])
    rows = change(whole.take(np.load(task["indices"])))
    with ipc.new_stream(str(Path(task["out"]) / "rows.arrow"), rows.schema) as writer:
        writer.write_table(rows)


def right(task):
    write(task, lambda rows: rows)


def reversed_rows(task):
    write(task, lambda rows: rows.take(np.arange(len(rows))[::-1].copy()))


def refuses(task):
    raise ValueError("no\\nsuch rows")


def dies(task):
    os._exit(3)


def waits(task):
    Path(os.environ["STARTED"]).write_text(str(os.getpid()))
    time.sleep(60)
"""


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A folder with the corpus in it."""
    folder = tmp_path_factory.mktemp("corpus")
    files = corpus.Corpus(folder, ROWS, 2)
    files.files("arrow")
    return folder


@pytest.fixture
def settings(tmp_path, monkeypatch, made):
    """The least of everything, in folders of the test's own."""
    monkeypatch.setattr("dsdm.bench.timing._SETTLE", 0)
    (tmp_path / "memory").mkdir()
    monkeypatch.setattr(places, "_MEMORY", tmp_path / "memory")
    shutil.copytree(made, tmp_path / "data")
    return Settings(cases=(Case(),), rows=ROWS, repeats=1, budget=0, folder=tmp_path / "data", peers=())


@pytest.fixture
def with_systems(tmp_path, monkeypatch):
    """Let these recipes be the systems, beside dsdm."""
    path = tmp_path / "recipes.py"
    path.write_text(RECIPES)

    def put(*recipes, **options):
        ours = [one for one in systems.SYSTEMS if one.library == "dsdm"]
        theirs = [
            System(name=one, library="pyarrow", source="arrow", recipe=one, recipes=path, **options) for one in recipes
        ]
        monkeypatch.setattr(systems, "SYSTEMS", [*ours, *theirs])

    return put


def left(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("source", ["arrow", "parquet"])
def test_every_system_gives_the_rows(settings, source):
    (result,) = gather.run(replace(settings, cases=(Case(source=source),), peers=None))
    installed = {name for name in LIBRARIES if systems.is_installed(name) and (name != "lance" or source == "arrow")}
    assert {one.library for one in result.systems} == installed | {"dsdm"}
    assert (result.rows, result.k, result.source) == (ROWS, SUBSET, source)
    for one in result.systems:
        assert not one.problem
        assert one.answer == "the rows asked for, in " + ("order" if one.ordered else "another order")
        assert one.ordered or "not in the order asked" in one.note
        assert len(one.times) == 1
        assert one.speed == pytest.approx(SUBSET * ROW_BYTES / one.seconds)
        assert one.memory > 0
        # From Parquet the whole process counts.
        assert (one.seconds > one.started) or source == "arrow"


def test_every_case(settings):
    others = cycle([(0.1, "random"), (50, "sorted"), (50, "random"), (0.1, "sorted"), (100, "random")])
    cases = tuple(
        Case(source=source, percent=percent, order=order, output=output, cold=cold)
        for (source, output, cold), (percent, order) in zip(
            product(("arrow", "parquet"), ("memory", "disk"), (False, True)), others, strict=False
        )
    )
    results = gather.run(replace(settings, cases=cases))
    assert [one.job for one in results] == [case.name for case in cases]
    assert len({case.name for case in cases}) == len({case.title for case in cases}) == len(cases)
    for result in results:
        (ours,) = result.systems
        assert ours.answer.startswith("the rows asked for, in order")
        assert ours.ratio == 1
        assert result.k == {0.1: 1, 50: 202, 100: ROWS}[result.percent]
        # What a folder is on may not be able to read past the page cache.
        assert result.cold or result.unit.seconds > 0


def test_rows_are_the_same_in_each_order():
    given, ascending = (contest.choose(ROWS, Case(order=order)) for order in ("random", "sorted"))
    assert (np.sort(given) == ascending).all()
    assert (given != ascending).any()
    assert len(np.unique(given)) == SUBSET


def test_a_wrong_order_is_named_and_has_no_time(settings, with_systems, capsys):
    with_systems("right", "reversed_rows")
    with pytest.raises(WrongAnswerError, match=r"Arrow, 10 %, .*: reversed_rows: WRONG: 40 rows are not those asked"):
        gather.run(replace(settings, peers=("pyarrow",)))
    lines = capsys.readouterr().out.splitlines()
    assert next(line for line in lines if "reversed_rows" in line).split()[1] == "WRONG:"
    assert "the rows asked for, in order" in next(line for line in lines if line.strip().startswith("right"))


def test_another_order_is_said_where_none_is_promised(settings, with_systems):
    with_systems("reversed_rows", ordered=False)
    (result,) = gather.run(replace(settings, peers=("pyarrow",)))
    assert result.systems[1].answer == "the rows asked for, in another order"


def test_a_peer_that_dies_is_named_and_the_others_are_measured(settings, with_systems, capsys):
    with_systems("refuses", "dies", "right")
    (result,) = gather.run(replace(settings, peers=("pyarrow",)))
    problems = {one.system: one.problem for one in result.systems if one.problem}
    assert problems == {
        "refuses": "failed: RuntimeError: ValueError: no such rows",
        "dies": "failed: ChildError: its process ended with code 3",
    }
    assert result.systems[3].seconds
    assert "failed: ChildError" in capsys.readouterr().out


def test_dsdm_must_not_die(settings, with_systems, monkeypatch):
    with_systems()
    monkeypatch.setattr(systems, "SYSTEMS", [replace(one, recipe="none") for one in systems.SYSTEMS])
    with pytest.raises(WrongAnswerError, match="dsdm: failed: ChildError"):
        gather.run(settings)


def test_what_is_not_installed_is_named(settings, monkeypatch, capsys):
    there = systems.is_installed
    monkeypatch.setattr(systems, "is_installed", lambda name: name in ("dsdm", "pyarrow") and there(name))
    (result,) = gather.run(replace(settings, peers=None))
    assert {one.library for one in result.systems} == {"dsdm", "pyarrow"}
    assert "not installed, so not compared with: datasets, polars, duckdb, lance\n" in capsys.readouterr().out


def test_processes_are_another_system_where_there_are_threads():
    for threads, count in ((1, 0), (2, 1)):
        found = systems.systems_for(Case(), ("datasets",), threads)
        assert sum(one.processes for one in found) == count


def test_json_and_chart(run, settings, tmp_path):
    options = ["--rows", ROWS, "--runs", 2, "--data", settings.folder, "--peers", "none", "--source", "arrow"]
    chosen = ["--density", 1, "--density", 20, "--order", "sorted"]
    code, out, errors = run("bench", "gather", *options, *chosen, "--json", "gather.json", "--plot", "gather.svg")
    assert code == 0, errors
    assert out.count("sorted order, output in memory, warm: ") == 2
    assert (tmp_path / "gather.svg").read_bytes().startswith(b"<?xml")
    report = json.loads((tmp_path / "gather.json").read_text())
    assert report.keys() == {
        *("date", "machine", "versions", "missing", "rows", "shards", "row_tokens", "dtype", "repeats"),
        *("budget", "jobs"),
    }
    assert (report["rows"], report["shards"], report["repeats"]) == (ROWS, 8, 2)
    assert report["machine"]["outputs"].keys() == {"memory"}
    assert report["versions"].keys() == {"dsdm", *LIBRARIES}
    assert [job["job"] for job in report["jobs"]] == ["arrow-1-sorted-memory-warm", "arrow-20-sorted-memory-warm"]
    job = report["jobs"][0]
    assert job.keys() == {
        *("job", "title", "rows", "k", "unit", "against", "systems", "source", "percent", "order", "output", "cold"),
    }
    assert job["unit"].keys() == {"name", "seconds", "bytes"}
    assert job["unit"]["bytes"] == job["k"] * ROW_BYTES
    (ours,) = job["systems"]
    assert ours.keys() >= {"system", "library", "version", "times", "seconds", "passes", "ratio", "memory", "answer"}
    assert ours.keys() >= {"speed", "started", "read", "ordered", "problem", "note"}
    assert len(ours["times"]) == 2


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--source", "csv"], "--source is csv; it is arrow or parquet"),
        (["--order", "any"], "--order is any; it is random or sorted"),
        (["--output", "tape"], "--output is tape; it is memory or disk"),
        (["--density", 0], "--density is 0 %; it is above 0 and at most 100"),
        (["--density", 101], "--density is 101 %"),
        (["--peers", "torch"], "--peers names torch; they are datasets,"),
        (["--rows", 3], "greater than or equal to 20"),
    ],
)
def test_wrong_usage(run, arguments, named):
    code, out, errors = run("bench", "gather", *arguments)
    assert (code, out) == (2, "")
    assert named in " ".join(errors.split())


def test_what_is_measured_where_some_is_named(monkeypatch, run):
    asked = []
    monkeypatch.setattr(gather, "run", lambda settings, **_: asked.append(settings))
    assert run("bench", "gather")[0] == 0
    assert run("bench", "gather", "--cold", "--density", 1, "--density", 1)[0] == 0
    assert run("bench", "gather", "--warm", "--cold", "--source", "parquet", "--peers", "polars")[0] == 0
    assert [one.cases for one in asked] == [
        gather.USUAL,
        (Case(percent=1, cold=True), Case(source="parquet", percent=1, cold=True)),
        (Case(source="parquet"), Case(source="parquet", cold=True)),
    ]
    assert asked[0].rows == 8 * 243_489
    assert (asked[0].peers, asked[2].peers) == (None, ("polars",))


def test_a_chart_that_cannot_be_is_refused_first(run, tmp_path):
    code, out, errors = run("bench", "gather", "--plot", "chart.pdf")
    assert (code, out, left(tmp_path)) == (1, "", [])
    assert "a chart is a .png or .svg file" in errors


def test_too_little_room_is_said_before_anything_is_made(run, monkeypatch, tmp_path):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(corpus.shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    monkeypatch.setattr(places, "_MEMORY", tmp_path)
    for output, why in (("memory", "the largest output in memory"), ("disk", "a corpus of 9,000 rows")):
        code, out, errors = run("bench", "gather", "--rows", 9000, "--output", output)
        assert (code, out) == (1, "")
        assert f"are needed for {why}" in errors
        assert "1.0 MB are free" in errors
        assert list(tmp_path.iterdir()) == []


def test_only_what_was_made_is_removed(settings, tmp_path, monkeypatch):
    before = left(settings.folder)
    gather.run(settings)
    assert left(settings.folder) == before
    other = replace(settings, rows=ROWS + 8, keep=True, cases=(Case(source="parquet"),))
    gather.run(other)
    kept = left(settings.folder)
    assert len(kept) == len(before) + 9
    # The Arrow cache is made for this run alone.
    gather.run(replace(other, keep=False, cases=(Case(),)))
    assert left(settings.folder) == kept
    monkeypatch.chdir(tmp_path / "memory")
    gather.run(replace(settings, folder=None, cases=(Case(source="parquet"),)))
    assert list((tmp_path / "memory").iterdir()) == []


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_process_and_leaves_nothing(settings, with_systems, monkeypatch, tmp_path, end):
    with_systems("waits")
    monkeypatch.setenv("STARTED", str(tmp_path / "started"))
    before = left(settings.folder)

    def interrupt():
        while not (tmp_path / "started").exists() or not (tmp_path / "started").read_text():
            time.sleep(0.01)
        os.kill(os.getpid(), end)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt if end == signal.SIGINT else SystemExit):
        gather.run(replace(settings, peers=("pyarrow",)))
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "started").read_text()), 0)
    assert left(settings.folder) == before
    assert list((tmp_path / "memory").iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_an_interrupt_while_shards_are_made_leaves_nothing(settings, monkeypatch, tmp_path):
    class Interrupted(corpus._Stoppable):
        def write(self, piece):
            if self._file.name.endswith("train-00002-of-00008.parquet"):
                raise KeyboardInterrupt
            return super().write(piece)

    monkeypatch.setattr(corpus, "_Stoppable", Interrupted)
    before = left(settings.folder)
    with pytest.raises(KeyboardInterrupt):
        gather.run(replace(settings, rows=ROWS + 1, keep=True))
    assert left(settings.folder) == before
    assert list((tmp_path / "memory").iterdir()) == []


def test_shards_stop_when_told():
    stop = threading.Event()
    file = corpus._Stoppable(sys.stdout, stop)
    assert file.name == sys.stdout.name
    stop.set()
    with pytest.raises(InterruptedError):
        file.write(b"")


# --- the corpus ------------------------------------------------------------------------------------------------


def test_both_sources_have_the_rows_of_the_hashes(made):
    files = corpus.Corpus(made, ROWS, 2)
    counts = [parquet.ParquetFile(file).metadata.num_rows for file in files.files("parquet")]
    assert len(counts) == 8
    assert max(counts) - min(counts) == 1
    tokens = np.concatenate([piece for rank, rows in enumerate(counts) for piece in corpus.draw(rank, rows)])
    assert tokens.shape == (ROWS, ROW_TOKENS)
    from_parquet = pa.concat_tables(map(parquet.read_table, files.files("parquet")))
    from_arrow = pa.concat_tables(ipc.open_stream(file).read_all() for file in files.files("arrow"))
    for table in (from_parquet, from_arrow):
        assert table.column_names == ["input_ids"]
        assert table.schema.types[0].value_type == pa.uint16()
        np.testing.assert_array_equal(np.array(table["input_ids"].to_pylist()), tokens)
    np.testing.assert_array_equal(files.hashes, corpus.hash_rows(tokens))
    (chunk,) = {
        parquet.ParquetFile(file).metadata.row_group(0).column(0).compression for file in files.files("parquet")
    }
    assert chunk == "SNAPPY"


def test_a_hash_is_the_sum_of_weighted_words():
    tokens = next(corpus.draw(0, 3))
    weights = [int(weight) for weight in corpus._weights()]
    for row, found in zip(tokens, corpus.hash_rows(tokens), strict=True):
        words = np.frombuffer(row.tobytes(), "<u8")
        assert found == sum(int(word) * weight for word, weight in zip(words, weights, strict=True)) % 2**64


def test_tokens_are_as_frequent_as_words():
    tokens = np.concatenate(list(corpus.draw(3, 5_000))).ravel()
    assert tokens.max() < 50_257
    counts = np.bincount(tokens, minlength=50_257)
    frequencies = 1 / (np.arange(50_257) + 2.7)
    expected = frequencies / frequencies.sum() * len(tokens)
    for rank in (0, 1, 10, 100, 1_000):
        assert counts[rank] == pytest.approx(expected[rank], rel=0.15)
    # The rarest half is there too, as often as it should be.
    assert counts[25_000:].sum() == pytest.approx(expected[25_000:].sum(), rel=0.02)


# --- what is compared with -------------------------------------------------------------------------------------


def test_where_arrow_rows_lie(made):
    files = corpus.Corpus(made, ROWS, 2)
    rows = np.array([ROWS - 1, 0, 7, 8, 200, 7])
    hashes, heads = [], []
    for one in reads.needed(files.files("arrow"), rows):
        content = one.file.read_bytes()
        assert sorted(one.ranges[:, 0]) == one.ranges[:, 0].tolist()
        spans = [content[start:end] for start, end in one.ranges]
        hashes += [
            corpus.hash_rows(np.frombuffer(span, np.uint16)[None])[0] for span in spans if len(span) == ROW_BYTES
        ]
        heads += [span for span in spans if len(span) != ROW_BYTES]
    np.testing.assert_array_equal(hashes, files.hashes[np.unique(rows)])
    assert heads
    assert all(b"\xff\xff\xff\xff" in head for head in heads)


def test_where_parquet_row_groups_lie(tmp_path):
    tokens = next(corpus.draw(0, 100))
    parquet.write_table(corpus.as_table(tokens), tmp_path / "a.parquet", row_group_size=30)
    parquet.write_table(corpus.as_table(tokens), tmp_path / "b.parquet", row_group_size=30)
    first, second = reads.needed([tmp_path / "a.parquet", tmp_path / "b.parquet"], np.array([95, 31, 59, 130]))
    groups = [parquet.ParquetFile(tmp_path / "a.parquet").metadata.row_group(number).column(0) for number in range(4)]
    assert first.ranges.tolist() == [
        [
            groups[number].dictionary_page_offset,
            groups[number].dictionary_page_offset + groups[number].total_compressed_size,
        ]
        for number in (1, 3)
    ]
    assert len(second.ranges) == 1
    assert second.ranges[0, 0] == groups[1].dictionary_page_offset


@given(
    starts=st.lists(st.integers(0, 200_000), max_size=30, unique=True).map(sorted),
    length=st.integers(1, 5_000),
    gap=st.sampled_from([0, 4_096, 20_000]),
)
def test_merged_ranges_are_the_blocks_and_the_gaps(starts, length, gap):
    ranges = np.array([[start, start + length] for start in starts], np.int64).reshape(-1, 2)
    blocks = sorted({block for start, end in ranges for block in range(start // 4096, (end - 1) // 4096 + 1)})
    expected = []
    for block in blocks:
        if expected and block * 4096 <= expected[-1][1] + gap:
            expected[-1][1] = (block + 1) * 4096
        else:
            expected.append([block * 4096, (block + 1) * 4096])
    assert reads._merged(ranges, gap) == expected


@pytest.mark.parametrize("written", [None, 0, 2_500_000])
def test_ways_of_reading_read_what_is_needed_and_write_as_much(made, tmp_path, written):
    files = corpus.Corpus(made, ROWS, 2).files("arrow")
    wanted = reads.needed(files, np.arange(0, ROWS, 5))
    for one in reads.reads(wanted, written or 0, None if written is None else tmp_path):
        if hasattr(os, "O_DIRECT"):
            assert "past the page cache" in one.check(one.run())
            assert [path.stat().st_size for path in tmp_path.iterdir()] == ([] if written is None else [written])
        with pytest.raises(WrongAnswerError, match=f"7 bytes were read of {sum(one.bytes for one in wanted):,}"):
            one.check(7)


@pytest.mark.parametrize("size", [1, ROW_BYTES * 100, 25_000_000])
def test_copies_have_the_bytes_of_the_sources(tmp_path, size):
    content = [np.random.default_rng(seed).bytes(5_000_000 + seed) for seed in range(2)]
    files = [tmp_path / "a", tmp_path / "b"]
    for path, one in zip(files, content, strict=True):
        path.write_bytes(one)
    again = (b"".join(content) * (size // 10_000_000 + 1))[:size]
    out = tmp_path / "out"
    for one in copies(files, size, out, 3, flush=True):
        out.mkdir()
        assert one.check(one.run()) == "all bytes"
        assert b"".join(path.read_bytes() for path in sorted(out.iterdir())) == again
        shutil.rmtree(out)
    out.mkdir()
    with pytest.raises(WrongAnswerError, match="0 bytes were copied"):
        one.check(None)


# --- the check -------------------------------------------------------------------------------------------------


def written(folder, rows, *, column="input_ids", form="stream"):
    table = rows if isinstance(rows, pa.Table) else corpus.as_table(rows).rename_columns([column])
    folder.mkdir(exist_ok=True)
    if form == "parquet":
        parquet.write_table(table, folder / "rows.parquet")
        return folder
    new = ipc.new_file if form == "file" else ipc.new_stream
    with new(str(folder / "rows.arrow"), table.schema) as writer:
        writer.write_table(table, max_chunksize=7)
    return folder


@pytest.mark.parametrize("form", ["stream", "file", "parquet"])
def test_right_rows_are_found_in_every_form(tmp_path, form):
    tokens = next(corpus.draw(0, 20))
    hashes = corpus.hash_rows(tokens)
    out = written(tmp_path / "out", tokens, form=form)
    assert outputs.check(out, hashes, ordered=True) == "the rows asked for, in order"
    assert outputs.check(out, hashes[::-1], ordered=False) == "the rows asked for, in another order"
    with pytest.raises(WrongAnswerError, match="20 rows are not those asked for at their place, the first at 0"):
        outputs.check(out, hashes[::-1], ordered=True)


def test_shards_are_read_in_the_order_of_the_state(tmp_path):
    tokens = next(corpus.draw(0, 20))
    for name, part in (("b", tokens[:15]), ("a", tokens[15:])):
        written(tmp_path, part)
        (tmp_path / "rows.arrow").rename(tmp_path / f"{name}.arrow")
    state = {"_data_files": [{"filename": "b.arrow"}, {"filename": "a.arrow"}]}
    (tmp_path / "state.json").write_text(json.dumps(state))
    assert outputs.check(tmp_path, corpus.hash_rows(tokens), ordered=True)


def test_wrong_rows_are_found(tmp_path):
    tokens = next(corpus.draw(0, 20))
    hashes = corpus.hash_rows(tokens)
    one_token = tokens.copy()
    one_token[11, 1023] ^= 1
    twice = tokens.copy()
    twice[3] = twice[4]
    wrong = {
        "19 rows in place of 20": tokens[:19],
        "0 rows in place of 20": tokens[:0],
        "1 rows are not those asked for at their place, the first at 11": one_token,
        "first at 3": twice,
        r"\['tokens'\] in place of input_ids": corpus.as_table(tokens).rename_columns(["tokens"]),
        "int32.* in place of lists of uint16": corpus.as_table(tokens).cast(
            pa.schema({"input_ids": pa.list_(pa.int32())})
        ),
        "another length than 1,024": pa.table(
            {"input_ids": [[1] * 1023]}, pa.schema({"input_ids": pa.list_(pa.uint16())})
        ),
        "1 nulls": pa.table({"input_ids": [None]}, pa.schema({"input_ids": pa.list_(pa.uint16())})),
    }
    for message, rows in wrong.items():
        with pytest.raises(WrongAnswerError, match=message):
            outputs.check(written(tmp_path / "out", rows), hashes, ordered=True)
    with pytest.raises(WrongAnswerError, match=r"about \d+ rows are others"):
        outputs.check(written(tmp_path / "out", twice), hashes, ordered=False)
    with pytest.raises(WrongAnswerError, match="no shard was written"):
        outputs.check(tmp_path / "none", hashes, ordered=True)


# --- processes -------------------------------------------------------------------------------------------------

FAMILY = """
import subprocess, sys
print("ready", flush=True)
sys.stdin.readline()
child = subprocess.Popen([sys.executable, "-c", "x = b'x' * 50_000_000; print('done', flush=True); input()"])
child.wait()
"""


def test_the_memory_of_a_process_has_that_of_its_children():
    with process.Child([sys.executable, "-c", FAMILY]) as child:
        child.next_word("ready")
        before = child.anonymous()
        child.proceed()
        most = child.watch(0.002)
        child.next_word("done")
        assert max(most, child.anonymous()) - before > 50_000_000
        child.proceed()


def test_no_process_outlives_an_error():
    sleeper = (
        "import subprocess, sys; child = subprocess.Popen(['sleep', '60']); print('ready', child.pid, flush=True); "
        "child.wait()"
    )
    pids = []

    def fail():
        with process.Child([sys.executable, "-c", sleeper]) as child:
            pids.append(int(child.next_word("ready")))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    for _ in range(500):
        status = Path(f"/proc/{pids[0]}/status")
        if not status.exists() or "State:\tZ" in status.read_text():
            return
        time.sleep(0.01)
    pytest.fail("the process of the process is still there")
