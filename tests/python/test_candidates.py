"""The candidate corpus as a datasets.Dataset, from shards on this machine."""

from importlib.metadata import entry_points

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dsdm import selections


def test_a_selection_is_saved_and_opened(demo, tmp_path):
    candidates = selections.get_candidate_dataset(path=demo / "demo" / "corpus")
    assert isinstance(candidates, datasets.Dataset)
    assert len(candidates) == 400
    rows = selections.get_indices("dsdm", 40, "squad", data_dir=demo / "demo" / "data")
    candidates.select(rows).save_to_disk(tmp_path / "subset")
    opened = datasets.load_from_disk(str(tmp_path / "subset"))
    assert opened["input_ids"][:] == [candidates[row]["input_ids"] for row in rows]


def test_dataset_select_is_the_selection_of_the_candidates(demo):
    where = demo / "demo"
    subset = selections.dataset_select(
        "classifier", 7, "lambada", data_dir=where / "data", path=where / "corpus", data_files="data/train-*"
    )
    rows = selections.get_indices("classifier", 7, "lambada", data_dir=where / "data")
    candidates = selections.get_candidate_dataset(path=where / "corpus")
    assert isinstance(subset, datasets.Dataset)
    assert [row["input_ids"] for row in subset] == [candidates[row]["input_ids"] for row in rows]


def test_globs_name_shards_in_their_order(demo):
    corpus = demo / "demo" / "corpus"
    whole = selections.get_candidate_dataset(path=corpus)
    part = selections.get_candidate_dataset(
        path=corpus, data_files=["data/train-00002-of-00004*", "data/train-00000-of-00004*"]
    )
    assert len(part) == 200
    np.testing.assert_array_equal(part[0]["input_ids"], whole[200]["input_ids"])
    np.testing.assert_array_equal(part[100]["input_ids"], whole[0]["input_ids"])
    with pytest.raises(FileNotFoundError, match=r"train-00009\*: no shard has such a name"):
        selections.get_candidate_dataset(path=corpus, data_files="data/train-00009*")


def test_without_a_network_the_missing_corpus_and_the_way_to_it_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(FileNotFoundError, match=r"loganengstrom/dsdm-candidate-c4.*path=") as error:
        selections.get_candidate_dataset(cache_dir=tmp_path)
    command = f"hf download --repo-type dataset loganengstrom/dsdm-candidate-c4 --cache-dir {tmp_path}"
    assert str(error.value).endswith(command)
    # The package that is installed has it.
    assert [command.name for command in entry_points(group="console_scripts", name="hf")] == ["hf"]


def test_a_cache_that_holds_some_of_the_shards_is_not_taken_for_the_corpus(tmp_path):
    (tmp_path / "data").mkdir()
    for rank in (0, 2):
        shard = tmp_path / "data" / f"train-{rank:05}-of-00003-0123456789abcdef.parquet"
        pq.write_table(pa.table({"id": [rank]}), shard)
    with pytest.raises(FileNotFoundError, match=r"1 of the 3 shards data/train-\*.*train-00001-of-00003"):
        selections.get_candidate_dataset(path=tmp_path)
    assert selections.get_candidate_dataset(path=tmp_path, partial=True)["id"][:] == [0, 2]
    assert selections.get_candidate_dataset(path=tmp_path, data_files="data/train-0000[02]-*")["id"][:] == [0, 2]


def test_globs_that_match_nothing_are_skipped_and_names_are_not(tmp_path):
    for rank in range(3):
        pq.write_table(pa.table({"id": [rank]}), tmp_path / f"train-{rank:05}-of-00003.parquet")
    asked = [f"train-{rank:05}-of-00003*" for rank in (4, 1, 7, 0)]
    assert selections.get_candidate_dataset(path=tmp_path, data_files=asked)["id"][:] == [1, 0]
    with pytest.raises(FileNotFoundError, match=r"train-00007-of-00003\*, train-00008\*: no shard has such a name"):
        selections.get_candidate_dataset(path=tmp_path, data_files=[asked[2], "train-00008*"])
    with pytest.raises(FileNotFoundError) as caught:
        selections.get_candidate_dataset(path=tmp_path, data_files=[asked[1], "train-00004-of-00003.parquet"])
    assert caught.value.filename == str(tmp_path / "train-00004-of-00003.parquet")


@pytest.fixture
def _no_network(monkeypatch):
    def asked(*_, **__):
        pytest.fail("the hub is asked")

    monkeypatch.setattr("huggingface_hub.snapshot_download", asked)


@pytest.mark.usefixtures("_no_network")
def test_the_hub_is_not_asked_for_a_folder_that_is_misspelt(tmp_path, monkeypatch):
    (tmp_path / "demo" / "corpus").mkdir(parents=True)
    (tmp_path / "my_corpus").mkdir()
    monkeypatch.chdir(tmp_path)
    for name, meant in {
        "demo/corpsu": "did you mean 'demo/corpus'?",
        "demo/other": "name one that holds the shards (a data set of the hub that is called so is not asked for",
        "mycorpus": "did you mean 'my_corpus'?",
        "demo/corpus/x/": "name one that holds the shards",
        "./none": "name one that holds the shards",
        str(tmp_path / "none" / "none"): "name one that holds the shards",
        "a/b/c": "name one that holds the shards",
    }.items():
        with pytest.raises(FileNotFoundError) as caught:
            selections.get_candidate_dataset(path=name)
        assert f"{name}: there is no such directory here" in str(caught.value)
        assert meant in str(caught.value)
        assert "hub's cache" not in str(caught.value)


def test_of_a_name_of_the_hub_it_is_said_first_that_it_is_no_folder_here(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"^someone/corpus: there is no such directory here, and of"):
        selections.get_candidate_dataset(path="someone/corpus", cache_dir=tmp_path)
