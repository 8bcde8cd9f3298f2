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
