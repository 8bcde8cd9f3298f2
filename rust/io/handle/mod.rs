//! Open files, of which a process may have so many and no more.
//!
//! A file keeps its handle for as long as it is used while handles are plenty. Beyond half of what the system allows,
//! files share a few: a handle is closed when others are needed, and opened again when its file is read, which must
//! then be the very file it was.

mod pool;

use std::fs::File;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use self::pool::allowed_files;
use self::pool::{open, share, shared};
use crate::error::{Error, Result};
use crate::io::state::{FileState, changed};

/// One handle in so many that the system allows is kept for good, and the others are left to the rest of the process.
const KEPT: u64 = 2;
/// A file to be read, which is open or can be opened again.
#[derive(Debug)]
pub(crate) struct Handle {
    path: PathBuf,
    identity: FileState,
    keeping: Keeping,
}

/// Whether a file keeps its handle.
#[derive(Debug)]
enum Keeping {
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
        let identity = FileState::of(&file, path)?;
        let keeping = if keep() {
            Keeping::Kept(file)
        } else {
            let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
            share(number, Arc::new(file));
            let path = std::path::absolute(path).map_err(|e| Error::io(path, "opening", e))?;
            Keeping::Shared { number, path }
        };
        Ok(Self { path: path.to_path_buf(), identity, keeping })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn identity(&self) -> &FileState {
        &self.identity
    }

    /// The file, opened again if its handle was needed for others.
    pub(crate) fn file(&self) -> Result<Open<'_>> {
        let (number, path) = match &self.keeping {
            Keeping::Kept(file) => return Ok(Open::Kept(file)),
            Keeping::Shared { number, path } => (*number, path),
        };
        let found = shared().and_then(|mut files| files.get(number));
        if let Some(file) = found.and_then(|file| self.is_it(file)) {
            return Ok(Open::Shared(file));
        }
        let file = open(path)?;
        self.identity.check(&self.path, &FileState::of(&file, path)?)?;
        let file = Arc::new(file);
        share(number, Arc::clone(&file));
        Ok(Open::Shared(file))
    }

    /// A file that was found, unless its descriptor is by now another's. That one is not for this to close.
    fn is_it(&self, file: Arc<File>) -> Option<Arc<File>> {
        let is_it =
            file.metadata().is_ok_and(|meta| FileState::of_metadata(&meta).inode == self.identity.inode);
        if is_it {
            return Some(file);
        }
        std::mem::forget(file);
        None
    }

    /// Fails if the file's size, time or inode is no longer what it was when it was opened.
    pub(crate) fn check_unchanged(&self) -> Result<()> {
        match &self.keeping {
            Keeping::Kept(file) => self.identity.check(&self.path, &FileState::of(file, &self.path)?),
            Keeping::Shared { path, .. } => self.check_at(path),
        }
    }

    /// Fails if it changed, or is no longer what its path names: a file that another took the place of stays what it
    /// was for who has it open, and is not what others find by its name.
    pub(crate) fn check_named(&self) -> Result<()> {
        match &self.keeping {
            Keeping::Kept(_) => self.check_at(&self.path),
            Keeping::Shared { path, .. } => self.check_at(path),
        }
    }

    fn check_at(&self, path: &Path) -> Result<()> {
        let now = match std::fs::metadata(path) {
            Ok(meta) => FileState::of_metadata(&meta),
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
        match &self.keeping {
            Keeping::Kept(_) => drop(KEPT_NOW.fetch_sub(1, Ordering::Relaxed)),
            Keeping::Shared { number, .. } => {
                let closed = shared().and_then(|mut files| files.remove(*number));
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

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// As in a forked child, whose descriptors are others than its memory tells.
    #[test]
    fn a_handle_of_another_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&path, "a").unwrap();
        std::fs::write(&other, "b").unwrap();
        let identity = FileState::of(&File::open(&path).unwrap(), &path).unwrap();
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let handle = Handle { path: path.clone(), identity, keeping: Keeping::Shared { number, path } };
        share(number, Arc::new(File::open(&other).unwrap()));
        assert_eq!(std::io::read_to_string(&*handle.file().unwrap()).unwrap(), "a");
    }
}
