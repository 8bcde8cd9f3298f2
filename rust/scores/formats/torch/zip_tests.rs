//! Zips that are cut, damaged, or something else.

use super::tests::{Is, central, find, fixture, patched, plain, read, refused, refused_with, set, zip};

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
    refused(&zip(&[("a.npy", b"")]), Is::Format, &["no data.pkl", "a.npy"]);
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
