//! How the lines of a file are stored, told by its first bytes and held against its name.

use std::path::Path;

use crate::error::{At, Error, Result};
use crate::io::sniff::{FileType, Head, known, show};

/// How the lines of a file are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    /// As they are.
    Plain,
    /// Members of gzip, one after another.
    Gzip,
    /// Frames of zstd, one after another.
    Zstd,
}

impl Packing {
    /// Tell how a file is stored by its first bytes, and fail if its name says otherwise.
    pub(super) fn of(path: &Path, head: Head<'_>) -> Result<Self> {
        let found = match known(head).map(|known| known.file_type) {
            Some(FileType::Gzip) => Self::Gzip,
            Some(FileType::Zstd) => Self::Zstd,
            _ => Self::Plain,
        };
        match promised(path) {
            Some(named) if named != found => Err(contradiction(path, head, named, found)),
            _ => Ok(found),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Plain => "not compressed",
            Self::Gzip => "compressed with gzip",
            Self::Zstd => "compressed with zstd",
        }
    }
}

/// What the ending of a name says, if it is one that is used for lines.
fn promised(path: &Path) -> Option<Packing> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    match extension.as_str() {
        "gz" | "gzip" => Some(Packing::Gzip),
        "zst" | "zstd" => Some(Packing::Zstd),
        "jsonl" | "ndjson" | "json" => Some(Packing::Plain),
        _ => None,
    }
}

fn contradiction(path: &Path, head: Head<'_>, named: Packing, found: Packing) -> Error {
    let ending = match found {
        Packing::Plain => ".jsonl",
        Packing::Gzip => ".jsonl.gz",
        Packing::Zstd => ".jsonl.zst",
    };
    Error::format(
        path,
        At::Byte(0),
        format!(
            "by its name it is {}, and by its first bytes, {}, it is {}; give it a name that ends with {ending}, or get it again",
            named.name(),
            show(head.bytes),
            found.name()
        ),
    )
}

/// What a reader of a file failed with: an error of this crate that a decoder handed on, or what is wrong with the
/// compressed bytes.
pub(super) fn unpacking(path: &Path, unpacked: u64, error: std::io::Error) -> Error {
    let error = match error.downcast::<Error>() {
        Ok(own) => return own,
        Err(error) => error,
    };
    if error.raw_os_error().is_some() {
        return Error::io(path, "unpacking", error);
    }
    let said = error.to_string();
    if said.contains("too much memory") {
        let message = "its zstd frames need a window of more than 128 MiB (zstd --long), which is the limit; unpack it first: zstd -d --long=31";
        return Error::format(path, At::File, message);
    }
    let message = format!("after {unpacked} unpacked bytes, its compressed bytes end or go wrong ({said})");
    if error.kind() == std::io::ErrorKind::UnexpectedEof {
        return Error::truncated(path, At::File, format!("{message}: the file is cut; get it again"));
    }
    let advice = "it is damaged, or other bytes follow what was compressed; get it again";
    Error::format(path, At::File, format!("{message}: {advice}"))
}
