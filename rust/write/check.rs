//! Whether rows can be written in a format, and what they are then: before any row is chosen.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};

use super::format::Format;
use super::format::hf::json::{output_features, schema_with_features};
use super::format::hf::release::Release;
use super::format::hf::types::{for_datasets, for_parquet};
use super::format::jsonl::check_names;
use super::format::jsonl::types::for_jsonl;
use super::format::shard_names::is_split_name;
use super::format::tokens::Tokens;
use crate::error::{Error, Result};
use crate::gather::{Corpus, Split};

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

/// How rows are cut in shards by the bytes that these have in a format.
///
/// A plan counts the bytes of rows in memory. Tokens are stored in another type, and so in more or fewer.
///
/// # Errors
/// As [`check`] has them for tokens.
pub fn cut_as_written(
    corpus: &Corpus,
    format: Format,
    token_dtype: Option<&DataType>,
    split: Split,
) -> Result<Split> {
    let (Format::Tokens(layout), Split::Bytes(limit)) = (format, split) else { return Ok(split) }; // Proof: as they are.
    let in_memory = corpus.bytes()?.div_ceil(corpus.rows().max(1)).max(1);
    let written = Tokens::new(corpus.schema(), layout, token_dtype)?.row_bytes(in_memory)?.max(1);
    let bytes = u128::from(limit) * u128::from(in_memory) / u128::from(written);
    // Proof: what is cut at 2^64 is more than any shard has; of no bytes there is none, which is refused.
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX).max(limit.min(1));
    Ok(Split::Bytes(bytes))
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
