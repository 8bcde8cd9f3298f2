"""A file that is given several times in a list, by one name or by several: its rows are there as often, in their order.

The oracle joins the rows and scores of the files as often as they are given, and sorts them by numpy.
"""

import json
import os
import pickle
import tempfile
from contextlib import chdir
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dsdm
from dsdm import errors
from dsdm._native import unfinished
from tests.corpora.unfinished import leave, write

SIZES = (3, 5, 2)
RNG = np.random.default_rng(5)
SCORES = np.split(RNG.permutation(sum(SIZES)).astype(np.float32), np.cumsum(SIZES)[:-1])
TABLES = [
    pa.table(
        {
            "text": [f"{at}-{row}" for row in range(size)],
            "domain": [("web", "books")[row % 2] for row in range(size)],
            "length": np.arange(1, size + 1),
        }
    )
    for at, size in enumerate(SIZES)
]
KINDS = ("arrow", "parquet", "jsonl")
NAMINGS = ("relative", "absolute", "link", "up", "linked directory")


def write_file(path, table):
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix == ".arrow":
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))


@pytest.fixture(scope="module")
def place(memory_folder):
    """Make shards, and the scores of each in a file of its own, that all have other names through links."""
    folder = Path(tempfile.mkdtemp(dir=memory_folder))
    (folder / "data").mkdir()
    (folder / "way").symlink_to("data")
    for at, table in enumerate(TABLES):
        for kind in KINDS:
            write_file(folder / "data" / f"{at}.{kind}", table)
        np.save(folder / "data" / f"{at}.npy", SCORES[at])
    for file in [*(folder / "data").iterdir()]:
        (folder / f"link-{file.name}").symlink_to(file)
    return folder


@pytest.fixture
def at_place(place, monkeypatch):
    monkeypatch.chdir(place)


def named(place, name, naming):
    return {
        "relative": f"data/{name}",
        "absolute": str(place / "data" / name),
        "link": f"link-{name}",
        "up": f"data/../way/{name}",
        "linked directory": f"way/{name}",
    }[naming]


SHARDS = st.lists(
    st.tuples(st.integers(0, len(SIZES) - 1), st.sampled_from(NAMINGS), st.sampled_from(NAMINGS)),
    min_size=1,
    max_size=6,
)


def real(told, out):
    """Return where the files lie that a manifest tells of."""
    return [os.path.realpath(os.path.join(out, file["path"])) for file in told]  # noqa: PTH118


@given(shards=SHARDS, data=st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.filterwarnings("ignore:.* rows tie:UserWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_an_output_are_those_of_the_files_as_often_as_they_were_given(place, kind, shards, data):
    numbers = [number for number, _, _ in shards]
    texts = [text for number in numbers for text in TABLES[number]["text"].to_pylist()]
    ranked = np.argsort(-np.concatenate([SCORES[number] for number in numbers]), kind="stable").tolist()
    k = data.draw(st.integers(1, len(texts)), "k")
    how = {
        "format": data.draw(st.sampled_from(KINDS), "format"),
        "row_order": data.draw(st.sampled_from(["given", "row", "shuffle"]), "order"),
        "row_ids": data.draw(st.sampled_from([None, "row"]), "row_ids"),
    }
    with chdir(place), tempfile.TemporaryDirectory(dir=place) as out:
        corpus = [named(place, f"{number}.{kind}", naming) for number, naming, _ in shards]
        scores = dsdm.open_scores([named(place, f"{number}.npy", naming) for number, _, naming in shards])
        chosen = dsdm.choose(scores, k=k)
        first = str(Path(out, "first"))
        dsdm.materialize(corpus, chosen, first, num_shards=1, **how)
        told = json.loads(Path(first, "dsdm.json").read_text())
        for files, ending in ((told["sources"], kind), (told["selection"]["chosen"]["score_files"], "npy")):
            assert real(files, first) == [str(place / "data" / f"{number}.{ending}") for number in numbers]
            assert [file["rows"] for file in files] == [SIZES[number] for number in numbers]
        expected = sorted(ranked[:k]) if how["row_order"] == "row" and how["row_ids"] else ranked[:k]
        assert dsdm.written_rows(first, corpus).indices.tolist() == expected
        assert dsdm.written_rows(first).indices.tolist() == expected
        wrote = dsdm.open_shards(first)[:]["text"]
        assert sorted(wrote) == sorted(texts[row] for row in ranked[:k])
        found = dsdm.verify(first)
        assert found.selection
        assert found.compared == k
        assert len(found.sources.same) == len(shards)
        parts = dsdm.report(first).selections[0].sources
        ends = np.cumsum([SIZES[number] for number in numbers])
        within = np.bincount(np.searchsorted(ends, ranked[:k], "right"), minlength=len(numbers)).tolist()
        assert [(part.rows, part.chosen) for part in parts] == [
            (SIZES[number], count) for number, count in zip(numbers, within, strict=True)
        ]
        for given_rows, rest in (({"exclude": first}, ranked[k:]), ({"only": first}, ranked[:k])):
            if not rest:
                continue
            again = dsdm.choose(scores, fraction=1.0, **given_rows)
            assert again.indices.tolist() == rest
            again.save(Path(out, "rows.npy"), overwrite=True)
            loaded = dsdm.Selection.load(Path(out, "rows.npy"))
            second = str(Path(out, next(iter(given_rows))))
            dsdm.materialize(corpus, loaded, second, format=how["format"])
            assert dsdm.verify(second).selection
            assert dsdm.open_shards(second)[:]["text"] == [texts[row] for row in rest]
        # Whose rows are numbered otherwise is another corpus, also where no other file is in it.
        once = list(dict.fromkeys(numbers))
        if once != numbers:
            with pytest.raises(ValueError, match="its rows came from"):
                dsdm.written_rows(first, [f"data/{number}.{kind}" for number in once])


@pytest.mark.filterwarnings("ignore:.*come from the front:UserWarning")
@pytest.mark.usefixtures("at_place")
@pytest.mark.parametrize("kind", KINDS)
def test_groups_and_lengths_are_of_each_file_as_often_as_it_is_given(kind, tmp_path):
    numbers = [1, 0, 1]
    corpus = [f"data/1.{kind}", f"data/0.{kind}", f"link-1.{kind}"]
    rows = pa.concat_tables(TABLES[number] for number in numbers)
    shards = dsdm.open_shards(corpus)
    scores = dsdm.open_scores(["data/1.npy", "data/0.npy", "way/1.npy"])
    ranked = np.argsort(-np.concatenate([SCORES[number] for number in numbers]), kind="stable")
    domains = np.array(rows["domain"].to_pylist())
    grouped = dsdm.choose(scores, groups=shards.groups("domain"), per_group=2)
    expected = [row for row in ranked if row in [r for d in ("web", "books") for r in ranked[domains[ranked] == d][:2]]]
    assert sorted(grouped.indices.tolist()) == sorted(expected)
    lengths = rows["length"].to_numpy()
    limited = dsdm.choose(scores, lengths=shards.lengths("length"), tokens=int(lengths.sum()))
    assert limited.tokens == lengths.sum()
    for name, chosen in (("groups", grouped), ("lengths", limited)):
        chosen.save(tmp_path / "rows.npy", overwrite=True)
        told = json.loads((tmp_path / "rows.npy.json").read_text())["files"][name]["files"]
        assert [file["rows"] for file in told] == [SIZES[number] for number in numbers]
        for given_rows in (chosen, dsdm.Selection.load(tmp_path / "rows.npy")):
            dsdm.materialize(corpus, given_rows, tmp_path / name, overwrite=True)
            assert dsdm.verify(tmp_path / name).selection


@pytest.mark.usefixtures("at_place")
@pytest.mark.parametrize("kind", KINDS)
def test_a_pickled_corpus_has_the_files_as_often_as_they_were_given(kind, tmp_path):
    corpus = [f"data/../way/2.{kind}", f"data/2.{kind}", f"data/0.{kind}", f"data/2.{kind}"]
    again = pickle.loads(pickle.dumps(dsdm.open_shards(corpus)))  # noqa: S301 - of this process
    dsdm.materialize(again, [8, 1, 3], tmp_path / "out", row_ids="row")
    told = json.loads((tmp_path / "out" / "dsdm.json").read_text())["sources"]
    assert [file["rows"] for file in told] == [2, 2, 3, 2]
    assert dsdm.written_rows(tmp_path / "out", corpus).indices.tolist() == [8, 1, 3]
    assert dsdm.verify(tmp_path / "out").compared == 3


@pytest.mark.parametrize("ending", [".parquet", ".arrow"])
def test_an_unfinished_run_goes_on_with_the_files_as_often_as_they_were_given(tmp_path, ending):
    lengths = [15 if row < 2000 else 64 for row in range(4000)]
    tokens = pa.array([[row] * length for row, length in enumerate(lengths)], pa.list_(pa.uint16()))
    for name in ("a", "b"):
        write_file(tmp_path / f"{name}{ending}", pa.table({"input_ids": tokens}))
    out, corpus = tmp_path / "out", [str(tmp_path / f"{name}{ending}") for name in "aab"]
    rows = np.concatenate([np.arange(1500), 4000 + np.arange(1500), 10_000 + np.arange(1500)])
    leave(corpus, out, rows=rows)
    assert [Path(file["path"]).name[0] for file in unfinished(out)["sources"]] == ["a", "a", "b"]
    # The same numbers are other rows of these.
    for others in ([corpus[2], *corpus[:2]], [corpus[0], corpus[2], corpus[2]], corpus[1:] * 2):
        with pytest.raises(errors.ResumeMismatchError, match="sources"):
            write(others, out, rows)
    assert write(corpus, out, rows).kept > 0
    assert dsdm.open_shards(out)[:]["input_ids"] == [tokens[row % 4000].as_py() for row in rows]
