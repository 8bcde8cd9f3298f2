"""`.npz` archives: the array that numpy finds under a key, where it lies; and zips of torch stay files of torch."""

import io as memory
import pickle
import struct
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dsdm
from dsdm import errors
from dsdm.demo.torch_file import write_tensor

KINDS = ["<f2", "<f4", "<f8", ">f4", ">f8", "|i1", "<i2", ">i4", "<i8", "|u1", "<u2", "<u4", ">u8"]
BLOCK = 1 << 15
"""Values that are copied at once where they lie unaligned."""


def array(values, version=None):
    sink = memory.BytesIO()
    np.lib.format.write_array(sink, values, version, allow_pickle=values.dtype.hasobject)
    return sink.getvalue()


def zipped(path, entries, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def refused(path, error, *names, **options):
    for io in ("mmap", "pread"):
        with pytest.raises(error) as found:
            dsdm.open_scores(path, io=io, **options)
        assert type(found.value) is error
        assert str(path) in str(found.value)
        for name in names:
            assert name in str(found.value), found.value


def same(scores, expected):
    expected = expected.reshape(-1)
    found = np.asarray(scores)
    assert found.dtype == expected.dtype.newbyteorder("=")
    assert found.tobytes() == expected.astype(found.dtype).tobytes()


@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize("length", [0, 1, 2, 31, BLOCK - 1, BLOCK, BLOCK + 1])
@pytest.mark.parametrize("kind", KINDS)
def test_every_type_and_length_is_read_wherever_it_lies(tmp_path, kind, length, io):
    values = np.random.default_rng(length).integers(0, 100, length).astype(kind)
    for number, name in enumerate(["s", "sc", "scores"]):
        path = tmp_path / f"{number}.npz"
        np.savez(path, **{name: values, "t" * number: values[:1]} if number else {name: values.reshape(-1, 1)})
        scores = dsdm.open_scores(path, key=name if number else None, io=io, verify=bool(number))
        assert (len(scores), scores.key) == (length, name)
        assert scores.is_mapped is (io == "mmap")
        with np.load(path) as theirs:
            same(scores, theirs[name])
            same(scores[1:length:3], theirs[name].reshape(-1)[1:length:3])


@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_any_arrays_are_those_of_numpy(tmp_path_factory, data):
    letters = st.characters(codec="utf-8", exclude_characters="\0\\:")
    names = data.draw(st.lists(st.text(letters, min_size=1, max_size=5), min_size=1, max_size=4, unique=True))
    vectors = [st.tuples(st.integers(0, 9)), st.tuples(st.integers(0, 9), st.just(1))]
    shapes = st.one_of(*vectors, st.just(()), st.tuples(st.integers(0, 3), st.integers(2, 3)))
    arrays = {}
    for name in names:
        shape, kind = data.draw(shapes), data.draw(st.sampled_from(KINDS))
        arrays[name] = np.arange(int(np.prod(shape))).reshape(shape).astype(kind)
        if data.draw(st.booleans()):
            arrays[name] = np.asfortranarray(arrays[name])
    path = tmp_path_factory.mktemp("any") / "a.npz"
    version = data.draw(st.sampled_from([(1, 0), (2, 0), (3, 0)]))
    zipped(path, {f"{name}.npy": array(values, version) for name, values in arrays.items()})
    with np.load(path) as theirs:
        for name, values in arrays.items():
            if values.ndim == 1 or values.shape[1:] == (1,):
                for key in (name, f"{name}.npy"):
                    scores = dsdm.open_scores(path, key=key)
                    assert scores.key == name
                    same(scores, theirs[name])
            else:
                with pytest.raises(errors.SchemaError, match="one score per row"):
                    dsdm.open_scores(path, key=name)
    if len(names) > 1:
        with pytest.raises(errors.FormatError, match=f"{len(names)} arrays: expected one array; choose with key="):
            dsdm.open_scores(path)


def test_a_key_names_the_array_and_without_one_those_that_are_there_are_told(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, squad=np.arange(3.0), nq=np.arange(2.0))
    same(dsdm.open_scores(path, key="squad"), np.arange(3.0))
    same(dsdm.open_scores(path, key="nq.npy"), np.arange(2.0))
    refused(path, errors.FormatError, "2 arrays", 'key="squad" or key="nq"')
    refused(path, errors.FormatError, 'without key="x"', 'key="squad" or key="nq"', key="x")
    refused(path, errors.FormatError, 'without key=""', key="")
    refused(path, errors.SchemaError, "float64", "float32", key="nq", dtype="float32")
    np.savez(path, np.arange(4.0))
    assert dsdm.open_scores(path).key == "arr_0"
    np.savez(path)
    refused(path, errors.FormatError, "0 arrays", "numpy.savez")
    zipped(path, {"a.npy": array(np.ones(1)), "a.npy.npy": array(np.zeros(2))})
    assert len(dsdm.open_scores(path, key="a")) == 1
    assert len(dsdm.open_scores(path, key="a.npy.npy")) == 2
    refused(path, errors.FormatError, 'key="a.npy"', '"a" with its suffix, and "a.npy" without', key="a.npy")


def test_what_is_compressed_is_refused_with_how_to_save_it_and_what_is_not_beside_it_is_read(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, scores=np.arange(100.0))
    refused(path, errors.FormatError, '"scores.npy" is compressed (method 8)', "numpy.savez(", "**numpy.load(path)")
    # What it says is what helps.
    np.savez(tmp_path / "new.npz", **np.load(path))
    same(dsdm.open_scores(tmp_path / "new.npz"), np.arange(100.0))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("plain.npy", array(np.arange(5.0)))
        archive.writestr("packed.npy", array(np.zeros(500)), zipfile.ZIP_DEFLATED)
        archive.writestr("after.npy", array(np.arange(7.0)))
    same(dsdm.open_scores(path, key="plain", verify=True), np.arange(5.0))
    same(dsdm.open_scores(path, key="after", verify=True), np.arange(7.0))
    refused(path, errors.FormatError, '"packed.npy" is compressed', key="packed")


@pytest.mark.parametrize(
    ("values", "error", "names"),
    [
        (np.zeros((2, 3)), errors.SchemaError, ['entry "a.npy": the array has shape (2, 3)']),
        (np.array(["x"]), errors.SchemaError, ['entry "a.npy": dtype "<U1" is not read']),
        (np.array([True]), errors.SchemaError, ["give booleans=True to read False and True as 0 and 1"]),
        (np.array([{}], object), errors.UnsafePickleError, ['entry "a.npy"', "nothing was unpickled"]),
    ],
)
def test_arrays_that_are_no_scores_are_refused_by_their_name(tmp_path, values, error, names):
    refused(zipped(tmp_path / "a.npz", {"a.npy": array(values)}), error, *names)


@pytest.mark.parametrize(
    ("change", "error", "names"),
    [
        (lambda data: data[:-1], errors.TruncatedError, ["promises 9 values", "71 bytes follow"]),
        (lambda data: data + b"xyz", errors.FormatError, ["3 bytes follow", "holds one array"]),
        (lambda data: b"\0" + data[1:], errors.FormatError, ["no .npy file, which begins with"]),
        (lambda _: b"", errors.FormatError, ["no .npy file, which begins with"]),
        (lambda data: data[:7], errors.TruncatedError, ["8 bytes are needed here"]),
        (lambda data: data[:60], errors.TruncatedError, ["118 bytes are needed here", "ends at byte"]),
        (lambda data: data[:6] + b"\x09" + data[7:], errors.FormatError, ["version 9.0"]),
        (lambda data: data[:8] + b"\xff\xff" + data[10:], errors.FormatError, ["65535 bytes; at most 10000"]),
        (lambda data: data[:10] + b"\0" + data[11:], errors.FormatError, ["header cannot be read", "'{' is expected"]),
    ],
)
@pytest.mark.parametrize("more", [0, 3])
def test_an_array_that_is_broken_is_told_with_its_byte_and_no_byte_of_the_next_is_read(
    tmp_path, change, error, names, more
):
    entries = {"a.npy": change(array(np.arange(9.0)))}
    entries |= {f"b{number}.npy": array(np.arange(9.0)) for number in range(more)}
    path = zipped(tmp_path / "a.npz", entries)
    refused(path, error, 'entry "a.npy": ', *names, key="a")
    for number in range(more):
        same(dsdm.open_scores(path, key=f"b{number}"), np.arange(9.0))


def test_the_byte_is_that_of_the_file(tmp_path):
    path = zipped(tmp_path / "a.npz", {"x.npy": array(np.zeros(3)), "a.npy": array(np.zeros(3))})
    data = path.read_bytes()
    place = data.index(b"\x93NUMPY", data.index(b"a.npy"))
    path.write_bytes(data[: place + 6] + b"\x09" + data[place + 7 :])
    refused(path, errors.FormatError, f"at byte {place + 6}: ", "version 9.0", key="a")


def test_a_file_that_is_cut_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, scores=np.arange(9.0))
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(errors.FormatError, match=r"a\.npz"):
            dsdm.open_scores(path)
    path.write_bytes(whole[:-1])
    refused(path, errors.TruncatedError, "EOCD")
    path.write_bytes(whole + b"x")
    refused(path, errors.FormatError, "1 bytes after the end record")


def test_checksums_are_compared_when_asked(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, a=np.arange(9.0), b=np.arange(9.0))
    data = bytearray(path.read_bytes())
    data[data.index(b"\x93NUMPY") + 130] ^= 1
    path.write_bytes(data)
    assert len(dsdm.open_scores(path, key="a")) == 9
    refused(path, errors.ChecksumError, "a.npy", "CRC", key="a", verify=True)
    same(dsdm.open_scores(path, key="b", verify=True), np.arange(9.0))


def test_large_arrays_beside_it_are_not_read(tmp_path):
    """Two arrays of 3 GB that are holes: offsets are beyond 32 bits, as numpy has them in zip64 records."""
    path, other = tmp_path / "a.npz", 3 << 30
    header = array(np.zeros(0, "<f4"))
    values = array(np.arange(1000, dtype="<f4"))
    places, directory = {}, b""
    with path.open("wb") as file:
        for name, head, size in (("x", header, other), ("y", header, other), ("scores", values, 0)):
            places[name] = file.tell()
            entry = f"{name}.npy".encode()
            total = len(head) + size
            file.write(struct.pack("<4s5H3I2H", b"PK\3\4", 45, 0, 0, 0, 0, 0, 2**32 - 1, 2**32 - 1, len(entry), 20))
            file.write(entry + struct.pack("<2H2Q", 1, 16, total, total) + head)
            file.seek(size, 1)
            wide = struct.pack("<2HQ", 1, 8, places[name]) if places[name] >= 2**32 else b""
            fields = (45, 45, 0, 0, 0, 0, zlib.crc32(head), total, total, len(entry), len(wide), 0, 0, 0, 0)
            directory += struct.pack("<4s6H3I5H2I", b"PK\1\2", *fields, min(places[name], 2**32 - 1)) + entry + wide
        start = file.tell()
        file.write(directory)
        wide = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, 3, 3, len(directory), start)
        file.write(wide + struct.pack("<4sIQI", b"PK\6\7", 0, start + len(directory), 1))
        file.write(struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 3, 3, len(directory), 2**32 - 1, 0))
    assert places["scores"] > 2**32
    for io in ("mmap", "pread"):
        same(dsdm.open_scores(path, key="scores", io=io, verify=False), np.arange(1000, dtype="<f4"))
    with np.load(path) as theirs:
        assert np.array_equal(theirs["scores"], np.arange(1000, dtype="<f4"))
    path.unlink()


def test_zips_of_torch_stay_files_of_torch_and_what_could_be_both_is_refused(tmp_path):
    values = np.arange(5, dtype=np.float32)
    write_tensor(tmp_path / "a.pt", values)
    with zipfile.ZipFile(tmp_path / "a.pt") as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    (tmp_path / "a.pt").rename(tmp_path / "a.npz")
    refused(tmp_path / "a.npz", errors.FormatError, "by its name", ".npz", "by its content a torch .pt file")
    np.savez(tmp_path / "b.npz", a=values)
    (tmp_path / "b.npz").rename(tmp_path / "b.pt")
    refused(tmp_path / "b.pt", errors.FormatError, "by its name", ".pt", "by its content a numpy .npz archive")
    # Which entry is the first says nothing.
    for first, second in ((entries, {"a/x.npy": array(values)}), ({"a/x.npy": array(values)}, entries)):
        for name in ("c", "c.pt", "c.npz"):
            path = zipped(tmp_path / name, {**first, **second})
            refused(
                path, errors.FormatError, '"a/data.pkl", as torch.save', '"a/x.npy", as numpy.savez', "which of the two"
            )
    zipped(tmp_path / "d.npz", {"readme.txt": b"x", "x.npy": array(values)})
    same(dsdm.open_scores(tmp_path / "d.npz"), values)
    zipped(tmp_path / "e", {"readme.txt": b"x"})
    refused(tmp_path / "e", errors.FormatError, "no data.pkl", "readme.txt")
    with pytest.raises(errors.FormatError, match=r"\.npz.*scores are opened with open_scores"):
        dsdm.open_shards(tmp_path / "d.npz")
    (tmp_path / "f.npz").write_bytes(array(values))
    refused(tmp_path / "f.npz", errors.FormatError, "by its name", "by its content a numpy .npy file")


def test_archives_are_one_vector_and_are_pickled_by_their_key(tmp_path):
    np.savez(tmp_path / "0.npz", scores=np.arange(3.0), more=np.zeros(1))
    np.savez(tmp_path / "1.npz", scores=np.arange(2.0))
    scores = dsdm.open_scores(tmp_path, key="scores")
    same(scores, np.float64([0, 1, 2, 0, 1]))
    same(pickle.loads(pickle.dumps(scores)), np.float64([0, 1, 2, 0, 1]))  # noqa: S301
    np.savez(tmp_path / "2.npz", other=np.arange(2.0))
    with pytest.raises(errors.SchemaError, match='key "other" here and key "scores" in'):
        dsdm.open_scores([tmp_path / "1.npz", tmp_path / "2.npz"])


def test_the_command_names_an_array(tmp_path, run):
    np.savez(tmp_path / "a.npz", x=np.float32([1, 3, 2]), y=np.float32([3, 1, 2]))
    code, _, said = run("scores", "a.npz")
    assert code == 1
    assert "choose with --key x or --key y" in said
    code, _, said = run("indices", "a.npz", "--key", "y", "-k", 2, "-o", "rows.npy")
    assert code == 0, said
    assert np.load(tmp_path / "rows.npy").tolist() == [0, 2]
