//! Which reader a score file is for: what its first bytes say, held against what its name promises.

use std::borrow::Cow;
use std::path::Path;

use arrow::ipc::root_as_message;

use super::npz::is_array;
use super::torch::archive::is_pickle;
use super::zip::Listing;

use crate::checked;
use crate::error::{At, Error, Result};
use crate::io::file::File;
use crate::io::ipc::begins_unmarked;
use crate::io::sniff::{Evidence, FileType, HEAD, Head, Signature, is_npz, is_numbers, known, show};

/// The formats that scores are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScoreFormat {
    /// A zip that torch.save wrote.
    Torch,
    /// An array that numpy.save wrote.
    Npy,
    /// A zip of arrays that numpy.savez wrote.
    Npz,
    /// Tensors behind a header of JSON.
    Safetensors,
    /// An Arrow stream or file.
    Arrow,
    /// Parquet.
    Parquet,
    /// Values and nothing else.
    Raw,
}

impl ScoreFormat {
    fn name(self) -> &'static str {
        match self {
            Self::Torch => "a torch .pt file",
            Self::Npy => "a numpy .npy file",
            Self::Npz => "a numpy .npz archive",
            Self::Safetensors => "safetensors",
            Self::Arrow => "Arrow IPC",
            Self::Parquet => "Parquet",
            Self::Raw => "raw values",
        }
    }
}

/// What the extension of a name promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Promise {
    /// One format.
    One(ScoreFormat),
    /// `.bin`, `.raw`: values and nothing else, or (`.bin`) what torch wrote.
    Bytes,
    /// `.csv`, `.json` and the like: text.
    Text,
    /// `.dat`: whatever it may be.
    Data,
    /// No known extension.
    Nothing,
}

/// The extensions of text.
const TEXTS: &[&str] = &[
    "csv", "tsv", "txt", "json", "jsonl", "ndjson", "xml", "htm", "html", "yaml", "yml", "toml", "ini", "md",
    "log",
];

/// What makes values of text that are read.
const FROM_TEXT: &str = "raw values are never read from text: save its numbers first, for example with numpy.save(\"scores.npy\", numpy.loadtxt(path, delimiter=\",\"))";

/// Bytes of a message that is looked at: schemas take less.
const MAX_SCHEMA: u64 = 64 << 20;

fn promise(path: &Path) -> Promise {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    match extension.as_deref() {
        Some("pt" | "pth") => Promise::One(ScoreFormat::Torch),
        Some("npy") => Promise::One(ScoreFormat::Npy),
        Some("npz") => Promise::One(ScoreFormat::Npz),
        Some("safetensors") => Promise::One(ScoreFormat::Safetensors),
        Some("arrow" | "arrows" | "ipc" | "feather") => Promise::One(ScoreFormat::Arrow),
        Some("parquet" | "pq") => Promise::One(ScoreFormat::Parquet),
        Some("bin" | "raw") => Promise::Bytes,
        Some("dat") => Promise::Data,
        Some(extension) if TEXTS.contains(&extension) => Promise::Text,
        _ => Promise::Nothing,
    }
}

/// The format of a file. `raw` tells that the caller gave a type for raw values.
pub(crate) fn format_of(file: &File, raw: bool) -> Result<ScoreFormat> {
    let path = file.path();
    if file.size() == 0 {
        return Err(Error::truncated(
            path,
            At::File,
            "it has 0 bytes; a score file was expected: get it again",
        ));
    }
    let bytes = file.read(0, checked::index(file.size().min(HEAD))?)?;
    let head = Head { bytes: &bytes, size: file.size() };
    let promised = promise(path);
    // Raw values may begin with any bytes: a few that mean something elsewhere are no evidence.
    let doubted = raw && matches!(promised, Promise::Bytes | Promise::Data | Promise::Nothing);
    let known = match known(head) {
        Some(known) if known.evidence == Evidence::Weak && doubted && !is_proven(file, head)? => None,
        known => known,
    };
    let found = match known {
        Some(known) if known.file_type == FileType::Zip => Some(zip_format(file, head, promised)?),
        Some(known) => Some(read_by(known).ok_or_else(|| known.refuse_scores(path, head))?),
        None => None,
    };
    match (found, promised) {
        (Some(found), Promise::One(named)) if found != named => Err(contradiction(file, named, found)),
        (Some(found), Promise::Bytes) if found != ScoreFormat::Torch || is_raw(path) => {
            Err(contradiction(file, ScoreFormat::Raw, found))
        }
        (Some(found), _) => Ok(found),
        (None, promised) => unknown(path, head, promised, raw),
    }
}

/// The format of a file whose first bytes are those of no format: raw values, if somebody says their type.
fn unknown(path: &Path, head: Head<'_>, promised: Promise, raw: bool) -> Result<ScoreFormat> {
    let refuse = |message: String| Err(Error::format(path, At::Byte(0), message));
    let start = show(head.bytes);
    match promised {
        // Its reader says what is missing of one that is cut.
        Promise::One(ScoreFormat::Safetensors) if head.bytes.get(8).is_none_or(|&first| first == b'{') => {
            Ok(ScoreFormat::Safetensors)
        }
        Promise::One(named) => refuse(format!(
            "by its name this is {}, and its first bytes are {start}, which no score format begins with",
            named.name()
        )),
        Promise::Text => {
            refuse(format!("by its name this is text, and its first bytes are {start}; {FROM_TEXT}"))
        }
        Promise::Nothing if raw && is_numbers(head.bytes, head.size) => refuse(format!(
            "these are numbers as text, and its first bytes are {start}; {FROM_TEXT}; raw values that look so are read from a file whose name ends with .bin"
        )),
        _ if raw => Ok(ScoreFormat::Raw),
        Promise::Bytes => Err(Error::Type(format!(
            "{}: raw values do not say their type; give dtype=, for example dtype=\"float32\"",
            path.display()
        ))),
        Promise::Data | Promise::Nothing => refuse(format!(
            "its first bytes are {start}, which no score format begins with; .pt, .npy, .npz, safetensors, Arrow and Parquet are read, JSON lines from files whose names end with .jsonl, and raw values with dtype="
        )),
    }
}

/// Whether more than the first bytes says that a file is an Arrow stream, a pickle or ORC, and no plain values.
fn is_proven(file: &File, head: Head<'_>) -> Result<bool> {
    let end = checked::index(head.size.min(4))?;
    let end = file.read(head.size - end as u64, end)?;
    Ok(match head.bytes {
        // A marker, a length, and a message of that length that holds a schema.
        [0xff, 0xff, 0xff, 0xff, a, b, c, d, ..] => {
            let length = u64::from(u32::from_le_bytes([*a, *b, *c, *d]));
            let fits = length <= MAX_SCHEMA && length + 8 <= head.size;
            let message = if fits { file.read(8, checked::index(length)?)? } else { Cow::default() };
            root_as_message(&message).is_ok_and(|message| message.header_as_schema().is_some())
        }
        // The same without the marker.
        _ if known(head).is_some_and(|format| format.file_type == FileType::Arrow) => {
            begins_unmarked(file, 0)?
        }
        // A frame that fits into the file.
        [0x80, 4 | 5, 0x95, rest @ ..] => rest.first_chunk::<8>().is_some_and(|length| {
            u64::from_le_bytes(*length).checked_add(11).is_some_and(|end| end <= head.size)
        }),
        // What begins an object, and the mark that ends all.
        [0x80, 2..=5, opcode, ..] => {
            b"]})(cKGJMXUVNl\x88\x89\x8a\x8c\x8f".contains(opcode) && end.ends_with(b".")
        }
        // The last byte is the length of what ends with the same magic.
        [b'O', b'R', b'C', ..] => end.starts_with(b"ORC"),
        _ => false,
    })
}

/// Who wrote a zip, torch or numpy, by the names in its directory.
///
/// Where that cannot be read, it is told by the first entry, and the reader then says what is wrong.
fn zip_format(file: &File, head: Head<'_>, promised: Promise) -> Result<ScoreFormat> {
    let Ok(Listing { entries, .. }) = Listing::of(file) else {
        // Proof: the reader of either fails, as this did.
        return Ok(if is_npz(head) { ScoreFormat::Npz } else { ScoreFormat::Torch });
    };
    let named = |is: fn(&str) -> bool| entries.iter().map(|entry| &entry.name).find(|name| is(name));
    match (named(is_pickle), named(is_array)) {
        (Some(pickle), Some(array)) => Err(Error::format(
            file.path(),
            At::File,
            format!(
                "the zip holds {pickle:?}, as torch.save writes it, and {array:?}, as numpy.savez does: which of the two it is cannot be told; save the scores in a file of their own"
            ),
        )),
        (None, Some(_)) => Ok(ScoreFormat::Npz),
        // There is no array in it, which its reader says.
        (None, None) if promised == Promise::One(ScoreFormat::Npz) => Ok(ScoreFormat::Npz),
        (_, None) => Ok(ScoreFormat::Torch),
    }
}

/// The reader of a format, if it is one of scores.
fn read_by(known: &Signature) -> Option<ScoreFormat> {
    match known.file_type {
        FileType::Npy => Some(ScoreFormat::Npy),
        FileType::Safetensors => Some(ScoreFormat::Safetensors),
        FileType::Arrow => Some(ScoreFormat::Arrow),
        FileType::Parquet => Some(ScoreFormat::Parquet),
        FileType::Zip | FileType::Json | FileType::Gzip | FileType::Zstd | FileType::Other => None,
    }
}

fn is_raw(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("raw"))
}

fn contradiction(file: &File, named: ScoreFormat, found: ScoreFormat) -> Error {
    Error::format(
        file.path(),
        At::Byte(0),
        format!(
            "by its name this is {}, and by its content {}; rename it to what it is",
            named.name(),
            found.name()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::file::Io;

    const TORCH: &[u8] = b"PK\x03\x04 and so on";
    const NPY: &[u8] = b"\x93NUMPY\x01\0";
    const NPZ: &[u8] = b"PK\x03\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05\0\0\0a.npy";
    const ARROW: &[u8] = b"ARROW1\0\0";
    const PARQUET: &[u8] = b"PAR1....";
    const TENSORS: &[u8] = b"\x02\0\0\0\0\0\0\0{}";
    const VALUES: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8];
    const TEXT: &[u8] = b"0.5\n1.25\n-3\n";

    /// What a file of these bytes is taken for: a format, or the words of an error.
    fn found(name: &str, bytes: &[u8], raw: bool) -> Result<ScoreFormat, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        format_of(&File::open(&path, Io::Pread).unwrap(), raw).map_err(|error| error.to_string())
    }

    #[test]
    fn first_bytes_and_names_that_agree_tell_the_format() {
        for (names, bytes, format) in [
            (["a.pt", "a.PTH", "a.bin", "a"], TORCH, ScoreFormat::Torch),
            (["a.npy", "a.NPY", "a.dat", "a"], NPY, ScoreFormat::Npy),
            (["a.npz", "a.NPZ", "a.dat", "a"], NPZ, ScoreFormat::Npz),
            (["a.arrow", "a.feather", "a.dat", "a.x"], ARROW, ScoreFormat::Arrow),
            (["a.parquet", "a.pq", "a.dat", "a.x"], PARQUET, ScoreFormat::Parquet),
            (["a.safetensors", "a.SafeTensors", "a.dat", "a"], TENSORS, ScoreFormat::Safetensors),
        ] {
            for name in names {
                assert_eq!(found(name, bytes, false), Ok(format), "{name}");
            }
        }
    }

    #[test]
    fn a_name_that_promises_another_format_is_refused() {
        for (name, bytes, named, is) in [
            ("a.npy", TORCH, "a numpy .npy file", "a torch .pt file"),
            ("a.pt", NPY, "a torch .pt file", "a numpy .npy file"),
            ("a.parquet", ARROW, "Parquet", "Arrow IPC"),
            ("a.bin", NPY, "raw values", "a numpy .npy file"),
            ("a.bin", TENSORS, "raw values", "safetensors"),
            ("a.bin", NPZ, "raw values", "a numpy .npz archive"),
            ("a.pt", NPZ, "a torch .pt file", "a numpy .npz archive"),
            ("a.npz", TORCH, "a numpy .npz archive", "a torch .pt file"),
            ("a.pt", TENSORS, "a torch .pt file", "safetensors"),
            ("a.safetensors", NPY, "safetensors", "a numpy .npy file"),
            ("a.raw", TORCH, "raw values", "a torch .pt file"),
        ] {
            let said = found(name, bytes, false).unwrap_err();
            assert!(
                said.contains(&format!("by its name this is {named}, and by its content {is};")),
                "{said}"
            );
        }
    }

    #[test]
    fn what_begins_as_no_format_is_raw_values_if_their_type_is_told() {
        for name in ["a.bin", "a.raw", "a.dat", "a"] {
            assert_eq!(found(name, VALUES, true), Ok(ScoreFormat::Raw), "{name}");
        }
        for (name, raw, what) in [
            ("a.bin", false, "raw values do not say their type; give dtype="),
            (
                "a.dat",
                false,
                "which no score format begins with; .pt, .npy, .npz, safetensors, Arrow and Parquet are read",
            ),
            (
                "a",
                false,
                "which no score format begins with; .pt, .npy, .npz, safetensors, Arrow and Parquet are read",
            ),
            ("a.npy", true, "by its name this is a numpy .npy file, and its first bytes are b\"\\x01\\x02"),
            ("a.csv", true, "by its name this is text"),
        ] {
            let said = found(name, VALUES, raw).unwrap_err();
            assert!(said.contains(what), "{name}: {said}");
        }
    }

    #[test]
    fn numbers_as_text_are_no_values_but_where_the_name_says_so() {
        let said = found("a", TEXT, true).unwrap_err();
        assert!(said.contains("these are numbers as text"), "{said}");
        assert_eq!(found("a.bin", TEXT, true), Ok(ScoreFormat::Raw));
    }

    #[test]
    fn an_empty_file_is_cut() {
        for raw in [false, true] {
            assert!(found("a.bin", b"", raw).unwrap_err().contains("it has 0 bytes"));
        }
    }
}
