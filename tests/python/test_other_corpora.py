"""A selection that was made with one corpus, and rows of another of the same length: compared by ids, or by files."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm import errors
from dsdm.dataset import open_dataset

N = 70_000
"""More than a block of rows that are compared at once."""
RNG = np.random.default_rng(23)
SCORES = RNG.permutation(N).astype(np.float64)
IDS = [f"doc {row}" for row in range(N)]
DOMAINS = RNG.choice(["a", "b"], N)
A = pa.table({"id": IDS, "domain": DOMAINS, "length": RNG.integers(1, 9, N)})
BEST = np.argsort(-SCORES, kind="stable")


def put(name, table):
    pq.write_table(table, name)
    return name


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    put("A.parquet", A)
    put("B.parquet", A.take(np.arange(N)[::-1]))
    put("s.parquet", pa.table({"id": IDS, "score": SCORES}))
    np.save("s.npy", SCORES)
    return tmp_path


def joined():
    return dsdm.choose(dsdm.align("s.parquet", "A.parquet"), k=5)


def joined_in_memory():
    return dsdm.choose(dsdm.align((IDS, SCORES), "A.parquet"), k=5)


def by_groups():
    groups = dsdm.open_shards("A.parquet").groups("domain")
    return dsdm.choose(dsdm.open_scores("s.npy"), groups=groups, per_group=3)


def by_lengths():
    lengths = dsdm.open_shards("A.parquet").lengths("length")
    return dsdm.choose(dsdm.open_scores("s.npy"), tokens=40, lengths=lengths)


def in_turn():
    return dsdm.round_robin([dsdm.align("s.parquet", "A.parquet"), SCORES], 6)


def combined():
    return joined().union(dsdm.choose(SCORES, k=3))


def without_others():
    return dsdm.choose(dsdm.open_scores("s.npy"), k=5, exclude=joined())


def read_again():
    by_groups().save("kept.npy", overwrite=True)
    return dsdm.Selection.load("kept.npy")


def combined_and_read_again():
    combined().save("kept.npy", overwrite=True)
    return dsdm.Selection.load("kept.npy")


MADE = [
    joined,
    joined_in_memory,
    by_groups,
    by_lengths,
    in_turn,
    combined,
    without_others,
    read_again,
    combined_and_read_again,
]


def calls(corpus, rows):
    """Return every call that takes rows of a corpus."""
    return [
        lambda: dsdm.materialize(corpus, rows, "out", overwrite=True),
        lambda: dsdm.plan(corpus, rows),
        lambda: dsdm.select(corpus, rows),
        lambda: dsdm.open_shards(corpus).take(rows),
        lambda: open_dataset(corpus).select(rows),
    ]


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("made", MADE, ids=[made.__name__ for made in MADE])
def test_rows_of_a_corpus_with_other_ids_are_refused(made):
    chosen = made()
    for corpus in ("B.parquet", pq.read_table("B.parquet")):
        for call in calls(corpus, chosen):
            with pytest.raises(
                ValueError, match=r"A\.parquet, whose 'id' is 'doc 0' in row 0, and these rows .* is 'doc 69999'"
            ):
                call()
    assert not Path("out").exists()
    # The same rows: of the files themselves, of a copy, and of a table.
    put("copy.parquet", A.slice(0, N))
    for corpus in ("A.parquet", "copy.parquet", A):
        written = dsdm.open_shards(corpus).take(chosen)
        assert written["id"].to_pylist() == [IDS[row] for row in chosen.indices]
        for call in calls(corpus, chosen):
            call()


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("made", MADE, ids=[made.__name__ for made in MADE])
def test_rows_of_a_corpus_without_ids_are_taken_by_number(made):
    tokens = pa.table({"input_ids": [[row] for row in range(N)]})
    for corpus in (put("tokens.parquet", tokens), tokens):
        chosen = made()
        for call in calls(corpus, chosen):
            call()
        assert dsdm.open_shards(corpus).take(chosen)["input_ids"].to_pylist() == [[row] for row in chosen.indices]


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("made", [joined, by_groups])
@pytest.mark.parametrize("row", [0, 65_535, 65_536, N - 1])
def test_one_id_that_differs_is_found(made, row):
    chosen = made()
    ids = [*IDS]
    ids[row] = "another"
    put("other.parquet", A.set_column(0, "id", pa.array(ids)))
    with pytest.raises(ValueError, match=rf"'id' is 'doc {row}' in row {row:,}, and .*other\.parquet.* 'another'"):
        dsdm.materialize("other.parquet", chosen, "out")
    ids[row] = None
    put("other.parquet", A.set_column(0, "id", pa.array(ids)))
    with pytest.raises(ValueError, match=rf"'id' is 'doc {row}' in row {row:,}, and .* it is None"):
        dsdm.materialize("other.parquet", chosen, "out", columns=["domain"])


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("one", [pa.int64(), pa.uint64(), pa.int8(), pa.string(), pa.large_string()])
@pytest.mark.parametrize("other", [pa.int32(), pa.uint64(), pa.string(), pa.dictionary(pa.int32(), pa.string())])
def test_ids_of_other_types_are_compared_as_numbers_or_as_texts_or_refused(one, other):
    ids = pa.array([3, 1, 2, 5, 4])
    put("one.parquet", pa.table({"id": ids.cast(one), "n": range(5)}))
    texts = [str(value) for value in ids.to_pylist()]
    aligned = dsdm.align(
        (texts if pa.types.is_string(one) or pa.types.is_large_string(one) else ids, np.arange(5.0)), "one.parquet"
    )
    chosen = dsdm.choose(aligned, k=2)
    values = pa.array(texts) if pa.types.is_dictionary(other) else ids
    if pa.types.is_integer(one) != pa.types.is_integer(other):
        with pytest.raises(ValueError, match=rf"whose 'id' is {one}, .* where it is .*cannot be compared; join"):
            dsdm.materialize(pa.table({"id": values.cast(other)}), chosen, "same")
        return
    dsdm.materialize(pa.table({"id": values.cast(other)}), chosen, "same")
    with pytest.raises(ValueError, match=r"whose 'id' is '?3'? in row 0"):
        dsdm.materialize(pa.table({"id": values.take([1, 0, 2, 3, 4]).cast(other)}), chosen, "out")


@pytest.mark.usefixtures("place")
def test_scores_that_are_written_as_columns_are_those_of_the_rows():
    scores = dsdm.align("s.parquet", "A.parquet")
    for given in (scores, {"joined": scores}, {"plain": SCORES, "joined": dsdm.align((IDS, SCORES), "A.parquet")}):
        for call in (dsdm.materialize, dsdm.plan):
            with pytest.raises(ValueError, match=r"scores were joined by id to .*A\.parquet.* of B\.parquet"):
                call("B.parquet", [3, 1], "out", scores=given)
    dsdm.materialize("A.parquet", [3, 1], "out", scores=scores)
    assert dsdm.open_shards("out").take([0, 1])["scores"].to_pylist() == [SCORES[3], SCORES[1]]
    by_number = np.asarray(scores)
    dsdm.materialize("B.parquet", [3, 1], "out", scores=by_number, overwrite=True)
    assert dsdm.open_shards("out").take([0, 1])["scores"].to_pylist() == [SCORES[3], SCORES[1]]


@pytest.mark.usefixtures("place")
def test_a_corpus_that_is_gone_cannot_be_compared():
    chosen = joined()
    Path("A.parquet").unlink()
    with pytest.raises(ValueError, match=r"A\.parquet, which cannot be compared .*A\.parquet: it is not there\); join"):
        dsdm.plan("B.parquet", chosen)
    # Moved, it is known by its size and its ends.
    put("moved.parquet", A)
    dsdm.plan("moved.parquet", chosen)


@pytest.mark.usefixtures("place")
def test_a_mapping_that_tells_of_another_corpus_is_refused():
    chosen = by_groups()
    with pytest.raises(ValueError, match=r"the groups are of .*A\.parquet"):
        dsdm.materialize("B.parquet", chosen.indices, "out", selection=chosen.record())
    dsdm.materialize("A.parquet", chosen.indices, "out", selection=chosen.record())
    assert dsdm.verify("out").selection


OTHER = r"chosen with an earlier output of .*A\.parquet, and these are of .*: their numbers are of other rows"


def excluded():
    return dsdm.choose(dsdm.open_scores("s.npy"), k=5, exclude="first")


def alone():
    return dsdm.choose(dsdm.open_scores("s.npy"), k=5, only="first")


def excluded_and_read_again():
    excluded().save("kept.npy", overwrite=True)
    return dsdm.Selection.load("kept.npy")


def of_the_output():
    return dsdm.written_rows("first")


def excluded_in_turn():
    return dsdm.round_robin([SCORES, -SCORES], 4, exclude=dsdm.written_rows("first"))


def less():
    return dsdm.choose(SCORES, k=50).difference(dsdm.written_rows("first"))


EARLIER = [excluded, alone, excluded_and_read_again, of_the_output, excluded_in_turn, less]


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("made", EARLIER, ids=[made.__name__ for made in EARLIER])
def test_rows_of_another_corpus_than_that_of_an_earlier_output_are_refused(made):
    dsdm.materialize("A.parquet", dsdm.choose(dsdm.open_scores("s.npy"), k=40), "first")
    chosen = made()
    shuffled = open_dataset("A.parquet").select(np.arange(N)[::-1])
    # Without ids as well: which rows they are is told by files alone.
    plain = put("plain.parquet", pa.table({"n": range(N)}))
    for corpus in ("B.parquet", plain, pq.read_table("A.parquet"), shuffled):
        for call in calls(corpus, chosen):
            with pytest.raises(ValueError, match=OTHER):
                call()
    for corpus in ("A.parquet", dsdm.open_shards("A.parquet"), open_dataset("A.parquet")):
        for call in calls(corpus, chosen):
            call()
    assert dsdm.open_shards("out").take(np.arange(len(chosen)))["id"].to_pylist() == [
        IDS[row] for row in chosen.indices
    ]
    for call in calls(plain, chosen.indices):
        call()


@pytest.mark.usefixtures("place")
def test_the_command_refuses_rows_of_another_corpus(run):
    dsdm.materialize("A.parquet", dsdm.choose(dsdm.open_scores("s.npy"), k=40), "first")
    assert run("indices", "s.npy", "-k", 10, "--exclude", "first", "-o", "q.npy")[0] == 0
    code, _, said = run("materialize", "B.parquet", "out", "--indices", "q.npy")
    assert (code, "an earlier output of" in said, Path("out").exists()) == (1, True, False), said
    assert run("materialize", "A.parquet", "out", "--indices", "q.npy")[0] == 0
    assert dsdm.open_shards("out").take(range(10))["id"].to_pylist() == [IDS[row] for row in BEST[40:50]]
    assert dsdm.verify("out").selection
    one = ["s.parquet", "--on", "id", "--corpus", "A.parquet", "-k", 10, "-o", "j.npy"]
    assert run("indices", *one)[0] == 0
    code, _, said = run("materialize", "B.parquet", "other", "--indices", "j.npy")
    assert (code, "scores were joined by id to" in said, Path("other").exists()) == (1, True, False), said


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    "told",
    [
        7,
        [7],
        [{}],
        [{"name": "rows"}],
        [{"name": "rows", "files": []}],
        [{"name": "rows", "files": [7]}],
        [{"name": "rows", "files": [{"path": "x"}]}],
        [{"name": "ids", "files": "same"}],
        [{"name": "other", "files": "same"}],
        [{"name": 7, "files": "same"}],
        [{"name": [], "files": "same"}],
        [{"name": "rows", "files": "same", "column": 7}],
        [{"name": "rows", "files": "same", "hive": []}],
        [{"name": "rows", "files": "same", "hive": {"lang": ["de", "en"]}}],
        [{"name": "rows", "files": "same", "schema": "same"}],
        [{"name": "rows", "files": "same", "more": 1}],
    ],
)
def test_a_saved_selection_with_a_corpus_that_is_none_is_refused(told):
    dsdm.materialize("A.parquet", [1, 2], "first", row_ids="row")
    excluded().save("kept.npy", overwrite=True)
    path = Path("kept.npy.json")
    fields = json.loads(path.read_text())
    same = fields["corpora"][0]["files"]
    if isinstance(told, list):
        told = [{**one, "files": same} if isinstance(one, dict) and one.get("files") == "same" else one for one in told]
    path.write_text(json.dumps({**fields, "corpora": told}))
    with pytest.raises(errors.FormatError, match=r"kept\.npy\.json: corpora holds .*; save the selection again"):
        dsdm.Selection.load("kept.npy")


@pytest.mark.usefixtures("place")
def test_files_of_the_same_bytes_are_told_apart_by_their_directories():
    for language in ("en", "de"):
        Path("h", f"lang={language}").mkdir(parents=True)
        put(f"h/lang={language}/0.parquet", A.slice(0, 4).select(["length"]))
    opened = dsdm.open_shards("h", hive=True)
    rows = [row for row, found in enumerate(opened.column("lang").to_pylist()) if found == "de"]
    dsdm.materialize("h", rows[:2], "first", hive=True, row_ids="row")
    assert dsdm.written_rows("first", opened).indices.tolist() == rows[:2]
    chosen = dsdm.choose(np.arange(8.0), k=2, exclude="first")
    dsdm.plan("h", chosen, hive=True)
    Path("h/lang=de").rename("h/lang=fr")
    with pytest.raises(ValueError, match=r"whose directories told lang=de, and those of .* tell lang=en"):
        dsdm.written_rows("first", dsdm.open_shards("h", hive=True))
    for call in (dsdm.plan, dsdm.select):
        with pytest.raises(ValueError, match="chosen with an earlier output of"):
            call("h", chosen, hive=True)


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("kind", ["arrow", "parquet", "jsonl"])
@pytest.mark.parametrize("order", ["given", "row", "shuffle"])
def test_a_shard_with_other_bytes_gives_no_rows(kind, order):
    rows = RNG.permutation(N)[:300]
    options = {"format": kind, "row_order": order, "columns": ["length"]}
    dsdm.materialize("A.parquet", rows, "first", row_ids="row", num_shards=2, **options)
    expected = np.sort(rows) if order == "row" else rows
    assert dsdm.written_rows("first").indices.tolist() == expected.tolist()
    shards = [path for path in sorted(Path("first").rglob("*")) if "-of-00002" in path.name]
    assert len(shards) == 2
    said = []
    for shard in shards:
        whole = shard.read_bytes()
        for at in range(0, len(whole), max(1, len(whole) // 40)):
            shard.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            try:
                found = dsdm.choose(SCORES, k=3, only="first").indices
            except (errors.FormatError, errors.ChecksumError, errors.SchemaError) as error:
                said.append(str(error))
            else:
                # The byte is of no row number, which the digest of all of them says.
                assert order != "row"
                assert found.tolist() == [row for row in BEST if row in set(rows.tolist())][:3]
        shard.write_bytes(whole)
    assert said
    assert order != "row" or all("dsdm.verify" in message for message in said)
    assert dsdm.written_rows("first").indices.tolist() == expected.tolist()


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("kind", [pa.binary(), pa.binary(4), pa.decimal128(19), pa.timestamp("s"), pa.float64()])
def test_keys_of_every_type_are_compared(kind):
    keys = pa.array([b"aaaa", b"bbbb", b"cccc"]) if "binary" in str(kind) else pa.array([1, 2, 3])
    keys = keys.cast(kind)
    put("one.parquet", pa.table({"key": keys, "dom": ["x", "y", "x"]}))
    put("two.parquet", pa.table({"key": keys.take([2, 1, 0]), "dom": ["x", "y", "x"]}))
    chosen = dsdm.choose([1.0, 2.0, 3.0], groups=dsdm.open_shards("one.parquet").groups("dom"), per_group=1)
    dsdm.materialize("one.parquet", chosen, "out")
    for call in (dsdm.materialize, dsdm.select):
        with pytest.raises(ValueError, match=r"the groups are of .*one\.parquet, whose 'key' is .* in row 0"):
            call("two.parquet", chosen, *(["no"] if call is dsdm.materialize else []))


@pytest.mark.usefixtures("place")
def test_a_corpus_that_is_not_there_any_more_is_compared_with_none():
    chosen = by_groups()
    (Path.cwd() / "A.parquet").unlink()
    for call in (dsdm.materialize, dsdm.select):
        with pytest.raises(ValueError, match=r"the groups are of .*which cannot be compared .*it is not there"):
            call("B.parquet", chosen, *(["no"] if call is dsdm.materialize else []))
