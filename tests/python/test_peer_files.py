"""Score files as the programs write them whose users select by them, put together here as their sources do."""

import json
import struct

import datasets
import numpy as np
import pytest
from numpy.lib.format import open_memmap

import dsdm
from dsdm import errors

ROWS = 300


def test_predictions_of_mates(tmp_path):
    # predict_data_influence.py: logits of (batch, 1) and the rows' indices, mapped and saved by rank.
    logits = np.random.default_rng(0).standard_normal((ROWS, 1)).astype(np.float32)
    for rank, rows in enumerate(np.array_split(np.arange(ROWS), 8)):
        part = datasets.Dataset.from_dict({"row": rows})
        part = part.map(
            lambda batch, indices: {"index": indices, "prediction": logits[batch["row"]]},
            batched=True,
            with_indices=True,
            batch_size=16,
            remove_columns=["row"],
        )
        part.save_to_disk(str(tmp_path / str(rank)))
    scores = dsdm.open_scores([tmp_path / str(rank) for rank in range(8)], column="prediction")
    np.testing.assert_array_equal(scores[:], logits[:, 0])
    assert scores.is_mapped
    with pytest.raises(
        errors.SchemaError, match=r'more than one column holds numbers; choose with .*column="prediction"'
    ):
        dsdm.open_scores(tmp_path / "0")


def test_memmaps_of_trak(tmp_path):
    # savers.py: open_memmap of (train set size, targets), half or single.
    for dtype in (np.float16, np.float32):
        path = tmp_path / "scores.mmap"
        values = np.random.default_rng(1).standard_normal((ROWS, 6)).astype(dtype)
        open_memmap(path, mode="w+", shape=values.shape, dtype=dtype)[:] = values
        np.testing.assert_array_equal(dsdm.open_scores(path, column=4)[:], values[:, 4])
        np.testing.assert_array_equal(dsdm.open_scores(path, reduce="max")[:], values.max(axis=1))
        with pytest.raises(errors.SchemaError, match=r"\(300, 6\); expected one score per row"):
            dsdm.open_scores(path)


def test_pairwise_scores_of_kronfluence(tmp_path):
    # pairwise.py: save_file of one tensor for all modules, of (queries, rows).
    values = np.random.default_rng(2).standard_normal((5, ROWS)).astype(np.float32)
    header = {"all_modules": {"dtype": "F32", "shape": [5, ROWS], "data_offsets": [0, values.nbytes]}}
    text = json.dumps(header).encode()
    path = tmp_path / "pairwise_scores.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + values.tobytes())
    mean = np.zeros(ROWS)
    for query in values.astype(np.float64):
        mean = mean + query
    for io in ("mmap", "pread"):
        scores = dsdm.open_scores(path, transpose=True, reduce="mean", io=io)
        np.testing.assert_array_equal(scores[:], mean / 5)
        assert scores.transposed
        assert (scores.key, scores.reduce) == ("all_modules", "mean")
        np.testing.assert_array_equal(dsdm.open_scores(path, transpose=True, column=3, io=io)[:], values[3])
        np.testing.assert_array_equal(scores.slice(7, 90)[:], mean[7:90] / 5)
    with pytest.raises(errors.SchemaError, match="column=5 is given, and a row has 5 values"):
        dsdm.open_scores(path, transpose=True, column=5)
    np.save(tmp_path / "v.npy", values[0])
    with pytest.raises(ValueError, match=r"transpose=True is for matrices, and .*v.npy is none; leave it out"):
        dsdm.open_scores(tmp_path / "v.npy", transpose=True)


def test_metrics_of_date_lm(tmp_path):
    values = np.random.default_rng(3).standard_normal(ROWS).astype(np.float32)
    for part, some in enumerate(np.array_split(values, 3)):
        (tmp_path / str(part)).mkdir()
        np.save(tmp_path / str(part) / "metrics.npy", some)
    np.testing.assert_array_equal(dsdm.open_scores([tmp_path / f"{part}/metrics.npy" for part in range(3)])[:], values)


def bergson(folder, values, name, written=None):
    """What MemmapSequenceScoreWriter of bergson makes: pairs of a score and whether it was written."""
    dtype = values.dtype
    count = values.shape[1]
    pair = 1 << dtype.itemsize.bit_length()
    names, formats, offsets = [], [], []
    for number in range(count):
        names += [f"score_{number}", f"written_{number}"]
        formats += [dtype, "bool"]
        offsets += [number * pair, number * pair + dtype.itemsize]
    record = {"names": names, "offsets": offsets, "itemsize": (count * pair + 7) // 8 * 8}
    folder.mkdir(parents=True)
    scores = np.memmap(folder / "scores.bin", np.dtype({**record, "formats": formats}), "w+", shape=(len(values),))
    for number in range(count):
        scores[f"score_{number}"] = values[:, number]
        scores[f"written_{number}"] = True if written is None else written[:, number]
    scores.flush()
    told = {**record, "formats": [name if kind != "bool" else kind for kind in formats]}
    info = {"num_items": len(values), "num_scores": count, "dtype": told}
    (folder / "info.json").write_text(json.dumps(info, indent=2))
    return folder


@pytest.mark.parametrize("name", ["float16", "float32", "float64", "bfloat16"])
@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_score_directories_of_bergson(tmp_path, name, count):
    values = np.random.default_rng(4).standard_normal((ROWS, count)).astype("f4" if name == "bfloat16" else name)
    stored = values
    if name == "bfloat16":
        stored = (values.view(np.uint32) >> 16).astype(np.uint16)
        values = (stored.astype(np.uint32) << 16).view(np.float32)
    folder = bergson(tmp_path / "scores", stored, name)
    for path in (folder, folder / "scores.bin"):
        for io in ("mmap", "pread"):
            for number in range(count):
                found = dsdm.open_scores(path, column=number, io=io)
                np.testing.assert_array_equal(found[:], values[:, number])
            np.testing.assert_array_equal(dsdm.open_scores(path, reduce="max", io=io)[:], values.max(axis=1))
    if count == 1:
        np.testing.assert_array_equal(dsdm.open_scores(folder)[:], values[:, 0])
    else:
        with pytest.raises(errors.SchemaError, match="expected one score per row"):
            dsdm.open_scores(folder)


def test_scores_that_bergson_never_wrote_are_refused(tmp_path):
    values = np.random.default_rng(5).standard_normal((ROWS, 2)).astype(np.float32)
    written = np.ones((ROWS, 2), bool)
    written[290:, 1] = False
    folder = bergson(tmp_path / "s", values, "float32", written)
    np.testing.assert_array_equal(dsdm.open_scores(folder, column=0)[:], values[:, 0])
    for options in ({"column": 1}, {"reduce": "mean"}):
        with pytest.raises(ValueError, match="10 scores were never written, of row 290 first"):
            dsdm.open_scores(folder, **options)
    with pytest.raises(errors.SchemaError, match="it holds float32 and dtype=float64 is given"):
        dsdm.open_scores(folder / "scores.bin", dtype="float64", column=0)
    data = bytearray((folder / "scores.bin").read_bytes())
    data[16 * 7 + 4] = 9
    (folder / "scores.bin").write_bytes(data)
    with pytest.raises(errors.FormatError, match="the flag of row 7 is 9, and a boolean is 0 or 1"):
        dsdm.open_scores(folder, column=0)
    (folder / "scores.bin").write_bytes(data[:-1])
    with pytest.raises(errors.TruncatedError, match=r"info.json beside it tells of 300 records of 16; the file is cut"):
        dsdm.open_scores(folder, column=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_scores": 3}, "names, formats and offsets, and num_scores is 3"),
        ({"names": ["score_0", "written_0", "score_2", "written_1"]}, 'its field 2 is "score_2", and "score_1" is due'),
        ({"formats": ["float32", "bool", "float64", "bool"]}, "scores before it are of another type"),
        ({"formats": ["int32", "bool", "int32", "bool"]}, "which no scores are"),
        ({"formats": ["float32", "int8", "float32", "int8"]}, "flags are booleans"),
        ({"offsets": [0, 4, 8, 16]}, "at byte 16 of a record of 16"),
        ({"offsets": [0, 4, 7, 12]}, "which no steps lead to"),
        ({"offsets": [8, 12, 0, 4]}, "which no steps lead to"),
    ],
)
def test_what_bergson_does_not_tell_is_refused(tmp_path, change, message):
    folder = bergson(tmp_path / "s", np.zeros((4, 2), np.float32), "float32")
    info = json.loads((folder / "info.json").read_text())
    for name, value in change.items():
        (info if name in info else info["dtype"])[name] = value
    (folder / "info.json").write_text(json.dumps(info))
    with pytest.raises(errors.FormatError, match=message):
        dsdm.open_scores(folder / "scores.bin", column=0)
