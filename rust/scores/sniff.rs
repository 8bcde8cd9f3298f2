//! What a file holds, told by its first bytes and not by its name.

use std::path::Path;

use super::file::File;
use super::npy;
use crate::error::{At, Error, Result};

/// The formats that scores are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// A zip that torch.save wrote.
    Torch,
    /// An array that numpy.save wrote.
    Npy,
    /// An Arrow stream or file.
    Arrow,
    /// Parquet.
    Parquet,
    /// Values and nothing else.
    Raw,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Torch => "a torch .pt file",
            Self::Npy => "a numpy .npy file",
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
    One(Format),
    /// `.bin`, `.raw`: values and nothing else, or (`.bin`) what torch wrote.
    Bytes,
    /// No known extension.
    Nothing,
}

fn promise(path: &Path) -> Promise {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    match extension.as_deref() {
        Some("pt" | "pth") => Promise::One(Format::Torch),
        Some("npy") => Promise::One(Format::Npy),
        Some("arrow" | "arrows" | "ipc" | "feather") => Promise::One(Format::Arrow),
        Some("parquet" | "pq") => Promise::One(Format::Parquet),
        Some("bin" | "raw") => Promise::Bytes,
        _ => Promise::Nothing,
    }
}

/// Bytes that are looked at.
const HEAD: u64 = 512;

/// The first bytes of the older of torch's formats: a pickle of its magic number.
const TORCH_LEGACY: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e";

/// The format of a file. `raw` tells that the caller gave a type for raw values.
pub(crate) fn format_of(file: &File, raw: bool) -> Result<Format> {
    let path = file.path();
    if file.size() == 0 {
        return Err(Error::truncated(
            path,
            At::File,
            "it has 0 bytes; a score file was expected: get it again",
        ));
    }
    let len = usize::try_from(file.size().min(HEAD)).unwrap_or_default();
    let head = file.read_at(0, len)?;
    let promised = promise(path);
    if let Some(refusal) = refused(&head) {
        return Err(Error::format(path, At::Byte(0), refusal));
    }
    // Raw values may begin with any bytes: two or four that mean something elsewhere are no evidence.
    let weak = !(raw && matches!(promised, Promise::Bytes | Promise::Nothing));
    match (known(&head, weak), promised) {
        (Some(found), Promise::One(named)) if found != named => Err(contradiction(file, named, found)),
        (Some(found), Promise::Bytes) if found != Format::Torch || is_raw(path) => {
            Err(contradiction(file, Format::Raw, found))
        }
        (Some(found), _) => Ok(found),
        (None, _) if weak && is_pickle(&head) => Err(Error::format(
            path,
            At::Byte(0),
            "this is a bare pickle, which could run code, and is not read; write the scores with torch.save(tensor, path) of torch 1.6 or later, or numpy.save",
        )),
        (None, Promise::One(named)) => Err(Error::format(
            path,
            At::Byte(0),
            format!(
                "by its name this is {}, and its first bytes are {}, which no score format begins with",
                named.name(),
                show(&head)
            ),
        )),
        (None, _) if raw => Ok(Format::Raw),
        (None, Promise::Bytes) => Err(Error::Type(format!(
            "{}: raw values do not say their type; give dtype=, for example dtype=\"float32\"",
            path.display()
        ))),
        (None, Promise::Nothing) => Err(Error::format(
            path,
            At::Byte(0),
            format!(
                "its first bytes are {}, which no score format begins with; .pt, .npy, Arrow and Parquet are read, and raw values with dtype=",
                show(&head)
            ),
        )),
    }
}

fn is_raw(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("raw"))
}

/// The format that a file begins like; `weak` magics of four bytes that numbers may have count only if told.
fn known(head: &[u8], weak: bool) -> Option<Format> {
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        Some(Format::Torch)
    } else if head.starts_with(npy::MAGIC) {
        Some(Format::Npy)
    } else if head.starts_with(b"ARROW1") || (weak && head.starts_with(&[0xff; 4])) {
        Some(Format::Arrow)
    } else if head.starts_with(b"PAR1") {
        Some(Format::Parquet)
    } else {
        None
    }
}

/// Why a file of a kind that is known and not read is refused.
fn refused(head: &[u8]) -> Option<String> {
    let text = head.trim_ascii_start();
    let opens = |tag: &[u8]| text.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag));
    if head.starts_with(b"version https://git-lfs") {
        Some("this is a git-LFS pointer and not the file it stands for; get the file with: git lfs pull, or: dsdm fetch".into())
    } else if opens(b"<!doctype html") || opens(b"<html") || opens(b"<?xml") {
        let start = show(head);
        Some(format!(
            "this is a web page saved under the file's name, its first bytes are {start}; download the file itself"
        ))
    } else if head.starts_with(TORCH_LEGACY) {
        Some("this is torch's format from before 1.6, a pickle that could run code; re-save it: torch.save(torch.load(path, weights_only=True), path)".into())
    } else if head.get(257..262) == Some(b"ustar") {
        Some("this is a tar archive, torch's oldest format; re-save it: torch.save(torch.load(path, weights_only=True), path)".into())
    } else if first_entry(head).is_some_and(|name| name.ends_with(b".npy")) {
        Some("this is a .npz archive, which may hold several arrays; pick one array and save it: numpy.save(\"scores.npy\", numpy.load(path)[name])".into())
    } else if head.starts_with(b"\x1f\x8b") && head.get(2) == Some(&8) {
        Some("this is compressed with gzip; decompress it first: gunzip".into())
    } else if head.starts_with(b"\x89HDF\r\n\x1a\n") {
        Some("this is HDF5, which is not read; save the scores with numpy.save".into())
    } else {
        None
    }
}

/// The name of the first entry of a zip.
fn first_entry(head: &[u8]) -> Option<&[u8]> {
    if !head.starts_with(b"PK\x03\x04") {
        return None;
    }
    let len = usize::from(u16::from_le_bytes([*head.get(26)?, *head.get(27)?]));
    head.get(30..30 + len)
}

/// Whether it begins like a pickle of protocol 2 to 5.
fn is_pickle(head: &[u8]) -> bool {
    matches!(head, [0x80, 2..=5, ..])
}

fn contradiction(file: &File, named: Format, found: Format) -> Error {
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

/// The first bytes, readable.
fn show(head: &[u8]) -> String {
    let start = head.get(..16).unwrap_or(head);
    format!("b\"{}\"", start.escape_ascii())
}
