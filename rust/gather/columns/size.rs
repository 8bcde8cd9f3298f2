//! How many bytes values take: of a type, of a row, of a run of rows.

use std::ops::Range;

use arrow::array::{Array, AsArray, ByteView, GenericListViewArray, OffsetSizeTrait};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;

/// Bytes of one value where every value has as many, as Arrow lays it out in memory.
///
/// Proof: no list has a negative length, as [`canonical_field`] sees to; what is cut at 2^64 is larger than any limit.
pub(crate) fn fixed_bytes(data_type: &DataType) -> Option<u64> {
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

/// Bytes of a list beside its items, and those of an item of fixed width.
pub(crate) fn list_bytes(data_type: &DataType) -> Option<(u64, u64)> {
    let (offset, item) = match data_type {
        DataType::List(item) => (4, item),
        DataType::LargeList(item) => (8, item),
        DataType::FixedSizeList(item, _) => (0, item),
        _ => return None,
    };
    Some((offset, fixed_bytes(item.data_type())?))
}

/// Bytes of the offsets of a value's lists, as far as there is one list of each to a row.
pub(crate) fn offset_bytes(data_type: &DataType) -> u64 {
    match data_type {
        DataType::List(_) | DataType::Map(..) => 4,
        DataType::LargeList(_) => 8,
        // Proof: an estimate, cut at the largest that there can be.
        DataType::Struct(fields) => {
            fields.iter().map(|field| offset_bytes(field.data_type())).fold(0, u64::saturating_add)
        }
        _ => 0,
    }
}

/// What several values take, if all have a fixed width.
///
/// Proof: what is cut at 2^64 is larger than any limit.
pub(crate) fn total(mut widths: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    widths.try_fold(0u64, |sum, width| Some(sum.saturating_add(width?)))
}

/// Whether there are dictionary keys in a type.
pub(crate) fn has_keys(data_type: &DataType) -> bool {
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
pub(crate) fn row_bytes(batch: &RecordBatch, row: usize) -> u64 {
    let columns = batch.columns().iter();
    columns.map(|column| nbytes(column.as_ref(), row, row + 1)).fold(0, u64::saturating_add)
}

/// Runs of rows that take `limit` bytes at most, and their bytes; a larger row is alone.
pub(crate) fn cut_by_bytes<T>(rows: &[T], bytes: impl Fn(&T) -> u64, limit: u64) -> Vec<(Range<usize>, u64)> {
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
pub(crate) fn nbytes(array: &dyn Array, start: usize, end: usize) -> u64 {
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
            nbytes(list.values().as_ref(), start.saturating_mul(length), end.saturating_mul(length))
        }
        DataType::Utf8 => flat(array.as_string::<i32>().value_offsets(), start, end),
        DataType::LargeUtf8 => flat(array.as_string::<i64>().value_offsets(), start, end),
        DataType::Binary => flat(array.as_binary::<i32>().value_offsets(), start, end),
        DataType::LargeBinary => flat(array.as_binary::<i64>().value_offsets(), start, end),
        DataType::Struct(_) => {
            let columns = array.as_struct().columns().iter();
            columns.map(|column| nbytes(column.as_ref(), start, end)).fold(0, u64::saturating_add)
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
    keys.into_iter().map(|key| nbytes(values, key, key + 1)).fold(0, u64::saturating_add)
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
            nbytes(list.values().as_ref(), offset.as_usize(), offset.as_usize() + size.as_usize())
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
    nbytes(values, first, last).saturating_add((end - start) as u64 * size_of::<O>() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        ArrayRef, BooleanArray, DictionaryArray, FixedSizeListArray, Int8Array, Int32Array, Int64Array,
        LargeStringArray, ListArray, NullArray, StringArray, StringViewArray, StructArray,
    };
    use arrow::buffer::OffsetBuffer;
    use arrow::datatypes::{Field, Schema};
    use std::sync::Arc;

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
            let found: Vec<_> = (0..3).map(|row| nbytes(array.as_ref(), row, row + 1)).collect();
            assert_eq!(found, expected, "{}", array.data_type());
            assert_eq!(nbytes(array.as_ref(), 0, 3), expected.iter().sum::<u64>());
            assert_eq!(nbytes(array.slice(1, 2).as_ref(), 0, 2), expected[1] + expected[2]);
        }
    }

    #[test]
    fn an_empty_dictionary_takes_nothing() {
        let keys = Int8Array::from(vec![None, None]);
        let array = DictionaryArray::new(keys, Arc::new(StringArray::from(Vec::<&str>::new())));
        assert_eq!(nbytes(&array, 0, 2), 0);
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
