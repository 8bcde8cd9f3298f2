"""What is told of a selection: what can never be chosen again is refused, and what is of one's own is kept."""

import pytest

import dsdm
from tests.corpora import counted
from tests.corpora.counted import ROWS, by_scores, calls, manifest, saved

_among_its_files = pytest.fixture(counted._among_its_files, autouse=True)
corpus = pytest.fixture(counted.corpus)

TOP = {"by": "top_k", "scores": "s.npy", "arguments": {"k": 3}}
DRAWN = {"by": "gumbel_top_k", "scores": "s.npy", "arguments": {"k": 3, "seed": 1}}
METHOD = {"by": "get_indices", "arguments": {"method": "random", "k": 3, "seed": 1, "rows": ROWS}}


def changed(told, **more):
    arguments = {**told["arguments"], **more}
    return {**told, "arguments": {name: value for name, value in arguments.items() if value != "left out"}}


NEVER = [
    ({**TOP, "by": "topk"}, "'by' is 'topk'; it is one of 'get_indices', 'top_k', 'gumbel_top_k'"),
    ({"by": "Top-K"}, "'by' is 'Top-K'"),
    ({"arguments": {}}, "'by' is None"),
    ({"by": "top_k"}, "'arguments' is None; a mapping"),
    ({**TOP, "arguments": [3]}, r"'arguments' is \[3\]; a mapping"),
    (changed(TOP, k="left out"), "'arguments' has no 'k'"),
    (changed(TOP, kk=3), "'arguments' has 'kk'; it may have 'k', 'largest', 'order'"),
    (changed(TOP, seed=3), "'arguments' has 'seed'; it may have"),
    (changed(TOP, k=-1), "'arguments' has 'k', of which: k is -1"),
    (changed(TOP, k="3"), "'arguments' has 'k', of which: k is '3'"),
    (changed(TOP, order=None), "'arguments' has 'order', of which: order is None"),
    (changed(TOP, nan="no"), "'arguments' has 'nan', of which"),
    (changed(TOP, largest=1), "'arguments' has 'largest', of which"),
    (changed(DRAWN, seed="left out"), "'arguments' has no 'seed'.*last_seed"),
    (changed(DRAWN, seed=None), "'arguments' has no 'seed'"),
    (changed(DRAWN, temperature=0), "'arguments' has 'temperature', of which"),
    (changed(DRAWN, rng="x"), "'arguments' has 'rng', of which"),
    (changed(DRAWN, noise="x"), "'arguments' has 'noise', of which"),
    (changed(DRAWN, rng="numpy", noise="numpy"), "'arguments' has 'noise' and 'rng', which is the same"),
    (changed(DRAWN, return_seed=True), "'arguments' has 'return_seed'; it may have"),
    (changed(TOP, rng="numpy"), "'arguments' has 'rng'; it may have"),
    ({"by": "top_k", "arguments": {"k": 3}}, "'scores' is None; the path of the score file"),
    ({**TOP, "scores": []}, r"'scores' is \[\]"),
    ({**TOP, "scores": [3]}, r"'scores' is \[3\]"),
    ({**TOP, "reading": {"colum": "x"}}, "'reading' has 'colum'; it may have 'key', 'column'"),
    ({**TOP, "rows": "all"}, "'rows' is wrong: rows is 'all'"),
    ({**TOP, "exclude": [1]}, "'exclude' is a list; the path of a .npy file"),
    ({**TOP, "exlude": "no.npy"}, "'exlude' is no field; 'exclude' is one"),
    (changed(METHOD, method="left out"), "'arguments' has no 'method'"),
    (changed(METHOD, method="ranodm"), "'arguments' has 'method', of which"),
    (changed(METHOD, target="squad"), "the method 'random' takes no target"),
    (changed(METHOD, seed="left out"), "'arguments' has no 'seed'"),
    (changed(METHOD, rng="numpy"), "noise is 'numpy', and the method 'random' has no use"),
    (changed(METHOD, rows=-1), "'arguments' has 'rows', of which"),
]


@pytest.mark.parametrize(("told", "message"), NEVER, ids=[message[:40] for _, message in NEVER])
def test_what_can_never_be_chosen_again_is_refused_and_found_in_older_manifests(
    tmp_path, monkeypatch, corpus, told, message
):
    monkeypatch.chdir(tmp_path)
    saved("s.npy", ROWS)
    for call in calls(corpus, "out", selection=told):
        with pytest.raises(ValueError, match=message):
            call()
    assert not (tmp_path / "out").exists()
    # A manifest of before that was looked at.
    monkeypatch.setattr("dsdm.rows.request.with_files", lambda selection, rows, *_: {**selection, "source_rows": rows})
    monkeypatch.setattr("dsdm.rows.request.check_count", lambda *_: None)
    monkeypatch.setattr("dsdm.rows.output.described.check_positions", lambda *_: None)
    dsdm.materialize(corpus, [0, 1, 2], "out", selection=told)
    found = dsdm.verify("out")
    assert not found.selection
    known = told.get("by") in {"top_k", "gumbel_top_k", "get_indices"}
    assert ("cannot be done again: selection=: " if known else "does not tell how") in found.reason


def test_what_is_told_of_ones_own_is_kept(tmp_path, corpus):
    own = ({"by": "hand"}, {"note": 3, "score_files": "x"}, {**by_scores("/gone.npy"), "why": 1})
    for number, told in enumerate(own):
        dsdm.materialize(corpus, [0, 1, 2], tmp_path / str(number), selection=told)
        kept = manifest(tmp_path / str(number))["selection"]["chosen"]
        # The place of a file to which no folder but the root leads is not told.
        assert kept.items() >= ({**told, "scores": ["gone.npy"]} if "why" in told else told).items()
        assert not dsdm.verify(tmp_path / str(number)).selection
    saved(tmp_path / "s.npy", ROWS)
    told = changed({**TOP, "scores": str(tmp_path / "s.npy")}, exclude=[99])
    dsdm.materialize(corpus, [98, 97, 96], tmp_path / "excluded", selection=told)
    assert dsdm.verify(tmp_path / "excluded").selection
