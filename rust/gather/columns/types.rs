//! The Arrow types of rows: which are taken, what they become, how large a row is.
//!
//! Rows come out in the types that `datasets` has: dictionary columns as their values, views as plain
//! strings, short decimals as long ones, maps as lists of key and value, list items named `item` and nullable. Everything else stays as it is.

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};

use super::extension;
use crate::checked;
use crate::error::{At, Error, Result};

/// The schema metadata that tells the features of `datasets`.
pub(crate) const FEATURES: &str = "huggingface";

/// The field that rows of a stored field come out as, or why there is none.
pub(crate) fn canonical_field(path: &Path, column: &str, field: &Field) -> Result<Field> {
    reject_invalid_field(path, column, field)?;
    let data_type = canonical_type(path, column, field.data_type())?;
    let metadata = extension::metadata(path, column, field, &data_type)?;
    Ok(Field::new(field.name(), data_type, true).with_metadata(metadata))
}

/// Fails if a field has what no writer writes and other libraries fail at.
fn reject_invalid_field(path: &Path, column: &str, field: &Field) -> Result<()> {
    let name = || format!("the name {:?} has a NUL in it", field.name());
    let found = field.name().contains('\0').then(name).or_else(|| invalid_type(field.data_type()));
    found.map_or(Ok(()), |what| {
        let message = format!("{what}; the schema is damaged: write or download the file again");
        Err(Error::format(path, At::Field(format!("column {column:?}")), message))
    })
}

/// What is invalid in a type, if anything is.
fn invalid_type(data_type: &DataType) -> Option<String> {
    match data_type {
        DataType::Dictionary(_, values) => invalid_type(values),
        DataType::Timestamp(_, Some(zone)) if zone.contains('\0') => {
            Some(format!("the time zone {zone:?} has a NUL in it"))
        }
        DataType::FixedSizeBinary(length) if *length < 0 => Some(format!("values have {length} bytes each")),
        DataType::FixedSizeList(_, length) if *length < 0 => Some(format!("a list has the length {length}")),
        DataType::Decimal128(precision, scale) if !(1..=38).contains(precision) => {
            Some(format!("a decimal has {precision} digits, {scale} of them after the point"))
        }
        DataType::Decimal256(precision, scale) if !(1..=76).contains(precision) => {
            Some(format!("a decimal has {precision} digits, {scale} of them after the point"))
        }
        _ => None,
    }
}

fn canonical_type(path: &Path, column: &str, data_type: &DataType) -> Result<DataType> {
    let inner = |field: &FieldRef, name: &str| -> Result<FieldRef> {
        Ok(Arc::new(canonical_field(path, column, field)?.with_name(name)))
    };
    Ok(match data_type {
        DataType::Dictionary(_, values) => canonical_type(path, column, values)?,
        DataType::Utf8View => DataType::Utf8,
        // Of no bytes, they have no place in a buffer that tells how many there are.
        DataType::BinaryView | DataType::FixedSizeBinary(0) => DataType::Binary,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::List(field) | DataType::ListView(field) => DataType::List(inner(field, "item")?),
        DataType::LargeList(field) | DataType::LargeListView(field) => {
            DataType::LargeList(inner(field, "item")?)
        }
        DataType::FixedSizeList(field, length) => DataType::FixedSizeList(inner(field, "item")?, *length),
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|field| inner(field, field.name())).collect::<Result<_>>()?)
        }
        DataType::Union(..) | DataType::Map(..) | DataType::RunEndEncoded(..) | DataType::Interval(_) => {
            let message = format!(
                "the column has the Arrow type {data_type}, which datasets has no type for; leave it out with columns="
            );
            return Err(Error::schema(path, At::Field(format!("column {column:?}")), message));
        }
        plain => plain.clone(),
    })
}

/// Whether two types lay their values out alike, so that names and nullability are all that differs.
pub(crate) fn same_layout(a: &DataType, b: &DataType) -> bool {
    match (a, b) {
        (DataType::List(a), DataType::List(b)) | (DataType::LargeList(a), DataType::LargeList(b)) => {
            same_layout(a.data_type(), b.data_type())
        }
        (DataType::FixedSizeList(a, n), DataType::FixedSizeList(b, m)) => {
            n == m && same_layout(a.data_type(), b.data_type())
        }
        (DataType::Struct(a), DataType::Struct(b)) => {
            // Proof: as many, which is compared first.
            a.len() == b.len()
                && a.iter().zip(b.iter()).all(|(a, b)| same_layout(a.data_type(), b.data_type()))
        }
        _ => a == b,
    }
}

/// The schema of some columns, by their positions.
pub(crate) fn project(schema: &Schema, columns: &[usize]) -> Result<SchemaRef> {
    let field = |&column: &usize| Ok(checked::get(schema.fields(), column)?.clone());
    let fields: Vec<_> = columns.iter().map(field).collect::<Result<_>>()?;
    Ok(Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone())))
}

/// A schema whose metadata tells the features of its columns and of no others: early versions of `datasets`
/// take all that it tells.
pub(crate) fn own_features(mut schema: Schema) -> Schema {
    let told = schema.metadata.get(FEATURES).and_then(|text| serde_json::from_str(text).ok());
    // Proof: what tells of no features stays as it is.
    let Some(mut told): Option<serde_json::Value> = told else { return schema };
    if let Some(features) = told.pointer_mut("/info/features").and_then(|it| it.as_object_mut()) {
        features.retain(|name, _| schema.index_of(name).is_ok());
        schema.metadata.insert(FEATURES.to_owned(), told.to_string());
    }
    schema
}
