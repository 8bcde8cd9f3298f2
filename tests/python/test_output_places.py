"""Where an output lies: what it replaces, what it makes, and that it is never its source."""

import datasets
import pytest

import dsdm
from dsdm.dataset import open_dataset
from tests.corpora.rows import contents, ids_of, mixed, saved

pytestmark = pytest.mark.disk


def test_an_output_that_is_there_is_replaced_only_when_asked(tmp_path):
    table, out = mixed(), tmp_path / "out"
    dsdm.materialize(table, [0, 1, 2], out, num_shards=3)
    before = contents(out)
    with pytest.raises(FileExistsError, match="overwrite=True") as caught:
        dsdm.materialize(table, [5], out)
    assert caught.value.filename == str(out)
    assert contents(out) == before
    dsdm.materialize(table, [5], out, overwrite=True)
    assert ids_of(out) == [5]
    assert len(list(out.glob("*.arrow"))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_only_a_dataset_is_replaced(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    dsdm.materialize(mixed(), [1], home, overwrite=True)
    assert ids_of(home) == [1]
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "thesis.tex").write_text("years")
    (tmp_path / "file").write_text("a file")
    for target in (thesis, tmp_path / "file"):
        with pytest.raises(FileExistsError):
            dsdm.materialize(mixed(), [1], target)
        with pytest.raises(ValueError, match=rf"{target.name}: overwrite=True replaces a dataset.*none"):
            dsdm.materialize(mixed(), [1], target, overwrite=True)
    assert (thesis / "thesis.tex").read_text() == "years"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "home", "thesis"]


def test_folders_above_the_output_are_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = dsdm.materialize(mixed(), [1], "a/b/c/")
    assert report.path == "a/b/c/"
    assert ids_of(tmp_path / "a" / "b" / "c") == [1]


@pytest.mark.parametrize("kind", ["path", "dataset", "mapped dataset", "lazy dataset", "shards"])
@pytest.mark.parametrize("place", ["itself", "inside", "above", "a link to it"])
def test_the_output_is_never_the_source(tmp_path, kind, place):
    (tmp_path / "above").mkdir()
    path = saved(mixed(), tmp_path / "above")
    (tmp_path / "link").symlink_to(path)
    before = contents(path)
    source = {
        "path": lambda: path,
        "dataset": lambda: datasets.load_from_disk(str(path)),
        "mapped dataset": lambda: datasets.load_from_disk(str(path)).select([2, 1]),
        "lazy dataset": lambda: open_dataset(path).select([2, 1]),
        "shards": lambda: dsdm.open_shards(path),
    }[kind]()
    targets = {"itself": path, "inside": path / "inside", "above": path.parent, "a link to it": tmp_path / "link"}
    with pytest.raises(ValueError, match=r"the output would .*source.*choose another directory"):
        dsdm.materialize(source, [1], targets[place], overwrite=True)
    assert contents(path) == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["above", "link"]
