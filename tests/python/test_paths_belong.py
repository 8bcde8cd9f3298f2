"""What of a folder is data, what is a data set of its own, and what is missing."""

import json
import os
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm.paths import ROWS, SCORES, find

BOTH = pytest.mark.parametrize(("use", "suffix"), [(SCORES, ".npy"), (ROWS, ".parquet")], ids=["scores", "rows"])


def touch(folder, *names, suffix=""):
    for name in names:
        path = Path(folder, f"{name}{suffix}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def found(folder, what, use, **options):
    where = os.path.join(folder, what)  # noqa: PTH118
    return [os.path.splitext(os.path.relpath(file, folder))[0] for file in find(where, use, **options).files]  # noqa: PTH122


def refused(kind, what, use, *names, **options):
    with pytest.raises(kind) as caught:
        find(what, use, **options)
    for name in names:
        assert name in str(caught.value), str(caught.value)
    return caught.value


def saved(folder, rows, **options):
    datasets.Dataset.from_dict({"id": list(rows)}).save_to_disk(folder, **options)
    return folder


def parquet(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"id": list(rows)}), path)


def arrow(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table({"id": list(rows)})
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table)


def ids(source, **options):
    return dsdm.open_shards(source, **options)[:]["id"]


# --- names ---


@BOTH
def test_f12_names_of_others_are_no_data_at_any_depth(tmp_path, use, suffix):
    touch(tmp_path, "a", "b/c", "_temporary/0/d", "b/.e", "b/_f", ".g/h", "b/_i/j", suffix=suffix)
    for what in ("", f"**/*{suffix}", f"*{suffix}"):
        assert found(tmp_path, what, use) == (["a"] if what == f"*{suffix}" else ["a", "b/c"])
    # A glob that spells it out means it.
    assert found(tmp_path, f"_temporary/*/*{suffix}", use) == ["_temporary/0/d"]
    assert found(tmp_path, f"b/_*{suffix}", use) == ["b/_f"]
    assert found(tmp_path, f"*/.e{suffix}", use) == ["b/.e"]
    assert found(tmp_path / "b", "_i", use) == ["_i/j"]


def test_g03_names_that_look_like_those_of_a_cache_are_data(tmp_path):
    for rank, name in enumerate(("a", "cached-web-0", "tmp_b", "indices_x", "cache-0123456789abcdef")):
        arrow(tmp_path / f"{name}.arrow", [rank])
    assert ids(tmp_path) == [0, 4, 1, 3, 2]
    # In a folder of the cache, what map left is told by its name.
    arrow(tmp_path / "cache-0123456789abcdef_00001_of_00002.arrow", [5])
    (tmp_path / "dataset_info.json").write_text("{}")
    for what in (tmp_path, f"{tmp_path}/*.arrow"):
        assert ids(what) == [0, 1, 3, 2]
    assert ids(f"{tmp_path}/cache-*f.arrow") == [4]


@BOTH
def test_suffixes_are_of_any_case(tmp_path, use, suffix):
    touch(tmp_path, f"a{suffix.upper()}", f"b{suffix}", "c.txt")
    assert found(tmp_path, "", use) == ["a", "b"]


# --- links ---


@BOTH
def test_links_are_followed_and_broken_and_double_ones_are_errors(tmp_path, use, suffix):
    touch(tmp_path, "data/a", "far/b", suffix=suffix)
    (tmp_path / "data" / "more").symlink_to(tmp_path / "far")
    for what in ("data", f"data/**/*{suffix}"):
        assert found(tmp_path, what, use) == ["data/a", "data/more/b"]
    (tmp_path / "far" / "back").symlink_to(tmp_path / "data")
    for what in ("data", f"data/**/*{suffix}"):
        assert isinstance(refused(OSError, str(tmp_path / what), use, "leads back"), OSError)
    (tmp_path / "far" / "back").unlink()
    (tmp_path / "data" / "other").symlink_to(tmp_path / "far")
    for what in ("data", f"data/**/*{suffix}", f"data/*/*{suffix}"):
        refused(ValueError, str(tmp_path / what), use, "more", "other", "twice")
    (tmp_path / "data" / "other").unlink()
    (tmp_path / "data" / f"c{suffix}").symlink_to(tmp_path / "data" / f"a{suffix}")
    for what in ("data", f"data/*{suffix}"):
        refused(ValueError, str(tmp_path / what), use, f"a{suffix}", f"c{suffix}", "twice")
    (tmp_path / "data" / f"c{suffix}").unlink()
    (tmp_path / "data" / f"c{suffix}").symlink_to(tmp_path / "nowhere")
    for what in ("data", f"data/*{suffix}"):
        error = refused(FileNotFoundError, str(tmp_path / what), use, "leads to nothing")
        assert error.filename == str(tmp_path / "data" / f"c{suffix}")


# --- data sets of their own ---


@pytest.mark.parametrize("at", ["home", "project", "project/subset", "elsewhere"])
@pytest.mark.parametrize("paths", ["relative", "absolute"])
def test_a_subset_beside_its_corpus_is_refused_wherever_the_process_stands(tmp_path, monkeypatch, at, paths):
    project = tmp_path / "project"
    for folder in (project, tmp_path / "home", tmp_path / "elsewhere"):
        folder.mkdir()
    dsdm.materialize(pa.table({"n": range(100)}), range(100), project / "corpus", format="parquet")
    dsdm.materialize(project / "corpus", [3, 5], project / "subset", format="parquet", paths=paths)
    monkeypatch.chdir(tmp_path / at)
    with pytest.raises(ValueError, match="is a subset that dsdm made of"):
        dsdm.open_shards(project)


def test_g02_a_subset_inside_its_corpus_is_refused_when_written_and_when_read(tmp_path):
    corpus = tmp_path / "corpus"
    parquet(corpus / "a.parquet", range(3))
    parquet(corpus / "z.parquet", range(3, 6))
    (tmp_path / "link").symlink_to(corpus)
    lazy = dsdm.dataset.open_dataset(corpus).select([1])
    inside = [corpus / "subset", corpus / "deep" / "subset", tmp_path / "link" / "subset"]
    for source in (corpus, tmp_path / "link", [corpus / "a.parquet", corpus], f"{corpus}/**/*.parquet"):
        for out in inside:
            with pytest.raises(ValueError, match="would lie inside of the source"):
                dsdm.materialize(source, [0], out, format="parquet")
    for out in inside:
        with pytest.raises(ValueError, match="would lie inside of the source"):
            lazy.save_to_disk(out)
        with pytest.raises(ValueError, match="would lie inside of the source"):
            dsdm.plan(corpus, [0], out)
    assert sorted(path.name for path in corpus.iterdir()) == ["a.parquet", "z.parquet"]
    for out in (tmp_path / "arrow", tmp_path / "parquet"):
        dsdm.materialize(corpus, [5, 4], out, format=out.name)
        assert ids(out) == [5, 4]
        out.rename(corpus / "subset")
        for what in (corpus, f"{corpus}/**/*.*t") if out.name == "parquet" else (corpus,):
            with pytest.raises(ValueError, match=r"a\.parquet lies beside subset, .* of its own .*dsdm\.json"):
                dsdm.open_shards(what)
        assert ids(f"{corpus}/*.parquet") == list(range(6))
        assert ids(corpus / "subset") == [5, 4]
        (corpus / "subset").rename(tmp_path / f"{out.name}-done")


def test_an_output_where_a_link_of_the_source_leads_is_refused(tmp_path):
    parquet(tmp_path / "far" / "b.parquet", [1])
    parquet(tmp_path / "corpus" / "a.parquet", [0])
    (tmp_path / "corpus" / "more").symlink_to(tmp_path / "far")
    with pytest.raises(ValueError, match="would lie inside of the source"):
        dsdm.materialize(tmp_path / "corpus", [0], tmp_path / "far" / "out")
    dsdm.materialize(f"{tmp_path}/corpus/*.parquet", [0], tmp_path / "out")
    assert ids(tmp_path / "out") == [0]


def test_a_parent_of_saved_folders_is_those_by_their_states(tmp_path):
    saved(tmp_path / "0", range(4), num_shards=2)
    saved(tmp_path / "1", range(4, 8), num_shards=1)
    arrow(tmp_path / "0" / "data-00000-of-00009.arrow", [99])
    assert ids(tmp_path) == list(range(8))
    assert np.asarray(dsdm.open_scores(tmp_path, column="id")).tolist() == list(range(8))
    with pytest.raises(ValueError, match=r"data-00000-of-00009\.arrow, which the state\.json beside it does not list"):
        dsdm.open_shards(f"{tmp_path}/*/*.arrow")
    (tmp_path / "1").rename(tmp_path / "2")
    with pytest.raises(FileNotFoundError, match="0 to 2 are expected, and 1 is not there"):
        dsdm.open_shards(tmp_path)
    assert ids(tmp_path, partial=True) == list(range(8))
    (tmp_path / "2").rename(tmp_path / "1")
    dsdm.materialize(tmp_path / "0", [3], tmp_path.parent / "subset")
    (tmp_path.parent / "subset").rename(tmp_path / "subset")
    with pytest.raises(ValueError, match="are data sets of their own, and which of them is meant"):
        dsdm.open_shards(tmp_path)
    arrow(tmp_path / "x.arrow", [1])
    with pytest.raises(ValueError, match=r"x\.arrow lies beside 0, .* of its own \(it has state\.json"):
        dsdm.open_shards(tmp_path)


def test_folders_of_the_cache_are_opened_by_name_and_one_of_several_is_not_guessed(tmp_path):
    for name in ("a", "b"):
        arrow(tmp_path / name / "x-train.arrow", [len(name)])
        (tmp_path / name / "dataset_info.json").write_text("{}")
    assert ids(tmp_path / "a") == [1]
    with pytest.raises(ValueError, match="a and b are data sets of their own"):
        dsdm.open_shards(tmp_path)


@BOTH
@pytest.mark.parametrize(
    ("mark", "name", "tool"),
    [
        ("_delta_log/00000.json", "Delta Lake", "deltalake"),
        ("metadata/v1.metadata.json", "Iceberg", "pyiceberg"),
        (".hoodie/hoodie.properties", "Hudi", "Hudi"),
    ],
)
def test_tables_whose_log_tells_their_files_are_refused(tmp_path, use, suffix, mark, name, tool):
    touch(tmp_path / "table", "data/a", suffix=suffix)
    touch(tmp_path / "table", mark)
    places = [tmp_path, tmp_path / "table", f"{tmp_path}/table/**/*{suffix}", f"{tmp_path}/*/data/*{suffix}"]
    if name != "Hudi":
        places.append(tmp_path / "table" / "data")
    for what in places:
        refused(ValueError, what, use, name, tool, "list")
    assert len(find([tmp_path / "table" / "data" / f"a{suffix}"], use).files) == 1


@BOTH
def test_the_state_of_another_tool_is_none(tmp_path, use, suffix):
    touch(tmp_path, "a", "below/b", suffix=suffix)
    for folder in (tmp_path, tmp_path / "below"):
        (folder / "state.json").write_text(json.dumps({"epoch": 3}))
    assert found(tmp_path, "", use) == ["a", "below/b"]


@pytest.mark.parametrize("name", ["../x.arrow", "/x.arrow", "", "a/b.arrow", "..\\x.arrow", ".", "a\0b"])
def test_one_reader_of_states_is_strict_for_both(tmp_path, name):
    saved(tmp_path / "saved", range(3))
    state = json.loads((tmp_path / "saved" / "state.json").read_text())
    for change in ({"_data_files": [{"filename": name}]}, {"_indices_data_files": [{"filename": "indices.arrow"}]}):
        (tmp_path / "saved" / "state.json").write_text(json.dumps({**state, **change}))
        for opened in (dsdm.open_scores, dsdm.open_shards):
            for what in (tmp_path, tmp_path / "saved"):
                with pytest.raises(dsdm.FormatError, match=r"state\.json: .*(filename|_indices_data_files)"):
                    opened(what)


@BOTH
def test_columns_in_the_names_of_folders_are_not_lost(tmp_path, use, suffix):
    touch(tmp_path, "lang=de/a", "lang=en/a", suffix=suffix)
    for what in (tmp_path, f"{tmp_path}/**/*{suffix}", f"{tmp_path}/lang=*/*{suffix}", f"{tmp_path}/*"):
        if use is ROWS:
            refused(ValueError, what, use, "the column 'lang'", "as a list", "hive=True")
        else:
            # A score is in the files, and nothing else is asked for.
            assert found(tmp_path, os.path.relpath(what, tmp_path), use) == ["lang=de/a", "lang=en/a"]
    assert found(tmp_path, "lang=en", use) == ["lang=en/a"]
    assert found(tmp_path, f"lang=en/*{suffix}", use) == ["lang=en/a"]


# --- what is missing, and what is no one table ---


@BOTH
@pytest.mark.parametrize("tail", ["", "-0123456789abcdef"])
def test_f15_a_shard_that_is_missing_is_named(tmp_path, use, suffix, tail):
    touch(tmp_path, *(f"data/train-{rank:05}-of-00004{tail}" for rank in (0, 2)), suffix=suffix)
    names = [f"data/train-{rank:05}-of-00004{tail}" for rank in (0, 2)]
    for what in ("", "data", f"data/*{suffix}", f"data/train-*{suffix}"):
        refused(
            FileNotFoundError, str(tmp_path / what), use, "2 of the 4 shards", "train-00001-of-00004", "partial=True"
        )
        assert found(tmp_path, what, use, partial=True) == names
    # A glob that does not ask for it does not miss it, and a list is taken as it is.
    assert found(tmp_path, f"data/train-0000[02]*{suffix}", use) == names
    assert len(find([tmp_path / f"{name}{suffix}" for name in names], use).files) == 2


@BOTH
@pytest.mark.parametrize("word", ["of", "-of-", "_of_", ".of.", " of "])
def test_a_shard_that_is_missing_is_named_however_its_number_is_written(tmp_path, use, suffix, word):
    names = [f"x-{rank}{word}4" for rank in (1, 2, 4)]
    touch(tmp_path, *names, suffix=suffix)
    refused(FileNotFoundError, str(tmp_path), use, "1 of the 4 shards", f"x-3{word}4", "partial=True")


@BOTH
def test_series_that_count_from_1_are_whole(tmp_path, use, suffix):
    touch(tmp_path, *(f"m_{rank}_of_3" for rank in (1, 2, 3)), suffix=suffix)
    assert found(tmp_path, "", use) == ["m_1_of_3", "m_2_of_3", "m_3_of_3"]
    touch(tmp_path, "m_0_of_3", suffix=suffix)
    refused(ValueError, str(tmp_path), use, "says that it is shard 3 of 3")


@BOTH
@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["train-0-of-1", "train-0-of-2", "train-1-of-2"], "2 series of shards"),
        (["a-0-of-1", "b-0-of-1"], "2 series of shards"),
        (["x-0-of-1", "extra"], "is none of it"),
        (["train-0-of-1", "extra"], "extra{} is of none"),
        (["x-0-of-1-0a1b2c3d", "x-0-of-1-ffffffff"], "are both shard 0 of 1"),
        (["train-0-of-1", "test-0-of-1"], "the splits ['test', 'train']"),
        (["train/0000", "validation/0000"], "the splits ['train', 'validation']"),
        (["en/train-0-of-1", "de/train-0-of-1"], "each of the directories de, en"),
        (["en/train/0000", "de/train/0000"], "each of the directories de, en"),
        (["v1/x-0-of-1", "v2/x-0-of-1"], "each of the directories v1, v2"),
    ],
)
def test_what_is_no_one_table_is_refused_with_a_glob_that_chooses(tmp_path, use, suffix, names, message):
    touch(tmp_path, *names, suffix=suffix)
    for what in (str(tmp_path), f"{tmp_path}/**/*{suffix}"):
        error = refused(ValueError, what, use, message.format(suffix))
        assert "glob" in str(error) or "list" in str(error)
    whole = find([tmp_path / f"{name}{suffix}" for name in names], use)
    assert len(whole.files) == len(names)


@BOTH
def test_numbered_folders_may_each_have_a_series_and_a_glob_may_ask_for_several(tmp_path, use, suffix):
    touch(tmp_path, "n/0/x-0-of-1", "n/1/x-0-of-1", "c/en/x-0-of-1", "c/de/x-0-of-1", suffix=suffix)
    assert found(tmp_path, "n", use) == ["n/0/x-0-of-1", "n/1/x-0-of-1"]
    assert found(tmp_path, f"c/*/x*{suffix}", use) == ["c/de/x-0-of-1", "c/en/x-0-of-1"]


@BOTH
def test_a_count_that_nobody_can_have_ends_at_once(tmp_path, use, suffix):
    touch(tmp_path, "x-0-of-99999999999999", suffix=suffix)
    refused(FileNotFoundError, str(tmp_path), use, "x-1-of-99999999999999")


@BOTH
def test_a_glob_of_files_and_a_folder_with_data_is_refused(tmp_path, use, suffix):
    touch(tmp_path, "a", "sub/b", suffix=suffix)
    touch(tmp_path, "empty/notes.txt")
    refused(ValueError, f"{tmp_path}/*", use, f"the file a{suffix} and the directory sub")
    (tmp_path / "sub" / f"b{suffix}").unlink()
    assert found(tmp_path, "[a-z]*", use) == ["a"]


def test_a_shard_of_no_state_beside_an_output_is_not_taken_by_a_glob(tmp_path):
    dsdm.materialize(pa.table({"id": [1, 2]}), [1, 0], tmp_path / "out")
    assert ids(f"{tmp_path}/out/*.arrow") == [2, 1]
    arrow(tmp_path / "out" / "data-00001-of-00002.arrow", [99])
    for glob in ("out/*.arrow", "**/*.arrow"):
        with pytest.raises(ValueError, match=r"data-00001-of-00002\.arrow, which the state\.json beside it does not"):
            dsdm.open_shards(f"{tmp_path}/{glob}")
