"""Options are looked at by everything that takes them, whether or not it uses them."""

import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm import selections
from dsdm.dataset import open_dataset
from dsdm.demo.torch_file import write_tensor
from dsdm.reference import UNUSED

TABLE = pa.table({"id": list(range(10))})
SCORES = np.arange(10, dtype=np.float32)

WRONG = [
    ({"order": "nonsense"}, ValueError, 'order is "nonsense"; it is one of "best_first", "best_last", "row"'),
    ({"nan": "nonsense"}, ValueError, 'nan is "nonsense"; it is one of "raise", "omit", "largest", "smallest"'),
    ({"order": 3}, TypeError, "order is 3"),
    ({"threads": -5}, ValueError, "threads is -5; a number from 1 to 1024 is needed"),
    ({"threads": 1025}, ValueError, "threads is 1025"),
    ({"threads": 2**70}, ValueError, "threads is 1180591620717411303424"),
    ({"threads": True}, TypeError, "threads is True; a whole number is needed"),
    ({"threads": 1.5}, TypeError, r"threads is 1\.5; a whole number is needed"),
    ({"exclude": [0.5]}, TypeError, "exclude holds float64"),
    ({"exclude": [[1]]}, ValueError, r"exclude has shape \(1, 1\)"),
    ({"exclude": [-1]}, IndexError, r"exclude\[0\] is -1"),
    ({"exclude": np.array([1, 2**63], np.uint64)}, IndexError, rf"exclude\[1\] is {2**63}, which is no row number"),
    ({"exclude": [1, 2**64]}, IndexError, rf"exclude\[1\] is {2**64}, which is no row number"),
]
OF_METHODS = [
    ({"seed": -1}, ValueError, "seed is -1; it cannot be negative"),
    ({"seed": "1"}, TypeError, "seed is '1'; a whole number is needed"),
    ({"rows": -1}, ValueError, "rows is -1"),
    ({"rows": 1.5}, TypeError, r"rows is 1\.5"),
    ({"rows": 2**63}, ValueError, f"rows is {2**63}"),
]


def case(options, *rest):
    return pytest.param(options, *rest, id=str(options))


@pytest.mark.parametrize(("options", "error", "message"), [case(*wrong) for wrong in WRONG + OF_METHODS])
@pytest.mark.parametrize("method", ["dsdm", "classifier", "dsir", "random", "semdedup"])
def test_every_method_looks_at_every_option(upstream_mini, method, options, error, message):
    target = None if method in ("random", "semdedup") else "squad"
    base = {"data_dir": upstream_mini, "seed": 1, "rows": 100}
    base = {name: value for name, value in base.items() if name not in UNUSED[method]}
    with pytest.raises(error, match=message):
        dsdm.get_indices(method, 3, target, **{**base, **options})


@pytest.mark.parametrize(("options", "error", "message"), [case(*wrong) for wrong in WRONG])
@pytest.mark.parametrize("k", [0, 3])
@pytest.mark.parametrize("select", [dsdm.top_k, dsdm.gumbel_top_k])
def test_every_selection_does(select, k, options, error, message):
    with pytest.raises(error, match=message):
        select(SCORES, k, **options)


@pytest.mark.parametrize(("options", "error", "message"), [case(*wrong) for wrong in WRONG if "th" in str(wrong[0])])
def test_a_sample_does(options, error, message):
    for population in (10, np.arange(10)):
        with pytest.raises(error, match=message):
            dsdm.sample(population, 0, **options)
    with pytest.raises(TypeError, match="population is True"):
        dsdm.sample(True, 1)  # noqa: FBT003


def test_what_only_counts_as_true_or_as_a_number_is_refused():
    with pytest.raises(TypeError, match="largest is 'no'; True or False is needed"):
        dsdm.top_k(SCORES, 1, largest="no")
    for temperature in ("1", True, None):
        with pytest.raises(TypeError, match="temperature is "):
            dsdm.gumbel_top_k(SCORES, 0, temperature=temperature)
    for temperature in (0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"temperature is .*; a finite number above 0"):
            dsdm.gumbel_top_k(SCORES, 0, temperature=temperature)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        case({"verify": "yes"}, TypeError, "verify is 'yes'; True or False is needed"),
        case({"resume": "never"}, TypeError, "resume is 'never'; True or False is needed"),
        case({"overwrite": 1}, TypeError, "overwrite is 1; True or False is needed"),
        case({"progress": "bar"}, TypeError, "progress is 'bar'; True or False is needed"),
        case({"selection": ["a"]}, TypeError, "selection is a list; a mapping"),
        case({"row_ids": True}, TypeError, "row_ids is True; the name of a column is needed"),
        case({"memory_limit": "much"}, ValueError, "memory_limit='much'"),
        case({"max_shard_size": 0}, ValueError, "max_shard_size is 0 bytes"),
        case({"threads": -5}, ValueError, "threads is -5"),
        case({"seed": 1}, ValueError, "seed=1 belongs to row_order='shuffle'"),
        case({"seed": -1, "row_order": "shuffle"}, ValueError, "seed is -1"),
    ],
)
def test_what_writing_takes_a_plan_looks_at(tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        dsdm.plan(TABLE, [1], **options)
    with pytest.raises(error, match=message):
        dsdm.materialize(TABLE, [1], tmp_path / "out", **options)
    assert list(tmp_path.iterdir()) == []


def test_threads_are_looked_at_where_nothing_is_opened():
    for call in (
        lambda: dsdm.open_shards(TABLE, threads=-5),
        lambda: dsdm.select(TABLE, [1], threads=-5),
        lambda: dsdm.open_shards(TABLE).take([], threads=-5),
    ):
        with pytest.raises(ValueError, match="threads is -5"):
            call()
    with pytest.raises(ValueError, match="num_proc is 0"):
        selections.get_candidate_dataset(num_proc=0)


def test_reading_options_that_no_file_has_a_use_for_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", SCORES)
    write_tensor(tmp_path / "a.pt", SCORES)
    with pytest.raises(ValueError, match=r"column='x' is for Arrow and Parquet files, and .*a\.npy is none"):
        dsdm.open_scores(tmp_path / "a.npy", column="x")
    with pytest.raises(ValueError, match=r"column='x' is for Arrow and Parquet files, and .*a\.pt is none"):
        dsdm.open_scores(tmp_path / "a.pt", column="x")
    with pytest.raises(ValueError, match=r"key='x' is for \.pt, .*a\.npy is none"):
        dsdm.open_scores(tmp_path / "a.npy", key="x")
    with pytest.raises(TypeError, match="key is 3; a name is needed"):
        dsdm.open_scores(tmp_path / "a.pt", key=3)
    with pytest.raises(ValueError, match='io is "disk"; it is one of "mmap", "pread"'):
        dsdm.open_scores(tmp_path / "a.npy", io="disk")
    with pytest.raises(TypeError, match="verify is 'yes'"):
        dsdm.open_scores(tmp_path / "a.npy", verify="yes")
    with pytest.raises(TypeError, match="nonsense"):
        dsdm.open_scores(tmp_path / "a.npy", dtype="nonsense")


ROWS_BY_IO = {
    "open_shards": lambda source, io, _: dsdm.open_shards(source, io=io),
    "open_dataset": lambda source, io, _: open_dataset(source, io=io),
    "select": lambda source, io, _: dsdm.select(source, [1], io=io),
    "plan": lambda source, io, _: dsdm.plan(source, [1], io=io),
    "materialize": lambda source, io, out: dsdm.materialize(source, [1], out, io=io, progress=False),
}


@pytest.mark.parametrize("name", ROWS_BY_IO)
def test_rows_are_read_in_a_way_that_there_is(tmp_path, name):
    call, out, path = ROWS_BY_IO[name], tmp_path / "out", tmp_path / "a.parquet"
    pq.write_table(TABLE, path)
    for source in (path, TABLE):
        with pytest.raises(ValueError, match='io is "disk"; it is one of "mmap", "pread"'):
            call(source, "disk", out)
        with pytest.raises(TypeError, match='io is None; it is one of "mmap", "pread"'):
            call(source, None, out)
    for opened in (TABLE, dsdm.open_shards(path), open_dataset(path)):
        with pytest.raises(ValueError, match='io="pread" is for files that this call opens'):
            call(opened, "pread", out)
    for source in (dsdm.open_shards(path, io="pread"), open_dataset(path, io="pread")):
        assert call(source, "mmap", out)
        assert call(source, "pread", tmp_path / "other")
        shutil.rmtree(out, ignore_errors=True)
        shutil.rmtree(tmp_path / "other", ignore_errors=True)


@pytest.mark.parametrize("order", ["best_first", "best_last"])
@pytest.mark.parametrize("method", ["random", "semdedup"])
def test_draws_without_scores_have_no_best(method, order):
    with pytest.raises(ValueError, match="has no scores to order by"):
        dsdm.get_indices(method, 1, rows=10, order=order)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["indices", "s.npy", "-k", 1, "-o", "o.npy", "--column", "x"], "--column is 'x', and no Arrow or Parquet"),
        (["indices", "s.npy", "-k", 1, "-o", "o.npy", "--key", "x"], "--key is 'x', and no .pt"),
        (["indices", "random", "-k", 1, "-o", "o.npy", "--column", "x"], "--column is 'x', and no Arrow or Parquet"),
        (["indices", "random", "-k", 1, "-o", "o.npy", "--dtype", "f4"], "--dtype is 'f4', and no score files"),
        (["indices", "s.npy", "-k", 1, "-o", "o.npy", "--data-dir", "."], "--data-dir goes with a method"),
        (["indices", "random", "-k", 1, "-o", "o.npy", "--threads", -5], "threads is -5"),
        (["indices", "random", "-k", 1, "-o", "o.npy", "--order", "best_last"], "no scores to order by"),
        (["indices", "semdedup", "-k", 1, "-o", "o.npy", "--order", "best_first"], "no scores to order by"),
        (["indices", "random", "-k", 1, "-o", "o.npy", "--nan", "omit"], "random has no use for --nan"),
        (["indices", "random", "-k", 1, "-o", "o.npy", "--data-dir", "."], "random has no use for --data-dir"),
        (["indices", "semdedup", "-k", 1, "-o", "o.npy", "--nan", "largest"], "semdedup has no use for --nan"),
        (["indices", "dsdm", "-t", "squad", "-k", 1, "-o", "o.npy", "--seed", 1], "dsdm has no use for --seed"),
        (["indices", "random", "-k", 1, "-o", "o.npy", "--sort", "name"], "random is a method"),
        (["indices", "dsdm", "-t", "squad", "-k", 1, "-o", "o.npy", "--partial"], "dsdm is a method"),
        (["materialize", "c", "o", "--by", "random", "-k", 1, "--order", "best_last"], "no scores to order by"),
        (["scores", "s.npy", "--column", "x"], "--column is 'x', and no Arrow or Parquet"),
        (["materialize", "c", "o", "-i", "i.npy", "-k", 3, "--seed", 1], "-k and --seed with --indices has no use"),
        (["materialize", "c", "o", "-i", "i.npy", "--nan", "omit"], "--nan with --indices has no use"),
        (["materialize", "c", "o", "-i", "i.npy", "--column", "x"], "--column is 'x', and no Arrow or Parquet"),
    ],
)
def test_the_command_refuses_what_it_would_not_use(run, tmp_path, arguments, message):
    np.save(tmp_path / "s.npy", SCORES)
    np.save(tmp_path / "i.npy", np.arange(3))
    dsdm.materialize(TABLE, range(10), tmp_path / "c")
    code, _, err = run(*arguments)
    assert code != 0
    assert message in " ".join(err.replace("│", " ").split())
    assert not (tmp_path / "o").exists()
    assert not (tmp_path / "o.npy").exists()
