//! Every fixture that torch wrote, and every bad input that is made from one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;

use super::super::stored::Part;
use super::parts;
use crate::error::Error;
use crate::io::file::{File, Storage};
use crate::io::map::Map;
use crate::io::opened::Opened;
use crate::scores::DType;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/torch")
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(fixtures().join(format!("{name}.pt"))).unwrap()
}

/// The values of the part, one by one as the definition of [`Part`] says, in native order.
fn values(part: &Part) -> Vec<u8> {
    let bytes = match &part.storage {
        Storage::Mapped(map) => map.bytes().to_vec(),
        Storage::Positional(opened) => std::fs::read(opened.path()).unwrap(),
        Storage::Memory(bytes) => bytes.to_vec(),
    };
    let size = part.dtype.size();
    let mut out = Vec::new();
    for i in 0..part.len {
        let at = usize::try_from(part.offset + i * part.stride * size as u64).unwrap();
        let mut value = bytes[at..at + size].to_vec();
        if part.swapped {
            value.reverse();
        }
        out.extend(value);
    }
    out
}

/// The array of an .npy file of version 1.
fn npy(name: &str) -> Vec<u8> {
    let bytes = std::fs::read(fixtures().join(format!("{name}.npy"))).unwrap();
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    bytes[10 + header..].to_vec()
}

fn open(path: &Path, positional: bool) -> File {
    if positional {
        File::Positional(Arc::new(Opened::open(path).unwrap()))
    } else {
        File::Mapped(Arc::new(Map::open(path).unwrap()))
    }
}

fn read(bytes: &[u8], key: Option<&str>, verify: bool) -> Result<Part, Error> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let found = parts(&open(file.path(), false), key, verify);
    let other = parts(&open(file.path(), true), key, verify);
    assert_eq!(found.is_ok(), other.is_ok(), "both io modes agree");
    found.map(|(mut parts, _)| {
        assert_eq!(parts.len(), 1);
        let part = parts.remove(0);
        // Within the file, whatever the file says: reading each value must not panic.
        values(&part);
        part
    })
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Is {
    Format,
    Unsafe,
    Truncated,
    Schema,
    Checksum,
}

#[track_caller]
fn refused_with(bytes: &[u8], key: Option<&str>, verify: bool, is: Is, names: &[&str]) {
    let error = read(bytes, key, verify).unwrap_err();
    let found = match &error {
        Error::Format(_) => Is::Format,
        Error::UnsafePickle(_) => Is::Unsafe,
        Error::Truncated(_) => Is::Truncated,
        Error::Schema(_) => Is::Schema,
        Error::Checksum(_) => Is::Checksum,
        other => panic!("{other}"),
    };
    assert_eq!(found, is, "{error}");
    for name in names {
        assert!(error.to_string().contains(name), "{name:?} is not in: {error}");
    }
}

#[track_caller]
fn refused(bytes: &[u8], is: Is, names: &[&str]) {
    refused_with(bytes, None, false, is, names);
}

/// Entries stored in a plain zip without zip64 records, as a zip tool writes it.
fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in entries {
        let offset = u32::try_from(out.len()).unwrap();
        let crc = crc32fast::hash(bytes).to_le_bytes();
        let len = u32::try_from(bytes.len()).unwrap().to_le_bytes();
        let name_len = u16::try_from(name.len()).unwrap().to_le_bytes();
        let common = [&[0; 8][..], &crc, &len, &len, &name_len, &[0; 2]].concat();
        out.extend([&b"PK\x03\x04"[..], &[20, 0][..], &common, name.as_bytes(), bytes].concat());
        directory.extend(
            [&b"PK\x01\x02"[..], &[20, 0, 20, 0][..], &common, &[0; 10], &offset.to_le_bytes()].concat(),
        );
        directory.extend(name.as_bytes());
    }
    let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
    let (offset, size) = (u32::try_from(out.len()).unwrap(), u32::try_from(directory.len()).unwrap());
    out.extend(directory);
    out.extend(
        [
            &b"PK\x05\x06"[..],
            &[0; 4][..],
            &count,
            &count,
            &size.to_le_bytes(),
            &offset.to_le_bytes(),
            &[0; 2],
        ]
        .concat(),
    );
    out
}

const VALUES: [f32; 3] = [1.5, -2.0, 3.25];

fn file_of(pickle: &[u8], order: &[u8]) -> Vec<u8> {
    let bytes: Vec<u8> = VALUES.iter().flat_map(|value| value.to_le_bytes()).collect();
    zip(&[("s/data.pkl", pickle), ("s/byteorder", order), ("s/data/0", &bytes), ("s/version", b"3\n")])
}

fn text(text: &str) -> Vec<u8> {
    [&b"X"[..], &u32::try_from(text.len()).unwrap().to_le_bytes()[..], text.as_bytes()].concat()
}

fn int(value: i32) -> Vec<u8> {
    [&b"J"[..], &value.to_le_bytes()[..]].concat()
}

/// The call that rebuilds a tensor, `tail` being what follows the six arguments.
fn tensor(storage: &str, numel: &[u8], offset: i32, shape: &[i32], strides: &[i32], tail: &[u8]) -> Vec<u8> {
    let tuple = |items: &[i32]| {
        [&b"("[..], &items.iter().flat_map(|i| int(*i)).collect::<Vec<_>>()[..], b"t"].concat()
    };
    let function = if storage.contains("Untyped") { "v3" } else { "v2" };
    [
        format!("ctorch._utils\n_rebuild_tensor_{function}\n((").as_bytes(),
        &text("storage"),
        format!("c{storage}\n").as_bytes(),
        &text("0"),
        &text("cpu"),
        numel,
        b"tQ",
        &int(offset),
        &tuple(shape),
        &tuple(strides),
        b"\x89ccollections\nOrderedDict\n)R",
        tail,
        b"tR",
    ]
    .concat()
}

fn pickle(body: &[u8]) -> Vec<u8> {
    [&b"\x80\x02"[..], body, b"."].concat()
}

fn of(body: &[u8]) -> Vec<u8> {
    file_of(&pickle(body), b"little")
}

fn plain(numel: i32, offset: i32, shape: &[i32], strides: &[i32]) -> Vec<u8> {
    of(&tensor("torch\nFloatStorage", &int(numel), offset, shape, strides, b""))
}

/// A fixture with `from` replaced by `to` of the same length, everywhere.
fn patched(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut out = bytes.to_vec();
    let places: Vec<_> = (0..=out.len() - from.len()).filter(|i| out[*i..].starts_with(from)).collect();
    assert!(!places.is_empty(), "nothing to patch");
    for place in places {
        out[place..place + to.len()].copy_from_slice(to);
    }
    out
}

fn find(bytes: &[u8], what: &[u8], nth: usize) -> usize {
    (0..bytes.len()).filter(|i| bytes[*i..].starts_with(what)).nth(nth).unwrap()
}

/// The offset of the nth directory record.
fn central(bytes: &[u8], nth: usize) -> usize {
    find(bytes, b"PK\x01\x02", nth)
}

fn set(bytes: &[u8], at: usize, to: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    out[at..at + to.len()].copy_from_slice(to);
    out
}

#[test]
fn readable_fixtures_give_their_values() {
    let index = std::fs::read_to_string(fixtures().join("index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_str(&index).unwrap();
    let mut readable = 0;
    for (name, about) in index.as_object().unwrap() {
        let result = read(&fixture(name), None, true);
        if about["readable"] == false {
            let error = result.unwrap_err();
            assert!(!matches!(error, Error::Internal(_)), "{error}");
            continue;
        }
        readable += 1;
        let part = result.unwrap();
        let (found, expected) = (values(&part), npy(name));
        let wide = |pair: [u8; 2]| match part.dtype {
            DType::F16 => half::f16::from_le_bytes(pair).to_f32(),
            _ => half::bf16::from_le_bytes(pair).to_f32(),
        };
        if matches!(part.dtype, DType::F16 | DType::BF16) {
            let found: Vec<u8> =
                found.as_chunks().0.iter().flat_map(|pair| wide(*pair).to_le_bytes()).collect();
            assert_eq!(found, expected, "{name}");
        } else {
            assert_eq!(found, expected, "{name}");
        }
        if let Some(dtype) = about["dtype"].as_str().filter(|dtype| !dtype.is_empty()) {
            assert_eq!(part.dtype.name(), dtype, "{name}");
        }
    }
    assert_eq!(readable, 16);
}

#[test]
fn keys_choose_among_tensors() {
    let two = fixture("dict_two_tensors");
    assert_eq!(values(&read(&two, Some("a"), true).unwrap()), npy("float32"));
    assert_eq!(values(&read(&two, Some("b"), true).unwrap()), npy("float64"));
    refused(&two, Is::Format, &["2 tensors", "key=", "\"a\", \"b\""]);
    refused_with(&two, Some("c"), false, Is::Format, &["key=\"c\"", "\"a\", \"b\""]);
    refused_with(&fixture("float32"), Some("a"), false, Is::Format, &["a tensor", "key=\"a\""]);
    refused(&fixture("list_of_floats"), Is::Format, &["a list", "0 tensors", "key="]);
    let beside = fixture("dict_list_and_tensor");
    refused(&beside, Is::Format, &["the tensor \"idx\"", "list \"scores\"", "key=\"idx\""]);
    assert_eq!(read(&beside, Some("idx"), false).unwrap().len, 2);
    refused_with(&beside, Some("scores"), false, Is::Format, &["key=\"scores\" is a list"]);
    let one = tensor("torch\nFloatStorage", &int(3), 0, &[2], &[1], b"");
    let other = tensor("torch\nFloatStorage", &int(3), 1, &[2], &[1], b"");
    let list = of(&[&b"]("[..], &one[..], &other, b"e"].concat());
    assert_eq!(
        read(&list, Some("1"), false).unwrap().offset,
        read(&list, Some("0"), false).unwrap().offset + 4
    );
}

#[test]
fn a_plain_zip_and_both_byte_orders_are_read() {
    let body = pickle(&tensor("torch\nFloatStorage", &int(3), 0, &[3], &[1], b""));
    let little = read(&file_of(&body, b"little"), None, true).unwrap();
    let native: Vec<u8> = VALUES.iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(values(&little), native);
    let big = read(&file_of(&body, b"big"), None, true).unwrap();
    assert_ne!(big.swapped, little.swapped);
    refused(&file_of(&body, b"middle"), Is::Format, &["byteorder", "middle", "little"]);
    let wide = tensor("torch.storage\nUntypedStorage", &int(12), 1, &[2], &[1], b"ctorch\nuint32\n");
    let part = read(&of(&wide), None, true).unwrap();
    assert_eq!((part.dtype, part.len), (DType::U32, 2));
    assert_eq!(values(&part), native[4..]);
}

#[test]
fn ends_of_the_file() {
    let good = fixture("float32");
    refused(b"", Is::Truncated, &["0 bytes"]);
    refused(&good[..good.len() - 1], Is::Truncated, &["end-of-central-directory", "EOCD"]);
    refused(&good[..1000], Is::Truncated, &["EOCD"]);
    refused(&good[..10], Is::Truncated, &["EOCD"]);
    let end = format!("at byte {}", good.len());
    refused(&[&good[..], b"junk"].concat(), Is::Format, &[&end, "4 bytes after"]);
    refused(b"<!DOCTYPE html><html>", Is::Format, &["<!DOCTYPE html", "PK"]);
    // A hole in the middle: the directory no longer lies where the end says.
    refused(&[&good[..600], &good[700..]].concat(), Is::Format, &["zip64 end record offset"]);
    let plain = plain(3, 0, &[3], &[1]);
    refused(&[&plain[..40], &plain[50..]].concat(), Is::Truncated, &["need", "has", "missing"]);
}

#[test]
fn zip64_values_are_checked() {
    let good = fixture("float32");
    let record = find(&good, b"PK\x06\x06", 0);
    let narrow = find(&good, b"PK\x05\x06", 0);
    let ones = set(&good, narrow + 12, &[0xff; 8]);
    assert!(read(&ones, None, true).is_ok(), "all ones defer to the zip64 record");
    refused(&set(&ones, record + 48, &[0xff; 8]), Is::Format, &["central directory offset", "overflows"]);
    refused(&set(&ones, record + 40, &[0xff; 8]), Is::Format, &["central directory", "overflows"]);
    refused(&set(&good, record + 48, &[0xff; 8]), Is::Format, &["central directory offset", "zip64"]);
    for at in [narrow + 4, narrow + 6, record + 16, record + 20, narrow - 16, narrow - 4] {
        refused(&set(&good, at, &[8]), Is::Format, &["disk number", "expected 0"]);
    }
    let many = set(&set(&good, narrow + 10, &[0xff; 2]), record + 32, &1_000_000u64.to_le_bytes());
    refused(&many, Is::Format, &["1000000 entries", "limit is 65536"]);
    let at = central(&good, 0);
    refused(&set(&good, at + 24, &[0xff; 4]), Is::Format, &["uncompressed size", "zip64 extra"]);
}

#[test]
fn entries_of_the_zip() {
    let good = fixture("float32");
    let at = central(&good, 4);
    let compressed = set(&good, central(&good, 0) + 10, &[8, 0]);
    refused(&compressed, Is::Format, &["method 8", "re-save", "float32/data.pkl"]);
    refused(&set(&good, at + 8, &[9, 8]), Is::Format, &["flags 0x0809", "0x0808"]);
    refused(&set(&good, at + 8, &[0, 8]), Is::Format, &["flags", "2056", "2048"]);
    let long = 1_000_000u32.to_le_bytes();
    let past = set(&set(&good, at + 20, &long), at + 24, &long);
    refused(&past, Is::Truncated, &["needs", &format!("has {}", good.len())]);
    let over = 4500u32.to_le_bytes();
    let over = set(&set(&good, at + 20, &over), at + 24, &over);
    refused(&over, Is::Format, &["overlap", "float32/data/0"]);
    refused(&set(&good, at + 42, &[0xfe; 4]), Is::Truncated, &["local header offset", "needs"]);
    refused(&set(&good, at + 46, b"floaT"), Is::Format, &["prefix", "floaT32/data/0"]);
    refused(
        &set(&good, at + 46 + 13, b"1"),
        Is::Format,
        &["float32/data/1", "float32/data/0", "local header"],
    );
    refused(&patched(&good, b"float32/version", b"float32/../sion"), Is::Format, &["../sion", "prefix"]);
    let twice: [(&str, &[u8]); 3] = [("s/data.pkl", &b"."[..]), ("s/a", b""), ("s/a", b"")];
    refused(&zip(&twice), Is::Format, &["\"s/a\"", "twice"]);
    refused(&zip(&[("s/version", b"3")]), Is::Format, &["no data.pkl", "s/version"]);
    refused(&zip(&[("s/data.pkl", b""), ("t/data.pkl", b"")]), Is::Format, &["2 entries", "t/data.pkl"]);
    refused(&zip(&[("a.npy", b"")]), Is::Format, &[".npz", "a.npy"]);
    let script: [(&str, &[u8]); 2] = [("s/data.pkl", &b""[..]), ("s/constants.pkl", b"")];
    refused(&zip(&script), Is::Format, &["TorchScript", "constants.pkl"]);
    refused(&zip(&[("s/data.pkl", b"\x80\x02N."), ("s/version", b"11\n")]), Is::Format, &["11", "1 to 10"]);
    let same = set(&plain(3, 0, &[3], &[1]), 0, b"PK");
    let (first, second) = (central(&same, 0), central(&same, 3));
    let moved = set(&same, second + 42, &same[first + 42..first + 46]);
    refused(&moved, Is::Format, &["s/version", "s/data.pkl"]);
}

#[test]
fn overlapping_entries_are_named_with_their_spans() {
    // The payload of the first holds the whole of the second.
    let inner = zip(&[("s/b", b"xy")]);
    let local = &inner[..inner.len() - 22 - 49];
    let outer = zip(&[("s/data.pkl", local), ("s/b", b"xy")]);
    let at = central(&outer, 1);
    let bytes = set(&outer, at + 42, &40u32.to_le_bytes());
    refused(&bytes, Is::Format, &["overlap", "\"s/data.pkl\" at 0..75", "\"s/b\" at 40..75"]);
}

#[test]
fn hostile_pickles_are_refused() {
    refused(&fixture("malicious_reduce"), Is::Unsafe, &["posix.system", "nothing was run"]);
    refused(&of(b"cos\nsystem\nX\x02\0\0\0ls\x85R"), Is::Unsafe, &["os.system"]);
    assert!(!Path::new("pwned-by-pickle").exists());
    let opcodes: &[(&[u8], &str)] = &[
        (b"}}b", "BUILD"),
        (b"))\x81", "NEWOBJ"),
        (b"(ios\nsystem\n", "INST"),
        (b"(o", "OBJ"),
        (b"\x82\x01", "EXT1"),
        (b"\x83\x01\x01", "EXT2"),
        (b"\x84\x01\x01\x01\x01", "EXT4"),
        (b"\x93", "STACK_GLOBAL"),
        (b"P0\n", "PERSID"),
        (b"N2", "DUP"),
        (b"N0", "POP"),
        (b"))}\x92", "NEWOBJ_EX"),
    ];
    for (body, name) in opcodes {
        refused(&of(body), Is::Unsafe, &[&format!("opcode {name} "), "at byte 4"]);
    }
    refused(&of(b"ccollections\nOrderedDict\nN\x85R"), Is::Unsafe, &["OrderedDict", "1 arguments"]);
    refused(
        &of(b"ctorch._utils\n_rebuild_tensor_v2\nN\x85R"),
        Is::Unsafe,
        &["_rebuild_tensor_v2", "6 arguments"],
    );
    refused(
        &of(b"ctorch._utils\n_rebuild_tensor_v3\n)R"),
        Is::Unsafe,
        &["_rebuild_tensor_v3", "7 arguments"],
    );
    refused(
        &of(b"ctorch._utils\n_rebuild_parameter\n)R"),
        Is::Unsafe,
        &["_rebuild_parameter", "3 arguments"],
    );
    refused(&of(b"N\x85Q"), Is::Unsafe, &["persistent id"]);
    refused(&of(b"\x85"), Is::Unsafe, &["underflow", "at byte 42"]);
    refused(&of(b"N(\x85"), Is::Unsafe, &["underflow", "at byte 44"]);
    refused(&of(b"t"), Is::Unsafe, &["underflow", "MARK"]);
    refused(&of(b"h\x07"), Is::Unsafe, &["memo 7", "at byte 42"]);
    refused(&of(b"NN"), Is::Unsafe, &["STOP"]);
    refused(&file_of(b"\x80\x02N", b"little"), Is::Truncated, &["STOP", "3 bytes"]);
    refused(&file_of(b"\x80\x02N..", b"little"), Is::Format, &["1 bytes", "after its STOP"]);
    for protocol in [3, 4, 5] {
        let bytes = file_of(&[0x80, protocol, b'N', b'.'], b"little");
        refused(&bytes, Is::Unsafe, &[&format!("protocol {protocol}"), "re-save"]);
    }
    refused(&of(&[b'('; 65]), Is::Format, &["64", "limit"]);
    refused(&of(&vec![b'N'; 1 << 20]), Is::Format, &["data.pkl", "limit is 1048576"]);
    refused(&of(&vec![b'N'; 1_000_001]), Is::Format, &["1000000 opcodes", "limit"]);
}

#[test]
fn tensors_are_held_against_their_storage() {
    refused(&plain(4, 0, &[3], &[1]), Is::Format, &["4 values", "12 bytes"]);
    refused(&plain(3, 1, &[3], &[1]), Is::Format, &["past the bound", "3 values"]);
    refused(&plain(3, 0, &[3], &[2]), Is::Format, &["past the bound", "stride 2"]);
    refused(&plain(3, 4, &[0], &[1]), Is::Format, &["past the bound"]);
    refused(&plain(-1, 0, &[3], &[1]), Is::Format, &["-1"]);
    refused(&plain(3, -1, &[3], &[1]), Is::Format, &["storage offset -1"]);
    refused(&plain(3, 0, &[-3], &[1]), Is::Format, &["size -3"]);
    refused(&plain(3, 2, &[3], &[-1]), Is::Format, &["stride -1"]);
    let huge = b"\x8a\x09\0\0\0\0\0\0\0\x80\0";
    let body = tensor("torch\nFloatStorage", huge, 0, &[3], &[1], b"");
    refused(&of(&body), Is::Format, &["9223372036854775808"]);
    let most = b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f";
    let body = tensor("torch\nFloatStorage", most, 0, &[3], &[1], b"");
    refused(&of(&body), Is::Format, &["9223372036854775807"]);
    refused(&plain(3, 0, &[3], &[0]), Is::Format, &["stride 0", ".contiguous()"]);
    refused(&plain(3, 0, &[], &[]), Is::Schema, &["shape ()"]);
    refused(&fixture("scalar"), Is::Schema, &["shape ()"]);
    refused(&fixture("matrix_n_by_3"), Is::Schema, &["shape (", ", 3)", "(n, 1)"]);
    refused(&plain(3, 0, &[3], &[1, 1]), Is::Format, &["shape", "strides"]);
    let no = patched(&plain(3, 0, &[3], &[1]), b"s/data/0", b"s/data/1");
    refused(&no, Is::Format, &["no entry \"s/data/0\""]);
    for (key, fix) in [("neg", ".resolve_neg()"), ("conj", ".resolve_conj()")] {
        let tail = [&b"}"[..], &text(key)[..], b"\x88s"].concat();
        let body = tensor("torch\nFloatStorage", &int(3), 0, &[3], &[1], &tail);
        refused(&of(&body), Is::Format, &[key, fix]);
    }
}

#[test]
fn other_kinds_of_tensors_are_named() {
    refused(&fixture("sparse"), Is::Format, &["sparse", "to_dense"]);
    refused(&of(b"ctorch._utils\n_rebuild_qtensor\n"), Is::Format, &["quantized"]);
    refused(&of(b"ctorch._utils\n_rebuild_meta_tensor_no_storage\n"), Is::Format, &["meta"]);
    refused(&of(b"ctorch._tensor\n_rebuild_from_type_v2\n"), Is::Format, &["subclass"]);
    refused(&fixture("bool"), Is::Schema, &["dtype bool", "float32"]);
    refused(&fixture("complex64"), Is::Schema, &["dtype complex64"]);
    let body = tensor("torch.storage\nUntypedStorage", &int(12), 0, &[3], &[1], b"ctorch\nfloat8_e5m2\n");
    refused(&of(&body), Is::Schema, &["dtype float8_e5m2"]);
}

#[test]
fn older_containers_are_named_with_the_fix() {
    let legacy = fixture("legacy_format");
    refused(&legacy, Is::Format, &["legacy", "torch.save(torch.load("]);
    let mut tar = vec![0; 1024];
    tar[257..262].copy_from_slice(b"ustar");
    refused(&tar, Is::Format, &["tar", "torch.save(torch.load("]);
}

#[test]
fn checksums_are_compared_when_asked() {
    let good = fixture("float32");
    let entry = find(&good, b"float32/data/0", 0);
    let flipped = set(&good, entry + 200, &[good[entry + 200] ^ 1]);
    assert!(read(&flipped, None, false).is_ok());
    let stored = central(&good, 4) + 16;
    let crc = u32::from_le_bytes([good[stored], good[stored + 1], good[stored + 2], good[stored + 3]]);
    refused_with(
        &flipped,
        None,
        true,
        Is::Checksum,
        &["float32/data/0", &format!("{crc:#010x}"), "they have 0x"],
    );
    refused_with(&set(&good, stored, &[0; 4]), None, true, Is::Checksum, &["CRC 0", "skip_data"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// A few bytes changed, or the file cut: a typed error or values within the file, never a panic.
    #[test]
    fn mutants_never_panic(
        which in prop::sample::select(vec!["float32", "view_stride2", "parameter", "dict_two_tensors", "sparse"]),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 1..6),
        cut in prop::option::weighted(0.1, any::<prop::sample::Index>()),
    ) {
        let mut bytes = fixture(which);
        // Most of a file is payload: aim half the edits at the pickle and half at the directory.
        let directory = central(&bytes, 0);
        for (index, byte, head) in edits {
            let (start, len) = if head { (0, 420) } else { (directory, bytes.len() - directory) };
            bytes[start + index.index(len)] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Err(error) = read(&bytes, None, true) {
            prop_assert!(!matches!(error, Error::Internal(_) | Error::Io { .. }), "{error}");
        }
    }

    /// Any opcodes at all.
    #[test]
    fn pickles_never_panic(body in prop::collection::vec(
        prop::sample::select(b"\x80\x02(N\x88JKM\x8aGX)\x85\x86\x87t]}aesuqrhjcQR.\x00\x01\x03".to_vec()), 0..200)) {
        if let Err(error) = read(&of(&body), None, false) {
            prop_assert!(!matches!(error, Error::Internal(_)), "{error}");
        }
    }
}
