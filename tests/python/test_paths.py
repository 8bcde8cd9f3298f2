"""Which files a path means: one answer for scores and for rows."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dsdm
from dsdm import selections
from dsdm.paths import ROWS, SCORES, find

BOTH = pytest.mark.parametrize(("use", "suffix"), [(SCORES, ".npy"), (ROWS, ".parquet")], ids=["scores", "rows"])


def touch(folder, *names, suffix=""):
    for name in names:
        path = Path(folder, f"{name}{suffix}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def found(what, use, **options):
    """The files that are meant, relative to the folder and without their suffixes."""
    base = what if os.path.isdir(what) else what.split("/*")[0].split("/[")[0]  # noqa: PTH112
    return [os.path.splitext(os.path.relpath(file, base))[0] for file in find(what, use, **options).files]  # noqa: PTH122


def refused(kind, what, use, *names, **options):
    with pytest.raises(kind) as caught:
        find(what, use, **options)
    for name in names:
        assert name in str(caught.value), str(caught.value)
    return caught.value


# --- the order ---


def test_f03_scores_and_rows_have_one_order(tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "c").mkdir()
    for number in range(11):
        np.save(tmp_path / "s" / f"{number}.npy", np.float32([number]))
        pq.write_table(pa.table({"text": [str(number)]}), tmp_path / "c" / f"{number}.parquet")
    for opened in (dsdm.open_scores, dsdm.open_shards):
        folder = tmp_path / ("s" if opened is dsdm.open_scores else "c")
        with pytest.raises(ValueError, match=r'after 1\.\w+ comes 10\.\w+ by name and 2\.\w+ by number.*sort="name"'):
            opened(folder)
    for sort in ("name", "natural"):
        best = dsdm.top_k(dsdm.open_scores(tmp_path / "s", sort=sort), 1)
        assert dsdm.open_shards(tmp_path / "c", sort=sort).take(best)["text"].to_pylist() == ["10"]


@BOTH
def test_the_order_is_that_of_the_text_of_paths_as_pyarrow_and_datasets_have_it(tmp_path, use, suffix):
    names = ["a-b/x", "a/x", "B/x", "a b/x", "a/y/z", "a-b", "é"]
    for name in names:
        path = tmp_path / f"{name}{suffix}"
        path.parent.mkdir(exist_ok=True, parents=True)
        pq.write_table(pa.table({"name": [name]}), path)
    theirs = pa.dataset.dataset(tmp_path).to_table()["name"].to_pylist()
    assert found(str(tmp_path), use) == theirs == sorted(names, key=lambda name: name + suffix)
    assert found(f"{tmp_path}/**/*{suffix}", use) == theirs


@BOTH
@pytest.mark.parametrize(
    "names",
    [
        ["part-1", "part-2", "part-10"],
        ["part-2/x", "part-10/x"],
        ["a/9", "a/10", "b/1"],
        ["part-1-0a1b2c3d", "part-2-deadbeef", "part-10-00c0ffee"],
        ["part-2-0f1b5c9e-1111-4222-8333-444455556666", "part-10-ffffffff-1111-4222-8333-444455556666"],
        ["p-\u0662", "p-\u0661\u0660"],
        ["p-1", "p-01", "p-2", "p-02"],
        ["x-1", "y-9", "y-10"],
    ],
)
def test_numbered_series_are_refused_until_the_order_is_told(tmp_path, use, suffix, names):
    touch(tmp_path, *names, suffix=suffix)
    refused(ValueError, str(tmp_path), use, 'sort="name"', 'sort="natural"', str(tmp_path))
    assert found(str(tmp_path), use, sort="name") == sorted(names)
    natural = found(str(tmp_path), use, sort="natural")
    assert sorted(natural) == sorted(names)
    assert natural != sorted(names)
    if "p-1" not in names:
        assert natural == names


@BOTH
@pytest.mark.parametrize("name", ["month={}", "year=2024/month={}/x", "{}", "dump-{}/en", "v1.{}"])
def test_numbered_directories_of_files_of_any_name_are_refused_until_the_order_is_told(tmp_path, use, suffix, name):
    """Files that are no series themselves come in the order of their directories, of which there are two."""
    folders = [name.format(number) for number in range(1, 13)]
    files = [f"{folder}/{letter}" for folder, letter in zip(folders, "lkjihgfedcba", strict=True)]
    touch(tmp_path, *files, suffix=suffix)
    options = {"hive": use is ROWS}
    tenth, second, first = (name.format(number).split("/en")[0].split("/x")[0] for number in (10, 2, 1))
    said = f"the directories are numbered, and after {first}/ comes {tenth}/ by name and {second}/ by number"
    for what in (str(tmp_path), f"{tmp_path}/**/*{suffix}"):
        refused(ValueError, what, use, said, 'sort="name"', 'sort="natural"', **options)
        assert found(what, use, sort="natural", **options) == files
        assert found(what, use, sort="name", **options) == sorted(files)
    # Written with as many digits, there is one order.
    padded = [f"{name.format(f'{number:02}')}/{letter}" for number, letter in enumerate("lkjihgfedcba", 1)]
    touch(tmp_path / "padded", *padded, suffix=suffix)
    assert found(str(tmp_path / "padded"), use, **options) == padded


@BOTH
@pytest.mark.parametrize(
    "names",
    [["part-01", "part-02", "part-10"], ["a10c", "a2b"], ["3fa90b11", "12abcdef"], ["2023", "2024"], ["A", "a"]],
)
def test_other_names_have_one_order(tmp_path, use, suffix, names):
    touch(tmp_path, *names, suffix=suffix)
    assert found(str(tmp_path), use) == sorted(names)


@BOTH
def test_subfolders_0_to_m_are_numerical_and_none_of_them_may_be_missing(tmp_path, use, suffix):
    touch(tmp_path, *(f"{number}/x" for number in range(12)), suffix=suffix)
    names = [f"{number}/x" for number in range(12)]
    for sort in (None, "name", "natural"):
        assert found(str(tmp_path), use, sort=sort) == names
        assert found(f"{tmp_path}/*/x{suffix}", use, sort=sort) == names
    (tmp_path / "7" / f"x{suffix}").unlink()
    for what in (str(tmp_path), f"{tmp_path}/*/x{suffix}"):
        refused(FileNotFoundError, what, use, "0 to 11 are expected, and 7 is not there", "partial=True")
        assert found(what, use, partial=True) == names[:7] + names[8:]
    assert found(f"{tmp_path}/[0-6]/x{suffix}", use) == names[:7]


@BOTH
def test_an_order_that_depends_on_the_suffix_is_none(tmp_path, use, suffix):
    touch(tmp_path, "x", "x.o", suffix=suffix)
    for sort in (None, "name", "natural"):
        refused(ValueError, str(tmp_path), use, f"x{suffix}", f"x.o{suffix}", "suffix", sort=sort)


def test_a_list_is_taken_as_given_and_what_is_in_it_by_the_rules(tmp_path):
    touch(tmp_path, "a/2", "a/10", "b/1", suffix=".npy")
    files = [tmp_path / "a" / "2.npy", tmp_path / "a" / "10.npy"]
    assert find(files, SCORES).files == [str(file) for file in files]
    refused(ValueError, [tmp_path / "b", tmp_path / "a"], SCORES, "10.npy by name and 2.npy by number")
    both = find([tmp_path / "b", f"{tmp_path}/a/*"], SCORES, sort="natural").files
    assert [os.path.relpath(file, tmp_path) for file in both] == ["b/1.npy", "a/2.npy", "a/10.npy"]


def test_an_order_that_there_is_not_is_refused_by_all(tmp_path):
    touch(tmp_path, "a", suffix=".npy")
    table = pa.table({"x": [1]})
    calls = [
        lambda: dsdm.open_scores(tmp_path / "a.npy", sort="size"),
        lambda: dsdm.open_shards(table, sort="size"),
        lambda: dsdm.select(table, [0], sort="size"),
        lambda: dsdm.plan(table, [0], sort="size"),
        lambda: dsdm.materialize(table, [0], tmp_path / "out", sort="size"),
        lambda: dsdm.dataset.open_dataset(table, sort="size"),
        lambda: selections.get_candidate_dataset(path=tmp_path, sort="size"),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="sort is 'size'; it is 'name'"):
            call()
    with pytest.raises(TypeError, match="partial is 'yes'"):
        dsdm.open_shards(table, partial="yes")
    assert not (tmp_path / "out").exists()


NAMES = st.sampled_from(
    ["a", "b", "a-b", "part-1", "part-2", "part-10", "0", "1", "10", "_x", ".y", "x.o", "Z", "en=1"]
)


@settings(max_examples=150, deadline=None)
@given(
    trees=st.sets(st.lists(NAMES, min_size=1, max_size=3).map("/".join), min_size=1, max_size=6),
    sort=st.sampled_from([None, "name", "natural"]),
)
def test_any_tree_has_the_same_order_for_scores_and_for_rows(tmp_path_factory, trees, sort):
    folder = tmp_path_factory.mktemp("tree")
    # A name cannot be a file and a folder; with its suffix it can.
    touch(folder / "s", *trees, suffix=".npy")
    touch(folder / "c", *trees, suffix=".parquet")
    asked = sorted(name for name in trees if not any(part[0] in "._" for part in name.split("/")))
    for glob in ("", "/**/*.*"):
        answers = []
        for what, use in (("s", SCORES), ("c", ROWS)):
            try:
                # Columns of directories are of rows alone.
                answers.append(found(f"{folder / what}{glob}", use, sort=sort, hive=use is ROWS))
            except ValueError:
                answers.append("refused")
            except OSError:
                answers.append("missing")
        assert answers[0] == answers[1]
        assert answers[0] in ("refused", "missing") or sorted(answers[0]) == asked


# --- what is no path of this machine ---


@pytest.mark.parametrize(
    "url",
    [
        "s3://bucket/x",
        "hf://datasets/a/b",
        "gs://b/x",
        "https://h/x.npy",
        "file:///tmp/x",
        "abfs+x://c/d",
        "dbfs:/mnt/x",
    ],
)
@pytest.mark.parametrize("make", [str, Path], ids=["text", "path"])
def test_g08_urls_are_refused_in_and_out(tmp_path, monkeypatch, url, make):
    monkeypatch.chdir(tmp_path)
    table, where = pa.table({"a": [1]}), make(url)
    lazy = dsdm.dataset.open_dataset(table)
    calls = [
        lambda: dsdm.open_scores(where),
        lambda: dsdm.open_scores([where]),
        lambda: dsdm.open_shards(where),
        lambda: dsdm.open_shards([where]),
        lambda: dsdm.materialize(table, [0], where),
        lambda: dsdm.materialize(where, [0], "out"),
        lambda: dsdm.plan(table, [0], where),
        lambda: dsdm.verify(where),
        lambda: dsdm.get_indices("dsdm", 1, "squad", data_dir=where),
        lambda: selections.get_candidate_dataset(path=where),
        lambda: selections.process_path("sdd.pt", data_dir=where),
    ]
    if make is Path:
        calls.append(lambda: lazy.save_to_disk(where))
    for call in calls:
        with pytest.raises(ValueError, match=rf"is a URL, and {url.split(':')[0].replace('+', '.')}://"):
            call()
    assert list(tmp_path.iterdir()) == []


def test_a_home_is_expanded_in_and_out(tmp_path, monkeypatch, run):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    np.save(home / "s.npy", np.arange(3.0))
    pq.write_table(pa.table({"id": [0, 1, 2]}), home / "c.parquet")
    assert len(dsdm.open_scores("~/s.npy")) == 3
    assert dsdm.materialize(Path("~/c.parquet"), [2], "~/out").path == str(home / "out")
    assert dsdm.plan("~/*.parquet", [0], "~/other").free_bytes > 0
    assert dsdm.verify("~/out").rows == 1
    dsdm.dataset.open_dataset("~/c.parquet").select([1]).save_to_disk("~/lazy")
    assert (home / "lazy" / "state.json").exists()
    assert run("indices", "~/s.npy", "-k", 1, "-o", "~/i.npy")[0] == 0
    assert run("materialize", "~/c.parquet", "~/again", "-i", "~/i.npy")[0] == 0
    assert dsdm.open_shards(home / "again")[:] == {"id": [2]}
    assert not (tmp_path / "~").exists()


def test_the_command_takes_an_order_and_a_part_and_says_so_in_its_words(run, tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "c").mkdir()
    for number in (1, 2, 10):
        np.save(tmp_path / "s" / f"p{number}.npy", np.float32([number]))
        pq.write_table(pa.table({"id": [number]}), tmp_path / "c" / f"p{number}.parquet")
    code, _, error = run("scores", "s")
    assert code == 1
    assert "--sort name" in error
    assert "sort=" not in error
    for sort, ids in (("name", [10, 2]), ("natural", [10, 2])):
        out = f"out-{sort}"
        assert run("materialize", "c", out, "--by", "s", "-k", 2, "--sort", sort)[0] == 0
        assert dsdm.open_shards(out)[:] == {"id": ids}
        assert dsdm.verify(out).selection
    code, _, error = run("scores", "s3://bucket/s.npy")
    assert code != 0
    assert "is a URL" in error
