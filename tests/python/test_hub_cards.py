"""The card of a hub data set: its YAML names the files that load_dataset reads, and no other answer is given."""

import itertools
import os
import random
import shutil

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets.data_files import resolve_pattern, sanitize_patterns
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCard

import dsdm
from dsdm import errors, selections
from dsdm.paths.hub.card import read_card
from dsdm.paths.hub.patterns import matched, plain


def made(folder, files, yaml=None):
    """Write Parquet files with one row each, their number, and a card."""
    for number, name in enumerate(files):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"id": [number]}), folder / name)
    if yaml is not None:
        (folder / "README.md").write_text(f"---\n{yaml}\n---\n# A data set\n")
    return folder


def ids(where, **options):
    shards = dsdm.open_shards(where, **options)
    return [shards[row]["id"] for row in range(len(shards))]


def theirs(folder, tmp_path):
    return datasets.load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))["id"][:]


def refused(folder, *words, error=ValueError, **options):
    with pytest.raises(error) as caught:
        dsdm.open_shards(folder, **options)
    for word in (*words, str(folder), "give"):
        assert word in str(caught.value)
    return str(caught.value)


DEFAULT = "configs:\n- config_name: default\n  data_files: "
CONFIGURATIONS = """configs:
- config_name: en
  data_files: en/*.parquet
- config_name: de
  data_files: de/*.parquet"""


def test_several_configurations_are_refused_by_name(tmp_path):
    folder = made(tmp_path / "x", ["en/a.parquet", "de/a.parquet"], CONFIGURATIONS)
    said = refused(folder, "configurations ['en', 'de']", f"such as {folder}/en/*.parquet")
    assert said == refused(folder, sort="name", partial=True)
    with pytest.raises(ValueError, match="'en', 'de'"):
        theirs(folder, tmp_path)
    # What is said to be given.
    assert ids(f"{folder}/en/*.parquet") == [0]
    assert ids([folder / "de/a.parquet", folder / "en/a.parquet"]) == [1, 0]


def test_several_splits_are_refused_by_name(tmp_path):
    splits = "\n  - split: train\n    path: main.parquet\n  - split: holdout\n    path: extra.parquet"
    folder = made(tmp_path / "x", ["main.parquet", "extra.parquet"], DEFAULT + splits)
    refused(folder, "splits ['holdout', 'train']", f"such as {folder}/main.parquet")
    assert theirs(folder, tmp_path) == [0]


def test_another_order_is_refused_but_where_one_is_asked_for(tmp_path):
    folder = made(tmp_path / "x", ["a.parquet", "b.parquet"], f"{DEFAULT}[b.parquet, a.parquet]")
    refused(folder, "'default' has 2 files", "file 1: b.parquet by the former, a.parquet by the latter")
    assert theirs(folder, tmp_path) == [1, 0]
    assert ids(folder, sort="name") == [0, 1]
    assert ids([folder / "b.parquet", folder / "a.parquet"]) == [1, 0]
    assert ids(f"{folder}/*.parquet") == [0, 1]


def test_a_part_or_more_of_the_files_is_refused(tmp_path):
    shards = [f"data/train-{rank:05}-of-00003.parquet" for rank in range(3)]
    folder = made(tmp_path / "x", shards, f"{DEFAULT}data/train-00001*")
    said = refused(
        folder, "has 1 file,", "has 3 files", f"file 1: {shards[1]} by the former, {shards[0]} by the latter"
    )
    assert said.split("and they")[0] == refused(folder, sort="name").split("and they")[0]
    assert theirs(folder, tmp_path) == [1]
    made(folder, [], f"{DEFAULT}[data/train-0000*, data/train-00002*]")
    refused(folder, "has 4 files", f"file 4: {shards[2]} by the former, no more by the latter")
    assert theirs(folder, tmp_path) == [0, 1, 2, 2]
    made(folder, [], f"{DEFAULT}[]")
    refused(folder, "has 0 files", f"no more by the former, {shards[0]} by the latter")


def test_names_that_only_datasets_reads_count(tmp_path):
    folder = made(tmp_path / "x", ["data/a.parquet", "data/_b.parquet", "data/c.parquet.old"], f"{DEFAULT}data/*")
    refused(folder, "has 3 files", "has 1 file,")
    assert sorted(theirs(folder, tmp_path)) == [0, 1, 2]
    (folder / "data/_b.parquet").unlink()
    (folder / "data/c.parquet.old").unlink()
    (folder / "data/notes.txt").touch()
    assert ids(folder) == [0]


@pytest.mark.parametrize(
    "yaml",
    [
        "\n  - split: train\n    path: data/train-*",
        "data/*.parquet",
        '"**"',
        "./data/*",
        "[data/train-00000-of-00002.parquet, data/train-00001*]",
        "data/\n- config_name: default\n  data_files: data/*",
    ],
)
def test_what_means_the_same_files_is_read(tmp_path, yaml):
    shards = [f"data/train-{rank:05}-of-00002.parquet" for rank in range(2)]
    folder = made(tmp_path / "x", shards, DEFAULT + yaml)
    if "\n- " in yaml:
        refused(folder, "configurations")
        return
    assert ids(folder) == theirs(folder, tmp_path) == [0, 1]
    # As the hub's cache has it: links to blobs, and a snapshot that the directory leads to.
    hub = tmp_path / "hub"
    (hub / "refs").mkdir(parents=True)
    (hub / "blobs").mkdir()
    (hub / "refs" / "main").write_text("abc")
    for number, name in enumerate([*shards, "README.md"]):
        shutil.copy(folder / name, hub / "blobs" / str(number))
        link = hub / "snapshots" / "abc" / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(hub / "blobs" / str(number), link.parent))
    assert ids(hub) == theirs(hub / "snapshots" / "abc", tmp_path) == [0, 1]
    (hub / "blobs" / "2").write_text(f"---\n{DEFAULT}data/train-00001*\n---\n")
    with pytest.raises(ValueError, match=r"snapshots/abc/README\.md the configuration 'default' has 1 file"):
        dsdm.open_shards(hub)
    (hub / "blobs" / "2").unlink()
    with pytest.raises(FileNotFoundError, match=r"README\.md"):
        dsdm.open_shards(hub)


def test_a_directory_of_the_card_is_all_of_the_data_or_refused(tmp_path):
    yaml = "configs:\n- config_name: default\n  data_dir: v1"
    folder = made(tmp_path / "x", ["v1/a.parquet", "v1/b.parquet"], yaml)
    assert ids(folder) == theirs(folder, tmp_path) == [0, 1]
    made(folder, [], f"{yaml}/\n  data_files: '*.parquet'")
    assert ids(folder) == [0, 1]
    made(folder, ["v1/a.parquet", "v2.parquet"], yaml)
    refused(folder, "has 2 files", "has 3 files", "no more by the former, v2.parquet by the latter")
    made(folder, [], "configs:\n- config_name: default")
    assert ids(folder) == [0, 1, 1]


def test_shards_of_a_split_below_that_directory_go_before_other_files(tmp_path):
    yaml = "configs:\n- config_name: default\n  data_dir: v1"
    folder = made(tmp_path / "x", ["v1/data/foo-00000-of-00001.parquet", "v1/extra.parquet"], yaml)
    refused(folder, "v1", "'foo'")


def test_a_named_file_that_is_not_there_is_missing_unless_a_part_is_meant(tmp_path):
    folder = made(tmp_path / "x", ["a.parquet"], f"{DEFAULT}[a.parquet, b.parquet]")
    refused(folder, "b.parquet", "README.md", error=FileNotFoundError)
    assert ids(folder, partial=True) == [0]


def test_a_card_without_configurations_or_front_matter_is_none(tmp_path):
    folder = made(tmp_path / "x", ["a.parquet", "b.parquet"])
    cards = [
        "# Data\n---\nconfigs: [\n---\n",
        "---\nlicense: mit\n---\n",
        "---\n\n---\n",
        "",
        "---\nconfigs: [\n",
        "----",
    ]
    for text in [*cards, "---\nconfigs: []\n---\n", "\xff" * 9, "x" * (2 << 20)]:
        (folder / "README.md").write_text(text, "latin-1")
        assert ids(folder) == [0, 1]
    (folder / "README.md").unlink()
    (folder / "README.md").mkdir()
    assert ids(folder) == [0, 1]


@pytest.mark.parametrize(
    "yaml",
    [
        "configs: [",
        "- configs",
        "text",
        "configs: x",
        "configs:\n- data_files: x",
        "configs:\n- x",
        f"{DEFAULT}1",
        f"{DEFAULT}[1]",
        f"{DEFAULT}[a.parquet, {{split: train, path: a.parquet}}]",
        f"{DEFAULT}[{{split: train, path: a.parquet}}, {{split: train, path: b.parquet}}]",
        f"{DEFAULT}[{{split: a-b, path: a.parquet}}]",
        f"{DEFAULT}[{{split: train, path: [[a]]}}]",
        f"{DEFAULT}a.parquet\n  data_dir: [v1]",
        "x: !!python/object/apply:os.system [true]",
        "x: \x07",
        "x: 2001-99-99",
        "? [a]\n: b",
        "x: " + "[" * 30_000,
        "a: &a {x: 1}\nb: &b {<<: [*a, *a]}\nc: {<<: [*b, *b]}",
        "x: 1" + ":1" * 50_000,
        "x: *none",
    ],
)
def test_a_card_that_cannot_be_read_is_refused(tmp_path, yaml):
    folder = made(tmp_path / "x", ["a.parquet", "b.parquet"])
    (folder / "README.md").write_bytes(f"---\n{yaml}\n---\n".encode())
    assert len(refused(folder, "README.md", "mend", error=errors.FormatError)) < 600
    assert ids(f"{folder}/*.parquet") == [0, 1]


def test_a_card_of_more_than_the_limit_is_refused(tmp_path):
    folder = made(tmp_path / "x", ["a.parquet"], f"{DEFAULT}a.parquet\n# {'x' * (1 << 20)}")
    refused(folder, "README.md", "1,048,576 bytes", error=errors.FormatError)
    (folder / "README.md").write_text(f"---\n{DEFAULT}b*\n---\n{'x' * (1 << 20)}")
    refused(folder, "has 0 files")
    (folder / "README.md").write_bytes(f"---\nx: \xe4\n{DEFAULT}a*\n---\n".encode("latin-1"))
    refused(folder, "README.md", error=errors.FormatError)


@pytest.mark.parametrize("path", ["/a.parquet", "../x/a.parquet", "hf://datasets/x/a.parquet", "a::b", "d//*", "a**"])
def test_patterns_that_lead_elsewhere_are_refused(tmp_path, path):
    refused(made(tmp_path / "x", ["a.parquet"], f'{DEFAULT}"{path}"'), repr(path))
    folder = made(tmp_path / "y", ["a.parquet"], f'configs:\n- config_name: default\n  data_dir: "{path}"')
    refused(folder, repr(path))


def test_rows_that_filters_leave_out_are_not_read(tmp_path):
    refused(made(tmp_path / "x", ["a.parquet"], f"{DEFAULT}a.parquet\n  filters: [[id, '>', 0]]"), "filters")


def test_the_other_file_of_datasets_goes_before(tmp_path):
    folder = made(tmp_path / "x", ["a.parquet", "b.parquet"], f"{DEFAULT}a.parquet")
    (folder / ".huggingface.yaml").write_text(f"{DEFAULT}b.parquet")
    refused(folder, ".huggingface.yaml", "b.parquet by the former")
    assert theirs(folder, tmp_path) == [1]
    (folder / ".huggingface.yaml").write_text("license: mit")
    refused(folder, "README.md", "no more by the former, b.parquet by the latter")


def test_scores_go_by_it_where_load_dataset_would_read_them(tmp_path):
    folder = made(tmp_path / "x", ["a.parquet", "b.parquet"], f"{DEFAULT}[b.parquet, a.parquet]")
    with pytest.raises(ValueError, match="file 1: b"):
        dsdm.open_scores(folder)
    (tmp_path / "y").mkdir()
    (made(tmp_path / "y", [], CONFIGURATIONS) / "a.raw").write_bytes(bytes(8))
    assert len(dsdm.open_scores(tmp_path / "y", dtype="float32")) == 2


def test_what_push_to_hub_writes_and_what_materialize_writes_is_read(tmp_path):
    corpus = made(tmp_path / "corpus", [f"{rank}.parquet" for rank in range(3)], f'{DEFAULT}"*.parquet"')
    out = tmp_path / "out"
    dsdm.materialize(corpus, [2, 0], out, format="parquet")
    for yaml in (f"{DEFAULT}\n  - split: train\n    path: data/train-*", f'{DEFAULT}"**/*.parquet"', CONFIGURATIONS):
        made(out, [], yaml)
        assert dsdm.verify(out).rows == 2
        with pytest.raises(ValueError, match=r"out/README\.md is none of it"):
            dsdm.materialize(corpus, [1], out, format="parquet", overwrite=True)
        if yaml != CONFIGURATIONS:
            assert ids(out) == theirs(out, tmp_path) == [2, 0]
    refused(out, "configurations")
    # What a source has besides, after rows of it were taken, is none of them.
    made(corpus, [], CONFIGURATIONS)
    assert dsdm.verify(out).rows == 2


def test_a_card_is_asked_for_with_the_shards_of_the_hub(tmp_path, monkeypatch):
    folder = made(tmp_path / "x", ["en/a.parquet", "de/a.parquet"], CONFIGURATIONS)
    asked = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "huggingface_hub.snapshot_download", lambda *_, **said: asked.append(said["allow_patterns"]) or str(folder)
    )
    with pytest.raises(ValueError, match="configurations"):
        selections.get_candidate_dataset(path="some/set")
    assert "README.md" in asked[0]
    assert selections.get_candidate_dataset(path="some/set", data_files=["de/*"])["id"][:] == [1]
    assert asked[1] == ["de/*"]


NAMES = ("a", "b", "ab", "data", "train", "_x", ".x", "__x", "x-1")
PIECES = ("*", "**", "?", "a*", "*b", "[ab]*", "[!a]", ".*", "__*", "[.]x", "[a", "da?a", "*-[0-9]")
SUFFIXES = (".parquet", ".arrow", ".txt", ".parquet.old", ".PARQUET", "")


def test_patterns_match_what_datasets_has_them_match(tmp_path):
    draw = random.Random(20)  # noqa: S311
    found = 0
    for case in range(60):
        folder = tmp_path / str(case)
        for _ in range(draw.randrange(1, 12)):
            path = folder.joinpath(
                *draw.choices(NAMES, k=draw.randrange(3)), draw.choice(NAMES) + draw.choice(SUFFIXES)
            )
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
            except OSError:
                continue
        folder.mkdir(exist_ok=True)
        (folder / "README.md").touch()
        (folder / "link").symlink_to(draw.choice(["a", "data"]))
        there = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
        for _ in range(60):
            parts = draw.choice(there).split("/")
            for _ in range(draw.randrange(4)):
                parts[draw.randrange(len(parts))] = draw.choice(
                    (*PIECES, *NAMES, "link", "*.*", "*.parquet", "*", "**")
                )
            if draw.random() < 0.2:
                parts.insert(draw.randrange(len(parts)), "**")
            pattern = draw.choice(("", "", "./")) + "/".join(parts)
            if not plain(pattern):
                continue
            try:
                expected = [os.path.relpath(path, folder) for path in resolve_pattern(pattern, str(folder))]
            except FileNotFoundError:
                expected = []
            assert matched(str(folder), pattern) == expected, pattern
            found += bool(expected)
    assert found > 500


def test_cards_say_what_datasets_has_them_say(tmp_path):
    values = ["a.parquet", "[b.parquet, a.parquet]", "[]", "null", "1", "[[a]]", "{a: b}", "''"]
    splits = [f"[{{split: {split}, path: {path}}}]" for split in ("train", "x.y", "a-b", "1", "''") for path in values]
    pairs = ["[{split: a, path: x}, {split: b, path: y}]", "[{split: a, path: x}, y]", "[{split: a}]", "[x, 1]"]
    fronts = [
        "---\n{}\n---\n",
        "\ufeff---\n{}\n---",
        "\n ---\r\n{}\r\n---  \r\nx",
        "---\n{}\n",
        "----\n{}\n---\n",
        "x{}",
    ]
    (tmp_path / "a.parquet").touch()
    agreed = 0
    for value, front in itertools.product([*values, *splits, *pairs], fronts):
        (tmp_path / "README.md").write_bytes(front.format(DEFAULT + value).encode())
        try:
            configs = MetadataConfigs.from_dataset_card_data(DatasetCard.load(tmp_path / "README.md").data)
            stated = configs.get("default", {}).get("data_files")
            expected = None if stated is None else sanitize_patterns(stated)
        except (ValueError, TypeError):
            expected = "refused"
        try:
            card = read_card(str(tmp_path), {"README.md"})
            said = None if card is None or card.patterns is None else card.patterns
        except ValueError:
            said = "refused"
        if isinstance(expected, dict):
            patterns = next(iter(expected.values()))
            odd = len(expected) > 1 or not all(isinstance(one, str) and plain(one) for one in patterns)
            expected = "refused" if odd else patterns
        assert said == expected, (value, front)
        agreed += isinstance(said, list)
    assert agreed > 10
