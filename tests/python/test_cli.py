"""The command line."""

import json
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm


@pytest.fixture
def scores(tmp_path):
    values = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    np.save(tmp_path / "scores.npy", values)
    return values


@pytest.mark.parametrize("command", ["demo", "fetch", "scores", "indices", "materialize", "verify", "bench"])
def test_every_command_has_help_and_those_with_files_examples(run, command):
    code, out, _ = run(command, "--help")
    assert code == 0
    assert "Usage:" in out
    assert command == "demo" or f"\n    dsdm {command} " in out


def test_the_version_is_the_modules(run):
    assert run("--version")[:2] == (0, f"dsdm {dsdm.__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        ("import dsdm", "numpy pyarrow pandas datasets pooch requests tqdm platformdirs typer click rich dsdm_bench"),
        (
            "from dsdm.cli import main; sys.argv = ['dsdm', '--help']; main()",
            "numpy pyarrow pandas datasets pooch requests tqdm platformdirs rich dsdm_bench dsdm.demo",
        ),
    ],
)
def test_what_is_heavy_is_not_imported_to_begin(arguments, unwanted):
    """How long it takes is measured by `dsdm bench startup`."""
    tell = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr))"
    done = subprocess.run([sys.executable, "-c", f"{tell}; {arguments}"], check=True, capture_output=True, text=True)  # noqa: S603
    modules = set(done.stderr.split())
    assert "dsdm" in modules
    assert not modules & set(unwanted.split())


def test_a_summary_is_numpys(run, scores):
    code, out, _ = run("scores", "scores.npy")
    assert code == 0
    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert lines["dtype"] == "float32"
    assert lines["rows"] == "1,000"
    assert lines["NaN"] == "0"
    low, high = map(float, lines["range"].split(" to "))
    assert (low, high) == pytest.approx((scores.min(), scores.max()))
    assert float(lines["mean"]) == pytest.approx(scores.astype(np.float64).mean())
    assert float(lines["std"]) == pytest.approx(scores.astype(np.float64).std())
    assert float(lines["50%"]) == pytest.approx(np.quantile(scores, 0.5, method="inverted_cdf"))


def test_a_summary_of_many_blocks_is_that_of_the_whole(monkeypatch):
    from dsdm.cli.facts import scores as summary

    class Vector(np.ndarray):
        paths = ()

    values = np.random.default_rng(1).normal(5, 2, size=1003)
    values[[3, 500]] = np.nan
    monkeypatch.setattr(summary, "_BLOCK", 100)
    monkeypatch.setattr(summary, "_SAMPLE", 50)
    lines = dict(summary.summarize(summary.facts(values.view(Vector))))
    assert lines["NaN"] == "2"
    assert float(lines["mean"]) == pytest.approx(np.nanmean(values))
    assert float(lines["std"]) == pytest.approx(np.nanstd(values))
    spaced = values[::21]
    assert float(lines["50% about"]) == pytest.approx(np.quantile(spaced, 0.5, method="inverted_cdf"))


@pytest.mark.parametrize(
    ("size", "k"),
    [
        (["-k", 7], 7),
        (["-k", "1e2"], 100),
        (["-k", "0.5e1"], 5),
        (["-k", "1_000"], 1000),
        (["--fraction", 0.29], 290),
        (["--tokens", "1e4", "--row-tokens", 1024], 9),
        (["-k", 0], 0),
        (["-k", "0.5K"], 500),
        (["--tokens", "0.01m", "--row-tokens", 100], 100),
        (["--tokens", "2e-9T", "--row-tokens", "1K"], 2),
    ],
)
def test_sizes(run, size, k, scores, tmp_path):
    code, _, errors = run("indices", "scores.npy", *size, "-o", "rows.npy")
    each = {"1024": 1024, "100": 100, "1K": 1000}[str(size[3])] if "--row-tokens" in size else None
    tokens, counted = (
        (f" of {k * each:,} tokens", f", counted as {each:,} for each row (--row-tokens)") if each else ("", "")
    )
    none = "" if k else "dsdm: no row was chosen, and what is written has none\n"
    assert (code, errors) == (0, f"{k:,} rows{tokens} selected{counted}\n{none}")
    rows = np.load(tmp_path / "rows.npy")
    assert rows.dtype == np.int64
    np.testing.assert_array_equal(rows, np.argsort(-scores, kind="stable")[:k])


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "exactly one of -k, --fraction and --tokens, or a rule that says how many"),
        (["-k", 3, "--fraction", 0.1], "-k and --fraction given"),
        (["--fraction", 1.5], "--fraction is 1.5"),
        (["--fraction", "5%"], "'5%' is no number"),
        (["-k", "five"], "'five' is no whole number"),
        (["-k", "1.5"], "'1.5' is no whole number"),
        (["-k", "1.2345K"], "'1.2345K' is no whole number"),
        (["-k", "K"], "'K' is no whole number"),
        (["-k", "5X"], "'5X' is no whole number"),
        (["--tokens", "1e30B", "--row-tokens", 9], "--tokens is '1e30B'; it must be below 2^63"),
        (["--tokens", "nanB", "--row-tokens", 9], "--tokens is 'nanB'"),
        (["-k", 3, "--rows", "x"], "'x' is no whole number"),
        (["--tokens", "many", "--row-tokens", 9], "--tokens is 'many'"),
        (["--tokens", "1e4"], "--tokens needs --lengths here"),
        (["-k", 3, "--row-tokens", 9], "--row-tokens is 9; it goes with --tokens"),
        (["-k", 3, "--target", "squad"], "--target goes with a method"),
        (["-k", 3, "--seed", 3], "--seed with score files needs --gumbel"),
        (["-k", 3, "--smallest", "--gumbel"], "--smallest and --gumbel do not go together"),
    ],
)
@pytest.mark.usefixtures("scores")
def test_wrong_usage_is_exit_code_2(run, arguments, named, tmp_path):
    code, _, errors = run("indices", "scores.npy", *arguments, "-o", "rows.npy")
    assert code == 2
    assert named in " ".join(errors.split())
    assert not (tmp_path / "rows.npy").exists()


def test_smallest_order_and_exclude(run, scores, tmp_path):
    np.save(tmp_path / "no.npy", np.argsort(scores)[:5])
    options = ["-k", 10, "--smallest", "--order", "best_last", "--exclude", "no.npy"]
    assert run("indices", "scores.npy", *options, "-o", "rows.npy")[0] == 0
    np.testing.assert_array_equal(np.load(tmp_path / "rows.npy"), np.argsort(scores, kind="stable")[5:15][::-1])


def test_the_seed_that_is_printed_repeats_the_draw(run, scores, tmp_path):
    draw = ["indices", "scores.npy", "-k", 20, "--gumbel", "--temperature", 2, "-o"]
    code, _, errors = run(*draw, "first.npy")
    assert code == 0
    seed = int(errors.rsplit("seed ", 1)[1])
    assert run(*draw, "second.npy", "--seed", seed)[0] == 0
    np.testing.assert_array_equal(np.load(tmp_path / "first.npy"), np.load(tmp_path / "second.npy"))
    expected = dsdm.gumbel_top_k(scores, 20, temperature=2.0, seed=seed)
    np.testing.assert_array_equal(np.load(tmp_path / "first.npy"), expected)


def test_an_error_is_one_line_unless_debug(run, upstream_mini):
    arguments = ["indices", "dsdm", "-t", "squad", "-k", 9999, "--data-dir", upstream_mini, "-o", "rows.npy"]
    code, out, errors = run(*arguments)
    assert (code, out) == (1, "")
    assert errors.startswith("dsdm: ")
    assert errors.count("\n") == 1
    assert "9999" in errors.replace(",", "")
    missing = run("scores", "none.npy")
    assert missing[0] == 1
    assert missing[2].startswith("dsdm: ")
    assert "none.npy" in missing[2]


@pytest.mark.usefixtures("scores")
def test_what_is_there_is_not_overwritten_unasked(run, tmp_path):
    arguments = ["indices", "scores.npy", "-k", 3, "-o", "rows.npy"]
    assert run(*arguments)[0] == 0
    code, _, errors = run(*arguments)
    assert code == 1
    assert "rows.npy: it exists" in errors
    assert run(*arguments, "--overwrite")[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.npy", "rows.npy.json", "scores.npy"]


def test_methods_to_indices(run, upstream_mini, tmp_path):
    where = ["--data-dir", upstream_mini, "-o", "rows.npy"]
    assert run("indices", "dsdm", "-t", "lm_task_mix", "--fraction", 0.1, *where)[0] == 0
    expected = dsdm.get_indices("dsdm", 500, "lm_task_mix", data_dir=upstream_mini)
    np.testing.assert_array_equal(np.load(tmp_path / "rows.npy"), expected)
    assert run("indices", "random", "-k", 5, "--rows", 5, "-o", "random.npy")[0] == 0
    assert sorted(np.load(tmp_path / "random.npy")) == [0, 1, 2, 3, 4]
    code, _, errors = run("indices", "dsdm", "-t", "gpt3_mix", "-k", 5, *where, "--overwrite")
    assert code == 2
    assert "no scores of the method 'dsdm' for 'gpt3_mix'" in errors


def test_shards_and_indices_to_a_dataset(run, demo, tmp_path):
    import datasets

    corpus, data = demo / "demo" / "corpus", demo / "demo" / "data"
    rows = dsdm.get_indices("dsdm", 30, "squad", data_dir=data)
    np.save(tmp_path / "rows.npy", rows)
    assert run("materialize", corpus, "one", "-i", "rows.npy")[0] == 0
    shards = sorted(map(str, (corpus / "data").iterdir()))
    by = ["--by", "dsdm", "-t", "squad", "--tokens", 30 * 1024 + 1000, "--data-dir", data, "--row-ids", "row"]
    assert run("materialize", *shards, "two", *by)[0] == 0
    one, two = (datasets.load_from_disk(str(tmp_path / name)) for name in ("one", "two"))
    assert two["row"][:] == rows.tolist()
    assert one["input_ids"][:] == two["input_ids"][:]


@pytest.mark.usefixtures("scores")
def test_scores_of_another_length_than_the_shards_are_refused(run, demo):
    corpus = demo / "demo" / "corpus"
    code, _, errors = run("materialize", corpus, "out", "--by", "scores.npy", "-k", 3)
    assert code == 1
    assert "1,000 scores and 400 rows" in errors
    assert "--rows" in errors
    assert run("materialize", corpus, "out", "--by", "scores.npy", "-k", 3, "--rows", 400)[0] == 0
    assert run("materialize", corpus, "out")[0] == 2


def test_random_from_shards_draws_from_their_rows(run, demo):
    corpus = demo / "demo" / "corpus"
    code, _, errors = run("materialize", corpus, "out", "--by", "random", "--fraction", 0.5)
    assert code == 0
    assert "200 rows selected, drawn with seed" in errors


def test_as_a_module_and_with_a_traceback_on_demand(tmp_path):
    command = [sys.executable, "-m", "dsdm", "--debug", "scores", "none.npy"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "none.npy" in done.stderr


WRONG_OUT = [
    (["-o", "rows.npy"], "rows.npy: it exists"),
    (["-o", "none/y.npy"], "dsdm: none/y.npy: there is no directory none; make it, or name a file elsewhere"),
    (["-o", "folder"], "folder: it is a directory; name a .npy file"),
    (["-o", "y.npy", "--key", "x"], "--key is 'x', and no .pt"),
    (["-o", "y.npy", "--column", "x"], "--column is 'x', and no Arrow or Parquet"),
]


@pytest.mark.usefixtures("scores")
@pytest.mark.parametrize(("options", "message"), WRONG_OUT)
def test_where_indices_go_is_looked_at_before_they_are_selected(run, tmp_path, options, message):
    (tmp_path / "folder").mkdir()
    np.save(tmp_path / "rows.npy", np.arange(3))
    code, _, errors = run("indices", "scores.npy", "-k", 3, *options)
    assert code != 0
    assert message in errors
    assert "selected" not in errors


WRONG_FOLDER = [
    ([], "there: .*something else than a dataset is already"),
    (["--overwrite"], "this is none"),
    (["--columns", "none"], "none"),
    (["--format", "tokens", "--columns", "id"], 'column "id": it holds Int64, and token files hold lists of'),
    (["--format", "tokens"], "input_ids"),
    (["--format", "tokens", "--columns", "doc", "--row-ids", "row"], "token files hold one column"),
    (["--row-ids", "id"], "adds a column 'id', and there is one"),
    (["--scores", "scores.npy", "--row-ids", "scores"], "both add a column 'scores'"),
    (["--scores", "short.npy"], "have 3 values and the source has 1,000 rows"),
    (["--max-shard-size", "much"], "--max-shard-size much is no size"),
    (["--num-shards", "0"], "is 0; at least 1 is needed"),
    (["--shuffle-seed", "3"], "--shuffle-seed 3 belongs to --row-order shuffle"),
    (["--key", "x"], "--key is 'x', and no .pt"),
    (["--column", "x"], "--column is 'x', and no Arrow or Parquet"),
]


@pytest.mark.usefixtures("scores")
@pytest.mark.parametrize(("options", "message"), WRONG_FOLDER)
def test_how_rows_are_written_is_looked_at_before_they_are_selected(run, tmp_path, options, message):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"id": range(1000), "doc": [[1, 2]] * 1000}), tmp_path / "c.parquet")
    np.save(tmp_path / "short.npy", np.arange(3.0))
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine.txt").write_text("x")
    out = "there" if options in ([], ["--overwrite"]) else "new"
    before = sorted(tmp_path.rglob("*"))
    code, _, errors = run("materialize", "c.parquet", out, "--by", "scores.npy", "-k", 3, *options)
    assert code != 0
    assert re.search(message, errors)
    assert "selected" not in errors
    assert sorted(tmp_path.rglob("*")) == before
    # A plan looks at all of it but for what is there.
    options = [option for option in options if option != "--overwrite"]
    code, _, errors = run("materialize", "c.parquet", out, "--by", "scores.npy", "-k", 3, *options, "--dry-run")
    assert (code == 0) == (out == "there")
    assert ("selected" in errors) == (out == "there")


@pytest.mark.usefixtures("scores")
def test_a_file_that_cannot_be_written_is_told_by_its_name(run, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device", "/other")

    monkeypatch.setattr("numpy.save", full)
    code, _, errors = run("indices", "scores.npy", "-k", 3, "-o", "y.npy")
    assert (code, errors.splitlines()[-1]) == (1, "dsdm: y.npy: No space left on device")
    assert not list(tmp_path.glob(".y*"))


def test_help_lists_options_by_what_they_are_about(run):
    _, said, _ = run("materialize", "--help")
    headings = re.findall(r"^([A-Z][^:\n]*):", said, re.MULTILINE)
    assert headings[:2] == ["Usage", "Arguments"]
    assert [name.split(" (")[0] for name in headings[2:]] == [
        "How many",
        "Which rows",
        "By what rule",
        "How files are read",
        "Options",
    ]
    options = re.findall(r"^  (?:-\w, )?(--[\w-]+)", said, re.MULTILINE)
    assert len(options) == len(set(options)) > 45
    assert not {"--keep", "--rng"} & set(options)


def test_columns_have_their_old_name_too(run, tmp_path, scores):
    table = pa.table({"a": range(1000), "b": range(1000)})
    pq.write_table(table, tmp_path / "c.parquet")
    by = ["materialize", "c.parquet", "--by", "scores.npy", "-k", 3]
    code, _, errors = run(*by, "old", "--keep", "b", "--keep", "a")
    assert (code, errors.splitlines()[0]) == (0, "dsdm: --keep is now --columns; write --columns b --columns a")
    assert run(*by, "new", "--columns", "b", "--columns", "a")[0] == 0
    for name in ("old", "new"):
        assert dsdm.open_shards(tmp_path / name).column_names == ["b", "a"]
    code, _, errors = run(*by, "both", "--columns", "b", "--keep", "a")
    assert (code, "--keep is the old name of --columns, and both are given" in errors) == (2, True)
    assert len(scores) == 1000


def test_every_command_tells_what_it_did_as_json(run, tmp_path, scores, monkeypatch):
    def told(*arguments):
        code, out, _ = run(*arguments, "--json")
        assert code == 0
        return json.loads(out)

    found = told("scores", "scores.npy")
    assert (found["rows"], found["nan"], found["dtype"]) == (1000, 0, "float32")
    assert found["largest"] == float(scores.max())
    assert found["quantiles"]["0.5"] == float(np.quantile(scores, 0.5, method="inverted_cdf"))
    found = told("indices", "scores.npy", "-k", 3, "-o", "rows.npy")
    best = np.sort(scores)[-3]
    assert found == {
        "path": "rows.npy",
        "rows": 3,
        "of": 1000,
        "rule": "top-k of scores.npy",
        "cut": {"score": float(best), "tied": 1, "taken": 1},
        "seed": None,
        "tokens": None,
        "bounds": [None, None],
        "per_group": None,
        "short": {},
    }
    pq.write_table(pa.table({"a": range(1000)}), tmp_path / "c.parquet")
    assert told("materialize", "c.parquet", "out", "-i", "rows.npy", "--dry-run")["rows"] == 3
    assert told("materialize", "c.parquet", "out", "-i", "rows.npy")["rows"] == 3
    found = told("verify", "out")
    assert (found["rows"], found["selection"], found["sources"]["same"]) == (3, True, [str(tmp_path / "c.parquet")])
    np.save("odd.npy", np.array([np.inf, np.nan, -np.inf]))
    found = told("scores", "odd.npy")
    assert (found["smallest"], found["largest"], found["nan"]) == ("-inf", "inf", 1)
    monkeypatch.setattr("dsdm.reference.fetch.fetch", lambda *_, **__: [tmp_path / "a.pt"])
    assert told("fetch") == {"files": [str(tmp_path / "a.pt")]}
    found = told("demo", "made", "--rows", 200)
    assert found["directory"] == "made"
    assert all(pathlib.Path(path).is_dir() for path in found["subsets"])


def test_the_shell_completes_options(tmp_path):
    line = "dsdm indices --min"
    environment = {**os.environ, "_DSDM_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": "2"}
    command = [sys.executable, "-c", "from dsdm.cli import app; app(prog_name='dsdm')"]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    assert ran.stdout.split() == ["--min-score"], ran.stderr
