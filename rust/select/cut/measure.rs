//! The cuts of the k best, of a budget, and of groups.

use super::goal::Goal;
use super::histogram::KeyHistogram;
use super::lane::Outcome;
use super::place::Cut;
use super::ranked::Ranked;
use super::search::{Pass, Search};
use super::weights::{NO_LENGTH, Weights};
use crate::checked::{self, impossible};
use crate::error::{Error, Result};
use crate::exec::job::Job;
use crate::scores::Source;
use crate::select::candidates::entry::Entry;
use crate::select::options::SelectOptions;
use crate::select::pass::ranker::{Ranker, Visit};
use crate::select::quota::Groups;
use crate::select::sample::check_population;
use crate::select::validate::{check_between, check_count, check_k};

/// Returns the cut of the `k` best rows, and `None` for k = 0.
///
/// The order of the options means nothing here. The result depends on neither the threads nor a sample. Memory: some 40 MB
/// and 1 MB a thread, whatever the rows and k are.
///
/// # Errors
///
/// [`Error::Value`] if fewer rows can be chosen, as for `top_k`, with rows of the whole; for noise of numpy.
pub fn cut_of(
    ranked: &Ranked<'_>,
    k: u64,
    options: &SelectOptions<'_>,
    job: &Job<'_>,
) -> Result<Option<Cut>> {
    let (rows, excluded) = (ranked.rows()?, options.exclude.count());
    check_k(k, rows.len, excluded)?;
    if let Ranked::Population { rows, seed } = ranked {
        check_population(rows, k, *seed, &options.exclude)?;
    }
    if rows.len == excluded {
        return Ok(None); // Proof: then k is 0.
    }
    // For k = 0 this looks for the first row, so that every k reports the same errors in the scores.
    let goal = Goal::new(ranked, None, None, vec![k.max(1)])?;
    let (found, stats) = ranked.visit(options, &Search { goal: &goal, ranked, options, job }, job)?;
    match only(found)? {
        Some(Outcome::Reached { cut, .. }) => Ok((k > 0).then_some(cut)),
        Some(Outcome::NotReached { rows: count, .. }) => {
            if k > 0 {
                check_between(k, count, &options.between)?;
                check_count(k, count, rows.len, excluded, stats)?;
            }
            Ok(None) // Proof: k is 0, or there would be an error.
        }
        None => Err(impossible("nothing was searched for")),
    }
}

fn only(found: Vec<Option<Outcome>>) -> Result<Option<Outcome>> {
    found.into_iter().next().ok_or_else(|| impossible("there is no cut"))
}

/// How the budget of rows is meant.
#[derive(Debug, Clone, Copy)]
struct Budget {
    tokens: u64,
    at_least: bool,
}

impl Budget {
    fn new(tokens: u64, at_least: bool) -> Result<Self> {
        if i64::try_from(tokens).is_ok() {
            return Ok(Self { tokens, at_least });
        }
        Err(Error::Value(format!("the budget is {tokens}; one below 2^63 is needed")))
    }

    /// Returns the sum whose entry ends it: that of the last row, or of the first that finds no room.
    fn target(self) -> u64 {
        if self.at_least { self.tokens } else { self.tokens + 1 }
    }

    /// Returns the cut of what was found, and what its rows add up to.
    fn cut(
        self,
        found: Option<Outcome>,
        (weights, goal): (&Weights<'_>, &Goal<'_>),
    ) -> Result<(Option<Cut>, u64)> {
        match found {
            None => Ok((None, 0)), // Proof: a budget of 0 is reached with no row.
            Some(Outcome::Reached { cut, weight: NO_LENGTH, .. }) => {
                Err(weights.refusal(cut.row, goal.rows)?)
            }
            Some(Outcome::Reached { cut, weight, before, previous }) => {
                if self.at_least {
                    Ok((Some(cut), checked::add(before, weight)?))
                } else {
                    Ok((previous, before))
                }
            }
            Some(Outcome::NotReached { total, rows, .. }) if self.at_least => Err(Error::Value(format!(
                "tokens is {}, and the {rows} rows that can be chosen have {total}; ask for no more",
                self.tokens
            ))),
            Some(Outcome::NotReached { total, last, .. }) => Ok((last, total)),
        }
    }
}

/// Returns the cut of the first rows, best first, whose lengths add up to at most a budget, and what they add up to. With
/// `at_least`, the row that reaches the budget is the last one. `None` is the cut of no rows.
///
/// `lengths` has a whole number for each row of the scores. Memory: as for [`cut_of`].
///
/// # Errors
///
/// [`Error::Value`] for a length below 0, or of 2^63 or more, where the budget comes to its row; with `at_least`, if all
/// rows have less. [`Error::Type`] for lengths that are no whole numbers.
pub fn cut_of_weight(
    ranked: &Ranked<'_>,
    lengths: &dyn Source,
    budget: u64,
    at_least: bool,
    options: &SelectOptions<'_>,
    job: &Job<'_>,
) -> Result<(Option<Cut>, u64)> {
    let mut found = of_budgets(ranked, None, lengths, &[Budget::new(budget, at_least)?], options, job)?;
    found.pop().ok_or_else(|| impossible("there is no cut"))
}

/// Searches for the cut of each budget.
fn of_budgets(
    ranked: &Ranked<'_>,
    groups: Option<&Groups<'_>>,
    lengths: &dyn Source,
    budgets: &[Budget],
    options: &SelectOptions<'_>,
    job: &Job<'_>,
) -> Result<Vec<(Option<Cut>, u64)>> {
    let rows = ranked.rows()?;
    lengths.prepare(job)?;
    let weights = Weights::new(lengths, rows)?;
    let targets = budgets.iter().map(|budget| budget.target()).collect();
    let goal = Goal::new(ranked, groups, Some(&weights), targets)?;
    let (found, _) = ranked.visit(options, &Search { goal: &goal, ranked, options, job }, job)?;
    checked::zip(budgets, found)?.map(|(budget, found)| budget.cut(found, (&weights, &goal))).collect()
}

/// Returns the cut of the best rows of each group, as many as its quota; `None` for a quota of 0.
///
/// Memory: as for [`cut_of`], and that of 16 to 32 counters for each group and thread, and 4 entries for each group.
///
/// # Errors
///
/// [`Error::Value`] where a group has fewer rows that can be chosen.
pub fn cuts_of_groups(
    ranked: &Ranked<'_>,
    groups: &Groups<'_>,
    quotas: &[u64],
    options: &SelectOptions<'_>,
    job: &Job<'_>,
) -> Result<Vec<Option<Cut>>> {
    let goal = Goal::new(ranked, Some(groups), None, quotas.to_vec())?;
    let (found, _) = ranked.visit(options, &Search { goal: &goal, ranked, options, job }, job)?;
    let cuts = checked::zip(quotas, found)?.enumerate().map(|(group, (quota, found))| match found {
        None => Ok(None), // Proof: a quota of 0.
        Some(Outcome::Reached { cut, .. }) => Ok(Some(cut)),
        Some(Outcome::NotReached { rows, .. }) => Err(Error::Value(format!(
            "{quota} rows are wanted of group {group}, and {rows} of its rows can be chosen"
        ))),
    });
    cuts.collect()
}

/// Returns the cut of each group by a budget of its own, as [`cut_of_weight`] has it, and what its rows add up to.
///
/// # Errors
///
/// As for [`cut_of_weight`].
pub fn cuts_of_group_weights(
    ranked: &Ranked<'_>,
    groups: &Groups<'_>,
    lengths: &dyn Source,
    budgets: &[u64],
    at_least: bool,
    options: &SelectOptions<'_>,
    job: &Job<'_>,
) -> Result<Vec<(Option<Cut>, u64)>> {
    let budgets = budgets.iter().map(|&budget| Budget::new(budget, at_least)).collect::<Result<Vec<_>>>()?;
    of_budgets(ranked, Some(groups), lengths, &budgets, options, job)
}

/// Counts the rows of a part of the whole by where their entries lie, for a search over several parts: what is added is
/// in the buckets of `empty`, which all parts begin with. With `lengths`, the rows' lengths are added up.
///
/// # Errors
///
/// As for [`cut_of`], of scores; [`Error::Value`] where a length is none.
pub fn histogram_of(
    ranked: &Ranked<'_>,
    lengths: Option<&dyn Source>,
    empty: &KeyHistogram,
    options: &SelectOptions<'_>,
    job: &Job<'_>,
) -> Result<KeyHistogram> {
    lengths.map_or(Ok(()), |lengths| lengths.prepare(job))?;
    let weights = lengths.map(|lengths| Weights::new(lengths, ranked.rows()?)).transpose()?;
    let goal = Goal::new(ranked, None, weights.as_ref(), vec![1])?;
    let counted = ranked.visit(options, &CountOnce { goal: &goal, empty, ranked, options, job }, job)?;
    if counted.total() == NO_LENGTH {
        return Err(Error::Value(format!(
            "lengths of rows from {} on are below 0 or at least 2^63, or add up to 2^64; a length is at least 0 and below 2^63",
            goal.rows.first
        )));
    }
    Ok(counted)
}

struct CountOnce<'a> {
    goal: &'a Goal<'a>,
    empty: &'a KeyHistogram,
    ranked: &'a Ranked<'a>,
    options: &'a SelectOptions<'a>,
    job: &'a Job<'a>,
}

impl Visit for CountOnce<'_> {
    type Output = KeyHistogram;

    fn visit<E: Entry>(&self, ranker: &dyn Ranker<E>) -> Result<KeyHistogram> {
        let counted = Pass::<E>::of(self.goal, vec![self.empty.clone()], |_| true)?.run(ranker, self.job)?;
        self.ranked.check(self.options, counted.stats)?;
        counted.histograms.into_iter().next().ok_or_else(|| impossible("there is no histogram"))
    }
}
