//! What stands under null lists and texts: nothing, however rows were read.
//!
//! A null list can have items, and a null text bytes, which no reader sees and every writer writes. Some kernels keep
//! them and others drop them, so that without this the bytes of an output would depend on the way in which its rows were
//! read, and with it on the memory there was.

use std::ops::Range;

use arrow::array::{ArrayData, ArrayRef, MutableArrayData, make_array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{ArrowNativeType, DataType};
use arrow::error::ArrowError;

/// The same column without what its null lists and texts hide, and those that it is made of.
///
/// A column that hides nothing costs a look at the bounds of its null rows.
pub(super) fn without_hidden(column: ArrayRef) -> Result<ArrayRef, ArrowError> {
    if !may_hide(column.data_type()) {
        return Ok(column);
    }
    let data = column.to_data();
    if hides(&data) { Ok(make_array(cleared(data)?)) } else { Ok(column) }
}

/// Whether a type is one of lists or texts, or has them in it.
fn may_hide(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Binary | DataType::LargeBinary => true,
        other => other.is_nested(),
    }
}

fn hides(data: &ArrayData) -> bool {
    hides_itself(data) || data.child_data().iter().any(hides)
}

/// Whether something stands under the nulls of a list or text itself.
fn hides_itself(data: &ArrayData) -> bool {
    let Some(nulls) = data.nulls().filter(|nulls| nulls.null_count() > 0) else { return false }; // Proof: no nulls.
    match data.data_type() {
        DataType::Utf8 | DataType::Binary | DataType::List(_) | DataType::Map(..) => {
            has_items::<i32>(data, nulls)
        }
        DataType::LargeUtf8 | DataType::LargeBinary | DataType::LargeList(_) => has_items::<i64>(data, nulls),
        DataType::FixedSizeList(_, size) => !data.child_data().iter().all(|items| {
            // Proof: a size that is none is no size of a list.
            usize::try_from(*size).is_ok_and(|size| are_zeros(items, data.offset(), nulls, size))
        }),
        _ => false,
    }
}

/// Whether a null row has items or bytes.
fn has_items<O: ArrowNativeType>(data: &ArrayData, nulls: &NullBuffer) -> bool {
    let offsets = data.buffer::<O>(0);
    null_rows(nulls).any(|row| offsets.get(row) != offsets.get(row + 1))
}

/// Whether the items of null rows are nulls themselves, with zeros under them if they are numbers.
fn are_zeros(items: &ArrayData, offset: usize, nulls: &NullBuffer, size: usize) -> bool {
    let Some(valid) = items.nulls() else { return false }; // Proof: all items are valid.
    let width = items.data_type().primitive_width();
    let bytes = items.buffers().first().map_or(&[] as &[u8], |values| values.as_slice());
    null_rows(nulls).all(|row| {
        let items_of = (offset + row) * size..(offset + row + 1) * size;
        let is_zero = |width: usize| {
            let stored = (items.offset() + items_of.start) * width..(items.offset() + items_of.end) * width;
            bytes.get(stored).is_some_and(|bytes| bytes.iter().all(|&byte| byte == 0))
        };
        items_of.clone().all(|item| valid.is_null(item)) && width.is_none_or(is_zero)
    })
}

fn null_rows(nulls: &NullBuffer) -> impl Iterator<Item = usize> {
    let hidden = !nulls.inner();
    let rows: Vec<usize> = hidden.set_indices().collect();
    rows.into_iter()
}

fn cleared(data: ArrayData) -> Result<ArrayData, ArrowError> {
    let items = data.child_data().iter().cloned().map(cleared).collect::<Result<_, _>>()?;
    let data = data.into_builder().child_data(items).build()?;
    if !hides_itself(&data) {
        return Ok(data);
    }
    let Some(nulls) = data.nulls() else { return Ok(data.clone()) }; // Proof: then nothing is hidden.
    let mut made = MutableArrayData::try_new(vec![&data], true, data.len())?;
    let mut next = 0;
    for Range { start, end } in nulls.valid_slices().map(|(start, end)| start..end) {
        made.try_extend_nulls(start - next)?;
        made.try_extend(0, start, end)?;
        next = end;
    }
    made.try_extend_nulls(data.len() - next)?;
    Ok(made.freeze())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        Array, AsArray, FixedSizeListArray, Int32Array, LargeListArray, ListArray, StringArray, StructArray,
    };
    use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
    use arrow::datatypes::{Field, Fields, Int32Type};
    use proptest::prelude::*;

    use super::*;

    fn item(data_type: &DataType) -> Arc<Field> {
        Arc::new(Field::new("item", data_type.clone(), true))
    }

    /// Texts of 3 bytes, also where they are null.
    fn texts(valid: &[bool]) -> ArrayRef {
        let offsets = OffsetBuffer::from_lengths(valid.iter().map(|_| 3));
        let bytes = Buffer::from(b"abc".repeat(valid.len()));
        Arc::new(StringArray::new(offsets, bytes, Some(NullBuffer::from(valid.to_vec()))))
    }

    /// Columns of which null rows have items as well, and what they are for each row that is none.
    fn columns(valid: &[bool]) -> Vec<ArrayRef> {
        let nulls = || Some(NullBuffer::from(valid.to_vec()));
        let count = i32::try_from(valid.len()).unwrap();
        let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(1..=2 * count));
        let twice: Vec<bool> = valid.iter().flat_map(|&valid| [valid, !valid]).collect();
        let pairs = || OffsetBuffer::from_lengths(valid.iter().map(|_| 2));
        let large = OffsetBuffer::new((0..=i64::from(count)).map(|row| 2 * row).collect::<ScalarBuffer<_>>());
        let (whole, text) = (item(&DataType::Int32), item(&DataType::Utf8));
        let fixed = FixedSizeListArray::new(whole.clone(), 2, numbers.clone(), nulls());
        let fields = Fields::from(vec![Field::new("a", DataType::Utf8, true)]);
        vec![
            texts(valid),
            Arc::new(ListArray::new(whole.clone(), pairs(), numbers.clone(), nulls())),
            Arc::new(LargeListArray::new(whole, large, numbers.clone(), nulls())),
            Arc::new(ListArray::new(text.clone(), pairs(), texts(&twice), nulls())),
            Arc::new(FixedSizeListArray::new(text, 2, texts(&twice), nulls())),
            Arc::new(StructArray::new(fields, vec![texts(valid)], None)),
            Arc::new(ListArray::new(
                item(fixed.data_type()),
                OffsetBuffer::from_lengths(valid.iter().map(|_| 1)),
                Arc::new(fixed.clone()),
                None,
            )),
            Arc::new(fixed),
        ]
    }

    /// The bytes of all that an array is made of.
    fn stored(data: &ArrayData) -> usize {
        let own: usize = data.buffers().iter().map(Buffer::len).sum();
        own + data.child_data().iter().map(stored).sum::<usize>()
    }

    proptest! {
        #[test]
        fn rows_stay_and_nothing_is_hidden(
            valid in prop::collection::vec(any::<bool>(), 1..40),
            cut in (0usize..40, 0usize..40),
        ) {
            let start = cut.0 % valid.len();
            let length = cut.1.min(valid.len() - start);
            for column in columns(&valid) {
                let column = column.slice(start, length);
                let found = without_hidden(column.clone()).unwrap();
                prop_assert_eq!(&found, &column);
                prop_assert!(!hides(&found.to_data()), "{:?}", found);
                prop_assert!(found.to_data().validate_full().is_ok());
            }
        }
    }

    #[test]
    fn what_is_hidden_is_found_and_is_gone() {
        for column in columns(&[true, false, true]) {
            assert!(hides(&column.to_data()), "{column:?}");
            let found = without_hidden(column.clone()).unwrap();
            assert!(stored(&found.to_data()) <= stored(&column.to_data()), "{column:?}");
        }
        let column = columns(&[true, false, true]).remove(1);
        let found = without_hidden(column).unwrap();
        assert_eq!(found.as_list::<i32>().values().as_primitive::<Int32Type>().values(), &[1, 2, 5, 6]);
        let fixed = without_hidden(columns(&[true, false, true]).pop().unwrap()).unwrap();
        let items = fixed.as_fixed_size_list().values().as_primitive::<Int32Type>();
        assert_eq!(items.values(), &[1, 2, 0, 0, 5, 6]);
        assert_eq!((items.is_null(1), items.is_null(2), items.is_null(3)), (false, true, true));
    }

    #[test]
    fn a_column_that_hides_nothing_is_the_same() {
        for column in columns(&[true; 5]).into_iter().filter(|column| !hides(&column.to_data())) {
            assert!(Arc::ptr_eq(&without_hidden(column.clone()).unwrap(), &column));
        }
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None]));
        assert!(Arc::ptr_eq(&without_hidden(numbers.clone()).unwrap(), &numbers));
    }
}
