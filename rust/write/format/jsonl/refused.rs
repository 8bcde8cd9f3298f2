//! Values that JSON has no form for, or that readers of JSON lose.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Float16Type, Float32Type, Float64Type, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt64Type,
};

const NOT_FINITE: &str = "NaN or an infinity, and JSON has neither";
const TOO_LARGE: &str =
    "a whole number of 2^63 or more, of which readers of JSON (pyarrow, datasets) make a rounded float";
const NO_YEAR: &str = "a time outside of the years 1 to 9999, which readers of JSON do not take for one";
/// Seconds from 1970 to the first of year 1, and to the end of year 9999.
const SECONDS: Range<i64> = -62_135_596_800..253_402_300_800;
const SECONDS_OF_A_DAY: i64 = 86_400;

/// The first row with a value that cannot be written, and what is wrong with it.
pub(super) fn refused_in(column: &ArrayRef) -> Option<(usize, &'static str)> {
    if !may_refuse(column) {
        return None;
    }
    // Values that no row shows, under nulls or between lists, are refused to nobody.
    (0..column.len()).find_map(|row| Some((row, refused_at(column, row)?)))
}

/// Whether any value is refused, those that no row shows among them.
fn may_refuse(array: &ArrayRef) -> bool {
    match array.data_type() {
        DataType::Struct(_) => array.as_struct().columns().iter().any(may_refuse),
        DataType::List(_) => may_refuse(array.as_list::<i32>().values()),
        DataType::LargeList(_) => may_refuse(array.as_list::<i64>().values()),
        DataType::FixedSizeList(..) => may_refuse(array.as_fixed_size_list().values()),
        _ => leaf_refuses(array, 0..array.len()).is_some(),
    }
}

/// What is wrong with a value, or with one within it.
fn refused_at(array: &ArrayRef, at: usize) -> Option<&'static str> {
    if array.is_null(at) {
        return None;
    }
    let within =
        |values: &ArrayRef, range: Range<usize>| range.into_iter().find_map(|at| refused_at(values, at));
    match array.data_type() {
        DataType::Struct(_) => array.as_struct().columns().iter().find_map(|field| refused_at(field, at)),
        DataType::List(_) => {
            let item = array.as_list::<i32>().value(at);
            within(&item, 0..item.len())
        }
        DataType::LargeList(_) => {
            let item = array.as_list::<i64>().value(at);
            within(&item, 0..item.len())
        }
        DataType::FixedSizeList(..) => {
            let item = array.as_fixed_size_list().value(at);
            within(&item, 0..item.len())
        }
        _ => leaf_refuses(array, at..at + 1),
    }
}

/// What is wrong with one of some values, whether or not they are null.
fn leaf_refuses(array: &ArrayRef, range: Range<usize>) -> Option<&'static str> {
    match array.data_type() {
        DataType::Float16 => any::<Float16Type>(array, range, |value| !value.is_finite(), NOT_FINITE),
        DataType::Float32 => any::<Float32Type>(array, range, |value| !value.is_finite(), NOT_FINITE),
        DataType::Float64 => any::<Float64Type>(array, range, |value| !value.is_finite(), NOT_FINITE),
        DataType::UInt64 => {
            any::<UInt64Type>(array, range, |value| value > i64::MAX.unsigned_abs(), TOO_LARGE)
        }
        DataType::Date32 => any::<Date32Type>(
            array,
            range,
            |days| !SECONDS.contains(&(i64::from(days) * SECONDS_OF_A_DAY)),
            NO_YEAR,
        ),
        DataType::Timestamp(unit, _) => {
            let out = |per_second: i64| move |value: i64| !SECONDS.contains(&value.div_euclid(per_second));
            match unit {
                TimeUnit::Second => any::<TimestampSecondType>(array, range, out(1), NO_YEAR),
                TimeUnit::Millisecond => any::<TimestampMillisecondType>(array, range, out(1_000), NO_YEAR),
                TimeUnit::Microsecond => {
                    any::<TimestampMicrosecondType>(array, range, out(1_000_000), NO_YEAR)
                }
                TimeUnit::Nanosecond => {
                    any::<TimestampNanosecondType>(array, range, out(1_000_000_000), NO_YEAR)
                }
            }
        }
        _ => None,
    }
}

fn any<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    range: Range<usize>,
    is_wrong: impl Fn(T::Native) -> bool,
    why: &'static str,
) -> Option<&'static str> {
    let values: &PrimitiveArray<T> = array.as_primitive();
    values.values().get(range)?.iter().any(|&value| is_wrong(value)).then_some(why)
}
