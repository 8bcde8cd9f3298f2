//! Rows in the types that they are wanted in.

use std::path::Path;

use arrow::array::{Array, ArrayData, ArrayRef, RecordBatchOptions, make_array};
use arrow::buffer::Buffer;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, FieldRef, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::catch_panic::guard;

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// A batch in the types of a schema.
pub(crate) fn canonical(schema: &SchemaRef, path: &Path, batch: &RecordBatch) -> Result<RecordBatch> {
    let convert = |(field, column): (&FieldRef, &ArrayRef)| {
        let at = At::Field(format!("column {:?}", field.name()));
        let to = field.data_type();
        let converted = guard(path, &at, "converting", || Ok::<_, ArrowError>(cast_strictly(column, to)))?;
        converted.map_err(|e| {
            let message = format!("a value cannot be written as {to}: {e}; leave the column out, or its row");
            Error::schema(path, at, message)
        })
    };
    let columns = checked::zip(schema.fields(), batch.columns())?.map(convert).collect::<Result<_>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    guard(path, &At::File, "converting columns", || {
        RecordBatch::try_new_with_options(schema.clone(), columns, &options)
    })
}

/// Values in another type. What has no place there is an error, and not a null.
pub(super) fn cast_strictly(column: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    let strictly = CastOptions { safe: false, ..CastOptions::default() };
    let whole = if has_parts_of_days(column.data_type(), to) { &whole_days(column)? } else { column };
    cast_with_options(whole, to, &strictly)
}

/// Whether a conversion cuts milliseconds to days.
fn has_parts_of_days(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (DataType::Date64, DataType::Date32) => true,
        (DataType::Struct(from), DataType::Struct(to)) => {
            // Proof: groups of other fields are nothing that is converted: the cast refuses them.
            from.iter().zip(to).any(|(from, to)| has_parts_of_days(from.data_type(), to.data_type()))
        }
        (
            DataType::List(from) | DataType::LargeList(from) | DataType::FixedSizeList(from, _),
            DataType::List(to) | DataType::LargeList(to) | DataType::FixedSizeList(to, _),
        ) => has_parts_of_days(from.data_type(), to.data_type()),
        _ => false,
    }
}

/// The same values with dates cut to whole days: to the one that they are in, before 1970 too, and not to the next.
fn whole_days(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    Ok(make_array(cut_to_days(column.to_data())?))
}

fn cut_to_days(data: ArrayData) -> Result<ArrayData, ArrowError> {
    let buffers = match (data.data_type(), data.buffers()) {
        (DataType::Date64, [values]) => {
            // Proof: what saturates has no place among days either, and is an error there.
            let cut = |value: &i64| value.saturating_sub(value.rem_euclid(DAY));
            vec![Buffer::from_vec(values.typed_data::<i64>().iter().map(cut).collect::<Vec<_>>())]
        }
        (_, buffers) => buffers.to_vec(),
    };
    let children = data.child_data().iter().cloned().map(cut_to_days).collect::<Result<_, _>>()?;
    data.into_builder().buffers(buffers).child_data(children).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use arrow::array::{AsArray, Date64Array, StructArray};
    use arrow::datatypes::{Date32Type, Field, Schema};

    #[test]
    fn a_date_is_the_day_that_it_is_in() {
        let dates: ArrayRef =
            Arc::new(Date64Array::from(vec![Some(-1), None, Some(DAY + 1), Some(-DAY), Some(0)]));
        let field = |data_type| Arc::new(Field::new("d", data_type, true));
        let group: ArrayRef = Arc::new(StructArray::from(vec![(field(DataType::Date64), dates.clone())]));
        let batch = RecordBatch::try_from_iter([("d", dates.slice(0, 5)), ("g", group)]).unwrap();
        let days = DataType::Struct(vec![field(DataType::Date32)].into());
        let schema = Schema::new(vec![Field::new("d", DataType::Date32, true), Field::new("g", days, true)]);
        let found = canonical(&Arc::new(schema), Path::new("a"), &batch.slice(1, 4)).unwrap();
        let expected = [None, Some(1), Some(-1), Some(0)];
        assert_eq!(found.column(0).as_primitive::<Date32Type>().iter().collect::<Vec<_>>(), expected);
        let nested = found.column(1).as_struct().column(0).clone();
        assert_eq!(nested.as_primitive::<Date32Type>().iter().collect::<Vec<_>>(), expected);
        let all = canonical(&found.schema(), Path::new("a"), &batch).unwrap();
        assert_eq!(all.column(0).as_primitive::<Date32Type>().value(0), -1);
    }

    #[test]
    fn a_date_that_has_no_place_is_an_error() {
        let dates: ArrayRef = Arc::new(Date64Array::from(vec![i64::MAX]));
        let batch = RecordBatch::try_from_iter([("d", dates)]).unwrap();
        let schema = Schema::new(vec![Field::new("d", DataType::Date32, true)]);
        let error = canonical(&Arc::new(schema), Path::new("a"), &batch).unwrap_err().to_string();
        assert!(error.contains("column \"d\"") && error.contains("Date32"), "{error}");
    }
}
