"""`dsdm demo`."""

import datasets
import numpy as np
import pytest

from dsdm import demo as module
from dsdm import reference


def test_every_method_and_target_gives_a_dataset(demo):
    folder = demo / "demo"
    names = {"-".join(filter(None, pair)) for pair in every_pair()}
    assert {path.name for path in (folder / "subsets").iterdir()} == names
    for name in names:
        subset = datasets.load_from_disk(str(folder / "subsets" / name))
        assert subset.num_rows == 40
        assert set(map(len, subset["input_ids"][:])) == {1024}
    assert {str(path.relative_to(folder / "data")) for path in (folder / "data").rglob("*.pt")} == set(
        reference.reference_files()
    )


def every_pair():
    return [(method, target) for method in reference.METHODS for target in reference.targets_of(method) or (None,)]


def test_a_second_run_replaces_the_first(tmp_path, capsys):
    module.run(tmp_path, 200)
    module.run(tmp_path, 210)
    assert "21 of 210 rows" in capsys.readouterr().out
    assert len(list((tmp_path / "corpus" / "data").iterdir())) == 4


def test_a_folder_with_other_content_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(FileExistsError, match=r"content that no demonstration made"):
        module.run(tmp_path, 200)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_wrong_result_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(module.dsdm, "get_indices", lambda _, k, *__, **___: np.arange(k), raising=False)
    with pytest.raises(module.WrongError, match="dsdm jeopardy: the result differs"):
        module.run(tmp_path, 200)


def test_the_scores_mean_something(demo):
    """The best rows for a target share more of its rare words than rows do in the mean."""
    from dsdm.demo.corpus import make_rows, text_of
    from dsdm.demo.scores import word_counts
    from dsdm.demo.texts import TARGET_TEXTS

    rows = make_rows(400)
    counts = np.stack([word_counts(text_of(row)) for row in rows])
    common = counts.sum(axis=0) > np.sort(counts.sum(axis=0))[-100]
    for method in ("dsdm", "classifier"):
        for target in reference.targets_of(method):
            goal = (word_counts(TARGET_TEXTS[target]) > 0) & ~common
            shared = counts[:, goal].sum(axis=1)
            best = module.dsdm.get_indices(method, 40, target, data_dir=demo / "demo" / "data")
            assert shared[best].mean() > shared.mean()
