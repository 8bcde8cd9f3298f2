//! Row indices to rows.
//!
//! A [`Corpus`] is a table cut in units that are read independently: Arrow record batches, Parquet row
//! groups, chunks in memory. A [`Plan`] says which rows go where; [`gather`] reads rows in the order in which
//! they lie and hands them on in the order wanted.

pub mod bench_api;
pub(crate) mod columns;
mod copy;
mod corpus;
mod decode;
mod estimate;
#[cfg(any(feature = "fuzzing", test))]
pub mod fuzzing;
mod locator;
mod opening;
mod output;
mod plan;
mod run;
mod source;
mod take;
mod units;

pub use crate::exec::memory::available::default_memory_limit;
pub use columns::common_schema::Schemas;
pub use columns::constants::Constant;
pub use corpus::{Corpus, Description, DescriptionHead, FileRecord};
pub use estimate::Estimate;
pub use output::{Extra, Sink, output_schema};
pub use plan::{Block, Layout, Plan, Split};
pub use run::gather;
pub use source::Container;
pub use take::take;
