//! What rows are read of: Arrow and Parquet files, and tables in memory.

mod arrow;
mod check_values;
#[cfg(test)]
mod check_values_tests;
mod memory;
mod open;
mod parquet;
mod part;
mod pick;

pub(super) use memory::MemoryPart;
pub(super) use open::open_part;
pub(super) use part::{Batches, CorpusPart, Unpacking};
