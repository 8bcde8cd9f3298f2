"""A report of a selection on a corpus that it was not made with: refused as rows of it are."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm

N = 500
RNG = np.random.default_rng(5)
SCORES = RNG.permutation(N).astype(np.float64)
IDS = [f"doc {row}" for row in range(N)]
A = pa.table({"id": IDS, "domain": RNG.choice(["a", "b"], N), "length": RNG.integers(1, 9, N)})
OF_A = r"A\.parquet, whose 'id' is 'doc 0' in row 0, and these rows .* is 'doc 499'"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pq.write_table(A, "A.parquet")
    pq.write_table(A.take(np.arange(N)[::-1]), "B.parquet")
    np.save("s.npy", SCORES)
    return tmp_path


def joined():
    return dsdm.choose(dsdm.align((IDS, SCORES), "A.parquet"), k=5)


def by_groups():
    return dsdm.choose(dsdm.open_scores("s.npy"), groups=dsdm.open_shards("A.parquet").groups("domain"), per_group=3)


def by_lengths():
    return dsdm.choose(SCORES, tokens=40, lengths=dsdm.open_shards("A.parquet").lengths("length"))


def saved():
    by_groups().save("kept.npy")
    return "kept.npy"


def written():
    dsdm.materialize("A.parquet", dsdm.choose(dsdm.open_scores("s.npy"), k=5), "out")
    return "out"


def written_by_numbers():
    dsdm.materialize("A.parquet", [3, 1], "out")
    return "out"


MADE = [joined, by_groups, by_lengths, saved, written, written_by_numbers]


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("made", MADE, ids=[made.__name__ for made in MADE])
def test_a_corpus_with_other_ids_is_refused(made):
    chosen = made()
    for corpus in ("B.parquet", pq.read_table("B.parquet")):
        with pytest.raises(ValueError, match=OF_A):
            dsdm.report(chosen, corpus=corpus)
    pq.write_table(A, "copy.parquet", compression="none")
    for corpus in ("A.parquet", "copy.parquet", A, A.select(["domain"])):
        assert dsdm.report(chosen, corpus=corpus).selections[0].of == N


@pytest.mark.usefixtures("place")
def test_rows_of_an_earlier_output_are_of_its_files():
    dsdm.materialize("A.parquet", [3, 1], "first", row_ids="row")
    chosen = dsdm.choose(SCORES, k=5, exclude="first")
    with pytest.raises(ValueError, match=r"chosen with an earlier output of .*A\.parquet"):
        dsdm.report(chosen, corpus="B.parquet")
    assert dsdm.report(chosen, corpus="A.parquet").selections[0].rows == 5


@pytest.mark.usefixtures("place")
def test_files_that_are_gone_are_compared_with_nothing_where_a_directory_names_them(tmp_path):
    out = written()
    (tmp_path / "A.parquet").unlink()
    assert dsdm.report(out, corpus=A).selections[0].rows == 5
    with pytest.raises(ValueError, match=r"cannot be compared .*; join"):
        dsdm.report(dsdm.choose(SCORES, k=1).union(_joined_to_what_is_gone(tmp_path)), corpus=A)


def _joined_to_what_is_gone(place):
    pq.write_table(A, "A.parquet")
    chosen = joined()
    (place / "A.parquet").unlink()
    return chosen


@pytest.mark.usefixtures("place")
def test_the_command_refuses_it(run):
    written()
    code, _, said = run("report", "out", "--corpus", "B.parquet")
    assert (code, "the rows were written from" in said) == (1, True), said
    assert run("report", "out", "--corpus", "A.parquet")[0] == 0
