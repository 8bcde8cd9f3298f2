//! The local header of an entry, which must say what the central directory says.

use super::central::{ZipEntry, bad};
use crate::error::{At, Error, Result};
use crate::io::file::File;
use crate::scores::formats::bytes::array_at;

/// Flags that torch and plain zip writers set: sizes in a descriptor, names in UTF-8.
const KNOWN_FLAGS: u16 = 0x808;
/// Sizes follow the payload; the local header has zeros.
const DESCRIPTOR: u16 = 0x8;
/// Bytes of a local header before its name.
const LOCAL: u64 = 30;

/// Only plain bytes can be mapped. `fix` is what to do about an entry that is compressed.
pub(crate) fn check_stored(file: &File, entry: &ZipEntry, fix: &str) -> Result<()> {
    let ZipEntry { name, header, flags, method, .. } = entry;
    if flags & !KNOWN_FLAGS != 0 {
        return Err(bad(
            file,
            *header,
            format!(
                "entry {name:?} has flags {flags:#06x}, expected at most 0x0808; encrypted zips are not read"
            ),
        ));
    }
    if *method != 0 {
        return Err(bad(
            file,
            *header,
            format!("entry {name:?} is compressed (method {method}), expected method 0; {fix}"),
        ));
    }
    if entry.stored != entry.size {
        return Err(bad(
            file,
            *header,
            format!("entry {name:?} has {} stored bytes for {} bytes uncompressed", entry.stored, entry.size),
        ));
    }
    Ok(())
}

/// Reads the local header, holds it against the directory, and sets where the payload begins.
pub(super) fn locate(file: &File, entry: &mut ZipEntry, directory: u64) -> Result<()> {
    let at = entry.header;
    let name = entry.name.clone();
    let bounded = |end: Option<u64>, what: &str| match end {
        None => Err(bad(file, at, format!("entry {name:?}: {what} overflows 64 bits"))),
        Some(end) if end > file.size() => Err(Error::truncated(
            file.path(),
            At::Byte(at),
            format!("entry {name:?}: {what} needs {end} bytes and the file has {}", file.size()),
        )),
        Some(end) if end > directory => Err(bad(
            file,
            at,
            format!("entry {name:?} at {at}..{end} overlaps the central directory at {directory}..: {what}"),
        )),
        Some(end) => Ok(end),
    };
    let fixed = bounded(at.checked_add(LOCAL), "local header offset")?;
    let record = file.read(at, 30)?;
    if !record.starts_with(b"PK\x03\x04") {
        return Err(bad(file, at, format!("entry {name:?}: expected its local header (PK 03 04) here")));
    }
    let name_len = u16::from_le_bytes(array_at(&record, 26)?);
    let extra_len = u16::from_le_bytes(array_at(&record, 28)?);
    let payload = fixed.checked_add(u64::from(name_len) + u64::from(extra_len));
    entry.payload = bounded(payload, "local header")?;
    let local = file.read(fixed, name_len.into())?;
    if local.as_ref() != name.as_bytes() {
        let local = String::from_utf8_lossy(&local);
        return Err(bad(
            file,
            at,
            format!("the directory names this entry {name:?} and its local header {local:?}"),
        ));
    }
    check_local(file, entry, &record)?;
    bounded(entry.payload.checked_add(entry.stored), "compressed size")?;
    Ok(())
}

/// Flags, method and sizes of the local header are those of the directory.
fn check_local(file: &File, entry: &ZipEntry, record: &[u8]) -> Result<()> {
    let differs = |field: &str, local: u64, central: u64| {
        Err(bad(
            file,
            entry.header,
            format!(
                "entry {:?}: {field} {local} in the local header, {central} in the directory",
                entry.name
            ),
        ))
    };
    let flags = u16::from_le_bytes(array_at(record, 6)?);
    let method = u16::from_le_bytes(array_at(record, 8)?);
    if flags != entry.flags {
        return differs("flags", flags.into(), entry.flags.into());
    }
    if method != entry.method {
        return differs("method", method.into(), entry.method.into());
    }
    for (field, at, central) in [("compressed size", 18, entry.stored), ("uncompressed size", 22, entry.size)]
    {
        let local = u64::from(u32::from_le_bytes(array_at(record, at)?));
        let deferred = local == u64::from(u32::MAX) || (local == 0 && flags & DESCRIPTOR != 0);
        if local != central && !deferred {
            return differs(field, local, central);
        }
    }
    Ok(())
}
