//! Files and names that are on the disk once they are made.

use std::io::Write;

use super::folder::Folder;
use crate::error::{Error, Result};

/// Brings a directory's entries to the disk.
pub(super) fn sync_folder(folder: &Folder) -> Result<()> {
    folder.sync().map_err(|e| Error::io(folder.path(), "bringing the folder to the disk", e))
}

/// Makes a file of bytes, and brings it to the disk.
pub(super) fn write_synced(folder: &Folder, name: &str, bytes: &[u8]) -> Result<()> {
    let written = folder.create(name).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|e| Error::io(folder.at(name), format!("writing {} bytes", bytes.len()), e))
}
