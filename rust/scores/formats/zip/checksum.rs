//! The CRC-32 of an entry's bytes, held against that of the directory.

use super::central::ZipEntry;
use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::job::check_here;
use crate::io::file::File;

/// Bytes of a payload that are checksummed at once.
const BLOCK: usize = 1 << 20;

/// Compares an entry's bytes with the checksum that the directory has for them.
pub(crate) fn checksum(file: &File, entry: &ZipEntry) -> Result<()> {
    let mut hasher = crc32fast::Hasher::new();
    let mut done = 0;
    while done < entry.size {
        let len = checked::index((entry.size - done).min(BLOCK as u64))?;
        hasher.update(&file.read(entry.payload + done, len)?);
        done += len as u64;
        check_here()?;
    }
    let found = hasher.finalize();
    if found == entry.crc {
        return Ok(());
    }
    let why = if entry.crc == 0 {
        "; CRC 0 is what torch leaves for values it never wrote (skip_data)"
    } else {
        "; the file is corrupt, or was saved without CRC-32: copy or download it again"
    };
    Err(Error::checksum(
        file.path(),
        At::Field(entry.name.clone()),
        format!("the zip has CRC {:#010x} for these bytes and they have {found:#010x}{why}", entry.crc),
    ))
}
