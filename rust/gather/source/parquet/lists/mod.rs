//! Lists of numbers read from Parquet pages, wanted rows alone.
//!
//! The `parquet` crate's decoder of lists expands every level and every value of a page. Here the runs of the levels are
//! walked as they are stored: a row that is not wanted costs a few steps, and its values are stepped over in the packed
//! dictionary indices.
//!
//! In pseudo-code, for each wanted row:
//!
//! ```text
//! while the row that begins next is before the wanted one:
//!     advance by a run of equal levels, and count its numbers as numbers to skip
//! take the level that begins the row: a null, an empty list or a first number
//! while runs of levels go on with the row: advance, and count its numbers as due
//! skip the numbers to skip, then read the numbers that are due
//! ```
//!
//! Only what token columns are made of is read here: one list of plain numbers, in dictionary or plain encoding.
//! Whatever else a page has, nulls among the numbers included, gives nothing. The rows are then read by the `parquet`
//! crate's own decoder, which also says what is wrong with bad bytes.

mod levels;
mod page_cursor;
mod plain;
mod reader;

use arrow::array::OffsetSizeTrait;
use arrow::datatypes::{
    DataType, FieldRef, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use parquet::basic::Type as Physical;
use parquet::column::page::PageReader;
use parquet::file::metadata::ColumnChunkMetaData;

pub(super) use self::levels::ListLevels;
pub(super) use self::reader::Lists;

use self::reader::ListReader;
use crate::exec::memory::UnpackLimit;

/// Returns a reader of the lists of a column chunk, if they are of plain numbers.
pub(super) fn open(
    data_type: &DataType,
    levels: ListLevels,
    chunk: &ColumnChunkMetaData,
    rows: usize,
    pages: Box<dyn PageReader>,
    most: UnpackLimit,
) -> Option<Box<dyn Lists>> {
    match data_type {
        DataType::List(item) => open_items::<i32>(item, levels, chunk, rows, pages, most),
        DataType::LargeList(item) => open_items::<i64>(item, levels, chunk, rows, pages, most),
        _ => None,
    }
}

fn open_items<O: OffsetSizeTrait>(
    item: &FieldRef,
    levels: ListLevels,
    chunk: &ColumnChunkMetaData,
    rows: usize,
    pages: Box<dyn PageReader>,
    most: UnpackLimit,
) -> Option<Box<dyn Lists>> {
    macro_rules! choose {
        ($($data_type:ident, $physical:ident, $arrow:ty;)*) => {
            match (item.data_type(), chunk.column_type()) {
                $((DataType::$data_type, Physical::$physical) => {
                    Some(Box::new(ListReader::<O, $arrow>::new(item.clone(), levels, chunk, rows, pages, most)))
                })*
                _ => None,
            }
        };
    }
    choose! {
        UInt8, INT32, UInt8Type;
        Int8, INT32, Int8Type;
        UInt16, INT32, UInt16Type;
        Int16, INT32, Int16Type;
        UInt32, INT32, UInt32Type;
        Int32, INT32, Int32Type;
        UInt64, INT64, UInt64Type;
        Int64, INT64, Int64Type;
        Float32, FLOAT, Float32Type;
        Float64, DOUBLE, Float64Type;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Array, ArrayRef, ListArray};
    use arrow::compute::cast;
    use arrow::datatypes::Field;
    use bytes::Bytes;
    use parquet::arrow::ArrowWriter;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::file::serialized_reader::SerializedPageReader;

    use super::*;

    /// Lists of a type, as they are written, and what a reader of them gives if they are opened as another type.
    fn read(item: &DataType, large: bool, opened_as: &DataType) -> (ArrayRef, Option<ArrayRef>) {
        let lists = (0..40).map(|row| (row % 4 != 1).then(|| (0..row % 3).map(move |n| Some(row + n))));
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(lists);
        let field = Arc::new(Field::new("item", item.clone(), true));
        let written_as = if large { DataType::LargeList(field) } else { DataType::List(field) };
        let lists = cast(&lists, &written_as).unwrap();
        let table = arrow::array::RecordBatch::try_from_iter([("l", lists.clone())]).unwrap();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, table.schema(), None).unwrap();
        writer.write(&table).unwrap();
        writer.close().unwrap();
        let bytes = Bytes::from(bytes);
        let file = SerializedFileReader::new(bytes.clone()).unwrap();
        let chunk = file.metadata().row_group(0).column(0);
        let root = file.metadata().file_metadata().schema_descr().get_column_root(0);
        let levels = ListLevels::of(root).unwrap();
        let pages = SerializedPageReader::new(Arc::new(bytes), chunk, 40, None).unwrap();
        let reader = open(opened_as, levels, chunk, 40, Box::new(pages), UnpackLimit::default());
        (lists, reader.map(|mut reader| reader.take(&(0..40).collect::<Vec<_>>()).unwrap().unwrap()))
    }

    #[test]
    fn lists_of_plain_numbers_are_read_and_no_others() {
        let plain = [
            DataType::UInt8,
            DataType::Int8,
            DataType::UInt16,
            DataType::Int16,
            DataType::UInt32,
            DataType::Int32,
            DataType::UInt64,
            DataType::Int64,
            DataType::Float32,
            DataType::Float64,
        ];
        for (item, large) in plain.iter().flat_map(|item| [(item, false), (item, true)]) {
            let (written, _) = read(item, large, &DataType::Null);
            let (_, found) = read(item, large, written.data_type());
            assert_eq!(found.unwrap().as_ref(), written.as_ref(), "{item}, {large}");
        }
        for item in [DataType::Utf8, DataType::Date32, DataType::Decimal128(9, 0)] {
            let (written, _) = read(&item, false, &DataType::Null);
            assert!(read(&item, false, written.data_type()).1.is_none(), "{item}");
        }
        // Of a type that Parquet stores otherwise, and of no list, there is no reader.
        let list = |item: DataType| DataType::List(Arc::new(Field::new("item", item, true)));
        for opened_as in
            [DataType::Int32, list(DataType::Int64), list(DataType::Float32), list(DataType::Null)]
        {
            assert!(read(&DataType::Int32, false, &opened_as).1.is_none(), "{opened_as}");
        }
    }
}
