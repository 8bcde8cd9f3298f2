//! Rows to a dataset directory.
//!
//! [`materialize`] writes shards of one of several formats, and beside them `dsdm.json`, the manifest that
//! [`verify`] checks. Everything is written beside the target and renamed at the end, so that the
//! target appears whole or not at all, and what an interrupted run finished is not made again.

mod check;
mod disk;
mod format;
#[cfg(any(feature = "fuzzing", test))]
pub mod fuzzing;
mod manifest;
mod materialize;
mod options;
mod output;
mod replace;
mod shard;
mod stage;
mod unfinished;
mod units;

pub use check::{Cut, check, laid_out, planned, written_schema};
pub use format::Format;
pub use format::hf::json::ExtraKeys;
pub use format::hf::release::Release;
pub use format::hf::types::for_datasets;
pub use format::tokens::{dtype_named, dtypes_of};
pub use manifest::located::{PathNames, located};
pub use manifest::verify::{Verified, verify};
pub use materialize::materialize;
pub use options::{Naming, Options, Report, Resume};
pub use replace::target::check_target;
pub use stage::{Resumable, unfinished};
pub use unfinished::run_spec::digests::digest_of_rows;
pub use units::{Finished, Units, finish_units, laid_out_units, make_units};
