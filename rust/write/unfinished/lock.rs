//! A folder that one run at a time has.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use super::known::{check_known, mark};
use super::process::has_ended;
use super::trust::{check_contents, check_ours, in_the_way, is_ours};
use crate::error::{Error, Result};
use crate::write::disk::folder::Folder;
use crate::write::disk::names::{EntryKind, HOLDER, Lock, MARK};
use crate::write::disk::short::read_short;

/// How often a folder that vanishes while it is being locked is made anew.
const ATTEMPTS: u32 = 100;
/// How long one that looks whether a run lives may hold a lock.
const LOOK: Duration = Duration::from_millis(200);

/// Bytes of the number of a process.
const HOLDER_BYTES: u64 = 10;

/// A folder that this run has. Dropped, it is removed, unless it is to be kept.
#[derive(Debug)]
pub(crate) struct Claim {
    parent: Folder,
    name: OsString,
    /// The folder.
    pub(crate) folder: Folder,
    /// Held locked, so that another run does not take this one for dead; where there are locks.
    lock: Option<File>,
    /// Whether the folder stays.
    pub(crate) kept: bool,
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Unlocked only after it is gone.
        if !self.kept {
            remove(&self.parent, &self.name, &self.folder);
        }
        drop(self.lock.take());
    }
}

/// Makes a folder, if it is not there, and locks it.
///
/// # Errors
/// Something else has the name; the folder belongs to another user, or others may write in it; another run has it.
pub(crate) fn claim(parent: &Folder, name: &OsStr, target: &OsStr) -> Result<Claim> {
    let begun = Instant::now();
    let path = parent.at(name);
    let mut attempts = 0;
    while attempts < ATTEMPTS {
        match parent.make_private(name) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(Error::io(path, "making the directory of unfinished output", e)),
        }
        let folder = match parent.sub(name) {
            Ok(folder) => folder,
            // Another run removed it since it was made.
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                attempts += 1;
                continue;
            }
            Err(e) => return Err(in_the_way(parent, name, e)),
        };
        check_ours(parent, &folder)?;
        let lock = match folder.lock() {
            Lock::Held(file) => Some(file),
            Lock::None => None,
            Lock::Taken if begun.elapsed() < LOOK => {
                std::thread::sleep(LOOK / 20);
                continue;
            }
            Lock::Taken => return Err(busy(parent, target, &folder)),
        };
        // Another run may have given the folder its final name, or removed it, since it was made.
        if is_still(parent, name, &folder) {
            check_contents(&folder)?;
            check_known(&folder)?;
            let kept = !is_empty(&folder);
            let claim = Claim { parent: parent.clone(), name: name.to_owned(), folder, lock, kept };
            mark(&claim.folder)?;
            write_holder(&claim.folder)?;
            return Ok(claim);
        }
        attempts += 1;
    }
    Err(Error::io(path, "locking the directory of unfinished output", io::ErrorKind::NotFound.into()))
}

/// Whether there is nothing in a folder, but its mark and the note of who has it.
fn is_empty(folder: &Folder) -> bool {
    folder.entries().is_ok_and(|entries| entries.iter().all(|(name, _)| name == HOLDER || name == MARK))
}

fn write_holder(folder: &Folder) -> Result<()> {
    let removed = match folder.remove_file(HOLDER) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    };
    let written = removed
        .and_then(|()| folder.create(HOLDER))
        .and_then(|mut file| file.write_all(std::process::id().to_string().as_bytes()));
    written.map_err(|e| Error::io(folder.at(HOLDER), "noting the process that writes here", e))
}

fn busy(parent: &Folder, target: &OsStr, folder: &Folder) -> Error {
    // Proof: a note that cannot be read, or is longer than a number, names no process.
    let what = "the note of who writes here";
    let holder = read_short(folder.reader(HOLDER), &folder.at(HOLDER), HOLDER_BYTES, what).ok();
    let holder = holder.and_then(|pid| String::from_utf8(pid).ok());
    let holder = holder.filter(|pid| pid.parse::<u32>().is_ok());
    let place = folder.path().display();
    let doing = match holder {
        Some(pid) if has_ended(&pid) => format!(
            "the process {pid}, which wrote it in {place}, is not here any more, and its lock is held: by a process that it forked, which has the lock as long as it lives, or on another machine; end that process, wait for its end or choose another directory"
        ),
        holder => {
            let holder = holder.map_or_else(|| "another run".to_owned(), |pid| format!("the process {pid}"));
            format!("{holder} is writing it now, in {place}; wait for its end or choose another directory")
        }
    };
    Error::io(parent.at(target), doing, io::Error::from_raw_os_error(16))
}

/// Removes what `is_dead` says of a name that it may be left by a dead run, unless a living run has it, or it is not
/// this user's.
///
/// Proof: what cannot be looked at or removed takes room, and nobody reads it.
pub(crate) fn remove_dead(parent: &Folder, is_dead: impl Fn(&OsStr) -> bool) {
    let Ok(entries) = parent.entries() else { return };
    for (name, _) in entries.iter().filter(|(name, kind)| *kind == EntryKind::Folder && is_dead(name)) {
        if let Ok(folder) = parent.sub(name)
            && is_ours(parent, &folder)
            && let Lock::Held(_lock) = folder.lock()
            // What it has renamed is on the disk before the rest goes.
            && parent.sync().is_ok()
        {
            remove(parent, name, &folder);
        }
    }
}

/// Removes a folder and what is in it, if that is nothing else than what runs make there. What another run puts in its place once it is empty, is empty as well, and made
/// anew by that run.
fn remove(parent: &Folder, name: &OsStr, folder: &Folder) {
    if check_known(folder).is_ok() && folder.clear().is_ok() && is_still(parent, name, folder) {
        let _ = parent.remove_empty(name);
    }
}

/// Removes everything in a folder but its mark and the note of who has it.
pub(crate) fn clear(folder: &Folder) -> Result<()> {
    let doing = "removing what an earlier run left";
    for (name, _) in folder.entries().map_err(|e| Error::io(folder.path(), doing, e))? {
        if name != HOLDER && name != MARK {
            folder.remove_all(&name).map_err(|e| Error::io(folder.at(&name), doing, e))?;
        }
    }
    Ok(())
}

/// Whether a living run has a folder.
pub(crate) fn is_held(folder: &Folder) -> bool {
    matches!(folder.lock(), Lock::Taken)
}

/// Whether a directory that was opened is still the one of that name.
fn is_still(parent: &Folder, name: &OsStr, folder: &Folder) -> bool {
    let place = |meta: io::Result<crate::write::disk::names::Meta>| meta.map(|meta| meta.place);
    place(parent.meta(name)).is_ok_and(|there| place(folder.itself()).is_ok_and(|open| there == open))
}
