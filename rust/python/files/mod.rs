//! What is known of files, as frozen classes: `identity` of those that a manifest names, `saved` of those that
//! `save_to_disk` wrote.

mod identity;
mod saved;

use pyo3::prelude::*;

pub(super) use self::identity::{FileIdentity, PinnedFile};

/// Adds the classes and functions to the module.
pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    identity::register(module)?;
    saved::register(module)
}
