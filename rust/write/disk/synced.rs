//! Files and names that are on the disk once they are made.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use super::folder::Folder;
use crate::error::{Error, Result};

/// Brings a directory's entries to the disk.
pub(crate) fn sync_folder(folder: &Folder) -> Result<()> {
    folder.sync().map_err(|e| Error::io(folder.path(), "bringing the directory to the disk", e))
}

/// Makes a directory and those above it that are not there, each of which is on the disk before the next is made:
/// `sync` is told the directory around each.
pub(crate) fn make_folders(path: &Path, sync: &impl Fn(&Folder) -> Result<()>) -> Result<()> {
    let failed = |e| Error::io(path, "making the directory of the output", e);
    let made = match fs::create_dir(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => match path.parent() {
            Some(around) => {
                make_folders(around, sync)?;
                fs::create_dir(path)
            }
            None => Err(e),
        },
        made => made,
    };
    match made {
        Ok(()) => {}
        // Made by others, or there before: where it is no directory, opening it says so.
        Err(_) if path.is_dir() => return Ok(()),
        Err(e) => return Err(failed(e)),
    }
    // Proof: the root was not made here.
    let around = path.parent().filter(|around| !around.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match Folder::open(around) {
        Ok(around) => sync(&around),
        // In a directory that may be written to and not read, nothing can be brought to the disk by its name.
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(e) => Err(failed(e)),
    }
}

/// Makes a file of bytes, and brings it to the disk.
pub(crate) fn write_synced(folder: &Folder, name: &str, bytes: &[u8]) -> Result<()> {
    let written = folder.create(name).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|e| Error::io(folder.at(name), format!("writing {} bytes", bytes.len()), e))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn every_directory_that_is_made_is_brought_to_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        let synced: RefCell<Vec<PathBuf>> = RefCell::default();
        let sync = |folder: &Folder| {
            synced.borrow_mut().push(folder.path().to_path_buf());
            sync_folder(folder)
        };
        let made = |path: &str| {
            make_folders(&dir.path().join(path), &sync).unwrap();
            assert!(dir.path().join(path).is_dir());
            synced.take()
        };
        let place = |path: &str| dir.path().join(path);
        assert_eq!(made("a/b/c"), [dir.path().to_path_buf(), place("a"), place("a/b")]);
        assert_eq!(made("a/b/c"), Vec::<PathBuf>::new());
        assert_eq!(made("a/b/d"), [place("a/b")]);
        assert_eq!(made("gone/../e"), [dir.path().to_path_buf(), place("gone/..")]);
        fs::write(place("file"), "").unwrap();
        let said = make_folders(&place("file/x"), &sync).unwrap_err().to_string();
        assert!(said.contains("making the directory of the output"), "{said}");
    }
}
