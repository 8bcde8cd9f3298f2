"""Arrow before 0.15 wrote no mark before its messages: such files and streams are read, as rows and as scores."""

import numpy as np
import pyarrow as pa
import pytest

import dsdm
from dsdm import errors

OLD = pa.ipc.IpcWriteOptions(use_legacy_format=True, metadata_version=pa.ipc.MetadataVersion.V4)
ROWS = 30
SOME = [29, 0, 7, 7, 12]


def table():
    words = pa.array([f"word {row % 4}" for row in range(ROWS)]).dictionary_encode()
    lists = [None if row % 5 == 0 else list(range(row)) for row in range(ROWS)]
    return pa.table({"score": np.arange(ROWS) / 4, "id": range(ROWS), "word": words, "list": lists})


def write(path, form, options=OLD, content=None):
    content = table() if content is None else content
    create = pa.ipc.new_stream if form == "stream" else pa.ipc.new_file
    with create(path, content.schema, options=options) as writer:
        writer.write_table(content, max_chunksize=8)
    return path


@pytest.mark.parametrize("form", ["stream", "file"])
@pytest.mark.parametrize("version", [pa.ipc.MetadataVersion.V4, pa.ipc.MetadataVersion.V5])
def test_rows_and_scores_of_old_files_are_read(tmp_path, form, version):
    options = pa.ipc.IpcWriteOptions(use_legacy_format=True, metadata_version=version)
    path = write(tmp_path / "old.arrow", form, options)
    assert path.read_bytes()[8 if form == "file" else 0 :][:4] != b"\xff" * 4
    assert dsdm.open_shards(path).take(SOME).to_pylist() == table().take(SOME).to_pylist()
    assert (
        dsdm.open_shards(path, columns=["list"]).take(range(ROWS)).to_pydict() == table().select(["list"]).to_pydict()
    )
    for io in ("mmap", "pread"):
        assert np.asarray(dsdm.open_scores(path, column="score", io=io)).tolist() == (np.arange(ROWS) / 4).tolist()


@pytest.mark.parametrize("form", ["stream", "file"])
def test_old_files_of_no_batches_have_no_rows(tmp_path, form):
    path = write(tmp_path / "old.arrow", form, content=table().slice(0, 0))
    assert len(dsdm.open_shards(path)) == len(dsdm.open_scores(path, column="score")) == 0


@pytest.mark.parametrize("form", ["stream", "file"])
def test_an_old_file_that_was_cut_is_refused_wherever_it_was(tmp_path, form):
    whole = write(tmp_path / "whole.arrow", form).read_bytes()
    for length in [*range(1, 40), *range(40, len(whole), 97), len(whole) - 4, len(whole) - 1]:
        (tmp_path / "cut.arrow").write_bytes(whole[:length])
        for opened in (dsdm.open_shards, lambda path: dsdm.open_scores(path, column="score")):
            with pytest.raises((errors.FormatError, errors.TruncatedError), match=r"cut\.arrow"):
                opened(tmp_path / "cut.arrow")


def test_what_follows_the_end_of_an_old_stream_is_refused(tmp_path):
    path = write(tmp_path / "old.arrow", "stream")
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(errors.FormatError, match=r"bytes follow the end mark of the stream, after 30 rows"):
        dsdm.open_shards(path)


def test_a_message_without_its_mark_among_others_that_have_it_is_refused(tmp_path):
    path = write(tmp_path / "new.arrow", "stream", pa.ipc.IpcWriteOptions())
    content = path.read_bytes()
    second = content.index(b"\xff" * 4, 4)
    path.write_bytes(content[:second] + content[second + 4 :])
    with pytest.raises(errors.FormatError, match=r"must begin with ff ff ff ff and this has"):
        dsdm.open_shards(path)


def test_a_batch_that_an_old_footer_leaves_out_is_missed(tmp_path):
    path = write(tmp_path / "old.arrow", "file")
    content = path.read_bytes()
    footer = len(content) - 10 - int.from_bytes(content[-10:-6], "little")
    with pa.ipc.open_file(path) as reader:
        assert reader.num_record_batches == 4
    # The count of the last list of the footer that has four entries is the one of its batches.
    at = content.rindex((4).to_bytes(4, "little"), footer, len(content) - 10)
    blocks = [at for at in range(footer, len(content) - 10, 4) if content[at : at + 4] == (4).to_bytes(4, "little")]
    assert at in blocks
    refused = 0
    for place in blocks:
        path.write_bytes(content[:place] + (3).to_bytes(4, "little") + content[place + 4 :])
        try:
            rows = len(dsdm.open_shards(path))
        except errors.FormatError:
            refused += 1
        else:
            assert rows == ROWS
    assert refused


def test_plain_values_are_no_old_stream_by_a_few_bytes(tmp_path):
    stream = write(tmp_path / "old.bin", "stream").read_bytes()
    stream += bytes(-len(stream) % 4)
    with pytest.raises(errors.FormatError, match=r"raw values.*Arrow IPC"):
        dsdm.open_scores(tmp_path / "old.bin", dtype="float32")
    # The beginning of its first message, and not all of it.
    path = tmp_path / "scores.bin"
    path.write_bytes(stream[:128] + b"?" * 4096)
    scores = dsdm.open_scores(path, dtype="float32")
    assert len(scores) == 1056
    assert np.asarray(scores)[:32].tobytes() == stream[:128]
