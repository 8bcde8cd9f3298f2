//! JSON lines as `serde_json` reads them, and packed as dsdm reads them.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;

#[path = "../../rust/gather/source/json_values_tests.rs"]
mod values;
pub use values::{cell, expected};

/// Bytes of a text beyond which it is not looked at: few packed ones can stand for any number.
const MOST: u64 = 1 << 20;

/// The text that a file holds, plain or packed; nothing where it is damaged or long.
pub fn text_of(data: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let read = if data.starts_with(b"\x1f\x8b") {
        MultiGzDecoder::new(data).take(MOST).read_to_end(&mut text)
    } else if data.starts_with(b"\x28\xb5\x2f\xfd") {
        zstd::stream::read::Decoder::with_buffer(data).ok()?.take(MOST).read_to_end(&mut text)
    } else {
        text.extend_from_slice(data);
        Ok(data.len())
    };
    read.ok().filter(|_| (text.len() as u64) < MOST).map(|_| text)
}

/// A text in two members of gzip, and in two frames of zstd.
pub fn packed(text: &[u8]) -> [Vec<u8>; 2] {
    let halves = text.split_at(text.len() / 2);
    let (mut gzip, mut frames) = (Vec::new(), Vec::new());
    for half in [halves.0, halves.1] {
        let mut member = GzEncoder::new(Vec::new(), Compression::fast());
        member.write_all(half).expect("memory is written to");
        gzip.extend(member.finish().expect("memory is written to"));
        frames.extend(zstd::stream::encode_all(half, 1).expect("memory is written to"));
    }
    [gzip, frames]
}

/// The lines that are not blank, without the ends of lines.
pub fn lines_of(text: &[u8]) -> Vec<&[u8]> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let is_blank = |line: &&[u8]| line.iter().all(|byte| b" \t\r".contains(byte));
    text.split(|&byte| byte == b'\n').filter(|line| !is_blank(line)).collect()
}
