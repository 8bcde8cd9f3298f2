"""--tokens takes as many whole rows as it has room for, by the lengths that the rows have."""

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
        ("w", {"text": list("abc")}, "name the column of lists of tokens by --tokens-column, or where all rows"),
        ("u", {"input_ids": list("abc")}, "--tokens needs lists in the column 'input_ids', and it holds string"),
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
    assert (code, err) == (0, "3 rows of 7 tokens selected\n")
    assert dsdm.verify(tmp_path / "o").rows == 3


@pytest.mark.parametrize("other", [["--tokens", 9, "--row-tokens", 3], ["-k", 3]])
def test_a_column_of_tokens_without_a_use_is_refused(run, tmp_path, other):
    pq.write_table(pa.table({"doc": [[1, 2, 3]]}), tmp_path / "c.parquet")
    np.save(tmp_path / "s.npy", np.array([1.0]))
    code, _, err = run("materialize", "c.parquet", "o", "--by", "s.npy", *other, "--tokens-column", "doc")
    assert (code, "--tokens-column goes with --tokens, and without --row-tokens" in err) == (2, True)
