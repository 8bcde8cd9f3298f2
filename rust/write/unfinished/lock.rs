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

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)] // tests
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::write::disk::names::OUTPUT;

    const SHARD: &str = "data-00000-of-00001.arrow";

    fn here() -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        let parent = Folder::open(dir.path()).unwrap();
        (dir, parent)
    }

    fn claimed(parent: &Folder) -> Result<Claim> {
        claim(parent, OsStr::new("run"), OsStr::new("target"))
    }

    /// A folder with a shard in it, which a run that ended left.
    fn left(parent: &Folder, name: &str) -> Folder {
        let mut run = claim(parent, OsStr::new(name), OsStr::new("target")).unwrap();
        run.folder.make(OUTPUT).unwrap();
        fs::write(run.folder.sub(OUTPUT).unwrap().at(SHARD), "rows").unwrap();
        run.kept = true;
        drop(run);
        parent.sub(name).unwrap()
    }

    #[test]
    fn one_run_at_a_time_has_a_folder_which_goes_with_it() {
        let (_dir, parent) = here();
        let run = claimed(&parent).unwrap();
        assert!(!run.kept && is_held(&run.folder));
        assert_eq!(fs::metadata(run.folder.path()).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::read_to_string(run.folder.at(HOLDER)).unwrap(), std::process::id().to_string());
        let said = claimed(&parent).unwrap_err().to_string();
        let process = format!("the process {} is writing it now, in ", std::process::id());
        assert!(said.contains(&process) && said.contains("target"), "{said}");
        drop(run);
        assert!(parent.entries().unwrap().is_empty());
        assert!(!is_held(&claimed(&parent).unwrap().parent));
    }

    #[test]
    fn what_a_run_left_is_kept_by_the_next_one_until_it_is_cleared() {
        let (_dir, parent) = here();
        let folder = left(&parent, "run");
        assert!(!is_held(&folder));
        let mut run = claimed(&parent).unwrap();
        assert!(run.kept && run.folder.meta(OUTPUT).is_ok());
        clear(&run.folder).unwrap();
        let mut names: Vec<_> = run.folder.entries().unwrap().into_iter().map(|(name, _)| name).collect();
        names.sort();
        assert_eq!(names, [MARK, HOLDER]);
        run.kept = false;
        drop(run);
        assert!(parent.entries().unwrap().is_empty());
    }

    #[test]
    fn who_holds_a_folder_is_told_as_far_as_it_is_known() {
        let (_dir, parent) = here();
        let run = claimed(&parent).unwrap();
        for (note, said) in [
            (i32::MAX.to_string(), format!("the process {}, which wrote it in ", i32::MAX)),
            (std::process::id().to_string(), format!("the process {} is writing it now", std::process::id())),
            ("12345678901".to_owned(), "another run is writing it now".to_owned()),
            ("-1".to_owned(), "another run is writing it now".to_owned()),
            (String::new(), "another run is writing it now".to_owned()),
        ] {
            fs::write(run.folder.at(HOLDER), &note).unwrap();
            let found = busy(&parent, OsStr::new("target"), &run.folder).to_string();
            assert!(found.contains(&said), "{note}: {found}");
        }
        fs::remove_file(run.folder.at(HOLDER)).unwrap();
        assert!(busy(&parent, OsStr::new("target"), &run.folder).to_string().contains("another run"));
    }

    #[test]
    fn what_is_not_of_a_run_is_neither_taken_nor_touched() {
        let (_dir, parent) = here();
        let made = |name: &str| {
            parent.make_private(name).unwrap();
            parent.sub(name).unwrap()
        };
        fs::write(made("thesis").at("chapter.tex"), "years").unwrap();
        fs::set_permissions(made("open").path(), PermissionsExt::from_mode(0o777)).unwrap();
        symlink("/nowhere", made("inside").at(OUTPUT)).unwrap();
        fs::write(parent.at("file"), "years").unwrap();
        symlink(parent.at("open"), parent.at("link")).unwrap();
        for (name, said) in [
            ("thesis", "chapter.tex"),
            ("open", "its mode is 777"),
            ("inside", "a link to /nowhere"),
            ("file", "there is a file"),
            ("link", "there is a link to"),
        ] {
            let found = claim(&parent, OsStr::new(name), OsStr::new("target")).unwrap_err().to_string();
            assert!(found.contains(said), "{name}: {found}");
        }
        remove_dead(&parent, |_| true);
        assert_eq!(fs::read_to_string(parent.at("thesis/chapter.tex")).unwrap(), "years");
        assert_eq!(parent.entries().unwrap().len(), 5);
        assert_eq!(fs::read_dir(parent.at("open")).unwrap().count(), 0);
    }

    #[test]
    fn what_dead_runs_left_goes_and_that_of_living_ones_stays() {
        let (_dir, parent) = here();
        for name in ["dead", "other", "full"] {
            left(&parent, name);
        }
        fs::write(parent.at("full").join("work"), "years").unwrap();
        fs::write(parent.at("dead.txt"), "").unwrap();
        let living = claimed(&parent).unwrap();
        remove_dead(&parent, |name| name != "other");
        let mut names: Vec<_> = parent.entries().unwrap().into_iter().map(|(name, _)| name).collect();
        names.sort();
        assert_eq!(names, ["dead.txt", "full", "other", "run"]);
        assert!(parent.at("full").join(OUTPUT).join(SHARD).exists() && is_held(&living.folder));
    }

    #[test]
    fn a_folder_that_got_another_name_is_not_removed_by_its_old_one() {
        let (_dir, parent) = here();
        let run = claimed(&parent).unwrap();
        assert!(is_still(&parent, &run.name, &run.folder));
        fs::rename(parent.at("run"), parent.at("done")).unwrap();
        assert!(!is_still(&parent, &run.name, &run.folder));
        parent.make_private("run").unwrap();
        assert!(!is_still(&parent, &run.name, &run.folder));
        drop(run);
        assert_eq!(parent.entries().unwrap().len(), 2);
    }
}
