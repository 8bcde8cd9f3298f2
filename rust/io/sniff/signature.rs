//! What a format's first bytes look like, and what to do with a file of a format that is not read.

use std::path::Path;

use crate::error::{At, Error};

/// Bytes that are looked at: a tar archive says what it is at byte 257.
pub(crate) const HEAD: u64 = 512;

/// The first bytes of a file, and how many it has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head<'h> {
    /// Its first [`HEAD`] bytes, or all.
    pub(crate) bytes: &'h [u8],
    /// Bytes of the whole file.
    pub(crate) size: u64,
}

/// The formats that dsdm reads, and all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileType {
    /// A zip, as `torch.save` and `numpy.savez` write it.
    Zip,
    /// An array of `numpy.save`.
    Npy,
    /// Tensors behind a header of JSON.
    Safetensors,
    /// An Arrow file, or a stream.
    Arrow,
    /// Parquet.
    Parquet,
    /// Text that begins with an object, as JSON lines do.
    Json,
    /// Bytes that gzip compressed.
    Gzip,
    /// Bytes that zstd compressed.
    Zstd,
    /// A format that dsdm does not read.
    Other,
}

/// How much its first bytes prove of a file's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// No values begin like this by chance.
    Sure,
    /// Plain values may begin like this: a few bytes, or bytes that are common.
    Weak,
}

/// What to do with a file that is not read.
pub(super) enum Advice {
    /// Write its values as something that is read.
    Convert,
    /// The same for scores and rows.
    Do(&'static str),
    /// One for scores, one for rows.
    Each(&'static str, &'static str),
}

/// One row of the table: how files of a format begin.
pub(crate) struct Signature {
    /// What the file is, for a message: "this is …".
    pub(crate) name: &'static str,
    /// What reads it.
    pub(crate) file_type: FileType,
    /// How much its first bytes prove.
    pub(crate) evidence: Evidence,
    pub(super) begins: fn(Head<'_>) -> bool,
    advice: Advice,
}

impl Signature {
    pub(super) const fn sure(
        file_type: FileType,
        name: &'static str,
        begins: fn(Head<'_>) -> bool,
        advice: Advice,
    ) -> Self {
        Self { name, file_type, evidence: Evidence::Sure, begins, advice }
    }

    pub(super) const fn weak(
        file_type: FileType,
        name: &'static str,
        begins: fn(Head<'_>) -> bool,
        advice: Advice,
    ) -> Self {
        Self { name, file_type, evidence: Evidence::Weak, begins, advice }
    }

    /// Return the error for scores: why they are not read from the file, and what to do.
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

    /// Return the error for rows: why they are not read from the file, and what to do.
    pub(crate) fn refuse_rows(&self, path: &Path, head: Head<'_>) -> Error {
        let advice = match self.advice {
            Advice::Convert => "write the rows as Parquet",
            Advice::Do(advice) | Advice::Each(_, advice) => advice,
        };
        let (name, not_read) = (self.name, not_rows(head));
        Error::format(path, At::Byte(0), format!("this is {name}: {not_read}; {advice}"))
    }
}

/// Return why a file holds no rows, by its first bytes.
pub(crate) fn not_rows(head: Head<'_>) -> String {
    format!(
        "its first bytes are {}, which is neither Parquet (PAR1), nor an Arrow file (ARROW1), nor an Arrow stream (ff ff ff ff), nor JSON lines",
        show(head.bytes)
    )
}

/// Return the first bytes as text to print.
pub(crate) fn show(head: &[u8]) -> String {
    let start = &head[..head.len().min(16)];
    format!("b\"{}\"", start.escape_ascii())
}

impl Head<'_> {
    pub(super) fn starts(self, magic: &[u8]) -> bool {
        self.bytes.starts_with(magic)
    }

    pub(super) fn at(self, offset: usize, magic: &[u8]) -> bool {
        self.bytes.get(offset..).is_some_and(|rest| rest.starts_with(magic))
    }

    pub(super) fn i32(self, offset: usize) -> Option<i32> {
        self.bytes.get(offset..)?.first_chunk().map(|bytes| i32::from_le_bytes(*bytes))
    }

    pub(super) fn u16(self, offset: usize) -> Option<u16> {
        self.bytes.get(offset..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
    }
}
