//! Selection from Python: `top_k`, `gumbel_top_k`, `sample`.

pub(super) mod cuts;
pub(super) mod quotas;
pub(super) mod summary;

use std::ops::Range;

use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;

use crate::checked;
use crate::error::{Error, Result};
use crate::exec::job::Job;
use crate::python::call;
use crate::python::scores::PyScores;
use crate::scores::{ArrayPart, DType, Source, Values};
use crate::select::{self, Between, Exclude, Nan, Noise, Number, Order, SelectOptions};

/// Scores as an argument: a `Scores`, or the bytes of a contiguous numpy array and the name of its type, with the number
/// of its first row in the whole that it is a part of, if it is one.
#[derive(FromPyObject)]
pub(super) enum ScoresArgument<'py> {
    Scores(Bound<'py, PyScores>),
    Array(PyReadonlyArray1<'py, u8>, String),
    Part(PyReadonlyArray1<'py, u8>, String, u64),
}

impl ScoresArgument<'_> {
    /// Borrows for one call what can be read without the GIL.
    fn source(&self) -> Result<Box<dyn Source + '_>> {
        match self {
            Self::Scores(scores) => Ok(Box::new(scores.get().scores.clone())),
            Self::Array(bytes, dtype) => Ok(Box::new(values_of(bytes, dtype)?)),
            Self::Part(bytes, dtype, first_row) => {
                Ok(Box::new(ArrayPart::new(values_of(bytes, dtype)?, *first_row)?))
            }
        }
    }
}

/// Borrows the values of an array, given as its bytes and the name of its type.
fn values_of<'a>(bytes: &'a PyReadonlyArray1<'_, u8>, dtype: &str) -> Result<Values<'a>> {
    let dtype = DType::parse(dtype).ok_or_else(|| Error::Type(format!("no scores are {dtype}")))?;
    Values::from_bytes(dtype, slice(bytes)?)
        .ok_or_else(|| Error::Internal("the array is not aligned to its type".into()))
}

/// Borrows an array of one run.
fn slice<'a, T: numpy::Element>(array: &'a PyReadonlyArray1<'_, T>) -> Result<&'a [T]> {
    array.as_slice().map_err(|e| Error::Internal(e.to_string()))
}

/// Excluded rows as an argument: row numbers, or one byte per row.
#[derive(FromPyObject)]
pub(super) enum ExcludeArgument<'py> {
    Rows(PyReadonlyArray1<'py, i64>),
    Mask(PyReadonlyArray1<'py, u8>),
}

/// Checks the excluded rows of an argument against the number of rows, without the GIL.
fn exclude<'a>(
    py: Python<'_>,
    argument: Option<&'a ExcludeArgument<'_>>,
    rows: u64,
) -> PyResult<Exclude<'a>> {
    match argument {
        None => Ok(Exclude::Nothing),
        Some(ExcludeArgument::Rows(ids)) => {
            let ids = slice(ids)?;
            call::run(py, 1, None, |job| job.run_one(|| Exclude::rows(ids, rows)))
        }
        Some(ExcludeArgument::Mask(mask)) => {
            let mask = slice(mask)?;
            call::run(py, 1, None, |job| job.run_one(|| Exclude::mask(mask, rows)))
        }
    }
}

/// Takes the excluded rows of an argument, which are those of a whole, for the rows `within` it. Others are of other parts;
/// a mask has one byte for each of these rows.
fn exclude_within<'a>(
    py: Python<'_>,
    argument: Option<&'a ExcludeArgument<'_>>,
    within: &Range<u64>,
) -> PyResult<Exclude<'a>> {
    match argument {
        Some(ExcludeArgument::Rows(ids)) => {
            let ids = slice(ids)?;
            call::run(py, 1, None, |job| job.run_one(|| Exclude::rows_within(ids, within)))
        }
        Some(ExcludeArgument::Mask(_)) | None => {
            exclude(py, argument, checked::sub(within.end, within.start)?)
        }
    }
}

/// How rows are selected, as an argument: the order of the result, what a NaN means, excluded rows, and the bounds of
/// scores.
#[derive(FromPyObject)]
pub(super) struct OptionsArgument<'py>(String, String, Option<ExcludeArgument<'py>>, BetweenArgument);

impl OptionsArgument<'_> {
    /// Returns the options of a selection from so many rows.
    fn options(&self, py: Python<'_>, rows: u64) -> PyResult<SelectOptions<'_>> {
        self.with(exclude(py, self.2.as_ref(), rows)?)
    }

    /// Returns the options of a selection from some rows of a whole, which excluded rows are rows of.
    fn options_within(&self, py: Python<'_>, within: &Range<u64>) -> PyResult<SelectOptions<'_>> {
        self.with(exclude_within(py, self.2.as_ref(), within)?)
    }

    fn with<'a>(&self, exclude: Exclude<'a>) -> PyResult<SelectOptions<'a>> {
        let Self(order, nan, _, bounds) = self;
        let (order, nan) = (parse_order(order)?, parse_nan(nan)?);
        Ok(SelectOptions { order, nan, exclude, between: between(*bounds)? })
    }
}

/// Borrows the scores of a call, and its options for as many rows.
fn borrowed<'a>(
    py: Python<'_>,
    scores: &'a ScoresArgument<'_>,
    options: &'a OptionsArgument<'_>,
) -> PyResult<(Box<dyn Source + 'a>, SelectOptions<'a>)> {
    let source = scores.source()?;
    let options = options.options(py, source.len())?;
    Ok((source, options))
}

fn parse_order(name: &str) -> Result<Order> {
    match name {
        "best_first" => Ok(Order::BestFirst),
        "best_last" => Ok(Order::BestLast),
        "row" => Ok(Order::Row),
        _ => Err(Error::Value(format!(
            "order is {name:?}; it is one of \"best_first\", \"best_last\", \"row\""
        ))),
    }
}

fn parse_nan(name: &str) -> Result<Nan> {
    match name {
        "raise" => Ok(Nan::Raise),
        "omit" => Ok(Nan::Omit),
        "largest" => Ok(Nan::Largest),
        "smallest" => Ok(Nan::Smallest),
        _ => Err(Error::Value(format!(
            "nan is {name:?}; it is one of \"raise\", \"omit\", \"largest\", \"smallest\""
        ))),
    }
}

/// A score, or a bound of scores: the number that it is in Python.
#[derive(FromPyObject, IntoPyObjectRef, IntoPyObject, Clone, Copy)]
pub(super) enum NumberArgument {
    Integer(i128),
    Float(f64),
}

impl NumberArgument {
    fn number(self) -> Number {
        match self {
            Self::Integer(number) => Number::Integer(number),
            Self::Float(number) => Number::Float(number),
        }
    }
}

/// The lower bound of scores and the upper one, as an argument.
type BetweenArgument = (Option<NumberArgument>, Option<NumberArgument>);

fn between((min, max): BetweenArgument) -> Result<Between> {
    Between::new(min.map(NumberArgument::number), max.map(NumberArgument::number))
}

/// Where the Gumbel noise comes from, as an argument: a Philox seed, or numpy's PCG64 state and increment.
#[derive(FromPyObject)]
pub(super) enum NoiseArgument {
    Philox(u64),
    Numpy(u128, u128),
}

impl NoiseArgument {
    /// Returns the noise.
    pub(super) fn noise(&self) -> Noise {
        match *self {
            Self::Philox(seed) => Noise::Philox { seed },
            Self::Numpy(state, increment) => Noise::Numpy { state, increment },
        }
    }
}

/// Returns a new array of `k` rows that `fill` fills without the GIL. Fails first if so many cannot be chosen.
fn filled<'py>(
    py: Python<'py>,
    k: u64,
    (rows, exclude): (u64, &Exclude<'_>),
    threads: Option<i64>,
    fill: impl FnOnce(&mut [i64], &Job<'_>) -> Result<()> + Send,
) -> PyResult<Bound<'py, PyArray1<i64>>> {
    select::check_k(k, rows, exclude.count())?;
    written(py, k, threads, fill)
}

/// Returns a new array of `k` rows that `fill` fills without the GIL.
///
/// numpy allocates it, because numpy puts large arrays in huge pages, which cost far less at their first touch.
fn written(
    py: Python<'_>,
    k: u64,
    threads: Option<i64>,
    fill: impl FnOnce(&mut [i64], &Job<'_>) -> Result<()> + Send,
) -> PyResult<Bound<'_, PyArray1<i64>>> {
    let array = py.import("numpy")?.call_method1("empty", (k, "int64"))?;
    let array = array.cast_into::<PyArray1<i64>>().map_err(|e| Error::Internal(e.to_string()))?;
    let mut room = array.readwrite();
    let into = room.as_slice_mut().map_err(|e| Error::Internal(e.to_string()))?;
    call::run(py, call::threads(threads)?, None, |job| fill(into, job))?;
    drop(room);
    Ok(array)
}

/// Returns the `k` best rows as int64.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)]
pub(super) fn top_k<'py>(
    py: Python<'py>,
    scores: ScoresArgument<'py>,
    k: u64,
    largest: bool,
    options: OptionsArgument<'py>,
    threads: Option<i64>,
) -> PyResult<Bound<'py, PyArray1<i64>>> {
    let (source, options) = borrowed(py, &scores, &options)?;
    filled(py, k, (source.len(), &options.exclude), threads, |rows, job| {
        select::top_k(&*source, rows, largest, &options, job)
    })
}

/// Returns the `k` rows whose scores are nearest to a value, as int64.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)]
pub(super) fn nearest<'py>(
    py: Python<'py>,
    scores: ScoresArgument<'py>,
    k: u64,
    value: NumberArgument,
    options: OptionsArgument<'py>,
    threads: Option<i64>,
) -> PyResult<Bound<'py, PyArray1<i64>>> {
    let (source, options) = borrowed(py, &scores, &options)?;
    filled(py, k, (source.len(), &options.exclude), threads, |rows, job| {
        select::nearest(&*source, rows, value.number(), &options, job)
    })
}

/// Returns how many rows have a score between each of some bounds.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)]
pub(super) fn counts_between<'py>(
    py: Python<'py>,
    scores: ScoresArgument<'py>,
    options: OptionsArgument<'py>,
    bounds: Vec<BetweenArgument>,
    threads: Option<i64>,
) -> PyResult<Vec<u64>> {
    let (source, options) = borrowed(py, &scores, &options)?;
    let bounds = bounds.into_iter().map(between).collect::<Result<Vec<Between>>>()?;
    call::run(py, call::threads(threads)?, None, |job| {
        select::counts_between(&*source, &options, &bounds, job)
    })
}

/// Returns how many rows have a score between two bounds.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)]
pub(super) fn count_between<'py>(
    py: Python<'py>,
    scores: ScoresArgument<'py>,
    options: OptionsArgument<'py>,
    threads: Option<i64>,
) -> PyResult<u64> {
    let (source, options) = borrowed(py, &scores, &options)?;
    call::run(py, call::threads(threads)?, None, |job| select::count_between(&*source, &options, job))
}

/// All rows between two scores: the rows, and of the worst score among them the first row and how many have it.
type AllBetween<'py> = (Bound<'py, PyArray1<i64>>, Option<(u64, u64)>);

/// Returns the rows whose score lies between two bounds, ascending as int64, and of the worst score among them the first
/// row and how many have it.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)]
pub(super) fn rows_between<'py>(
    py: Python<'py>,
    scores: ScoresArgument<'py>,
    largest: bool,
    options: OptionsArgument<'py>,
    threads: Option<i64>,
) -> PyResult<AllBetween<'py>> {
    let (source, options) = borrowed(py, &scores, &options)?;
    let found = call::run(py, call::threads(threads)?, None, |job| {
        select::rows_between(&*source, largest, &options, job)
    })?;
    let rows = written(py, found.len(), threads, |rows, job| found.fill(rows, job))?;
    Ok((rows, found.worst().map(|worst| (worst.row, worst.tied))))
}

/// Draws `k` rows with probability proportional to `exp(score / temperature)`; returns them as int64.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)]
pub(super) fn gumbel_top_k<'py>(
    py: Python<'py>,
    scores: ScoresArgument<'py>,
    k: u64,
    noise: NoiseArgument,
    temperature: f64,
    options: OptionsArgument<'py>,
    threads: Option<i64>,
) -> PyResult<Bound<'py, PyArray1<i64>>> {
    let (source, options) = borrowed(py, &scores, &options)?;
    let noise = noise.noise();
    filled(py, k, (source.len(), &options.exclude), threads, |rows, job| {
        select::gumbel_top_k(&*source, rows, noise, temperature, &options, job)
    })
}

/// Draws `k` of `0..rows` uniformly without replacement; returns them in random order as int64. They are rows of a whole
/// from `first_row` on, and are drawn by the random bits that they have there.
#[pyfunction]
#[pyo3(signature = (rows, k, seed, excluded, threads, first_row = 0))]
#[allow(clippy::needless_pass_by_value)]
pub(super) fn sample<'py>(
    py: Python<'py>,
    rows: u64,
    k: u64,
    seed: u64,
    excluded: Option<ExcludeArgument<'py>>,
    threads: Option<i64>,
    first_row: u64,
) -> PyResult<Bound<'py, PyArray1<i64>>> {
    let exclude = exclude(py, excluded.as_ref(), rows)?;
    let population = first_row..checked::add(first_row, rows)?;
    filled(py, k, (rows, &exclude), threads, |out, job| select::sample(&population, out, seed, &exclude, job))
}
