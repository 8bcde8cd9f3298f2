//! Row indices to rows.
//!
//! A [`Corpus`] is a table cut in units that are read independently: Arrow record batches, Parquet row
//! groups, chunks in memory. A [`Plan`] says which rows go where; [`gather`] reads rows in the order in which
//! they lie and hands them on in the order wanted.

mod ahead;
mod arrow;
mod budget;
mod by_row;
mod cgroup;
mod convert;
mod corpus;
mod decoded;
mod excerpt;
pub(crate) mod extension;
mod few;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
mod in_place;
mod lists;
mod locator;
mod memory;
pub(crate) mod names;
mod nulls;
mod outlook;
mod parquet;
mod parquet_bytes;
mod plan;
mod row_group;
mod run;
mod schema;
mod shares;
mod strides;
mod types;
mod units;

pub use budget::default_memory_limit;
pub use corpus::Corpus;
pub use outlook::Outlook;
pub use plan::{Block, Plan, Split};
pub use run::{Extra, Sink, gather, output_schema};
