"""Lists in `.pt` files: of single values they are one vector, in the order of the list; of anything else as ever."""

import io as memory
import pickle
import pickletools
import struct
import time
import zipfile
import zlib

import numpy as np
import pytest

import dsdm
from dsdm import errors
from tests.oracle.torch_file import read_vector

STORAGES = {"<f4": "Float", "<f8": "Double", "<f2": "Half", "|i1": "Char", "|u1": "Byte", "<i2": "Short"}
STORAGES |= {"<i4": "Int", "<i8": "Long"}
BLOCK = 1 << 15


class Pickled:
    """The pickle of `torch.save`, with its memo: what was named once is got from there."""

    def __init__(self):
        self._memo = {}

    def once(self, code):
        if code in self._memo:
            return b"j" + struct.pack("<I", self._memo[code])
        self._memo[code] = len(self._memo)
        return code + b"r" + struct.pack("<I", self._memo[code])

    def text(self, text):
        return self.once(b"X" + struct.pack("<I", len(text)) + text.encode())

    @staticmethod
    def integer(number):
        return b"K" + bytes([number]) if 0 <= number < 256 else b"J" + struct.pack("<i", number)

    def tensor(self, key, kind="<f4", shape=(), numel=1, offset=0):
        """A tensor in a storage of its own, or in one that it shares."""
        sizes = b"(" + b"".join(map(self.integer, shape)) + b"t"
        strides = b"(" + b"K\x01" * len(shape) + b"t"
        return b"".join(
            (
                self.once(b"ctorch._utils\n_rebuild_tensor_v2\n"),
                b"((",
                self.text("storage"),
                self.once(f"ctorch\n{STORAGES[kind]}Storage\n".encode()),
                self.text(key),
                self.text("cpu"),
                self.integer(numel),
                b"tQ",
                self.integer(offset),
                sizes,
                strides,
                b"\x89",
                self.once(b"ccollections\nOrderedDict\n"),
                b")RtR",
            )
        )


def listed(items):
    """A list as pickle writes it, a thousand items at once."""
    runs = [items[start : start + 1000] for start in range(0, len(items), 1000)]
    return b"\x80\x02]" + b"".join(b"(" + b"".join(run) + b"e" for run in runs) + b"."


def saved(path, pickled, storages=(), order=b"little"):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("scores/data.pkl", pickled)
        archive.writestr("scores/byteorder", order)
        for key, data in enumerate(storages):
            archive.writestr(f"scores/data/{key}", data)
        archive.writestr("scores/version", b"3\n")
    return path


def scalars(path, values, kind="<f4", shape=(), order="<"):
    values = np.asarray(values, kind)
    to = Pickled()
    items = [to.tensor(str(number), kind, shape) for number in range(len(values))]
    swapped = values.astype(values.dtype.newbyteorder(order))
    stored = [swapped[number : number + 1].tobytes() for number in range(len(values))]
    return saved(path, listed(items), stored, b"big" if order == ">" else b"little")


def refused(path, error, *names, **options):
    for io in ("mmap", "pread"):
        with pytest.raises(error) as found:
            dsdm.open_scores(path, io=io, **options)
        assert type(found.value) is error
        assert str(path) in str(found.value)
        for name in names:
            assert name in str(found.value), found.value


def same(scores, expected):
    found = np.asarray(scores)
    assert found.dtype == expected.dtype
    assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize("length", [1, 2, 255, 1001])
@pytest.mark.parametrize("kind", STORAGES)
def test_single_values_are_a_vector_in_the_order_of_the_list(tmp_path, kind, length, io):
    values = np.random.default_rng(length).integers(-100, 100, length).astype(kind)
    for shape in ((), (1,), (1, 1)):
        for order in "<>":
            path = scalars(tmp_path / "a.pt", values, kind, shape, order)
            scores = dsdm.open_scores(path, io=io, verify=True)
            same(scores, values)
            same(scores[1:length:3], values[1:length:3])
            assert read_vector(path).tolist() == values.tolist()
            if length > 1 or not shape:
                # They lie in memory, as each of them has a storage of its own, and have no name.
                assert not scores.is_mapped
                assert scores.key is None
            scores.check()


@pytest.mark.parametrize("length", [1, 2, BLOCK - 1, BLOCK, BLOCK + 1])
@pytest.mark.parametrize("kind", ["<f8", "<i8"])
def test_numbers_of_python_are_a_vector(tmp_path, kind, length):
    values = np.random.default_rng(length).normal(size=length) * 1e6
    values = values.astype(kind)
    numbers = values.tolist()
    if kind == "<f8":
        numbers[0] = values[0] = -0.0
    else:
        numbers[0] = values[0] = -(2**63)
    path = saved(tmp_path / "a.pt", pickle.dumps(numbers, 2))
    same(dsdm.open_scores(path), values)
    assert dsdm.top_k(dsdm.open_scores(path), 1).tolist() == [values.argmax()]


def test_nan_and_infinity_stay_what_they_are(tmp_path):
    values = np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324])
    same(dsdm.open_scores(saved(tmp_path / "a.pt", pickle.dumps(values.tolist(), 2))), values)
    found = np.asarray(dsdm.open_scores(scalars(tmp_path / "b.pt", values)))
    assert np.array_equal(found, values.astype("f4"), equal_nan=True)


def test_views_of_one_storage_are_taken_from_their_places(tmp_path):
    """What ``list(tensor)`` gives: all of them lie in the storage of the tensor."""
    values = np.arange(200, dtype="<f4")
    to = Pickled()
    items = [to.tensor("0", numel=200, offset=number) for number in reversed(range(200))]
    same(dsdm.open_scores(saved(tmp_path / "a.pt", listed(items), [values.tobytes()]), verify=True), values[::-1])
    items[7] = to.tensor("0", numel=200, offset=200)
    refused(saved(tmp_path / "a.pt", listed(items), [values.tobytes()]), errors.FormatError, "past the bound")


def test_items_of_more_values_than_one_are_chosen_by_a_key_as_ever(tmp_path):
    two, one = np.arange(2, dtype="<f4").tobytes(), np.arange(1, dtype="<f4").tobytes()
    to = Pickled()
    pairs = [to.tensor("0", shape=(2,), numel=2), to.tensor("1", shape=(2,), numel=2)]
    path = saved(tmp_path / "a.pt", listed(pairs), [two, two])
    refused(path, errors.FormatError, "a list with 2 tensors", 'key="0" or key="1"')
    same(dsdm.open_scores(path, key="1"), np.float32([0, 1]))
    to = Pickled()
    mixed = [to.tensor("0", shape=(1,)), to.tensor("1", shape=(2,), numel=2)]
    path = saved(tmp_path / "b.pt", listed(mixed), [one, two])
    refused(path, errors.FormatError, "a list with 2 tensors", 'key="0" or key="1"')
    same(dsdm.open_scores(path, key="0"), np.float32([0]))
    # A key still names one of single values.
    path = scalars(tmp_path / "c.pt", [1.5, 2.5], shape=(1,))
    same(dsdm.open_scores(path, key="1"), np.float32([2.5]))
    refused(scalars(tmp_path / "d.pt", [1.5, 2.5]), errors.SchemaError, "shape ()", key="1")
    # A list of one vector is that vector, where it lies.
    path = scalars(tmp_path / "e.pt", [1.5], shape=(1,))
    scores = dsdm.open_scores(path)
    assert (scores.key, scores.is_mapped) == ("0", True)
    refused(saved(tmp_path / "f.pt", listed([])), errors.FormatError, "a list with 0 tensors")


@pytest.mark.parametrize(
    ("numbers", "error", "names"),
    [
        ([0.5, 1], errors.SchemaError, ["1 floats and 1 ints", "torch.tensor(scores, dtype=torch.float64)"]),
        ([1, 2, 0.5], errors.SchemaError, ["1 floats and 2 ints"]),
        ([0.5, True], errors.FormatError, ["a list with 0 tensors"]),
        ([0.5, None], errors.FormatError, ["a list with 0 tensors"]),
        ([0.5, "x"], errors.FormatError, ["a list with 0 tensors"]),
        ([[0.5], [0.25]], errors.FormatError, ["a list with 0 tensors"]),
        ((0.5, 0.25), errors.FormatError, ["a tuple with 0 tensors"]),
        ({"a": 0.5, "b": 0.25}, errors.FormatError, ["a dict with 0 tensors"]),
        ([2**63, 1], errors.FormatError, ["fits 64 bits"]),
    ],
)
def test_what_is_no_list_of_one_type_is_refused(tmp_path, numbers, error, names):
    refused(saved(tmp_path / "a.pt", pickle.dumps(numbers, 2)), error, *names)


def test_tensors_of_several_types_and_beside_numbers_are_refused(tmp_path):
    to = Pickled()
    items = [to.tensor("0"), to.tensor("1", "<f8")]
    stored = [bytes(4), bytes(8), bytes(4)]
    path = saved(tmp_path / "a.pt", listed(items), stored[:2])
    refused(path, errors.SchemaError, "item 1 of the list is float64", "before it are float32")
    to = Pickled()
    path = saved(tmp_path / "b.pt", listed([to.tensor("0"), to.tensor("2"), b"G" + bytes(8)]), stored)
    refused(path, errors.FormatError, "a list with 2 tensors")


def test_storages_are_held_against_the_zip_and_checksums_are_compared_when_asked(tmp_path):
    path = scalars(tmp_path / "a.pt", [0.5, 1.5, 2.5])
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo("scores/data/1").header_offset
    at = whole.index(struct.pack("<f", 1.5), place)
    path.write_bytes(whole[:at] + b"\1" + whole[at + 1 :])
    assert len(dsdm.open_scores(path)) == 3
    refused(path, errors.ChecksumError, "scores/data/1", "CRC", verify=True)
    to = Pickled()
    refused(saved(path, listed([to.tensor("0"), to.tensor("9")]), [bytes(4)]), errors.FormatError, "scores/data/9")
    to = Pickled()
    refused(saved(path, listed([to.tensor("0"), to.tensor("1")]), [bytes(4), bytes(5)]), errors.FormatError, "5 bytes")
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        with pytest.raises(errors.FormatError):
            dsdm.open_scores(path)


def test_long_lists_are_read_and_have_a_limit(tmp_path):
    """A list takes about 60 bytes of the pickle for each tensor, and nine for each float."""
    values = np.random.default_rng(1).random(20_000).astype("<f4")
    path = scalars(tmp_path / "a.pt", values)
    assert len(pickle_of(path)) > 1 << 20
    same(dsdm.open_scores(path), values)
    floats = np.arange(900_000) / 7
    path = saved(tmp_path / "b.pt", pickle.dumps(floats.tolist(), 2))
    same(dsdm.open_scores(path), floats)
    path = saved(tmp_path / "c.pt", pickle.dumps([0.5] * 1_000_000, 2))
    refused(path, errors.FormatError, "limit is 8388608", "save the scores as one tensor")


def pickle_of(path):
    with zipfile.ZipFile(path) as archive:
        return archive.read("scores/data.pkl")


def test_the_writer_here_writes_what_pickle_reads(tmp_path):
    path = scalars(tmp_path / "a.pt", np.arange(300.0))
    pickletools.dis(pickle_of(path), memory.StringIO())


def test_other_tensors_of_a_dict_are_not_read(tmp_path):
    """A dict with a tensor of 3 GB, which is a hole in the file, beside the scores."""
    path, other = tmp_path / "a.pt", 3 << 30
    to = Pickled()
    values = np.arange(1000, dtype="<f4")
    large = to.tensor("0", "|u1", (0,), numel=0).replace(b"K\x00tQ", b"\x8a\x05" + struct.pack("<q", other)[:5] + b"tQ")
    small = to.tensor("1", shape=(1000,), numel=1000)
    root = b"\x80\x02}(" + to.text("weights") + large + to.text("scores") + small + b"u."
    entries = [("data.pkl", root, 0), ("data/0", b"", other), ("data/1", values.tobytes(), 0), ("version", b"3\n", 0)]
    directory = b""
    with path.open("wb") as file:
        for inner, data, hole in entries:
            name, size = f"a/{inner}".encode(), len(data) + hole
            common = struct.pack("<4H3I2H", 0, 0, 0, 0, zlib.crc32(data), size, size, len(name), 0)
            directory += b"PK\1\2" + struct.pack("<2H", 20, 20) + common
            directory += struct.pack("<3H2I", 0, 0, 0, 0, file.tell()) + name
            file.write(b"PK\3\4" + struct.pack("<H", 20) + common + name + data)
            file.seek(hole, 1)
        end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, len(entries), len(entries), len(directory), file.tell(), 0)
        file.write(directory + end)
    assert path.stat().st_size > other
    began = time.monotonic()
    for io in ("mmap", "pread"):
        scores = dsdm.open_scores(path, key="scores", io=io)
        same(scores, values)
        assert scores.is_mapped is (io == "mmap")
        assert dsdm.top_k(scores, 2).tolist() == [999, 998]
    # Reading the hole takes longer than this.
    assert time.monotonic() - began < 2
    refused(path, errors.FormatError, "2 tensors", 'key="weights" or key="scores"')
    path.unlink()
