//! A folder that one run at a time has.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// The file in a locked folder that names the process that has it.
const HOLDER: &str = "pid";
/// How often a folder that vanishes while it is being locked is made anew.
const ATTEMPTS: u32 = 100;
/// How long one that looks whether a run lives may hold a lock.
const LOOK: Duration = Duration::from_millis(200);

/// Makes a folder, if it is not there, and locks it; gives what holds the lock, where there are locks.
pub(super) fn claim(folder: &Path, target: &Path) -> Result<Option<File>> {
    let begun = Instant::now();
    let mut attempts = 0;
    while attempts < ATTEMPTS {
        match fs::create_dir(folder) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(Error::io(folder, "making the folder of unfinished output", e)),
        }
        match lock(folder) {
            // Another run may have given the folder its final name, or removed it, since it was made.
            Lock::Held(file) if is_still(folder, &file) => {
                write_holder(folder)?;
                return Ok(Some(file));
            }
            Lock::Held(_) | Lock::Gone => attempts += 1,
            Lock::Taken if begun.elapsed() < LOOK => std::thread::sleep(LOOK / 20),
            Lock::Taken => return Err(busy(folder, target)),
            Lock::None => return Ok(None),
        }
    }
    Err(Error::io(folder, "locking the folder of unfinished output", io::ErrorKind::NotFound.into()))
}

fn write_holder(folder: &Path) -> Result<()> {
    let path = folder.join(HOLDER);
    fs::write(&path, std::process::id().to_string())
        .map_err(|e| Error::io(&path, "noting the process that writes here", e))
}

fn busy(folder: &Path, target: &Path) -> Error {
    let holder = fs::read_to_string(folder.join(HOLDER)).ok().filter(|pid| !pid.is_empty());
    let holder = holder.map_or_else(|| "another run".to_owned(), |pid| format!("the process {pid}"));
    let doing = format!(
        "{holder} is writing it now, in {}; wait for its end or choose another folder",
        folder.display()
    );
    Error::io(target, doing, io::Error::from_raw_os_error(16))
}

/// Removes the folders beside `but` whose names begin with `prefix` and that no living run has.
///
/// Proof: what cannot be looked at or removed takes room, and nobody reads it.
pub(super) fn remove_dead(parent: &Path, prefix: &OsStr, but: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let ours = name.as_encoded_bytes().starts_with(prefix.as_encoded_bytes());
        if ours
            && entry.path() != but
            && entry.path().is_dir()
            && let Lock::Held(_lock) = lock(&entry.path())
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Removes everything in a folder but the note of who has it.
pub(super) fn clear(folder: &Path) -> Result<()> {
    let failed = |e| Error::io(folder, "removing what an earlier run left", e);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let removed = match entry.file_type() {
            Ok(kind) if kind.is_dir() => fs::remove_dir_all(entry.path()),
            _ if entry.file_name() == HOLDER => Ok(()),
            _ => fs::remove_file(entry.path()),
        };
        removed.map_err(|e| Error::io(entry.path(), "removing what an earlier run left", e))?;
    }
    Ok(())
}

/// Whether a living run has a folder.
pub(super) fn is_held(folder: &Path) -> bool {
    matches!(lock(folder), Lock::Taken)
}

/// What came of locking a directory.
enum Lock {
    /// It is locked for as long as the file is open.
    Held(File),
    /// Another run holds it.
    Taken,
    /// There is no such directory any more.
    Gone,
    /// It cannot be locked here.
    None,
}

/// Locks a directory, unless another run holds it.
#[cfg(unix)]
fn lock(folder: &Path) -> Lock {
    use rustix::fs::{FlockOperation, flock};
    let file = match File::open(folder) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Lock::Gone,
        Err(_) => return Lock::None,
    };
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Lock::Held(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Lock::Taken,
        Err(_) => Lock::None,
    }
}

#[cfg(not(unix))]
fn lock(_folder: &Path) -> Lock {
    Lock::None
}

/// Whether a directory that was locked is still the one of that name.
fn is_still(folder: &Path, file: &File) -> bool {
    let locked = file.metadata().ok().and_then(|meta| place(&meta));
    place_of(folder) == locked
}

/// The device and inode of what has a path, which no other has as long as this is there.
pub(super) fn place_of(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().and_then(|meta| place(&meta))
}

#[cfg(unix)]
#[allow(clippy::unnecessary_wraps)] // other systems have none
fn place(meta: &fs::Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((meta.dev(), meta.ino()))
}

#[cfg(not(unix))]
fn place(_meta: &fs::Metadata) -> Option<(u64, u64)> {
    None
}
