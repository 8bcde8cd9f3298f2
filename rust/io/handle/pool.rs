//! The few handles that files share where there are too many files: the one that was used longest ago is closed first.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result, is_too_many};
use crate::exec::forks::{PerProcess, ProcessSlot};

/// One handle in so many that the system allows is shared.
const SHARED: u64 = 8;

/// Return how many files the process may have open.
pub(crate) fn allowed_files() -> u64 {
    #[cfg(unix)]
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    #[cfg(not(unix))]
    let limit = None;
    // Proof: no limit is none that any number of files comes near.
    limit.unwrap_or(u64::MAX)
}

/// Opens a file; where there are too many, after those that can be opened again were closed.
pub(super) fn open(path: &Path) -> Result<File> {
    let first = File::open(path);
    let opened = match first {
        Err(e) if is_too_many(&e) => {
            let closed = shared().map(|mut files| files.take_all());
            drop(closed);
            File::open(path)
        }
        other => other,
    };
    opened.map_err(|e| Error::io(path, "opening", e))
}

/// The handles that files share.
pub(super) struct HandlePool {
    /// Each with the time of its last use, in uses.
    files: BTreeMap<u64, (Arc<File>, u64)>,
    uses: u64,
}

/// How many processes of a line of forks share handles; one that comes later opens a file each time it reads it.
const LINE: usize = 32;

/// The handles of this process, which begins with none: those of its parent stay open and are not used, as their
/// numbers may be other files' here.
pub(super) fn shared() -> Option<MutexGuard<'static, HandlePool>> {
    static FILES: PerProcess<Mutex<HandlePool>, LINE> =
        PerProcess::of([const { ProcessSlot::new(Mutex::new(HandlePool::new())) }; LINE]);
    // Proof: a panic leaves a handle more or less there, and either is right.
    FILES.find().map(|files| files.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Put the handle of a file among those that are shared.
pub(super) fn share(number: u64, file: Arc<File>) {
    if let Some(mut files) = shared() {
        files.put(number, file);
    }
}

impl HandlePool {
    const fn new() -> Self {
        Self { files: BTreeMap::new(), uses: 0 }
    }

    pub(super) fn get(&mut self, number: u64) -> Option<Arc<File>> {
        self.uses += 1;
        let (file, used) = self.files.get_mut(&number)?;
        *used = self.uses;
        Some(Arc::clone(file))
    }

    /// Take one out.
    pub(super) fn remove(&mut self, number: u64) -> Option<Arc<File>> {
        self.files.remove(&number).map(|(file, _)| file)
    }

    /// Take all out.
    fn take_all(&mut self) -> Vec<Arc<File>> {
        std::mem::take(&mut self.files).into_values().map(|(file, _)| file).collect()
    }

    /// Put one in, and close those that were used longest ago.
    fn put(&mut self, number: u64, file: Arc<File>) {
        self.put_among((allowed_files() / SHARED).max(1), number, file);
    }

    fn put_among(&mut self, most: u64, number: u64, file: Arc<File>) {
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

    #[test]
    fn the_handle_that_was_used_longest_ago_is_closed() {
        let (mut shared, file) = (HandlePool::new(), Arc::new(tempfile::tempfile().unwrap()));
        (0..3).for_each(|number| shared.put_among(3, number, Arc::clone(&file)));
        // The first was used since, so that the second is the oldest.
        assert!(shared.get(0).is_some());
        shared.put_among(3, 3, file);
        assert_eq!([0, 1, 2, 3].map(|number| shared.get(number).is_some()), [true, false, true, true]);
        assert!(shared.remove(2).is_some() && shared.get(2).is_none());
        assert_eq!(shared.take_all().len(), 2);
        assert!(shared.files.is_empty());
    }

    #[test]
    fn a_file_that_is_not_there_is_no_lack_of_handles() {
        let dir = tempfile::tempdir().unwrap();
        let said = open(&dir.path().join("no")).unwrap_err().to_string();
        assert!(!said.contains("ulimit"), "{said}");
    }
}
