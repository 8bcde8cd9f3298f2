//! What scores are like, from Python: `moments`, `scores_at`, `histogram`.

use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

use super::{NumberArgument, OptionsArgument, ScoresArgument, borrowed, slice};
use crate::checked;
use crate::error::Result;
use crate::python::call;
use crate::select::{self, Number, Share};

/// Count, extremes, mean and standard deviation of scores.
#[pyclass(frozen, get_all, module = "dsdm._native")]
pub(in crate::python) struct Moments {
    count: u64,
    nan: u64,
    first_nan: Option<u64>,
    least: Option<NumberArgument>,
    most: Option<NumberArgument>,
    mean: f64,
    std: f64,
}

/// The scores by bins, and how many are NaN.
type ByBins<'py> = (Bound<'py, PyArray1<i64>>, u64, Option<u64>);

/// Returns the moments of the scores that are numbers.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // the face of the Python function
pub(in crate::python) fn moments(
    py: Python<'_>,
    scores: ScoresArgument<'_>,
    threads: Option<i64>,
) -> PyResult<Moments> {
    let source = scores.source()?;
    let found = call::run(py, call::threads(threads)?, None, |job| select::moments(&*source, job))?;
    let select::Moments { count, nan, first_nan, extremes, mean, std } = found;
    let (least, most) = extremes.unzip();
    Ok(Moments { count, nan, first_nan, least: least.map(given), most: most.map(given), mean, std })
}

/// Returns the scores at some places of the ascending scores that are numbers.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // the face of the Python function
pub(in crate::python) fn scores_at(
    py: Python<'_>,
    scores: ScoresArgument<'_>,
    places: PyReadonlyArray1<'_, u64>,
    threads: Option<i64>,
) -> PyResult<Vec<NumberArgument>> {
    let source = scores.source()?;
    let places = slice(&places)?;
    let found = call::run(py, call::threads(threads)?, None, |job| select::scores_at(&*source, places, job))?;
    Ok(found.into_iter().map(given).collect())
}

/// How many rows may be chosen, and the scores below and above each share.
type ByShares = (u64, Vec<(NumberArgument, NumberArgument)>);

/// Returns how many rows may be chosen, and the two scores on either side of shares of them.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // the face of the Python function
pub(in crate::python) fn scores_at_shares(
    py: Python<'_>,
    scores: ScoresArgument<'_>,
    shares: Vec<(u64, u32)>,
    options: OptionsArgument<'_>,
    threads: Option<i64>,
) -> PyResult<ByShares> {
    let (source, options) = borrowed(py, &scores, &options)?;
    let shares = shares.into_iter().map(|(digits, decimals)| Share::new(digits, decimals));
    let shares = shares.collect::<Result<Vec<Share>>>()?;
    let found = call::run(py, call::threads(threads)?, None, |job| {
        select::scores_at_shares(&*source, &shares, &options, job)
    })?;
    Ok((found.count, found.ends.into_iter().map(|(low, high)| (given(low), given(high))).collect()))
}

/// Returns how many scores lie in each bin, how many are NaN, and the first row that is.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // the face of the Python function
pub(in crate::python) fn histogram<'py>(
    py: Python<'py>,
    scores: ScoresArgument<'py>,
    edges: Vec<NumberArgument>,
    threads: Option<i64>,
) -> PyResult<ByBins<'py>> {
    let source = scores.source()?;
    let edges: Vec<Number> = edges.into_iter().map(NumberArgument::number).collect();
    let threads = call::threads(threads)?;
    let found = call::run(py, threads, None, |job| select::histogram(&*source, &edges, job))?;
    let counts = found.counts.into_iter().map(checked::to).collect::<Result<Vec<i64>, _>>()?;
    Ok((counts.into_pyarray(py), found.nan, found.first_nan))
}

/// A number as Python has it.
fn given(number: Number) -> NumberArgument {
    match number {
        Number::Integer(number) => NumberArgument::Integer(number),
        Number::Float(number) => NumberArgument::Float(number),
    }
}
