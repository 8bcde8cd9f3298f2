"""Which options have a meaning for what: all others are refused, and named with what has no use for them.

What says how a call is run and nothing of what comes of it is taken everywhere: threads, memory_limit, progress.
"""

import inspect
from dataclasses import fields

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
import dsdm.dataset
from dsdm import selections
from dsdm.cli.options.choosing import Choosing
from dsdm.cli.options.reading import Reading
from dsdm.demo.torch_file import write_tensor
from dsdm.reference import UNUSED

TABLE = pa.table({"input_ids": [[row, row] for row in range(10)], "n": range(10)})
HOW = {"threads", "return_seed"}

# --- methods ---

VALUES = {"seed": 1, "temperature": 0.5, "noise": "numpy", "order": "row", "nan": "omit", "exclude": [1], "rows": 50}
METHODS = {
    "dsdm": {"target", "data_dir", "rows", "order", "nan", "exclude"},
    "classifier": {"target", "data_dir", "rows", "order", "nan", "exclude"},
    "dsir": {"target", "data_dir", "rows", "seed", "temperature", "noise", "order", "nan", "exclude"},
    "random": {"rows", "seed", "order", "exclude"},
    "semdedup": {"data_dir", "rows", "seed", "order", "exclude"},
}


@pytest.mark.parametrize("method", METHODS)
def test_a_method_takes_what_it_has_a_use_for(upstream_mini, method):
    values = {**VALUES, "target": "squad", "data_dir": upstream_mini}
    taken = inspect.signature(dsdm.get_indices).parameters.keys() - {"method", "k"} - HOW
    assert taken == values.keys()
    means = METHODS[method]
    base = {name: values[name] for name in means & {"target", "data_dir", "rows"}}
    for name, value in values.items():
        given = {**base, name: value}
        if name in means:
            assert len(dsdm.get_indices(method, 3, **given)) == 3
        else:
            with pytest.raises(ValueError, match=f"{name} .*'{method}'|'{method}' takes no {name}"):
                dsdm.get_indices(method, 3, **given)
    assert set(UNUSED[method]) == values.keys() - means - {"target"}


def test_orders_that_draws_have_not_are_refused(upstream_mini):
    for method in ("random", "semdedup"):
        place = {"data_dir": upstream_mini} if method == "semdedup" else {}
        for order in ("best_first", "best_last"):
            with pytest.raises(ValueError, match=f"order is '{order}', and '{method}' has no scores"):
                dsdm.get_indices(method, 3, rows=50, order=order, **place)


def test_what_is_told_of_a_selection_is_looked_at_alike(tmp_path):
    told = {"by": "get_indices", "arguments": {"method": "random", "k": 2, "seed": 1, "rows": 10, "nan": "omit"}}
    with pytest.raises(ValueError, match="nan is 'omit', and the method 'random' has no use for it"):
        dsdm.materialize(TABLE, [0, 1], tmp_path / "out", selection=told)
    assert list(tmp_path.iterdir()) == []


# --- writing ---

WRITING = [
    ({"row_order": "row", "seed": 1}, "seed=1 belongs to row_order='shuffle', and row_order is 'row'"),
    ({"num_shards": 2, "max_shard_size": "1MB"}, "max_shard_size='1MB' and num_shards=2 are both given"),
    ({"resume": False, "verify": True}, "verify=True .* and resume=False"),
    ({"format": "tokens", "row_ids": "id"}, r"token files hold one column.*row_ids="),
    ({"format": "tokens", "scores": np.arange(10.0)}, r"token files hold one column.*scores="),
    ({"sort": "name"}, "sort='name' is for directories and globs, and these rows are opened already"),
    ({"partial": True}, "partial=True is for directories and globs, and these rows are opened already"),
    ({"io": "pread"}, 'io="pread" is for files that this call opens'),
]


@pytest.mark.parametrize(("options", "message"), WRITING, ids=[" ".join(options) for options, _ in WRITING])
def test_what_writing_would_not_use_is_refused(tmp_path, options, message):
    source = TABLE.select(["input_ids"]) if options.get("format") == "tokens" else TABLE
    for call in (dsdm.plan, dsdm.materialize):
        with pytest.raises((ValueError, TypeError), match=message):
            call(source, [1], tmp_path / "out", **options)
    assert list(tmp_path.iterdir()) == []


# --- reading ---


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = np.arange(10, dtype=np.float32)
    np.save("s.npy", values)
    values.tofile("s.raw")
    write_tensor(tmp_path / "s.pt", values)
    pq.write_table(TABLE, "c.parquet")
    (tmp_path / "folder").mkdir()
    np.save("folder/s.npy", values)
    (tmp_path / "shards").mkdir()
    pq.write_table(TABLE, "shards/c.parquet")
    np.save("rows.npy", np.arange(3))
    return tmp_path


SCORES = {
    "s.npy": set(),
    "s.raw": {"shape"},
    "s.pt": set(),
    "c.parquet": {"column"},
    "folder": {"sort", "partial"},
    "folder/*.npy": {"sort", "partial"},
}
READING = {
    "key": "a",
    "column": "n",
    "reduce": "max",
    "transpose": True,
    "booleans": True,
    "shape": (10,),
    "sort": "name",
    "partial": True,
}


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("path", SCORES)
def test_score_files_take_the_options_of_their_kind(path):
    base = {"s.raw": {"dtype": "float32"}, "c.parquet": {"column": "n"}}.get(path, {})
    assert len(dsdm.open_scores(path, **base)) == 10
    for given in (path, [path]):
        for name, value in READING.items():
            options = {**base, name: value}
            if name in SCORES[path]:
                assert len(dsdm.open_scores(given, **options)) == 10
            else:
                with pytest.raises(ValueError, match=f"{name}=.* is for .* and .* is |leave {name}=.* out"):
                    dsdm.open_scores(given, **options)


@pytest.mark.usefixtures("files")
def test_shards_take_how_files_are_found_where_they_are_searched_for():
    opened, lazy = dsdm.open_shards("c.parquet"), dsdm.dataset.open_dataset("c.parquet")
    for option in ({"sort": "natural"}, {"partial": True}):
        for source in ("shards", "shards/*.parquet", ["c.parquet", "shards"]):
            assert len(dsdm.open_shards(source, **option)) in (10, 20)
        for source in ("shards", ["c.parquet", "shards"]):
            assert len(selections.get_candidate_dataset(path=source, **option)) in (10, 20)
        for source in ("c.parquet", ["c.parquet", "shards/c.parquet"], TABLE, opened, lazy):
            for call in (dsdm.open_shards, dsdm.dataset.open_dataset, lambda *a, **o: dsdm.select(*a, [0], **o)):
                with pytest.raises(ValueError, match=f"{next(iter(option))}=.* is for directories and globs"):
                    call(source, **option)


def test_the_hubs_options_are_for_the_hub(files):
    for path in (files / "shards", [files / "shards" / "c.parquet"]):
        with pytest.raises(ValueError, match=r"cache_dir='x' is for shards of the hub, and .* on this machine"):
            selections.get_candidate_dataset(path=path, cache_dir="x")
    with pytest.raises(ValueError, match="data_files= are names within one directory, and path= is a list"):
        selections.get_candidate_dataset(path=[files / "shards"], data_files="c.parquet")


# --- the commands ---

INDICES = {
    "dsdm": ["dsdm", "--target", "squad"],
    "dsir": ["dsir", "--target", "squad"],
    "random": ["random"],
    "semdedup": ["semdedup"],
    "files": ["s.npy"],
    "draw": ["s.npy", "--gumbel"],
    "folder": ["folder"],
    "raw": ["s.raw", "--dtype", "float32"],
    "table": ["c.parquet", "--column", "n"],
}
GIVEN = {
    "target": ["--target", "squad"],
    "data_dir": ["--data-dir", "DATA"],
    "rows": ["--rows", "5"],
    "smallest": ["--smallest"],
    "gumbel": ["--gumbel"],
    "temperature": ["--temperature", "0.5"],
    "seed": ["--seed", "1"],
    "noise": ["--noise", "numpy"],
    "order": ["--order", "row"],
    "nan": ["--nan", "omit"],
    "exclude": ["--exclude", "rows.npy"],
    "key": ["--key", "a"],
    "column": ["--column", "n"],
    "reduce": ["--reduce", "max"],
    "transpose": ["--transpose"],
    "booleans": ["--booleans"],
    "shape": ["--shape", "-1,1"],
    "dtype": ["--dtype", "float32"],
    "sort": ["--sort", "name"],
    "partial": ["--partial"],
}
SIZES = {"count", "fraction", "tokens", "row_tokens"}
COMMON = {"rows", "order", "exclude", "nan"}
BEST = COMMON | {"smallest", "gumbel"}
USED = {name: METHODS[name] for name in ("dsdm", "dsir", "random", "semdedup")}
# What a type is said to be is compared with what a file says of itself.
USED |= {"files": BEST | {"dtype"}, "raw": BEST | {"dtype", "shape"}, "table": BEST | {"column"}}
USED |= {"folder": BEST | {"dtype", "sort", "partial"}}
USED |= {"draw": COMMON | {"dtype", "gumbel", "temperature", "seed", "noise"}}


def is_refused(run, arguments, option):
    code, _, errors = run(*arguments)
    assert code == 0 or option in " ".join(errors.replace("│", " ").split()), errors
    return code != 0


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("mode", INDICES)
def test_indices_take_what_is_used(run, upstream_mini, mode):
    options = {field.name for kind in (Choosing, Reading) for field in fields(kind)}
    assert options - {"io", "rng"} == GIVEN.keys() | SIZES | {"threads"}
    place = ["--data-dir", upstream_mini] if "data_dir" in USED[mode] else []
    rows = ["--rows", "9"] if mode == "random" else []
    command = ["indices", *INDICES[mode], *place, *rows, "-k", "1", "-o", "o.npy", "--overwrite"]
    assert run(*command)[0] == 0
    for name, words in GIVEN.items():
        given = [str(upstream_mini) if word == "DATA" else word for word in words]
        without = command
        if words[0] in command:  # which is given once
            without = command[: command.index(words[0])] + command[command.index(words[0]) + len(words) :]
        assert is_refused(run, [*without, *given], words[0]) == (name not in USED[mode]), (mode, name)


@pytest.mark.usefixtures("files")
def test_rows_of_a_file_are_chosen_already(run):
    command = ["materialize", "shards", "out", "--indices", "rows.npy", "--dry-run"]
    assert run(*command)[0] == 0
    for name, words in GIVEN.items():
        assert is_refused(run, [*command, *words], words[0]) == (name not in {"sort", "partial"}), name
    for words in (["-k", "2"], ["--fraction", "0.5"], ["--tokens", "5"], ["--tokens-column", "n"]):
        assert is_refused(run, [*command, *words], words[0])


@pytest.mark.usefixtures("files")
def test_a_dry_run_refuses_what_writing_alone_uses(run):
    for command in (
        ["materialize", "shards", "out", "--indices", "rows.npy"],
        ["materialize", "shards", "out", "--by", "s.npy", "-k", "2"],
    ):
        for words in (["--no-resume"], ["--verify"], ["--overwrite"], ["--paths", "absolute"]):
            code, _, errors = run(*command, "--dry-run", *words)
            assert code == 2
            said = " ".join(errors.split())
            assert f"--dry-run writes nothing, and has no use for {' '.join(words)}; leave it out" in said
        assert run(*command, "--dry-run")[0] == 0
        code, _, errors = run(*command, "--no-resume", "--verify")
        assert code == 2
        assert "--verify looks at what an interrupted run left, and --no-resume removes it" in errors


@pytest.mark.usefixtures("files")
def test_how_files_are_found_goes_with_whichever_is_searched(run):
    command = ["materialize", "--indices", "rows.npy", "--dry-run", "--sort", "name", "--partial"]
    assert run(*command, "shards", "out")[0] == 0
    assert run(*command, "c.parquet", "out", "--scores", "folder")[0] == 0
    assert run(*command, "shards", "out", "--scores", "s.npy")[0] == 0
    code, _, errors = run(*command, "c.parquet", "out", "--scores", "s.npy")
    assert code == 2
    assert "--sort and --partial goes with directories and globs, and c.parquet, s.npy is none" in " ".join(
        errors.split()
    )
    for by in ("folder", "s.npy"):
        assert run("materialize", "shards", f"out-{by}", "--by", by, "-k", "2", "--sort", "natural")[0] == 0
        code, said, _ = run("verify", f"out-{by}")
        assert code == 0
        assert "the selection is that of the scores" in said
