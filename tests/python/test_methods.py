"""The five methods against the reference code's own answers."""

from pathlib import Path

import numpy as np
import pytest

import dsdm
from dsdm import reference, selections
from dsdm.demo.torch_file import write_tensor
from dsdm.selection.methods import method_scores

ROWS = 5003
GOLDEN = dict(np.load(Path(__file__).parents[1] / "fixtures" / "upstream-mini" / "golden.npz"))
COMBINATIONS = [(method, target) for method in reference.TARGETED_METHODS for target in reference.targets_of(method)]


def cases(*methods):
    return [case for case in every_case() if case.values[0] in methods]


def seeded(method, seed):
    """A seed, for methods that have a use for it."""
    return {} if "seed" in reference.UNUSED[method] else {"seed": seed}


def every_case():
    for name, golden in GOLDEN.items():
        method, target, k = name.split("/")
        yield pytest.param(method, target, int(k), golden, id=name)


@pytest.mark.parametrize(("method", "target", "k", "golden"), cases("dsdm", "classifier"))
def test_the_drop_in_gives_the_references_answer(method, target, k, golden, upstream_mini):
    found = selections.get_indices(method, k, target, data_dir=upstream_mini)
    assert found == golden.tolist()
    assert all(type(row) is int for row in found)
    direct = selections.TARGETED_METHODS[method](target, k, data_dir=upstream_mini)
    assert direct.dtype == np.int64
    assert direct.tolist() == golden.tolist()


@pytest.mark.parametrize(("method", "target", "k", "golden"), cases("dsir-numpy-seed42"))
def test_dsir_with_numpys_noise_gives_the_references_answer(method, target, k, golden, upstream_mini):
    del method
    found = dsdm.get_indices("dsir", k, target, data_dir=upstream_mini, noise="numpy", seed=42)
    np.testing.assert_array_equal(found, golden)
    scores = dsdm.open_scores(upstream_mini / "dsir" / f"{target}.pt")
    np.testing.assert_array_equal(dsdm.gumbel_top_k(scores, k, noise="numpy", seed=42), golden)


@pytest.mark.parametrize(("method", "target"), COMBINATIONS)
def test_best_first_everywhere_and_the_other_orders_are_of_the_same_rows(method, target, upstream_mini):
    options = {"data_dir": upstream_mini, **seeded(method, 3)}
    best = dsdm.get_indices(method, 100, target, **options)
    assert best.dtype == np.int64
    np.testing.assert_array_equal(dsdm.get_indices(method, 100, target, order="best_last", **options), best[::-1])
    np.testing.assert_array_equal(dsdm.get_indices(method, 100, target, order="row", **options), np.sort(best))
    np.testing.assert_array_equal(dsdm.get_indices(method, 10, target, **options), best[:10])


@pytest.mark.parametrize(("method", "target"), COMBINATIONS)
def test_all_rows_and_none_can_be_asked_for_and_no_more(method, target, upstream_mini):
    everything = selections.get_indices(method, ROWS, target, data_dir=upstream_mini)
    assert sorted(everything) == list(range(ROWS))
    assert selections.get_indices(method, 0, target, data_dir=upstream_mini) == []
    for k in (ROWS + 1, -1):
        with pytest.raises(ValueError, match=number(k)) as error:
            dsdm.get_indices(method, k, target, data_dir=upstream_mini)
        assert number_in(ROWS, str(error.value)) or k < 0


def number(value):
    return rf"{value:,}|{value}"


def number_in(value, text):
    return str(value) in text or f"{value:,}" in text


@pytest.mark.parametrize(("method", "target"), COMBINATIONS)
def test_a_prefix_of_the_rows_is_chosen_from_alone(method, target, upstream_mini):
    whole = np.asarray(method_scores(method, target, data_dir=upstream_mini))
    found = dsdm.get_indices(
        method, 200, target, data_dir=upstream_mini, rows=1000, noise=numpys(method), **seeded(method, 5)
    )
    keys = whole[:1000].astype(np.float64)
    if method == "dsir":
        keys += np.random.default_rng(5).gumbel(size=1000)
    np.testing.assert_array_equal(found, np.argsort(-keys, kind="stable")[:200])
    with pytest.raises(ValueError, match=r"rows is 5,004 and .*\.pt has 5,003 scores"):
        dsdm.get_indices(method, 1, target, data_dir=upstream_mini, rows=5004)


def numpys(method):
    return "numpy" if method == "dsir" else None


@pytest.mark.parametrize(("method", "target"), COMBINATIONS)
def test_excluded_rows_are_not_chosen(method, target, upstream_mini):
    options = {"data_dir": upstream_mini, **seeded(method, 9)}
    best = dsdm.get_indices(method, 50, target, **options)
    rest = dsdm.get_indices(method, 50, target, exclude=best, **options)
    assert np.intersect1d(best, rest).size == 0
    np.testing.assert_array_equal(dsdm.get_indices(method, 100, target, **options)[50:], rest)


def test_a_mix_is_the_float32_mean_of_its_parts(upstream_mini):
    parts = [np.asarray(dsdm.open_scores(upstream_mini / path)) for path in reference.files_of("dsdm", "lm_task_mix")]
    mixed = method_scores("dsdm", "lm_task_mix", data_dir=upstream_mini)
    expected = (parts[0] + parts[1] + parts[2]) / np.float32(3)
    assert np.asarray(mixed).dtype == np.float32
    assert np.asarray(mixed).tobytes() == expected.tobytes()


def test_random_draws_from_the_references_population():
    found = selections.random_select(1000, seed=1)
    assert found.dtype == np.int64
    assert len(np.unique(found)) == 1000
    assert found.min() >= 0
    assert 200_000_000 < found.max() < reference.DATASET_SIZE
    again = selections.get_indices("random", 10, seed=1)
    assert again == found[:10].tolist()
    assert all(type(row) is int for row in again)
    assert sorted(selections.random_select(50, rows=50).tolist()) == list(range(50))
    with pytest.raises(ValueError, match="51"):
        selections.random_select(51, rows=50)
    assert dsdm.get_indices("random", 40, rows=50, order="row").tolist() == sorted(
        dsdm.get_indices("random", 40, rows=50, seed=dsdm.last_seed()).tolist()
    )


def test_semdedup_draws_from_the_ids_in_its_file(upstream_mini):
    kept = np.asarray(dsdm.open_scores(upstream_mini / "sdd.pt"))
    found = selections.semdedup_select(500, data_dir=upstream_mini, seed=1)
    assert found.dtype == np.int64
    assert len(np.unique(found)) == 500
    assert np.isin(found, kept).all()
    everything = selections.semdedup_select(len(kept), data_dir=upstream_mini)
    np.testing.assert_array_equal(np.sort(everything), np.sort(kept))
    early = dsdm.get_indices("semdedup", int((kept < 1000).sum()), data_dir=upstream_mini, rows=1000)
    np.testing.assert_array_equal(np.sort(early), np.sort(kept[kept < 1000]))
    without = dsdm.get_indices("semdedup", len(kept) - 500, data_dir=upstream_mini, exclude=found)
    assert np.intersect1d(without, found).size == 0
    flags = np.zeros(ROWS, dtype=bool)
    flags[found] = True
    again = dsdm.get_indices("semdedup", len(kept) - 500, data_dir=upstream_mini, exclude=flags, seed=dsdm.last_seed())
    np.testing.assert_array_equal(again, without)
    with pytest.raises(ValueError, match=number(len(kept))):
        dsdm.get_indices("semdedup", len(kept) + 1, data_dir=upstream_mini)
    with pytest.raises(ValueError, match=r"exclude has 3 booleans and row ids reach"):
        dsdm.get_indices("semdedup", 1, data_dir=upstream_mini, exclude=[True, False, True])


def test_semdedup_ids_that_are_no_rows_are_refused(tmp_path):
    write_tensor(tmp_path / "sdd.pt", np.array([1, 2, -3]))
    with pytest.raises(ValueError, match=r"sdd\.pt\[2\] is -3, which is no row number"):
        dsdm.get_indices("semdedup", 1, data_dir=tmp_path)
    write_tensor(tmp_path / "sdd.pt", np.float32([1, 2, 3]))
    with pytest.raises(ValueError, match="it holds float32 values; row ids are whole numbers"):
        dsdm.get_indices("semdedup", 1, data_dir=tmp_path)


def test_an_unseeded_draw_tells_its_seed(upstream_mini):
    first = dsdm.get_indices("dsir", 100, "squad", data_dir=upstream_mini)
    seed = dsdm.last_seed()
    second = dsdm.get_indices("dsir", 100, "squad", data_dir=upstream_mini)
    assert first.tolist() != second.tolist()
    np.testing.assert_array_equal(dsdm.get_indices("dsir", 100, "squad", data_dir=upstream_mini, seed=seed), first)


@pytest.mark.parametrize("method", ["dsdm", "classifier", "random", "semdedup"])
def test_options_of_drawing_by_score_are_refused_elsewhere(method, upstream_mini):
    target = "squad" if method in reference.TARGETED_METHODS else None
    for option in ({"temperature": 0.5}, {"noise": "numpy"}):
        place = {} if method == "random" else {"data_dir": upstream_mini}
        with pytest.raises(ValueError, match=rf"{next(iter(option))} is .* the method '{method}' has no use for it"):
            dsdm.get_indices(method, 1, target, **place, **option)


@pytest.mark.parametrize("method", reference.TARGETED_METHODS)
def test_a_nan_is_named_with_its_row(method, upstream_mini, tmp_path):
    from dsdm.demo.torch_file import write_tensor

    scores = np.array(dsdm.open_scores(upstream_mini / method / "squad.pt"))
    scores[[1234, 2345]] = np.nan
    (tmp_path / method).mkdir()
    write_tensor(tmp_path / method / "squad.pt", scores)
    with pytest.raises(ValueError, match=r"(?i)nan") as error:
        dsdm.get_indices(method, 10, "squad", data_dir=tmp_path)
    assert "1234" in str(error.value) or "1,234" in str(error.value)
    found = dsdm.get_indices(method, ROWS - 2, "squad", data_dir=tmp_path, nan="omit")
    assert not {1234, 2345} & set(found.tolist())


def test_the_scores_of_a_method_are_those_it_chooses_by(upstream_mini):
    for method, target in (("dsdm", "squad"), ("dsdm", "lm_task_mix"), ("classifier", "squad"), ("dsir", "squad")):
        scores = dsdm.method_scores(method, target, data_dir=upstream_mini)
        options = {"gumbel": True, "seed": 3} if method == "dsir" else {}
        seed = {"seed": 3} if method == "dsir" else {}
        expected = dsdm.get_indices(method, 20, target, data_dir=upstream_mini, **seed)
        assert dsdm.choose(scores, k=20, **options).indices.tolist() == expected.tolist()
        assert len(dsdm.method_scores(method, target, data_dir=upstream_mini, rows=30)) == 30
    for method in ("random", "semdedup"):
        with pytest.raises(ValueError, match=f"method is '{method}', which has no scores"):
            dsdm.method_scores(method, data_dir=upstream_mini)
    with pytest.raises(ValueError, match="target"):
        dsdm.method_scores("dsdm", data_dir=upstream_mini)
