"""The table of published files, and where they are looked for."""

import shutil
from pathlib import Path

import pytest

import dsdm
from dsdm import reference
from dsdm.reference import DSDM_MIX, check_method, files_of, find_file, find_files, reference_files


def test_the_table_is_that_of_the_reference_repository():
    files = reference_files()
    assert len(files) == 17
    assert sum(file.size for file in files.values()) == 14_054_956_805
    assert all(len(file.sha256) == 64 for file in files.values())
    needed = {path for method in reference.METHODS for target in targets(method) for path in files_of(method, target)}
    assert needed == set(files)


def targets(method):
    return reference.targets_of(method) or (None,)


def test_places_are_searched_in_order(tmp_path, monkeypatch):
    argument, environment, cache = tmp_path / "argument", tmp_path / "environment", reference.cache_dir()
    monkeypatch.setenv("DSDM_DATA_DIR", str(environment))
    with pytest.raises(FileNotFoundError) as missing:
        find_file("dsdm/squad.pt", argument)
    for place in (argument, environment, cache):
        assert str(place / "dsdm/squad.pt") in str(missing.value)
    assert "dsdm fetch dsdm/squad.pt" in str(missing.value)
    for place in (cache, environment, argument):
        put(place / "dsdm/squad.pt")
        assert find_file("dsdm/squad.pt", argument) == place / "dsdm/squad.pt"


def test_a_file_from_elsewhere_than_data_dir_is_told(tmp_path, monkeypatch, caplog):
    put(tmp_path / "there" / "sdd.pt")
    monkeypatch.setenv("DSDM_DATA_DIR", str(tmp_path / "there"))
    find_file("sdd.pt", tmp_path / "here")
    assert str(tmp_path / "here") in caplog.text
    assert str(tmp_path / "there" / "sdd.pt") in caplog.text


def test_a_checkout_of_the_reference_repository_is_a_data_folder(tmp_path):
    put(tmp_path / "data" / "sdd.pt")
    assert find_file("sdd.pt", tmp_path) == tmp_path / "data" / "sdd.pt"


def put(path: Path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


@pytest.mark.parametrize(
    ("method", "target", "named"),
    [
        ("dsdn", "squad", ["'dsdn'", "did you mean 'dsdm'?", "semdedup"]),
        ("dsdm", "squadd", ["'squadd'", "did you mean 'squad'?", "lambada"]),
        ("dsdm", None, ["'dsdm' needs a target", "cs_algorithms"]),
        ("random", "squad", ["'random' takes no target", "'squad'"]),
        ("semdedup", "squad", ["'semdedup' takes no target"]),
        ("dsdm", "gpt3_mix", ["no scores of the method 'dsdm' for 'gpt3_mix'", "jeopardy, squad, lambada"]),
    ],
)
def test_what_does_not_exist_is_named(method, target, named):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - every part of the message is looked at
        check_method(method, target)
    for words in named:
        assert words in str(error.value)


def test_a_git_lfs_pointer_is_named_as_such(tmp_path, upstream_mini):
    import dsdm

    shutil.copytree(upstream_mini, tmp_path / "data")
    pointer = tmp_path / "data" / "dsdm" / "squad.pt"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:9473\nsize 867796114\n")
    with pytest.raises(dsdm.FormatError, match=r"squad\.pt.*LFS pointer"):
        dsdm.get_indices("dsdm", 3, "squad", data_dir=tmp_path / "data")


def test_a_mix_is_of_the_files_of_one_place(tmp_path, monkeypatch):
    """The mean of a file of the one version and two of another would be the scores of nothing."""
    here, there = tmp_path / "here", tmp_path / "there"
    monkeypatch.setenv("DSDM_DATA_DIR", str(there))
    for place in (here, there):
        for part in DSDM_MIX:
            put(place / "dsdm" / f"{part}.pt")
    assert find_files(files_of("dsdm", "lm_task_mix"), here) == [here / "dsdm" / f"{part}.pt" for part in DSDM_MIX]
    (here / "dsdm" / "lambada.pt").unlink()
    with pytest.raises(ValueError, match=r"data_dir \(.*here.*lambada.pt from \$DSDM_DATA_DIR \(.*there") as refused:
        find_files(files_of("dsdm", "lm_task_mix"), here)
    assert ", ".join(files_of("dsdm", "lm_task_mix")) in str(refused.value)
    for call in (dsdm.get_indices, dsdm.method_scores):
        arguments = ("dsdm", 1, "lm_task_mix") if call is dsdm.get_indices else ("dsdm", "lm_task_mix")
        with pytest.raises(ValueError, match="scores of two places may be of two versions"):
            call(*arguments, data_dir=here)
    for part in DSDM_MIX:
        put(here / "data" / "dsdm" / f"{part}.pt")
    with pytest.raises(ValueError, match="scores of two places may be of two versions"):
        find_files(files_of("dsdm", "lm_task_mix"), here)
    monkeypatch.delenv("DSDM_DATA_DIR")
    with pytest.raises(FileNotFoundError, match=r"dsdm/jeopardy\.pt is in none"):
        find_files(files_of("dsdm", "lm_task_mix"), tmp_path / "nowhere")
