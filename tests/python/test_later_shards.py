"""Scores that are cut to the first rows of a corpus, beside shards that are not its first: no other rows in silence."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dsdm
from dsdm import selections
from dsdm.paths import complete
from dsdm.paths.complete import left_out

ROWS = [5, 7, 6, 4]
NAMES = {
    "of": "train-{:05d}-of-00004",
    "of, from 1": "train-{:05d}-of-00004",
    "numbers": "part-{:04d}",
    "two numbers": "000_{:05d}",
}
FIRST = {"of, from 1": 1}
KINDS = [".parquet", ".arrow", ".jsonl"]


def a_shard(path, first, rows):
    texts = [f"row {row}" for row in range(first, first + rows)]
    table = pa.table({"text": texts})
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix == ".arrow":
        with pa.ipc.new_stream(path, table.schema) as writer:
            writer.write_table(table)
    else:
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))


def a_corpus(folder, names, kind):
    """Write shards, and give their paths and the scores of all rows."""
    folder.mkdir(parents=True, exist_ok=True)
    start, paths = FIRST.get(names, 0), []
    for at, rows in enumerate(ROWS):
        paths.append(folder / f"{NAMES[names].format(at + start)}{kind}")
        a_shard(paths[-1], sum(ROWS[:at]), rows)
    np.save(folder / "scores.npy", np.random.default_rng(0).permutation(sum(ROWS)).astype(np.float32))
    return paths, folder / "scores.npy"


def texts_of(rows):
    return [f"row {row}" for row in rows]


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    names=st.sampled_from(sorted(NAMES)),
    kind=st.sampled_from(KINDS),
    given_shards=st.lists(st.integers(0, 3), min_size=1, max_size=4, unique=True).map(sorted),
)
def test_a_choice_of_the_first_rows_goes_with_the_first_shards_alone(tmp_path_factory, names, kind, given_shards):
    paths, scores_file = a_corpus(tmp_path_factory.mktemp("corpus"), names, kind)
    shards = [paths[at] for at in given_shards]
    count = sum(ROWS[at] for at in given_shards)
    scores = dsdm.open_scores(scores_file)
    chosen = dsdm.choose(scores.slice(0, count), k=2)
    calls = [
        lambda: dsdm.select(shards, chosen)["text"],
        lambda: dsdm.open_shards(shards).take(chosen).column("text").to_pylist(),
        lambda: written(tmp_path_factory.mktemp("out") / "out", shards, chosen),
    ]
    are_first = given_shards == list(range(len(given_shards)))
    for call in calls:
        if are_first:
            assert list(call()) == texts_of(np.argsort(-np.asarray(scores)[:count])[:2])
        else:
            with pytest.raises(ValueError, match="comes before one of them and is not given"):
                call()


def written(out, shards, chosen):
    dsdm.materialize(shards, chosen, out)
    return dsdm.open_shards(out).column("text").to_pylist()


def test_a_slice_further_on_goes_with_its_shards(tmp_path):
    paths, scores_file = a_corpus(tmp_path / "corpus", "of", ".parquet")
    scores = dsdm.open_scores(scores_file)
    chosen = dsdm.choose(scores.slice(5, 12), k=3)
    rows = 5 + np.argsort(-np.asarray(scores)[5:12])[:3]
    assert list(dsdm.select(paths[1], chosen)["text"]) == texts_of(rows)
    # What lies in memory, and row numbers alone, say nothing of files.
    first = dsdm.choose(np.asarray(scores)[:7], k=3)
    assert len(dsdm.select(paths[1], first)) == 3
    assert len(dsdm.select(paths[1], dsdm.choose(scores.slice(0, 7), k=3).indices)) == 3


@pytest.mark.parametrize("names", sorted(NAMES))
def test_the_command_cuts_scores_for_the_first_shards_alone(tmp_path, run, names):
    paths, scores_file = a_corpus(tmp_path / "corpus", names, ".parquet")
    code, _, said = run("materialize", *paths[:2], tmp_path / "first", "--by", scores_file, "--rows", 12, "-k", 2)
    assert code == 0, said
    scores = np.load(scores_file)
    assert dsdm.open_shards(tmp_path / "first").column("text").to_pylist() == texts_of(np.argsort(-scores[:12])[:2])
    for shards, rows in (([paths[1]], 7), ([paths[0], paths[2]], 11)):
        code, _, said = run("materialize", *shards, tmp_path / "later", "--by", scores_file, "--rows", rows, "-k", 2)
        assert code != 0
        assert "--rows takes the scores of the first" in said
        assert "scores.slice(first, last)" in said
        assert not (tmp_path / "later").exists()


def test_the_reference_code_cuts_scores_for_the_first_shards_alone(demo):
    scores = np.asarray(dsdm.open_scores(demo / "demo" / "data" / "classifier" / "squad.pt"))
    options = {"path": demo / "demo" / "corpus", "data_dir": demo / "demo" / "data"}
    first = selections.dataset_select("classifier", 2, "squad", data_files="data/train-00000-*", rows=100, **options)
    whole = selections.get_candidate_dataset(path=demo / "demo" / "corpus")
    assert first[:] == whole.select(np.argsort(-scores[:100], kind="stable")[:2])[:]
    for files, rows in (("data/train-00001-*", 100), (["data/train-00000-*", "data/train-00002-*"], 200)):
        with pytest.raises(ValueError, match="rows= takes the scores of the first"):
            selections.dataset_select("classifier", 2, "squad", data_files=files, rows=rows, **options)


def test_what_is_left_out_is_told_by_names_alone_too(tmp_path):
    alone = tmp_path / "train-00002-of-00004.parquet"
    a_shard(alone, 0, 3)
    assert left_out([str(alone)]) == str(tmp_path / "train-00000-of-00004.parquet")
    numbered = tmp_path / "part-7.parquet"
    a_shard(numbered, 0, 3)
    assert left_out([str(numbered)]) is None
    a_shard(tmp_path / "part-6.parquet", 0, 3)
    assert left_out([str(numbered)]) == str(tmp_path / "part-6.parquet")
    assert left_out([]) is None


def test_of_many_shards_each_name_is_looked_at_once(tmp_path, monkeypatch):
    paths = [str(tmp_path / f"train-{at:05d}-of-02000.parquet") for at in range(2_000)]
    for path in paths:
        open(path, "wb").close()  # noqa: PTH123
    looked = []
    numbered = complete._numbered
    monkeypatch.setattr(complete, "_numbered", lambda name: looked.append(name) or numbered(name))
    assert left_out(paths) is None
    assert len(looked) <= 2 * len(paths)
    assert left_out(paths[1:]) == paths[0]
    assert left_out([*paths[:7], *paths[8:]]) == paths[7]
