//! The beginnings of files, and what they are taken for.

use std::path::Path;

use super::{Head, known};

/// A schema message without fields, framed as before Arrow 0.15.
#[rustfmt::skip] // a field is a line
const OLD_SCHEMA: &[u8] = &[
    0x30, 0, 0, 0, // the length
    0x10, 0, 0, 0, 0, 0, // where the table is
    0x0a, 0, 0x0c, 0, 0x06, 0, 0x05, 0, 0x08, 0, // where its fields are
    0x0a, 0, 0, 0, 0, 0x01, // a schema
    0x03, 0, // the fourth version
    0x0c, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

#[test]
fn an_old_stream_is_told_by_its_message() {
    let whole = |bytes: &[u8]| name_of(bytes).is_some();
    assert!(whole(OLD_SCHEMA));
    // Another length, a table elsewhere, a version that has not been, a batch in place of a schema.
    for (place, value) in [(0, 0x34), (0, 0x31), (4, 0x40), (20, 0x11), (26, 5), (25, 3)] {
        let mut other = OLD_SCHEMA.to_vec();
        other[place] = value;
        assert!(!whole(&other), "byte {place}");
    }
    assert_eq!(OLD_SCHEMA.len(), 0x30 + 4);
    (0..OLD_SCHEMA.len()).for_each(|length| assert!(!whole(&OLD_SCHEMA[..length]), "{length} bytes"));
}

fn name_of(bytes: &[u8]) -> Option<&'static str> {
    known(Head { bytes, size: bytes.len() as u64 }).map(|format| format.name)
}

#[test]
fn files_are_told_by_their_first_bytes() {
    let mut tar = [0u8; 512];
    tar[257..262].copy_from_slice(b"ustar");
    let mut npz = b"PK\x03\x04".to_vec();
    npz.resize(26, 0);
    npz.extend_from_slice(b"\x05\0\0\0a.npy");
    let cases: &[(&[u8], &str)] = &[
        (b"version https://git-lfs.github.com/spec/v1\n", "a git LFS pointer"),
        (b"\xef\xbb\xbf \n<!DOCTYPE HTML>", "a web page"),
        (b"<?xml version=\"1.0\"?><Error>", "a web page"),
        (&npz, "a .npz archive"),
        (b"PK\x03\x04\0\0", "a zip archive (as torch.save writes it)"),
        (b"\x93NUMPY\x01\0", "a numpy .npy file"),
        (b"ARROW1\0\0", "Arrow IPC"),
        (b"\xff\xff\xff\xff\x10\0\0\0", "Arrow IPC"),
        (OLD_SCHEMA, "an Arrow stream from before 0.15"),
        (b"PAR1\x15\x04", "Parquet"),
        (b"PARE\x15\x04", "Parquet with an encrypted footer"),
        (b"FEA1\0\0\0\0", "Feather of version 1"),
        (b"\x89HDF\r\n\x1a\n\0", "HDF5"),
        (b"\x02\0\0\0\0\0\0\0{}", "safetensors"),
        (b"\x05\0\0\0\0\0\0\0{ \n\"a", "safetensors"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03", "compressed with gzip"),
        (b"\x28\xb5\x2f\xfd\x24\x04", "compressed with zstd"),
        (b"BZh91AY&SY", "compressed with bzip2"),
        (&tar, "a tar archive"),
        (b"Obj\x01\x04", "Avro"),
        (b"ORC\n\x0b", "ORC"),
        (b"\x80\x04\x95\x10", "a bare pickle"),
        (b" {\"a\": 1}\n", "JSON text"),
        ("id,score\n1,0.5\n2,ä".as_bytes(), "text (CSV or the like)"),
        ("id,score\n1,0.5\n2,ä".as_bytes().split_last().unwrap().1, "text (CSV or the like)"),
    ];
    for (bytes, name) in cases {
        assert_eq!(name_of(bytes), Some(*name), "{bytes:?}");
    }
}

#[test]
fn plain_values_are_no_format() {
    let floats: Vec<u8> = [0.5f32, -1.0, 1e-3, 7.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    let ids: Vec<u8> = (0..64i64).flat_map(i64::to_le_bytes).collect();
    for bytes in [&floats[..], &ids, b"\x1f\x8b\x08\xff\0\0\0\0\0\0", b"\xff\0\0\0\0\0\0\0{\"", b"\0"] {
        assert_eq!(name_of(bytes), None, "{bytes:?}");
    }
}

#[test]
fn a_refusal_names_the_format_and_what_to_do() {
    let head = Head { bytes: b"\x89HDF\r\n\x1a\n", size: 8 };
    let format = known(head).unwrap();
    let scores = format.refuse_scores(Path::new("a"), head).to_string();
    assert!(scores.contains("HDF5") && scores.contains("numpy.save"), "{scores}");
    let rows = format.refuse_rows(Path::new("a"), head).to_string();
    assert!(rows.contains("HDF5") && rows.contains("as Parquet"), "{rows}");
}
