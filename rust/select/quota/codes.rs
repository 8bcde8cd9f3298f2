//! The groups of rows by whole numbers: which numbers there are, and the position of each row's among them.
//!
//! ```text
//! window = numbers around that of the first row
//! mark in a table of the window which numbers there are, in parallel; give up at one outside of it
//! number the marked ones from the least to the greatest
//! look up each row's, in parallel
//! ```
//!
//! Numbers of a window need no hashing: ids of domains, clusters and labels lie close to each other. For others there
//! are libraries.

use std::ops::RangeInclusive;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::checked::{self, impossible};
use crate::error::{Error, Result};
use crate::exec::job::{Job, Queue};
use crate::exec::locks::lock;
use crate::exec::memory::reserved;
use crate::scores::{DType, Value, Values};
use crate::select::key::Keyed;
use crate::select::number::Number;
use crate::select::pass::TASK_ROWS;
use crate::with_dtype;

/// How far a number may be from that of the first row, at least and at most: for few rows, a large table does not pay.
const REACH: RangeInclusive<usize> = 1 << 10..=1 << 21;

/// The groups of rows.
#[derive(Debug, PartialEq, Eq)]
pub struct GroupCodes {
    /// The numbers that there are, ascending.
    pub names: Vec<i128>,
    /// For each row, the position of its number among them.
    pub codes: Vec<u32>,
}

/// Returns the groups of rows by the whole number of each, or `None` if two numbers are far apart.
///
/// Memory: 4 bytes a row, and some 20 MB.
///
/// # Errors
///
/// [`Error::Type`] for numbers that are not whole ones by their type.
pub fn group_codes(values: Values<'_>, job: &Job<'_>) -> Result<Option<GroupCodes>> {
    if matches!(values.dtype(), DType::F16 | DType::BF16 | DType::F32 | DType::F64) {
        return Err(Error::Type(format!("groups are {:?}; whole numbers are needed", values.dtype())));
    }
    with_dtype!(values.dtype(), T => {
        codes::<T>(T::values(values).ok_or_else(|| impossible("values of another type than they say"))?, job)
    })
}

fn codes<T: Keyed>(values: &[T], job: &Job<'_>) -> Result<Option<GroupCodes>> {
    let Some(first) = values.first() else {
        return Ok(Some(GroupCodes { names: Vec::new(), codes: Vec::new() })); // Proof: no rows, no groups.
    };
    let window = Window::around(first.key(), values.len());
    let Some(there) = marked(values, window, job)? else { return Ok(None) }; // Proof: some number is outside.
    let mut table = reserved(there.len(), "groups")?;
    let mut names = Vec::new();
    for (place, is_there) in (0_u64..).zip(&there) {
        // Proof: places are counted.
        table.push(checked::to::<u32, _>(names.len())?);
        if is_there.load(Ordering::Relaxed) {
            match T::number_of(checked::add(window.start, place)?) {
                Number::Integer(name) => names.push(name),
                Number::Float(_) => return Err(impossible("a whole number is a float")),
            }
        }
    }
    Ok(Some(GroupCodes { names, codes: looked_up(values, window, &table, job)? }))
}

/// The numbers that the table has a place for.
#[derive(Clone, Copy)]
struct Window {
    start: u64,
    len: usize,
}

impl Window {
    /// Returns the window around a number for so many rows.
    fn around(key: u64, rows: usize) -> Self {
        let reach = rows.clamp(*REACH.start(), *REACH.end());
        let start = key.saturating_sub(reach as u64); // Proof: keys begin with 0.
        // Proof: more than an index are more than the window has. Beyond the largest key the smallest would be met.
        let room = usize::try_from(u64::MAX - start).unwrap_or(usize::MAX).saturating_add(1);
        Self { start, len: room.min(2 * reach) }
    }

    /// Returns the place of a number, which is beyond the table's for one that is outside.
    #[inline(always)]
    fn place<T: Keyed>(self, value: T) -> usize {
        let place = value.key().wrapping_sub(self.start); // Proof: of a smaller number, it is a very large one.
        usize::try_from(place).unwrap_or(usize::MAX) // Proof: as above.
    }
}

/// Returns for each place whether its number is there, and `None` if a number has no place.
fn marked<T: Keyed>(values: &[T], window: Window, job: &Job<'_>) -> Result<Option<Vec<AtomicBool>>> {
    let mut there = reserved(window.len, "groups")?;
    there.resize_with(window.len, AtomicBool::default);
    let is_outside = AtomicBool::new(false);
    let tasks = values.chunks(checked::index(TASK_ROWS)?);
    let queue = Queue::new(tasks.len() as u64);
    job.run_on(tasks.len(), |_, state| {
        while let Some(task) = queue.take() {
            let Some(values) = tasks.clone().nth(checked::index(task)?) else {
                return Err(impossible("there is no such task"));
            };
            for &value in values {
                match there.get(window.place(value)) {
                    // Where all threads write the same place, they wait for each other.
                    Some(there) if !there.load(Ordering::Relaxed) => there.store(true, Ordering::Relaxed),
                    Some(_) => {}
                    None => is_outside.store(true, Ordering::Relaxed),
                }
            }
            if is_outside.load(Ordering::Relaxed) {
                return Ok(());
            }
            state.check()?;
        }
        Ok(())
    })?;
    Ok((!is_outside.into_inner()).then_some(there))
}

/// Returns what the table has for each value.
fn looked_up<T: Keyed>(values: &[T], window: Window, table: &[u32], job: &Job<'_>) -> Result<Vec<u32>> {
    let mut codes = reserved(values.len(), "groups of rows")?;
    codes.resize(values.len(), 0_u32);
    let task = checked::index(TASK_ROWS)?;
    let pairs = Mutex::new(checked::zip(codes.chunks_mut(task), values.chunks(task))?);
    job.run(|_, state| {
        loop {
            let next = lock(&pairs)?.next();
            let Some((codes, values)) = next else { return Ok(()) }; // Proof: every task was looked up.
            for (code, &value) in checked::zip(codes, values)? {
                *code = *checked::get(table, window.place(value))?;
            }
            state.check()?;
        }
    })?;
    drop(pairs);
    Ok(codes)
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)] // small numbers
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// The oracle: a sorted set, and a search in it for every row.
    fn check(values: Values<'_>, numbers: &[i128]) {
        let names: Vec<i128> = numbers.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        for threads in [1, 2, 3] {
            let found = group_codes(values, &Job::new(threads)).unwrap();
            let Some(found) = found else {
                assert!(numbers.iter().any(|number| number.abs_diff(numbers[0]) >= *REACH.start() as u128));
                continue;
            };
            assert_eq!(found.names, names);
            let codes: Vec<u32> =
                numbers.iter().map(|number| names.binary_search(number).unwrap() as u32).collect();
            assert_eq!(found.codes, codes);
        }
    }

    proptest! {
        #[test]
        fn codes_are_those_of_a_sorted_set(
            bits in proptest::collection::vec(prop_oneof![9 => 0u64..40, 1 => any::<u64>()], 0..300), from: u64, close: bool,
        ) {
            let bits: Vec<u64> = bits.iter().map(|n| if close { from.wrapping_add(n % 40) } else { *n }).collect();
            macro_rules! each {
                ($($variant:ident $int:ident),*) => {$({
                    let values: Vec<$int> = bits.iter().map(|&bits| bits as $int).collect();
                    check(Values::$variant(&values), &values.iter().map(|&n| n.into()).collect::<Vec<_>>());
                })*};
            }
            each!(I8 i8, I16 i16, I32 i32, I64 i64, U8 u8, U16 u16, U32 u32, U64 u64);
        }
    }

    #[test]
    fn numbers_at_the_ends_of_the_window_have_a_place() {
        let reach = *REACH.start() as i64;
        for (values, is_found) in [
            (vec![0, -reach, reach - 1], true),
            (vec![0, reach], false),
            (vec![0, -reach - 1], false),
            (vec![i64::MIN, i64::MIN + reach], true),
            (vec![i64::MAX, i64::MAX - reach], true),
            (vec![i64::MIN, i64::MAX], false),
            (vec![i64::MAX, i64::MIN], false),
            (vec![i64::MAX - 1, i64::MIN, i64::MAX], false),
        ] {
            let found = group_codes(Values::I64(&values), &Job::new(2)).unwrap();
            assert_eq!(found.is_some(), is_found, "{values:?}");
        }
    }

    #[test]
    fn rows_of_many_tasks_have_their_codes() {
        let values: Vec<i32> = (0..3 * TASK_ROWS as i32 + 5).map(|row| row % 1013 * 7 - 3000).collect();
        check(Values::I32(&values), &values.iter().map(|&n| n.into()).collect::<Vec<_>>());
    }

    #[test]
    fn floats_are_no_groups() {
        assert!(matches!(group_codes(Values::F32(&[1.0]), &Job::new(1)), Err(Error::Type(_))));
    }
}
