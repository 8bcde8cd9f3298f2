//! Columns whose rows have as many bytes each: copied as bytes, whatever they stand for.
//!
//! Token lists of one length, fixed-size lists of numbers and plain numbers are such columns where there are no
//! nulls. One copy takes a row from where it lies to where it is wanted.

use arrow::array::{
    Array, ArrayData, ArrayDataBuilder, ArrayRef, AsArray, GenericListArray, OffsetSizeTrait,
    RecordBatchOptions, UInt32Array, make_array,
};
use arrow::buffer::{Buffer, MutableBuffer};
use arrow::compute::take;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

/// The rows of a column, one behind the other.
#[derive(Debug, Clone)]
pub(crate) struct FixedWidth {
    bytes: Buffer,
    /// Bytes of a row.
    pub(crate) stride: usize,
}

impl FixedWidth {
    /// A column as its bytes, if its rows have as many each.
    pub(crate) fn of(column: &dyn Array) -> Option<Self> {
        if column.null_count() > 0 {
            return None;
        }
        match column.data_type() {
            DataType::List(_) => Self::of_lists(column.as_list::<i32>()),
            DataType::LargeList(_) => Self::of_lists(column.as_list::<i64>()),
            DataType::FixedSizeList(_, length) => {
                let (list, length) = (column.as_fixed_size_list(), usize::try_from(*length).ok()?);
                let first = list.value_offset_at(0);
                Self::of_numbers(list.values().as_ref(), first, list.len(), length)
            }
            _ => Self::of_numbers(column, 0, column.len(), 1),
        }
    }

    fn of_lists<O: OffsetSizeTrait>(list: &GenericListArray<O>) -> Option<Self> {
        let offsets = list.value_offsets();
        let [first, second, ..] = *offsets else { return None }; // Proof: without rows, there is nothing to copy.
        let length = second - first;
        let even = offsets.windows(2).all(|pair| matches!(*pair, [start, end] if end - start == length));
        even.then_some(())?;
        Self::of_numbers(list.values().as_ref(), first.to_usize()?, list.len(), length.to_usize()?)
    }

    /// Rows of `length` numbers each, the first of which is at `first`.
    fn of_numbers(numbers: &dyn Array, first: usize, rows: usize, length: usize) -> Option<Self> {
        let width = numbers.data_type().primitive_width()?;
        if numbers.null_count() > 0 {
            return None;
        }
        let data = numbers.to_data();
        let stride = length.checked_mul(width)?;
        let start = first.checked_add(data.offset())?.checked_mul(width)?;
        let end = start.checked_add(rows.checked_mul(stride)?)?;
        let bytes = data.buffers().first()?;
        (end <= bytes.len()).then(|| Self { bytes: bytes.slice_with_length(start, end - start), stride })
    }

    /// The bytes of a row.
    pub(crate) fn row(&self, row: usize) -> Option<&[u8]> {
        let start = row.checked_mul(self.stride)?;
        self.bytes.get(start..start.checked_add(self.stride)?)
    }

    /// Where the first row begins in a piece of memory that holds all of them, if it does.
    pub(crate) fn place_in(&self, memory: &[u8]) -> Option<u64> {
        let offset = (self.bytes.as_ptr() as usize).checked_sub(memory.as_ptr() as usize)?;
        (offset.checked_add(self.bytes.len())? <= memory.len()).then_some(offset as u64)
    }
}

/// A column of `rows` rows of some bytes each.
pub(crate) fn column(data_type: &DataType, rows: usize, bytes: Buffer) -> Result<ArrayRef, ArrowError> {
    let numbers = |item: &DataType, bytes: Buffer| {
        ArrayData::builder(item.clone()).len(count(item, bytes.len())?).add_buffer(bytes).build()
    };
    let list = |item: &DataType, offsets: Option<Buffer>, bytes: Buffer| {
        let list = ArrayData::builder(data_type.clone()).len(rows).add_child_data(numbers(item, bytes)?);
        offsets.into_iter().fold(list, ArrayDataBuilder::add_buffer).build()
    };
    let each = |item: &DataType| {
        let count = count(item, bytes.len())?;
        let each = count.checked_div(rows).unwrap_or(0); // Proof: without rows, there must be no items either.
        if each * rows == count { Ok(each) } else { Err(uneven(count, rows)) }
    };
    Ok(make_array(match data_type {
        DataType::List(item) => {
            let offsets = offsets::<i32>(rows, each(item.data_type())?)?;
            list(item.data_type(), Some(offsets), bytes)?
        }
        DataType::LargeList(item) => {
            let offsets = offsets::<i64>(rows, each(item.data_type())?)?;
            list(item.data_type(), Some(offsets), bytes)?
        }
        DataType::FixedSizeList(item, _) => list(item.data_type(), None, bytes)?,
        plain => numbers(plain, bytes)?,
    }))
}

/// How many numbers so many bytes are.
fn count(item: &DataType, bytes: usize) -> Result<usize, ArrowError> {
    let width = item.primitive_width().filter(|&width| width > 0 && bytes.is_multiple_of(width));
    width.map(|width| bytes / width).ok_or_else(|| uneven(bytes, item))
}

fn uneven(count: usize, of: impl std::fmt::Display) -> ArrowError {
    ArrowError::InvalidArgumentError(format!("{count} do not make whole ones of {of}"))
}

/// The offsets of lists of `each` items.
fn offsets<O: OffsetSizeTrait>(rows: usize, each: usize) -> Result<Buffer, ArrowError> {
    let offset = |row| O::from_usize(row * each).ok_or(ArrowError::OffsetOverflowError(row * each));
    let offsets: Vec<O> = (0..=rows).map(offset).collect::<Result<_, _>>()?;
    Ok(Buffer::from_vec(offsets))
}

/// Rows of a batch as a batch of their own.
pub(crate) fn take_rows(batch: &RecordBatch, rows: &UInt32Array) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().map(|values| match FixedWidth::of(values) {
        Some(strided) => take_strided(&strided, values.data_type(), rows),
        None => take(values, rows, None),
    });
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(batch.schema(), columns.collect::<Result<_, _>>()?, &options)
}

fn take_strided(
    strided: &FixedWidth,
    data_type: &DataType,
    rows: &UInt32Array,
) -> Result<ArrayRef, ArrowError> {
    let size = rows.len().checked_mul(strided.stride).ok_or_else(|| uneven(rows.len(), strided.stride))?;
    let mut bytes = MutableBuffer::with_capacity(size);
    for &row in rows.values() {
        let outside = || ArrowError::InvalidArgumentError(format!("there is no row {row}"));
        bytes.extend_from_slice(strided.row(row as usize).ok_or_else(outside)?);
    }
    column(data_type, rows.len(), bytes.into())
}

/// For a column of every unit: whether all have rows of as many bytes.
pub(crate) fn same_stride<'a>(mut columns: impl Iterator<Item = Option<&'a FixedWidth>>) -> Option<usize> {
    let first = columns.next()??.stride;
    columns.all(|column| column.is_some_and(|column| column.stride == first)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        BooleanArray, FixedSizeListArray, Float64Array, Int32Array, LargeListArray, ListArray, StringArray,
        UInt16Array,
    };
    use arrow::buffer::OffsetBuffer;
    use arrow::compute::concat;
    use arrow::datatypes::Field;
    use proptest::prelude::*;
    use std::sync::Arc;

    fn field(data_type: DataType) -> Arc<Field> {
        Arc::new(Field::new("item", data_type, true))
    }

    #[test]
    fn bytes_that_do_not_come_out_even_are_no_column() {
        let types = [
            DataType::List(field(DataType::Int32)),
            DataType::LargeList(field(DataType::Int32)),
            DataType::FixedSizeList(field(DataType::Int32), 2),
        ];
        for data_type in types {
            let made = |bytes: usize| column(&data_type, 3, Buffer::from(vec![0u8; bytes]));
            assert_eq!(made(24).unwrap().len(), 3, "{data_type}");
            assert!(made(16).is_err() && made(14).is_err(), "{data_type}");
        }
        let text = column(&DataType::Utf8, 3, Buffer::from(vec![0u8; 24])).unwrap_err();
        assert!(text.to_string().contains("24 do not make whole ones of Utf8"), "{text}");
    }

    /// Columns of `rows` rows, of every kind that is copied as bytes.
    fn columns(rows: usize, each: usize) -> Vec<ArrayRef> {
        let count = rows * each;
        let numbers: ArrayRef =
            Arc::new((0..count).map(|n| u16::try_from(n * 7).ok()).collect::<UInt16Array>());
        let wide: ArrayRef =
            Arc::new(Float64Array::from_iter_values((0..360).take(count).map(|n| f64::from(n) / 3.0)));
        let lengths = || std::iter::repeat_n(each, rows);
        vec![
            Arc::new(ListArray::new(
                field(DataType::UInt16),
                OffsetBuffer::from_lengths(lengths()),
                numbers.clone(),
                None,
            )),
            Arc::new(LargeListArray::new(
                field(DataType::Float64),
                OffsetBuffer::from_lengths(lengths()),
                wide,
                None,
            )),
            Arc::new(FixedSizeListArray::new(
                field(DataType::UInt16),
                i32::try_from(each).unwrap(),
                numbers,
                None,
            )),
            Arc::new(Int32Array::from_iter_values(0..i32::try_from(rows).unwrap())),
        ]
    }

    proptest! {
        #[test]
        fn rows_are_those_that_the_kernel_takes(
            rows in 1usize..40,
            each in 1usize..9,
            cut in (0usize..40, 1usize..40),
            picks in prop::collection::vec(0u32..1000, 0..50),
        ) {
            let start = cut.0 % rows;
            let length = cut.1.min(rows - start);
            for values in columns(rows, each) {
                let values = values.slice(start, length);
                let picks = UInt32Array::from_iter_values(picks.iter().map(|pick| pick % u32::try_from(length).unwrap()));
                let strided = FixedWidth::of(values.as_ref()).unwrap();
                let found = take_strided(&strided, values.data_type(), &picks).unwrap();
                prop_assert_eq!(&found, &take(&values, &picks, None).unwrap());
            }
        }
    }

    #[test]
    fn other_columns_are_left_to_the_kernels() {
        let lists = columns(4, 3);
        let uneven = concat(&[lists[0].as_ref(), columns(1, 2)[0].as_ref()]).unwrap();
        let nulls: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None]));
        let within: ArrayRef = Arc::new(ListArray::new(
            field(DataType::Int32),
            OffsetBuffer::from_lengths([1, 1]),
            nulls.clone(),
            None,
        ));
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
        let bits: ArrayRef = Arc::new(BooleanArray::from(vec![true, false]));
        for values in [uneven, nulls, within, texts, bits, lists[0].slice(0, 0)] {
            assert!(FixedWidth::of(values.as_ref()).is_none(), "{}", values.data_type());
        }
    }
}
