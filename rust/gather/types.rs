//! The Arrow types of rows: which are taken, what they become, how large a row is.
//!
//! Rows come out in the types that `datasets` has: dictionary columns as their values, views as plain
//! strings, list items named `item` and nullable. Everything else stays as it is.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, AsArray, OffsetSizeTrait};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};

use crate::error::{At, Error, Result};

/// The field metadata that names an extension type.
const EXTENSION: &str = "ARROW:extension:name";
/// What belongs to it.
const EXTENSION_DATA: &str = "ARROW:extension:metadata";

/// The field that rows of a stored field come out as, or why there is none.
pub(super) fn canonical_field(path: &Path, column: &str, field: &Field) -> Result<Field> {
    let mut metadata = field.metadata().clone();
    metadata.retain(|key, _| key == EXTENSION || key == EXTENSION_DATA);
    if let Some(name) = metadata.get(EXTENSION) {
        known_extension(path, column, name)?;
    }
    let data_type = canonical_type(path, column, field.data_type())?;
    Ok(Field::new(field.name(), data_type, true).with_metadata(metadata))
}

/// Extension types that are passed through as they are stored. Nothing is ever imported to read one.
fn known_extension(path: &Path, column: &str, name: &str) -> Result<()> {
    let of_datasets =
        name.starts_with("datasets.features.features.Array") && name.ends_with("DExtensionType");
    if of_datasets || (name.starts_with("arrow.") && name != "arrow.py_extension_type") {
        return Ok(());
    }
    let message = format!(
        "the column has the extension type {name:?}, which is not known here and is never imported; leave it out with columns=, or store its plain values"
    );
    Err(Error::schema(path, At::Field(format!("column {column:?}")), message))
}

fn canonical_type(path: &Path, column: &str, data_type: &DataType) -> Result<DataType> {
    let inner = |field: &FieldRef, name: &str| -> Result<FieldRef> {
        Ok(Arc::new(canonical_field(path, column, field)?.with_name(name)))
    };
    Ok(match data_type {
        DataType::Dictionary(_, values) => canonical_type(path, column, values)?,
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView | DataType::FixedSizeBinary(_) => DataType::Binary,
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
pub(super) fn same_layout(a: &DataType, b: &DataType) -> bool {
    match (a, b) {
        (DataType::List(a), DataType::List(b)) | (DataType::LargeList(a), DataType::LargeList(b)) => {
            same_layout(a.data_type(), b.data_type())
        }
        (DataType::FixedSizeList(a, n), DataType::FixedSizeList(b, m)) => {
            n == m && same_layout(a.data_type(), b.data_type())
        }
        (DataType::Struct(a), DataType::Struct(b)) => {
            a.len() == b.len()
                && a.iter().zip(b.iter()).all(|(a, b)| same_layout(a.data_type(), b.data_type()))
        }
        _ => a == b,
    }
}

/// The schema of some columns, by their positions.
pub(super) fn project(schema: &Schema, columns: &[usize]) -> SchemaRef {
    let fields: Vec<_> = columns.iter().filter_map(|&i| schema.fields().get(i).cloned()).collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// Bytes of one value where every value has as many, as Arrow lays it out in memory.
pub(super) fn fixed_bytes(data_type: &DataType) -> Option<u64> {
    match data_type {
        DataType::Null | DataType::Boolean => Some(1),
        DataType::FixedSizeList(field, length) => {
            Some(fixed_bytes(field.data_type())?.saturating_mul(u64::try_from(*length).unwrap_or(0)))
        }
        DataType::Struct(fields) => fields.iter().map(|field| fixed_bytes(field.data_type())).sum(),
        DataType::FixedSizeBinary(length) => u64::try_from(*length).ok(),
        plain => plain.primitive_width().map(|width| width as u64),
    }
}

/// Bytes that the values `start..end` take, an upper bound for every count of nested values too.
///
/// A value of no width (null, a bit) counts as a byte, so that a run of at most 2^31 bytes never holds more
/// than 2^31 list items.
pub(super) fn extent(array: &dyn Array, start: usize, end: usize) -> u64 {
    let len = end.saturating_sub(start) as u64;
    match array.data_type() {
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            nested(list.value_offsets(), list.values().as_ref(), start, end)
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            nested(list.value_offsets(), list.values().as_ref(), start, end)
        }
        DataType::FixedSizeList(_, length) => {
            let length = usize::try_from(*length).unwrap_or(0);
            let list = array.as_fixed_size_list();
            extent(list.values().as_ref(), start.saturating_mul(length), end.saturating_mul(length))
        }
        DataType::Utf8 => flat(array.as_string::<i32>().value_offsets(), start, end),
        DataType::LargeUtf8 => flat(array.as_string::<i64>().value_offsets(), start, end),
        DataType::Binary => flat(array.as_binary::<i32>().value_offsets(), start, end),
        DataType::LargeBinary => flat(array.as_binary::<i64>().value_offsets(), start, end),
        DataType::Struct(_) => {
            array.as_struct().columns().iter().map(|column| extent(column.as_ref(), start, end)).sum()
        }
        plain => len.saturating_mul(fixed_bytes(plain).unwrap_or(16)),
    }
}

fn bounds<O: OffsetSizeTrait>(offsets: &[O], start: usize, end: usize) -> (usize, usize) {
    let at = |i: usize| offsets.get(i).map_or(0, |offset| offset.as_usize());
    (at(start), at(end))
}

fn flat<O: OffsetSizeTrait>(offsets: &[O], start: usize, end: usize) -> u64 {
    let (first, last) = bounds(offsets, start, end);
    (last.saturating_sub(first) as u64).saturating_add((end - start) as u64 * size_of::<O>() as u64)
}

fn nested<O: OffsetSizeTrait>(offsets: &[O], values: &dyn Array, start: usize, end: usize) -> u64 {
    let (first, last) = bounds(offsets, start, end);
    extent(values, first, last).saturating_add((end - start) as u64 * size_of::<O>() as u64)
}
