//! Rows to a dataset directory.
