"""Groups and lengths that are fields of structs: named as scores are, ``meta.domain``."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm

ROWS = 600
KINDS = ["arrow", "jsonl", "jsonl.zst", "parquet"]


def rows_of(seed):
    generator = np.random.default_rng(seed)
    rows = []
    for number in range(ROWS):
        inside = {
            "domain": ["web", "books", "code"][int(generator.integers(3))],
            "tokens": int(generator.integers(1, 90)),
        }
        text = "x" * int(generator.integers(0, 40))
        rows.append({"id": number, "meta": {**inside, "deep": {"text": text, "ids": [1] * (number % 7)}}})
    return rows


@pytest.fixture(scope="module")
def rows():
    return rows_of(5)


@pytest.fixture(scope="module")
def scores():
    return np.round(np.random.default_rng(6).standard_normal(ROWS), 1)


@pytest.fixture(params=KINDS)
def corpus(request, rows, tmp_path):
    path = tmp_path / f"c.{request.param}"
    table = pa.Table.from_pylist(rows)
    if request.param == "parquet":
        pq.write_table(table, path, row_group_size=70)
    elif request.param == "arrow":
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=70)
    else:
        text = "".join(json.dumps(row) + "\n" for row in rows).encode()
        path.write_bytes(text if request.param == "jsonl" else pa.compress(text, "zstd", asbytes=True))
    return path


def best(scores, rows, count):
    return sorted(rows, key=lambda row: (-scores[row], row))[:count]


def within(scores, lengths, budget):
    taken, total = [], 0
    for row in best(scores, range(ROWS), ROWS):
        total += lengths[row]
        if total > budget:
            break
        taken.append(row)
    return taken


def test_groups_and_lengths_are_fields_of_structs(corpus, rows, scores):
    shards = dsdm.open_shards(str(corpus))
    assert shards.column("meta.domain").to_pylist() == [row["meta"]["domain"] for row in rows]
    chosen = dsdm.choose(scores, groups=shards.groups("meta.domain"), per_group=9)
    by_group = {
        name: [row for row in range(ROWS) if rows[row]["meta"]["domain"] == name] for name in ("web", "books", "code")
    }
    assert set(chosen) == {row for group in by_group.values() for row in best(scores, group, 9)}
    for name, length_of in (
        ("meta.tokens", lambda meta: meta["tokens"]),
        ("meta.deep.text", lambda meta: len(meta["deep"]["text"])),
        ('["meta"]["deep"]["ids"]', lambda meta: len(meta["deep"]["ids"])),
    ):
        lengths = [length_of(row["meta"]) for row in rows]
        assert list(shards.lengths(name)[np.arange(ROWS)]) == lengths
        assert list(dsdm.choose(scores, tokens=700, lengths=shards.lengths(name))) == within(scores, lengths, 700)


def test_the_command_and_verify_take_them(corpus, rows, scores, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("s.npy", scores)
    by_shards = ("--groups", "meta.domain", "--per-group", 5, "--row-ids", "row")
    by_file = ("--groups", f"{corpus.name}:meta.domain", "--per-group", 5, "--row-ids", "row")
    for out, options in (("a", by_shards), ("b", by_file)):
        assert run("materialize", corpus.name, out, "--by", "s.npy", *options)[0] == 0
        assert run("verify", out)[0] == 0
    a, b = (dsdm.open_shards(out)[:]["row"] for out in "ab")
    assert a == b
    assert len(a) == 15
    lengths = [row["meta"]["tokens"] for row in rows]
    for out, named in (("c", "meta.tokens"), ("d", f"{corpus.name}:meta.tokens")):
        options = ("--tokens", 700, "--lengths", named, "--row-ids", "row")
        assert run("materialize", corpus.name, out, "--by", "s.npy", *options)[0] == 0
        assert dsdm.open_shards(out)[:]["row"] == within(scores, lengths, 700)
    code, said, _ = run("report", "a", "--groups", "meta.domain", "--lengths", "meta.tokens")
    assert code == 0
    assert "books" in said


def test_fields_below_null_structs_are_null(scores):
    inside = pa.StructArray.from_arrays(
        [pa.array([1, 2, 3]), pa.array(["a", "b", "c"])], ["n", "g"], mask=pa.array([False, True, False])
    )
    shards = dsdm.open_shards(pa.table({"meta": inside}))
    assert shards.column("meta.g").to_pylist() == ["a", None, "c"]
    with pytest.raises(ValueError, match=r"row 1: the column 'meta\.n' is null"):
        dsdm.choose(scores[:3], tokens=9, lengths=shards.lengths("meta.n"))


def test_a_name_that_means_two_is_refused_and_one_that_means_none():
    table = pa.table({"meta.domain": ["a", "b"], "meta": [{"domain": "c"}, {"domain": "d"}]})
    shards = dsdm.open_shards(table)
    both = r"""column is 'meta\.domain', which is 'meta\.domain' and 'domain' in 'meta'; say """
    with pytest.raises(ValueError, match=both + r'\["meta\.domain"\] or \["meta"\]\["domain"\]'):
        shards.column("meta.domain")
    assert shards.column('["meta.domain"]').to_pylist() == ["a", "b"]
    assert shards.column('["meta"]["domain"]').to_pylist() == ["c", "d"]
    for name in ("meta.no", "no", "meta.domain.x", "meta.domain[0]"):
        with pytest.raises(ValueError, match=r"and the rows have 'meta\.domain', 'meta'"):
            shards.lengths(name)


def test_slices_of_structs_keep_their_rows():
    inside = pa.array([{"g": number % 3} for number in range(50)])
    chunks = pa.chunked_array([inside.slice(7, 20), inside.slice(30, 11)])
    expected = [number % 3 for number in (*range(7, 27), *range(30, 41))]
    shards = dsdm.open_shards(pa.table({"m": chunks}))
    assert shards.column("m.g").to_pylist() == expected
    assert shards.lengths("m.g")[np.array([30, 0, 20, 20])].tolist() == [expected[row] for row in (30, 0, 20, 20)]
