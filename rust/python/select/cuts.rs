//! Cuts from Python: `cut_of`, `cut_of_weight`, `cuts_of_groups`, `rows_of_cut`, `counts_of_cut`.
//!
//! All row numbers are those of the whole that scores are a slice of: of cuts, runs and parts, results, and excluded rows.

use std::ops::Range;

use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

use super::quotas::RankArgument;
use super::{OptionsArgument, ScoresArgument, slice};
use crate::error::Result;
use crate::python::call;
use crate::scores::Source;
use crate::select::{self, Cut, Cuts, Groups, Piece, Ranked, SelectOptions};

/// What rows are ranked by, as an argument: scores and how, or the first row of a population, the one behind its last and
/// the seed of a sample.
#[derive(FromPyObject)]
pub(in crate::python) enum RankedArgument<'py> {
    Scores(ScoresArgument<'py>, RankArgument),
    Population(u64, u64, u64),
}

/// A cut as an argument: the sort key of the worst chosen entry and its row, or nothing where no row is chosen.
type CutArgument = Option<(u64, u64)>;

/// The group of each row of the scores, and how many groups there are.
type GroupsArgument<'py> = (PyReadonlyArray1<'py, u32>, usize);

/// Cuts as an argument: one for all rows, or the group of each row of the scores and one for each group.
#[derive(FromPyObject)]
pub(in crate::python) enum CutsArgument<'py> {
    OfGroups(GroupsArgument<'py>, Vec<CutArgument>),
    One(CutArgument),
}

/// What is ranked, borrowed for a call.
enum Borrowed<'a> {
    Scores(Box<dyn Source + 'a>, select::RankBy),
    Population(Range<u64>, u64),
}

impl Borrowed<'_> {
    fn ranked(&self) -> Ranked<'_> {
        match self {
            Self::Scores(source, rank) => Ranked::Scores { source: &**source, rank: *rank },
            Self::Population(rows, seed) => Ranked::Population { rows, seed: *seed },
        }
    }

    /// Which rows of the whole these are.
    fn rows(&self) -> Result<Range<u64>> {
        self.ranked().range()
    }
}

/// Borrows what is ranked, and the options, whose excluded rows are those of the whole.
fn borrowed<'a>(
    py: Python<'_>,
    ranked: &'a RankedArgument<'_>,
    options: &'a OptionsArgument<'_>,
) -> PyResult<(Borrowed<'a>, SelectOptions<'a>)> {
    let held = match ranked {
        RankedArgument::Scores(scores, rank) => Borrowed::Scores(scores.source()?, rank.rank()),
        RankedArgument::Population(start, stop, seed) => Borrowed::Population(*start..*stop, *seed),
    };
    let options = options.options_within(py, &held.rows()?)?;
    Ok((held, options))
}

fn given(cut: CutArgument) -> Option<Cut> {
    cut.map(|(sort_key, row)| Cut { sort_key, row })
}

fn told(cut: Option<Cut>) -> CutArgument {
    cut.map(|cut| (cut.sort_key, cut.row))
}

/// Returns the cut of the `k` best rows.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // the face of the Python function
pub(in crate::python) fn cut_of(
    py: Python<'_>,
    ranked: RankedArgument<'_>,
    k: u64,
    options: OptionsArgument<'_>,
    threads: Option<i64>,
) -> PyResult<CutArgument> {
    let (held, options) = borrowed(py, &ranked, &options)?;
    let threads = call::threads(threads)?;
    Ok(told(call::run(py, threads, None, |job| select::cut_of(&held.ranked(), k, &options, job))?))
}

/// Returns the cut of the first rows whose lengths add up to at most a budget, or reach it, and what they add up to.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // the face of the Python function
pub(in crate::python) fn cut_of_weight(
    py: Python<'_>,
    ranked: RankedArgument<'_>,
    lengths: ScoresArgument<'_>,
    budget: u64,
    at_least: bool,
    options: OptionsArgument<'_>,
    threads: Option<i64>,
) -> PyResult<(CutArgument, u64)> {
    let (held, options) = borrowed(py, &ranked, &options)?;
    let lengths = lengths.source()?;
    let (cut, total) = call::run(py, call::threads(threads)?, None, |job| {
        select::cut_of_weight(&held.ranked(), &*lengths, budget, at_least, &options, job)
    })?;
    Ok((told(cut), total))
}

/// Returns the cut of the best rows of each group, as many as its quota.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // the face of the Python function
pub(in crate::python) fn cuts_of_groups(
    py: Python<'_>,
    ranked: RankedArgument<'_>,
    groups: GroupsArgument<'_>,
    quotas: PyReadonlyArray1<'_, u64>,
    options: OptionsArgument<'_>,
    threads: Option<i64>,
) -> PyResult<Vec<CutArgument>> {
    let (held, options) = borrowed(py, &ranked, &options)?;
    let (groups, quotas) = (groups_of(&groups, &held)?, slice(&quotas)?);
    let cuts = call::run(py, call::threads(threads)?, None, |job| {
        select::cuts_of_groups(&held.ranked(), &groups, quotas, &options, job)
    })?;
    Ok(cuts.into_iter().map(told).collect())
}

/// Returns the cut of each group by a budget of its own, as `cut_of_weight` has it, and what its rows add up to.
#[pyfunction]
#[allow(clippy::needless_pass_by_value, clippy::too_many_arguments)] // the face of the Python function
pub(in crate::python) fn cuts_of_group_weights(
    py: Python<'_>,
    ranked: RankedArgument<'_>,
    groups: GroupsArgument<'_>,
    lengths: ScoresArgument<'_>,
    budgets: PyReadonlyArray1<'_, u64>,
    at_least: bool,
    options: OptionsArgument<'_>,
    threads: Option<i64>,
) -> PyResult<Vec<(CutArgument, u64)>> {
    let (held, options) = borrowed(py, &ranked, &options)?;
    let (groups, budgets, lengths) = (groups_of(&groups, &held)?, slice(&budgets)?, lengths.source()?);
    let cuts = call::run(py, call::threads(threads)?, None, |job| {
        select::cuts_of_group_weights(&held.ranked(), &groups, &*lengths, budgets, at_least, &options, job)
    })?;
    Ok(cuts.into_iter().map(|(cut, total)| (told(cut), total)).collect())
}

fn groups_of<'a>(groups: &'a GroupsArgument<'_>, held: &Borrowed<'_>) -> Result<Groups<'a>> {
    let rows = held.rows()?;
    Groups::new(slice(&groups.0)?, groups.1, rows.end - rows.start)
}

/// Calls `then` with the piece of a selection that ends with cuts.
fn with_piece<R>(
    (held, options): (&Borrowed<'_>, SelectOptions<'_>),
    cuts: &CutsArgument<'_>,
    then: impl FnOnce(Piece<'_>) -> PyResult<R>,
) -> PyResult<R> {
    let of_groups: Vec<Option<Cut>>;
    let cuts = match cuts {
        CutsArgument::One(cut) => Cuts::One(given(*cut)),
        CutsArgument::OfGroups(groups, cuts) => {
            of_groups = cuts.iter().map(|&cut| given(cut)).collect();
            Cuts::OfGroups(groups_of(groups, held)?, &of_groups)
        }
    };
    then(Piece { ranked: held.ranked(), options, cuts })
}

/// Returns the chosen rows of the run from `start` to `stop`, ascending as int64.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // the face of the Python function
pub(in crate::python) fn rows_of_cut<'py>(
    py: Python<'py>,
    ranked: RankedArgument<'py>,
    options: OptionsArgument<'py>,
    cuts: CutsArgument<'py>,
    start: u64,
    stop: u64,
    threads: Option<i64>,
) -> PyResult<Bound<'py, PyArray1<i64>>> {
    let (held, options) = borrowed(py, &ranked, &options)?;
    let threads = call::threads(threads)?;
    let rows = with_piece((&held, options), &cuts, |piece| {
        call::run(py, threads, None, |job| select::rows_of(&[piece], &(start..stop), job))
    })?;
    Ok(rows.into_pyarray(py))
}

/// Returns how many rows are chosen of each part, as uint64.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // the face of the Python function
pub(in crate::python) fn counts_of_cut<'py>(
    py: Python<'py>,
    ranked: RankedArgument<'py>,
    options: OptionsArgument<'py>,
    cuts: CutsArgument<'py>,
    part_ends: PyReadonlyArray1<'py, u64>,
    threads: Option<i64>,
) -> PyResult<Bound<'py, PyArray1<u64>>> {
    let (held, options) = borrowed(py, &ranked, &options)?;
    let (threads, part_ends) = (call::threads(threads)?, slice(&part_ends)?);
    let counts = with_piece((&held, options), &cuts, |piece| {
        call::run(py, threads, None, |job| select::counts_by_part(&[piece], part_ends, job))
    })?;
    Ok(counts.into_pyarray(py))
}
