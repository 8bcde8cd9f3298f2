"""What ``docs/formats`` says of ``dsdm.json``, ``tokens.json`` and unfinished output, held against what dsdm does."""

import json
import re
import shutil
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash

import dsdm
from dsdm import _native
from tests.formats.docs import FORMATS, PAGES, blocks, declared, page, schema, table, validator, written
from tests.formats.mutants import crc32, entries, form_of, line, places
from tests.formats.runs import ROWS, write

ROOT = Path(__file__).parents[2]
SCHEMAS = list(PAGES)
RELEASES = re.findall(r"^## \[(\d.*?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)


def files(format_runs, name):
    """Give what was written of a format, with the file of each."""
    if name == "journal":
        return [(path, entry) for path in (format_runs / "left").rglob(name) for entry in entries(path)]
    kinds = ["left"] if name == "plan" else ["whole", "killed"]
    found = [path for kind in kinds for path in (format_runs / kind).rglob(f"{name}.json")]
    return [(path, json.loads(path.read_text(encoding="utf-8"))) for path in found]


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- what runs write ---


def test_runs_that_are_killed_and_go_on_write_the_same_bytes(format_runs):
    kept = json.loads((format_runs / "results.json").read_text())
    assert len(kept) == len(list((format_runs / "whole").iterdir())) > 15
    # Rows of a table are not known again, and pictures may be others; what is None tells no number.
    assert all(kept[name] is None for name in ("saved", "cache", "dsir", "column"))
    assert {name for name, shards in kept.items() if shards == 0} - {"no rows"} == {"table", "images"}
    for name in kept:
        assert contents(format_runs / "whole" / name) == contents(format_runs / "killed" / name), name
        assert not list((format_runs / "killed" / name).rglob(".*.dsdm-*")), name


@pytest.mark.parametrize(("name", "least"), [("dsdm", 38), ("tokens", 6), ("plan", 18), ("journal", 150)])
def test_what_is_written_validates_and_every_field_is_described(format_runs, name, least):
    found, fields = files(format_runs, name), table(PAGES[name])
    assert len(found) >= least
    seen = set()
    for path, told in found:
        assert [error.message for error in validator(name).iter_errors(told)] == [], path
        for field, value in written(told, name):
            if "own" in path.parts and field.startswith(("selection.chosen.", "fields.chosen.")):
                continue
            if field.startswith("fields.chosen."):
                continue  # as selection.chosen, which is looked at in dsdm.json
            if field.startswith("selection.chosen.chosen_by.*."):
                continue  # as selection.md has arguments
            assert field in fields, (path, field)
            assert fields[field].holds(value), (path, field, value)
            seen.add(field)
    # All but what other calls write.
    of_values = ("key", "dtype", "verify", "reduce", "transpose", "booleans", "shape", "shape[]")
    of_added = (*of_values, "column", "io")
    others = {f"selection.chosen.reading.{name}" for name in of_values}
    others |= {f"selection.scores[].reading.{name}" for name in of_added}
    others |= {"selection.scores[].reading", "selection.scores[].rows"}
    assert set(fields) - seen <= others


@pytest.mark.parametrize("name", SCHEMAS)
def test_tables_and_schemas_have_the_same_fields(name):
    fields, known = table(PAGES[name]), declared(name)
    assert set(fields) == set(known)
    for field, (told, required) in known.items():
        row = fields[field]
        types = told.get("type", [])
        types = {types} if isinstance(types, str) else set(types)
        assert not types or types == row.types, field
        # verify refuses no argument: it says why rows are not chosen again.
        assert required is not row.optional or field.startswith("selection.chosen.arguments"), field
        assert row.since in RELEASES, field
        assert len(row.meaning) > 5, field


def test_every_name_in_unfinished_output_is_described(format_runs):
    described = set(re.findall(r"^\| `([^`]+)` \| ", page("unfinished.md"), re.MULTILINE))
    named = {"dsdm.json", "state.json", "dataset_info.json", "tokens.json", "index.json", "README.md"}
    assert all(f"`{name}`" in page("unfinished.md") for name in named)
    seen = set()
    for staging in (format_runs / "left").glob("*/.*"):
        for path in (path for path in staging.rglob("*") if path.is_file()):
            name = path.relative_to(staging).as_posix()
            if name.startswith("output/"):
                assert path.name in named or re.search(
                    r"\.(arrow|parquet|jsonl\.zst|npy|bin|index|idx)(\.part)?$", name
                ), name
                name = "output/NAME.part" if name.endswith(".part") else "output/"
            seen.add(name)
    assert seen - {"plan.json.part"} == described - set(table("unfinished.md")) - {"plan.json.part", "replaced/"}


def test_unfinished_output_is_named_as_it_is_told(format_runs, tmp_path, monkeypatch):
    names = {path.name for path in (format_runs / "left").glob("*/.*")}
    assert {re.sub(r"\d+", "N", name) for name in names} == {".out.dsdm-unfinished", ".selection.dsdm-N-N"}
    monkeypatch.chdir(format_runs)
    for name, stem in (("n" * 100, "n" * 100), ("n" * 101, xxhash.xxh3_128_hexdigest(b"n" * 101))):
        staging = tmp_path / f".{stem}.dsdm-unfinished"
        staging.write_text("in the way")
        with pytest.raises(FileExistsError, match=stem):
            write(str(tmp_path / name))


# --- what the pages compute ---


def ends(path):
    """Compute the digest of the first and last bytes of a file as dsdm-json.md tells it."""
    whole = path.read_bytes()
    count = min(len(whole), 16384)
    if whole.endswith(b"PAR1"):
        count = max(count, min(int.from_bytes(whole[-8:-4], "little") + 8, 64 << 20, len(whole)))
    return xxhash.xxh3_128_hexdigest(whole[: min(len(whole), 16384)] + whole[len(whole) - count :])


def test_digests_are_what_the_pages_say(format_runs):
    exec(blocks("dsdm-json.md", "python")[0], names := {})  # noqa: S102 - of the page
    digest = xxhash.xxh3_128_hexdigest(ROWS.astype("<i8").tobytes())
    for path, told in files(format_runs, "dsdm"):
        assert names["checksum"](path) == told["crc32"]
        of = path.parent
        for file in [*told["files"], *(file for shard in told["shards"] for file in shard["files"])]:
            assert (file["bytes"], file["crc32"]) == ((of / file["name"]).stat().st_size, crc_of(of / file["name"]))
        sources = told["sources"] + told["selection"].get("chosen", {}).get("score_files", [])
        for source in sources:
            place = (of.resolve() / source["path"]).resolve()
            assert (source["bytes"], source["ends"]) == (place.stat().st_size, ends(place))
            assert source["modified_ns"] == place.stat().st_mtime_ns
        assert told["rows"] == sum(shard["rows"] for shard in told["shards"])
    whole = json.loads((format_runs / "whole" / "shuffle" / "out" / "dsdm.json").read_text())
    assert whole["selection"]["given"] == digest
    plan = json.loads(next((format_runs / "left" / "shuffle").rglob("plan.json")).read_text())
    shuffled = np.random.default_rng(2**63 - 1).permutation(ROWS).astype("<i8")
    assert plan["fields"]["indices"] == xxhash.xxh3_128_hexdigest(shuffled.tobytes())


def crc_of(path):
    return f"{zlib.crc32(path.read_bytes()):08x}"


def test_the_end_of_a_large_file_is_digested_as_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("s.npy", np.random.default_rng(0).random(50_000))
    told = {"by": "top_k", "scores": ["s.npy"], "arguments": {"k": 2}}
    pq.write_table(pa.table({"a": np.random.default_rng(1).random(50_000)}), "one.parquet")
    pq.write_table(pa.table({f"column {number}": range(5) for number in range(200)}), "wide.parquet")
    for source in ("one.parquet", "wide.parquet"):
        options = {"selection": told} if source == "one.parquet" else {}
        dsdm.materialize(source, [1, 2], f"out {source}", **options)
        manifest = json.loads(Path(f"out {source}", "dsdm.json").read_text())
        assert manifest["sources"][0]["ends"] == ends(Path(source))
        assert Path(source).stat().st_size > 32 << 10
    manifest = json.loads(Path("out one.parquet", "dsdm.json").read_text())
    assert manifest["selection"]["chosen"]["score_files"][0]["ends"] == ends(Path("s.npy"))


def test_token_shards_are_read_by_the_code_of_the_page(format_runs):
    exec(blocks("tokens-json.md", "python")[0], names := {})  # noqa: S102 - of the page
    corpus = dsdm.open_shards(format_runs / "corpus")
    for case, column, rows in (
        ("tokens", "input_ids", ROWS),
        ("ragged", "ragged", np.random.default_rng(7).permutation(ROWS)),
        ("no rows", "input_ids", ROWS[:0]),
    ):
        out = format_runs / "whole" / case / "out"
        expected = corpus.take(rows)[column].to_pylist()
        assert [row.tolist() for row in names["rows_of"](out)] == expected
        for path in out.glob("*.npy"):
            head = path.read_bytes()[:128]
            assert head[:10] == b"\x93NUMPY\x01\x00\x76\x00"
            assert head.endswith(b"\n")
            array = np.load(path)
            assert path.stat().st_size == 128 + array.nbytes


# --- what a crash leaves ---


@pytest.fixture
def complete(format_runs, tmp_path, monkeypatch):
    """Give what a run leaves that is killed before it gives its output the name: the name, and the directory beside it.

    Beside both is a data set that the run might replace.
    """
    monkeypatch.chdir(format_runs)
    out, staging = tmp_path / "out", tmp_path / ".out.dsdm-unfinished"
    shutil.copytree(format_runs / "left" / "complete" / staging.name, staging)
    *done, _ = entries(staging / "journal")
    place = (staging / "output").stat()
    told = [*done, {"complete": [place.st_dev, place.st_ino]}]
    (staging / "journal").write_text("".join(map(line, told)))
    write(str(tmp_path / "old"), [1])
    return out, staging


def again(out, **options):
    """Make the same call, and tell how many shards it kept."""
    kept = write(str(out), num_shards=len(ROWS), **options).kept
    assert dsdm.verify(out).rows == len(ROWS)
    assert [path.name for path in out.parent.glob(".*")] == []
    return kept


def test_an_output_without_its_name_is_kept(complete):
    out, _ = complete
    assert again(out) == len(ROWS)


def test_an_output_that_has_its_name_stays_until_it_is_replaced(complete):
    out, staging = complete
    (staging / "output").rename(out)
    with pytest.raises(FileExistsError):
        again(out)
    assert sorted(path.name for path in staging.iterdir()) == ["journal", "made-by-dsdm", "pid", "plan.json"]
    assert again(out, overwrite=True) == 0


def exchanged(complete):
    """Leave what a run does that is killed right after it exchanged its output with a data set."""
    out, staging = complete
    (staging / "output").rename(out)
    (out.parent / "old").rename(staging / "output")
    place = (staging / "output").stat()
    with (staging / "journal").open("a") as journal:
        journal.write(line({"replaces": [place.st_dev, place.st_ino]}))
    return out, staging


def test_an_output_that_was_exchanged_is_replaced(complete):
    out, _ = exchanged(complete)
    assert again(out, overwrite=True) == 0


def test_what_was_put_into_a_data_set_that_was_exchanged_is_not_removed(complete):
    out, staging = exchanged(complete)
    (more := staging / "output" / "data-00007-of-00009.arrow").write_bytes(b"years")
    with pytest.raises(FileExistsError, match=rf"{more.name}.*move it, or what is yours of it, elsewhere"):
        again(out, overwrite=True)
    assert more.read_bytes() == b"years"
    more.rename(out.parent / more.name)
    assert again(out, overwrite=True) == 0


def test_a_data_set_that_was_exchanged_goes_back_where_its_name_is_free(complete):
    out, _ = exchanged(complete)
    out.rename(out.parent / "new")
    with pytest.raises(FileExistsError):
        again(out)
    assert dsdm.verify(out).rows == 1


def test_a_data_set_that_was_put_aside_is_put_back(complete):
    out, staging = complete
    (out.parent / "old").rename(staging / "replaced")
    with pytest.raises(FileExistsError):
        again(out)
    assert dsdm.verify(out).rows == 1
    assert sorted(path.name for path in staging.iterdir()) == ["journal", "made-by-dsdm", "output", "pid", "plan.json"]
    assert again(out, overwrite=True) == len(ROWS)


def test_a_data_set_that_was_put_aside_and_replaced_is_removed(complete):
    out, staging = complete
    (staging / "output").rename(out)
    (out.parent / "old").rename(staging / "replaced")
    assert again(out, overwrite=True) == 0


def test_of_a_data_set_that_was_put_aside_and_another_none_is_chosen(complete):
    out, staging = complete
    shutil.copytree(out.parent / "old", out)
    (out.parent / "old").rename(staging / "replaced")
    with pytest.raises(ValueError, match="remove or rename one of the two"):
        again(out, overwrite=True)
    assert (staging / "replaced").exists()


# --- the examples ---


def test_examples_validate_and_are_read(tmp_path):
    manifest = blocks("dsdm-json.md", "json")[0]
    assert form_of(manifest, tmp_path) == ""
    entries_of = [json.loads(text.partition(" ")[2]) for text in blocks("journal.md", "")[0].splitlines()]
    assert "".join(map(line, entries_of)) == blocks("journal.md", "")[0]
    assert [next(iter(entry)) for entry in entries_of] == ["done"] * 3 + ["complete"]
    plan = blocks("unfinished.md", "json")[0].strip()
    staging = tmp_path / ".out.dsdm-unfinished"
    staging.mkdir(mode=0o700)
    (staging / "made-by-dsdm").touch()
    (staging / "plan.json").write_text(plan)
    assert _native.unfinished(str(tmp_path / "out")) == json.loads(plan)["fields"]
    sidecar = blocks("tokens-json.md", "json")[0].removesuffix("\n")
    examples = {"dsdm": [json.loads(manifest)], "tokens": [json.loads(sidecar)], "plan": [json.loads(plan)]}
    for name, told in {**examples, "journal": entries_of}.items():
        for each in told:
            validator(name).validate(each)
            assert {field for field, _ in written(each, name)} <= set(table(PAGES[name])) | CHOSEN_OF_PLAN
    # They are of one run.
    listed = {file["name"]: file for shard in examples["dsdm"][0]["shards"] for file in shard["files"]}
    assert listed == {file["name"]: file for entry in entries_of[:3] for file in entry["done"]["files"]}
    (file,) = examples["dsdm"][0]["files"]
    assert (file["bytes"], file["crc32"]) == (len(sidecar), crc32(sidecar))
    tree = blocks("unfinished.md", "")[0]
    assert f"{len(plan)} bytes" in tree
    assert f"{len(blocks('journal.md', '')[0]) - len(line(entries_of[3]))} bytes" in tree


CHOSEN_OF_PLAN = {f"fields.chosen{name}" for name in (".by", ".scores", ".scores[]", ".arguments", ".arguments.k")}


def test_the_call_of_the_example_writes_the_fields_of_the_example(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(blocks("dsdm-json.md", "python")[1], {})  # noqa: S102 - of the page
    for name in ("dsdm", "tokens"):
        made = json.loads(Path("subset", f"{name}.json").read_text())
        shown = json.loads(blocks(PAGES[name], "json")[0])
        assert list(places(made)) == list(places(shown))
    assert dsdm.verify("subset").selection


def test_links_lead_somewhere():
    for path in [ROOT / "README.md", *FORMATS.glob("*.md")]:
        text = path.read_text(encoding="utf-8")
        for link in re.findall(r"\]\((?!https?:)([^)]*)\)", text):
            file, _, heading = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            assert target.exists(), (path, link)
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE) if heading else []
            slugs = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in headings}
            assert not heading or heading in slugs, (path, link)
    assert "(docs/formats/" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_no_schema_knows_a_field_of_another_page():
    assert all(schema(name)["$schema"] == "https://json-schema.org/draft/2020-12/schema" for name in SCHEMAS)
    assert sorted(path.name for path in FORMATS.glob("*.json")) == sorted(f"{name}.schema.json" for name in SCHEMAS)
    assert len({schema(name)["$id"] for name in SCHEMAS}) == len(SCHEMAS)
