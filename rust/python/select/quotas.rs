//! Selection by groups from Python: `count_of_groups`, `best_of_groups`.

use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

use super::{NoiseArgument, NumberArgument, OptionsArgument, ScoresArgument, borrowed, slice, values_of};
use crate::python::call;
use crate::select::{self, Groups, RankBy};

/// By what rows are ranked, as an argument: the noise and the temperature of a draw, whether large
/// scores are good, or the value that they are to be near to.
#[derive(FromPyObject)]
pub(in crate::python) enum RankArgument {
    Draw(NoiseArgument, f64),
    Score(bool),
    Near((NumberArgument,)),
}

impl RankArgument {
    pub(super) fn rank(&self) -> RankBy {
        match self {
            Self::Score(largest) => RankBy::Score { largest: *largest },
            Self::Near((value,)) => RankBy::Near { value: value.number() },
            Self::Draw(noise, temperature) => {
                RankBy::Draw { noise: noise.noise(), temperature: *temperature }
            }
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

/// The names of groups, ascending, and each row's position among them.
type Codes<'py> = (Vec<i128>, Bound<'py, PyArray1<u32>>);

/// Returns the groups of rows by the whole number of each, or `None` if two numbers are far apart.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // the face of the Python function
pub(in crate::python) fn group_codes<'py>(
    py: Python<'py>,
    numbers: (PyReadonlyArray1<'py, u8>, String),
    threads: Option<i64>,
) -> PyResult<Option<Codes<'py>>> {
    let values = values_of(&numbers.0, &numbers.1)?;
    let found = call::run(py, call::threads(threads)?, None, |job| select::group_codes(values, job))?;
    Ok(found.map(|found| (found.names, found.codes.into_pyarray(py))))
}
