//! Files and names that are on the disk once they are made.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use crate::error::{Error, Result};

/// Renames unless the new name is taken.
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(()),
            // A file system or kernel without the flag.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP) => {}
            Err(e) => return Err(e.into()),
        }
    }
    if to.exists() {
        return Err(io::Error::from_raw_os_error(17));
    }
    fs::rename(from, to)
}

/// Brings a directory's entries to the disk.
pub(super) fn sync_folder(folder: &Path) -> Result<()> {
    #[cfg(unix)]
    File::open(folder)
        .and_then(|file| file.sync_all())
        .map_err(|e| Error::io(folder, "bringing the folder to the disk", e))?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Makes a file of bytes, and brings it to the disk.
pub(super) fn write_synced(path: &Path, bytes: &[u8]) -> Result<()> {
    let written = File::create_new(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|e| Error::io(path, format!("writing {} bytes", bytes.len()), e))
}
