//! Columns of rows: their types and names, how large they are, and how they come into the types of the output.

pub(crate) mod common_schema;
pub(crate) mod constants;
pub(crate) mod convert;
pub(crate) mod extension;
pub(crate) mod fixed_width;
mod meanings;
pub(crate) mod names;
pub(crate) mod part_columns;
pub(crate) mod size;
pub(crate) mod types;
mod unify;
mod widen;
