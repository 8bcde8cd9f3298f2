"""--tokens takes as many whole rows as it has room for, by the lengths that the rows have."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm

ROWS = 3000


def lengths_written(out):
    import datasets

    opened = datasets.load_from_disk(str(out))
    return [len(tokens) for tokens in opened["input_ids"][:]], opened["row"][:]


@pytest.fixture
def lengths(tmp_path):
    rng = np.random.default_rng(5)
    lengths = rng.integers(0, 40, ROWS)
    # The first, the middle and the last row agree, as if all did.
    lengths[[0, ROWS // 2, -1]] = 8
    lists = pa.array([list(range(length)) for length in lengths], pa.list_(pa.int32()))
    pq.write_table(pa.table({"input_ids": lists}), tmp_path / "c.parquet", row_group_size=700)
    np.save(tmp_path / "s.npy", rng.normal(size=ROWS))
    np.save(tmp_path / "no.npy", np.arange(0, ROWS, 3))
    return lengths


def fitting(ranked, lengths, tokens):
    """Add rows one by one until the next one has no room."""
    chosen, total = [], 0
    for row in ranked:
        if total + lengths[row] > tokens:
            break
        total += lengths[row]
        chosen.append(int(row))
    return chosen


def test_forty_tokens_are_forty(run, tmp_path):
    rows = [8] + [1] * 48 + [1, 8] + [1] * 48 + [8]
    lists = pa.array([list(range(length)) for length in rows])
    pq.write_table(pa.table({"input_ids": lists}), tmp_path / "c.parquet")
    np.save(tmp_path / "s.npy", np.arange(float(len(rows))))
    code, _, err = run("materialize", "c.parquet", "o", "--by", "s.npy", "--tokens", 40, "--row-ids", "row")
    assert code == 0, err
    found, chosen = lengths_written(tmp_path / "o")
    assert (sum(found), found[:2]) == (40, [8, 1])
    assert chosen == list(range(99, 66, -1))


@pytest.mark.parametrize("tokens", [0, 7, 1000, 30_000])
@pytest.mark.parametrize(
    "how",
    [
        [],
        ["--smallest", "--order", "row"],
        ["--order", "best_last"],
        ["--gumbel", "--seed", 3],
        ["--gumbel", "--noise", "numpy", "--seed", 3, "--order", "row"],
        ["--exclude", "no.npy"],
    ],
    ids=str,
)
def test_rows_are_taken_in_the_order_of_their_ranks(run, tmp_path, lengths, how, tokens):
    code, _, err = run("materialize", "c.parquet", "o", "--by", "s.npy", "--tokens", tokens, "--row-ids", "row", *how)
    assert code == 0, err
    scores = np.load(tmp_path / "s.npy")
    exclude = np.load(tmp_path / "no.npy") if "--exclude" in how else None
    if "--gumbel" in how:
        ranked = dsdm.gumbel_top_k(scores, ROWS, seed=3, noise="numpy" if "numpy" in how else "philox")
    else:
        most = ROWS if exclude is None else ROWS - len(exclude)
        ranked = dsdm.top_k(scores, most, largest="--smallest" not in how, exclude=exclude)
    expected = fitting(ranked, lengths, tokens)
    if "row" in how:
        expected.sort()
    if "best_last" in how:
        expected.reverse()
    found, chosen = lengths_written(tmp_path / "o")
    assert chosen == expected
    assert found == lengths[expected].tolist()
    assert dsdm.verify(tmp_path / "o").selection


@pytest.mark.parametrize("order", [[], ["--order", "row"]])
def test_draws_without_scores_too(run, tmp_path, lengths, order):
    code, _, err = run(
        "materialize", "c.parquet", "o", "--by", "random", "--seed", 9, "--tokens", 5000, "--row-ids", "row", *order
    )
    assert code == 0, err
    expected = fitting(dsdm.sample(ROWS, ROWS, seed=9), lengths, 5000)
    assert lengths_written(tmp_path / "o")[1] == (sorted(expected) if order else expected)


def test_omitted_rows_do_not_count_and_too_many_tokens_are_refused(run, tmp_path, lengths):
    scores = np.load(tmp_path / "s.npy")
    scores[::2] = np.nan
    np.save(tmp_path / "s.npy", scores)
    there = int(lengths[1::2].sum())
    by = ["materialize", "c.parquet", "o", "--by", "s.npy", "--nan", "omit", "--row-ids", "row", "--tokens"]
    code, _, err = run(*by, there + 1)
    assert (code, f"the {ROWS // 2:,} rows that can be chosen have {there:,}" in err) == (1, True)
    assert run(*by, there)[0] == 0
    assert sorted(lengths_written(tmp_path / "o")[1]) == list(range(1, ROWS, 2))


@pytest.mark.parametrize("lacks", ["a value", "the column"])
def test_a_null_among_lists_of_fixed_length_has_no_tokens(run, tmp_path, lacks):
    full = pa.array([[1, 2], [3, 4], [5, 6]], pa.list_(pa.int32(), 2))
    pq.write_table(pa.table({"id": [0, 1, 2], "input_ids": full}), tmp_path / "a.parquet")
    more = {"input_ids": pa.array([None], full.type)} if lacks == "a value" else {}
    pq.write_table(pa.table({"id": [3], **more}), tmp_path / "b.parquet")
    for place, wanted in ((0, 0), (3, 1)):
        scores = np.ones(4)
        scores[3] = 2 - place
        np.save(tmp_path / "s.npy", scores)
        files = ["a.parquet", "b.parquet", f"o{place}", "--schema", "union", "--by", "s.npy", "--tokens", 4]
        code, _, said = run("materialize", *files)
        assert (code, "row 3: the column 'input_ids' is null, which has no length" in said) == (1 - wanted, not wanted)
        assert (tmp_path / f"o{place}").exists() == bool(wanted)


def test_a_type_of_fixed_length_and_a_number_given_are_taken_for_all(run, tmp_path, lengths):
    pq.write_table(
        pa.table({"input_ids": pa.array([[1, 2, 3]] * ROWS, pa.list_(pa.int32(), 3))}), tmp_path / "f.parquet"
    )
    assert run("materialize", "f.parquet", "a", "--by", "s.npy", "--tokens", 100, "--row-ids", "row")[0] == 0
    assert lengths_written(tmp_path / "a")[1] == dsdm.top_k(np.load(tmp_path / "s.npy"), 33).tolist()
    stated = ["--tokens", 100, "--row-tokens", 10, "--row-ids", "row"]
    assert run("materialize", "c.parquet", "b", "--by", "s.npy", *stated)[0] == 0
    assert len(lengths_written(tmp_path / "b")[1]) == 10
    assert len(lengths) == ROWS


def test_rows_without_a_number_of_tokens_are_refused(run, tmp_path):
    np.save(tmp_path / "s.npy", np.arange(3.0))
    for name, columns, message in (
        ("t", {"text": list("abc")}, "--tokens needs rows with a column 'input_ids'"),
        (
            "w",
            {"text": list("abc")},
            "name the column of lists of tokens by --tokens-column, or a column of whole numbers that",
        ),
        ("u", {"input_ids": list("abc")}, "--tokens needs lists in the column 'input_ids', and it holds string"),
        ("b", {"input_ids": list("abc")}, "; --lengths input_ids counts the bytes of its texts as tokens; else name"),
        ("f", {"input_ids": [0.5, 1, 2]}, "and it holds double; name the column of lists of tokens by --tokens-column"),
        ("v", {"input_ids": [[1], None, [2]]}, "row 1: the column 'input_ids' is null"),
    ):
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
        code, _, err = run("materialize", f"{name}.parquet", "o", "--by", "s.npy", "--tokens", 2)
        assert (code, message in err) == (1, True), err


@pytest.mark.parametrize(
    "how",
    [
        ["--tokens-column", "doc"],
        ["--format", "tokens", "--columns", "doc"],
        ["--columns", "id", "--tokens-column", "doc"],
    ],
    ids=str,
)
def test_the_column_of_the_tokens_is_the_one_that_is_named(run, tmp_path, how):
    lists = [[1, 2, 3], [1], [1, 2], [1, 2, 3, 4]]
    pq.write_table(pa.table({"doc": lists, "id": range(4), "input_ids": [[7]] * 4}), tmp_path / "c.parquet")
    np.save(tmp_path / "s.npy", np.array([1.0, 4, 3, 2]))
    code, _, err = run("materialize", "c.parquet", "o", "--by", "s.npy", "--tokens", 7, *how)
    assert (code, err) == (0, "3 rows of 7 tokens selected, counted as the items of the lists in doc\n")
    assert dsdm.verify(tmp_path / "o").rows == 3


@pytest.mark.parametrize("other", [["--tokens", 9, "--row-tokens", 3], ["-k", 3]])
def test_a_column_of_tokens_without_a_use_is_refused(run, tmp_path, other):
    pq.write_table(pa.table({"doc": [[1, 2, 3]]}), tmp_path / "c.parquet")
    np.save(tmp_path / "s.npy", np.array([1.0]))
    code, _, err = run("materialize", "c.parquet", "o", "--by", "s.npy", *other, "--tokens-column", "doc")
    assert (code, "--tokens-column goes with --tokens, and without --row-tokens" in err) == (2, True)


def test_a_column_of_numbers_is_for_another_option(run, tmp_path):
    pq.write_table(pa.table({"token_count": [3, 1, 2], "a b": [3, 1, 2]}), tmp_path / "c.parquet")
    np.save(tmp_path / "s.npy", np.arange(3.0))
    command = ["materialize", "c.parquet", "o", "--by", "s.npy", "--tokens", 3]
    code, _, err = run(*command, "--tokens-column", "token_count")
    assert (code, "say --lengths token_count and no --tokens-column" in err) == (1, True), err
    assert "say --lengths 'a b' and no --tokens-column" in run(*command, "--tokens-column", "a b")[2]
    # As it says.
    code, _, err = run(*command, "--lengths", "token_count")
    assert (code, err) == (0, "2 rows of 3 tokens selected, counted by the numbers in token_count\n")


COUNTED = {
    "lists": (["--tokens-column", "ids"], "as the items of the lists in ids", "list items", "ids"),
    "fixed": (["--tokens-column", "pair"], "as the items of the lists in pair", "list items", "pair"),
    "lengths of lists": (["--lengths", "ids"], "as the items of the lists in ids", "list items", "ids"),
    "numbers": (["--lengths", "count"], "by the numbers in count", "numbers", "count"),
    "texts": (["--lengths", "text"], "as the bytes of the texts in text", "text bytes", "text"),
    "bytes": (["--lengths", "raw"], "as the bytes in raw", "bytes", "raw"),
    "a field": (["--lengths", "meta.n"], "by the numbers in meta.n", "numbers", "meta.n"),
    "a file": (["--lengths", "n.npy"], "by the numbers in n.npy", "numbers", "n.npy"),
    "a column of a file": (
        ["--lengths", "c.parquet:text"],
        "as the bytes of the texts in",
        "text bytes",
        "c.parquet:text",
    ),
    "a number": (["--row-tokens", 2], "as 2 for each row (--row-tokens)", "row tokens", None),
}


@pytest.mark.parametrize(
    ("way", "by"),
    # A draw without scores has no rule, and so no --lengths.
    [
        (way, by)
        for way in COUNTED
        for by in (["s.npy"], ["random", "--seed", 5])
        if "--lengths" not in COUNTED[way][0] or by == ["s.npy"]
    ],
    ids=str,
)
def test_what_tokens_count_is_said(run, tmp_path, way, by):
    option, said, kind, name = COUNTED[way]
    texts = ["é" * n for n in (1, 2, 3)]
    columns = {
        "ids": [[1], [1, 2], [1, 2, 3]],
        "count": [5, 6, 7],
        "text": texts,
        "meta": [{"n": n} for n in (1, 2, 9)],
    }
    pair = pa.array([[1, 2]] * 3, pa.list_(pa.int32(), 2))
    raw = pa.array([b"a", b"bc", b"def"], pa.binary())
    pq.write_table(pa.table({**columns, "pair": pair, "raw": raw}), tmp_path / "c.parquet")
    np.save(tmp_path / "s.npy", np.arange(3.0))
    np.save(tmp_path / "n.npy", np.array([1, 1, 4]))
    length = {
        "ids": [1, 2, 3],
        "pair": [2] * 3,
        "count": [5, 6, 7],
        "raw": [1, 2, 3],
        "meta.n": [1, 2, 9],
        "n.npy": [1, 1, 4],
        "text": [len(text.encode()) for text in texts],
        "c.parquet:text": [len(text.encode()) for text in texts],
        None: [2] * 3,
    }[name]
    budget = max(length) + min(length)
    command = ["materialize", "c.parquet", "o", "--by", *by, "--tokens", budget, *option, "--row-ids", "row", "--json"]
    code, dry, err = run(*command, "--dry-run")
    assert code == 0, err
    code, out, err = run(*command)
    assert code == 0, err
    rows = dsdm.open_shards(tmp_path / "o").take(range(json.loads(out)["rows"])).column("row").to_pylist()
    tokens = sum(length[row] for row in rows)
    assert 0 < tokens <= budget
    assert f"{len(rows)} rows of {tokens} tokens selected" in err
    assert f", counted {said}" in err
    for text in (dry, out):
        assert json.loads(text)["counted"] == {"tokens": tokens, "by": kind, "in": name}
    plain = run("materialize", "c.parquet", "p", "--by", *by, "-k", 1, "--json")
    assert "counted" not in json.loads(plain[1])
    assert "counted" not in plain[2]
