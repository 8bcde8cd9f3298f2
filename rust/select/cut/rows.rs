//! The rows that a cut means: those of a run, and how many each part has.

use std::ops::Range;

use super::place::{Cut, Rows};
use super::ranked::Ranked;
use crate::checked;
use crate::error::{Error, Result};
use crate::exec::job::Job;
use crate::exec::memory::reserved;
use crate::select::candidates::entry::Entry;
use crate::select::options::SelectOptions;
use crate::select::pass::ranker::{PassStats, Ranker, Visit};
use crate::select::pass::tasks::by_tasks_within;
use crate::select::quota::Groups;

/// Where the chosen rows end: one cut for all, or one for each group.
#[derive(Clone, Copy)]
pub enum Cuts<'a> {
    /// `None` is that of no rows.
    One(Option<Cut>),
    /// One for each group.
    OfGroups(Groups<'a>, &'a [Option<Cut>]),
}

/// A part of a selection: rows that are ranked alike, up to a cut. A selection is a list of pieces that have no row in
/// common, such as the rows of better scores and the drawn ones of those that tie.
pub struct Piece<'a> {
    /// The rows, and what they are ranked by.
    pub ranked: Ranked<'a>,
    /// What may be chosen. The order means nothing here.
    pub options: SelectOptions<'a>,
    /// Where it ends.
    pub cuts: Cuts<'a>,
}

/// Returns the chosen rows of a run of rows of the whole, ascending.
///
/// The scores may be those of the whole or of a part that has these rows. Memory: 24 bytes a row that is chosen.
///
/// # Errors
///
/// [`Error::Index`] for rows that the scores do not have; [`Error::Value`] where two pieces have a row in common.
pub fn rows_of(pieces: &[Piece<'_>], rows: &Range<u64>, job: &Job<'_>) -> Result<Vec<i64>> {
    let mut all: Vec<i64> = Vec::new();
    for piece in pieces {
        let parts = piece.visit(rows, Vec::new, keep, job)?;
        let mut found: OfTasks = parts.into_iter().flatten().collect(); // Proof: flattens vectors, which drops nothing.
        found.sort_unstable_by_key(|&(first, _)| first);
        let count = found.iter().map(|(_, rows)| rows.len()).sum();
        let mut here = reserved(count, "chosen rows")?;
        for (_, rows) in found {
            here.extend(rows);
        }
        if all.is_empty() {
            all = here;
        } else {
            all.append(&mut here);
            all.sort_unstable();
        }
    }
    match all.windows(2).find(|pair| pair[0] == pair[1]) {
        None => Ok(all),
        Some(pair) => Err(Error::Value(format!(
            "row {} is in two pieces of one selection; pieces have no row in common",
            pair[0]
        ))),
    }
}

/// The rows of some tasks, each with its first row.
type OfTasks = Vec<(u64, Vec<i64>)>;

/// Keeps the rows of a block with those of its task.
fn keep(kept: &mut OfTasks, task: u64, rows: &[u64]) -> Result<()> {
    if kept.last().is_none_or(|&(of, _)| of != task) {
        kept.push((task, Vec::new()));
    }
    let Some((_, into)) = kept.last_mut() else { return Err(checked::impossible("no rows were kept")) };
    into.try_reserve(rows.len()).map_err(|_| Error::Memory("there is no room for the chosen rows".into()))?;
    into.extend(rows.iter().map(|row| row.cast_signed()));
    Ok(())
}

/// Returns how many rows are chosen of each part of the whole. A part ends before the row that is given for it, and begins
/// where the one before it ends: the first with the first row of the scores.
///
/// # Errors
///
/// [`Error::Index`] for ends that do not ascend, or lie behind the scores. Pieces are not compared: a row that is in two is
/// counted twice.
pub fn counts_by_part(pieces: &[Piece<'_>], part_ends: &[u64], job: &Job<'_>) -> Result<Vec<u64>> {
    let mut all = vec![0; part_ends.len()];
    for piece in pieces {
        let first = piece.ranked.rows()?.first;
        if !part_ends.is_sorted() || part_ends.first().is_some_and(|&end| end < first) {
            return Err(Error::Index(format!("the ends of parts of rows from {first} on do not ascend")));
        }
        let Some(&end) = part_ends.last() else { break }; // Proof: there are no parts.
        let begin = || vec![0; part_ends.len()];
        let count = |counts: &mut Vec<u64>, _, rows: &[u64]| count_by_part(part_ends, counts, rows);
        for counts in piece.visit(&(first..end), begin, count, job)? {
            for (sum, count) in checked::zip(&mut all, counts)? {
                *sum = checked::add(*sum, count)?;
            }
        }
    }
    Ok(all)
}

impl Piece<'_> {
    /// Has the chosen rows of a run of rows of the whole taken, block by block, with the first row of the task that they are
    /// of; returns what each thread made of what it began with.
    fn visit<K: Send>(
        &self,
        rows: &Range<u64>,
        begin: impl Fn() -> K + Sync,
        take: impl Fn(&mut K, u64, &[u64]) -> Result<()> + Sync,
        job: &Job<'_>,
    ) -> Result<Vec<K>> {
        let all = self.ranked.rows()?;
        if rows.start > rows.end || rows.start < all.first || rows.end > all.end()? {
            return Err(Error::Index(format!(
                "rows {} to {} are wanted, and the scores are those of rows {} to {}",
                rows.start,
                rows.end,
                all.first,
                all.end()?
            )));
        }
        let within = checked::sub(rows.start, all.first)?..checked::sub(rows.end, all.first)?;
        self.ranked.visit(&self.options, &Chosen { piece: self, all, within, begin, take, job }, job)
    }
}

/// Visits the chosen rows of some rows.
struct Chosen<'a, B, T> {
    piece: &'a Piece<'a>,
    all: Rows,
    /// The rows, counted from the first of the scores.
    within: Range<u64>,
    begin: B,
    take: T,
    job: &'a Job<'a>,
}

impl<K: Send, B: Fn() -> K + Sync, T: Fn(&mut K, u64, &[u64]) -> Result<()> + Sync> Visit
    for Chosen<'_, B, T>
{
    type Output = Vec<K>;

    fn visit<E: Entry>(&self, ranker: &dyn Ranker<E>) -> Result<Vec<K>> {
        let Self { piece, all, ref within, ref begin, ref take, job } = *self;
        let last_key = piece.ranked.last_key();
        let threshold = |cut: &Option<Cut>| match cut {
            Some(cut) if cut.sort_key > last_key && *cut != Cut::ALL => Err(Error::Value(format!(
                "the cut has the sort key {}, and those of these rows are at most {last_key}: it is a cut of scores of another type, or ranked otherwise",
                cut.sort_key
            ))),
            Some(cut) => Ok(all.threshold::<E>(*cut)),
            None => Ok(None),
        };
        let (groups, thresholds) = match &piece.cuts {
            Cuts::One(cut) => (None, vec![threshold(cut)?]),
            Cuts::OfGroups(groups, cuts) => {
                checked::equal("cuts of groups", cuts.len(), groups.count())?;
                (Some(groups), cuts.iter().map(threshold).collect::<Result<Vec<_>>>()?)
            }
        };
        let Some(worst) = thresholds.iter().copied().max().flatten() else { return Ok(Vec::new()) }; // Proof: no row is chosen.
        let parts = by_tasks_within(
            ranker,
            within.clone(),
            job,
            || Ok((begin(), Vec::new())),
            |(kept, rows), task| {
                let first = task.first_row();
                task.each_block(worst, |entries| {
                    rows.clear();
                    for &entry in entries {
                        let is_chosen = match groups {
                            None => true,
                            Some(groups) => {
                                Some(entry) <= *checked::get(&thresholds, groups.of(entry.row())?)?
                            }
                        };
                        if is_chosen {
                            rows.push(all.cut(entry).row);
                        }
                    }
                    take(kept, first, rows)
                })
            },
        )?;
        let mut stats = PassStats::default();
        for (_, part) in &parts {
            stats.merge(part)?;
        }
        piece.ranked.check(&piece.options, stats)?;
        Ok(parts.into_iter().map(|((kept, _), _)| kept).collect())
    }
}

/// Counts rows, which ascend, by the part that they are of.
fn count_by_part(part_ends: &[u64], counts: &mut [u64], rows: &[u64]) -> Result<()> {
    let Some(first) = rows.first() else { return Ok(()) }; // Proof: there are none.
    let mut part = part_ends.partition_point(|end| end <= first);
    let mut rest = rows;
    while !rest.is_empty() {
        let end = *checked::get(part_ends, part)?;
        let here = rest.partition_point(|&row| row < end);
        counts[part] = checked::add(counts[part], here as u64)?;
        rest = &rest[here..];
        part += 1;
    }
    Ok(())
}
