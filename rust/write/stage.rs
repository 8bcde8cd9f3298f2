//! A directory that appears whole or not at all: made beside its target, renamed at the end.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// What tells a dataset directory, which may be replaced, from any other.
const MARKS: [&str; 3] = ["state.json", "dataset_info.json", "dsdm.json"];

/// A directory in the making. Dropped without [`Stage::commit`], it is removed.
#[derive(Debug)]
pub struct Stage {
    target: PathBuf,
    staging: PathBuf,
    /// Held locked, so that another run does not take this one for dead.
    lock: Option<File>,
    replaces: bool,
}

impl Stage {
    /// Makes the staging directory, after a look at the target.
    ///
    /// # Errors
    /// The target exists and is not to be overwritten, is no dataset directory, or is a source or around one.
    pub fn begin(target: &Path, sources: &[PathBuf], overwrite: bool) -> Result<Self> {
        let target = std::path::absolute(target).map_err(|e| Error::io(target, "finding its place", e))?;
        let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(Error::Value(format!("{}: a directory cannot be made here", target.display())));
        };
        refuse_sources(&target, sources)?;
        let replaces = check_target(&target, overwrite)?;
        fs::create_dir_all(parent).map_err(|e| Error::io(parent, "making the folder of the output", e))?;
        let mut prefix = OsString::from(".");
        prefix.push(name);
        prefix.push(".dsdm-");
        remove_dead(parent, &prefix);
        let (staging, lock) = make_staging(parent, &prefix)?;
        Ok(Self { target, staging, lock, replaces })
    }

    /// The directory to write in.
    pub fn path(&self) -> &Path {
        &self.staging
    }

    /// Gives the directory its name, and brings it to the disk.
    ///
    /// # Errors
    /// Something took the name meanwhile, or the system refuses the rename.
    pub fn commit(self) -> Result<()> {
        sync_folder(&self.staging)?;
        if self.replaces {
            exchange(&self.staging, &self.target)?;
        } else {
            rename_new(&self.staging, &self.target)
                .map_err(|e| Error::io(&self.target, "giving the finished output its name", e))?;
        }
        self.target.parent().map_or(Ok(()), sync_folder)
    }

    /// Gives the directory another name beside its target, one that tells its contents: where that is there
    /// already, this one is not needed.
    ///
    /// # Errors
    /// Something that is no directory has the name, or the system refuses the rename.
    pub fn commit_as(self, name: &str) -> Result<()> {
        sync_folder(&self.staging)?;
        let named = self.target.with_file_name(name);
        match rename_new(&self.staging, &named) {
            Err(_) if named.is_dir() => Ok(()),
            Err(e) => Err(Error::io(&named, "giving the finished output its name", e)),
            Ok(()) => named.parent().map_or(Ok(()), sync_folder),
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Unlocked only after it is gone. After a commit there is nothing here, or the dataset replaced.
        let _ = fs::remove_dir_all(&self.staging);
        drop(self.lock.take());
    }
}

/// An output that is a source, or holds one or lies in one, would destroy what it is made from.
fn refuse_sources(target: &Path, sources: &[PathBuf]) -> Result<()> {
    let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let place = match (target.parent(), target.file_name()) {
        (Some(parent), Some(name)) if !target.exists() => real(parent).join(name),
        _ => real(target),
    };
    for source in sources.iter().filter(|source| source.exists()) {
        let source = real(source);
        let folder = source.parent().unwrap_or(&source);
        if source.starts_with(&place) || place == folder {
            return Err(Error::Value(format!(
                "{}: the output would replace the source {}; choose another directory",
                target.display(),
                source.display()
            )));
        }
        if place.starts_with(&source) || (place.starts_with(folder) && is_dataset(folder)) {
            return Err(Error::Value(format!(
                "{}: the output would lie inside of the source dataset {}; choose another directory",
                target.display(),
                folder.display()
            )));
        }
    }
    Ok(())
}

fn is_dataset(folder: &Path) -> bool {
    MARKS.iter().any(|mark| folder.join(mark).exists())
}

/// Whether there is something to replace.
fn check_target(target: &Path, overwrite: bool) -> Result<bool> {
    let Ok(meta) = fs::symlink_metadata(target) else { return Ok(false) };
    let empty = || fs::read_dir(target).is_ok_and(|mut entries| entries.next().is_none());
    if !overwrite {
        let source = io::Error::from_raw_os_error(17);
        return Err(Error::io(
            target,
            "making the output directory, which is there already (overwrite=True replaces a dataset)",
            source,
        ));
    }
    if !meta.is_dir() || !(is_dataset(target) || empty()) {
        return Err(Error::Value(format!(
            "{}: overwrite=True replaces a dataset directory, and this is none (no {}); remove it or choose another",
            target.display(),
            MARKS.join(", ")
        )));
    }
    Ok(true)
}

/// Makes a directory and locks it, where that can be done.
fn make_staging(parent: &Path, prefix: &OsString) -> Result<(PathBuf, Option<File>)> {
    let mut seed =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.subsec_nanos());
    seed ^= std::process::id().rotate_left(16);
    for attempt in 0..100u32 {
        let mut name = prefix.clone();
        name.push(format!("{:08x}", seed.wrapping_add(attempt.wrapping_mul(0x9e37_79b9))));
        let staging = parent.join(name);
        match fs::create_dir(&staging) {
            // Another run may have taken it for dead before it was locked: then it is gone, or soon will be.
            Ok(()) => match lock(&staging) {
                Lock::Held(file) if is_still(&staging, &file) => return Ok((staging, Some(file))),
                Lock::None => return Ok((staging, None)),
                Lock::Held(_) | Lock::Taken => {}
            },
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(Error::io(&staging, "making the staging directory", e)),
        }
    }
    Err(Error::io(parent, "making a staging directory", io::ErrorKind::AlreadyExists.into()))
}

/// Removes what runs for the same target left behind that ended without a word (a kill, a power cut).
fn remove_dead(parent: &Path, prefix: &OsString) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let ours = name.as_encoded_bytes().starts_with(prefix.as_encoded_bytes());
        if ours
            && entry.path().is_dir()
            && let Lock::Held(_lock) = lock(&entry.path())
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// What came of locking a directory.
enum Lock {
    /// It is locked for as long as the file is open.
    Held(File),
    /// Another run holds it, or it is gone.
    Taken,
    /// It cannot be locked here.
    None,
}

/// Locks a directory, unless another run holds it.
#[cfg(unix)]
fn lock(folder: &Path) -> Lock {
    use rustix::fs::{FlockOperation, flock};
    let file = match File::open(folder) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Lock::Taken,
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
#[cfg(unix)]
fn is_still(folder: &Path, file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    let place = |meta: fs::Metadata| (meta.dev(), meta.ino());
    let (named, locked) = (fs::metadata(folder).map(place), file.metadata().map(place));
    named.ok().zip(locked.ok()).is_some_and(|(named, locked)| named == locked)
}

#[cfg(not(unix))]
fn is_still(_folder: &Path, _file: &File) -> bool {
    true
}

/// Renames unless the new name is taken.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
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

/// Puts the new directory in the place of the old one, which is left at `from`.
fn exchange(from: &Path, to: &Path) -> Result<()> {
    let failed = |e: io::Error| Error::io(to, "replacing the dataset that is there", e);
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, from, CWD, to, RenameFlags::EXCHANGE) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP) => {}
            Err(e) => return Err(failed(e.into())),
        }
    }
    let mut aside = from.as_os_str().to_owned();
    aside.push("-old");
    fs::rename(to, &aside).map_err(failed)?;
    fs::rename(from, to).map_err(failed)?;
    let _ = fs::remove_dir_all(&aside);
    Ok(())
}

/// Brings a directory's entries to the disk.
fn sync_folder(folder: &Path) -> Result<()> {
    #[cfg(unix)]
    File::open(folder)
        .and_then(|file| file.sync_all())
        .map_err(|e| Error::io(folder, "bringing the folder to the disk", e))?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_target_appears_at_commit_and_nothing_is_left_without() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out");
        let stage = Stage::begin(&target, &[], false).unwrap();
        fs::write(stage.path().join("a"), "x").unwrap();
        assert!(!target.exists());
        drop(stage);
        assert_eq!(names(dir.path()), Vec::<String>::new());
        let stage = Stage::begin(&target, &[], false).unwrap();
        fs::write(stage.path().join("state.json"), "x").unwrap();
        stage.commit().unwrap();
        assert_eq!(names(dir.path()), ["out"]);
        assert_eq!(names(&target), ["state.json"]);
    }

    #[test]
    fn a_dataset_is_replaced_when_asked_and_other_folders_never() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out");
        fs::create_dir(&target).unwrap();
        fs::write(target.join("state.json"), "old").unwrap();
        let error = Stage::begin(&target, &[], false).unwrap_err();
        assert!(
            matches!(&error, Error::Io { source, .. } if source.kind() == io::ErrorKind::AlreadyExists),
            "{error}"
        );
        let stage = Stage::begin(&target, &[], true).unwrap();
        fs::write(stage.path().join("state.json"), "new").unwrap();
        stage.commit().unwrap();
        assert_eq!(fs::read_to_string(target.join("state.json")).unwrap(), "new");
        assert_eq!(names(dir.path()), ["out"]);
        let home = dir.path().join("home");
        fs::create_dir(&home).unwrap();
        fs::write(home.join("thesis.tex"), "years").unwrap();
        assert!(matches!(Stage::begin(&home, &[], true), Err(Error::Value(_))));
    }

    #[test]
    fn a_target_that_is_taken_meanwhile_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out");
        let stage = Stage::begin(&target, &[], false).unwrap();
        fs::create_dir(&target).unwrap();
        assert!(stage.commit().is_err());
        assert_eq!(names(dir.path()), ["out"]);
    }

    #[cfg(unix)]
    #[test]
    fn what_a_dead_run_left_is_removed_and_a_living_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out");
        fs::create_dir(dir.path().join(".out.dsdm-dead")).unwrap();
        let living = Stage::begin(&target, &[], false).unwrap();
        assert_eq!(names(dir.path()).len(), 1);
        let second = Stage::begin(&target, &[], false).unwrap();
        assert!(living.path().exists() && second.path().exists());
    }

    #[test]
    fn a_name_that_tells_the_contents_is_given_once() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out");
        let stages: Vec<_> = ["first", "second"]
            .into_iter()
            .map(|text| {
                let stage = Stage::begin(&target, &[], false).unwrap();
                fs::write(stage.path().join("a"), text).unwrap();
                stage
            })
            .collect();
        for stage in stages {
            stage.commit_as("abc").unwrap();
        }
        assert_eq!(names(dir.path()), ["abc"]);
        assert_eq!(fs::read_to_string(dir.path().join("abc/a")).unwrap(), "first");
        fs::write(dir.path().join("file"), "").unwrap();
        let stage = Stage::begin(&target, &[], false).unwrap();
        assert!(matches!(stage.commit_as("file"), Err(Error::Io { .. })));
        assert_eq!(names(dir.path()), ["abc", "file"]);
    }

    /// Runs that begin at once look for dead ones at once: none takes another, just begun, for dead.
    #[test]
    fn runs_that_begin_at_once_leave_each_other_alone() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let stage = Stage::begin(&target, &[], false).unwrap();
                        fs::write(stage.path().join("a"), "x").unwrap();
                        assert!(stage.path().join("a").exists());
                    }
                });
            }
        });
        assert_eq!(names(dir.path()), Vec::<String>::new());
    }

    #[test]
    fn the_output_is_no_source() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("in");
        fs::create_dir(&source).unwrap();
        fs::write(source.join("state.json"), "").unwrap();
        let shard = source.join("data.arrow");
        fs::write(&shard, "").unwrap();
        for target in [source.clone(), source.join("sub"), dir.path().to_path_buf()] {
            let error = Stage::begin(&target, std::slice::from_ref(&shard), true).unwrap_err();
            assert!(matches!(&error, Error::Value(m) if m.contains("source")), "{error}");
        }
    }
}
