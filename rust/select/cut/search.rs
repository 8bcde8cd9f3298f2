//! The search for cuts: passes over the rows, until the entries between which they lie are few.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::estimate;
use super::goal::{Goal, Kept};
use super::histogram::KeyHistogram;
use super::lane::{Lane, Outcome};
use super::place::Cut;
use super::ranked::Ranked;
use super::weights::Weights;
use crate::checked;
use crate::error::Result;
use crate::exec::job::Job;
use crate::scores::Scratch;
use crate::select::candidates::buckets::bit_length;
use crate::select::candidates::entry::Entry;
use crate::select::options::SelectOptions;
use crate::select::pass::ranker::{PassStats, Ranker, Visit};
use crate::select::pass::tasks::by_tasks;

/// Buckets of all histograms of a thread, as a power of two.
const ALL_BUCKET_BITS: u32 = 21;
/// Buckets of one histogram, at least.
const LEAST_BUCKET_BITS: u32 = 4;
/// Entries that may be kept for each cut at least.
const KEPT_OF_CUT: usize = 4;

/// Searches for the cuts of a goal.
pub(super) struct Search<'a> {
    pub(super) goal: &'a Goal<'a>,
    pub(super) ranked: &'a Ranked<'a>,
    pub(super) options: &'a SelectOptions<'a>,
    pub(super) job: &'a Job<'a>,
}

impl Visit for Search<'_> {
    /// What was found for each target, nothing for 0; and what the last pass counted.
    type Output = (Vec<Option<Outcome>>, PassStats);

    fn visit<E: Entry>(&self, ranker: &dyn Ranker<E>) -> Result<Self::Output> {
        self.narrowed(ranker, estimate::lanes(self.goal, ranker, self.job)?)
    }
}

impl Search<'_> {
    /// Returns what is found from entries between which cuts may lie, or not.
    pub(super) fn narrowed<E: Entry>(
        &self,
        ranker: &dyn Ranker<E>,
        mut lanes: Vec<Lane>,
    ) -> Result<(Vec<Option<Outcome>>, PassStats)> {
        loop {
            let counted = Pass::new(self.goal, &lanes)?.run(ranker, self.job)?;
            self.ranked.check(self.options, counted.stats)?;
            counted.narrow(&mut lanes, self.goal)?;
            if !lanes.iter().any(Lane::is_open) {
                return Ok((lanes.into_iter().map(|lane| lane.outcome).collect(), counted.stats));
            }
        }
    }
}

/// One pass.
pub(super) struct Pass<'a, E> {
    goal: &'a Goal<'a>,
    /// Of each lane, the worst entry before its buckets and the last of them.
    ends: Vec<(Option<E>, Option<E>)>,
    /// Empty histograms.
    histograms: Vec<KeyHistogram>,
    limit: usize,
    kept: AtomicUsize,
    is_full: AtomicBool,
}

/// What a pass counted.
pub(super) struct Counted<E> {
    pub(super) histograms: Vec<KeyHistogram>,
    /// The entries between those of each lane, sorted, if there was room for all.
    kept: Option<Vec<Kept<E>>>,
    pub(super) stats: PassStats,
}

/// What one thread counted.
struct Tally<E> {
    histograms: Vec<KeyHistogram>,
    kept: Vec<Kept<E>>,
    weights: Vec<u64>,
    scratch: Scratch,
}

impl<'a, E: Entry> Pass<'a, E> {
    fn new(goal: &'a Goal<'a>, lanes: &[Lane]) -> Result<Self> {
        let bits = ALL_BUCKET_BITS.saturating_sub(bit_length(lanes.len() as u64)); // Proof: the least is taken then.
        let bits = bits.max(LEAST_BUCKET_BITS).min(goal.limits.bucket_bits);
        let rows = goal.rows.end()?;
        let histogram = |lane: &Lane| {
            // Of a cut that was found, nothing is counted.
            let between = if lane.is_open() { lane.between } else { (Cut::FIRST, Cut::FIRST) };
            KeyHistogram::new(between, rows, bits)
        };
        Self::of(goal, lanes.iter().map(histogram).collect::<Result<_>>()?, |lane| lanes[lane].is_open())
    }

    /// Makes the pass that fills histograms: of those lanes that are open.
    pub(super) fn of(
        goal: &'a Goal<'a>,
        histograms: Vec<KeyHistogram>,
        is_open: impl Fn(usize) -> bool,
    ) -> Result<Self> {
        let ends = histograms.iter().enumerate().map(|(lane, histogram)| {
            let (_, high) = histogram.between();
            let before = histogram.before_low().and_then(|before| goal.rows.threshold(before));
            if is_open(lane) { (before, goal.rows.threshold(high)) } else { (None, None) }
        });
        let limit = goal.limits.kept.max(checked::mul(KEPT_OF_CUT, histograms.len())?);
        let (kept, is_full) = (AtomicUsize::new(0), AtomicBool::new(false));
        Ok(Self { goal, ends: ends.collect(), histograms, limit, kept, is_full })
    }

    pub(super) fn run(self, ranker: &dyn Ranker<E>, job: &Job<'_>) -> Result<Counted<E>> {
        // Proof: where no lane lets anything through, rows are read all the same: a NaN may be an error.
        let threshold = self.ends.iter().filter_map(|&(_, last)| last).max().unwrap_or(E::WORST);
        self.goal.weights.map_or(Ok(()), Weights::check_unchanged)?;
        let begin = || {
            let histograms = self.histograms.clone();
            Ok(Tally { histograms, kept: Vec::new(), weights: Vec::new(), scratch: Scratch::default() })
        };
        let parts = by_tasks(ranker, job, begin, |tally, task| {
            if self.goal.groups.is_none() && self.goal.weights.is_none() {
                // What is better than the buckets is counted alone.
                let &(better, _) = checked::get(&self.ends, 0)?;
                return task.each_block_between(better, threshold, |passed, entries| {
                    tally.histograms[0].add_before(passed, passed, None)?;
                    self.block(entries, tally)
                });
            }
            task.each_block(threshold, |entries| self.block(entries, tally))
        })?;
        self.goal.weights.map_or(Ok(()), Weights::check_unchanged)?;
        let (mut histograms, mut kept, mut stats) = (self.histograms, Vec::new(), PassStats::default());
        for (mut tally, part) in parts {
            for (all, one) in checked::zip(&mut histograms, &tally.histograms)? {
                all.merge(one)?;
            }
            kept.append(&mut tally.kept);
            stats.merge(&part)?;
        }
        if self.is_full.into_inner() {
            return Ok(Counted { histograms, kept: None, stats });
        }
        kept.sort_unstable_by_key(|kept| (kept.lane, kept.entry));
        Ok(Counted { histograms, kept: Some(kept), stats })
    }

    /// Counts the entries of a block.
    fn block(&self, entries: &[E], tally: &mut Tally<E>) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let before = tally.kept.len();
        self.one_by_one(entries, tally)?;
        let more = tally.kept.len() - before;
        if more > 0 && self.kept.fetch_add(more, Ordering::Relaxed) + more > self.limit {
            self.is_full.store(true, Ordering::Relaxed);
        }
        if self.is_full.load(Ordering::Relaxed) {
            tally.kept = Vec::new();
        }
        Ok(())
    }

    fn one_by_one(&self, entries: &[E], tally: &mut Tally<E>) -> Result<()> {
        let mut weights = std::mem::take(&mut tally.weights);
        self.goal.weigh(entries, &mut tally.scratch, &mut weights)?;
        for (at, &entry) in entries.iter().enumerate() {
            let kept = self.goal.kept(entry, weights.get(at).copied())?;
            let lane = kept.lane as usize;
            let &(before, last) = checked::get(&self.ends, lane)?;
            if Some(entry) <= before {
                tally.histograms[lane].add_before(1, kept.weight, Some(self.goal.rows.cut(entry)))?;
            } else if Some(entry) <= last {
                self.keep(kept, tally)?;
            }
        }
        tally.weights = weights;
        Ok(())
    }

    #[inline(always)]
    fn keep(&self, kept: Kept<E>, tally: &mut Tally<E>) -> Result<()> {
        tally.histograms[kept.lane as usize].add(self.goal.rows.cut(kept.entry), kept.weight)?;
        if !self.is_full.load(Ordering::Relaxed) {
            tally.kept.push(kept);
        }
        Ok(())
    }
}

impl<E: Entry> Counted<E> {
    /// Has each lane draw what follows.
    fn narrow(&self, lanes: &mut [Lane], goal: &Goal<'_>) -> Result<()> {
        for (number, (lane, histogram)) in checked::zip(&mut *lanes, &self.histograms)?.enumerate() {
            if lane.is_open() {
                let kept = self.kept.as_ref().map(|kept| {
                    let first = kept.partition_point(|kept| (kept.lane as usize) < number);
                    let of_lane = kept[first..].iter().take_while(move |kept| kept.lane as usize == number);
                    of_lane.map(|kept| (goal.rows.cut(kept.entry), kept.weight))
                });
                lane.narrow(histogram, kept, goal.last_key)?;
            }
        }
        Ok(())
    }
}
