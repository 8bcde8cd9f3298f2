"""What is done with a damaged folder: it is opened, verified, or the run that left it goes on."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa

import dsdm
from tests.fuzz.folders import MANIFEST, OUT, SEED, call, contents, told, wanted
from tests.fuzz.judge import CLASSES, EQUAL, REFUSED, WRONG, compared_rows, judged, refusal
from tests.oracle.outcomes import said
from tests.oracle.readers import PARQUET, STREAM, RefusedError, read_table


def folder(mutant):
    """Open a folder as rows and as scores, and verify it: it gives the right rows, or an error says why not."""
    uses = (_as_corpus, _as_scores, _verified)
    return max((use(mutant) for use in uses), key=lambda outcome: CLASSES.index(outcome[0]))


def _as_corpus(mutant):
    try:
        shards = dsdm.open_shards(mutant.path)
        rows = np.arange(len(shards))
        ours = shards.take(rows)
    except BaseException as error:  # noqa: BLE001 - a panic is no Exception
        return refusal(error)
    mutant.theirs()
    return judged(mutant, read_folder, lambda theirs: compared_rows(ours, rows, len(shards), theirs))


def _as_scores(mutant):
    try:
        ours = np.array(dsdm.open_scores(mutant.path, column="score"))
    except IsADirectoryError as error:
        # Of JSON lines: it is a directory of no scores, whatever else it is.
        return (REFUSED, said(error)) if "no scores were found" in str(error) else refusal(error)
    except BaseException as error:  # noqa: BLE001
        return refusal(error)
    mutant.theirs()
    ours = pa.table({"score": ours})
    rows = np.arange(len(ours))
    return judged(mutant, read_folder, lambda theirs: compared_rows(ours, rows, len(ours), theirs.select(["score"])))


def read_folder(path):
    """Read a folder as datasets does: the files that state.json names in their order, or all Parquet by their names."""
    folder = Path(path)
    if (folder / "data").is_dir():
        tables = [read_table(file, PARQUET) for file in sorted(folder.glob("data/*.parquet"))]
        tables += [read_lines(file) for file in sorted(folder.glob("data/*.jsonl.zst"))]
    else:
        tables = [read_table(folder / name, STREAM) for name in _named(folder)]
    if not tables:
        message = "no files"
        raise RefusedError(message)
    try:
        return pa.concat_tables(tables)
    except pa.ArrowInvalid as error:
        raise RefusedError(str(error)) from error


def read_lines(path):
    """Read a shard of JSON lines."""
    try:
        with pa.input_stream(str(path), compression="zstd") as stream:
            return pa.Table.from_pylist([json.loads(line) for line in stream.read().splitlines()])
    except (OSError, ValueError, pa.ArrowException) as error:
        raise RefusedError(str(error)) from error


def _named(folder):
    try:
        state = json.loads((folder / "state.json").read_bytes())
        names = [file["filename"] for file in state["_data_files"]]
        json.loads((folder / "dataset_info.json").read_bytes())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RefusedError(str(error)) from error
    if state.get("_indices_data_files"):
        message = "an indices mapping, which no seed has"
        raise RefusedError(message)
    return names


def _verified(mutant):
    """Verify a folder: nothing that is not as it was written may be found to be so."""
    try:
        found = dsdm.verify(mutant.path)
    except BaseException as error:  # noqa: BLE001
        return refusal(error)
    there = contents(Path(mutant.path))
    differ = [name for name, data in mutant.whole.items() if name != MANIFEST and there.get(name) != data]
    if differ or found.rows != len(wanted()):
        return WRONG, f"verify found {found.rows} rows as written, and {', '.join(differ) or 'their number'} differs"
    return EQUAL, ""


def unfinished(mutant):
    """Go on with a damaged unfinished run: it ends with the bytes of an undisturbed one, or is refused."""
    kind, place = mutant.name, Path(mutant.path)
    # What shards that are kept hold is only looked at if that is asked for.
    damaged = [name for name, data in mutant.files.items() if mutant.whole.get(name) != data]
    verify = any(name.startswith("output/") for name in damaged) or mutant.number % 2 == 0
    try:
        dsdm.materialize(str(place / "corpus.parquet"), wanted(), place / OUT, **call(kind), verify=verify)
    except BaseException as error:  # noqa: BLE001
        return (WRONG, f"an error, and an output: {error}") if (place / OUT).exists() else _no_output(error)
    dsdm.verify(place / OUT)
    found = told(contents(place / OUT), place)
    if found == mutant.end:
        return EQUAL, ""
    if "shuffle" in kind and _is_other_shuffle(place, kind):
        return EQUAL, ""
    differ = sorted(name for name in {*found, *mutant.end} if found.get(name) != mutant.end.get(name))
    return WRONG, f"other bytes than an undisturbed run's: {', '.join(differ)}"


def _no_output(error):
    """Class what was raised where the mark of a run is damaged, so that a directory is nobody's, or all else is."""
    if type(error) is FileExistsError and "which no run of dsdm made" in str(error):
        return REFUSED, said(error)
    return refusal(error)


def _is_other_shuffle(place, kind):
    """Tell whether an output is all of a run that began anew with a seed of its own, as no seed was told."""
    seed = json.loads((place / OUT / MANIFEST).read_bytes())["selection"]["seed"]
    if seed == SEED:
        return False
    found = contents(place / OUT)
    shutil.rmtree(place / OUT)
    dsdm.materialize(str(place / "corpus.parquet"), wanted(), place / OUT, **call(kind), seed=seed)
    return contents(place / OUT) == found


TARGETS = {"folder": folder, "unfinished": unfinished}
