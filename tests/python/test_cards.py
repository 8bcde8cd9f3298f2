"""Splits and cards: what datasets reads of them, and that nothing is told of the machine."""

import json
import shutil

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from huggingface_hub import DatasetCard
from markdown_it import MarkdownIt

import dsdm
from dsdm import errors
from dsdm.reporting.measure import corpus

ROWS = 200
FORMS = ("parquet", "jsonl")


@pytest.fixture
def source(tmp_path):
    table = pa.table(
        {
            "text": [f"row {row}" for row in range(ROWS)],
            "n": pa.array(range(ROWS), pa.int32()),
            "label": pa.array([row % 2 for row in range(ROWS)]),
            "when": pa.array(np.arange(ROWS) * 10**6, pa.timestamp("us")),
            "ids": [[row] * (row % 3) for row in range(ROWS)],
            "download_size: 4611686018427387847": [None] * ROWS,
        }
    )
    folder = tmp_path / "a user" / "corpus"
    folder.mkdir(parents=True)
    pq.write_table(table, folder / "part `0`.parquet")
    np.save(folder / "scores.npy", np.random.default_rng(0).permutation(ROWS).astype(np.float32))
    return folder


def write(source, out, rows=range(50), **options):
    return dsdm.materialize(source / "part `0`.parquet", rows, out, **{"progress": False, "num_shards": 2, **options})


def loaded(out, tmp_path, **options):
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)
    return datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"), **options)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("split", [None, "validation", "my_part.2"])
def test_a_folder_with_a_card_is_loaded_by_its_split_with_its_features(source, tmp_path, form, split):
    out = tmp_path / "out"
    scores = np.arange(ROWS, dtype=np.float64)
    write(source, out, format=form, split=split, card=True, row_ids="row", scores=scores)
    name = split or "train"
    opened = loaded(out, tmp_path)
    assert list(opened) == [name]
    expected = pq.read_table(source / "part `0`.parquet").slice(0, 50)
    found = opened[name]
    assert found.features["n"] == datasets.Value("int32")
    assert found.features["when"] == datasets.Value("timestamp[us]")
    assert found["row"][:] == list(range(50))
    for column in expected.column_names:
        assert found.data[column].to_pylist() == expected[column].to_pylist(), column
    assert min(path.name for path in (out / "data").iterdir()).startswith(f"{name}-00000-of-00002.")
    assert dsdm.verify(out).rows == 50


@pytest.mark.parametrize("form", FORMS)
def test_the_header_is_as_datasets_writes_it(source, tmp_path, form):
    out = tmp_path / "out"
    write(source, out, format=form, split="test", card=True)
    data = DatasetCard.load(out / "README.md").data.to_dict()
    (split,) = data["dataset_info"]["splits"]
    assert (split["name"], split["num_examples"]) == ("test", 50)
    size = sum(path.stat().st_size for path in (out / "data").iterdir())
    assert data["dataset_info"]["download_size"] == size
    assert data["dataset_info"]["dataset_size"] == split["num_bytes"] > 0
    assert data["configs"] == [{"config_name": "default", "data_files": [{"split": "test", "path": "data/test-*"}]}]
    # What datasets makes of its own data set of the same rows.
    info = datasets.DatasetInfo(features=loaded(out, tmp_path)["test"].features)
    assert data["dataset_info"]["features"] == yaml.safe_load(yaml.safe_dump(info.features._to_yaml_list()))
    manifest = json.loads((out / "dsdm.json").read_text())
    assert [file["name"] for file in manifest["files"]] == ["README.md"]


def test_the_card_tells_the_rule_and_nothing_of_the_machine(source, tmp_path):
    scores = dsdm.open_scores(source / "scores.npy")
    told = {"by": "top_k", "scores": [str(source / "scores.npy")], "arguments": {"k": 20}}
    chosen = dsdm.choose(scores, k=20, largest=False)
    for number, (rows, options) in enumerate(
        [
            (chosen, {}),
            (dsdm.choose(scores, k=20, gumbel=True, seed=5), {"paths": "absolute"}),
            (dsdm.top_k(scores, 20), {"selection": told, "row_order": "shuffle", "seed": 3}),
            (range(20), {}),
        ]
    ):
        out = tmp_path / f"out {number}"
        write(source, out, rows, format="parquet", card=True, **options)
        text = (out / "README.md").read_text()
        for private in (str(tmp_path), "a user", "/corpus"):
            assert private not in text, text
        assert f"# `out {number}`" in text
        assert "`` part `0`.parquet ``" in text
        if number < 3:
            assert "scores.npy" in text
        expected = {
            0: ["Cut: the worst score is", "- Rule: "],
            1: ["Seed of the draw: 5"],
            2: ['By: `top_k` with `{"k": 20}`', "shuffled (seed 3)"],
            3: ["By row numbers; how these were found was not told."],
        }[number]
        assert all(part in text for part in expected), text
        assert dsdm.verify(out).rows == 20


def test_the_corpus_of_a_card_is_opened_again(source, tmp_path):
    write(source, tmp_path / "out", format="parquet", card=True)
    rows = dsdm.open_shards(tmp_path / "out").take([3, 1])
    assert rows["n"].to_pylist() == [3, 1]


@pytest.mark.parametrize("form", ["arrow", "parquet", "jsonl", "tokens"])
def test_without_them_the_bytes_are_those_of_before(source, tmp_path, form):
    columns = ["ids"] if form == "tokens" else None
    write(source, tmp_path / "a", format=form, columns=columns)
    write(source, tmp_path / "b", format=form, columns=columns, card=False, split=None)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert not (tmp_path / "a" / "README.md").exists()
    if form in FORMS:
        write(source, tmp_path / "c", format=form, split="train")
        assert contents(tmp_path / "a") == contents(tmp_path / "c")


def test_a_split_is_in_the_state_and_info_of_save_to_disk(source, tmp_path):
    write(source, tmp_path / "out", split="validation")
    opened = datasets.load_from_disk(str(tmp_path / "out"))
    assert opened.split == "validation"
    assert opened.info.splits["validation"].num_examples == 50
    write(source, tmp_path / "none")
    assert datasets.load_from_disk(str(tmp_path / "none")).split is None


BAD = [
    ({"split": "a-b"}, ValueError, "no name of a split for datasets"),
    ({"split": ""}, ValueError, "no name of a split for datasets"),
    ({"split": "train[:10%]"}, ValueError, "no name of a split for datasets"),
    ({"split": "a/b"}, ValueError, "no name of a split for datasets"),
    ({"split": "a..b"}, ValueError, "no name of a split for datasets"),
    ({"split": "train\n"}, ValueError, "no name of a split for datasets"),
    ({"split": "all"}, ValueError, "what datasets calls all splits"),
    ({"split": 1}, TypeError, "split is 1; the name of a split"),
    ({"split": "test", "format": "bin"}, ValueError, 'split=.* not what format="bin" writes'),
    ({"card": 1}, TypeError, "card is 1; True or False"),
    ({"card": True, "format": "arrow"}, ValueError, 'card=True .* not what format="arrow" writes'),
    ({"card": True, "format": "tokens"}, ValueError, 'card=True .* not what format="tokens" writes'),
]


@pytest.mark.parametrize(("options", "kind", "message"), BAD)
def test_what_cannot_be_is_refused_before_anything_is_written(source, tmp_path, options, kind, message):
    for call in (dsdm.materialize, dsdm.plan):
        with pytest.raises(kind, match=message):
            call(source / "part `0`.parquet", [1], tmp_path / "out", **{"format": "parquet", **options})
    assert [path.name for path in tmp_path.iterdir()] == ["a user"]


def test_a_changed_card_is_found_by_verify(source, tmp_path):
    out = tmp_path / "out"
    write(source, out, format="parquet", card=True)
    again = contents(out)
    write(source, out, format="parquet", card=True, overwrite=True)
    assert contents(out) == again
    (out / "README.md").write_text("mine")
    with pytest.raises(errors.TruncatedError, match=r"README\.md"):
        dsdm.verify(out)


def block_of(text):
    """Give the block of text in a card, as a reader of Markdown has it."""
    (fence,) = [token for token in MarkdownIt().parse(text) if token.type == "fence"]
    return fence.content.splitlines()


NAMES = ["a`b```` ````c", "<script>alert(1)</script>", "# x | y", "web/books", "\u202e\x1b[2J\n---\n```"]
SPELLED = [*NAMES[:4], "\\u202e\\x1b[2J\\n---\\n```"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rule", [{"k": 30}, {"per_group": {name: 2 + at for at, name in enumerate(NAMES)}}])
def test_the_card_of_a_selection_has_its_report(source, tmp_path, form, rule):
    scores = dsdm.open_scores(source / "scores.npy")
    groups = [NAMES[row % len(NAMES)] for row in range(ROWS)]
    pq.write_table(pa.table({"domain": groups}), source / "groups.parquet")
    lying = dsdm.open_shards(source / "groups.parquet").groups("domain")
    chosen = dsdm.choose(scores, **rule, **({"groups": lying} if "per_group" in rule else {}))
    out = tmp_path / "out"
    write(source, out, chosen, format=form, card=True, num_shards=1, row_order="row")
    text = (out / "README.md").read_text("utf-8")
    assert not any(private in text for private in (str(tmp_path), "a user"))
    lines = block_of(text)
    mine = np.array(chosen.indices, int)
    at = [line.split()[:3] for line in lines].index(["score", "from", "rows"])
    bars = [line.split() for line in lines[at + 1 : at + 41]]
    edges = np.linspace(0, ROWS - 1, 41)
    expected = [np.histogram(values, edges)[0].tolist() for values in (scores[:], scores[:][mine])]
    assert [[int(cells[column]) for cells in bars] for column in (1, 2)] == expected
    marked = [line for line in lines if "<- worst chosen score" in line]
    assert [line.rsplit(" ", 1)[1] for line in marked] == ([f"{ROWS - 30}"] if rule == {"k": 30} else [])
    assert ["part", "`0`.parquet", f"{ROWS}", f"{len(mine)}"] in [line.split()[:4] for line in lines]
    if "per_group" in rule:
        at = [line.split() for line in lines].index(["group", "rows", "chosen", "share"])
        told = {line[2:].rsplit(maxsplit=4)[0]: line.split()[-4:-2] for line in lines[at + 1 : at + 6]}
        assert told == {name: [f"{ROWS // 5}", f"{2 + place}"] for place, name in enumerate(SPELLED)}
    assert DatasetCard.load(out / "README.md").data.to_dict()["configs"][0]["config_name"] == "default"
    assert loaded(out, tmp_path)["train"]["n"][:] == sorted(mine.tolist())
    assert dsdm.verify(out).rows == len(mine)


@pytest.mark.parametrize("of", ["ids", "text", "lengths.npy"])
def test_the_card_of_a_budget_has_the_lengths_of_its_rule(source, tmp_path, of):
    every = {"ids": np.arange(ROWS) % 3, "text": np.array([len(f"row {row}") for row in range(ROWS)])}
    every["lengths.npy"] = np.random.default_rng(2).integers(0, 50, ROWS)
    np.save(source / "lengths.npy", every["lengths.npy"])
    shards = dsdm.open_shards(source / "part `0`.parquet")
    lengths = dsdm.open_scores(source / of) if of == "lengths.npy" else shards.lengths(of)
    chosen = dsdm.choose(dsdm.open_scores(source / "scores.npy"), tokens=90, lengths=lengths)
    write(source, tmp_path / "out", chosen, format="parquet", card=True)
    lines = [line.split() for line in block_of((tmp_path / "out" / "README.md").read_text("utf-8"))]
    mine = every[of][np.array(chosen.indices)]
    by = {"lengths.npy": ["lengths"], "ids": ["ids,", "in", "items"], "text": ["text,", "in", "bytes"]}[of]
    at = lines.index(["lengths", "by", *by, "rows", "total", "least", "median", "mean", "most"])
    told = [float(cell) for cell in lines[at + 1][2:]]
    expected = [len(mine), mine.sum(), mine.min(), np.median(mine), mine.mean(), mine.max()]
    assert told == pytest.approx(expected, rel=1e-5)
    again = dsdm.report(tmp_path / "out", examples=0, trust_paths=[source]).selections[0]
    assert (again.lengths.chosen.total, again.tokens) == (mine.sum(), mine.sum())
    assert again.lengths.all is None


def test_no_name_acts_in_a_card(source, tmp_path):
    names = ["<img src=x>`\u202e*b*", "y\u202e<i>.parquet"]
    pq.write_table(pa.table({names[0]: np.arange(ROWS, dtype=np.float32)}), source / "s.parquet")
    shutil.copy(source / "part `0`.parquet", source / names[1])
    chosen = dsdm.choose(dsdm.open_scores(source / "s.parquet", column=names[0]), k=9)
    out = tmp_path / "<b>`out"
    dsdm.materialize([source / names[1]], chosen, out, format="parquet", card=True, progress=False)
    text = (out / "README.md").read_text("utf-8")
    inline = [child for token in MarkdownIt().parse(text.split("\n---\n", 1)[1]) for child in token.children or ()]
    assert {child.type for child in inline} <= {"text", "code_inline", "softbreak"}
    assert "\u202e" not in text
    codes = [child.content for child in inline if child.type == "code_inline"]
    assert "<b>`out" in codes
    assert "y\\u202e<i>.parquet" in codes
    assert any("<img src=x>`" in code and "*b*" in code for code in codes)


def test_rows_by_numbers_have_no_report_and_rows_of_others_are_no_part_of_it(source, tmp_path):
    write(source, tmp_path / "numbers", format="parquet", card=True)
    assert "What was chosen" not in (tmp_path / "numbers" / "README.md").read_text()
    chosen = dsdm.choose(dsdm.open_scores(source / "scores.npy"), k=9)
    write(source, tmp_path / "chosen", chosen, format="parquet", card=True)
    lines = block_of((tmp_path / "chosen" / "README.md").read_text())
    assert not any(line.split()[:1] in (["row"], ["best"]) for line in lines)


def test_a_card_without_groups_that_are_too_many_is_written(source, tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "_MOST_GROUPS", 3)
    scores = dsdm.open_scores(source / "scores.npy")
    groups = dsdm.open_shards(source / "part `0`.parquet").groups("n")
    chosen = dsdm.choose(scores, groups=groups, per_group=1)
    write(source, tmp_path / "out", chosen, format="parquet", card=True)
    assert not any(line.split()[:1] == ["group"] for line in block_of((tmp_path / "out" / "README.md").read_text()))
    with pytest.raises(ValueError, match="groups has more than 3 values") as found:
        dsdm.report(chosen, groups=np.arange(ROWS))
    assert found.type is ValueError
    assert dsdm.report(chosen).selections[0].unknown["groups"].startswith("groups has more than 3 values")


def test_markdown_of_several_selections_tells_which_is_which(source):
    scores = dsdm.open_scores(source / "scores.npy")
    found = dsdm.report(*(dsdm.choose(scores, k=k) for k in (5, 9)))
    blocks = [token.content for token in MarkdownIt().parse(found.to_markdown()) if token.type == "fence"]
    assert [block.splitlines()[0] for block in blocks] == ["top-k of scores.npy"] * 2 + ["overlap"]
    assert blocks[2].split()[-3:] == ["5", "9", "0.5556"]


ODD_NAMES = [
    *("a\x85b", "a\u2028b", "a\u2029b", "a\x7fb", "a\x01b", "a\x9fb", "a\ufeffb", "a\ufffeb", "a\u200bb", "a\xa0b"),
    *("a: b", "a:", "- a", "-", "#", "# a", "a #b", "yes", "no", "null", "~", "1", "1e3", "0x1f", "1_0", "12:30:45"),
    *('"a"', "it's", "\\", "\\n", "a\tb", "a\nb", "a\rb", " a ", "é", "\U0001f600", "=", "<<", "!a", "&a", "*a", "%a"),
    *("@a", "`a`", "{a}", "[a]", "a,b", "?", "? a", "|", ">", "---", "...", "2001-01-01", "download_size: 7", ""),
]


@pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
def test_a_card_names_columns_whatever_they_are_called(tmp_path, name):
    table = pa.table({name: [1, 2, 3], f"{name}x": pa.array([{name: "a"}] * 3)})
    dsdm.materialize(table, [2, 0], tmp_path / "out", format="parquet", card=True)
    head = (tmp_path / "out" / "README.md").read_bytes().decode().split("\n---\n")[0].removeprefix("---\n")
    told = yaml.safe_load(head)["dataset_info"]["features"]
    assert [feature["name"] for feature in told] == [name, f"{name}x"]
    assert told[1]["struct"][0]["name"] == name
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"), split="train")
    assert loaded.column_names == [name, f"{name}x"]
    assert loaded[0] == {name: 3, f"{name}x": {name: "a"}}
