//! Every fixture that torch wrote, and every bad input that is made from one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;

use super::parts;
use crate::error::Error;
use crate::io::file::{File, Storage};
use crate::io::map::Map;
use crate::io::opened::Opened;
use crate::scores::dtype::DType;
use crate::scores::options::OpenOptions;
use crate::scores::vector::part::Part;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/torch")
}

pub(super) fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(fixtures().join(format!("{name}.pt"))).unwrap()
}

/// The values of the part, one by one as the definition of [`Part`] says, in native order.
pub(super) fn values(part: &Part) -> Vec<u8> {
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
pub(super) fn npy(name: &str) -> Vec<u8> {
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

pub(super) fn read(bytes: &[u8], key: Option<&str>, verify: bool) -> Result<Part, Error> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let options = OpenOptions { key: key.map(str::to_owned), verify, ..OpenOptions::default() };
    let found = parts(&open(file.path(), false), &options);
    let other = parts(&open(file.path(), true), &options);
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
pub(super) enum Is {
    Format,
    Unsafe,
    Truncated,
    Schema,
    Checksum,
}

#[track_caller]
pub(super) fn refused_with(bytes: &[u8], key: Option<&str>, verify: bool, is: Is, names: &[&str]) {
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
pub(super) fn refused(bytes: &[u8], is: Is, names: &[&str]) {
    refused_with(bytes, None, false, is, names);
}

/// Entries stored in a plain zip without zip64 records, as a zip tool writes it.
pub(super) fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
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

pub(super) fn file_of(pickle: &[u8], order: &[u8]) -> Vec<u8> {
    let bytes: Vec<u8> = VALUES.iter().flat_map(|value| value.to_le_bytes()).collect();
    zip(&[("s/data.pkl", pickle), ("s/byteorder", order), ("s/data/0", &bytes), ("s/version", b"3\n")])
}

pub(super) fn text(text: &str) -> Vec<u8> {
    [&b"X"[..], &u32::try_from(text.len()).unwrap().to_le_bytes()[..], text.as_bytes()].concat()
}

pub(super) fn int(value: i32) -> Vec<u8> {
    [&b"J"[..], &value.to_le_bytes()[..]].concat()
}

/// The call that rebuilds a tensor, `tail` being what follows the six arguments.
pub(super) fn tensor(
    storage: &str,
    numel: &[u8],
    offset: i32,
    shape: &[i32],
    strides: &[i32],
    tail: &[u8],
) -> Vec<u8> {
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

pub(super) fn pickle(body: &[u8]) -> Vec<u8> {
    [&b"\x80\x02"[..], body, b"."].concat()
}

pub(super) fn of(body: &[u8]) -> Vec<u8> {
    file_of(&pickle(body), b"little")
}

pub(super) fn plain(numel: i32, offset: i32, shape: &[i32], strides: &[i32]) -> Vec<u8> {
    of(&tensor("torch\nFloatStorage", &int(numel), offset, shape, strides, b""))
}

/// A fixture with `from` replaced by `to` of the same length, everywhere.
pub(super) fn patched(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut out = bytes.to_vec();
    let places: Vec<_> = (0..=out.len() - from.len()).filter(|i| out[*i..].starts_with(from)).collect();
    assert!(!places.is_empty(), "nothing to patch");
    for place in places {
        out[place..place + to.len()].copy_from_slice(to);
    }
    out
}

pub(super) fn find(bytes: &[u8], what: &[u8], nth: usize) -> usize {
    (0..bytes.len()).filter(|i| bytes[*i..].starts_with(what)).nth(nth).unwrap()
}

/// The offset of the nth directory record.
pub(super) fn central(bytes: &[u8], nth: usize) -> usize {
    find(bytes, b"PK\x01\x02", nth)
}

pub(super) fn set(bytes: &[u8], at: usize, to: &[u8]) -> Vec<u8> {
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
    assert_eq!(readable, 19);
}

#[test]
fn keys_choose_among_tensors() {
    let two = fixture("dict_two_tensors");
    assert_eq!(values(&read(&two, Some("a"), true).unwrap()), npy("float32"));
    assert_eq!(values(&read(&two, Some("b"), true).unwrap()), npy("float64"));
    refused(&two, Is::Format, &["2 tensors", "choose with key=\"a\" or key=\"b\""]);
    refused_with(&two, Some("c"), false, Is::Format, &["key=\"c\"", "choose with key=\"a\" or key=\"b\""]);
    refused_with(&fixture("float32"), Some("a"), false, Is::Format, &["a tensor", "leave key=\"a\" out"]);
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

/// A dict of a text and a value.
fn dict(key: &str, value: &[u8]) -> Vec<u8> {
    [&b"}"[..], &text(key), value, b"s"].concat()
}

#[test]
fn tensors_that_no_key_names_are_told_with_the_line_that_takes_them_out() {
    let tensor = tensor("torch\nFloatStorage", &int(3), 0, &[3], &[1], b"");
    let inner = [&b"]("[..], &tensor, &tensor, b"e"].concat();
    let nested = of(&dict("scores", &dict("squad", &inner)));
    let taken = "torch.save(torch.load(path, weights_only=True)[\"scores\"][\"squad\"][0], \"scores.pt\")";
    let both = "[\"scores\"][\"squad\"][0] and [\"scores\"][\"squad\"][1]";
    for key in [None, Some("squad"), Some("scores")] {
        refused_with(&nested, key, false, Is::Format, &["a dict", both, taken]);
    }
    let beside = of(&[&b"}("[..], &text("a"), &tensor, &text("b"), &dict("c", &tensor), b"u"].concat());
    refused(&beside, Is::Format, &["choose with key=\"a\"; tensors lie deeper, at [\"b\"][\"c\"],"]);
    let other_keys = of(&[&b"}("[..], &b"N"[..], &tensor, b"\x89", &tensor, b"u"].concat());
    refused(&other_keys, Is::Format, &["2 have keys that are neither text nor whole numbers"]);
}

#[test]
fn tensors_of_other_shapes_are_told_what_makes_a_vector_of_them() {
    for (shape, strides, advice) in [
        (&[1, 3][..], &[3, 1][..], "save tensor.reshape(-1)"),
        (&[3, 1, 1], &[1, 1, 1], "save tensor.reshape(-1)"),
        (&[2, 2], &[1, 1], "choose one with column=0 to column=1"),
        (&[2, 2, 2], &[1, 1, 1], "tensor.flatten(1).mean(dim=1)"),
        (&[], &[], "one number is no vector"),
    ] {
        refused(&plain(3, 0, shape, strides), Is::Schema, &[advice]);
    }
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
fn older_containers_are_named_with_the_fix() {
    let legacy = fixture("legacy_format");
    refused(&legacy, Is::Format, &["legacy", "torch.save(torch.load("]);
    let mut tar = vec![0; 1024];
    tar[257..262].copy_from_slice(b"ustar");
    refused(&tar, Is::Format, &["tar", "torch.save(torch.load("]);
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
