//! Values in the type that columns of several types have in common ([`common_field`](super::unify::common_field)).

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanBufferBuilder, FixedSizeListArray, GenericListArray, OffsetSizeTrait,
    StructArray, make_array, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, FieldRef, Fields};
use arrow::error::ArrowError;

/// The same values in a type that holds them.
///
/// # Errors
/// A value that the type does not hold as it is.
pub(crate) fn widen(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    match (array.data_type(), to) {
        (from, to) if from == to => Ok(array.clone()),
        (DataType::Null, _) => Ok(new_null_array(to, array.len())),
        (DataType::List(_), DataType::List(item)) => list::<i32, i32>(array.as_list(), item),
        (DataType::List(_), DataType::LargeList(item)) => list::<i32, i64>(array.as_list(), item),
        (DataType::LargeList(_), DataType::LargeList(item)) => list::<i64, i64>(array.as_list(), item),
        (DataType::FixedSizeList(_, own), DataType::FixedSizeList(item, length)) if own == length => {
            let list = array.as_fixed_size_list();
            let size = usize::try_from(*length).map_err(|e| ArrowError::CastError(e.to_string()))?;
            let hidden = list.nulls().filter(|_| size > 0).map(|nulls| nulls.expand(size));
            let values = widen(&shown(list.values(), hidden.as_ref())?, item.data_type())?;
            let made = FixedSizeListArray::try_new_with_length(
                item.clone(),
                *length,
                values,
                list.nulls().cloned(),
                list.len(),
            );
            Ok(Arc::new(made?))
        }
        (DataType::Struct(_), DataType::Struct(fields)) => group(array.as_struct(), fields),
        _ => plain(array, to),
    }
}

/// Values of which those are null that lie under a null: nobody sees whether they have a place in another type.
fn shown(values: &ArrayRef, nulls: Option<&NullBuffer>) -> Result<ArrayRef, ArrowError> {
    if nulls.is_none() || values.data_type().is_null() {
        return Ok(values.clone());
    }
    let data = values.to_data();
    let nulls = NullBuffer::union(nulls, data.nulls());
    Ok(make_array(data.into_builder().nulls(nulls).build()?))
}

fn list<O: OffsetSizeTrait, P: OffsetSizeTrait>(
    lists: &GenericListArray<O>,
    item: &FieldRef,
) -> Result<ArrayRef, ArrowError> {
    let first = lists.value_offsets().first().map_or(0, |offset| offset.as_usize()); // Proof: no lists have no items.
    let last = lists.value_offsets().last().map_or(first, |offset| offset.as_usize()); // Proof: as above.
    let values = shown_items(lists, &lists.values().slice(first, last - first))?;
    let values = widen(&values, item.data_type())?;
    let moved = |offset: &O| {
        let moved = P::from_usize(offset.as_usize() - first);
        moved.ok_or_else(|| ArrowError::OffsetOverflowError(offset.as_usize()))
    };
    let offsets: Vec<P> = lists.value_offsets().iter().map(moved).collect::<Result<_, _>>()?;
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Ok(Arc::new(GenericListArray::<P>::try_new(item.clone(), offsets, values, lists.nulls().cloned())?))
}

/// The items of lists, of which those are null that lie in a null list.
fn shown_items<O: OffsetSizeTrait>(
    lists: &GenericListArray<O>,
    items: &ArrayRef,
) -> Result<ArrayRef, ArrowError> {
    let Some(nulls) = lists.nulls().filter(|nulls| nulls.null_count() > 0) else { return Ok(items.clone()) }; // Proof: no list is null.
    let mut valid = BooleanBufferBuilder::new(items.len());
    for (row, length) in lists.offsets().lengths().enumerate() {
        valid.append_n(length, nulls.is_valid(row));
    }
    shown(items, Some(&NullBuffer::new(valid.finish())))
}

/// Fields that have the name of a wanted one, or, of names that are there twice, its place; null where there is none. Each
/// field has its place.
fn group(group: &StructArray, fields: &Fields) -> Result<ArrayRef, ArrowError> {
    let mut columns = Vec::with_capacity(fields.len());
    let mut found = 0;
    for (place, field) in fields.iter().enumerate() {
        let by_place = group.fields().get(place).filter(|own| own.name() == field.name());
        let place =
            by_place.map(|_| place).or_else(|| group.fields().find(field.name()).map(|found| found.0));
        let Some(own) = place.and_then(|place| group.columns().get(place)) else {
            columns.push(new_null_array(field.data_type(), group.len())); // Proof: other parts alone have it.
            continue;
        };
        columns.push(widen(&shown(own, group.nulls())?, field.data_type())?);
        found += 1;
    }
    if found != group.columns().len() {
        return Err(ArrowError::SchemaError(format!(
            "{found} of {} fields have a place",
            group.columns().len()
        )));
    }
    let nulls = group.nulls().cloned();
    Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), columns, nulls, group.len())?))
}

fn plain(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    let strictly = CastOptions { safe: false, ..CastOptions::default() };
    let made = cast_with_options(array, to, &strictly)?;
    let from = array.data_type();
    // What comes back as it was is held as it is.
    if (from.is_integer() && to.is_floating()) || is_decimal(from) {
        let back = cast_with_options(&made, from, &CastOptions { safe: true, ..CastOptions::default() })?;
        if *back != **array {
            return Err(ArrowError::CastError(format!("{to} does not hold it exactly")));
        }
    }
    Ok(made)
}

fn is_decimal(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Decimal128(..) | DataType::Decimal256(..))
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        Decimal128Array, Float64Array, Int8Array, Int64Array, ListArray, StringArray, TimestampSecondArray,
        UInt64Array,
    };
    use arrow::datatypes::{Field, TimeUnit};

    use super::*;

    fn widened(array: impl Array + 'static, to: &DataType) -> Result<ArrayRef, ArrowError> {
        let found = widen(&(Arc::new(array) as ArrayRef), to)?;
        assert_eq!(found.data_type(), to);
        Ok(found)
    }

    #[test]
    fn a_value_that_is_not_held_exactly_is_an_error() {
        let exact = 1i64 << 53;
        let floats = widened(Int64Array::from(vec![exact, -exact, i64::MIN]), &DataType::Float64).unwrap();
        assert_eq!(*floats, Float64Array::from(vec![2f64.powi(53), -(2f64.powi(53)), -(2f64.powi(63))]));
        for wrong in [exact + 1, -exact - 1, i64::MAX] {
            assert!(widened(Int64Array::from(vec![0, wrong]), &DataType::Float64).is_err(), "{wrong}");
        }
        for wrong in [u64::MAX, (1 << 53) + 1] {
            assert!(widened(UInt64Array::from(vec![wrong]), &DataType::Float64).is_err(), "{wrong}");
        }
        let fine = DataType::Timestamp(TimeUnit::Nanosecond, None);
        assert!(widened(TimestampSecondArray::from(vec![i64::MAX]), &fine).is_err());
        assert!(widened(TimestampSecondArray::from(vec![9_223_372_036]), &fine).is_ok());
        // More digits than its own type says.
        let wide = Decimal128Array::from(vec![i128::MAX]).with_precision_and_scale(5, 0).unwrap();
        assert!(widened(wide, &DataType::Decimal128(38, 33)).is_err());
    }

    #[test]
    fn cut_lists_keep_their_own_items_alone() {
        let item = |data_type| Arc::new(Field::new("item", data_type, true));
        let values: ArrayRef = Arc::new(Int64Array::from(vec![i64::MAX, 1, 2, i64::MAX]));
        let offsets = OffsetBuffer::from_lengths([1, 2, 0, 1]);
        let lists = ListArray::new(item(DataType::Int64), offsets, values, None).slice(1, 2);
        let found = widened(lists, &DataType::LargeList(item(DataType::Float64))).unwrap();
        let found = found.as_list::<i64>();
        assert_eq!(found.value_offsets(), [0, 2, 2]);
        assert_eq!(**found.values(), Float64Array::from(vec![1.0, 2.0]));
    }

    #[test]
    fn fields_are_found_by_their_names() {
        let field = |name: &str, data_type| Arc::new(Field::new(name, data_type, true));
        let columns: Vec<(FieldRef, ArrayRef)> = vec![
            (field("a", DataType::Int8), Arc::new(Int8Array::from(vec![1]))),
            (field("b", DataType::Utf8), Arc::new(StringArray::from(vec!["x"]))),
        ];
        let group: StructArray = columns.into();
        let to = DataType::Struct(vec![field("b", DataType::LargeUtf8), field("a", DataType::Int64)].into());
        let found = widened(group.clone(), &to).unwrap();
        assert_eq!(found.as_struct().column(0).as_string::<i64>().value(0), "x");
        assert_eq!(**found.as_struct().column(1), Int64Array::from(vec![1]));
        let other = DataType::Struct(vec![field("c", DataType::Int8)].into());
        assert!(widened(group, &other).is_err());
    }
}
