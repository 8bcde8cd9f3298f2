"""What readers of dsdm refuse, and what the schemas of ``docs/formats`` do: the same, but for what is listed there."""

import json
import os
import re
import shutil
from itertools import islice

import numpy as np
import pytest

import dsdm
from dsdm import errors
from tests.formats.docs import page, validator
from tests.formats.mutants import changed, compact, crc32, entries, form_of, line, mutants, places, sealed
from tests.formats.runs import write


@pytest.fixture
def here(format_runs, monkeypatch):
    """Run a test beside what was run."""
    monkeypatch.chdir(format_runs)
    return format_runs


@pytest.fixture
def subset(here, memory_path):
    """Give an output that lies beside what it was made of, and its manifest."""
    told = json.loads((here / "whole" / "drawn" / "out" / "dsdm.json").read_text())["selection"]["chosen"]
    told = {**told, "scores": ["scores.npy"], "exclude": "no.npy"}
    rows = dsdm.gumbel_top_k(dsdm.open_scores("scores.npy"), exclude=np.load("no.npy"), **told["arguments"])
    out = here / f"copy of {memory_path.name}"
    write(str(out), rows, num_shards=2, selection=told)
    assert dsdm.verify(out).selection
    yield out, json.loads((out / "dsdm.json").read_text())
    shutil.rmtree(out)


def refused_by(name, told):
    """Give the places at which a schema refuses, each with the keyword that does."""
    return {(tuple(error.absolute_path), error.validator) for error in validator(name).iter_errors(told)}


def test_a_manifest_is_refused_by_the_schema_and_by_the_reader_or_by_neither(subset, memory_path):
    out, manifest = subset
    tried, refused, only_here = 0, [], []
    for place in places(manifest, most=1):
        for mutant in mutants(manifest, place) if place != ("crc32",) else ():
            valid, said = validator("dsdm").is_valid(mutant), form_of(sealed(mutant), memory_path)
            tried += 1
            if valid:
                assert said == "", place
            elif said:
                refused.append(mutant)
            else:
                # An overwrite does not look at how rows were chosen.
                assert refused_by("dsdm", mutant) == {(("selection",), "required")}, place
                only_here.append(mutant)
    assert (tried > 2_000, len(refused) > 1_000, len(only_here) > 1) == (True, True, True)
    for mutant in [*only_here, *refused[::20]]:
        (out / "dsdm.json").write_text(sealed(mutant), encoding="utf-8")
        with pytest.raises(errors.FormatError):
            dsdm.verify(out)


def with_order(text):
    """Give a change of the one field in which a reader looks at nothing but at how large it is."""
    return lambda manifest: manifest.replace('"order":"given"', f'"order":{text}')


# By the rows of the table in dsdm-json.md: texts of manifests, with the checksum that belongs to them.
DIFFERENCES = {
    "A whole number as `3.0`, `3e0` or `-0`": [
        lambda text: text.replace('"manifest":2', '"manifest":2.0'),
        lambda text: text.replace('"rows":12', '"rows":12e+0', 1),
        lambda text: re.sub(r'"modified_ns":\d+', '"modified_ns":-0', text),
    ],
    "A name of a file that is there twice": [lambda text: text.replace("00001-of", "00000-of")],
    "A number of more than 1,000 characters in `selection`": [with_order(10**1000), with_order("0." + "1" * 1000)],
    "More than 64 MiB, 2,000,000 values or a depth of 100": [
        with_order(f'"{"x" * (64 << 20)}"'),
        with_order(f"[0{',0' * 2_000_000}]"),
        with_order("[" * 99 + "]" * 99),
    ],
    "A `crc32` at the end that fits no longer": [lambda text: text[:-1] + ',"crc32":"00000000"}'],
}


def listed(page_of):
    """Give what a page lists as differences: whether the schema takes each, and whether dsdm does."""
    rows = re.findall(r"^\| ([^|]+) \| (takes|refuses) it \| ([^|]+) \| [^|]+ \|$", page(page_of), re.MULTILINE)
    return {what: (schema == "takes", dsdm_does == "takes it") for what, schema, dsdm_does in rows}


def test_all_differences_are_listed():
    told = listed("dsdm-json.md")
    assert told.pop("`selection.rows` or `selection.given` missing beside `chosen`") == (False, False)
    assert told.keys() == DIFFERENCES.keys()


@pytest.mark.parametrize("what", DIFFERENCES)
def test_differences_are_as_they_are_listed(subset, memory_path, what):
    _, manifest = subset
    # With this, the checksum has letters, which can be capitals.
    contents = {**{name: value for name, value in manifest.items() if name != "crc32"}, "unknown": 0}
    while not re.search("[a-f]", crc32(compact(contents))):
        contents["unknown"] += 1
    for change in DIFFERENCES[what]:
        text = change(compact(contents))
        assert text != compact(contents)
        whole = text if '"crc32":"' in text[-20:] else f'{text[:-1]},"crc32":"{crc32(text)}"}}'
        by_schema, by_reader = listed("dsdm-json.md")[what]
        assert (form_of(whole, memory_path) == "") is by_reader
        assert validator("dsdm").is_valid(json.loads(whole)) is by_schema


def test_a_key_that_is_there_twice_has_its_last_value(subset, memory_path):
    _, manifest = subset
    whole = sealed(manifest)
    assert form_of(whole.replace('"rows":', '"rows":[],"rows":', 1), memory_path) == ""
    assert form_of(whole[:-1] + f',"crc32":"{manifest["crc32"]}"}}', memory_path) != ""


def test_unknown_fields_are_taken_by_both_and_other_versions_by_neither(subset, memory_path):
    _, manifest = subset
    for place in ((), *places(manifest)):
        inner = manifest
        for step in place:
            inner = inner[step]
        if isinstance(inner, dict):
            mutant = changed(manifest, (*place, "unknown"), {"a": [1]})
            assert refused_by("dsdm", mutant) == set(), place
            assert form_of(sealed(mutant), memory_path) == "", place
    said = form_of(sealed({**manifest, "manifest": 3, "rows": []}), memory_path)
    assert "manifest: it has version 3 and this dsdm reads versions 1 to 2" in said


@pytest.mark.parametrize("case", ["tokens", "ragged"])
def test_tokens_json_is_compared_by_its_checksum_and_its_dtype(here, memory_path, case):
    """What else the schema refuses of it, nobody else does: tokens-json.md says so."""
    out = memory_path / "out"
    shutil.copytree(here / "whole" / case / "out", out)
    manifest = json.loads((out / "dsdm.json").read_text())
    sidecar = json.loads((out / "tokens.json").read_text())
    for place in places(sidecar, most=1):
        assert not all(validator("tokens").is_valid(mutant) for mutant in mutants(sidecar, place)), place
    for field in sidecar:
        text = json.dumps(changed(sidecar, (field,), [5]))
        assert refused_by("tokens", json.loads(text))
        (out / "tokens.json").write_text(text)
        (out / "dsdm.json").write_text(json.dumps(manifest))
        with pytest.raises(errors.FormatError, match=r"tokens\.json"):
            dsdm.verify(out)
        told = [{"name": "tokens.json", "bytes": len(text), "crc32": crc32(text)}]
        (out / "dsdm.json").write_text(sealed({**manifest, "files": told}))
        if field == "dtype":
            with pytest.raises(errors.FormatError, match=r"dtype is \[5\], and by dsdm\.json"):
                dsdm.verify(out)
        else:
            assert dsdm.verify(out).format == "tokens"


# --- what a run makes of a plan and a journal ---


@pytest.fixture
def resumed(here, memory_path):
    """Give a function that changes what a killed run left, and tells how many shards the same call kept."""
    # What is left names the corpus by its absolute path: the call finds it from here.
    out = memory_path / "out"
    staging = memory_path / ".out.dsdm-unfinished"

    def resume(change):
        for left in (out, staging):
            shutil.rmtree(left, ignore_errors=True)
        shutil.copytree(here / "left" / "arrow" / ".out.dsdm-unfinished", staging)
        change(staging)
        scores = dsdm.open_scores("scores.npy")
        return write(str(out), row_ids="row", scores={"quality": scores}).kept

    assert resume(lambda _: None) == 9
    return resume


@pytest.fixture
def plan(here):
    return json.loads((here / "left" / "arrow" / ".out.dsdm-unfinished" / "plan.json").read_text())


def outcome(resume, plan):
    try:
        return resume(lambda staging: (staging / "plan.json").write_text(json.dumps(plan)))
    except errors.ResumeMismatchError:
        return "another"


def test_a_plan_that_the_schema_refuses_is_not_continued(resumed, plan):
    tried = 0
    for place in places(plan, most=2):
        wrong = (mutant for mutant in mutants(plan, place) if refused_by("plan", mutant))
        for mutant in islice(wrong, 2):
            expected = "another" if place[0] == "fields" and len(place) > 1 else 0
            assert outcome(resumed, mutant) == expected, place
            tried += 1
    assert tried > 60


def test_what_a_plan_may_differ_in(resumed, plan):
    fields = plan["fields"]
    for other in (
        {**plan, "shards": 5},
        {**plan, "unknown": 1},
        {**plan, "fields": dict(reversed(fields.items()))},
        {**plan, "fields": {**fields, "chosen": {"by": "another"}}},
    ):
        assert refused_by("plan", other) == set()
        assert outcome(resumed, other) == 9
    not_a_mapping = {**plan, "fields": {**fields, "chosen": 5}}
    assert refused_by("plan", not_a_mapping)
    assert outcome(resumed, not_a_mapping) == 9
    assert outcome(resumed, {**plan, "resumable": False}) == 0
    unknown = {**plan, "fields": {**fields, "unknown": 1}}
    assert refused_by("plan", unknown)
    assert outcome(resumed, unknown) == "another"
    newer = {**plan, "fields": {**fields, "dsdm": "0.1.0"}}
    assert refused_by("plan", newer) == set()
    assert outcome(resumed, newer) == "another"


def with_line(number, entry):
    """Change one line of the journal, with the checksum that it should have."""

    def change(staging):
        told = (staging / "journal").read_text().splitlines(keepends=True)
        told[number] = line(entry)
        (staging / "journal").write_text("".join(told))

    return change


@pytest.fixture
def entry(here):
    """Give the fourth entry of a journal, with facts."""
    found = entries(here / "left" / "arrow" / ".out.dsdm-unfinished" / "journal")[3]
    return {"done": {**found["done"], "facts": {"unknown": 1}}}


def test_a_line_that_the_schema_refuses_says_nothing(resumed, entry):
    assert refused_by("journal", entry) == set()
    assert resumed(with_line(3, entry)) == 9
    tried = 0
    for place in places(entry):
        wrong = (mutant for mutant in mutants(entry, place) if refused_by("journal", mutant))
        for mutant in islice(wrong, 3):
            assert resumed(with_line(3, mutant)) == 8, (place, mutant)
            tried += 1
    assert tried > 20


def test_what_lines_of_a_journal_may_say(resumed, entry):
    done = entry["done"]
    (file,) = done["files"]
    capitals = {**file, "crc32": file["crc32"].upper()}
    for told, valid, kept in (
        ({"done": {**done, "unknown": 1}}, True, 9),
        ({"done": {**done, "files": [{**file, "unknown": 1}]}}, True, 9),
        ({"done": {**done, "files": [capitals]}}, capitals == file, 8 + (capitals == file)),
        ({"done": {**done, "facts": {"embedded": 1}}}, True, 8),
        ({**entry, "unknown": 1}, False, 8),
        ({"unknown": done}, False, 8),
        ({"complete": [1, 2]}, True, 0),
        ({"complete": [1, 2, 3]}, False, 8),
        ({"replaces": [1, 2]}, True, 8),
        ({"replaces": [1]}, False, 8),
    ):
        assert (refused_by("journal", told) == set()) is valid, told
        assert resumed(with_line(3, told)) == kept, told
    spelled = re.sub(r'"shard":\d+', r"\g<0>.0", compact(entry))
    assert refused_by("journal", json.loads(spelled)) == set()
    assert resumed(with_line(3, spelled)) == 8
    for more, by_schema in (({"shard": 99}, True), ({"rows": 7}, True), ({"files": []}, False)):
        told = {"done": {**done, **more}}
        assert (refused_by("journal", told) == set()) is by_schema
        assert resumed(with_line(3, told)) == 8


def test_torn_and_foreign_lines_are_read_as_told(resumed):
    def rewritten(change):
        return lambda staging: (staging / "journal").write_bytes(change((staging / "journal").read_bytes()))

    assert resumed(rewritten(lambda whole: whole[:-1])) == 8
    assert resumed(rewritten(lambda whole: whole.replace(b"\n", b"\r\n"))) == 0
    assert resumed(rewritten(lambda whole: b"?" + whole[1:])) == 8
    assert resumed(rewritten(lambda whole: whole + whole[:100])) == 9
    assert resumed(lambda staging: (staging / "plan.json").write_text("{")) == 0
    assert resumed(lambda staging: (staging / "journal").unlink()) == 0
    assert resumed(lambda staging: os.truncate(next((staging / "output").glob("*00002-*")), 5)) == 8
