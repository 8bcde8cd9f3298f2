//! The bytes of files: how they are opened, mapped, read and recognized, and how Arrow frames them.

pub(crate) mod file;
pub(crate) mod handle;
pub mod identity;
pub(crate) mod ipc;
pub(crate) mod json;
pub(crate) mod maps;
pub mod mmap;
pub(crate) mod numbers_as_text;
pub mod opened;
pub(crate) mod sniff;
