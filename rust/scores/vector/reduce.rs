//! Values that are made of several stored ones each: a row of a matrix as one number.
//!
//! Whatever way a matrix lies, a row is looked at as a run of values in the order of its columns, so that sums are
//! the same: where rows lie as runs, there, else a few rows at once are copied column by column.

use std::cmp::Ordering;
use std::ops::Range;

use super::copy::copy_values;
use super::part::{Part, Reduced};
use crate::checked::{self, impossible};
use crate::error::Result;
use crate::exec::job::check_here;
use crate::scores::dtype::Value;
use crate::scores::float::ToFloat;
use crate::scores::options::Reduce;
use crate::with_dtype;

/// Stored values that are looked at at once.
const AT_ONCE: u64 = 1 << 16;

/// Writes the values `rows` of a part into `into`, contiguous and in this machine's byte order.
pub(crate) fn read_values(part: &Part, rows: &Range<u64>, into: &mut [u8]) -> Result<()> {
    let Some(reduced) = &part.reduced else {
        return copy_values(part, rows, into); // Proof: each value is one that is stored.
    };
    let bytes = checked::mul(checked::len(rows)?, part.dtype.size())?;
    checked::equal("bytes of room for values", into.len(), bytes)?;
    with_dtype!(reduced.of, T => match reduced.how {
        Reduce::Mean => {
            #[allow(clippy::cast_precision_loss)] // numbers of columns are below 2^53
            let width = reduced.width as f64;
            by_rows::<T, f64>(part, reduced, rows, into, |row| Some(sum(row)? / width))
        }
        Reduce::Sum => by_rows::<T, f64>(part, reduced, rows, into, sum),
        Reduce::Max => by_rows::<T, T>(part, reduced, rows, into, |row| outermost(row, Ordering::Greater)),
        Reduce::Min => by_rows::<T, T>(part, reduced, rows, into, |row| outermost(row, Ordering::Less)),
    })
}

/// The sum in float64, from the first to the last.
fn sum<T: ToFloat>(row: &[T]) -> Option<f64> {
    let (first, rest) = row.split_first()?;
    Some(rest.iter().fold(first.to_f64(), |sum, value| sum + value.to_f64()))
}

/// The largest or the smallest, the first of equals; NaN if there is one.
fn outermost<T: Value>(row: &[T], further: Ordering) -> Option<T> {
    let (first, rest) = row.split_first()?;
    let is_nan = |value: &T| value.partial_cmp(value).is_none();
    Some(rest.iter().fold(*first, |best, value| match value.partial_cmp(&best) {
        Some(order) if order == further => *value,
        None if !is_nan(&best) => *value,
        _ => best,
    }))
}

/// Calls `of_row` with the stored values of each row, and writes what it gives.
fn by_rows<T: Value, O: bytemuck::Pod>(
    part: &Part,
    reduced: &Reduced,
    rows: &Range<u64>,
    into: &mut [u8],
    of_row: impl Fn(&[T]) -> Option<O>,
) -> Result<()> {
    let width = checked::index(reduced.width)?;
    let write = |into: &mut [u8], values: &[T]| {
        let rows = values.chunks_exact(width.max(1));
        for (into, row) in checked::zip(into.chunks_exact_mut(size_of::<O>()), rows)? {
            let value = of_row(row).ok_or_else(|| impossible("a row without values"))?;
            into.copy_from_slice(bytemuck::bytes_of(&value));
        }
        check_here()
    };
    let count = (AT_ONCE / reduced.width.max(1)).max(1);
    let (mut copied, mut row) = (Vec::new(), rows.start);
    for into in into.chunks_mut(checked::mul(checked::index(count)?, size_of::<O>())?) {
        let here = row..checked::add(row, (into.len() / size_of::<O>()) as u64)?;
        row = here.end;
        let run = as_run(part, reduced)?;
        let within = checked::mul(here.start, reduced.width)?..checked::mul(here.end, reduced.width)?;
        let there = run.as_ref().and_then(|run| run.borrow(&within));
        if let Some(values) = there.and_then(T::values) {
            write(into, values)?;
            continue;
        }
        copied.resize(checked::len(&within)?, T::zeroed());
        match run {
            Some(run) => copy_values(&run, &within, bytemuck::cast_slice_mut(&mut copied))?,
            None => copy_columns(part, reduced, &here, &mut copied)?,
        }
        write(into, &copied)?;
    }
    checked::equal("rows that were read", row, rows.end)
}

/// All stored values as one run, if the rows lie one behind the other with nothing between.
fn as_run(part: &Part, reduced: &Reduced) -> Result<Option<Part>> {
    let rows_touch = part.stride == reduced.width || part.len == 1;
    if !rows_touch || (reduced.step != 1 && reduced.width != 1) {
        return Ok(None);
    }
    let len = checked::mul(part.len, reduced.width)?;
    Ok(Some(Part { stride: 1, len, dtype: reduced.of, reduced: None, ..part.clone() }))
}

/// Copies the stored values of some rows, row by row, from where their columns lie.
fn copy_columns<T: Value>(part: &Part, reduced: &Reduced, rows: &Range<u64>, into: &mut [T]) -> Result<()> {
    let (width, len) = (checked::index(reduced.width)?, checked::len(rows)?);
    let mut values = vec![T::zeroed(); len];
    for number in 0..reduced.width {
        let column = part.column(reduced, number);
        let column = column.ok_or_else(|| impossible("a column lies outside its storage"))?;
        copy_values(&column, rows, bytemuck::cast_slice_mut(&mut values))?;
        let places = into.iter_mut().skip(checked::index(number)?).step_by(width);
        checked::zip(places, &values)?.for_each(|(place, value)| *place = *value);
    }
    Ok(())
}
