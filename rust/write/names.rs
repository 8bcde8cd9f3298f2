//! What has a name in a directory, on any system.

use std::fs::File;

/// The device and inode of a file or directory, which no other has as long as it is there.
pub(super) type Place = (u64, u64);

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
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
pub(super) struct Meta {
    pub(super) kind: Kind,
    pub(super) bytes: u64,
    /// Nothing where the system tells none.
    pub(super) place: Option<Place>,
    /// Nothing where the system tells none.
    pub(super) owner: Option<Owner>,
}

/// Whose it is, and who may do what with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) user: u32,
    pub(super) mode: u32,
}

/// What came of locking a directory.
#[derive(Debug)]
pub(super) enum Lock {
    /// It is locked for as long as the file is open.
    #[cfg_attr(not(unix), allow(dead_code))]
    Held(File),
    /// Another run holds it.
    #[cfg_attr(not(unix), allow(dead_code))]
    Taken,
    /// It cannot be locked here.
    None,
}
