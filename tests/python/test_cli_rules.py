"""The rules of `dsdm indices` and `dsdm materialize`, held against the calls of dsdm.choose that they stand for."""

import json

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm.demo.torch_file import write_tensor

pytestmark = pytest.mark.filterwarnings("ignore:.*come from the front:UserWarning")

N = 600
RNG = np.random.default_rng(3)
SCORES = RNG.integers(0, 40, N).astype(np.float32)
LENGTHS = RNG.integers(1, 9, N)
DOMAINS = RNG.choice(["books", "code", "a=b"], N)
NUMBERS = RNG.integers(-1, 2, N)
TOKENS = [list(range(length)) for length in LENGTHS]
TEXTS = ["é" * length for length in LENGTHS]


@pytest.fixture
def files(tmp_path):
    """Scores, and what else rules go by; a corpus with the same as columns."""
    np.save(tmp_path / "s.npy", SCORES)
    np.save(tmp_path / "lengths.npy", LENGTHS)
    np.save(tmp_path / "domains.npy", DOMAINS)
    np.save(tmp_path / "numbers.npy", NUMBERS)
    (tmp_path / "domains.txt").write_text("\n".join(DOMAINS))
    np.save(tmp_path / "some.npy", np.arange(0, N, 2))
    np.save(tmp_path / "no.npy", np.arange(0, N, 3))
    columns = {"id": range(N), "input_ids": TOKENS, "text": TEXTS, "domain": DOMAINS, "number": NUMBERS}
    pq.write_table(pa.table({**columns, "count": LENGTHS}), tmp_path / "c.parquet", row_group_size=100)
    (tmp_path / "dsir").mkdir()
    (tmp_path / "classifier").mkdir()
    write_tensor(tmp_path / "dsir" / "squad.pt", SCORES)
    write_tensor(tmp_path / "classifier" / "squad.pt", SCORES)
    return tmp_path


PER = {"books": 20, "code": 0.1, "a=b": 0}
GIVEN = {
    "min": (["--min-score", 30], {"min_score": 30}),
    "both": (["--min-score", "1e1", "--max-score", 12.5], {"min_score": 10, "max_score": 12.5}),
    "infinite": (["--max-score", "inf"], {"max_score": np.inf}),
    "quantile": (["--quantile", "0.25:0.5"], {"quantile": (0.25, 0.5)}),
    "fraction within bounds": (["--fraction", 0.5, "--min-score", 20], {"fraction": 0.5, "min_score": 20}),
    "near": (["-k", 50, "--near", 20.5], {"k": 50, "near": 20.5}),
    "ties": (["-k", 50, "--ties", "random", "--seed", 5], {"k": 50, "ties": "random", "seed": 5}),
    "lengths": (["--tokens", 100, "--lengths", "lengths.npy"], {"tokens": 100, "lengths": LENGTHS}),
    "at least": (
        ["--tokens", "1e2", "--lengths", "lengths.npy", "--at-least"],
        {"tokens": 100, "lengths": LENGTHS, "at_least": True},
    ),
    "smallest": (["-k", 9, "--smallest", "--min-score", 3], {"k": 9, "largest": False, "min_score": 3}),
    "draw": (["-k", 9, "--gumbel", "--seed", 5, "--min-score", 3], {"k": 9, "gumbel": True, "seed": 5, "min_score": 3}),
    "only": (["-k", 9, "--only", "some.npy", "--exclude", "no.npy"], {"k": 9, "only": True, "exclude": True}),
    "per group": (["--groups", "domains.npy", "--per-group", 7], {"groups": DOMAINS, "per_group": 7}),
    "share of each": (["--groups", "numbers.npy", "--per-group", 0.1], {"groups": NUMBERS, "per_group": 0.1}),
    "each its own": (
        ["--groups", "domains.txt", *(f"--per-group={name}={size}" for name, size in PER.items())],
        {"groups": DOMAINS, "per_group": PER},
    ),
    "numbers": (
        ["--groups", "numbers.npy", "--like=-1=1", "--like=0=0.5", "--like=1=0", "-k", 30],
        {"groups": NUMBERS, "like": {-1: 1, 0: 0.5, 1: 0}, "k": 30},
    ),
    "equal": (["--groups", "domains.npy", "--like", "equal", "-k", 31], {"groups": DOMAINS, "like": "equal", "k": 31}),
    "budget of groups": (
        ["--groups", "domains.npy", "--like", "proportional", "--tokens", 90, "--lengths", "lengths.npy"],
        {"groups": DOMAINS, "like": "proportional", "tokens": 90, "lengths": LENGTHS},
    ),
    "short": (
        ["--groups", "domains.npy", "--per-group", 500, "--short", "keep"],
        {"groups": DOMAINS, "per_group": 500, "short": "keep"},
    ),
    "order": (["--min-score", 30, "--order", "row"], {"min_score": 30, "order": "row"}),
}


def expected(rule):
    rule = dict(rule)
    if rule.get("only"):
        rule |= {"only": np.arange(0, N, 2), "exclude": np.arange(0, N, 3)}
    return dsdm.choose(SCORES, **rule)


@pytest.mark.parametrize(("options", "rule"), GIVEN.values(), ids=GIVEN)
def test_options_are_the_arguments_of_choose(run, files, options, rule):
    told = expected(rule)
    assert run("indices", "s.npy", *options, "-o", "rows.npy")[0] == 0
    np.testing.assert_array_equal(np.load(files / "rows.npy"), told.indices)
    found = dsdm.Selection.load(files / "rows.npy")
    assert (found.n, found.seed, found.tokens, found.cut) == (told.n, told.seed, told.tokens, told.cut)
    code, _, said = run("materialize", "c.parquet", "by", "--by", "s.npy", *options)
    assert (code, f"{len(told):,} rows" in said) == (0, True)
    assert run("materialize", "c.parquet", "read", "--indices", "rows.npy")[0] == 0
    for out in ("by", "read"):
        assert datasets.load_from_disk(str(files / out))["id"][:] == told.indices.tolist()
        assert "the selection is that of the scores" in run("verify", out)[1]


COLUMNS = {
    "lists": (["--tokens", 100, "--lengths", "input_ids"], {"tokens": 100, "lengths": LENGTHS}),
    "texts": (["--tokens", 100, "--lengths", "text"], {"tokens": 100, "lengths": 2 * LENGTHS}),
    "numbers": (["--tokens", 100, "--lengths", "count"], {"tokens": 100, "lengths": LENGTHS}),
    "groups": (["--groups", "domain", "--per-group", 7], {"groups": DOMAINS, "per_group": 7}),
    "numbered": (["--groups", "number", "--per-group=-1=3", "--per-group=0=2", "--per-group=1=1"], {"groups": NUMBERS}),
}


@pytest.mark.parametrize(("options", "rule"), COLUMNS.values(), ids=COLUMNS)
def test_columns_of_the_shards_are_lengths_and_groups(run, files, options, rule):
    rule = rule if len(rule) > 1 else rule | {"per_group": {-1: 3, 0: 2, 1: 1}}
    assert run("materialize", "c.parquet", "out", "--by", "s.npy", *options)[0] == 0
    assert datasets.load_from_disk(str(files / "out"))["id"][:] == dsdm.choose(SCORES, **rule).indices.tolist()


def test_methods_take_rules_for_their_scores(run, files):
    where = ["--target", "squad", "--data-dir", ".", "-o", "rows.npy", "--overwrite"]
    assert run("indices", "classifier", "--min-score", 30, *where)[0] == 0
    np.testing.assert_array_equal(np.load(files / "rows.npy"), dsdm.choose(SCORES, min_score=30).indices)
    assert run("indices", "classifier", "-k", 5, "--ties", "random", "--seed", 3, *where)[0] == 0
    drawn = dsdm.choose(SCORES, k=5, ties="random", seed=3)
    np.testing.assert_array_equal(np.load(files / "rows.npy"), drawn.indices)
    assert run("indices", "dsir", "-k", 5, "--min-score", 3, "--seed", 8, *where)[0] == 0
    drawn = dsdm.choose(SCORES, k=5, min_score=3, gumbel=True, seed=8)
    np.testing.assert_array_equal(np.load(files / "rows.npy"), drawn.indices)
    assert run("materialize", "c.parquet", "out", "--indices", "rows.npy")[0] == 0
    assert "the selection is that of the scores" in run("verify", "out")[1]


WRONG = {
    (
        "--min-score",
        1,
        "--near",
        2,
    ): "--near is given, which means something with -k, --fraction, --tokens or --per-group alone",
    ("-k", 3, "--ties", "random", "--gumbel"): "--ties random and --gumbel are given, which do not go together",
    ("-k", 3, "--quantile", 0.5): "'0.5' is no pair of shares; write it as 0.25:0.75",
    ("-k", 3, "--quantile", "a:b"): "'a' is no number",
    ("-k", 3, "--min-score", "x"): "'x' is no number",
    ("-k", 3, "--lengths", "lengths.npy"): "--lengths is given, which means something with --tokens alone",
    ("-k", 3, "--per-group", 2): "-k and --per-group are given, which both say how many rows",
    ("--per-group", 2): "--per-group is given, which means something with --groups alone",
    ("-k", 3, "--groups", "numbers.npy"): "--groups is given, which means something with --per-group",
    (
        "--tokens",
        5,
        "--groups",
        "domains.npy",
        "--like",
        "equal",
    ): "--groups and --at-least with --tokens need --lengths",
    ("--tokens", 5, "--at-least"): "--groups and --at-least with --tokens need --lengths",
    ("--tokens", 5, "--lengths", "lengths.npy", "--row-tokens", 3): "--lengths and --row-tokens both tell how many",
    ("--groups", "domains.npy", "--per-group=a", "--per-group=b=1"): "--per-group has 'a'; where it is given more than",
    ("--groups", "domains.npy", "--per-group=a=1", "--per-group=a=2"): "--per-group names the group 'a' twice",
    ("--groups", "domains.npy", "--per-group", "many"): "--per-group: 'many' is no whole number",
    ("--groups", "domains.npy", "-k", 3, "--like", "alike"): "--like is 'alike'; GROUP=SHARE for each group, equal or",
    ("--groups", "domains.npy", "--per-group=a=many"): "--per-group: 'many' is no whole number",
    ("--groups", "domains.npy", "-k", 3, "--like=a=1.x"): "--like: '1.x' is no number",
    ("--groups", "numbers.npy", "--per-group=x=1"): "--per-group names the group 'x', and the groups are whole numbers",
    ("--groups", "numbers.npy", "-k", 3, "--like=x=1"): "--like names the group 'x', and the groups are whole numbers",
    ("-k", 3, "--near", "nan"): "--near is nan; a finite number is needed",
    ("-k", 3, "--near", "inf"): "--near is inf; a finite number is needed",
    ("-k", 3, "--near", "1e400"): "--near is inf; a finite number is needed",
    ("--quantile", "0.5:0.25"): "--quantile is (0.5, 0.25); the lower share comes first",
    ("--quantile=-0.1:0.25",): "--quantile has the share -0.1; a share is from 0 to 1",
    ("--quantile", "nan:0.25"): "--quantile has the share nan; a share is from 0 to 1",
    ("--min-score", "nan"): "--min-score is NaN, which no score reaches or exceeds",
    ("--max-score", "nan"): "--max-score is NaN, which no score reaches or exceeds",
    ("--min-score", 3, "--max-score", 2.5): "--min-score is 3 and --max-score is 2.5: no score is at least the one",
    ("--groups", "domains.npy", "--per-group", -1): "--per-group is -1; it must be at least 0",
    ("--groups", "domains.npy", "--per-group", 1.5): "--per-group is 1.5; a share is from 0 to 1",
    ("--groups", "domains.npy", "--per-group=a=b=2.5"): "--per-group is 2.5; a share is from 0 to 1",
    (
        "--groups",
        "domains.npy",
        "-k",
        3,
        "--like",
        "a=b=-1",
    ): "--like has the share -1; shares are numbers of at least 0",
    ("--groups", "domains.npy", "-k", 3, "--like", "books=0"): "--like has no share above 0",
    ("-k", 3, "--gumbel", "--seed", 2**64): "--seed is 18446744073709551616; it can be at most 2**64 - 1",
    ("-k", 3, "--ties", "random", "--seed", 2**64): "--seed is 18446744073709551616; it can be at most 2**64 - 1",
    ("-k", 2**63, "--min-score", 1): "-k is 9223372036854775808; it must be at least 0",
    ("-k", 3, "--dtype", "floot"): "--dtype is 'floot', which is no type",
    ("-k", 3, "--dtype", "complex64"): '--dtype is "complex64"; scores are one of float16',
    ("-k", 3, "--near", 2, "--smallest"): "--near and --smallest are given, which do not go together",
    ("-k", 3, "--nan", "largest", "--ties", "random"): "--ties random and --nan largest are given, which do not go",
}


@pytest.mark.parametrize("options", WRONG, ids=lambda options: " ".join(map(str, options)))
def test_rules_that_cannot_be_are_wrong_usage(run, files, options):
    code, out, said = run("indices", "s.npy", *options, "-o", "rows.npy")
    assert (code, out) == (2, "")
    assert WRONG[options] in " ".join(said.split())
    assert not (files / "rows.npy").exists()


FAILS = {
    ("--tokens", 5, "--lengths", "gone.npy"): "--lengths is gone.npy: there is no such file",
    ("--groups", "domains.npy", "--per-group", 500): "--short keep takes all that these have, and --short fill takes",
    ("--groups", "domains.npy", "--per-group=books=1"): "--per-group does not name 'a=b', 'code'",
    ("--groups", "domains.npy", "--per-group=x=1"): "--per-group names 'x', which no row is of",
    ("--groups", "s.npy", "--per-group", 1): "--groups takes a .npy file of whole numbers or texts, a .txt file",
    ("--groups", "c.parquet", "--per-group", 1): "c.parquet: --groups takes a column, and which column is meant is not",
    (
        "--groups",
        "c.parquet:topic",
        "--per-group",
        1,
    ): "c.parquet: --groups takes a column, and there is no column 'topic'",
    ("--groups", "c.parquet:input_ids", "--per-group", 1): "--groups are list<",
    ("--groups", "some.npy", "--per-group", 1): "some.npy: --groups has 300 values, and 600 rows have a score",
    ("--tokens", 5, "--lengths", "some.npy"): "some.npy: --lengths has 300 values, and 600 rows have a score",
    ("--tokens", 5, "--lengths", "c.parquet"): "c.parquet: --lengths: which column is meant is not said",
    (
        "--tokens",
        5,
        "--lengths",
        "nulls.parquet",
    ): "nulls.parquet: --lengths: rows of the column 'count' are null, which have",
    ("--tokens", 5, "--lengths", "texts.parquet"): "row 1: the column 'text' is null, which has no length",
    (
        "--groups",
        "texts.parquet",
        "--per-group",
        1,
    ): "texts.parquet: --groups has no group for 1 rows, the first of which is 1",
    ("--tokens", 5, "--lengths", "lengths.npy:x"): "--lengths is lengths.npy:x, and lengths.npy holds one vector",
    ("--tokens", 5, "--lengths", "several.npz"): "--lengths several.npz:a",
    ("--rows", 300, "--groups", "odd.npy", "--per-group", 1): "odd.npy: --groups has 200 values, and 300 of 600 rows",
    ("--tokens", 5, "--lengths", "s.npy"): "--lengths are float32; whole numbers are needed",
    ("--tokens", 10**7, "--lengths", "lengths.npy", "--at-least"): "--tokens is 10,000,000, and the 600 rows that can",
    ("-k", 3, "--only", "large.npy"): "large.npy: only[0] is 900, and there are 600 scores",
    ("-k", 601, "--min-score", 0): "-k is 601",
}


@pytest.mark.parametrize("options", FAILS, ids=lambda options: " ".join(map(str, options)))
def test_what_files_do_not_allow_is_an_error(run, files, options):
    np.save(files / "large.npy", np.array([900]))
    np.save(files / "odd.npy", np.arange(200))
    np.savez(files / "several.npz", a=LENGTHS, b=LENGTHS)
    missing = [None if row == 1 else row for row in range(N)]
    pq.write_table(pa.table({"count": missing}), files / "nulls.parquet")
    pq.write_table(pa.table({"text": [None if row is None else "x" for row in missing]}), files / "texts.parquet")
    code, _, said = run("indices", "s.npy", *options, "-o", "rows.npy")
    assert code == 1, said
    assert FAILS[options] in said
    assert not (files / "rows.npy").exists()


ROWS = {
    "groups of all rows": (["--groups", "domains.npy", "--per-group", 5], {"groups": DOMAINS[:300], "per_group": 5}),
    "groups of those": (["--groups", "first.npy", "--per-group", 5], {"groups": DOMAINS[:300], "per_group": 5}),
    "lengths of all": (["--tokens", 90, "--lengths", "lengths.npy"], {"tokens": 90, "lengths": LENGTHS[:300]}),
    "texts of all": (["--tokens", 90, "--lengths", "c.parquet:text"], {"tokens": 90, "lengths": 2 * LENGTHS[:300]}),
    "lists of all": (["--tokens", 90, "--lengths", "c.parquet:input_ids"], {"tokens": 90, "lengths": LENGTHS[:300]}),
    "numbers of all": (["--tokens", 90, "--lengths", "c.parquet:count"], {"tokens": 90, "lengths": LENGTHS[:300]}),
    "groups of a column": (
        ["--groups", "c.parquet:number", "--per-group", 5],
        {"groups": NUMBERS[:300], "per_group": 5},
    ),
}


@pytest.mark.parametrize(("options", "rule"), ROWS.values(), ids=ROWS)
def test_the_first_rows_have_the_first_groups_and_lengths(run, files, options, rule):
    np.save(files / "first.npy", DOMAINS[:300])
    assert run("indices", "s.npy", "--rows", 300, *options, "-o", "rows.npy")[0] == 0
    told = dsdm.choose(SCORES[:300], **rule)
    assert np.load(files / "rows.npy").tolist() == told.indices.tolist()
    pq.write_table(pa.table({"id": range(300)}), files / "part.parquet")
    assert run("materialize", "part.parquet", "out", "--indices", "rows.npy")[0] == 0
    assert "the selection is that of the scores" in run("verify", "out")[1]


def test_a_name_of_a_file_and_of_a_column_is_neither(run, files):
    (files / "domain").write_text("")
    code, _, said = run("materialize", "c.parquet", "out", "--by", "s.npy", "--groups", "domain", "--per-group", 1)
    assert (code, "which is a file and a column of the shards; say ./domain" in " ".join(said.split())) == (2, True)
    code, _, said = run("materialize", "c.parquet", "out", "--by", "s.npy", "--groups", "topic", "--per-group", 1)
    assert (code, "none of the columns id, input_ids, text" in " ".join(said.split())) == (1, True)
    code, _, said = run("materialize", "c.parquet", "out", "--by", "s.npy", "--indices", "x.npy", "--min-score", 1)
    assert code == 2
    code, _, said = run("materialize", "c.parquet", "out", "--indices", "x.npy", "--min-score", 1)
    assert (code, "--min-score with --indices has no use" in said) == (2, True)
    code, _, said = run("indices", "random", "-k", 3, "--rows", 9, "--ties", "random", "-o", "x.npy")
    assert (code, "random has no scores, and --ties is a rule for scores" in " ".join(said.split())) == (2, True)


def test_many_ties_are_warned_of_in_the_words_of_the_command(run, files):
    code, _, said = run("indices", "s.npy", "-k", 5, "-o", "rows.npy")
    assert code == 0
    assert "--ties random has a seed draw them" in said
    np.testing.assert_array_equal(np.load(files / "rows.npy"), dsdm.top_k(SCORES, 5))


def test_rows_that_nothing_tells_of_are_taken_and_said_to_be(run, files):
    np.save(files / "bare.npy", np.array([5, 3]))
    (files / "bare.txt").write_text("5\n3\n")
    for name in ("bare.npy", "bare.txt"):
        code, _, said = run("materialize", "c.parquet", f"out-{name}", "--indices", name)
        assert (code, "nothing tells which corpus these rows are of" in said) == (0, True)
        assert datasets.load_from_disk(str(files / f"out-{name}"))["id"][:] == [5, 3]
    for text, wrong in (("5\n-3", "number 2 is '-3'"), ("1.5", "number 1 is '1.5'"), ("x", "'x'"), ("9" * 30, "2^63")):
        (files / "wrong.txt").write_text(text)
        code, _, said = run("materialize", "c.parquet", "out", "--indices", "wrong.txt")
        assert (code, wrong in said) == (1, True)


def test_rows_of_another_corpus_are_refused(run, files):
    assert run("indices", "s.npy", "-k", 3, "--min-score", 0, "-o", "rows.npy")[0] == 0
    pq.write_table(pa.table({"id": range(N + 1)}), files / "other.parquet")
    code, _, said = run("materialize", "other.parquet", "out", "--indices", "rows.npy")
    assert (code, "the selection is from 600 rows, and there are 601: it is of another corpus" in said) == (1, True)
    np.save(files / "rows.npy", np.array([1, 2, 3]))
    code, _, said = run("materialize", "c.parquet", "out", "--indices", "rows.npy")
    assert (code, "its 3 rows are others than the 3 that rows.npy.json tells of" in said) == (1, True)


def test_selections_are_excluded_as_what_they_are(run, files):
    """What lies beside their rows tells of which corpus they are, and that they are its rows."""
    assert run("indices", "s.npy", "-k", 5, "-o", "best.npy")[0] == 0
    assert run("indices", "s.npy", "-k", 5, "--exclude", "best.npy", "-o", "next.npy")[0] == 0
    assert np.load(files / "next.npy").tolist() == dsdm.top_k(SCORES, 10)[5:].tolist()
    assert run("indices", "s.npy", "-k", 5, "--only", "best.npy", "-o", "same.npy")[0] == 0
    assert np.load(files / "same.npy").tolist() == dsdm.top_k(SCORES, 5).tolist()
    dsdm.choose(np.arange(10.0), k=3).save(files / "small.npy")
    for option in ("--exclude", "--only"):
        for by in (["s.npy"], ["classifier", "--target", "squad", "--data-dir", "."]):
            code, _, said = run("indices", *by, "-k", 5, option, "small.npy", "-o", "x.npy")
            assert (code, f"{option} is a selection from 10 rows, and there are 600 scores" in said) == (1, True)
    np.save(files / "best.npy", np.array([1, 2, 3, 4, 5]))
    code, _, said = run("indices", "s.npy", "-k", 5, "--exclude", "best.npy", "-o", "x.npy")
    assert (code, "its 5 rows are others than the 5 that best.npy.json tells of" in said) == (1, True)
    assert not (files / "x.npy").exists()


def test_nothing_is_filled_up_from_groups_of_which_nothing_is_asked(run, files):
    none = ["--per-group=code=0", "--per-group=a=b=0"]
    code, _, said = run(
        "indices", "s.npy", "--groups", "domains.npy", "--per-group=books=500", *none, "--short", "fill", "-o", "x.npy"
    )
    there = int((DOMAINS == "books").sum())
    assert (code, f"500 rows are to be chosen, and the groups of which any are to be chosen have {there}" in said) == (
        1,
        True,
    )
    assert not (files / "x.npy").exists()


def test_a_budget_beyond_all_rows_is_an_error(run, files):
    for total, by in ((int(LENGTHS.sum()), ("--lengths", "lengths.npy")), (600 * 7, ("--row-tokens", 7))):
        options = [*by, "--overwrite", "-o", "x.npy"]
        code, _, said = run("indices", "s.npy", "--tokens", total + 7, *options)
        assert (code, f"the 600 rows that can be chosen have {total:,}; ask for no more" in said) == (1, True)
        assert run("indices", "s.npy", "--tokens", total, *options)[0] == 0
        assert len(np.load(files / "x.npy")) == 600


def test_sizes_of_groups_are_written_as_others(run, files):
    for text, size in (("1e1", 10), ("0.02K", None), ("0.05", 0.05), ("1.0", 1.0), ("5e-2", 0.05), ("1", 1)):
        options = ["--groups", "domains.npy", "--per-group", text, "--overwrite", "-o", "x.npy"]
        code, _, _ = run("indices", "s.npy", *options)
        assert code == (0 if size is not None else 2), text
        if size is not None:
            rows = dsdm.choose(SCORES, groups=DOMAINS, per_group=size).indices
            assert np.load(files / "x.npy").tolist() == rows.tolist()


def test_lines_of_groups_end_with_line_breaks_alone(run, files):
    names = np.where(DOMAINS == "books", "b\u2028k", DOMAINS)
    (files / "odd.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    assert run("indices", "s.npy", "--groups", "odd.txt", "--per-group", 3, "-o", "x.npy")[0] == 0
    (files / "latin.txt").write_bytes("\n".join(names).encode("utf-8").replace("\u2028".encode(), b"\xe9"))
    code, _, said = run("indices", "s.npy", "--groups", "latin.txt", "--per-group", 3, "-o", "y.npy")
    assert (code, "latin.txt: --groups takes" in said, "no UTF-8 at byte" in said) == (1, True, True)


def test_what_verify_finds_is_json_too(run, files):
    assert run("materialize", "c.parquet", "out", "--by", "s.npy", "-k", 3)[0] == 0
    (files / "out" / "state.json").unlink()
    (files / "out" / "data-9.arrow").write_bytes(b"ARROW1")
    code, out, said = run("verify", "out", "--json")
    assert code == 3
    assert out == "" or json.loads(out)["path"] == "out"
    assert said.startswith("dsdm: ")
