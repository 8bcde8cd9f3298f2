//! Open files, of which a process may have so many and no more.
//!
//! A file keeps its handle for as long as it is used while handles are plenty. Beyond half of what the system allows,
//! files share a few: a handle is closed when others are needed, and opened again when its file is read, which must
//! then be the very file it was.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::error::{At, Error, Result};
use crate::exec::forks::{PerProcess, Place};

/// One handle in so many that the system allows is kept for good, and the others are left to the rest of the process.
const KEPT: u64 = 2;
/// One in so many is shared.
const SHARED: u64 = 8;

/// What tells one state of a file from another.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Size in bytes.
    pub size: u64,
    /// Time of the last modification.
    pub modified: Option<SystemTime>,
    /// Time of the last change of any kind in seconds and nanoseconds, where the system has it and the file a name. It
    /// tells of writes after which the time of modification was put back; a file loses its name by being replaced.
    pub changed: Option<(i64, i64)>,
    /// Device and inode, where the system has them.
    pub inode: Option<(u64, u64)>,
}

impl Identity {
    /// Of an open file.
    pub fn of(file: &File, path: &Path) -> Result<Self> {
        let meta = file.metadata().map_err(|e| Error::io(path, "reading the file's size", e))?;
        Ok(Self::told(&meta))
    }

    fn told(meta: &Metadata) -> Self {
        #[cfg(unix)]
        let (inode, changed) = {
            use std::os::unix::fs::MetadataExt;
            let changed = (meta.nlink() > 0).then(|| (meta.ctime(), meta.ctime_nsec()));
            (Some((meta.dev(), meta.ino())), changed)
        };
        #[cfg(not(unix))]
        let (inode, changed) = (None, None);
        Self { size: meta.len(), modified: meta.modified().ok(), changed, inode }
    }

    /// Whether it was changed in a way that the time of modification does not tell.
    fn is_touched(&self, now: &Self) -> bool {
        // Proof: where the system does not tell, or the file has no name any more, the others have to.
        self.changed.zip(now.changed).is_some_and(|(before, now)| before != now)
    }

    /// Fails unless it is that of the same file, unchanged.
    fn check(&self, path: &Path, now: &Self) -> Result<()> {
        let same = (now.size, now.modified, now.inode) == (self.size, self.modified, self.inode);
        if same && !self.is_touched(now) {
            return Ok(());
        }
        let what = if same {
            "its time of modification is the same and its time of change (ctime) another, as after a write whose time \
             was put back, a new name or a new mode"
                .to_owned()
        } else if now.size != self.size {
            format!("it had {} bytes and has {}", self.size, now.size)
        } else if now.inode == self.inode {
            "its modification time is another".to_owned()
        } else {
            "another file stands in its place".to_owned()
        };
        Err(changed(path, &what))
    }
}

fn changed(path: &Path, what: &str) -> Error {
    Error::source_changed(path, At::File, format!("the file changed since it was opened: {what}; {REOPEN}"))
}

/// What to do with a file that changed. What was opened before stays what it was: every further call of it fails.
pub(crate) const REOPEN: &str = "once nothing writes to it, open it again (by open_scores, open_shards or \
                                 get_candidate_dataset; or by the same call, where that opened it)";

/// A file to be read, which is open or can be opened again.
#[derive(Debug)]
pub(crate) struct Handle {
    path: PathBuf,
    identity: Identity,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// It stays open.
    Kept(File),
    /// It shares a few handles with others: its number among them, and where it is found whatever folder the process
    /// has gone to.
    Shared { number: u64, path: PathBuf },
}

/// An open file, for as long as it is read.
pub(crate) enum Open<'h> {
    Kept(&'h File),
    Shared(Arc<File>),
}

impl Deref for Open<'_> {
    type Target = File;

    fn deref(&self) -> &File {
        match self {
            Self::Kept(file) => file,
            Self::Shared(file) => file,
        }
    }
}

impl Handle {
    /// Opens a regular file.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = open(path)?;
        let identity = Identity::of(&file, path)?;
        let kind = if keep() {
            Kind::Kept(file)
        } else {
            let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
            share(number, Arc::new(file));
            let path = std::path::absolute(path).map_err(|e| Error::io(path, "opening", e))?;
            Kind::Shared { number, path }
        };
        Ok(Self { path: path.to_path_buf(), identity, kind })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The file, opened again if its handle was needed for others.
    pub(crate) fn file(&self) -> Result<Open<'_>> {
        let (number, path) = match &self.kind {
            Kind::Kept(file) => return Ok(Open::Kept(file)),
            Kind::Shared { number, path } => (*number, path),
        };
        let found = shared().and_then(|mut files| files.get(number));
        if let Some(file) = found.and_then(|file| self.is_it(file)) {
            return Ok(Open::Shared(file));
        }
        let file = open(path)?;
        self.identity.check(&self.path, &Identity::of(&file, path)?)?;
        let file = Arc::new(file);
        share(number, Arc::clone(&file));
        Ok(Open::Shared(file))
    }

    /// A file that was found, unless its descriptor is by now another's. That one is not for this to close.
    fn is_it(&self, file: Arc<File>) -> Option<Arc<File>> {
        let is_it = file.metadata().is_ok_and(|meta| Identity::told(&meta).inode == self.identity.inode);
        if is_it {
            return Some(file);
        }
        std::mem::forget(file);
        None
    }

    /// Fails if the file's size, time or inode is no longer what it was when it was opened.
    pub(crate) fn check_unchanged(&self) -> Result<()> {
        match &self.kind {
            Kind::Kept(file) => self.identity.check(&self.path, &Identity::of(file, &self.path)?),
            Kind::Shared { path, .. } => self.check_at(path),
        }
    }

    /// Fails if it changed, or is no longer what its path names: a file that another took the place of stays what it
    /// was for who has it open, and is not what others find by its name.
    pub(crate) fn check_named(&self) -> Result<()> {
        match &self.kind {
            Kind::Kept(_) => self.check_at(&self.path),
            Kind::Shared { path, .. } => self.check_at(path),
        }
    }

    fn check_at(&self, path: &Path) -> Result<()> {
        let now = match std::fs::metadata(path) {
            Ok(meta) => Identity::told(&meta),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(changed(&self.path, "it is gone"));
            }
            Err(e) => return Err(Error::io(&self.path, "reading the file's size", e)),
        };
        self.identity.check(&self.path, &now)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        match &self.kind {
            Kind::Kept(_) => drop(KEPT_NOW.fetch_sub(1, Ordering::Relaxed)),
            Kind::Shared { number, .. } => {
                let closed = shared().and_then(|mut files| files.files.remove(number));
                drop(closed);
            }
        }
    }
}

/// How many files keep their handles.
static KEPT_NOW: AtomicU64 = AtomicU64::new(0);
/// The number of the next file that shares handles.
static NUMBERS: AtomicU64 = AtomicU64::new(0);

/// Counts one more handle that is kept, unless they are too many.
fn keep() -> bool {
    let most = allowed_files() / KEPT;
    KEPT_NOW.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| (now < most).then_some(now + 1)).is_ok()
}

/// How many files the process may have open.
pub(crate) fn allowed_files() -> u64 {
    #[cfg(unix)]
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    #[cfg(not(unix))]
    let limit = None;
    // Proof: no limit is none that any number of files comes near.
    limit.unwrap_or(u64::MAX)
}

/// Opens a file; where there are too many, after those that can be opened again were closed.
fn open(path: &Path) -> Result<File> {
    let first = File::open(path);
    let opened = match first {
        Err(e) if is_too_many(&e) => {
            let closed = shared().map(|mut files| std::mem::take(&mut files.files));
            drop(closed);
            File::open(path)
        }
        other => other,
    };
    opened.map_err(|e| {
        let doing = if is_too_many(&e) { "opening (raise the limit with ulimit -n)" } else { "opening" };
        Error::io(path, doing, e)
    })
}

/// EMFILE or ENFILE, which `std` has no kinds for.
fn is_too_many(error: &std::io::Error) -> bool {
    cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24))
}

/// The handles that files share.
struct Shared {
    /// Each with the time of its last use, in uses.
    files: BTreeMap<u64, (Arc<File>, u64)>,
    uses: u64,
}

/// How many processes of a line of forks share handles; one that comes later opens a file each time it reads it.
const LINE: usize = 32;

/// The handles of this process, which begins with none: those of its parent stay open and are not used, as their
/// numbers may be other files' here.
fn shared() -> Option<MutexGuard<'static, Shared>> {
    static FILES: PerProcess<Mutex<Shared>, LINE> =
        PerProcess::of([const { Place::new(Mutex::new(Shared::new())) }; LINE]);
    // Proof: a panic leaves a handle more or less there, and either is right.
    FILES.find().map(|files| files.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Has a file share its handle.
fn share(number: u64, file: Arc<File>) {
    if let Some(mut files) = shared() {
        files.put(number, file);
    }
}

impl Shared {
    const fn new() -> Self {
        Self { files: BTreeMap::new(), uses: 0 }
    }

    fn get(&mut self, number: u64) -> Option<Arc<File>> {
        self.uses += 1;
        let (file, used) = self.files.get_mut(&number)?;
        *used = self.uses;
        Some(Arc::clone(file))
    }

    /// Puts one in, and closes those that were used longest ago.
    fn put(&mut self, number: u64, file: Arc<File>) {
        let most = (allowed_files() / SHARED).max(1);
        while self.files.len() as u64 >= most {
            let oldest = self.files.iter().min_by_key(|(_, (_, used))| *used).map(|(&number, _)| number);
            let Some(oldest) = oldest else { break }; // Proof: none is left to close.
            self.files.remove(&oldest);
        }
        self.uses += 1;
        self.files.insert(number, (file, self.uses));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As in a forked child, whose descriptors are others than its memory tells.
    #[cfg(unix)]
    #[test]
    fn a_handle_of_another_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&path, "a").unwrap();
        std::fs::write(&other, "b").unwrap();
        let identity = Identity::of(&File::open(&path).unwrap(), &path).unwrap();
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let handle = Handle { path: path.clone(), identity, kind: Kind::Shared { number, path } };
        share(number, Arc::new(File::open(&other).unwrap()));
        assert_eq!(std::io::read_to_string(&*handle.file().unwrap()).unwrap(), "a");
    }
}
