//! The Arrow types of rows: which are taken, what they become, how large a row is.
//!
//! Rows come out in the types that `datasets` has: dictionary columns as their values, views as plain
//! strings, short decimals as long ones, maps as lists of key and value, list items named `item` and nullable. Everything else stays as it is.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, AsArray, ByteView, GenericListViewArray, OffsetSizeTrait};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;

use super::extension;
use crate::checked;
use crate::error::{At, Error, Result};

/// The schema metadata that tells the features of `datasets`.
const FEATURES: &str = "huggingface";

/// The field that rows of a stored field come out as, or why there is none.
pub(super) fn canonical_field(path: &Path, column: &str, field: &Field) -> Result<Field> {
    if let Some(what) = nonsense(field) {
        let message = format!("{what}; the schema is damaged: write or download the file again");
        return Err(Error::format(path, At::Field(format!("column {column:?}")), message));
    }
    let data_type = canonical_type(path, column, field.data_type())?;
    let metadata = extension::metadata(path, column, field, &data_type)?;
    Ok(Field::new(field.name(), data_type, true).with_metadata(metadata))
}

/// What no writer writes and other libraries fail at, if there is such a thing in a field.
fn nonsense(field: &Field) -> Option<String> {
    if field.name().contains('\0') {
        return Some(format!("the name {:?} has a NUL in it", field.name()));
    }
    nonsense_type(field.data_type())
}

fn nonsense_type(data_type: &DataType) -> Option<String> {
    match data_type {
        DataType::Dictionary(_, values) => nonsense_type(values),
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
pub(super) fn same_layout(a: &DataType, b: &DataType) -> bool {
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
pub(super) fn project(schema: &Schema, columns: &[usize]) -> Result<SchemaRef> {
    let field = |&column: &usize| Ok(checked::get(schema.fields(), column)?.clone());
    let fields: Vec<_> = columns.iter().map(field).collect::<Result<_>>()?;
    Ok(Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone())))
}

/// A schema whose metadata tells the features of its columns and of no others: early versions of `datasets`
/// take all that it tells.
pub(super) fn own_features(mut schema: Schema) -> Schema {
    let told = schema.metadata.get(FEATURES).and_then(|text| serde_json::from_str(text).ok());
    // Proof: what tells of no features stays as it is.
    let Some(mut told): Option<serde_json::Value> = told else { return schema };
    if let Some(features) = told.pointer_mut("/info/features").and_then(|it| it.as_object_mut()) {
        features.retain(|name, _| schema.index_of(name).is_ok());
        schema.metadata.insert(FEATURES.to_owned(), told.to_string());
    }
    schema
}

/// Bytes of one value where every value has as many, as Arrow lays it out in memory.
///
/// Proof: no list has a negative length, as [`canonical_field`] sees to; what is cut at 2^64 is larger than any limit.
pub(super) fn fixed_bytes(data_type: &DataType) -> Option<u64> {
    match data_type {
        DataType::Null | DataType::Boolean => Some(1),
        DataType::FixedSizeList(field, length) => {
            Some(fixed_bytes(field.data_type())?.saturating_mul(u64::try_from(*length).unwrap_or(0)))
        }
        DataType::Struct(fields) => total(fields.iter().map(|field| fixed_bytes(field.data_type()))),
        DataType::FixedSizeBinary(length) => u64::try_from(*length).ok(),
        plain => plain.primitive_width().map(|width| width as u64),
    }
}

/// What several values take, if all have a fixed width.
///
/// Proof: what is cut at 2^64 is larger than any limit.
pub(super) fn total(mut widths: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    widths.try_fold(0u64, |sum, width| Some(sum.saturating_add(width?)))
}

/// Whether there are dictionary keys in a type.
pub(super) fn has_keys(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(..) => true,
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _) => has_keys(field.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| has_keys(field.data_type())),
        _ => false,
    }
}

/// Bytes that a row takes.
pub(super) fn row_bytes(batch: &RecordBatch, row: usize) -> u64 {
    let columns = batch.columns().iter();
    columns.map(|column| extent(column.as_ref(), row, row + 1)).fold(0, u64::saturating_add)
}

/// Runs of rows that take `limit` bytes at most, and their bytes; a larger row is alone.
pub(super) fn cut_by_bytes<T>(rows: &[T], bytes: impl Fn(&T) -> u64, limit: u64) -> Vec<(Range<usize>, u64)> {
    let mut runs = Vec::new();
    let (mut start, mut sum) = (0, 0u64);
    for (index, row) in rows.iter().enumerate() {
        let more = bytes(row);
        // Proof: a sum that is cut at 2^64 is above the limit all the same.
        if index > start && sum.saturating_add(more) > limit {
            runs.push((start..index, sum));
            (start, sum) = (index, 0);
        }
        sum = sum.saturating_add(more); // Proof: as above.
    }
    if start < rows.len() {
        runs.push((start..rows.len(), sum));
    }
    runs
}

/// Bytes that the values `start..end` take, an upper bound for every count of nested values too.
///
/// A value of no width (null, a bit) counts as a byte, so that a run of at most 2^31 bytes never holds more
/// than 2^31 list items.
///
/// Proof: it is compared with limits that what is cut at 2^64 is above; lists have no negative length, and no types
/// are taken but these and those of fixed width.
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
            let columns = array.as_struct().columns().iter();
            columns.map(|column| extent(column.as_ref(), start, end)).fold(0, u64::saturating_add)
        }
        DataType::Dictionary(..) => of_keys(array.slice(start, end.saturating_sub(start)).as_ref()),
        DataType::Utf8View => viewed(array.as_string_view().views(), start, end),
        DataType::BinaryView => viewed(array.as_binary_view().views(), start, end),
        DataType::ListView(_) => views(array.as_list_view::<i32>(), start, end),
        DataType::LargeListView(_) => views(array.as_list_view::<i64>(), start, end),
        plain => len.saturating_mul(fixed_bytes(plain).unwrap_or(16)),
    }
}

/// A dictionary takes what its values take: as those it comes out.
///
/// Proof: without values, all keys are null and take nothing; what is cut at 2^64 is above every limit.
fn of_keys(array: &dyn Array) -> u64 {
    let Some(dictionary) = array.as_any_dictionary_opt().filter(|it| !it.values().is_empty()) else {
        return 0;
    };
    let values = dictionary.values().as_ref();
    let keys = dictionary.normalized_keys();
    keys.into_iter().map(|key| extent(values, key, key + 1)).fold(0, u64::saturating_add)
}

/// A view has the length of its bytes, wherever they are.
///
/// Proof: the values asked for are there, or whoever asks finds none either.
fn viewed(views: &[u128], start: usize, end: usize) -> u64 {
    let views = views.get(start..end).unwrap_or_default();
    views.iter().map(|&view| u64::from(ByteView::from(view).length) + 4).sum()
}

/// Proof: a list view has as many offsets as sizes; what is cut at 2^64 is above every limit.
fn views<O: OffsetSizeTrait>(list: &GenericListViewArray<O>, start: usize, end: usize) -> u64 {
    let spans = list.value_offsets().iter().zip(list.value_sizes());
    let spans = spans.skip(start).take(end.saturating_sub(start));
    spans
        .map(|(offset, size)| {
            extent(list.values().as_ref(), offset.as_usize(), offset.as_usize() + size.as_usize())
        })
        .fold(0, |sum, bytes| sum.saturating_add(bytes).saturating_add(size_of::<O>() as u64))
}

/// Proof: there is an offset more than values, and the values asked for are there.
fn bounds<O: OffsetSizeTrait>(offsets: &[O], start: usize, end: usize) -> (usize, usize) {
    let at = |i: usize| offsets.get(i).map_or(0, |offset| offset.as_usize());
    (at(start), at(end))
}

/// Proof: offsets ascend, and what is cut at 2^64 is above every limit.
fn flat<O: OffsetSizeTrait>(offsets: &[O], start: usize, end: usize) -> u64 {
    let (first, last) = bounds(offsets, start, end);
    (last.saturating_sub(first) as u64).saturating_add((end - start) as u64 * size_of::<O>() as u64)
}

/// Proof: as for [`flat`].
fn nested<O: OffsetSizeTrait>(offsets: &[O], values: &dyn Array, start: usize, end: usize) -> u64 {
    let (first, last) = bounds(offsets, start, end);
    extent(values, first, last).saturating_add((end - start) as u64 * size_of::<O>() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        ArrayRef, BooleanArray, DictionaryArray, FixedSizeListArray, Int8Array, Int32Array, Int64Array,
        LargeStringArray, ListArray, NullArray, StringArray, StringViewArray, StructArray,
    };
    use arrow::buffer::OffsetBuffer;

    fn list(lengths: &[usize], values: ArrayRef) -> ListArray {
        let field = Arc::new(Field::new("item", values.data_type().clone(), true));
        ListArray::new(field, OffsetBuffer::from_lengths(lengths.iter().copied()), values, None)
    }

    #[test]
    fn a_row_takes_what_its_values_take() {
        let text = || StringArray::from(vec!["", "abc", "abcdefghij"]);
        let keys = || Int8Array::from(vec![Some(2), None, Some(1)]);
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![0; 6]));
        let cases: Vec<(ArrayRef, [u64; 3])> = vec![
            (Arc::new(Int64Array::from(vec![0; 3])), [8; 3]),
            (Arc::new(BooleanArray::from(vec![true; 3])), [1; 3]),
            (Arc::new(NullArray::new(3)), [1; 3]),
            (Arc::new(text()), [4, 7, 14]),
            (Arc::new(LargeStringArray::from(vec!["", "abc", "abcdefghij"])), [8, 11, 18]),
            (Arc::new(StringViewArray::from(vec!["", "abc", "abcdefghijklmnop"])), [4, 7, 20]),
            (Arc::new(list(&[0, 1, 5], numbers.clone())), [4, 8, 24]),
            (Arc::new(list(&[1, 0, 2], Arc::new(text()))), [8, 4, 25]),
            (Arc::new(DictionaryArray::new(keys(), Arc::new(text()))), [14, 4, 7]),
            (
                Arc::new(StructArray::from(vec![
                    (Arc::new(Field::new("a", DataType::Utf8, true)), Arc::new(text()) as ArrayRef),
                    (
                        Arc::new(Field::new("b", DataType::Null, true)),
                        Arc::new(NullArray::new(3)) as ArrayRef,
                    ),
                ])),
                [5, 8, 15],
            ),
            (
                Arc::new(FixedSizeListArray::new(
                    Arc::new(Field::new("item", DataType::Int32, true)),
                    2,
                    numbers,
                    None,
                )),
                [8; 3],
            ),
        ];
        for (array, expected) in cases {
            let found: Vec<_> = (0..3).map(|row| extent(array.as_ref(), row, row + 1)).collect();
            assert_eq!(found, expected, "{}", array.data_type());
            assert_eq!(extent(array.as_ref(), 0, 3), expected.iter().sum::<u64>());
            assert_eq!(extent(array.slice(1, 2).as_ref(), 0, 2), expected[1] + expected[2]);
        }
    }

    #[test]
    fn an_empty_dictionary_takes_nothing() {
        let keys = Int8Array::from(vec![None, None]);
        let array = DictionaryArray::new(keys, Arc::new(StringArray::from(Vec::<&str>::new())));
        assert_eq!(extent(&array, 0, 2), 0);
    }

    #[test]
    fn runs_stay_within_their_bytes_and_a_larger_row_is_alone() {
        let sizes = [3u64, 3, 3, 20, 1, 9, 9];
        let cut = |sizes: &[u64], limit| cut_by_bytes(sizes, |&size| size, limit);
        let summed = |runs: &[Range<usize>], sizes: &[u64]| -> Vec<_> {
            runs.iter().map(|run| (run.clone(), sizes[run.clone()].iter().sum::<u64>())).collect()
        };
        assert_eq!(cut(&sizes, 10), summed(&[0..3, 3..4, 4..6, 6..7], &sizes));
        assert_eq!(cut(&sizes, u64::MAX), summed(&vec![0..7; 1], &sizes));
        assert_eq!(cut(&[u64::MAX; 2], 10), [(0..1, u64::MAX), (1..2, u64::MAX)]);
        assert_eq!(cut(&[], 10), []);
    }

    /// Items of no width are counted too: the bytes of a run are never fewer than its items (TRUST 76).
    #[test]
    fn a_run_never_has_more_items_than_a_list_can_count() {
        let half = 1 << 30;
        let nulls = list(&[half, half - 1], Arc::new(NullArray::new(2 * half - 1)));
        let schema = Schema::new(vec![Field::new("x", nulls.data_type().clone(), true)]);
        let batch = RecordBatch::try_new(Arc::new(schema), vec![Arc::new(nulls)]).unwrap();
        let limit = 256 << 20;
        let runs = cut_by_bytes(&[0, 1, 0], |&row| row_bytes(&batch, row), limit);
        assert_eq!(runs.into_iter().map(|(run, _)| run).collect::<Vec<_>>(), [0..1, 1..2, 2..3]);
        assert!(row_bytes(&batch, 0) >= half as u64);
    }
}
