//! The files and features of `datasets`.

pub(crate) mod features;
pub(crate) mod fits;
pub(crate) mod json;
pub(crate) mod release;
pub(crate) mod types;
