//! A file in the making, under a name that tells so.

use std::fs::File;
use std::path::Path;

use super::folder::Folder;
use crate::checked;
use crate::error::{Error, Result};
use crate::exec::job::State;

/// The end of the name of a file that is being written.
pub(crate) const PART: &str = ".part";

/// Bytes that are written between two looks whether the job is to stop.
const WRITE: usize = 1 << 20;

/// The name of a file while it is being written.
pub(crate) fn part(name: &str) -> String {
    format!("{name}{PART}")
}

/// Creates a file that is not there yet.
pub(crate) fn create(folder: &Folder, name: &str) -> Result<File> {
    folder.create(name).map_err(|e| Error::io(folder.at(name), "creating", e))
}

/// Writes bytes, unless the job is to stop.
pub(crate) fn write_all_at(file: &File, path: &Path, bytes: &[u8], offset: u64, state: &State) -> Result<()> {
    for (index, chunk) in bytes.chunks(WRITE).enumerate() {
        state.check()?;
        write_at(file, path, chunk, checked::add(offset, checked::mul(index, WRITE)? as u64)?)?;
    }
    Ok(())
}

/// Writes bytes in one go.
#[cfg(unix)]
pub(crate) fn write_at(file: &File, path: &Path, bytes: &[u8], offset: u64) -> Result<()> {
    let written = std::os::unix::fs::FileExt::write_all_at(file, bytes, offset);
    written.map_err(|e| Error::io(path, format!("writing {} bytes at {offset}", bytes.len()), e))
}

/// Writes bytes in one go.
#[cfg(windows)]
pub(crate) fn write_at(file: &File, path: &Path, mut bytes: &[u8], mut offset: u64) -> Result<()> {
    let failed = |e, len, offset| Error::io(path, format!("writing {len} bytes at {offset}"), e);
    while !bytes.is_empty() {
        let written = std::os::windows::fs::FileExt::seek_write(file, bytes, offset);
        match written.map_err(|e| failed(e, bytes.len(), offset))? {
            0 => return Err(failed(std::io::ErrorKind::WriteZero.into(), bytes.len(), offset)),
            count => {
                bytes = checked::get(bytes, count..)?;
                offset = checked::add(offset, count as u64)?;
            }
        }
    }
    Ok(())
}
