//! The bytes of files: how they are opened, mapped, read and recognized, and how Arrow frames them.

pub(crate) mod arrow_maps;
pub(crate) mod file;
mod handle;
pub mod identity;
pub(crate) mod invalid_type;
pub(crate) mod ipc;
pub(crate) mod json;
pub(crate) mod lines;
pub mod map;
pub mod opened;
pub(crate) mod read_at;
mod readahead;
pub mod save_to_disk;
pub(crate) mod sniff;
pub mod state;

pub(crate) use handle::allowed_files;
