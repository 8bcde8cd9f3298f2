"""The charts of the benchmark: what is drawn of a job, read out of the picture."""

import json
import re
import xml.etree.ElementTree as ET

import pytest

from dsdm_bench.harness import machine, plot
from dsdm_bench.harness.report import Report
from dsdm_bench.harness.results import JobResult, Measured, Unit

SVG = "{http://www.w3.org/2000/svg}"


def a_job(*systems, title="top_k, k = 100,000"):
    return JobResult("top-k", title, 10, 3, Unit("numpy.max", 0.5, 40), "dsdm", systems)


def measured(system, seconds, **more):
    return Measured(system=system, library=system.split()[0].rstrip(","), seconds=seconds, **more)


SYSTEMS = [
    measured("dsdm", 0.5),
    measured("dsdm, opening the file", 0.7),
    measured("numpy filter", 2.0),
    measured("polars filter, in two steps", 0.25),
    measured("reference argsort, numpy for torch", 60.0),
    measured("duckdb limit", None, problem="failed: MemoryError"),
]
LIBRARIES = {one.library for one in SYSTEMS}


def elements(path, name):
    return list(ET.parse(path).iter(f"{SVG}{name}"))  # noqa: S314 - drawn here


def test_systems_are_sorted_by_seconds_with_two_words_and_their_ratio(tmp_path):
    made = plot.plot(tmp_path / "chart.svg", [a_job(*SYSTEMS)], "10 scores, 2 threads, a processor")
    assert [path.name for path in made] == ["chart-top-k-100k.svg", "chart-top-k-100k-dark.svg"]
    for path in made:
        told = [text.text for text in elements(path, "text")]
        labels = [text for text in told if text.split()[0] in LIBRARIES]
        assert labels == ["polars filter", "dsdm", "numpy filter", "reference argsort"]
        assert [text for text in told if text.endswith((" ms", " x"))] == [
            *("250 ms, 0.5 x", "500 ms", "2 s, 4.0 x", "60 s, 120 x"),
        ]
        assert {"seconds; 10 scores, 2 threads, a processor", "top_k, k = 100,000"} <= set(told)


def test_a_chart_is_of_one_size_small_and_the_same_for_the_same_times(tmp_path):
    light, dark = plot.plot(tmp_path / "chart.svg", [a_job(*SYSTEMS)], "somewhere")
    (root,) = elements(light, "svg")
    points = [float(root.get(side).removesuffix("pt")) for side in ("width", "height")]
    assert points == pytest.approx([830 * 0.75, 300 * 0.75])
    assert light.stat().st_size < 30_000
    inks = [re.findall("#24292f|#e6edf3", path.read_text()) for path in (light, dark)]
    assert [set(found) for found in inks] == [{"#24292f"}, {"#e6edf3"}]
    assert len(inks[0]) == len(inks[1])
    before = light.read_bytes()
    plot.plot(tmp_path / "chart.svg", [a_job(*SYSTEMS)], "somewhere")
    assert light.read_bytes() == before


def test_bars_are_as_long_as_their_seconds(tmp_path):
    light, _ = plot.plot(tmp_path / "chart.svg", [a_job(*SYSTEMS)], "somewhere")
    lengths = []
    for path in elements(light, "path"):
        if any(colour in (path.get("style") or "") for colour in ("#d1495b", "#8b95a5")):
            ends = [float(word) for word in path.get("d").split() if word not in {"M", "L", "z"}]
            lengths.append(max(ends[::2]) - min(ends[::2]))
    assert [length / lengths[1] for length in lengths] == pytest.approx([0.5, 1, 4, 120], rel=1e-3)


def test_a_job_without_dsdm_is_not_drawn(tmp_path):
    jobs = [a_job(measured("numpy filter", 1.0)), a_job(measured("dsdm", 1.0), title="sample, k = 7")]
    made = plot.plot(tmp_path / "c.png", jobs, "somewhere")
    assert [path.name for path in made] == ["c-sample-7.png", "c-sample-7-dark.png"]
    with pytest.raises(ValueError, match=r"c.png: no job that was run has times to draw"):
        plot.plot(tmp_path / "c.png", jobs[:1], "somewhere")


@pytest.mark.parametrize(("profile", "warned"), [("release", False), ("demo", True), ("dev", True), ("unknown", True)])
def test_what_was_measured_with_another_build_than_a_release_says_so_everywhere(tmp_path, capsys, profile, warned):
    warning = f"dsdm was compiled by the profile {profile}, which is slower than release"
    report = Report(tmp_path / "report.json", tmp_path / "chart.svg")
    report.begin("1.0", [], machine.describe(2, tmp_path, profile), "how")
    report.add(a_job(*SYSTEMS), "the table")
    report.end("10 scores")
    said = capsys.readouterr()
    assert (f"WARNING: {warning};" in said.err, f"WARNING: {warning}\n" in said.out) == (warned, warned)
    told = [text.text for text in elements(tmp_path / "chart-top-k-100k.svg", "text")]
    assert [text for text in told if "10 scores" in text] == [f"seconds; 10 scores{f'; {warning}' if warned else ''}"]
    assert json.loads((tmp_path / "report.json").read_text())["machine"]["profile"] == profile
