"""What a message advises is done here, and works."""

import json
import os
import pathlib
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq
import pytest

import dsdm

TABLE = pa.table({"n": range(10)})


def test_masked_scores_choose_the_rows_that_the_advice_chooses():
    scores = np.ma.array([1.0, 9.0, 3.0, 8.0], mask=[0, 1, 0, 0])
    with pytest.raises(TypeError) as caught:
        dsdm.top_k(scores, 2)
    said = str(caught.value)
    assert "compressed" not in said  # by which rows have other numbers
    for advice, rows in (
        ("scores.data with exclude=numpy.flatnonzero(numpy.ma.getmaskarray(scores))", None),
        ("scores.filled(numpy.nan)", {"nan": "omit"}),
    ):
        assert advice in said
        if rows is None:
            chosen = dsdm.top_k(scores.data, 2, exclude=np.flatnonzero(np.ma.getmaskarray(scores)))
        else:
            chosen = dsdm.top_k(scores.filled(np.nan), 2, **rows)
        assert chosen.tolist() == [3, 2]
    indices = np.ma.array([4, 5, 6], mask=[0, 1, 0])
    with pytest.raises(TypeError, match=r"indices\.compressed\(\), which leaves out what is masked"):
        dsdm.plan(TABLE, indices)
    assert dsdm.plan(TABLE, indices.compressed()).rows == 2


def test_a_null_is_no_nan_and_what_pandas_makes_of_one_is_told(tmp_path):
    frame = pd.DataFrame({"score": [1.0, np.nan, 3.0]})
    frame.to_parquet(tmp_path / "s.parquet")
    with pytest.raises(ValueError, match=r"1 of 3 rows are null.*nan= is of NaN alone, which pandas writes as null"):
        dsdm.top_k(dsdm.open_scores(tmp_path / "s.parquet"), 2, nan="omit")
    pq.write_table(pa.table({"score": frame["score"].to_numpy()}), tmp_path / "s.parquet")
    assert dsdm.top_k(dsdm.open_scores(tmp_path / "s.parquet"), 2, nan="omit").tolist() == [2, 0]


def test_nan_has_one_spelling(run, tmp_path):
    np.save(tmp_path / "s.npy", np.array([1.0, np.nan]))
    with pytest.raises(ValueError, match=r'nan="omit", nan="largest" or nan="smallest"$'):
        dsdm.top_k(np.load(tmp_path / "s.npy"), 1)
    _, _, said = run("indices", "s.npy", "-k", 1, "-o", "r.npy")
    assert said.endswith("say what they mean: --nan omit, --nan largest or --nan smallest\n")


@pytest.mark.parametrize(
    ("scores", "advice"),
    [
        ("scores/s.npy", r"'scores/s\.npy' is a path.*dsdm\.open_scores\(path\)"),
        (["a.npy", "b.npy"], r"scores are paths.*dsdm\.open_scores\(path\)"),
        ({1.0, 2.0}, r"a set; a dsdm\.Scores, a numpy array, .* or a list of numbers is needed"),
        ((score for score in [1.0, 2.0]), r"a generator; .* or a list of numbers is needed"),
    ],
)
def test_what_is_no_vector_of_scores_is_told_how_it_becomes_one(scores, advice):
    with pytest.raises(TypeError, match=advice):
        dsdm.top_k(scores, 1)


def test_sets_are_excluded_and_ids_are_an_array():
    scores = np.arange(5.0)
    assert dsdm.top_k(scores, 2, exclude={4, 3}).tolist() == [2, 1]
    assert sorted(dsdm.sample(5, 3, exclude={0, 1})) == [2, 3, 4]
    assert set(dsdm.sample([3, 4, 5], 3)) == {3, 4, 5}
    with pytest.raises(TypeError, match="population is a set"):
        dsdm.sample({3, 4, 5}, 2)
    assert set(dsdm.sample(np.asarray([3, 4, 5]), 3)) == {3, 4, 5}


def test_a_list_of_what_are_no_paths_is_told_by_its_item():
    with pytest.raises(TypeError, match="not from a list whose item 0 is a int"):
        dsdm.plan([1], [0])
    with pytest.raises(TypeError, match="not from a tuple whose item 1 is a NoneType"):
        dsdm.open_shards(("a.parquet", None))


def test_the_source_is_not_advised_to_be_removed(run, tmp_path):
    pq.write_table(TABLE, tmp_path / "c.parquet")
    np.save(tmp_path / "i.npy", np.arange(3))
    os.link(tmp_path / "c.parquet", tmp_path / "other.parquet")
    for out in ("c.parquet", "./c.parquet", "other.parquet"):
        for overwrite in ([], ["--overwrite"]):
            code, _, said = run("materialize", "c.parquet", out, "-i", "i.npy", *overwrite)
            assert code == 1
            assert "this is the source c.parquet" in said.replace(f"{tmp_path}/", "")
            assert "remove" not in said


def test_rows_out_of_range_name_their_file_and_the_source(run, tmp_path):
    pq.write_table(TABLE, tmp_path / "c.parquet")
    np.save(tmp_path / "s.npy", np.arange(10.0))
    for row in (-1, 10):
        np.save(tmp_path / "a.npy", np.array([3, row]))
        code, _, said = run("materialize", "c.parquet", "out", "-i", "a.npy")
        assert code == 1
        assert said.startswith(
            f"dsdm: a.npy: index {row} at position 1 is out of range: there are 10 rows, 0 to 9, in "
        )
        assert said.endswith("c.parquet\n")
        code, _, said = run("indices", "s.npy", "-k", 3, "--exclude", "a.npy", "-o", "r.npy")
        assert code == 1
        assert said.startswith(f"dsdm: a.npy: exclude[1] is {row}, ")
    with pytest.raises(IndexError, match=r"0 to 9, in .*c\.parquet$"):
        dsdm.materialize(tmp_path / "c.parquet", [10], tmp_path / "out", progress=False)
    with pytest.raises(IndexError, match=r"0 to 9$"):
        dsdm.plan(TABLE, [10])


def test_an_output_below_a_file_names_the_file(run, tmp_path):
    (tmp_path / "afile").touch()
    for place in ("afile/out", "afile/deep/er/out"):
        with pytest.raises(NotADirectoryError, match=f"{tmp_path}/afile is no directory, .*: '{tmp_path}/{place}'"):
            dsdm.materialize(TABLE, [0], tmp_path / place, progress=False)
    with pytest.raises(ValueError, match="out_dir is empty"):
        dsdm.materialize(TABLE, [0], "", progress=False)
    pq.write_table(TABLE, tmp_path / "c.parquet")
    code, _, said = run("materialize", "c.parquet", "", "--by", "random", "-k", 1)
    assert code == 2
    assert "the path is empty" in said


def test_a_selection_of_another_number_of_rows_is_refused_where_it_is_written(tmp_path):
    told = {"by": "get_indices", "arguments": {"method": "random", "k": 4, "rows": 10, "seed": 1}}
    for rows in ([1, 2, 3], range(5)):
        with pytest.raises(ValueError, match=rf"has k=4, and {len(rows)} rows are written"):
            dsdm.materialize(TABLE, rows, tmp_path / "out", selection=told, progress=False)
    dsdm.materialize(TABLE, dsdm.get_indices(**told["arguments"]), tmp_path / "out", selection=told, progress=False)
    assert dsdm.verify(tmp_path / "out").selection


def test_scores_of_another_number_of_rows_are_cut_only_where_that_helps(run, tmp_path):
    pq.write_table(TABLE, tmp_path / "c.parquet")
    np.save(tmp_path / "few.npy", np.arange(4.0))
    np.save(tmp_path / "many.npy", np.arange(14.0))
    for name, helps in (("few", False), ("many", True)):
        code, _, said = run("materialize", "c.parquet", "out", "--by", f"{name}.npy", "-k", 2)
        assert code == 1
        assert f"{name}.npy: there are" in said
        assert ("--rows" in said) == helps
        code, _, said = run("materialize", "c.parquet", "out", "--by", "random", "-k", 2, "--scores", f"{name}.npy")
        assert code == 1
        assert f"{name}.npy" in said
        with pytest.raises(ValueError, match="each row needs one score") as caught:
            dsdm.plan(TABLE, [0], scores=dsdm.open_scores(tmp_path / f"{name}.npy"))
        assert ("scores.slice(0, 10)" in str(caught.value)) == helps
    dsdm.plan(TABLE, [0], scores=dsdm.open_scores(tmp_path / "many.npy").slice(0, 10))
    with pytest.raises(ValueError, match=r"scores\[:10\]; "):
        dsdm.plan(TABLE, [0], scores=np.arange(14.0))
    dsdm.plan(TABLE, [0], scores=np.arange(14.0)[:10])
    code, _, said = run("materialize", "c.parquet", "out", "--by", "random", "--rows", 30, "-k", 3)
    assert code == 1
    assert "--rows is 30, and there are 10 rows to draw from; it can be at most that" in said


def test_text_is_made_into_scores_by_what_its_first_bytes_show(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    texts = {
        "numbers.csv": "1.5\n-2e3\n3\n",
        "named.csv": "id,score\n7,1.5\n8,-2000\n9,3\n",
        "list.json": "[1.5, -2000,\n 3]\n",
    }
    for name, text in texts.items():
        path = tmp_path / name
        path.write_text(text)
        with pytest.raises(dsdm.FormatError) as caught:
            dsdm.open_scores(path)
        (advice,) = re.findall(r"((?:numpy\.save|pyarrow\.parquet\.write_table)\(.*\))", str(caught.value))
        exec(advice, {"numpy": np, "pyarrow": pa, "json": json, "pathlib": pathlib, "path": path})  # noqa: S102 - our own text
        made = "scores.npy" if "numpy" in advice else "new.parquet"
        scores = dsdm.open_scores(made, column="score" if made == "new.parquet" else None)
        assert scores[:].tolist() == [1.5, -2000, 3], advice


def test_what_is_there_already_is_told_to_be_a_dataset_or_not(tmp_path):
    dsdm.materialize(TABLE, [0], tmp_path / "dataset", progress=False)
    (tmp_path / "other").mkdir()
    (tmp_path / "file").touch()
    for name, said in (
        ("dataset", r"there already \(overwrite=True replaces a dataset\)"),
        ("other", "something else than a dataset is already, which overwrite=True does not replace"),
        ("file", "something else than a dataset is already, which overwrite=True does not replace"),
    ):
        with pytest.raises(FileExistsError, match=said):
            dsdm.materialize(TABLE, [0], tmp_path / name, progress=False)
