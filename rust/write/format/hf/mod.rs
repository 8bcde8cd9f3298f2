//! The files and features of `datasets`.

pub(crate) mod features;
pub(crate) mod fits;
#[cfg(test)]
mod fits_tests;
pub(crate) mod json;
pub(crate) mod release;
pub(crate) mod types;
