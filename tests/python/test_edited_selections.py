"""The JSON file beside a saved selection, edited: what no selection has is refused by its field as it is read."""

import copy
import json

import numpy as np
import pytest

import dsdm
from dsdm.errors import FormatError

REFUSED = [
    *[(("cut", "dtype"), value) for value in ([], {}, None, 1, "O", "M8[s]", "U3", "x")],
    *[(("cut", "score"), value) for value in ([], [1], {}, None, 1, 0.5, "x")],
    *[(("cut", name), value) for name in ("tied", "taken") for value in (None, -1, 0.5, True, "3", [], 2**63)],
    *[(("of",), value) for value in (None, -1, 0.5, True, "3", 2**63)],
    *[(("seed",), value) for value in (-1, 0.5, "3", [])],
    *[(("tokens",), value) for value in (-1, 0.5, 2**63)],
    *[(("largest",), value) for value in (None, 1, "x")],
    *[(("files", "scores"), value) for value in (5, True, None, [None], [""], ["\ud800"], ["a\0"], [[]], "", {})],
    *[(("files", "by"), value) for value in (None, 5, [], "")],
    *[(("files", "score_files"), value) for value in ([None], [{"path": ""}], [{}], 5)],
    *[((name,), float("nan")) for name in ("of", "words", "seed", "cut")],
    (("files", "scores"), [float("inf")]),
]


@pytest.mark.parametrize(("way", "value"), REFUSED, ids=repr)
def test_what_no_selection_has_is_refused(tmp_path, way, value):
    np.save(tmp_path / "scores.npy", np.arange(40, dtype=np.float32))
    place, beside = tmp_path / "rows.npy", tmp_path / "rows.npy.json"
    chosen = dsdm.choose(dsdm.open_scores(tmp_path / "scores.npy"), k=5)
    chosen.save(place)
    assert dsdm.Selection.load(place) == chosen
    changed = copy.deepcopy(json.loads(beside.read_text()))
    inside = changed
    for name in way[:-1]:
        inside = inside[name]
    assert way[-1] in inside
    inside[way[-1]] = value
    beside.write_text(json.dumps(changed))
    with pytest.raises(FormatError, match=r"rows\.npy\.json: "):
        dsdm.Selection.load(place)
