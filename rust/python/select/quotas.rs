//! Selection by groups from Python: `count_of_groups`, `best_of_groups`.

use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

use super::{NoiseArgument, OptionsArgument, ScoresArgument, borrowed, slice};
use crate::python::call;
use crate::select::{self, Groups, RankBy};

/// By what rows are ranked, as an argument: the noise and the temperature of a draw, or whether large scores are good.
#[derive(FromPyObject)]
pub(in crate::python) enum RankArgument {
    Draw(NoiseArgument, f64),
    Score(bool),
}

impl RankArgument {
    fn rank(self) -> RankBy {
        match self {
            Self::Score(largest) => RankBy::Score { largest },
            Self::Draw(noise, temperature) => RankBy::Draw { noise: noise.noise(), temperature },
        }
    }
}

/// Returns how many rows of each group can be chosen, as uint64.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // the face of the Python function
pub(in crate::python) fn count_of_groups<'py>(
    py: Python<'py>,
    scores: ScoresArgument<'py>,
    rank: RankArgument,
    groups: (PyReadonlyArray1<'py, u32>, usize),
    options: OptionsArgument<'py>,
    threads: Option<i64>,
) -> PyResult<Bound<'py, PyArray1<u64>>> {
    let (source, options) = borrowed(py, &scores, &options)?;
    let groups = Groups::new(slice(&groups.0)?, groups.1, source.len())?;
    let rank = rank.rank();
    let counts = call::run(py, call::threads(threads)?, None, |job| {
        select::count_of_groups(&*source, rank, &groups, &options, job)
    })?;
    Ok(counts.into_pyarray(py))
}

/// Returns the best rows of each group, as many as its quota, as int64.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)]
pub(in crate::python) fn best_of_groups<'py>(
    py: Python<'py>,
    scores: ScoresArgument<'py>,
    rank: RankArgument,
    groups: (PyReadonlyArray1<'py, u32>, usize),
    quotas: PyReadonlyArray1<'py, u64>,
    options: OptionsArgument<'py>,
    threads: Option<i64>,
) -> PyResult<Bound<'py, PyArray1<i64>>> {
    let (source, options) = borrowed(py, &scores, &options)?;
    let groups = Groups::new(slice(&groups.0)?, groups.1, source.len())?;
    let quotas = slice(&quotas)?;
    let rank = rank.rank();
    let rows = call::run(py, call::threads(threads)?, None, |job| {
        select::best_of_groups(&*source, rank, &groups, quotas, &options, job)
    })?;
    Ok(rows.into_pyarray(py))
}
