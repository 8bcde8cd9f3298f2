"""How often each rule of `choose`, and a report, read the scores: counted by the bytes that the process reads."""

from pathlib import Path

import numpy as np
import pytest

import dsdm

N = 1 << 22
RULES = {
    "the best": ({"k": 1000}, 2),
    "a share": ({"fraction": 0.001}, 3),
    "a threshold": ({"min_score": 2, "order": "row"}, 1),
    "the nearest": ({"k": 1000, "near": 0.5}, 2),
    "a share of the nearest": ({"fraction": 0.001, "near": 0.5}, 3),
    "between quantiles": ({"quantile": (0.25, 0.75), "order": "row"}, 2),
    "the best between quantiles": ({"quantile": (0.1, 0.999), "k": 1000}, 3),
    "the nearest between quantiles": ({"quantile": (0.1, 0.999), "k": 1000, "near": 0.5}, 3),
}
SAMPLES = 0.2
"""What the samples of all passes may take, in passes."""


@pytest.fixture(scope="module", params=["float32", "int64"])
def scores(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("passes") / "scores.npy"
    values = np.random.default_rng(0).standard_normal(N)
    # Of integers, many are equal.
    np.save(path, (values if request.param == "float32" else values * 2).astype(request.param))
    return dsdm.open_scores(path, io="pread")


def bytes_read():
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["rchar"])


@pytest.mark.filterwarnings("ignore:.* of the .* chosen rows have the score")
@pytest.mark.parametrize("rule", RULES)
def test_no_rule_reads_the_scores_more_than_three_times(scores, rule):
    options, passes = RULES[rule]
    before = bytes_read()
    chosen = dsdm.choose(scores, **options)
    read = (bytes_read() - before) / (N * scores.dtype.itemsize)
    assert len(chosen) > 0
    assert passes <= read < passes + SAMPLES


@pytest.mark.filterwarnings("ignore:.* of the .* chosen rows have the score")
@pytest.mark.parametrize("order", ["best_first", "best_last"])
def test_ties_of_groups_are_counted_only_where_many_rows_lie_at_a_cut(scores, order):
    groups, many = np.arange(N) % 4, scores.dtype.kind == "i"
    before = bytes_read()
    chosen = dsdm.choose(scores, groups=groups, per_group=1000, order=order)
    read = (bytes_read() - before) / (N * scores.dtype.itemsize)
    # Of each group a row, or some hundred equal integers.
    values = [np.asarray(scores)[chosen.indices[chosen.indices % 4 == group]] for group in range(4)]
    assert (sum(int((of == of.min()).sum()) for of in values) * 10 > len(chosen)) == many
    passes = 3 if many else 2
    assert passes <= read < passes + SAMPLES


@pytest.mark.filterwarnings("ignore:.* of the .* chosen rows have the score")
def test_a_report_reads_the_scores_three_times_and_once_more_for_the_cut(scores):
    computed = scores * 2  # which are in no file, so that they are not chosen again
    chosen = dsdm.choose(computed, k=1000)
    before = bytes_read()
    facts = dsdm.report(chosen, scores=computed, examples=0).selections[0]
    read = (bytes_read() - before) / (N * scores.dtype.itemsize)
    assert sum(facts.scores.histogram.chosen) == 1000
    assert facts.cut.score == chosen.cut.score
    assert 4 <= read < 4 + SAMPLES
