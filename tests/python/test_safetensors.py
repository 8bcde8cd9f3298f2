"""`.safetensors` files: the vector that the format's own reader finds, where it lies; what it refuses is refused."""

import json
import pickle
import struct
import time
import tracemalloc

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

import dsdm
from dsdm import errors

TYPES = {
    "F16": "f2",
    "BF16": "u2",
    "F32": "f4",
    "F64": "f8",
    "I8": "i1",
    "I16": "i2",
    "I32": "i4",
    "I64": "i8",
    "U8": "u1",
    "U16": "u2",
    "U32": "u4",
    "U64": "u8",
}
BLOCK = 1 << 15
"""Values that are copied at once where they lie unaligned."""
LENGTHS = [0, 1, 2, 31, BLOCK - 1, BLOCK, BLOCK + 1]


def encoded(header, data=b"", padding=0):
    """Give the bytes of a file, whose header is an object or bytes."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    text += b" " * padding
    return struct.pack("<Q", len(text)) + text + data


def entry(kind, shape, start, end):
    return {"dtype": kind, "shape": list(shape), "data_offsets": [start, end]}


def stored(kind, length, seed=0):
    """Give random bytes of so many values, and the values as numpy has them; bfloat16 as float32."""
    rng = np.random.default_rng(seed)
    data = rng.bytes(length * np.dtype(TYPES[kind]).itemsize)
    values = np.frombuffer(data, "<" + TYPES[kind])
    return data, (values.astype("u4") << 16).view("f4") if kind == "BF16" else values


def same(scores, expected):
    found = np.asarray(scores)
    assert found.dtype == expected.dtype
    nan = np.isnan(expected) if expected.dtype.kind == "f" else np.zeros(len(expected), bool)
    assert found[~nan].tobytes() == expected[~nan].tobytes()
    assert np.isnan(found[nan]).all()


def theirs(path, key=None):
    """Read a tensor as the package of the format reads it: its type, its shape and its bytes."""
    found = dict(safetensors.deserialize(path.read_bytes()))
    info = found[key] if key else next(iter(found.values()))
    return info["dtype"], tuple(info["shape"]), bytes(info["data"])


def refused(path, error, *names, **options):
    for io in ("mmap", "pread"):
        with pytest.raises(error) as found:
            dsdm.open_scores(path, io=io, **options)
        assert type(found.value) is error
        assert str(path) in str(found.value)
        for name in names:
            assert name in str(found.value), found.value


@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("kind", TYPES)
def test_every_type_and_length_is_read_wherever_it_lies(tmp_path, kind, length, io):
    data, expected = stored(kind, length)
    for padding in range(0, 8, 3):
        for shape in ((length,), (length, 1)):
            path = tmp_path / f"{padding}-{len(shape)}.safetensors"
            path.write_bytes(encoded({"scores": entry(kind, shape, 0, len(data))}, data, padding))
            assert theirs(path) == (kind, shape, data)
            scores = dsdm.open_scores(path, io=io)
            assert (len(scores), scores.key) == (length, "scores")
            assert scores.is_mapped is (io == "mmap")
            same(scores, expected)
            same(scores[1:length:3], expected[1:length:3])


@pytest.mark.parametrize("kind", ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"])
def test_what_the_package_writes_is_read(tmp_path, kind):
    values = np.arange(1000).astype(kind)
    path = tmp_path / "a.safetensors"
    safetensors.numpy.save_file({"all_modules": values}, path, metadata={"format": "np"})
    scores = dsdm.open_scores(path)
    assert scores.key == "all_modules"
    same(scores, values)
    assert dsdm.top_k(scores, 3).tolist() == np.argsort(-values.astype("f8"), kind="stable")[:3].tolist()


def test_a_tensor_is_an_array_without_a_copy(tmp_path):
    path = tmp_path / "a.safetensors"
    safetensors.numpy.save_file({"x": np.zeros(10, "u1"), "scores": np.arange(1 << 20, dtype="f4")}, path)
    scores = dsdm.open_scores(path, key="scores")
    tracemalloc.start()
    array = np.asarray(scores)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20
    assert not array.flags.writeable
    assert array[-1] == (1 << 20) - 1


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_tensors_in_any_order_are_those_of_the_package(tmp_path_factory, data):
    count = data.draw(st.integers(1, 5))
    kinds = data.draw(st.lists(st.sampled_from([*TYPES, "BOOL", "F8_E4M3", "C64"]), min_size=count, max_size=count))
    shapes = data.draw(
        st.lists(
            st.one_of(
                st.tuples(st.integers(0, 40)),
                st.tuples(st.integers(0, 40), st.just(1)),
                st.lists(st.integers(0, 4), max_size=3).map(tuple),
            ),
            min_size=count,
            max_size=count,
        )
    )
    names = data.draw(st.lists(st.text(max_size=6), min_size=count, max_size=count, unique=True))
    header, body = {}, b""
    for name, kind, shape in zip(names, kinds, shapes, strict=True):
        width = 8 if kind == "C64" else np.dtype(TYPES.get(kind, "u1")).itemsize
        more = np.random.default_rng(len(body)).bytes(int(np.prod(shape, dtype=int)) * width)
        header[name] = entry(kind, shape, len(body), len(body) + len(more))
        body += more
    if data.draw(st.booleans()):
        header["__metadata__"] = {"a": "b"}
    order = data.draw(st.permutations(list(header)))
    path = tmp_path_factory.mktemp("any") / "a.safetensors"
    path.write_bytes(encoded({name: header[name] for name in order}, body, data.draw(st.integers(0, 9))))
    for name, kind, shape in zip(names, kinds, shapes, strict=True):
        vector = len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)
        if not vector or kind not in TYPES:
            with pytest.raises(errors.SchemaError):
                dsdm.open_scores(path, key=name)
            continue
        found, their_shape, stored_bytes = theirs(path, name) if name else (kind, shape, None)
        assert (found, their_shape) == (kind, shape)
        scores = dsdm.open_scores(path, key=name)
        assert (scores.key, len(scores)) == (name, shape[0])
        if stored_bytes is not None and kind != "BF16":
            assert np.asarray(scores).tobytes() == stored_bytes
    if count > 1:
        with pytest.raises(errors.FormatError, match=f"{count} tensors: expected one tensor; choose with key="):
            dsdm.open_scores(path)


def test_a_key_names_the_tensor_and_without_one_those_that_are_there_are_told(tmp_path):
    path = tmp_path / "a.safetensors"
    tensors = {"squad": np.arange(3, dtype="f4"), "nq": np.arange(5, dtype="f8"), "mat": np.ones((2, 2), "f4")}
    safetensors.numpy.save_file(tensors, path, metadata={"scores": "x"})
    for name in ("squad", "nq"):
        same(dsdm.open_scores(path, key=name), tensors[name])
    refused(path, errors.FormatError, "3 tensors", 'key="squad"', 'key="nq"', 'key="mat"')
    refused(path, errors.FormatError, 'without key="trivia"', 'key="squad"', key="trivia")
    refused(path, errors.FormatError, 'without key="__metadata__"', key="__metadata__")
    refused(path, errors.SchemaError, "mat: ", "(2, 2)", "expected one score per row", key="mat")
    refused(path, errors.SchemaError, "float32", "float64", key="squad", dtype="float64")
    path.write_bytes(encoded({}))
    refused(path, errors.FormatError, "0 tensors", "there is no tensor in it")
    path.write_bytes(encoded({f"t{number}": entry("F32", [0], 0, 0) for number in range(30)}))
    refused(path, errors.FormatError, "30 tensors", 'key="t19" or that of 10 more')


@pytest.mark.parametrize("shape", [(), (1, 5), (5, 2), (1, 1, 5), (5, 1, 1), (2, 3, 4), (0, 0)])
def test_other_shapes_are_refused_with_what_to_do(tmp_path, shape):
    path = tmp_path / "a.safetensors"
    safetensors.numpy.save_file({"s": np.zeros(shape, "f4")}, path)
    shown = str(shape)
    refused(path, errors.SchemaError, f"s: the tensor has the shape {shown}: expected one score per row", "; ")


@pytest.mark.parametrize("kind", ["BOOL", "C64", "F4", "F6_E2M3", "F8_E4M3", "F8_E5M2FNUZ", "F8_E8M0"])
def test_types_that_scores_cannot_have_are_refused_by_name(tmp_path, kind):
    path = tmp_path / "a.safetensors"
    size = {"C64": 64, "F4": 4, "F6_E2M3": 6}.get(kind, 8)
    path.write_bytes(encoded({"s": entry(kind, [8], 0, size)}, bytes(size)))
    assert theirs(path)[:2] == (kind, (8,))
    advice = ["give booleans=True"] if kind == "BOOL" else ["F16, BF16, F32", "tensor.float()"]
    refused(path, errors.SchemaError, f"dtype {kind} cannot be scores", *advice)


GOOD = {"a": entry("F32", [2], 0, 8), "b": entry("I64", [1], 8, 16)}


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ({**GOOD, "b": entry("I64", [1], 4, 12)}, ["b: ", "[4, 12] begin within another tensor, which ends at 8"]),
        ({**GOOD, "b": entry("I64", [1], 12, 20)}, ["b: ", "[12, 20] begin behind 4 bytes that are no tensor's"]),
        ({**GOOD, "a": entry("F32", [2], 8, 16)}, ["begin behind 8 bytes that are no tensor's"]),
        ({**GOOD, "a": entry("F32", [2], 8, 0)}, ["a: ", "[8, 0] end before they begin"]),
        ({**GOOD, "a": entry("F32", [3], 0, 8)}, ["a: ", "[0, 8] are 8 bytes", "(3,) of F32 needs 12"]),
        ({**GOOD, "a": entry("F32", [2**63, 2], 0, 8)}, ["a: ", "no whole number of bytes"]),
        ({**GOOD, "a": entry("F32", [2**62], 0, 8)}, ["a: ", "no whole number of bytes"]),
        ({**GOOD, "a": entry("F4", [3], 0, 8)}, ["a: ", "no whole number of bytes"]),
        ({**GOOD, "a": entry("F99", [2], 0, 8)}, ['dtype "F99"', "F16, BF16"]),
        ({**GOOD, "a": entry("F32", [-2], 0, 8)}, ["invalid value"]),
        ({**GOOD, "a": entry("F32", [2.0], 0, 8)}, ["invalid type"]),
        ({**GOOD, "a": entry("F32", [2], "0", 8)}, ["invalid type"]),
        ({**GOOD, "a": {"dtype": "F32", "shape": [2]}}, ["missing field `data_offsets`"]),
        ({**GOOD, "a": 1}, ["invalid type"]),
        ({**GOOD, "__metadata__": {"a": 1}}, ["invalid type"]),
        ({**GOOD, "__metadata__": "a"}, ["invalid type"]),
        (json.dumps(GOOD).encode()[:-1], ["EOF"]),
        (json.dumps(GOOD).encode() + b"x", ["trailing characters"]),
        (b'{"a":' + b"[" * 300 + b"]" * 300 + b"}", ["deeper in each other"]),
        (b'{"a\xff":{}}', ["cannot be read"]),
    ],
)
def test_headers_that_cannot_be_are_refused_as_by_the_package(tmp_path, header, names):
    path = tmp_path / "a.safetensors"
    path.write_bytes(encoded(header, bytes(16)))
    with pytest.raises(safetensors.SafetensorError):
        safetensors.deserialize(path.read_bytes())
    refused(path, errors.FormatError, *names)
    refused(path, errors.FormatError, *names, key="b")


@pytest.mark.parametrize(
    ("header", "names"),
    [
        # What the package has the last one win of, or does not look at.
        (
            b'{"a":' + json.dumps(GOOD["a"]).encode() + b',"a":' + json.dumps(GOOD["a"]).encode() + b"}",
            ['"a" is there twice'],
        ),
        ({"a": {**GOOD["a"], "strides": [2]}}, ["unknown field `strides`"]),
        (b" " + json.dumps({"a": GOOD["a"]}).encode(), ["first bytes"]),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(tmp_path, header, names):
    path = tmp_path / "a.safetensors"
    path.write_bytes(encoded(header, bytes(8)))
    refused(path, errors.FormatError, *names)


def test_the_byte_of_a_broken_header_is_told(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(encoded(b'{\n "a"; 1}'))
    refused(path, errors.FormatError, "at byte 14:", "expected `:`")


def test_a_file_that_is_cut_or_goes_on_is_told_with_both_sizes(tmp_path):
    path = tmp_path / "a.safetensors"
    whole = encoded(GOOD, bytes(16), padding=5)
    header = len(whole) - 16
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        names = ["it has"] if size < 8 else [f"needs {header}", f"has {size}"]
        names = ["promises 16 bytes", f"and {size - header} follow"] if size >= header else names
        refused(path, errors.TruncatedError, *(["0 bytes"] if size == 0 else names), key="a")
    path.write_bytes(whole + b"xyz")
    refused(path, errors.FormatError, f"byte {len(whole)}", "3 bytes follow", f"has {len(whole) + 3}", key="a")
    # Where no name says what it is, a file that is cut within its header begins as no format.
    (tmp_path / "a").write_bytes(whole[: header - 1])
    refused(tmp_path / "a", errors.FormatError, "no score format begins with", "safetensors")


def test_a_header_has_a_size(tmp_path):
    path = tmp_path / "a.safetensors"
    header = {"a": GOOD["a"]}
    padding = 25_000_000 - len(json.dumps(header))
    path.write_bytes(encoded(header, bytes(8), padding))
    same(dsdm.open_scores(path), np.zeros(2, "f4"))
    path.write_bytes(encoded(header, bytes(8), padding + 1))
    refused(path, errors.FormatError, "25000001 bytes; at most 25000000 are read")
    # Nothing is read of what is told and not there, whatever its size.
    for length in (25_000_001, 2**63, 2**63 + 2**40):
        path.write_bytes(struct.pack("<Q", length) + b'{"a":1}')
        refused(path, errors.FormatError, f"{length} bytes; at most")
    path.write_bytes(struct.pack("<Q", 25_000_000) + b'{"a":1}')
    refused(path, errors.TruncatedError, "needs 25000008", "has 15")


def test_other_tensors_are_not_read(tmp_path):
    path = tmp_path / "a.safetensors"
    values, other = np.arange(1000, dtype="<f4"), 3 << 30
    header = {
        "before": entry("F32", [other // 4], 0, other),
        "scores": entry("F32", [1000], other, other + 4000),
        "after": entry("F8_E5M2", [other], other + 4000, 2 * other + 4000),
    }
    start = encoded(header)
    with path.open("wb") as file:
        file.write(start)
        file.seek(len(start) + other)
        file.write(values.tobytes())
        file.truncate(len(start) + 2 * other + 4000)
    began = time.monotonic()
    for io in ("mmap", "pread"):
        same(dsdm.open_scores(path, key="scores", io=io), values)
    assert time.monotonic() - began < 2
    path.unlink()


def test_files_are_one_vector_if_they_have_it_under_one_name(tmp_path):
    for number, name in enumerate(["x", "x", "y"]):
        values = np.arange(number, number + 3, dtype="f4")
        safetensors.numpy.save_file({name: values}, tmp_path / f"{number}.safetensors")
    a, b, c = sorted(tmp_path.glob("*.safetensors"))
    same(dsdm.open_scores([a, b]), np.float32([0, 1, 2, 1, 2, 3]))
    with pytest.raises(errors.SchemaError, match=r'key "y" here and key "x" in .*name it with key='):
        dsdm.open_scores([a, b, c])
    c.unlink()
    same(dsdm.open_scores(tmp_path), np.float32([0, 1, 2, 1, 2, 3]))
    np.save(tmp_path / "2.npy", np.zeros(3, "f4"))
    with pytest.raises(IsADirectoryError, match="several kinds"):
        dsdm.open_scores(tmp_path)


def test_scores_are_pickled_by_their_key(tmp_path):
    path = tmp_path / "a.safetensors"
    safetensors.numpy.save_file({"x": np.zeros(3, "f4"), "y": np.arange(3, dtype="f4")}, path)
    scores = pickle.loads(pickle.dumps(dsdm.open_scores(path, key="y", verify=True)))  # noqa: S301
    assert scores.key == "y"
    scores.check()
    same(scores, np.arange(3, dtype="f4"))
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(errors.SourceChangedError):
        np.asarray(scores)


def test_by_its_content_a_file_is_what_it_is(tmp_path):
    content = encoded({"a": GOOD["a"]}, np.float32([1, 2]).tobytes())
    for name in ("a", "a.dat", "a.SAFETENSORS"):
        (tmp_path / name).write_bytes(content)
        same(dsdm.open_scores(tmp_path / name, dtype="float32"), np.float32([1, 2]))
    for name, named in (("a.npy", ".npy"), ("a.pt", "torch"), ("a.bin", "raw values"), ("a.parquet", "Parquet")):
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, errors.FormatError, named, "by its content safetensors; rename it")
    np.save(tmp_path / "b.npy", np.zeros(3))
    (tmp_path / "b.npy").rename(tmp_path / "b.safetensors")
    refused(tmp_path / "b.safetensors", errors.FormatError, "by its name this is safetensors", ".npy")
    (tmp_path / "c.safetensors").write_bytes(b"not what it says at all")
    refused(tmp_path / "c.safetensors", errors.FormatError, "by its name this is safetensors", "not what it says")
    with pytest.raises(errors.FormatError, match=r"safetensors.*scores are opened with open_scores"):
        dsdm.open_shards(tmp_path / "a.SAFETENSORS")


def test_the_command_names_a_tensor(tmp_path, run):
    tensors = {"x": np.float32([1, 3, 2]), "y": np.float32([3, 1, 2])}
    safetensors.numpy.save_file(tensors, tmp_path / "a.safetensors")
    code, out, _ = run("scores", "a.safetensors", "--key", "y")
    assert code == 0
    assert "y" in out
    code, _, said = run("scores", "a.safetensors")
    assert code == 1
    assert "choose with --key x or --key y" in said
    code, _, said = run("indices", "a.safetensors", "--key", "y", "-k", 2, "-o", "rows.npy")
    assert code == 0, said
    assert np.load(tmp_path / "rows.npy").tolist() == [0, 2]
