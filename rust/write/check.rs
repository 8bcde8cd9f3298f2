//! Whether rows can be written in a format, and what they are then: before any row is chosen.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};

use super::format::Format;
use super::format::embed::Files;
use super::format::hf::json::{output_features, schema_with_features};
use super::format::hf::release::Release;
use super::format::hf::types::{for_datasets, for_parquet};
use super::format::jsonl::check_names;
use super::format::jsonl::types::for_jsonl;
use super::format::shard_names::is_split_name;
use super::format::tokens::Tokens;
use crate::error::{Error, Result};
use crate::exec::job::Job;
use crate::gather::{Corpus, Layout, Plan, Split};

/// Looks at whether rows can be written in a format, by their types, with columns added to them.
///
/// # Errors
/// As [`materialize`](super::materialize()) has them, before any row is chosen.
pub fn check(
    corpus: &Corpus,
    format: Format,
    token_dtype: Option<&DataType>,
    release: Release,
    added: &[String],
) -> Result<()> {
    corpus.check_readable()?;
    let corpus = in_types_of(corpus, format, release)?;
    let added = added.iter().map(|name| Arc::new(Field::new(name, DataType::Int64, true)));
    let fields: Vec<_> = corpus.schema().fields().iter().cloned().chain(added).collect();
    let schema = Schema::new(fields);
    match format {
        Format::Tokens(layout) => Tokens::new(&schema, layout, token_dtype).map(drop),
        Format::Jsonl => check_names(&schema),
        Format::Arrow | Format::Parquet => Ok(()),
    }
}

/// What of a call that writes rows says how many shards these become.
#[derive(Debug)]
pub struct Cut {
    /// What shards are.
    pub format: Format,
    /// The type in which tokens are stored; that of the format if not given.
    pub token_dtype: Option<DataType>,
    /// What is to open them.
    pub release: Release,
    /// Whether files that columns of images and the like name are taken in.
    pub embed: bool,
    /// How the rows are cut into shards.
    pub split: Split,
    /// Bytes that may be held in memory.
    pub memory_limit: u64,
}

/// Plans so many rows of a corpus as they are written, with columns of `extra_bytes` added; and returns it in the types
/// that are written.
///
/// # Errors
/// As [`materialize`](super::materialize()) has them, before any row is chosen.
pub fn planned(
    job: &Job<'_>,
    corpus: &Corpus,
    rows: u64,
    extra_bytes: u64,
    cut: &Cut,
) -> Result<(Corpus, Plan)> {
    let (corpus, layout) = laid_out(job, corpus, rows, extra_bytes, cut)?;
    let plan = Plan::of_layout(&corpus, &layout, &layout.numbers()?, cut.memory_limit)?;
    Ok((corpus, plan))
}

/// How so many rows of a corpus are cut into shards and blocks as they are written; and the corpus in the types that are
/// written. Both are the same for whoever makes some of the shards.
///
/// # Errors
/// As [`planned`] has them.
pub fn laid_out(
    job: &Job<'_>,
    corpus: &Corpus,
    rows: u64,
    extra_bytes: u64,
    cut: &Cut,
) -> Result<(Corpus, Layout)> {
    let corpus = in_types_of(corpus, cut.format, cut.release)?;
    let features = output_features(corpus.schema(), cut.release);
    let files = if cut.embed { Files::of(&features) } else { Files::default() };
    // Proof: what saturates is more than any memory.
    let extra = files.bytes_of_a_row(job, &corpus, cut.memory_limit)?.saturating_add(extra_bytes);
    let split = cut_as_written(&corpus, rows, cut.format, cut.token_dtype.as_ref(), cut.split)?;
    let layout = Layout::new(&corpus, rows, extra, split)?;
    Ok((corpus, layout))
}

/// How so many rows of a corpus are cut in shards by the bytes that these have in a format.
///
/// A plan counts the bytes of rows in memory. Of tokens, those count that are stored: as many to a row as all rows have.
///
/// # Errors
/// As [`check`] has them for tokens.
pub(super) fn cut_as_written(
    corpus: &Corpus,
    rows: u64,
    format: Format,
    token_dtype: Option<&DataType>,
    split: Split,
) -> Result<Split> {
    let (Format::Tokens(layout), Split::Bytes(limit)) = (format, split) else { return Ok(split) }; // Proof: as they are.
    let tokens = Tokens::new(corpus.schema(), layout, token_dtype)?;
    if limit == 0 || corpus.rows() == 0 {
        return Ok(split);
    }
    let all = tokens.bytes(corpus.rows(), corpus.items()?)?;
    let asked = u128::from(corpus.rows()) * u128::from(limit);
    // Proof: so many bytes of so many rows are more than 128 bits count in no machine, and then there are as many
    // shards as rows.
    let shards = all.checked_mul(u128::from(rows)).map_or(u128::from(rows), |bytes| bytes.div_ceil(asked));
    Ok(Split::Shards(u64::try_from(shards).unwrap_or(rows).max(1))) // Proof: as above.
}

/// The schema of what would be written, with the features of the columns.
///
/// # Errors
/// As [`materialize`](super::materialize()) has them, before any row is chosen.
pub fn written_schema(
    corpus: &Corpus,
    added: &[FieldRef],
    format: Format,
    release: Release,
) -> Result<SchemaRef> {
    let corpus = in_types_of(corpus, format, release)?;
    let fields: Vec<_> = corpus.schema().fields().iter().chain(added).cloned().collect();
    let schema = Schema::new_with_metadata(fields, corpus.schema().metadata().clone());
    Ok(schema_with_features(&schema, &output_features(&schema, release)))
}

/// Refuses a name that readers of the files would not take for a split.
pub(super) fn check_split(name: &str) -> Result<()> {
    if is_split_name(name) {
        return Ok(());
    }
    Err(Error::Value(format!(
        "split is {name:?}; a name has letters, digits and _, with single points between, such as \"validation\""
    )))
}

/// The corpus in the types that the format has.
pub(super) fn in_types_of(corpus: &Corpus, format: Format, release: Release) -> Result<Corpus> {
    let corpus = for_datasets(corpus, release)?;
    match format {
        Format::Parquet => for_parquet(&corpus, release),
        Format::Jsonl => for_jsonl(&corpus, release),
        Format::Arrow | Format::Tokens(_) => Ok(corpus),
    }
}
