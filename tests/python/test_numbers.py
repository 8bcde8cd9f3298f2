"""Numbers that cannot be, for every argument that takes a number: named, and never an OverflowError.

The functions and methods are found by their annotations, those of the extension in its stub: what is new and is not in
the tables below fails.
"""

import ast
import inspect
import math
import re
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import dsdm
import dsdm.dataset
from dsdm import selections
from dsdm.jobs.place import job_of
from dsdm.reference import UNUSED
from tests.conftest import FIXTURES

DATA = FIXTURES / "upstream-mini" / "data"
STUB = Path(dsdm.__file__).parent / "_native.pyi"
TABLE = pa.table({"a": range(20)})
SCORES = np.arange(20.0)
VALUES = [2**70, -(2**70), 2**63, 2**64 - 1, 10**400, -(10**400), 10**5000, 1.5, "x", None, True, math.nan, math.inf]
VALUES += [np.uint64(2**64 - 1), np.float64(2.5), np.int64(-1), Fraction(10**400)]
NUMBERS = re.compile(r"\b(int|float|SupportsIndex|_Number|_Rows|integer)\b")
# Numbers that no annotation tells of.
ROWS = {"indices", "exclude", "population", "key"}


def whole(value):
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


# What is taken of the values, by the argument: nothing, if it is not here.
TAKEN = {
    **dict.fromkeys(["seed", "shuffle_seed"], lambda value: whole(value) and value >= 0),
    "temperature": lambda value: not isinstance(value, str | bool) and value < 10**300 and value > 0,
    **dict.fromkeys(["min_score", "max_score"], lambda value: not isinstance(value, str | bool)),
    "near": lambda value: not isinstance(value, str | bool) and abs(value) < 2**1000,
    "q": lambda value: not isinstance(value, str | bool) and 0 <= value <= 1,
    "num_proc": lambda value: whole(value) and value > 0,
    "value": lambda value: not isinstance(value, str | bool) and (abs(value) == math.inf or not abs(value) > 2**80),
    "other": lambda value: not isinstance(value, str | bool | Fraction) and not 2**80 < abs(value) < math.inf,
    "examples": lambda value: whole(value) and 0 <= value <= 1000,
    **dict.fromkeys(["characters", "bins"], lambda value: whole(value) and 1 <= value <= 10_000),
    **dict.fromkeys(["key", "start", "stop"], lambda value: whole(value) and value == -1),
}
# How messages name an argument, where not by its name.
NAMED = {
    "indices": "ind(ex|ices) ",
    "key": "row|ind(ex|ices) ",
    "value": "beyond a float64|the number|are computed with|unsupported|sequence by",
}
NAMED |= {
    "other": "beyond a float64|the number|are compared with|unsupported operand",
    "start": "^(start|the slice) ",
    "stop": "^(stop|the slice) ",
}


def shown(value):
    return f"{type(value).__name__} of {len(np.base_repr(value))}" if whole(value) and value > 2**70 else repr(value)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("numbers")
    np.save(folder / "s.npy", SCORES)
    np.save(folder / "m.npy", SCORES.reshape(10, 2))
    SCORES.tofile(folder / "m.raw")
    dsdm.materialize(TABLE, [1, 2], folder / "made", progress=False)
    return folder


METHODS = {name: {"target": "squad"} for name in ("dsdm", "classifier", "dsir")} | {"random": {}, "semdedup": {}}


def without(method, options):
    """Leave out what a method has no use for."""
    return {name: value for name, value in options.items() if name not in UNUSED[method]}


def bases(place):
    """A call of each function, with arguments that are right; several where arguments depend on others."""
    drawn = {"data_dir": DATA, "rows": 100, "seed": 1}
    scores, shards = dsdm.open_scores(place / "s.npy"), dsdm.open_shards(TABLE)
    writing = {"source": TABLE, "indices": [0], "out_dir": place / "out", "row_order": "shuffle"}
    named = {"selection_size": 3, "data_dir": DATA, "rows": 100}
    operators = ["add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv"]
    comparisons = ["lt", "le", "eq", "ne", "gt", "ge"]
    return {
        "dsdm.top_k": [{"scores": SCORES, "k": 2}],
        "dsdm.gumbel_top_k": [{"scores": SCORES, "k": 2, "noise": noise} for noise in ("philox", "numpy")],
        "dsdm.sample": [{"population": 20, "k": 2}],
        "dsdm.get_indices": [
            *({"method": method, "k": 3, **target, **without(method, drawn)} for method, target in METHODS.items()),
        ],
        "dsdm.method_scores": [{"method": "dsdm", "target": "squad", "data_dir": DATA}],
        "dsdm.choose": [
            {"scores": SCORES, "min_score": 3, "near": None},
            {"scores": SCORES, "k": 0, "near": 1.0},
        ],
        "dsdm.round_robin": [{"scores": [SCORES, -SCORES], "k": 2}],
        "dsdm.report": [{"0": dsdm.choose(SCORES, k=2)}],
        "dsdm.align": [{"values": {1: 0.5}, "corpus": TABLE, "on": "a"}],
        "dsdm.materialize": [{**writing, "progress": False, "overwrite": True}],
        "dsdm.plan": [writing],
        "dsdm.plan_job": [
            {"source": place / "made", "scores": np.arange(2.0), "out": place / "job", "k": 1, "order": "shuffle"}
        ],
        "dsdm.select": [{"source": TABLE, "indices": [0]}],
        "dsdm.open_shards": [{"source": TABLE}],
        "dsdm.open_scores": [
            {"path_or_paths": place / "m.npy", "column": 0},
            {"path_or_paths": place / "m.raw", "dtype": "float64", "shape": (-1, 2), "column": 1},
        ],
        "dsdm.verify": [{"folder": place / "made"}],
        "dsdm.written_rows": [{"folder": place / "made"}],
        "dataset.open_dataset": [{"source": TABLE}],
        "selections.dsdm_select": [{"target_task": "squad", **named}],
        "selections.classifier_select": [{"target_task": "squad", **named}],
        "selections.dsir_select": [{"target_task": "squad", **named}],
        "selections.random_select": [{"selection_size": 3, "rows": 100}],
        "selections.semdedup_select": [named],
        "selections.get_indices": [{"method": "random", "selection_size": 3, "rows": 100}],
        "selections.dataset_select": [{"method": "random", "selection_size": 2, "rows": 2, "path": place / "made"}],
        "selections.get_candidate_dataset": [{"path": place / "made"}],
        "Shards.take": [{"self": shards, "indices": [1]}],
        "Shards.select": [{"self": shards, "indices": [1]}],
        "Shards.__getitem__": [{"self": shards, "key": 1}],
        "Scores.__getitem__": [{"self": scores, "key": 1}],
        "Scores.slice": [{"self": scores}],
        "Scores.zscore": [{"self": scores}],
        "Scores.quantile": [{"self": scores, "q": 0.5}],
        "Scores.histogram": [{"self": scores, "bins": 3}],
        **{f"Scores.__{operator}__": [{"self": scores, "value": 1}] for operator in operators},
        **{f"Scores.__{comparison}__": [{"self": scores, "other": 1}] for comparison in comparisons},
    }


def functions():
    """Give every public function and method in Python, by its name."""
    for module in (dsdm, selections, dsdm.dataset):
        for name in module.__all__:
            function = getattr(module, name)
            if inspect.isfunction(function) and not (module is dsdm.dataset and name in dsdm.__all__):
                yield f"{module.__name__.rpartition('.')[2]}.{name}", function
    for name, method in inspect.getmembers(dsdm.Shards, inspect.isfunction):
        if name.startswith("__") or not name.startswith("_"):
            yield f"Shards.{name}", method


def arguments():
    """Give each argument that takes a number, with the name of its function and its default."""
    for name, function in functions():
        for parameter in inspect.signature(function).parameters.values():
            if NUMBERS.search(str(parameter.annotation)) or (parameter.name in ROWS and name != "dsdm.open_scores"):
                yield name, parameter.name, parameter.default
    (scores,) = (node for node in ast.walk(ast.parse(STUB.read_text())) if getattr(node, "name", "") == "Scores")
    for method in scores.body:
        if isinstance(method, ast.FunctionDef):
            given = [*method.args.posonlyargs, *method.args.args]
            defaults = [inspect.Parameter.empty] * (len(given) - len(method.args.defaults))
            defaults += [ast.literal_eval(default) for default in method.args.defaults]
            for argument, default in zip(given, defaults, strict=True):
                if argument.annotation and NUMBERS.search(ast.unparse(argument.annotation)):
                    yield f"Scores.{method.name}", argument.arg, default


ARGUMENTS = list(dict.fromkeys(arguments()))


def test_every_function_that_takes_a_number_is_called_here(place):
    assert {name for name, _, _ in ARGUMENTS} == bases(place).keys()
    assert len(ARGUMENTS) > 60
    classes = {name for name in dsdm.__all__ if inspect.isclass(getattr(dsdm, name))}
    # What a call gives is not made by callers.
    assert {name for name in classes if not issubclass(getattr(dsdm, name), Exception)} == {
        "Scores",
        "Description",
        "Diagnosis",
        "Shards",
        "Selection",
        "SelectionReport",
        "Aligned",
        "Job",
        "JobStatus",
        "Plan",
        "Report",
        "Verified",
    }


def called(name, given):
    """Call a function by its name; arguments of operators have no names."""
    owner, _, attribute = name.partition(".")
    homes = {"dsdm": dsdm, "dataset": dsdm.dataset, "selections": selections}
    if owner in homes:
        # What is known by its place alone has its number for a name.
        placed = [value for argument, value in given.items() if argument.isdigit()]
        named = {argument: value for argument, value in given.items() if not argument.isdigit()}
        if name == "dsdm.plan_job":
            # Each seed is a job of its own.
            shutil.rmtree(job_of(given["out"]), ignore_errors=True)
        return getattr(homes[owner], attribute)(*placed, **named)
    given = dict(given)
    method = getattr(given.pop("self"), attribute)
    if attribute.startswith("__"):
        answer = method(*given.values())
        if answer is NotImplemented:
            message = "unsupported operand"
            raise TypeError(message)
        return answer
    return method(**given)


def error_of(function, *given):
    """What a call raises of what it may raise."""
    try:
        function(*given)
    except (ValueError, TypeError, IndexError) as error:
        return error
    return None


@pytest.mark.parametrize(("name", "argument", "default"), ARGUMENTS, ids=str)
def test_a_number_that_cannot_be_is_named(place, name, argument, default):
    subject, taken = NAMED.get(argument, argument), TAKEN.get(argument, lambda _: False)
    for base in bases(place)[name]:
        for number in VALUES:
            several = argument in ROWS and not (argument == "population" and np.isscalar(number))
            for value in [[number]] if several and argument != "key" else [number, [number]] if several else [number]:
                if number is None and default is None:
                    continue
                error = error_of(called, name, {**base, argument: value})
                if error is None:
                    assert number is not None
                    assert taken(number), shown(number)
                else:
                    assert re.search(subject, str(error)), (shown(number), error)
                    assert len(str(error)) < 1000


def test_a_row_that_is_not_there_is_an_index_error(place):
    shards, scores = dsdm.open_shards(TABLE), dsdm.open_scores(place / "s.npy")
    for row in (2**70, -(2**70), 2**63, np.uint64(2**64 - 1), 10**5000, 20, -21):
        for read in (
            lambda row: shards[row],
            lambda row: shards[[row]],
            lambda row: shards.take([row]),
            lambda row: shards.select([row]),
            lambda row: scores[row],
            lambda row: scores[[row]],
            lambda row: scores.slice(0, row + np.sign(row) if abs(row) < 30 else row),
            lambda row: dsdm.top_k(scores, 1, exclude=[row]),
            lambda row: dsdm.materialize(TABLE, [row], place / "out", progress=False),
        ):
            with pytest.raises(IndexError):
                read(row)
    with pytest.raises(IndexError, match=rf"the slice from 0 to {2**70} of 20 scores"):
        scores.slice(0, 2**70)
    for slices in (slice(0, 2**70), slice(-(2**70), None), slice(None, None, 2**70), slice(10**5000)):
        np.testing.assert_array_equal(scores[slices], SCORES[slices])
        assert shards[slices]["a"] == list(range(20))[slices]


def test_ranges_are_of_any_length():
    shards = dsdm.open_shards(TABLE)
    big = 2**70
    for rows in (range(3), range(0, 20, 7), range(19, -1, -6), range(5, 6, big), range(5, 4, -big), range(big, 0)):
        assert shards.take(rows)["a"].to_pylist() == [max(row, 0) for row in rows]
    for rows in (range(big), range(-big, 3), range(big, big + 3), range(0, -big, -big // 2), range(2**63, 0, -(2**62))):
        with pytest.raises(IndexError, match="row numbers are at least 0 and below 2"):
            shards.take(rows)
