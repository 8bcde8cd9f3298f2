"""The check of `dsdm bench gather`: right rows are found in every form, and wrong ones are named."""

import json

import pyarrow as pa
import pytest
from pyarrow import ipc, parquet

from dsdm_bench.gather import outputs
from dsdm_bench.gather.corpus.tokens import as_table, draw, hash_rows
from dsdm_bench.harness.errors import WrongAnswerError


def written(folder, rows, *, column="input_ids", form="stream"):
    table = rows if isinstance(rows, pa.Table) else as_table(rows).rename_columns([column])
    folder.mkdir(exist_ok=True)
    if form == "parquet":
        parquet.write_table(table, folder / "rows.parquet")
        return folder
    new = ipc.new_file if form == "file" else ipc.new_stream
    with new(str(folder / "rows.arrow"), table.schema) as writer:
        writer.write_table(table, max_chunksize=7)
    return folder


@pytest.mark.parametrize("form", ["stream", "file", "parquet"])
def test_right_rows_are_found_in_every_form(tmp_path, form):
    tokens = next(draw(0, 20))
    hashes = hash_rows(tokens)
    out = written(tmp_path / "out", tokens, form=form)
    assert outputs.check(out, hashes, ordered=True) == "the rows asked for, in order"
    assert outputs.check(out, hashes[::-1], ordered=False) == "the rows asked for, in another order"
    with pytest.raises(WrongAnswerError, match="20 rows are not those asked for at their place, the first at 0"):
        outputs.check(out, hashes[::-1], ordered=True)


def test_shards_are_read_in_the_order_of_the_state(tmp_path):
    tokens = next(draw(0, 20))
    for name, part in (("b", tokens[:15]), ("a", tokens[15:])):
        written(tmp_path, part)
        (tmp_path / "rows.arrow").rename(tmp_path / f"{name}.arrow")
    state = {"_data_files": [{"filename": "b.arrow"}, {"filename": "a.arrow"}]}
    (tmp_path / "state.json").write_text(json.dumps(state))
    assert outputs.check(tmp_path, hash_rows(tokens), ordered=True)


def test_wrong_rows_are_found(tmp_path):
    tokens = next(draw(0, 20))
    hashes = hash_rows(tokens)
    one_token = tokens.copy()
    one_token[11, 1023] ^= 1
    twice = tokens.copy()
    twice[3] = twice[4]
    wrong = {
        "19 rows in place of 20": tokens[:19],
        "0 rows in place of 20": tokens[:0],
        "1 rows are not those asked for at their place, the first at 11": one_token,
        "first at 3": twice,
        r"\['tokens'\] in place of input_ids": as_table(tokens).rename_columns(["tokens"]),
        "int32.* in place of lists of uint16": as_table(tokens).cast(pa.schema({"input_ids": pa.list_(pa.int32())})),
        "another length than 1,024": pa.table(
            {"input_ids": [[1] * 1023]}, pa.schema({"input_ids": pa.list_(pa.uint16())})
        ),
        "1 nulls": pa.table({"input_ids": [None]}, pa.schema({"input_ids": pa.list_(pa.uint16())})),
    }
    for message, rows in wrong.items():
        with pytest.raises(WrongAnswerError, match=message):
            outputs.check(written(tmp_path / "out", rows), hashes, ordered=True)
    with pytest.raises(WrongAnswerError, match=r"about \d+ rows are others"):
        outputs.check(written(tmp_path / "out", twice), hashes, ordered=False)
    with pytest.raises(WrongAnswerError, match="no shard was written"):
        outputs.check(tmp_path / "none", hashes, ordered=True)
