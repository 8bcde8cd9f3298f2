"""The drop-in has every public name of the reference's modules, with its signature."""

import inspect
import sys

import pytest

from dsdm import reference, selections, utils

SIGNATURES = {
    "dsdm_select": ["target_task", "selection_size"],
    "classifier_select": ["target_task", "selection_size"],
    "dsir_select": ["target_task", "selection_size"],
    "random_select": ["selection_size"],
    "semdedup_select": ["selection_size"],
    "get_indices": ["method", "selection_size", "target_task"],
    "dataset_select": ["method", "selection_size", "target_task"],
    "get_candidate_dataset": [],
    "process_path": ["path"],
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_positional_parameters_are_the_references(name):
    parameters = inspect.signature(getattr(selections, name)).parameters.values()
    assert [parameter.name for parameter in parameters if parameter.kind is not parameter.KEYWORD_ONLY] == (
        SIGNATURES[name]
    )
    added = [parameter.default for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    assert all(default in {None, False, "mmap"} for default in added), "what is not given changes nothing"


def test_constants_are_the_references():
    assert selections.DATASET_SIZE == 216948746
    assert selections.TARGETS == ["jeopardy", "squad", "lambada", "cs_algorithms", "lm_task_mix", "gpt3_mix"]
    assert tuple(selections.TARGETS) == reference.TARGETS
    assert [selections.jeopardy, selections.squad, selections.lambada] == selections.TARGETS[:3]
    assert [selections.cs_alg, selections.lm_combo, selections.gpt3_combo] == selections.TARGETS[3:]
    assert {
        "dsdm": selections.dsdm_select,
        "classifier": selections.classifier_select,
        "dsir": selections.dsir_select,
    } == selections.TARGETED_METHODS
    assert {
        "random": selections.random_select,
        "semdedup": selections.semdedup_select,
    } == selections.UNTARGETED_METHODS
    assert tuple(selections.TARGETED_METHODS) == reference.TARGETED_METHODS
    assert tuple(selections.UNTARGETED_METHODS) == reference.UNTARGETED_METHODS


def test_process_path_finds_files_and_folders(upstream_mini):
    assert selections.process_path("dsdm", data_dir=upstream_mini) == upstream_mini / "dsdm"
    assert selections.process_path("sdd.pt", data_dir=upstream_mini) == upstream_mini / "sdd.pt"


def test_nothing_is_printed(upstream_mini, capsys):
    selections.get_indices("dsdm", 5, "squad", data_dir=upstream_mini)
    selections.get_indices("random", 5, rows=100)
    assert capsys.readouterr() == ("", "")


def test_a_tokenizer_without_transformers_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match=r"pip install 'dsdm\[tokenizer\]'"):
        utils.tokenizer_maker()


def test_the_tokenizer_is_the_fast_one_of_the_references_revision(monkeypatch):
    asked = {}

    class AutoTokenizer:
        @staticmethod
        def from_pretrained(name, **options):
            asked.update(name=name, **options)
            return "the tokenizer"

    monkeypatch.setitem(sys.modules, "transformers", type("Module", (), {"AutoTokenizer": AutoTokenizer}))
    assert utils.tokenizer_maker() == "the tokenizer"
    assert asked == {"name": "EleutherAI/pythia-70m", "revision": "step143000", "use_fast": True}
