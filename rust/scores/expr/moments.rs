//! Mean and standard deviation of a vector, in float64.
//!
//! Each block of a fixed number of rows gives its count, mean and sum of squared deviations; the blocks are
//! joined in the order of the rows (Chan, Golub and `LeVeque` 1979), so that threads do not change a bit. All of it is
//! of the differences from the first score: where scores lie close to each other and far from 0, these are exact, and
//! sums of the scores themselves would lose what tells them apart.

use std::sync::{Mutex, OnceLock};

use super::exact::check_exact;
use super::kernels::Moments;
use crate::checked;
use crate::error::{Error, Result};
use crate::exec::forks::PerProcess;
use crate::exec::job::{Job, Queue};
use crate::scores::Source;
use crate::scores::dtype::{Scratch, with_values};
use crate::scores::float::ToFloat;

/// Rows of a block.
const BLOCK: u64 = 1 << 15;
/// A sum of squares below it may have lost digits of them, as float64 has fewer near 2^-1022.
const SMALLEST: f64 = 1e-280;

/// The moments of one vector, computed by whoever needs them first. A child that is forked meanwhile computes them
/// itself.
#[derive(Debug, Default)]
pub(crate) struct LazyMoments(PerProcess<MomentsOnce>);

#[derive(Debug, Default)]
struct MomentsOnce {
    /// Held by the one that computes.
    computing: Mutex<()>,
    moments: OnceLock<Moments>,
}

impl LazyMoments {
    /// The moments, computed the first time. Whoever waits for another to compute them sees Ctrl-C.
    pub(crate) fn get_or_compute(&self, of: &dyn Source, ddof: u64, job: &Job<'_>) -> Result<Moments> {
        if let Some(moments) = self.0.all().find_map(|once| once.moments.get()) {
            return Ok(*moments);
        }
        let mine = self.0.here()?;
        let _computing = job.lock(&mine.computing)?;
        if let Some(moments) = mine.moments.get() {
            return Ok(*moments);
        }
        let computed = moments(of, ddof, job)?;
        Ok(*mine.moments.get_or_init(|| computed))
    }
}

/// Count, mean and sum of squared deviations from it.
#[derive(Debug, Clone, Copy)]
struct Sums {
    count: f64,
    mean: f64,
    squares: f64,
    /// The one value that all rows have, if they have one.
    constant: Option<f64>,
}

impl Sums {
    #[allow(clippy::cast_precision_loss)] // a block has far fewer rows than 2^53
    fn of<T: ToFloat>(values: &[T], first: f64) -> Self {
        let count = values.len() as f64;
        let about = values.iter().map(|value| value.to_f64() - first).sum::<f64>() / count;
        let (mut rest, mut squares) = (0.0, 0.0);
        for value in values {
            let gap = (value.to_f64() - first) - about;
            rest += gap;
            squares += gap * gap;
        }
        // What the mean was rounded by, and the squares with it.
        let (mean, exact) = (about + rest / count, squares - rest * (rest / count));
        let squares = if exact < 0.0 { 0.0 } else { exact }; // NaN stays NaN.
        let constant = values.first().filter(|&first| values.iter().all(|value| value == first));
        Self { count, mean, squares, constant: constant.map(|value| value.to_f64()) }
    }

    fn join(self, after: Self) -> Self {
        let (gap, count) = (after.mean - self.mean, self.count + after.count);
        Self {
            count,
            mean: self.mean + gap * (after.count / count),
            squares: self.squares + after.squares + gap * gap * (self.count * after.count / count),
            constant: self.constant.filter(|value| after.constant == Some(*value)),
        }
    }
}

/// The moments of a vector, with the sum of squares divided by the number of rows less `ddof`.
#[allow(clippy::cast_precision_loss)] // a mean over more than 2^53 rows has no exact count
pub(crate) fn moments(scores: &dyn Source, ddof: u64, job: &Job<'_>) -> Result<Moments> {
    scores.prepare(job)?;
    scores.check_unchanged()?;
    let first = first_of(scores)?;
    let sums = block_sums(scores, first, job)?;
    scores.check_unchanged()?;
    let sums = sums.into_iter().reduce(Sums::join);
    let sums = sums.ok_or_else(|| Error::Value("zscore of no rows".into()))?;
    let std = (sums.squares / (sums.count - ddof as f64)).sqrt();
    let rows = scores.len();
    // The mean of equal values may be rounded, and none of them then is the mean.
    if let Some(value) = sums.constant.filter(|value| value.is_finite()) {
        let message = format!("zscore of {rows} rows that are all {value:?}: the standard deviation is 0");
        return Err(Error::Value(message));
    }
    if !std.is_finite() {
        let message = match first_not_finite(scores)? {
            Some(row) => format!(
                "zscore of {rows} rows: the standard deviation is {std}, because a score is NaN or infinite, the first at row {row}"
            ),
            None => format!(
                "zscore of {rows} rows: they lie so far apart that the squares of their differences do not fit into float64; divide the scores first, for example (scores / 1e160).zscore()"
            ),
        };
        return Err(Error::Value(message));
    }
    if sums.squares < SMALLEST {
        return Err(Error::Value(format!(
            "zscore of {rows} rows: they differ so little that the squares of their differences are lost in float64 (the standard deviation is about {std:?}); multiply the scores first, for example (scores * 1e160).zscore()"
        )));
    }
    Ok(Moments { mean: first + sums.mean, std })
}

/// The first score; of none, nothing is summed either.
fn first_of(scores: &dyn Source) -> Result<f64> {
    let mut scratch = Scratch::default();
    let values = scores.read(0..scores.len().min(1), &mut scratch)?;
    Ok(with_values!(values, values => values.first().map_or(0.0, |value| value.to_f64()))) // Proof: as it says.
}

fn block_sums(scores: &dyn Source, first: f64, job: &Job<'_>) -> Result<Vec<Sums>> {
    let len = scores.len();
    let queue = Queue::new(len.div_ceil(BLOCK));
    let found = job.run(|_, state| {
        let (mut scratch, mut mine) = (Scratch::default(), Vec::new());
        while let Some(block) = queue.take() {
            let start = checked::mul(block, BLOCK)?;
            let rows = start..start + BLOCK.min(checked::sub(len, start)?);
            scores.prefetch(rows.clone())?;
            let values = scores.read(rows.clone(), &mut scratch)?;
            check_exact(scores, &rows, values)?;
            mine.push((block, with_values!(values, values => Sums::of(values, first))));
            state.check()?;
        }
        Ok(mine)
    })?;
    let mut found = found.concat();
    checked::equal("blocks that were summed", found.len() as u64, len.div_ceil(BLOCK))?;
    found.sort_unstable_by_key(|&(block, _)| block);
    Ok(found.into_iter().map(|(_, sums)| sums).collect())
}

/// The first row whose score is NaN or infinite. Looked for only when there is one.
fn first_not_finite(scores: &dyn Source) -> Result<Option<u64>> {
    let mut scratch = Scratch::default();
    for start in (0..scores.len()).step_by(checked::index(BLOCK)?) {
        let rows = start..start + BLOCK.min(scores.len() - start);
        let values = scores.read(rows, &mut scratch)?;
        let at = with_values!(values, values => values.iter().position(|value| !value.to_f64().is_finite()));
        if let Some(at) = at {
            return Ok(Some(start + at as u64));
        }
    }
    Ok(None)
}
