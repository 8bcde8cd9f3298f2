//! The types that JSON lines have a form for, from which readers get the same values.

use arrow::datatypes::{DataType, Field, Metadata};

use crate::error::Result;
use crate::gather::Corpus;
use crate::write::format::hf::release::Release;
use crate::write::format::hf::types::{in_types, refused, with_inner};

/// A corpus of [`for_datasets`](crate::write::for_datasets) in the types that JSON lines have.
///
/// # Errors
/// A column of a type from whose text no reader makes the same values.
pub(crate) fn for_jsonl(corpus: &Corpus, release: Release) -> Result<Corpus> {
    in_types(corpus, release, field_of)
}

/// A field as JSON lines have it: extension types are what they store, and days in milliseconds are days.
fn field_of(column: &str, field: &Field) -> Result<Field> {
    let data_type = with_inner(field.data_type(), &|inner| field_of(column, inner))?;
    let data_type = match data_type {
        DataType::Date64 => DataType::Date32,
        DataType::Struct(fields) if fields.is_empty() => {
            let why = "of which readers of JSON make other types, or no rows; write format=\"arrow\"";
            return Err(refused(column, "a struct without fields", why));
        }
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) if scale < 0 => {
            let what = format!("decimals of the scale {scale}");
            return Err(refused(column, &what, "which no reader of JSON makes of a text"));
        }
        other => {
            refuse_unknown(column, &other)?;
            other
        }
    };
    Ok(Field::new(field.name(), data_type, true).with_metadata(Metadata::default()))
}

/// Fails at a type that JSON has no form for.
fn refuse_unknown(column: &str, data_type: &DataType) -> Result<()> {
    let why = match data_type {
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            "bytes, which JSON has no form for: a reader would get a text; write format=\"parquet\""
        }
        DataType::Time32(_) | DataType::Time64(_) => {
            "times of a day, which no reader makes of a text of JSON; write format=\"parquet\""
        }
        DataType::Duration(_) => {
            "durations, which JSON has no form for: a reader would get numbers; write format=\"parquet\""
        }
        _ => return Ok(()),
    };
    Err(refused(column, &format!("the Arrow type {data_type}"), why))
}
