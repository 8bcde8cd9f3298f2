//! Between which entries a sum is reached, by a sample of the rows.
//!
//! Of the entries of a sample, sorted, those are taken at which its share of the sum is reached, less and more five
//! deviations. A sample changes the speed alone: where it misleads, the search goes on before or behind them.

use super::goal::{Goal, Kept};
use super::lane::Lane;
use super::place::Cut;
use crate::error::Result;
use crate::exec::job::Job;
use crate::scores::Scratch;
use crate::select::candidates::entry::Entry;
use crate::select::pass::ranker::Ranker;
use crate::select::pass::threshold::sampled_entries;

/// Sampled rows that are next to each other have their lengths read at once.
const RUN_ROWS: u64 = 1 << 12;
/// How many standard deviations the sum may be away from where a sample has it.
const DEVIATIONS: f64 = 5.0;
/// And how many entries of it more.
const SPARE: f64 = 8.0;

/// Returns the searches for the cuts of a goal, each between two entries.
pub(super) fn lanes<E: Entry>(goal: &Goal<'_>, ranker: &dyn Ranker<E>, job: &Job<'_>) -> Result<Vec<Lane>> {
    let all = (Cut::FIRST, Cut { sort_key: goal.last_key, row: u64::MAX });
    let mut lanes: Vec<Lane> = goal.targets.iter().map(|&target| Lane::new(target, all)).collect();
    let Some((entries, sampled)) = sampled_entries(ranker, job)? else { return Ok(lanes) }; // Proof: few rows need none.
    let share = ratio(sampled, goal.rows.len);
    let mut kept = kept(goal, entries)?;
    if let ([lane], None) = (lanes.as_mut_slice(), goal.weights) {
        lane.between = by_rank(&mut kept, lane.target, share, goal, all);
        return Ok(lanes);
    }
    kept.sort_unstable_by_key(|kept| (kept.lane, kept.entry));
    for of_lane in kept.chunk_by(|a, b| a.lane == b.lane) {
        let lane = &mut lanes[of_lane[0].lane as usize];
        lane.between = by_sum(of_lane, lane.target, share, goal, all);
    }
    Ok(lanes)
}

#[allow(clippy::cast_precision_loss)] // an estimate
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

/// Returns the entries of a sample with their lanes and weights.
fn kept<E: Entry>(goal: &Goal<'_>, entries: Vec<E>) -> Result<Vec<Kept<E>>> {
    let (mut scratch, mut weights, mut all) = (Scratch::default(), Vec::new(), Vec::new());
    let is_near = |a: &E, b: &E| a.row() < b.row() && a.row() / RUN_ROWS == b.row() / RUN_ROWS;
    all.reserve_exact(entries.len());
    for run in entries.chunk_by(is_near) {
        goal.weigh(run, &mut scratch, &mut weights)?;
        for (at, &entry) in run.iter().enumerate() {
            all.push(goal.kept(entry, weights.get(at).copied())?);
        }
    }
    Ok(all)
}

/// Returns the entries around the one that is the `target`-th of all, by counting.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)] // an estimate; casts saturate
fn by_rank<E: Entry>(
    kept: &mut [Kept<E>],
    target: u64,
    share: f64,
    goal: &Goal<'_>,
    (mut first, mut last): (Cut, Cut),
) -> (Cut, Cut) {
    let mean = target as f64 * share;
    let spread = DEVIATIONS * (mean * (1.0 - (mean / kept.len() as f64).min(1.0))).sqrt() + SPARE;
    let (low, high) = ((mean - spread) as usize, (mean + spread) as usize);
    let mut within = kept;
    if high < within.len() {
        let (before, at, _) = within.select_nth_unstable_by_key(high, |kept| kept.entry);
        last = goal.rows.cut(at.entry);
        within = before;
    }
    if mean > spread && low < within.len() {
        first = goal.rows.cut(within.select_nth_unstable_by_key(low, |kept| kept.entry).1.entry);
    }
    (first, last)
}

/// Returns the entries around the one with which `target` is reached, by sums. The sample is sorted.
#[allow(clippy::cast_precision_loss)] // an estimate
fn by_sum<E: Entry>(
    kept: &[Kept<E>],
    target: u64,
    share: f64,
    goal: &Goal<'_>,
    (mut first, mut last): (Cut, Cut),
) -> (Cut, Cut) {
    let mean = target as f64 * share;
    let weights = || kept.iter().map(|kept| kept.weight as f64);
    let (mut sum, mut squares) = (0.0, 0.0);
    for weight in weights() {
        if sum >= mean {
            break;
        }
        sum += weight;
        squares += weight * weight;
    }
    let spread = DEVIATIONS * squares.sqrt() + SPARE * weights().sum::<f64>() / kept.len() as f64;
    let mut sum = 0.0;
    for one in kept {
        sum += one.weight as f64;
        if sum < mean - spread {
            first = goal.rows.cut(one.entry);
        }
        if sum > mean + spread {
            last = goal.rows.cut(one.entry);
            break;
        }
    }
    (first, last)
}
