//! The opcode that is being run, for errors.

use std::path::Path;

use crate::error::{At, Error};

/// Where an opcode stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Site<'a> {
    pub(super) path: &'a Path,
    /// Its byte of the file.
    pub(super) byte: u64,
}

impl Site<'_> {
    /// Return the error for what could run code, or is not what describes tensors.
    pub(super) fn refuse(&self, message: impl Into<String>) -> Error {
        Error::unsafe_pickle(self.path, At::Byte(self.byte), message)
    }

    /// Return the error for what is broken.
    pub(super) fn format(&self, message: impl Into<String>) -> Error {
        Error::format(self.path, At::Byte(self.byte), message)
    }
}
