//! What rows are read of: Arrow, Parquet and JSON lines, and tables in memory.

mod arrow;
mod check_values;
#[cfg(test)]
mod check_values_tests;
mod described;
mod json_lines;
mod lengths;
mod memory;
mod open;
mod parquet;
mod part;
mod pick;

pub(super) use described::{Described, DescribedColumn, DescribedPart};
pub(super) use lengths::{LengthsPart, length_field};
pub(super) use memory::MemoryPart;
pub(super) use open::open_parts;
pub(super) use part::{Batches, CorpusPart, Unpacking};

pub use part::Container;
