//! Collects all rows whose score lies between two bounds, in one pass.
//!
//! ```text
//! for each task of 262,144 rows, in parallel:                          (pass/tasks.rs)
//!     keep where the rows of the task lie that pass, in 32 bits each, and where the worst of them is
//! write the rows of all tasks, one after the other, in parallel
//! ```
//!
//! How many there are is known only when the pass has ended: then they are written to where they are wanted.

use std::ops::Range;
use std::sync::Mutex;

use super::candidates::entry::Entry;
use super::options::SelectOptions;
use super::pass::TASK_ROWS;
use super::pass::ranker::{PassStats, Ranker, Visit};
use super::pass::tasks::by_tasks;
use super::top_k;
use super::validate::check_nan;
use crate::checked::{self, impossible};
use crate::error::Result;
use crate::exec::job::Job;
use crate::exec::locks::lock;
use crate::exec::memory::reserved;
use crate::scores::Source;

/// Collects the rows that are not excluded and have a score between the bounds of the options.
///
/// A NaN counts where the options let it be chosen: as the largest where there is no upper bound, as the smallest where
/// there is no lower one. The order of the options means nothing here. Memory: 4 bytes a row that is found.
pub fn rows_between(
    source: &dyn Source,
    largest: bool,
    options: &SelectOptions<'_>,
    job: &Job<'_>,
) -> Result<RowsBetween> {
    source.check_unchanged()?;
    source.prepare(job)?;
    let (found, stats) = top_k::visit(source, largest, options, &Collect { job })?;
    check_nan(options.nan, stats)?;
    Ok(found)
}

/// Rows whose score lies between two bounds.
#[derive(Debug)]
pub struct RowsBetween {
    /// For each task that has some, its first row, and how far behind it the rows lie.
    tasks: Vec<(u64, Vec<u32>)>,
    len: u64,
    worst: Option<Worst>,
}

/// The worst score among rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Worst {
    /// The first row that has it.
    pub row: u64,
    /// How many rows have it.
    pub tied: u64,
}

impl RowsBetween {
    /// Returns how many rows there are.
    #[allow(clippy::len_without_is_empty)] // nobody asks
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Returns where the worst score is, and `None` without rows.
    pub fn worst(&self) -> Option<Worst> {
        self.worst
    }

    /// Writes all rows, ascending.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`](crate::error::Error::Internal) unless there is room for exactly as many.
    pub fn fill(&self, rows: &mut [i64], job: &Job<'_>) -> Result<()> {
        checked::equal("rows between two scores", rows.len() as u64, self.len)?;
        let mut parts = reserved(self.tasks.len(), "runs of rows")?;
        let mut rest = rows;
        for (start, offsets) in &self.tasks {
            let (part, after) = rest
                .split_at_mut_checked(offsets.len())
                .ok_or_else(|| impossible("tasks found more rows than were counted"))?;
            parts.push((part, *start, offsets));
            rest = after;
        }
        let parts = Mutex::new(parts.into_iter());
        job.run_on(self.tasks.len(), |_, state| {
            loop {
                let next = lock(&parts)?.next();
                let Some((part, start, offsets)) = next else { return Ok(()) }; // Proof: every run was written.
                for (row, &offset) in checked::zip(part, offsets)? {
                    *row = (start + u64::from(offset)).cast_signed();
                }
                state.check()?;
            }
        })?;
        Ok(())
    }
}

struct Collect<'a> {
    job: &'a Job<'a>,
}

impl Visit for Collect<'_> {
    type Output = (RowsBetween, PassStats);

    fn visit<E: Entry>(&self, ranker: &dyn Ranker<E>) -> Result<Self::Output> {
        let parts = by_tasks(
            ranker,
            self.job,
            || Ok(Part::default()),
            |part: &mut Part<E>, task| {
                let rows = task.rows.clone();
                part.offsets.clear();
                task.each_block(E::WORST, |entries| part.add(entries, &rows))?;
                part.end_task(rows.start)
            },
        )?;
        let (mut all, mut stats) =
            (RowsBetween { tasks: Vec::new(), len: 0, worst: None }, PassStats::default());
        let mut worst = None;
        for (part, seen) in parts {
            stats.merge(&seen)?;
            all.len = checked::add(all.len, part.len)?;
            all.tasks.extend(part.tasks);
            worst = worse(worst, part.worst)?;
        }
        all.tasks.sort_unstable_by_key(|&(start, _)| start);
        all.worst = worst.map(|(entry, tied): (E, u64)| Worst { row: entry.row(), tied });
        Ok((all, stats))
    }
}

/// What one thread found.
struct Part<E> {
    tasks: Vec<(u64, Vec<u32>)>,
    len: u64,
    /// The first of the worst entries, and how many are as bad.
    worst: Option<(E, u64)>,
    /// Of the task that the thread is at.
    offsets: Vec<u32>,
}

impl<E> Default for Part<E> {
    fn default() -> Self {
        Self { tasks: Vec::new(), len: 0, worst: None, offsets: Vec::new() }
    }
}

impl<E: Entry> Part<E> {
    /// Keeps the entries of a block of a task, which ascend by row.
    fn add(&mut self, entries: &[E], task: &Range<u64>) -> Result<()> {
        const { assert!(TASK_ROWS <= 1 << 32, "32 bits hold where a row lies in its task") };
        let Some(key) = entries.iter().map(|entry| entry.sort_key()).max() else { return Ok(()) }; // Proof: no row of the block is kept.
        #[allow(clippy::cast_possible_truncation)] // a row of the task
        self.offsets.extend(entries.iter().map(|entry| (entry.row() - task.start) as u32));
        if self.worst.is_some_and(|(worst, _)| worst.sort_key() > key) {
            return Ok(());
        }
        let tied = entries.iter().filter(|entry| entry.sort_key() == key).count() as u64;
        let first = entries.iter().find(|entry| entry.sort_key() == key);
        self.worst = worse(self.worst, first.map(|&first| (first, tied)))?;
        Ok(())
    }

    fn end_task(&mut self, start: u64) -> Result<()> {
        if self.offsets.is_empty() {
            return Ok(());
        }
        let mut kept = reserved(self.offsets.len(), "chosen rows")?;
        kept.extend_from_slice(&self.offsets);
        self.len = checked::add(self.len, kept.len() as u64)?;
        self.tasks.push((start, kept));
        Ok(())
    }
}

/// Returns the worse of two, and of two as bad the first by row with the rows of both.
fn worse<E: Entry>(a: Option<(E, u64)>, b: Option<(E, u64)>) -> Result<Option<(E, u64)>> {
    Ok(match (a, b) {
        (Some((a, tied)), Some((b, more))) if a.sort_key() == b.sort_key() => {
            Some((a.min(b), checked::add(tied, more)?))
        }
        (Some(a), Some(b)) => Some(if a.0 > b.0 { a } else { b }),
        (a, None) => a,
        (None, b) => b,
    })
}

#[cfg(test)]
#[allow(clippy::cast_possible_wrap, clippy::cast_possible_truncation, clippy::cast_precision_loss)] // small numbers
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scores::Values;
    use crate::select::{Between, Exclude, Nan, Number};

    /// The oracle: every row by itself.
    fn check(scores: &[f32], ends: (Option<f64>, Option<f64>), nan: Nan, mask: Option<&[u8]>, largest: bool) {
        let Ok(between) = Between::new(ends.0.map(Number::Float), ends.1.map(Number::Float)) else { return };
        let rows = scores.len() as u64;
        let exclude = mask.map_or(Exclude::Nothing, |mask| Exclude::mask(mask, rows).unwrap());
        let options = SelectOptions { nan, exclude, between, ..SelectOptions::default() };
        let counted = |score: f32| match nan {
            Nan::Largest if score.is_nan() => f32::INFINITY,
            Nan::Smallest if score.is_nan() => f32::NEG_INFINITY,
            _ => score,
        };
        let inside = |score: f32| {
            let open = match nan {
                Nan::Largest => ends.1.is_none(),
                Nan::Smallest => ends.0.is_none(),
                _ => false,
            };
            let number = f64::from(counted(score));
            (!score.is_nan() || open)
                && ends.0.is_none_or(|low| number >= low)
                && ends.1.is_none_or(|high| number <= high)
        };
        let allowed = |row: usize| mask.is_none_or(|mask| mask[row] == 0);
        let expected: Vec<usize> =
            (0..scores.len()).filter(|&row| allowed(row) && inside(scores[row])).collect();
        let is_nan = (0..scores.len()).any(|row| allowed(row) && scores[row].is_nan());
        for threads in [1, 2, 5] {
            let job = Job::new(threads);
            let found = rows_between(&Values::F32(scores), largest, &options, &job);
            if is_nan && nan == Nan::Raise {
                assert!(found.unwrap_err().to_string().contains("NaN"));
                continue;
            }
            let found = found.unwrap();
            let mut rows = vec![-1; expected.len()];
            found.fill(&mut rows, &job).unwrap();
            assert_eq!(rows, expected.iter().map(|&row| row as i64).collect::<Vec<_>>());
            // A NaN that counts as a number lies beyond the infinity.
            let rank = |row: usize| {
                let beyond = match nan {
                    _ if !scores[row].is_nan() => 0,
                    Nan::Largest => 1,
                    _ => -1,
                };
                let (score, sign) = (f64::from(counted(scores[row])), if largest { -1 } else { 1 });
                (score * f64::from(sign) + 0.0, beyond * sign)
            };
            let worst = expected.iter().map(|&row| rank(row)).max_by(|a, b| a.partial_cmp(b).unwrap());
            let tied: Vec<usize> = expected.iter().copied().filter(|&row| Some(rank(row)) == worst).collect();
            let expected = tied.first().map(|&row| Worst { row: row as u64, tied: tied.len() as u64 });
            assert_eq!(found.worst(), expected);
            assert!(found.fill(&mut vec![0; rows.len() + 1], &job).is_err());
        }
    }

    fn score() -> impl Strategy<Value = f32> {
        prop_oneof![
            8 => (-20i16..20).prop_map(|n| f32::from(n) / 4.0),
            1 => prop_oneof![Just(f32::NAN), Just(-0.0), Just(f32::INFINITY), Just(f32::NEG_INFINITY)],
        ]
    }

    proptest! {
        #[test]
        fn rows_are_those_of_a_look_at_each(
            scores in proptest::collection::vec(score(), 0..700),
            low in proptest::option::of(-12i8..12), high in proptest::option::of(-12i8..12),
            nan in prop_oneof![Just(Nan::Raise), Just(Nan::Omit), Just(Nan::Largest), Just(Nan::Smallest)],
            excluded in proptest::option::of(any::<u64>()), largest: bool,
        ) {
            let mask = excluded.map(|bits| (0..scores.len()).map(|row| (bits >> (row % 64) & 1) as u8).collect::<Vec<_>>());
            let ends = (low.map(|low| f64::from(low) / 2.0), high.map(|high| f64::from(high) / 2.0));
            check(&scores, ends, nan, mask.as_deref(), largest);
        }
    }

    #[test]
    fn rows_of_many_tasks_come_in_their_order() {
        let scores: Vec<f32> = (0..3 * TASK_ROWS + 77).map(|row| (row * 7919 % 4099) as f32).collect();
        for ends in [
            (Some(4000.0), None),
            (None, Some(99.0)),
            (Some(17.0), Some(17.0)),
            (None, None),
            (Some(5e3), None),
        ] {
            check(&scores, ends, Nan::Raise, None, true);
            check(&scores, ends, Nan::Raise, None, false);
        }
    }

    #[test]
    fn types_that_hold_no_number_between_the_bounds_give_no_rows() {
        let between = Between::new(Some(Number::Float(0.1)), Some(Number::Float(0.9))).unwrap();
        let options = SelectOptions { between, ..SelectOptions::default() };
        let found = rows_between(&Values::U8(&[0, 1, 2, 255]), true, &options, &Job::new(2)).unwrap();
        assert_eq!((found.len(), found.worst()), (0, None));
    }
}
