//! What a file holds, told by its first bytes and never by its name: one table for scores and for rows.

use std::path::Path;

use crate::error::{At, Error};

/// Bytes that are looked at: a tar archive says what it is at byte 257.
pub(crate) const HEAD: u64 = 512;

/// The first and the last bytes of a Parquet file whose footer is encrypted.
pub(crate) const ENCRYPTED: &[u8; 4] = b"PARE";

/// What to do about encrypted Parquet.
pub(crate) const DECRYPT: &str = "write the file again without encryption: pyarrow.parquet.read_table reads it with decryption_properties=, and pyarrow.parquet.write_table writes it";

/// The first bytes of a file, and how many it has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head<'h> {
    /// Its first [`HEAD`] bytes, or all.
    pub(crate) bytes: &'h [u8],
    /// Bytes of the whole file.
    pub(crate) size: u64,
}

/// The formats that are read by somebody here, and all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A zip, as `torch.save` writes it.
    Zip,
    /// An array of `numpy.save`.
    Npy,
    /// An Arrow file, or a stream.
    Arrow,
    /// Parquet.
    Parquet,
    /// A format that nothing here reads.
    Other,
}

/// How much the first bytes prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// No values begin like this by chance.
    Sure,
    /// Plain values may begin like this: a few bytes, or bytes that are common.
    Weak,
}

/// What to do with a file that is not read.
enum Advice {
    /// Write its values as something that is read.
    Convert,
    /// The same for scores and rows.
    Do(&'static str),
    /// One for scores, one for rows.
    Each(&'static str, &'static str),
}

/// One row of the table.
pub(crate) struct Format {
    /// What the file is, for a message: "this is …".
    pub(crate) name: &'static str,
    /// What reads it.
    pub(crate) kind: Kind,
    /// How much its first bytes prove.
    pub(crate) evidence: Evidence,
    begins: fn(Head<'_>) -> bool,
    advice: Advice,
}

impl Format {
    const fn sure(kind: Kind, name: &'static str, begins: fn(Head<'_>) -> bool, advice: Advice) -> Self {
        Self { name, kind, evidence: Evidence::Sure, begins, advice }
    }

    const fn weak(kind: Kind, name: &'static str, begins: fn(Head<'_>) -> bool, advice: Advice) -> Self {
        Self { name, kind, evidence: Evidence::Weak, begins, advice }
    }

    /// Why scores are not read from it, and what to do.
    pub(crate) fn refuse_scores(&self, path: &Path, head: Head<'_>) -> Error {
        let advice = match self.advice {
            Advice::Convert => "save the scores with numpy.save",
            Advice::Do(advice) | Advice::Each(advice, _) => advice,
        };
        let start = show(head.bytes);
        Error::format(
            path,
            At::Byte(0),
            format!("this is {}, and its first bytes are {start}; {advice}", self.name),
        )
    }

    /// Why rows are not read from it, and what to do.
    pub(crate) fn refuse_rows(&self, path: &Path, head: Head<'_>) -> Error {
        let advice = match self.advice {
            Advice::Convert => "write the rows as Parquet",
            Advice::Do(advice) | Advice::Each(_, advice) => advice,
        };
        let (name, not_read) = (self.name, not_rows(head));
        Error::format(path, At::Byte(0), format!("this is {name}: {not_read}; {advice}"))
    }
}

/// That a file has no rows, by its first bytes.
pub(crate) fn not_rows(head: Head<'_>) -> String {
    format!(
        "its first bytes are {}, which is neither Parquet (PAR1), nor an Arrow file (ARROW1), nor an Arrow stream (ff ff ff ff)",
        show(head.bytes)
    )
}

/// What a file is, if it begins like a format that is known.
pub(crate) fn known(head: Head<'_>) -> Option<&'static Format> {
    TABLE.iter().find(|format| (format.begins)(head))
}

/// The first bytes, readable.
pub(crate) fn show(head: &[u8]) -> String {
    let start = &head[..head.len().min(16)];
    format!("b\"{}\"", start.escape_ascii())
}

const GET: Advice = Advice::Do("it stands for a file that is not there; get the file with: git lfs pull");
const PAGE: Advice = Advice::Do("it was saved under the file's name; download the file itself");
const RESAVE: Advice = Advice::Each(
    "it is a pickle that could run code; re-save it: torch.save(torch.load(path, weights_only=True), path)",
    "write the rows as Parquet",
);
const PICK: Advice = Advice::Each(
    "it may hold several arrays; pick one array and save it: numpy.save(\"scores.npy\", numpy.load(path)[name])",
    "write the rows as Parquet",
);
const PICKLE: Advice = Advice::Each(
    "it could run code, and is not read; write the scores with torch.save(tensor, path) of torch 1.6 or later, or numpy.save",
    "it could run code, and is not read; write the rows as Parquet",
);
const NUMBERS: Advice = Advice::Each(
    "save its numbers with numpy.save, for example numpy.save(\"scores.npy\", numpy.loadtxt(path, delimiter=\",\"))",
    "write the rows as Parquet",
);
const TENSORS: Advice =
    Advice::Each("save the tensor of the scores with numpy.save or torch.save", "write the rows as Parquet");
const SCORES: Advice = Advice::Do("scores are opened with open_scores; rows are read from Arrow and Parquet");
const READ: Advice = Advice::Do("it is opened as what it is"); // its kind is read, and so not refused by this

/// What is known of files. The first that matches is the answer, so those that say more come first.
#[rustfmt::skip] // a row is a line
static TABLE: &[Format] = &[
    Format::sure(Kind::Other, "a git LFS pointer", |h| h.starts(b"version https://git-lfs"), GET),
    Format::sure(Kind::Other, "a web page", is_web_page, PAGE),
    Format::sure(Kind::Other, "torch's format from before 1.6", |h| h.starts(b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e"), RESAVE),
    Format::sure(Kind::Other, "a .npz archive", is_npz, PICK),
    Format::sure(Kind::Zip, "a zip archive (as torch.save writes it)", |h| h.starts(b"PK\x03\x04") || h.starts(b"PK\x05\x06"), SCORES),
    Format::sure(Kind::Npy, "a numpy .npy file", |h| h.starts(b"\x93NUMPY"), SCORES),
    Format::sure(Kind::Arrow, "Arrow IPC", |h| h.starts(b"ARROW1"), READ),
    Format::sure(Kind::Parquet, "Parquet", |h| h.starts(b"PAR1"), READ),
    Format::sure(Kind::Other, "Parquet with an encrypted footer", |h| h.starts(ENCRYPTED), Advice::Do(DECRYPT)),
    Format::sure(Kind::Other, "Feather of version 1", |h| h.starts(b"FEA1"), Advice::Do("write it again with pyarrow.feather.write_feather, as version 2")),
    Format::sure(Kind::Other, "HDF5", |h| h.starts(b"\x89HDF\r\n\x1a\n"), Advice::Convert),
    Format::sure(Kind::Other, "safetensors", is_safetensors, TENSORS),
    Format::sure(Kind::Other, "GGUF", |h| h.starts(b"GGUF"), TENSORS),
    Format::sure(Kind::Other, "compressed with gzip", is_gzip, Advice::Do("decompress it first: gunzip")),
    Format::sure(Kind::Other, "compressed with zstd", is_zstd, Advice::Do("decompress it first: zstd -d")),
    Format::sure(Kind::Other, "compressed with xz", |h| h.starts(b"\xfd7zXZ\0"), Advice::Do("decompress it first: unxz")),
    Format::sure(Kind::Other, "compressed with bzip2", |h| h.starts(b"BZh") && h.at(4, b"1AY&SY"), Advice::Do("decompress it first: bunzip2")),
    Format::sure(Kind::Other, "compressed with lz4", |h| h.starts(b"\x04\x22\x4d\x18"), Advice::Do("decompress it first: lz4 -d")),
    Format::sure(Kind::Other, "compressed with snappy", |h| h.starts(b"\xff\x06\0\0sNaPpY"), Advice::Do("decompress it first")),
    Format::sure(Kind::Other, "a 7z archive", |h| h.starts(b"7z\xbc\xaf\x27\x1c"), Advice::Do("unpack it first")),
    Format::sure(Kind::Other, "a tar archive", |h| h.at(257, b"ustar"), Advice::Each(
        "torch's oldest format is one: re-save it: torch.save(torch.load(path, weights_only=True), path); else unpack it first",
        "unpack it first, and write the rows as Parquet")),
    Format::sure(Kind::Other, "Avro", |h| h.starts(b"Obj\x01"), Advice::Convert),
    Format::sure(Kind::Other, "an SQLite database", |h| h.starts(b"SQLite format 3\0"), Advice::Convert),
    Format::sure(Kind::Other, "a DuckDB database", |h| h.at(8, b"DUCK"), Advice::Convert),
    Format::sure(Kind::Other, "a MATLAB file", |h| h.starts(b"MATLAB 5.0 MAT-file"), Advice::Convert),
    Format::sure(Kind::Other, "an index of Megatron", |h| h.starts(b"MMIDIDX\0\0"), Advice::Convert),
    Format::weak(Kind::Other, "ORC", |h| h.starts(b"ORC"), Advice::Convert),
    Format::sure(Kind::Other, "netCDF", |h| h.starts(b"CDF") && matches!(h.bytes.get(3), Some(1 | 2 | 5)), Advice::Convert),
    Format::weak(Kind::Arrow, "Arrow IPC", |h| h.starts(&[0xff; 4]), READ),
    Format::weak(Kind::Arrow, "an Arrow stream from before 0.15", is_old_stream, READ),
    Format::weak(Kind::Other, "a bare pickle", |h| matches!(h.bytes, [0x80, 2..=5, ..]), PICKLE),
    Format::weak(Kind::Other, "JSON text", is_json, NUMBERS),
    Format::weak(Kind::Other, "text (CSV or the like)", |h| h.bytes.contains(&b'\n') && is_text(h.bytes), NUMBERS),
];

impl Head<'_> {
    fn starts(self, magic: &[u8]) -> bool {
        self.bytes.starts_with(magic)
    }

    fn at(self, offset: usize, magic: &[u8]) -> bool {
        self.bytes.get(offset..).is_some_and(|rest| rest.starts_with(magic))
    }

    fn i32(self, offset: usize) -> Option<i32> {
        self.bytes.get(offset..)?.first_chunk().map(|bytes| i32::from_le_bytes(*bytes))
    }

    fn u16(self, offset: usize) -> Option<u16> {
        self.bytes.get(offset..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
    }
}

fn is_web_page(head: Head<'_>) -> bool {
    let text = head.bytes.strip_prefix(b"\xef\xbb\xbf"); // the mark that some editors put before a text
    let text = text.unwrap_or(head.bytes).trim_ascii_start(); // Proof: where there is none, all is text.
    let opens = |tag: &&[u8]| text.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag));
    [&b"<!doctype html"[..], b"<html", b"<?xml"].iter().any(opens)
}

/// Whether the first entry of a zip is an array.
fn is_npz(head: Head<'_>) -> bool {
    let Some(&[low, high]) = head.bytes.get(26..28) else { return false }; // Proof: too short to be one.
    let name = head.bytes.get(30..30 + usize::from(u16::from_le_bytes([low, high])));
    head.starts(b"PK\x03\x04") && name.is_some_and(|name| name.ends_with(b".npy"))
}

/// The length of a JSON header that fits into the file, and the header's beginning.
fn is_safetensors(head: Head<'_>) -> bool {
    let Some((length, rest)) = head.bytes.split_first_chunk::<8>() else { return false }; // Proof: too short to be one.
    let fits = u64::from_le_bytes(*length).checked_add(8).is_some_and(|end| end <= head.size);
    fits && (rest.starts_with(b"{\"") || rest.starts_with(b"{}"))
}

/// The length of a message that fits into the file, and the beginning of its flatbuffer: where the table is, where
/// what says its fields, a version that has been, and a schema.
fn is_old_stream(head: Head<'_>) -> bool {
    let field = |table: usize, number: usize| -> Option<usize> {
        let places = table.checked_add_signed(-isize::try_from(head.i32(table)?).ok()?)?;
        let size = usize::from(head.u16(places)?);
        let place = number.checked_mul(2)?.checked_add(4).filter(|place| place + 2 <= size)?;
        let offset = usize::from(head.u16(places.checked_add(place)?)?);
        Some(if offset == 0 { 0 } else { table.checked_add(offset)? })
    };
    let holds_schema = || {
        let length = u64::try_from(head.i32(0)?).ok().filter(|length| length % 4 == 0)?;
        let table = usize::try_from(head.i32(4)?).ok()?.checked_add(4)?;
        let fits = length > table as u64 && length.checked_add(4)? <= head.size;
        let version = match field(table, 0)? {
            0 => 0,
            place => head.u16(place)?,
        };
        let kind = field(table, 1).filter(|&place| place > 0)?;
        Some(fits && version <= 4 && *head.bytes.get(kind)? == 1)
    };
    holds_schema() == Some(true)
}

/// The magic, and flags and a system that exist: three bytes alone may be a number's.
fn is_gzip(head: Head<'_>) -> bool {
    let [0x1f, 0x8b, 8, flags, _, _, _, _, extra, system, ..] = head.bytes else { return false }; // Proof: too short to be one.
    flags & 0xe0 == 0 && matches!(extra, 0 | 2 | 4) && matches!(system, 0..=13 | 255)
}

/// The magic, and a descriptor without the bit that is reserved.
fn is_zstd(head: Head<'_>) -> bool {
    head.starts(b"\x28\xb5\x2f\xfd") && head.bytes.get(4).is_some_and(|descriptor| descriptor & 8 == 0)
}

fn is_json(head: Head<'_>) -> bool {
    let text = head.bytes.trim_ascii_start();
    (text.starts_with(b"{") || text.starts_with(b"[")) && is_text(head.bytes)
}

/// Whether there is nothing but text; the last character may be cut.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    let whole = match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && error.valid_up_to() > 0,
    };
    whole && bytes.iter().all(|byte| !byte.is_ascii_control() || matches!(byte, b'\t' | b'\n' | b'\r'))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let floats: Vec<u8> =
            [0.5f32, -1.0, 1e-3, 7.0].iter().flat_map(|value| value.to_le_bytes()).collect();
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
}
