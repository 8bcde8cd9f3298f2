"""What is withstood, by row: bad inputs 1 to 76 and faults F1 to F24, each with the tests that assert kind and message.

Rows stand in the order of the list. Those of hostile zips and pickles are tested in Rust, beside the reader; those
that need strace or root are in the sweep that `make crash` runs.
"""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import dsdm
from dsdm import errors

ROOT = Path(__file__).parents[2]

SCORES = "tests/python/test_scores.py"
BAD_SCORES = "tests/python/test_bad_scores.py"
CORPORA = "tests/python/test_bad_corpora.py"
SHARDS = "tests/python/test_bad_shards.py"
ROWS = "tests/python/test_bad_rows.py"
LARGE = "tests/python/test_large_rows.py"
FAULTS = "tests/python/test_faults.py"
RESUME = "tests/python/test_resume.py"
DAMAGE = "tests/python/test_resume_damage.py"
SWEEP = "tests/crash/sweep.py"
TORCH = "rust/scores/formats/torch/tests.rs"
ZIP = "rust/scores/formats/torch/zip_tests.rs"
PICKLE = "rust/scores/formats/torch/pickle_tests.rs"
COLUMNS = "rust/scores/formats/table/column_tests.rs"
HERE = "tests/python/test_trust.py"

HOSTILE = "hostile_pickles_are_refused"
STORAGE = "tensors_are_held_against_their_storage"

TESTS = {
    "1": (BAD_SCORES, "test_1_missing_path"),
    "2": (BAD_SCORES, "test_2_directory_without_scores"),
    "3": (BAD_SCORES, "test_3_unreadable"),
    "4": (BAD_SCORES, "test_4_no_bytes"),
    "5": (BAD_SCORES, "test_5_pipe"),
    "6": (BAD_SCORES, "test_6_to_8_other_formats"),
    "7": (BAD_SCORES, "test_6_to_8_other_formats"),
    "8": (BAD_SCORES, "test_6_to_8_other_formats"),
    "9": (ZIP, "ends_of_the_file"),
    "10": (ZIP, "ends_of_the_file"),
    "11": (ZIP, "entries_of_the_zip"),
    "12": (ZIP, "entries_of_the_zip"),
    "13": (ZIP, "entries_of_the_zip"),
    "14": (ZIP, "overlapping_entries_are_named_with_their_spans"),
    "15": (ZIP, "entries_of_the_zip"),
    "16": (ZIP, "entries_of_the_zip"),
    "17": (ZIP, "zip64_values_are_checked"),
    "18": (ZIP, "entries_of_the_zip"),
    "19": (ZIP, "zip64_values_are_checked"),
    "20": (ZIP, "entries_of_the_zip"),
    "21": (PICKLE, HOSTILE),
    "22": (PICKLE, HOSTILE),
    "23": (PICKLE, HOSTILE),
    "24": (PICKLE, HOSTILE),
    "25": (PICKLE, HOSTILE),
    "26": (PICKLE, HOSTILE),
    "27": (PICKLE, HOSTILE),
    "28": (PICKLE, STORAGE),
    "29": (PICKLE, STORAGE),
    "30": (PICKLE, STORAGE),
    "31": (PICKLE, STORAGE),
    "32": (PICKLE, STORAGE),
    "33": (PICKLE, STORAGE),
    "34": (TORCH, "keys_choose_among_tensors"),
    "35": (PICKLE, "other_kinds_of_tensors_are_named"),
    "36": (PICKLE, "other_kinds_of_tensors_are_named"),
    "37": (TORCH, "a_plain_zip_and_both_byte_orders_are_read"),
    "38": (TORCH, "older_containers_are_named_with_the_fix"),
    "39": (ZIP, "entries_of_the_zip"),
    "40": (ZIP, "checksums_are_compared_when_asked"),
    "41": (ZIP, "checksums_are_compared_when_asked"),
    "42": (BAD_SCORES, "test_42_object_array"),
    "43": (BAD_SCORES, "test_43_hostile_headers"),
    "44": (BAD_SCORES, "test_44_cut_or_continued"),
    "45": (BAD_SCORES, "test_45_shapes_and_types"),
    "46": (BAD_SCORES, "test_46_npz"),
    "47": (BAD_SCORES, "test_47_and_48_raw"),
    "48": (BAD_SCORES, "test_47_and_48_raw"),
    "49": (SCORES, "test_bytes_that_are_not_aligned_are_copied"),
    "50": (SHARDS, "test_50_a_stream_without_its_end_mark"),
    "51": (SHARDS, "test_51_bytes_after_the_end_mark"),
    "52": (SHARDS, "test_52_a_stream_cut_in_a_message"),
    "53": (SHARDS, "test_53_a_file_without_its_footer"),
    "54": (SHARDS, "test_54_offsets_that_decrease_or_lead_outside"),
    "55": (SHARDS, "test_55_a_body_of_a_declared_size_that_is_not_there"),
    "56": (COLUMNS, "nulls_missing_and_ambiguous_columns_are_named"),
    "57": (CORPORA, "test_57_state_without_a_key"),
    "58": (CORPORA, "test_58_a_shard_outside_of_its_folder"),
    "59": (CORPORA, "test_59_a_shard_that_is_not_there"),
    "60": (CORPORA, "test_60_shards_of_different_types"),
    "61": (SHARDS, "test_61_parquet_whose_row_counts_differ"),
    "62": (CORPORA, "test_62_an_extension_type_is_never_imported"),
    "63": (SHARDS, "test_63_parquet_without_its_footer"),
    "64": (LARGE, "test_64_a_small_file_of_large_rows_is_refused_before_it_fills_the_memory"),
    "65": (ROWS, "test_65_a_row_that_is_not_there"),
    "66": (ROWS, "test_66_repeated_rows_are_kept"),
    "67": (ROWS, "test_67_indices_that_are_no_row_numbers"),
    "68": (HERE, "test_68_k_below_0_and_above_the_rows"),
    "69": (HERE, "test_69_no_rows"),
    "70": (HERE, "test_70_nan"),
    "71": (HERE, "test_71_more_rows_than_have_scores"),
    "72": (ROWS, "test_72_scores_of_another_length"),
    "73": (HERE, "test_73_score_files_of_unequal_length"),
    "74": (ROWS, "test_74_an_output_that_is_there_or_is_the_source"),
    "75": (HERE, "test_75_seeds_and_temperatures"),
    "76": ("rust/gather/columns/size.rs", "a_run_never_has_more_items_than_a_list_can_count"),
    "F1": (BAD_SCORES, "test_a_file_that_changes_is_noticed"),
    "F2": (FAULTS, "test_a_source_that_changed_since_it_was_opened"),
    "F3": (FAULTS, "test_a_source_that_changes_while_rows_are_written"),
    "F4": (FAULTS, "test_a_source_replaced_by_a_rename_is_read_as_it_was"),
    "F5": (SWEEP, "EIO"),
    "F6": (SWEEP, "ENOSPC"),
    "F7": (SWEEP, "ENOSPC"),
    "F8": (SWEEP, "fdatasync"),
    "F9": (FAULTS, "test_a_file_that_may_not_grow_further_leaves_nothing"),
    "F10": (RESUME, "test_killed_again_and_again_a_run_ends_with_the_same_bytes"),
    "F11": (SWEEP, "renameat"),
    "F12": (SWEEP, "renameat2"),
    "F13": (DAMAGE, "test_a_shard_that_is_not_as_it_was_noted_is_made_again"),
    "F14": (DAMAGE, "test_a_torn_line_of_the_journal_is_ignored"),
    "F15": (DAMAGE, "test_a_flipped_byte_is_found_when_asked_and_its_shard_made_again"),
    "F16": (RESUME, "test_another_call_is_told_what_differs_and_can_start_over"),
    "F17": (RESUME, "test_another_call_is_told_what_differs_and_can_start_over"),
    "F18": (FAULTS, "test_a_run_for_the_same_output_that_lives_is_left_alone"),
    "F19": (FAULTS, "test_an_interrupt_stops_within_a_second_and_leaves_nothing"),
    "F20": (HERE, "test_f20_memory_that_is_not_there"),
    "F21": (HERE, "test_f21_no_more_files_can_be_opened"),
    "F22": (HERE, "test_f22_a_fork_chooses_rows_as_its_parent_did"),
    "F23": (SWEEP, "write"),
    "F24": (DAMAGE, "test_the_folder_of_a_run_that_is_deleted_ends_it"),
}


def test_no_row_is_missing():
    assert list(TESTS) == [*map(str, range(1, 77)), *(f"F{number}" for number in range(1, 25))]


@pytest.mark.parametrize("row", TESTS)
def test_the_test_of_a_row_is_there(row):
    place, name = TESTS[row]
    text = (ROOT / place).read_text()
    defined = f'"{name}"' if place == SWEEP else rf"(def|fn) {name}\("
    assert re.search(defined, text), f"row {row}: {place} has no {name}"


SELECT = {
    "top_k": dsdm.top_k,
    "gumbel_top_k": lambda scores, k: dsdm.gumbel_top_k(scores, k, seed=1),
    "sample": lambda scores, k: dsdm.sample(len(scores), k, seed=1),
}


def refused(kind, call, *names):
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    for name in names:
        assert name in str(caught.value), str(caught.value)


@pytest.mark.parametrize("name", SELECT)
@pytest.mark.parametrize("k", [-1, 8, 2**40])
def test_68_k_below_0_and_above_the_rows(name, k):
    refused(ValueError, lambda: SELECT[name](np.arange(7.0), k), str(k), *(["7"] if k > 0 else []))


@pytest.mark.parametrize("name", SELECT)
def test_69_no_rows(name):
    rows = SELECT[name](np.arange(7.0), 0)
    assert rows.dtype == np.int64
    assert rows.shape == (0,)


@pytest.mark.parametrize("name", ["top_k", "gumbel_top_k"])
def test_70_nan(name):
    scores = np.array([1, 2, np.nan, 3, np.nan])
    refused(ValueError, lambda: SELECT[name](scores, 2), "2 of the scores are NaN", "the first at row 2", "nan=")


def test_71_more_rows_than_have_scores():
    scores = np.array([np.nan, 1, np.nan])
    refused(ValueError, lambda: dsdm.top_k(scores, 2, nan="omit"), "2", "1")
    assert dsdm.top_k(scores, 1, nan="omit").tolist() == [1]
    refused(ValueError, lambda: dsdm.top_k(np.full(3, np.nan), 1, nan="omit"), "1", "0")


def test_73_score_files_of_unequal_length(tmp_path):
    for name, rows in (("a", 5), ("b", 6)):
        np.save(tmp_path / f"{name}.npy", np.arange(rows, dtype=np.float32))
    a, b = (dsdm.open_scores(tmp_path / f"{name}.npy") for name in "ab")
    refused(ValueError, lambda: a + b, "a.npy", "5 rows", "b.npy", "6 rows")


@pytest.mark.parametrize("seed", [1.5, "7", b"7"])
def test_75_seeds_and_temperatures(seed):
    scores = np.arange(7.0)
    refused(TypeError, lambda: dsdm.gumbel_top_k(scores, 2, seed=seed), f"seed is {seed!r}", "a whole number")
    for temperature in (0, -1, np.nan):
        refused(ValueError, lambda t=temperature: dsdm.gumbel_top_k(scores, 2, temperature=t), "temperature")


LIMITED = """
import resource, sys
import numpy as np
import dsdm, dsdm.dataset, pyarrow
{before}
try:
    {call}
except {kind} as error:
    print(type(error).__name__, error)
"""


def in_a_process(before, call, kind):
    import subprocess
    import sys

    code = LIMITED.format(before=before, call=call, kind=kind)
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_f20_memory_that_is_not_there():
    before = "resource.setrlimit(resource.RLIMIT_AS, (3 << 30,) * 2)"
    said = in_a_process(before, "dsdm.sample(2**40, 2**33, seed=1)", "MemoryError")
    assert said.startswith("MemoryError ")


def test_no_room_for_the_map_of_a_file_is_an_error_of_memory(tmp_path):
    path = tmp_path / "a.bin"
    with path.open("wb") as file:
        file.truncate(4 << 30)
    before = "resource.setrlimit(resource.RLIMIT_AS, (3 << 30,) * 2)"
    said = in_a_process(before, f"dsdm.open_scores({str(path)!r}, dtype='f4')", "MemoryError")
    assert said.startswith("MemoryError ")
    assert f"{path}: mapping into memory" in said


def test_f21_no_more_files_can_be_opened(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.arange(3))
    # One handle is left, so that what is imported and opened first needs none.
    before = (
        f"dsdm.open_scores({str(path)!r}); held = [open('/dev/null')]; "
        "resource.setrlimit(resource.RLIMIT_NOFILE, (held[0].fileno() + 1,) * 2)"
    )
    said = in_a_process(before, f"[dsdm.open_scores({str(path)!r}) for _ in range(9)]", "OSError")
    assert said.startswith("OSError [Errno 24]")
    assert str(path) in said


def test_f22_a_fork_chooses_rows_as_its_parent_did():
    call = (
        "scores = np.arange(10**6, dtype=np.float32) % 1000; first = dsdm.top_k(scores, 5, threads=2); import os; "
        "pid = os.fork(); same = (dsdm.top_k(scores, 5, threads=2) == first).all(); "
        "os._exit(int(not same)) if pid == 0 else print(os.waitpid(pid, 0)[1], same)"
    )
    assert in_a_process("", call, "ArithmeticError").split() == ["0", "True"]


def test_the_kinds_are_what_they_say():
    assert issubclass(errors.FormatError, ValueError)
    for kind in (errors.UnsafePickleError, errors.TruncatedError, errors.ChecksumError, errors.SchemaError):
        assert issubclass(kind, errors.FormatError)
    assert issubclass(errors.SourceChangedError, OSError)
    assert issubclass(errors.InternalError, RuntimeError)
    refused(FileNotFoundError, lambda: dsdm.open_shards("no-such-folder"), "no-such-folder")
    assert dsdm.open_shards(pa.table({"a": [1]})).take([0]).to_pylist() == [{"a": 1}]
