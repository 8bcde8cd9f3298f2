"""Every call and command over corpora of JSON lines, plain and packed: what they give is what plain lists give."""

import gzip
import json
import multiprocessing
import pickle
import resource
import signal

import numpy as np
import pyarrow as pa
import pytest

import dsdm
from dsdm import open_shards
from dsdm.dataset import open_dataset

ROWS = 600
PACKINGS = {
    "jsonl": bytes,
    "json.gz": gzip.compress,
    "jsonl.zst": lambda data: pa.Codec("zstd").compress(data, asbytes=True),
}


def row(number):
    made = {
        "id": f"row-{number}",
        "text": "é" * (number % 13),
        "tokens": [*range(number % 7)],
        "kind": "abc"[number % 3],
    }
    return made if number % 5 else {**made, "meta": {"score": number / 4}}


EXPECTED = [{**row(number), "meta": row(number).get("meta")} for number in range(ROWS)]


@pytest.fixture(params=PACKINGS)
def corpus(request, tmp_path):
    """Give a directory of three shards, of which one ends with no end of a line and one has blank ones."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    ends = ["\n", "\r\n", "\n\n"]
    for number, (start, end) in enumerate(((0, 100), (100, 101), (101, ROWS))):
        text = ends[number].join(json.dumps(row(at)) for at in range(start, end)).encode()
        (folder / f"{number}.{request.param}").write_bytes(PACKINGS[request.param](text))
    return folder


@pytest.fixture
def scores(tmp_path):
    values = np.random.default_rng(2).permutation(ROWS).astype(np.float32)
    np.save(tmp_path / "scores.npy", values)
    return values


def alike(found, expected):
    return [{**one} for one in found] == expected


@pytest.mark.parametrize("order", ["given", "row", "shuffle"])
def test_rows_are_written_in_the_order_that_is_asked_for(corpus, tmp_path, order):
    chosen = np.random.default_rng(1).permutation(ROWS)[:250]
    seed = {"seed": 5} if order == "shuffle" else {}
    out = tmp_path / "out"
    plan = dsdm.plan(corpus, chosen, num_shards=4, row_order=order, **seed)
    assert plan.rows == 250
    report = dsdm.materialize(corpus, chosen, out, num_shards=4, row_order=order, **seed)
    assert (report.rows, report.shards) == (250, 4)
    found = list(open_shards(out))
    expected = [EXPECTED[number] for number in (np.sort(chosen) if order == "row" else chosen)]
    if order == "shuffle":
        key = json.dumps
        assert sorted(map(key, found)) == sorted(map(key, expected))
        assert found != expected
        # As of a table of the same rows.
        table = pa.Table.from_pylist(EXPECTED, schema=open_shards(corpus).schema)
        dsdm.materialize(table, chosen, tmp_path / "of a table", num_shards=4, row_order=order, **seed)
        expected = list(open_shards(tmp_path / "of a table"))
    assert found == expected
    assert dsdm.verify(out).rows == 250


def test_slices_columns_and_iteration(corpus):
    opened = open_shards(corpus)
    assert len(opened) == ROWS
    assert list(opened) == EXPECTED
    for cut in (slice(None), slice(95, 105), slice(-3, None), slice(None, None, -7), slice(101, 100), slice(0, 0)):
        assert opened[cut] == {name: [one[name] for one in EXPECTED[cut]] for name in EXPECTED[0]}
    for number in (0, 99, 100, 101, -1, ROWS - 1):
        assert opened[number] == EXPECTED[number]
    with pytest.raises(IndexError):
        opened[ROWS]
    some = open_shards(corpus, columns=["kind", "id"])
    assert some[:] == {name: [one[name] for one in EXPECTED] for name in ("kind", "id")}


def test_pickles_and_processes_see_the_same_rows(corpus):
    opened = open_shards(corpus)
    assert list(pickle.loads(pickle.dumps(opened))) == EXPECTED  # noqa: S301
    wanted = [[*range(start, ROWS, 9)] for start in range(4)]
    # What was read before the fork, and where to, is the parent's.
    assert opened[300]["id"] == "row-300"
    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = pool.map(_taken, [(opened, rows) for rows in wanted])
    assert found == [[EXPECTED[number] for number in rows] for rows in wanted]
    lazy = open_dataset(corpus)
    mapped = lazy.map(lambda one: {"length": len(one["text"])}, num_proc=2)
    assert mapped["length"] == [len(one["text"]) for one in EXPECTED]


def _taken(arguments):
    opened, rows = arguments
    return opened.take(rows).to_pylist()


@pytest.mark.parametrize("column", ["tokens", "text"])
def test_a_budget_of_lengths_of_a_column(corpus, scores, column):
    lengths = [len(one[column]) if column == "tokens" else len(one[column].encode()) for one in EXPECTED]
    chosen = dsdm.choose(scores, tokens=500, lengths=open_shards(corpus).lengths(column))
    expected, left = [], 500
    for number in np.argsort(-scores, kind="stable"):
        if lengths[number] > left:
            break
        left -= lengths[number]
        expected.append(int(number))
    assert chosen.indices.tolist() == expected


def test_groups_of_a_column_and_a_report_of_them(corpus, scores, tmp_path):
    groups = open_shards(corpus).column("kind")
    chosen = dsdm.choose(scores, per_group=7, groups=groups)
    best = []
    for kind in "abc":
        of_kind = [number for number in range(ROWS) if EXPECTED[number]["kind"] == kind]
        best += sorted(of_kind, key=lambda number: -scores[number])[:7]
    assert sorted(chosen.indices.tolist()) == sorted(best)
    out = tmp_path / "out"
    dsdm.materialize(corpus, chosen, out)
    assert alike(open_shards(out), [EXPECTED[number] for number in chosen.indices])
    assert str(chosen.report())


def test_values_are_joined_by_an_id_of_the_corpus(corpus):
    values = {one["id"]: number / 2 for number, one in enumerate(EXPECTED) if number % 4}
    found = np.asarray(dsdm.align(values, corpus, on="id"))
    expected = [number / 2 if number % 4 else np.nan for number in range(ROWS)]
    np.testing.assert_array_equal(found, np.array(expected))


def test_commands_take_lines(corpus, scores, run):
    shards = corpus.name
    code, said, error = run("materialize", shards, "out", "--by", "scores.npy", "-k", 40, "--json")
    assert code == 0, error
    assert json.loads(said)["rows"] == 40
    best = np.argsort(-scores, kind="stable")
    assert list(open_shards("out")) == [EXPECTED[number] for number in best[:40]]
    code, said, error = run("verify", "out", "--json")
    assert code == 0, error
    code, said, error = run("materialize", shards, "tried", "--by", "scores.npy", "-k", 40, "--dry-run")
    assert code == 0, error
    arguments = ["--by", "scores.npy", "--tokens", 300, "--lengths", "tokens"]
    code, said, error = run("materialize", shards, "budget", *arguments)
    assert code == 0, error
    ids = [EXPECTED[number] for number in best]
    lengths = np.cumsum([len(one["tokens"]) for one in ids])
    assert list(open_shards("budget")) == ids[: int((lengths <= 300).sum())]
    code, said, error = run("materialize", shards, "groups", "--by", "scores.npy", "--per-group", 2, "--groups", "kind")
    assert code == 0, error
    of_kind = {kind: [one for one in ids if one["kind"] == kind][:2] for kind in "abc"}
    assert list(open_shards("groups")) == [one for one in ids if one in of_kind[one["kind"]]]
    code, said, error = run("report", "out", "--html", "out.html")
    assert code == 0, error


def test_a_run_that_was_interrupted_goes_on(corpus, tmp_path):
    # The last shard is the largest, and is cut.
    chosen = sorted(range(0, ROWS, 2), key=lambda number: len(str(EXPECTED[number])))
    dsdm.materialize(corpus, chosen, tmp_path / "whole", num_shards=3, threads=1)
    sizes = sorted(path.stat().st_size for path in (tmp_path / "whole").glob("*.arrow"))
    assert len(sizes) == 3
    out = tmp_path / "out"
    context = multiprocessing.get_context("spawn")
    child = context.Process(target=_limited, args=(str(corpus), chosen, str(out), sizes[-1] - 1))
    child.start()
    child.join()
    assert not out.exists()
    report = dsdm.materialize(corpus, chosen, out, num_shards=3, threads=1)
    assert report.kept == 2
    names = [path.name for path in sorted((tmp_path / "whole").iterdir())]
    assert [path.name for path in sorted(out.iterdir())] == names
    assert all((out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes() for name in names)


def _limited(corpus, chosen, out, size):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    with pytest.raises(OSError, match="writing"):
        dsdm.materialize(corpus, chosen, out, num_shards=3, threads=1)
