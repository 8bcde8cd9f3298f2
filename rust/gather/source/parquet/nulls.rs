//! What stands under nulls: zeros, whatever a decoder left there.
//!
//! No reader sees these bytes, and they are written all the same: they must not depend on how rows were read.

use arrow::array::{ArrayData, ArrayRef, make_array};
use arrow::buffer::{BooleanBuffer, Buffer, MutableBuffer};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

/// The same column with zeros under its nulls, and under those of what it is made of.
pub(crate) fn zero_under_nulls(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let data = column.to_data();
    if has_hidden(&data) { Ok(make_array(zero_data(data)?)) } else { Ok(column.clone()) }
}

fn has_hidden(data: &ArrayData) -> bool {
    let hides = data.null_count() > 0 && width(data.data_type()).is_some();
    hides || data.child_data().iter().any(has_hidden)
}

fn zero_data(data: ArrayData) -> Result<ArrayData, ArrowError> {
    let children = data.child_data().iter().cloned().map(zero_data).collect::<Result<_, _>>()?;
    let buffers = match width(data.data_type()) {
        Some(width) if data.null_count() > 0 => vec![zero_values(&data, width)?],
        _ => data.buffers().to_vec(),
    };
    data.into_builder().buffers(buffers).child_data(children).build()
}

/// What a value takes.
#[derive(Clone, Copy)]
enum Width {
    Bit,
    Bytes(usize),
}

fn width(data_type: &DataType) -> Option<Width> {
    match data_type {
        DataType::Boolean => Some(Width::Bit),
        DataType::FixedSizeBinary(width) => usize::try_from(*width).ok().map(Width::Bytes),
        plain => plain.primitive_width().map(Width::Bytes),
    }
}

fn zero_values(data: &ArrayData, width: Width) -> Result<Buffer, ArrowError> {
    let Some(values) = data.buffers().first().cloned() else {
        return Err(ArrowError::InvalidArgumentError(format!("{} without values", data.data_type())));
    };
    let Some(nulls) = data.nulls() else { return Ok(values) }; // Proof: then nothing is hidden.
    Ok(match width {
        Width::Bit => {
            let valid = BooleanBuffer::collect_bool(data.offset() + data.len(), |bit| {
                bit.checked_sub(data.offset()).is_some_and(|row| nulls.is_valid(row))
            });
            (&BooleanBuffer::new(values, 0, valid.len()) & &valid).into_inner()
        }
        Width::Bytes(width) => {
            let mut zero_under_nulls = MutableBuffer::with_capacity(values.len());
            zero_under_nulls.extend_from_slice(&values);
            let rows = zero_under_nulls.as_slice_mut().chunks_exact_mut(width.max(1)).skip(data.offset());
            for (row, value) in rows.take(data.len()).enumerate() {
                if nulls.is_null(row) {
                    value.fill(0);
                }
            }
            zero_under_nulls.into()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Array, BooleanArray, FixedSizeBinaryArray, Int32Array, ListArray, StringArray};
    use arrow::buffer::{NullBuffer, OffsetBuffer};
    use arrow::datatypes::Field;
    use proptest::prelude::*;
    use std::sync::Arc;

    fn number(index: usize) -> i32 {
        i32::try_from(index).unwrap() + 1
    }

    /// Columns whose values are none of them zero, with nulls over some.
    fn columns(valid: &[bool]) -> Vec<ArrayRef> {
        let nulls = || Some(NullBuffer::from(valid.to_vec()));
        let numbers: ArrayRef =
            Arc::new(Int32Array::new((0..valid.len()).map(number).collect::<Vec<_>>().into(), nulls()));
        let bits = BooleanArray::new(BooleanBuffer::new_set(valid.len()), nulls());
        let bytes = FixedSizeBinaryArray::new(3, Buffer::from(vec![7u8; 3 * valid.len()]), nulls());
        let lengths = std::iter::repeat_n(1, valid.len());
        let lists = ListArray::new(
            Arc::new(Field::new("item", DataType::Int32, true)),
            OffsetBuffer::from_lengths(lengths),
            numbers.clone(),
            None,
        );
        let texts = StringArray::from(valid.iter().map(|valid| valid.then_some("a")).collect::<Vec<_>>());
        vec![numbers, Arc::new(bits), Arc::new(bytes), Arc::new(lists), Arc::new(texts)]
    }

    proptest! {
        #[test]
        fn values_stay_and_what_is_hidden_is_zero(
            valid in prop::collection::vec(any::<bool>(), 1..80),
            cut in (0usize..80, 0usize..80),
        ) {
            let start = cut.0 % valid.len();
            let length = cut.1.min(valid.len() - start);
            for column in columns(&valid) {
                let column = column.slice(start, length);
                let found = zero_under_nulls(&column).unwrap();
                prop_assert_eq!(&found, &column);
                let bytes = |array: &dyn Array| array.to_data().buffers()[0].to_vec();
                if let Some(numbers) = found.as_any().downcast_ref::<Int32Array>() {
                    let expected = (start..start + length).map(|i| if valid[i] { number(i) } else { 0 });
                    prop_assert!(numbers.values().iter().copied().eq(expected));
                } else if let Some(bits) = found.as_any().downcast_ref::<BooleanArray>() {
                    prop_assert!(bits.values().iter().eq(valid[start..start + length].iter().copied()));
                } else if let Some(values) = found.as_any().downcast_ref::<FixedSizeBinaryArray>() {
                    for row in 0..length {
                        prop_assert_eq!(values.value(row), if valid[start + row] { [7; 3] } else { [0; 3] });
                    }
                } else if found.data_type() == &DataType::Utf8 {
                    prop_assert_eq!(bytes(&found), bytes(&column));
                }
            }
        }
    }
}
