//! The central directory: one record for each entry, with its sizes and the place of its local header.

use super::eocd::Directory;
use crate::checked;
use crate::error::{At, Error, Result};
use crate::io::file::File;
use crate::scores::formats::bytes::array_at;

/// Bytes of a record before its name.
const CENTRAL: usize = 46;

/// One stored entry.
#[derive(Debug, Clone)]
pub(crate) struct ZipEntry {
    /// Its whole name, prefix included.
    pub(crate) name: String,
    /// Where its local header begins.
    pub(crate) header: u64,
    /// Where its bytes begin.
    pub(crate) payload: u64,
    /// How many there are.
    pub(crate) size: u64,
    /// The CRC-32 that the directory has for them.
    pub(crate) crc: u32,
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) stored: u64,
}

/// Return the error for what is broken at a byte.
pub(crate) fn bad(file: &File, at: u64, message: String) -> Error {
    Error::format(file.path(), At::Byte(at), message)
}

/// Read all entries of the central directory.
pub(super) fn walk(file: &File, directory: Directory) -> Result<Vec<ZipEntry>> {
    let bytes = file.read(directory.offset, checked::index(directory.size)?)?;
    let mut entries = Vec::new();
    let mut rest = bytes.as_ref();
    for _ in 0..directory.entries {
        let at = directory.offset + (bytes.len() - rest.len()) as u64;
        let (entry, after) = central(file, at, rest)?;
        entries.push(entry);
        rest = after;
    }
    if rest.is_empty() {
        return Ok(entries);
    }
    let at = directory.offset + (bytes.len() - rest.len()) as u64;
    Err(bad(
        file,
        at,
        format!("{} bytes after the last of {} directory entries", rest.len(), directory.entries),
    ))
}

/// One record of the central directory, and what follows it.
fn central<'b>(file: &File, at: u64, rest: &'b [u8]) -> Result<(ZipEntry, &'b [u8])> {
    let cut = || bad(file, at, "the central directory ends within an entry".into());
    let (record, rest) = rest.split_at_checked(CENTRAL).ok_or_else(cut)?;
    if !record.starts_with(b"PK\x01\x02") {
        return Err(bad(file, at, "expected a central directory entry (PK 01 02)".into()));
    }
    let length = |at| -> Result<usize> { Ok(u16::from_le_bytes(array_at(record, at)?).into()) };
    let (name, rest) = rest.split_at_checked(length(28)?).ok_or_else(cut)?;
    let (extra, rest) = rest.split_at_checked(length(30)?).ok_or_else(cut)?;
    let (_comment, rest) = rest.split_at_checked(length(32)?).ok_or_else(cut)?;
    let name = std::str::from_utf8(name)
        .map_err(|_| bad(file, at, format!("entry name {:?} is not UTF-8", String::from_utf8_lossy(name))))?;
    let narrow = |at| -> Result<u64> { Ok(u32::from_le_bytes(array_at(record, at)?).into()) };
    let mut wide = Wide { file, at, name, fields: zip64_extra(extra)? };
    let entry = ZipEntry {
        name: name.to_owned(),
        size: wide.resolve("uncompressed size", narrow(24)?)?,
        stored: wide.resolve("compressed size", narrow(20)?)?,
        header: wide.resolve("local header offset", narrow(42)?)?,
        payload: 0,
        crc: u32::from_le_bytes(array_at(record, 16)?),
        flags: u16::from_le_bytes(array_at(record, 8)?),
        method: u16::from_le_bytes(array_at(record, 10)?),
    };
    Ok((entry, rest))
}

/// The body of the extra field with id 1, which holds what does not fit 32 bits.
fn zip64_extra(mut extra: &[u8]) -> Result<&[u8]> {
    while let Some((head, rest)) = extra.split_at_checked(4) {
        let len = usize::from(u16::from_le_bytes(array_at(head, 2)?));
        let Some((body, after)) = rest.split_at_checked(len) else {
            break; // Proof: a field that is cut holds nothing, and what asks for it says so.
        };
        if head.starts_with(&[1, 0]) {
            return Ok(body);
        }
        extra = after;
    }
    Ok(&[])
}

/// 64-bit values in the order of the 32-bit fields that are all ones.
struct Wide<'a> {
    file: &'a File,
    at: u64,
    name: &'a str,
    fields: &'a [u8],
}

impl Wide<'_> {
    fn resolve(&mut self, field: &str, narrow: u64) -> Result<u64> {
        if narrow != u64::from(u32::MAX) {
            return Ok(narrow);
        }
        let Some((value, rest)) = self.fields.split_at_checked(8) else {
            let message =
                format!("entry {:?}: {field} is all ones and no zip64 extra field holds it", self.name);
            return Err(bad(self.file, self.at, message));
        };
        self.fields = rest;
        Ok(u64::from_le_bytes(array_at(value, 0)?))
    }
}
