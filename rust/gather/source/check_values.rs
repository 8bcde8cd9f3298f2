//! Texts and times out of the bytes that they are stored as, and small numbers out of 32 bits, row by row.
//!
//! A decoder of texts refuses all rows of a batch for the bytes of one, and those of INT96 and of numbers wrap around. Here the wanted
//! rows alone are looked at, and the row that cannot be read is named.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, FixedSizeListArray, GenericBinaryArray, GenericListArray,
    GenericStringArray, Int64Array, OffsetSizeTrait, PrimitiveArray, RecordBatchOptions, StringViewArray,
    StructArray, make_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, FieldRef, Fields, Int8Type, Int16Type, Int32Type, Schema, TimeUnit, UInt8Type, UInt16Type,
};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use crate::checked;
use crate::error::{At, Error, Result};

/// Bytes of a time stored as INT96: the nanoseconds of a day, and the day by Julian reckoning.
pub(crate) const INT96_BYTES: i32 = 12;
/// The day 1970-01-01 in it.
const EPOCH_DAY: i128 = 2_440_588;
const DAY_NANOSECONDS: i128 = 86_400_000_000_000;

/// Why a column is not what it should be.
enum InvalidValue {
    /// What is wrong with the value of a row.
    Value(usize, String),
    Other(ArrowError),
}

impl From<ArrowError> for InvalidValue {
    fn from(error: ArrowError) -> Self {
        Self::Other(error)
    }
}

/// The type whose values are those of a type, with bytes in place of texts.
pub(crate) fn without_texts(data_type: &DataType) -> DataType {
    let inner = |field: &FieldRef| without_texts_in(field);
    match data_type {
        DataType::Utf8 => DataType::Binary,
        DataType::LargeUtf8 => DataType::LargeBinary,
        DataType::Utf8View => DataType::BinaryView,
        DataType::List(item) => DataType::List(inner(item)),
        DataType::LargeList(item) => DataType::LargeList(inner(item)),
        DataType::ListView(item) => DataType::ListView(inner(item)),
        DataType::LargeListView(item) => DataType::LargeListView(inner(item)),
        DataType::FixedSizeList(item, length) => DataType::FixedSizeList(inner(item), *length),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inner).collect()),
        DataType::Map(entries, sorted) => DataType::Map(inner(entries), *sorted),
        DataType::RunEndEncoded(ends, values) => DataType::RunEndEncoded(ends.clone(), inner(values)),
        DataType::Dictionary(keys, values) => {
            DataType::Dictionary(keys.clone(), Box::new(without_texts(values)))
        }
        plain => plain.clone(),
    }
}

pub(crate) fn without_texts_in(field: &FieldRef) -> FieldRef {
    let data_type = without_texts(field.data_type());
    if &data_type == field.data_type() {
        return field.clone();
    }
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}

/// A batch in the types of a schema, but for dictionaries, which become their values. `row_of` tells the row of the
/// file for each of its own.
pub(crate) fn checked_batch(
    path: &Path,
    schema: &Schema,
    batch: &RecordBatch,
    row_of: impl Fn(usize) -> Option<u64>,
) -> Result<RecordBatch> {
    let mut fields = Vec::with_capacity(batch.num_columns());
    let mut columns = Vec::with_capacity(batch.num_columns());
    for (field, column) in checked::zip(schema.fields(), batch.columns())? {
        let column = checked(column, field.data_type()).map_err(|wrong| match wrong {
            InvalidValue::Value(row, what) => {
                let row = row_of(row).map_or_else(String::new, |row| format!(", row {row}"));
                Error::format(path, At::Field(format!("column {:?}{row}", field.name())), what)
            }
            InvalidValue::Other(error) => Error::Internal(format!("{}: {error}", path.display())),
        })?;
        fields.push(field.as_ref().clone().with_data_type(column.data_type().clone()));
        columns.push(column);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let schema = Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()));
    RecordBatch::try_new_with_options(schema, columns, &options).map_err(|e| Error::Internal(e.to_string()))
}

fn checked(column: &ArrayRef, wanted: &DataType) -> Result<ArrayRef, InvalidValue> {
    match (column.data_type(), wanted) {
        (_, DataType::Dictionary(_, values)) => checked(column, values),
        (DataType::Dictionary(_, values), _) => checked(&cast(column, values)?, wanted),
        (DataType::Binary, DataType::Utf8) => texts(column.as_binary::<i32>()),
        (DataType::LargeBinary, DataType::LargeUtf8) => texts(column.as_binary::<i64>()),
        (DataType::BinaryView, DataType::Utf8View) => {
            let rows = column.as_binary_view().iter().enumerate();
            let texts = rows.map(|(row, bytes)| bytes.map(|bytes| text(row, bytes)).transpose());
            Ok(Arc::new(texts.collect::<Result<StringViewArray, _>>()?))
        }
        (DataType::FixedSizeBinary(INT96_BYTES), DataType::Timestamp(unit, _)) => {
            Ok(cast(&times(column, *unit)?, wanted)?)
        }
        (DataType::Int32, DataType::Int8) => numbers::<Int8Type>(column),
        (DataType::Int32, DataType::Int16) => numbers::<Int16Type>(column),
        (DataType::Int32, DataType::UInt8) => numbers::<UInt8Type>(column),
        (DataType::Int32, DataType::UInt16) => numbers::<UInt16Type>(column),
        (DataType::ListView(item), _) => checked(&cast(column, &DataType::List(item.clone()))?, wanted),
        (DataType::LargeListView(item), _) => {
            checked(&cast(column, &DataType::LargeList(item.clone()))?, wanted)
        }
        (DataType::List(_), DataType::List(item) | DataType::ListView(item)) => {
            items(column.as_list::<i32>(), item)
        }
        (DataType::LargeList(_), DataType::LargeList(item) | DataType::LargeListView(item)) => {
            items(column.as_list::<i64>(), item)
        }
        (DataType::FixedSizeList(..), DataType::FixedSizeList(item, _)) => {
            fixed_items(column.as_fixed_size_list(), item)
        }
        (DataType::Struct(_), DataType::Struct(fields)) => members(column.as_struct(), fields),
        _ => Ok(column.clone()),
    }
}

fn text(row: usize, bytes: &[u8]) -> Result<&str, InvalidValue> {
    std::str::from_utf8(bytes).map_err(|error| {
        // Proof: a part of the message.
        let shown = bytes.get(error.valid_up_to()..).unwrap_or_default();
        let shown = shown.get(..8).unwrap_or(shown).escape_ascii(); // Proof: as above.
        let at = error.valid_up_to();
        InvalidValue::Value(row, format!(
            "the text of {} bytes is not UTF-8: b\"{shown}\" stands at its byte {at}; select other rows, leave the column out with columns=, or mend the file",
            bytes.len()
        ))
    })
}

fn texts<O: OffsetSizeTrait>(column: &GenericBinaryArray<O>) -> Result<ArrayRef, InvalidValue> {
    let rows = column.iter().enumerate();
    let texts = rows.map(|(row, bytes)| bytes.map(|bytes| text(row, bytes)).transpose());
    Ok(Arc::new(texts.collect::<Result<GenericStringArray<O>, _>>()?))
}

/// INT96 times in a unit, from the epoch on.
fn times(column: &ArrayRef, unit: TimeUnit) -> Result<Int64Array, InvalidValue> {
    let rows = column.as_fixed_size_binary().iter().enumerate();
    rows.map(|(row, bytes)| bytes.map(|bytes| time(row, bytes, unit)).transpose()).collect()
}

fn time(row: usize, bytes: &[u8], unit: TimeUnit) -> Result<i64, InvalidValue> {
    // Proof: both parts or none.
    let parts = bytes.split_first_chunk::<8>().zip(bytes.last_chunk::<4>());
    let Some(((&nanoseconds, _), &day)) = parts.filter(|_| bytes.len() == 12) else {
        return Err(InvalidValue::Value(
            row,
            format!("a time of {} bytes stands where 12 are due", bytes.len()),
        ));
    };
    let nanoseconds = i64::from_le_bytes(nanoseconds);
    let day = i128::from(i32::from_le_bytes(day)) - EPOCH_DAY;
    let (scale, name) = match unit {
        TimeUnit::Second => (1_000_000_000, "s"),
        TimeUnit::Millisecond => (1_000_000, "ms"),
        TimeUnit::Microsecond => (1_000, "us"),
        TimeUnit::Nanosecond => (1, "ns"),
    };
    let time = (day * DAY_NANOSECONDS + i128::from(nanoseconds)).div_euclid(scale);
    i64::try_from(time).map_err(|_| {
        InvalidValue::Value(row, format!(
            "the INT96 time of day {day} since 1970-01-01 is outside of what timestamp[{name}] holds (for ns the years 1677 to 2262); select other rows, leave the column out with columns=, or write the file again with timestamps of microseconds"
        ))
    })
}

/// Numbers of fewer bits than they are stored with.
fn numbers<T: ArrowPrimitiveType<Native: TryFrom<i32>>>(column: &ArrayRef) -> Result<ArrayRef, InvalidValue> {
    let rows = column.as_primitive::<Int32Type>().iter().enumerate();
    let numbers = rows.map(|(row, stored)| {
        let Some(stored) = stored else { return Ok(None) }; // Proof: a null stays one.
        T::Native::try_from(stored).map(Some).map_err(|_| {
            InvalidValue::Value(row, format!(
                "the number {stored} is stored where numbers are {}; select other rows, leave the column out with columns=, or write the file again with a wider type",
                T::DATA_TYPE
            ))
        })
    });
    Ok(Arc::new(numbers.collect::<Result<PrimitiveArray<T>, _>>()?))
}

fn items<O: OffsetSizeTrait>(list: &GenericListArray<O>, item: &FieldRef) -> Result<ArrayRef, InvalidValue> {
    let offsets = list.value_offsets();
    // Proof: there is one offset more than rows.
    let [start, end] = [offsets.first(), offsets.last()].map(|offset| offset.map_or(0, |it| it.as_usize()));
    let values = list.values().slice(start, end - start);
    let values = checked(&values, item.data_type()).map_err(|wrong| match wrong {
        InvalidValue::Value(value, what) => {
            let after = offsets.partition_point(|offset| offset.as_usize() <= start + value);
            InvalidValue::Value(after.saturating_sub(1), what) // Proof: the first offset is not behind any value.
        }
        other @ InvalidValue::Other(_) => other,
    })?;
    let offsets = OffsetBuffer::from_lengths(offsets.windows(2).map(|pair| match pair {
        [start, end] => end.as_usize() - start.as_usize(),
        _ => 0,
    }));
    let item = Arc::new(item.as_ref().clone().with_data_type(values.data_type().clone()));
    Ok(Arc::new(GenericListArray::<O>::try_new(item, offsets, values, list.nulls().cloned())?))
}

fn fixed_items(list: &FixedSizeListArray, item: &FieldRef) -> Result<ArrayRef, InvalidValue> {
    let length = usize::try_from(list.value_length()).unwrap_or(0); // Proof: no array has a length below zero.
    let hidden = list.nulls().map(|nulls| nulls.expand(length));
    let values = checked(&under(list.values(), hidden.as_ref())?, item.data_type());
    let values = values.map_err(|wrong| match wrong {
        InvalidValue::Value(value, what) => InvalidValue::Value(value / length.max(1), what),
        other @ InvalidValue::Other(_) => other,
    })?;
    let item = Arc::new(item.as_ref().clone().with_data_type(values.data_type().clone()));
    let (size, nulls) = (list.value_length(), list.nulls().cloned());
    let list = FixedSizeListArray::try_new_with_length(item, size, values, nulls, list.len())?;
    Ok(Arc::new(list))
}

fn members(group: &StructArray, fields: &Fields) -> Result<ArrayRef, InvalidValue> {
    let mut columns = Vec::with_capacity(fields.len());
    let mut found = Vec::with_capacity(fields.len());
    if fields.len() != group.num_columns() {
        let message = format!("{} members are there and {} must be", group.num_columns(), fields.len());
        return Err(ArrowError::SchemaError(message).into());
    }
    // Proof: as many, which was just compared.
    for (field, column) in fields.iter().zip(group.columns()) {
        let column = checked(&under(column, group.nulls())?, field.data_type())?;
        found.push(field.as_ref().clone().with_data_type(column.data_type().clone()));
        columns.push(column);
    }
    let nulls = group.nulls().cloned();
    Ok(Arc::new(StructArray::try_new_with_length(found.into(), columns, nulls, group.len())?))
}

/// A column that is null wherever what it is in is: nobody reads what stands there.
fn under(column: &ArrayRef, hidden: Option<&NullBuffer>) -> Result<ArrayRef, InvalidValue> {
    let hidden = hidden.filter(|nulls| nulls.null_count() > 0);
    if hidden.is_none() || without_texts(column.data_type()) == DataType::Null {
        return Ok(column.clone());
    }
    let nulls = NullBuffer::union(column.nulls(), hidden);
    Ok(make_array(column.to_data().into_builder().nulls(nulls).build()?))
}
