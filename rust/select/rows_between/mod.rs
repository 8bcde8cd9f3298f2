//! Collects all rows whose score lies between two bounds, in one pass.
//!
//! ```text
//! for each block of 16,384 rows, in parallel:
//!     keep where the rows of the block lie that pass, in 32 bits each, and where the worst of them is
//! write the rows of all blocks, one after the other, in parallel
//! ```
//!
//! How many there are is known only when the pass has ended: then they are written to where they are wanted.

use std::ops::RangeInclusive;
use std::sync::Mutex;

use crate::checked::{self, impossible};
use crate::error::Result;
use crate::exec::job::Job;
use crate::exec::locks::lock;
use crate::exec::memory::reserved;
use crate::exec::simd::{Kernel, dispatch};
use crate::scores::Source;
use crate::select::exclude::Exclude;
use crate::select::key::Keyed;
use crate::select::number::Nan;
use crate::select::options::SelectOptions;
use crate::select::pass::blocks::{Block, each_block};
use crate::select::pass::ranker::PassStats;
use crate::select::pass::scan::find_passing;
use crate::select::validate::check_nan;
use crate::with_dtype;

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
    source.prepare(job)?;
    let parts = with_dtype!(source.dtype(), T => {
        let scan = Scan { largest, options, keys: options.between.keys::<T>() };
        each_block::<T, _>(source, job, Part::default, |part, block| scan.block(block, part))
    })?;
    let mut all = RowsBetween { blocks: Vec::new(), len: 0, worst: None };
    let (mut stats, mut worst) = (PassStats::default(), None);
    for part in parts {
        stats.merge(&part.stats)?;
        all.len = checked::add(all.len, part.len)?;
        all.blocks.extend(part.blocks);
        worst = worse(worst, part.worst)?;
    }
    check_nan(options.nan, stats)?;
    all.blocks.sort_unstable_by_key(|&(start, _)| start);
    all.worst = worst.map(|(_, worst)| worst);
    Ok(all)
}

/// Rows whose score lies between two bounds.
#[derive(Debug)]
pub struct RowsBetween {
    /// For each block that has some, its first row, and how far behind it the rows lie.
    blocks: Vec<(u64, Vec<u32>)>,
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
        let mut parts = reserved(self.blocks.len(), "blocks of rows")?;
        let mut rest = rows;
        for (start, offsets) in &self.blocks {
            let (part, after) = rest
                .split_at_mut_checked(offsets.len())
                .ok_or_else(|| impossible("blocks have more rows than were counted"))?;
            parts.push((part, *start, offsets));
            rest = after;
        }
        let parts = Mutex::new(parts.into_iter());
        job.run_on(self.blocks.len(), |_, state| {
            loop {
                let next = lock(&parts)?.next();
                let Some((part, start, offsets)) = next else { return Ok(()) }; // Proof: every block was written.
                for (row, &offset) in checked::zip(part, offsets)? {
                    *row = (start + u64::from(offset)).cast_signed();
                }
                state.check()?;
            }
        })?;
        Ok(())
    }
}

/// How the rows of a block are found.
struct Scan<'a> {
    largest: bool,
    options: &'a SelectOptions<'a>,
    /// The keys of the scores between the bounds, or `None` if no number of the type lies there.
    keys: Option<RangeInclusive<u64>>,
}

impl Scan<'_> {
    fn block<T: Keyed>(&self, (start, values): Block<'_, T>, part: &mut Part) -> Result<()> {
        let mut hits = std::mem::take(&mut part.hits);
        hits.resize(hits.len().max(values.len()), 0);
        let mut count = find_passing(values, self.keys.as_ref(), &mut hits);
        let worst = dispatch(WorstOf { values, hits: &hits[..count], largest: self.largest });
        if worst.any_nan || !matches!(self.options.exclude, Exclude::Nothing) {
            count = self.one_by_one((start, values), &mut hits[..count], part)?;
        } else {
            part.look_at(worst.rank, || {
                let is_worst = |hit: &&u32| rank(values[**hit as usize].key(), self.largest) == worst.rank;
                let mut tied = hits[..count].iter().filter(is_worst);
                tied.next().map(|&first| (start + u64::from(first), 1 + tied.count() as u64))
            })?;
        }
        part.keep(start, &hits[..count])?;
        part.hits = hits;
        Ok(())
    }

    /// Looks at each hit of a block by itself: whether it is excluded, and what a NaN means. Returns how many are left,
    /// which stand in front.
    fn one_by_one<T: Keyed>(
        &self,
        (start, values): Block<'_, T>,
        hits: &mut [u32],
        part: &mut Part,
    ) -> Result<usize> {
        let (mut excluded, mut kept) = (self.options.exclude.cursor(start), 0);
        for at in 0..hits.len() {
            let hit = hits[at];
            let (row, value) = (start + u64::from(hit), values[hit as usize]);
            if excluded.excludes(row) {
                continue;
            }
            if value.is_nan() && matches!(self.options.nan, Nan::Raise | Nan::Omit) {
                part.stats.add_nan(row);
                continue;
            }
            let key = value.key_with(self.options.nan);
            if self.keys.as_ref().is_some_and(|keys| keys.contains(&key)) {
                hits[kept] = hit;
                kept += 1;
                part.look_at(rank(key, self.largest), || Some((row, 1)))?;
            }
        }
        Ok(kept)
    }
}

/// Returns what is greater the worse a key is.
#[inline(always)]
fn rank(key: u64, largest: bool) -> u64 {
    if largest { !key } else { key }
}

/// Looks for the worst of the values at some offsets, and whether one is NaN.
struct WorstOf<'a, T> {
    values: &'a [T],
    hits: &'a [u32],
    largest: bool,
}

#[derive(Clone, Copy)]
struct WorstRank {
    rank: u64,
    any_nan: bool,
}

impl<T: Keyed> Kernel for WorstOf<'_, T> {
    type Output = WorstRank;

    #[inline(always)]
    fn run(self) -> WorstRank {
        let Self { values, hits, largest } = self;
        let none = WorstRank { rank: 0, any_nan: false };
        hits.iter().fold(none, |worst, &hit| {
            let value = values[hit as usize];
            let rank = rank(value.key(), largest);
            WorstRank { rank: worst.rank.max(rank), any_nan: worst.any_nan | value.is_nan() }
        })
    }
}

/// What one thread found.
#[derive(Default)]
struct Part {
    blocks: Vec<(u64, Vec<u32>)>,
    len: u64,
    /// The rank of the worst score, and where it is.
    worst: Option<(u64, Worst)>,
    stats: PassStats,
    /// Memory for the rows of one block.
    hits: Vec<u32>,
}

impl Part {
    /// Takes a rank of scores that were found into account: `rows` are the first row that has it and how many there are.
    fn look_at(&mut self, rank: u64, rows: impl FnOnce() -> Option<(u64, u64)>) -> Result<()> {
        if self.worst.is_none_or(|(worst, _)| worst <= rank) {
            let found = rows().map(|(row, tied)| (rank, Worst { row, tied }));
            self.worst = worse(self.worst, found)?;
        }
        Ok(())
    }

    /// Keeps where the rows of a block lie.
    fn keep(&mut self, start: u64, hits: &[u32]) -> Result<()> {
        if hits.is_empty() {
            return Ok(());
        }
        let mut kept = reserved(hits.len(), "chosen rows")?;
        kept.extend_from_slice(hits);
        self.len = checked::add(self.len, kept.len() as u64)?;
        self.blocks.push((start, kept));
        Ok(())
    }
}

/// Returns the worse of two ranks, and of two as bad the first row with the rows of both.
fn worse(a: Option<(u64, Worst)>, b: Option<(u64, Worst)>) -> Result<Option<(u64, Worst)>> {
    Ok(match (a, b) {
        (Some((rank, a)), Some((other, b))) if rank == other => {
            Some((rank, Worst { row: a.row.min(b.row), tied: checked::add(a.tied, b.tied)? }))
        }
        (Some(a), Some(b)) => Some(if a.0 > b.0 { a } else { b }),
        (a, None) => a,
        (None, b) => b,
    })
}

#[cfg(test)]
mod tests;
