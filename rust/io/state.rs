//! The state of a file: what tells whether it was changed since it was opened.

use std::fs::{File, Metadata};
use std::path::Path;
use std::time::SystemTime;

use crate::error::{At, Error, Result};

/// What to do with a file that changed. What was opened before stays what it was: every further call of it fails.
pub(crate) const REOPEN: &str = "once nothing writes to it, open it again (by open_scores, open_shards or \
                                 get_candidate_dataset; or by the same call, where that opened it)";

/// What tells one state of a file from another.
#[derive(Debug, Clone)]
pub struct FileState {
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

impl FileState {
    /// Return the state of an open file.
    pub fn of(file: &File, path: &Path) -> Result<Self> {
        let meta = file.metadata().map_err(|e| Error::io(path, "reading the file's size", e))?;
        Ok(Self::of_metadata(&meta))
    }

    /// Return the state that metadata tell of.
    pub(super) fn of_metadata(meta: &Metadata) -> Self {
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

    /// Return whether it was changed in a way that the time of modification does not tell.
    fn is_touched(&self, now: &Self) -> bool {
        // Proof: where the system does not tell, or the file has no name any more, the others have to.
        self.changed.zip(now.changed).is_some_and(|(before, now)| before != now)
    }

    /// Fail unless `now` is the state of the same file, unchanged.
    pub(super) fn check(&self, path: &Path, now: &Self) -> Result<()> {
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

/// Return the error for a file that changed.
pub(super) fn changed(path: &Path, what: &str) -> Error {
    Error::source_changed(path, At::File, format!("the file changed since it was opened: {what}; {REOPEN}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn state() -> FileState {
        let modified = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(9));
        FileState { size: 7, modified, changed: Some((9, 1)), inode: Some((1, 2)) }
    }

    fn said(now: &FileState) -> Option<String> {
        state().check(Path::new("a"), now).err().map(|error| {
            assert!(matches!(error, Error::SourceChanged(_)), "{error}");
            error.to_string()
        })
    }

    #[test]
    fn each_change_is_named() {
        assert_eq!(said(&state()), None);
        let later = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(10));
        for (now, what) in [
            (FileState { size: 8, ..state() }, "it had 7 bytes and has 8"),
            (FileState { modified: later, ..state() }, "its modification time is another"),
            (FileState { modified: None, ..state() }, "its modification time is another"),
            (FileState { inode: Some((1, 3)), ..state() }, "another file stands in its place"),
            (FileState { changed: Some((9, 2)), ..state() }, "time of change (ctime) another"),
        ] {
            let said = said(&now).unwrap();
            assert!(said.contains(what), "{said}");
        }
    }

    #[test]
    fn a_time_of_change_counts_where_both_are_known() {
        assert_eq!(said(&FileState { changed: None, ..state() }), None);
        let unknown = FileState { changed: None, ..state() };
        assert!(unknown.check(Path::new("a"), &state()).is_ok());
    }
}
