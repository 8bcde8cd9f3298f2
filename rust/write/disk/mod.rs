//! Files and directories that are on the disk once they are made, and no others than those that are meant.

pub(crate) mod checksum;
#[cfg(unix)]
pub(crate) mod folder;
#[cfg(not(unix))]
#[path = "folder_plain.rs"]
pub(crate) mod folder;
#[cfg(all(test, unix))]
mod folder_plain;
pub(crate) mod names;
pub(crate) mod partial;
pub(crate) mod short;
pub(crate) mod sync_thread;
pub(crate) mod synced;
pub(crate) mod users;
