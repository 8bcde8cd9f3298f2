//! Lines against a plain oracle, by all sizes of blocks and ways of storing them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::*;
use crate::error::{Error, Result};
use crate::io::opened::Opened;

/// A line as it is expected: its bytes, its number, its row, its first byte.
type Known = (Vec<u8>, u64, u64, u64);

const SMALL: usize = 64;

fn how(block_bytes: usize) -> Reading {
    Reading { block_bytes, line_bytes: SMALL }
}

/// Cuts at each LF, and looks at every line by itself.
fn oracle(text: &[u8]) -> Vec<Known> {
    let mut offset = if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let mut found = Vec::new();
    let (mut number, mut row) = (0, 0);
    for line in text[offset..].split_inclusive(|&byte| byte == b'\n') {
        number += 1;
        let mut bytes = line.to_vec();
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
        }
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        if !bytes.iter().all(|byte| b" \t\r".contains(byte)) {
            found.push((bytes, number, row, offset as u64));
            row += 1;
        }
        offset += line.len();
    }
    found
}

fn gzip(parts: &[&[u8]]) -> Vec<u8> {
    let one = |part: &&[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(part).unwrap();
        encoder.finish().unwrap()
    };
    parts.iter().flat_map(one).collect()
}

fn zstd(parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().flat_map(|part| zstd::encode_all(*part, 1).unwrap()).collect()
}

struct Dir(tempfile::TempDir);

impl Dir {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

fn collect(blocks: impl Iterator<Item = Result<LineBlock>>, into: &mut Vec<Known>) -> Result<Place> {
    let mut end = Place::default();
    for block in blocks {
        let block = block?;
        assert!(end == Place::default() || block.start() == end, "blocks without gaps");
        end = block.end();
        into.extend(block.lines().map(|line| (line.bytes.to_vec(), line.number, line.row, line.offset)));
    }
    Ok(end)
}

fn all(path: &Path, how: Reading) -> (Vec<Known>, Result<Place>) {
    let mut found = Vec::new();
    let end = LineFile::open(path).and_then(|file| collect(file.blocks(how)?, &mut found));
    (found, end)
}

fn texts() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just(b"".to_vec()),
        Just(b" \t".to_vec()),
        Just(b"\r\r".to_vec()),
        Just(b"\xef\xbb\xbf".to_vec()),
        prop::collection::vec(prop::sample::select(b"ab {}\"\r\0\xff".to_vec()), 0..SMALL / 2),
    ];
    let end = prop::sample::select(vec!["\n", "\r\n"]);
    (any::<bool>(), prop::collection::vec((line, end), 0..20), any::<bool>()).prop_map(
        |(marked, lines, whole)| {
            let mut text = if marked { b"\xef\xbb\xbf".to_vec() } else { Vec::new() };
            for (line, end) in &lines {
                text.extend([line.as_slice(), end.as_bytes()].concat());
            }
            if !whole {
                while text.last() == Some(&b'\n') {
                    text.pop();
                }
            }
            text
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn lines_are_those_of_the_oracle(text in texts(), cuts in prop::collection::vec(0usize..2000, 0..4)) {
        let dir = Dir::new();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let parts: Vec<&[u8]> = cuts.windows(2).map(|cut| &text[cut[0]..cut[1]]).collect();
        let expected = oracle(&text);
        for (name, bytes) in
            [("a.x", text.clone()), ("a.jsonl.gz", gzip(&parts)), ("a.jsonl.zst", zstd(&parts))]
        {
            let path = dir.file(name, &bytes);
            for block in [1, 2, 3, 7, 64, 65, 1 << 20] {
                let (found, end) = all(&path, how(block));
                prop_assert_eq!(&found, &expected, "{} by {}", name, block);
                let end = end.unwrap();
                let lines = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
                if !lines.is_empty() {
                    prop_assert_eq!((end.bytes, end.rows), (text.len() as u64, expected.len() as u64));
                    prop_assert_eq!(end.lines, lines.split_inclusive(|&byte| byte == b'\n').count() as u64);
                }
            }
        }
        // By parts, cut anywhere.
        let file = LineFile::open(&dir.file("b.x", &text)).unwrap();
        let starts: Vec<u64> = cuts.iter().map(|&cut| file.line_start(cut as u64).unwrap()).collect();
        let (mut found, mut at) = (Vec::new(), Place { bytes: starts[0], ..Place::default() });
        for run in starts.windows(2) {
            prop_assert!(run[0] <= run[1]);
            let blocks = file.blocks_of(&(run[0]..run[1]), at, how(5)).unwrap();
            let end = collect(blocks, &mut found).unwrap();
            at = if run[0] < run[1] { end } else { at };
        }
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_cut_file_gives_whole_lines_and_an_error(text in texts(), cut in 1usize..400) {
        let dir = Dir::new();
        let expected = oracle(&[&text[..], b"{}\n"].concat());
        for (name, packed) in [("a.gz", gzip(&[&text, b"{}\n"])), ("a.zst", zstd(&[&text, b"{}\n"]))] {
            let one = if name == "a.gz" { gzip(&[&text]) } else { zstd(&[&text]) };
            let cut = packed.len() - 1 - cut % (packed.len() - 1);
            // Between two members it is not cut, and below twelve bytes not known to be compressed.
            if cut == one.len() || cut < 12 {
                continue;
            }
            let path = dir.file(name, &packed[..cut]);
            for block in [1, 9, 1 << 20] {
                let (found, end) = all(&path, how(block));
                let error = end.unwrap_err();
                prop_assert!(matches!(error, Error::Truncated(_) | Error::Format(_)), "{}", error);
                prop_assert!(error.to_string().contains("cut") || error.to_string().contains("damaged"));
                let so_far: Vec<_> = found.iter().take(expected.len()).cloned().collect();
                prop_assert_eq!(&so_far, &expected[..so_far.len()]);
            }
        }
    }
}

#[test]
fn bytes_behind_the_last_member_are_an_error() {
    let dir = Dir::new();
    for (name, packed) in [("a.gz", gzip(&[b"{}\n"])), ("a.zst", zstd(&[b"{}\n"]))] {
        for behind in [&b"x"[..], b"\0\0\0x", b"{\"a\": 1}\n\n\n\n\n\n\n\n"] {
            let path = dir.file(name, &[&packed, behind].concat());
            let (found, end) = all(&path, how(8));
            assert_eq!(found.len(), 1);
            let error = end.unwrap_err();
            assert!(matches!(error, Error::Truncated(_) | Error::Format(_)), "{name}: {error}");
            if name == "a.gz" {
                // Proof: each of them has such a byte.
                let at = packed.len() + behind.iter().position(|byte| *byte != 0).unwrap_or_default();
                let message = error.to_string();
                assert!(
                    message.contains(&format!("byte {at}")) && message.contains("other bytes"),
                    "{message}"
                );
                assert!(!message.contains("cut"), "{message}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    /// As Python's gzip has it, which skips them before a member and at the end.
    #[test]
    fn zeros_behind_members_of_gzip_are_padding(
        parts in prop::collection::vec((texts(), prop::sample::select(vec![0usize, 1, 3, 511, 300_000])), 1..5),
        block in 1usize..100,
    ) {
        let dir = Dir::new();
        let packed: Vec<u8> =
            parts.iter().flat_map(|(text, zeros)| [gzip(&[text]), vec![0; *zeros]].concat()).collect();
        let text: Vec<u8> = parts.iter().flat_map(|(text, _)| text.clone()).collect();
        // The end of one text and the start of the next may be one line.
        let how = Reading { block_bytes: block, line_bytes: 5 * SMALL };
        let padded = all(&dir.file("a.gz", &packed), how);
        let plain = all(&dir.file("b.gz", &gzip(&[&text])), how);
        prop_assert_eq!(padded.0, plain.0);
        prop_assert_eq!(padded.1.unwrap(), plain.1.unwrap());
    }
}

#[test]
fn zeros_behind_a_frame_of_zstd_are_an_error() {
    let packed = [zstd(&[b"{}\n"]), vec![0; 4]].concat();
    let error = all(&Dir::new().file("a.zst", &packed), how(8)).1.unwrap_err();
    assert!(matches!(error, Error::Format(_)) && error.to_string().contains("other bytes follow"), "{error}");
}

#[test]
fn damage_in_the_middle_is_an_error() {
    let dir = Dir::new();
    let text = "{\"a\": 12}\n".repeat(1000);
    let mut packed = gzip(&[text.as_bytes()]);
    let last = packed.len() - 6;
    packed[last] ^= 1; // its checksum
    let error = all(&dir.file("a.gz", &packed), how(64)).1.unwrap_err();
    assert!(matches!(error, Error::Format(_)) && error.to_string().contains("damaged"), "{error}");
}

#[test]
fn a_name_that_promises_something_else_is_refused() {
    let dir = Dir::new();
    let packed = [("gzip", gzip(&[b"{}\n"])), ("zstd", zstd(&[b"{}\n"])), ("not", b"{}\n".to_vec())];
    for (is, bytes) in &packed {
        for (name, promises) in [
            ("a.gz", "gzip"),
            ("b.json.GZ", "gzip"),
            ("a.zst", "zstd"),
            ("a.jsonl", "not"),
            ("a.json", "not"),
        ] {
            let opened = LineFile::open(&dir.file(name, bytes));
            if *is == promises {
                opened.unwrap();
                continue;
            }
            let said = opened.unwrap_err().to_string();
            assert!(said.contains("by its name it is") && said.contains("give it a name"), "{said}");
        }
        // Without such an ending, the bytes tell.
        let (found, end) = all(&dir.file("part-0", bytes), how(8));
        assert_eq!((found.len(), end.is_ok()), (1, true));
    }
}

#[test]
fn a_line_that_is_too_long_is_named_whatever_the_blocks_are() {
    let dir = Dir::new();
    for long in [SMALL, SMALL + 1, 40 * SMALL] {
        for end in ["\n", ""] {
            let text = format!("a\n\nb\n{}{end}", "x".repeat(long));
            let text = if end.is_empty() { text } else { text + "c\n" };
            for block in [1, 6, SMALL, SMALL + 1, 10 * SMALL, 1 << 20] {
                let (found, ended) = all(&dir.file("a.jsonl.gz", &gzip(&[text.as_bytes()])), how(block));
                if long == SMALL {
                    ended.unwrap();
                    assert_eq!(found, oracle(text.as_bytes()));
                    continue;
                }
                let said = ended.unwrap_err().to_string();
                assert!(said.contains("at line 4: the line has more than 64 bytes"), "{said}");
                assert_eq!(found, &oracle(text.as_bytes())[..2], "by {block}");
            }
        }
    }
}

#[test]
fn what_unpacks_to_much_is_held_block_by_block() {
    let dir = Dir::new();
    let zeros = vec![b'\n'; 64 << 20];
    let path = dir.file("a.zst", &zstd(&[&zeros]));
    let file = LineFile::open(&path).unwrap();
    assert!(file.size() < 1 << 20);
    let mut lines = 0;
    for block in file.blocks(Reading { block_bytes: 1 << 16, line_bytes: 1 << 16 }).unwrap() {
        let block = block.unwrap();
        assert!(block.bytes.capacity() <= 1 << 18);
        lines = block.end().lines;
    }
    assert_eq!(lines, 64 << 20);
    let long = vec![b' '; 64 << 20];
    let said = all(&dir.file("b.zst", &zstd(&[&long])), how(1 << 10)).1.unwrap_err().to_string();
    assert!(said.contains("at line 1:"), "{said}");
}

#[test]
fn a_file_that_changed_is_told() {
    let dir = Dir::new();
    for name in ["a.jsonl", "a.jsonl.gz"] {
        let text = "{\"a\": 12}\n".repeat(1000);
        let bytes = if name == "a.jsonl" { text.into_bytes() } else { gzip(&[text.as_bytes()]) };
        let path = dir.file(name, &bytes);
        let file = LineFile::new(Arc::new(Opened::open(&path).unwrap())).unwrap();
        let mut blocks = file.blocks(how(64)).unwrap();
        blocks.next().unwrap().unwrap();
        std::fs::write(&path, b"{}\n").unwrap();
        let error = blocks.find_map(Result::err).unwrap();
        assert!(matches!(error, Error::SourceChanged(_)), "{error}");
        assert!(blocks.next().is_none());
    }
}
