//! The records that end a zip file: where the central directory lies, in 32 or in 64 bits.

use crate::checked;
use crate::error::{At, Error, Result};
use crate::io::file::File;
use crate::scores::formats::bytes::array_at;

/// Bytes of the end-of-central-directory record without a comment.
const END: u64 = 22;
/// Bytes of the locator of the zip64 end record.
const LOCATOR: u64 = 20;
/// Bytes of the zip64 end record.
const ZIP64_END: u64 = 56;
/// No score file has more entries; a crafted one could have billions.
const MAX_ENTRIES: u64 = 65_536;
/// No directory of that many entries with sane names is longer.
const MAX_BYTES: u64 = 16 << 20;

/// The extent of the central directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Directory {
    pub(crate) offset: u64,
    pub(crate) size: u64,
    pub(crate) entries: u64,
}

/// Finds the central directory, which must end exactly where the end records begin.
pub(crate) fn directory(file: &File) -> Result<Directory> {
    let Some(end) = file.size().checked_sub(END) else { return Err(no_end(file)) };
    let record = file.read(end, 22)?;
    if !record.starts_with(b"PK\x05\x06") {
        return Err(explain_missing_end(file));
    }
    let (disk, first) =
        (u16::from_le_bytes(array_at(&record, 4)?), u16::from_le_bytes(array_at(&record, 6)?));
    one_disk(file, end, disk.into(), first.into())?;
    let comment = u16::from_le_bytes(array_at(&record, 20)?);
    if comment != 0 {
        return Err(Error::truncated(
            file.path(),
            At::Byte(end),
            format!("the end record promises a comment of {comment} bytes, and the file ends there"),
        ));
    }
    let narrow = Directory {
        offset: u32::from_le_bytes(array_at(&record, 16)?).into(),
        size: u32::from_le_bytes(array_at(&record, 12)?).into(),
        entries: u16::from_le_bytes(array_at(&record, 10)?).into(),
    };
    let (found, stop) = match zip64_end(file, end)? {
        None => (narrow, end),
        Some((wide, at)) => {
            agree(file, end, narrow, wide)?;
            (wide, at)
        }
    };
    check_extent(file, found, stop)?;
    check_limits(file, found)?;
    Ok(found)
}

/// The zip64 end record and its offset, if a locator announces one.
fn zip64_end(file: &File, end: u64) -> Result<Option<(Directory, u64)>> {
    let Some(at) = end.checked_sub(LOCATOR) else {
        return Ok(None); // Proof: there is no room for a locator before the end record.
    };
    let locator = file.read(at, 20)?;
    if !locator.starts_with(b"PK\x06\x07") {
        return Ok(None);
    }
    let field = |message: String| Error::format(file.path(), At::Byte(at), message);
    let said = u64::from_le_bytes(array_at(&locator, 8)?);
    let Some(place) = at.checked_sub(ZIP64_END).filter(|place| *place == said) else {
        return Err(field(format!(
            "zip64 end record offset {said} in the locator: expected {ZIP64_END} bytes before it"
        )));
    };
    // Proof: the locator counts disks, and everything else numbers them from 0; some writers count none.
    let last = u32::from_le_bytes(array_at(&locator, 16)?).saturating_sub(1);
    one_disk(file, at, u32::from_le_bytes(array_at(&locator, 4)?), last)?;
    let record = file.read(place, 56)?;
    one_disk(
        file,
        place,
        u32::from_le_bytes(array_at(&record, 16)?),
        u32::from_le_bytes(array_at(&record, 20)?),
    )?;
    let length = u64::from_le_bytes(array_at(&record, 4)?);
    if !record.starts_with(b"PK\x06\x06") || length != ZIP64_END - 12 {
        return Err(Error::format(
            file.path(),
            At::Byte(place),
            format!("zip64 end record: expected its signature and a length of 44, found {length}"),
        ));
    }
    let wide = Directory {
        offset: u64::from_le_bytes(array_at(&record, 48)?),
        size: u64::from_le_bytes(array_at(&record, 40)?),
        entries: u64::from_le_bytes(array_at(&record, 32)?),
    };
    Ok(Some((wide, place)))
}

/// Fails if an archive says that it is one of several.
fn one_disk(file: &File, at: u64, number: u32, other: u32) -> Result<()> {
    // Proof: numbers of 0 say that there is one file.
    let Some(found) = [number, other].into_iter().find(|disk| *disk != 0) else { return Ok(()) };
    let message = format!("disk number {found}: expected 0, an archive in one file; the file is damaged");
    Err(Error::format(file.path(), At::Byte(at), message))
}

/// The 32-bit record repeats the 64-bit one, or is all ones where it cannot.
fn agree(file: &File, end: u64, narrow: Directory, wide: Directory) -> Result<()> {
    let fields = [
        ("central directory offset", narrow.offset, wide.offset, u64::from(u32::MAX)),
        ("central directory size", narrow.size, wide.size, u64::from(u32::MAX)),
        ("number of entries", narrow.entries, wide.entries, u64::from(u16::MAX)),
    ];
    for (name, narrow, wide, ones) in fields {
        if narrow != wide && narrow != ones {
            return Err(Error::format(
                file.path(),
                At::Byte(end),
                format!("{name} is {narrow} in the end record and {wide} in the zip64 end record"),
            ));
        }
    }
    Ok(())
}

fn check_extent(file: &File, found: Directory, stop: u64) -> Result<()> {
    let Directory { offset, size, .. } = found;
    let Some(last) = offset.checked_add(size) else {
        return Err(Error::format(
            file.path(),
            At::Byte(stop),
            format!("central directory offset {offset} plus size {size} overflows 64 bits"),
        ));
    };
    if last > stop {
        return Err(Error::truncated(
            file.path(),
            At::Byte(stop),
            format!(
                "the central directory needs {last} bytes before the end records and has {stop}; \
                 bytes are missing: copy or download the file again"
            ),
        ));
    }
    if last < stop {
        return Err(Error::format(
            file.path(),
            At::Byte(last),
            format!(
                "the central directory ends at byte {last} and the end records begin at {stop}: expected nothing between"
            ),
        ));
    }
    Ok(())
}

fn check_limits(file: &File, found: Directory) -> Result<()> {
    let refuse = |what: &str, found: u64, limit: u64| {
        Err(Error::format(
            file.path(),
            At::Field("central directory".into()),
            format!("{found} {what}, and the limit is {limit}; save the scores as one tensor"),
        ))
    };
    if found.entries > MAX_ENTRIES {
        return refuse("entries", found.entries, MAX_ENTRIES);
    }
    if found.size > MAX_BYTES {
        return refuse("bytes", found.size, MAX_BYTES);
    }
    Ok(())
}

fn no_end(file: &File) -> Error {
    Error::truncated(
        file.path(),
        At::Byte(file.size()),
        format!(
            "no end-of-central-directory record (EOCD) in the last bytes of {}: the file was cut; copy or \
             download it again",
            file.size()
        ),
    )
}

/// Tells bytes appended to a whole file from a file that was cut.
fn explain_missing_end(file: &File) -> Error {
    match stray_end(file) {
        Err(error) => error,
        Ok(None) => no_end(file),
        Ok(Some(end)) => Error::format(
            file.path(),
            At::Byte(end),
            format!(
                "{} bytes after the end record of the zip: expected the end of the file",
                file.size() - end
            ),
        ),
    }
}

/// The end of the last plausible end record in the last 64 KiB.
fn stray_end(file: &File) -> Result<Option<u64>> {
    let len = file.size().min(END + (1 << 16));
    let start = file.size() - len;
    let tail = file.read(start, checked::index(len)?)?;
    let records = tail.windows(22).enumerate().rev();
    for (i, record) in records.filter(|(_, record)| record.starts_with(b"PK\x05\x06")) {
        let at = start + i as u64;
        let size = u64::from(u32::from_le_bytes(array_at(record, 12)?));
        let offset = u64::from(u32::from_le_bytes(array_at(record, 16)?));
        if offset == u64::from(u32::MAX) || offset + size <= at {
            return Ok(Some(at + END));
        }
    }
    Ok(None)
}
