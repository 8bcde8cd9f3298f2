//! Rows to a dataset directory.
//!
//! [`materialize`] writes what `datasets.Dataset.save_to_disk` would: Arrow streams, `state.json` and
//! `dataset_info.json`. Everything is written beside the target and renamed at the end, so that the target
//! appears whole or not at all.

mod features;
mod hf;
mod memory;
mod shard;
mod stage;

use std::path::PathBuf;

use crate::error::Result;
use crate::gather::{Corpus, Extra, Plan, Split, gather, output_schema};
use crate::parallel::Job;

pub use hf::{ExtraKeys, output_features};
pub use memory::take;
use shard::Shards;
pub use stage::Stage;

/// What to write, and how.
#[derive(Debug)]
pub struct Options {
    /// The directory to make.
    pub target: PathBuf,
    /// Whether the directory gets the fingerprint for its name, beside `target`, which is then for messages and
    /// for what was left behind alone. Where one of that name is there, it is taken for this one.
    pub by_fingerprint: bool,
    /// Files that the rows come from beside those of the corpus: what a table in memory maps.
    pub sources: Vec<PathBuf>,
    /// Whether a dataset that is there is replaced.
    pub overwrite: bool,
    /// How the rows are cut into shards.
    pub split: Split,
    /// Bytes that may be held in memory.
    pub memory_limit: u64,
    /// Keys for the JSON files beside the shards.
    pub extra_keys: ExtraKeys,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Rows.
    pub rows: u64,
    /// Shards.
    pub shards: u64,
    /// Bytes of all shards.
    pub bytes: u64,
    /// How often the sources were passed over.
    pub passes: u64,
    /// The dataset's fingerprint, a digest of its bytes.
    pub fingerprint: String,
}

/// Writes rows of a corpus as a dataset directory in the layout of `save_to_disk`.
///
/// The bytes depend on the rows and on how they are split, and on nothing else.
///
/// # Errors
/// A target that exists, or is a source or inside one; a full disk; whatever [`gather`] fails with. Nothing
/// is left behind then.
pub fn materialize(
    job: &Job<'_>,
    corpus: &Corpus,
    rows: &[i64],
    extras: &[Extra],
    options: &Options,
) -> Result<Report> {
    let sources: Vec<PathBuf> =
        corpus.paths().map(PathBuf::from).chain(options.sources.iter().cloned()).collect();
    let schema = output_schema(corpus, extras);
    let features = output_features(&schema);
    let written = hf::schema_with_features(&schema, &features);
    let extra_bytes = extras.len() as u64 * 8;
    let plan = Plan::new(corpus, rows.len() as u64, extra_bytes, options.split, options.memory_limit)?;
    let stage = Stage::begin(&options.target, &sources, options.overwrite)?;
    let shards = Shards::new(stage.path(), &plan, &written)?;
    gather(job, corpus, rows, extras, &plan, &shards)?;
    let done = shards.finish()?;
    let fingerprint = hf::write_json(stage.path(), &features, &done, &options.extra_keys)?;
    if options.by_fingerprint {
        stage.commit_as(&fingerprint)?;
    } else {
        stage.commit()?;
    }
    Ok(Report {
        rows: rows.len() as u64,
        shards: done.len() as u64,
        bytes: done.iter().map(|shard| shard.bytes).sum(),
        passes: plan.passes.len() as u64,
        fingerprint,
    })
}
