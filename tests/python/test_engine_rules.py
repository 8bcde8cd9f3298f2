"""Bounds of scores and quotas of groups, as the extension has them, against programs that go through all rows."""

import numpy as np

from dsdm import _native

N, GROUPS = 100_000, 40
GENERATOR = np.random.default_rng(0)
SCORES = GENERATOR.integers(0, 500, N).astype(np.float32) / 7
SCORES[::977] = np.nan
OF_ROWS = GENERATOR.integers(0, GROUPS, N).astype(np.uint32)
ENGINE = (SCORES.view(np.uint8), "float32")
BETWEEN = ("best_first", "omit", None, (10, 50.5))
LARGEST = True
VALID = (SCORES >= 10) & (SCORES <= 50.5)
RANKED = np.flatnonzero(VALID)[np.argsort(-SCORES[VALID], kind="stable")]


def test_rows_between_bounds():
    assert _native.count_between(ENGINE, BETWEEN, None) == VALID.sum()
    assert _native.top_k(ENGINE, 1000, LARGEST, BETWEEN, None).tolist() == RANKED[:1000].tolist()
    for largest, worst in ((True, SCORES[VALID].min()), (False, SCORES[VALID].max())):
        rows, (first, tied) = _native.rows_between(ENGINE, largest, BETWEEN, 2)
        assert rows.tolist() == np.flatnonzero(VALID).tolist()
        same = np.flatnonzero(VALID & np.equal(SCORES, worst))
        assert (first, tied) == (same[0], len(same))
    none, worst = _native.rows_between(ENGINE, LARGEST, ("row", "omit", None, (1000, 2000)), None)
    assert (len(none), worst) == (0, None)
    drawn = _native.gumbel_top_k(ENGINE, 1000, (1 << 90, 12345), 1.0, BETWEEN, None)
    assert VALID[drawn].all()
    assert len(set(drawn.tolist())) == 1000


def test_quotas_of_groups():
    groups = (OF_ROWS, GROUPS)
    counts = _native.count_of_groups(ENGINE, LARGEST, groups, BETWEEN, None)
    assert counts.tolist() == np.bincount(OF_ROWS[VALID], minlength=GROUPS).tolist()
    left, expected = (counts // 3).tolist(), []
    for row in RANKED:
        if left[OF_ROWS[row]] > 0:
            left[OF_ROWS[row]] -= 1
            expected.append(row)
    quotas = counts // 3
    assert _native.best_of_groups(ENGINE, LARGEST, groups, quotas, BETWEEN, None).tolist() == expected
    drawn = _native.best_of_groups(ENGINE, (5, 1.0), groups, quotas, BETWEEN, None)
    assert np.bincount(OF_ROWS[drawn], minlength=GROUPS).tolist() == quotas.tolist()
    assert VALID[drawn].all()
