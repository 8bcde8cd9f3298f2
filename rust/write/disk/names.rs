//! What has a name in a directory, on any system.

use std::ffi::OsString;
use std::fs::File;

/// The folder of what will get the name, in a directory of unfinished output.
pub(crate) const OUTPUT: &str = "output";
/// An old dataset that was put aside there.
pub(crate) const ASIDE: &str = "replaced";
/// The file there that names the process that has it.
pub(crate) const HOLDER: &str = "pid";
/// The file that marks a directory of unfinished output as one.
pub(crate) const MARK: &str = "made-by-dsdm";
/// What goes last when a directory is removed, in this order: by these files it is known what it is, also to a run
/// that follows one that was killed while it removed it.
const LAST: [&str; 4] = ["dataset_info.json", "state.json", "dsdm.json", MARK];

/// Puts the entries of a directory into the order in which they are removed.
pub(crate) fn order_of_removal(mut entries: Vec<(OsString, EntryKind)>) -> Vec<(OsString, EntryKind)> {
    entries.sort_by_key(|(name, _)| LAST.iter().position(|last| name == last));
    entries
}

/// The device and inode of a file or directory, which no other has as long as it is there.
pub(crate) type InodeId = (u64, u64);

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// A directory.
    Folder,
    /// A symbolic link.
    Link,
    /// A regular file.
    File,
    /// A device, a pipe or the like.
    Other,
}

/// What is known of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meta {
    pub(crate) kind: EntryKind,
    pub(crate) bytes: u64,
    /// Nothing where the system tells none.
    pub(crate) place: Option<InodeId>,
    /// Nothing where the system tells none.
    pub(crate) owner: Option<Owner>,
}

/// Whose it is, and who may do what with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) user: u32,
    pub(crate) mode: u32,
}

/// What came of locking a directory.
#[derive(Debug)]
pub(crate) enum Lock {
    /// It is locked for as long as the file is open.
    #[cfg_attr(not(unix), allow(dead_code))]
    Held(File),
    /// Another run holds it.
    #[cfg_attr(not(unix), allow(dead_code))]
    Taken,
    /// It cannot be locked here.
    None,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tells_what_a_directory_is_goes_last() {
        let others = ["data-00000-of-00001.arrow", "dsdm.json.tmp", "Dsdm.json", "output"];
        // Whatever the order in which the system lists them.
        let listed = [LAST[3], others[2], LAST[0], others[0], LAST[2], others[3], others[1], LAST[1]];
        for turn in 0..listed.len() {
            let mut listed = listed;
            listed.rotate_left(turn);
            let entries = listed.map(|name| (OsString::from(name), EntryKind::File)).to_vec();
            let ordered: Vec<OsString> =
                order_of_removal(entries).into_iter().map(|(name, _)| name).collect();
            let (first, last) = ordered.split_at(others.len());
            assert_eq!(last, ["dataset_info.json", "state.json", "dsdm.json", "made-by-dsdm"]);
            let as_listed: Vec<&str> = listed.into_iter().filter(|name| !LAST.contains(name)).collect();
            assert_eq!(first, as_listed);
        }
    }
}
