"""What is of several splits, as datasets has it: names of files, of folders and of the shards in data/."""

import random
from pathlib import Path

import datasets
import pytest
from datasets.data_files import get_data_patterns, resolve_pattern

import dsdm
from dsdm.paths import ROWS, find

WORDS = ("train", "training", "test", "testing", "validation", "valid", "val", "dev", "eval", "evaluation")
NO_WORDS = ("latest", "contest", "evaluate", "devel", "trainer", "squad", "a", "0", "values", "x-values", "7")
SEPARATORS = ("-", ".", "_", " ", "0", "9")


def made(folder, paths):
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    return folder


def refused(folder):
    try:
        # Numbers and series that are missing are no matter here.
        find(folder, ROWS, sort="name", partial=True)
    except ValueError as error:
        said = str(error)
        assert "split" in said or "series" in said or "each of the directories" in said, said
        return said
    return None


def apart(folder):
    """What datasets would read apart: the files of each split, and those of none."""
    files = {str(path) for path in folder.rglob("*.parquet")}
    splits = get_data_patterns(str(folder))
    found = {}
    for split, patterns in splits.items():
        found[str(split)] = set()
        for pattern in patterns:
            try:
                found[str(split)] |= set(resolve_pattern(pattern, str(folder)))
            except FileNotFoundError:
                continue
    return found, files - set().union(*found.values())


def name(draw, words):
    word = draw.choice(words)
    before = draw.choice(("", "", "x", "my" + draw.choice(SEPARATORS), draw.choice(SEPARATORS[2:]), "n0"))
    after = draw.choice(("", "", "x", draw.choice(SEPARATORS) + "y", draw.choice(SEPARATORS), "_0"))
    return f"{before}{word}{after}".lstrip("_ ") or "a"


def layout(draw):
    """One or two files, whose names and folders have words of splits, or others, between separators or not."""
    paths = set()
    for _ in range(draw.choice((1, 2, 2, 2))):
        words = draw.choice((WORDS[:4], WORDS, NO_WORDS))
        parts = [name(draw, draw.choice((words, NO_WORDS))) for _ in range(draw.choice((0, 0, 1, 1, 2)))]
        paths.add("/".join([*parts, name(draw, draw.choice((words, NO_WORDS)))]) + ".parquet")
    return sorted(paths)


def test_splits_are_those_of_datasets(tmp_path):
    draw = random.Random(7)  # noqa: S311
    seen = {True: 0, False: 0}
    for case in range(120):
        folder = made(tmp_path / f"{case}", paths := layout(draw))
        found, left = apart(folder)
        said = refused(folder)
        # Folders that hold data of their own are more than datasets tells apart, and so is eval beside test.
        if said and ("each of the directories" in said or ("eval" in said and "test" in said)):
            continue
        several = len(found) > 1 or bool(left)
        assert (said is not None) == several, (paths, found, left, said)
        seen[several] += 1
    assert min(seen.values()) > 20, seen


@pytest.mark.parametrize(
    "paths",
    [
        ["squad_train/0", "squad_test/0"],
        ["my-train-file", "my-test-file"],
        ["train0", "test0"],
        ["0train", "0test"],
        ["a-train-b", "a-valid-b"],
        ["data/squad-train/0", "data/squad-test/0"],
        ["c", "c_val"],
        ["x_train", "x_test"],
        ["train_0", "test_0"],
        ["train/0", "validation/0"],
        ["x/train 1/deep/0", "x/test 1/deep/0"],
        ["Train.1", "TEST.1"],
        ["test", "eval"],
        ["train/0", "extra/0"],
        ["data/train-00000-of-00001", "test/0"],
    ],
)
def test_what_is_of_several_splits_is_refused(tmp_path, paths):
    made(tmp_path, [f"{path}.parquet" for path in paths])
    for what in (tmp_path, f"{tmp_path}/**/*.parquet"):
        with pytest.raises(ValueError, match=r"there are the splits|of the split .* is of none"):
            find(what, ROWS)
    assert len(find([tmp_path / f"{path}.parquet" for path in paths], ROWS).files) == 2


@pytest.mark.parametrize(
    "paths",
    [
        ["squad_train/0", "lambada_train/0"],
        ["my-train-file", "your-train-file"],
        ["latest", "contest"],
        ["trained", "tested"],
        ["mytrain", "mytest"],
        ["train/0", "train/1"],
        ["train/a_test", "train/a_train"],
        ["0/data", "1/data"],
    ],
)
def test_what_is_of_one_split_is_read(tmp_path, paths):
    made(tmp_path, [f"{path}.parquet" for path in paths])
    for what in (tmp_path, f"{tmp_path}/**/*.parquet"):
        assert len(find(what, ROWS).files) == 2
    assert len(apart(tmp_path)[0]) == 1


def test_folders_of_saved_data_sets_are_told_apart_as_files_are(tmp_path):
    for split in ("train", "test"):
        datasets.Dataset.from_dict({"id": [1]}).save_to_disk(tmp_path / f"squad_{split}")
    for what in (tmp_path, f"{tmp_path}/squad_*", f"{tmp_path}/*/*.arrow"):
        with pytest.raises(ValueError, match="there are the splits"):
            dsdm.open_shards(what)
    assert len(dsdm.open_shards(f"{tmp_path}/*train")) == 1
    Path(tmp_path / "squad_test").rename(tmp_path / "other")
    with pytest.raises(ValueError, match="of the split 'train' by its name and other"):
        dsdm.open_shards(tmp_path)
