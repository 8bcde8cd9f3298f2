//! Count, extremes, mean and standard deviation of the scores that are numbers.
//!
//! The sum is kept as two float64, of which the second holds what the first lost (Knuth's two-sum), and integers are
//! added to their last digit: the mean is good to the last digit or two of a float64. Squares are those of deviations
//! from the mean of a block, joined in the order of the rows (Chan, Golub and `LeVeque` 1979). Threads change no bit.

use crate::checked;
use crate::error::Result;
use crate::exec::job::Job;
use crate::exec::simd::{Kernel, dispatch};
use crate::scores::Source;
use crate::select::key::Keyed;
use crate::select::number::Number;
use crate::select::pass::TASK_ROWS;
use crate::select::pass::blocks::each_block;
use crate::select::pass::ranker::PassStats;
use crate::with_dtype;

/// Sums that are kept side by side, so that one need not wait for another.
const LANES: usize = 8;

/// The moments of a vector. Those of no numbers are NaN, and so is the deviation beside an infinite score.
#[derive(Debug, Clone, Copy)]
pub struct Moments {
    /// Scores that are numbers.
    pub count: u64,
    /// Scores that are NaN.
    pub nan: u64,
    /// The first row whose score is NaN.
    pub first_nan: Option<u64>,
    /// The least number and the greatest.
    pub extremes: Option<(Number, Number)>,
    /// The mean of the numbers.
    pub mean: f64,
    /// The square root of their mean squared deviation from it.
    pub std: f64,
}

/// Returns the moments of a vector, in one pass.
pub fn moments(source: &dyn Source, job: &Job<'_>) -> Result<Moments> {
    source.check_unchanged()?;
    source.prepare(job)?;
    with_dtype!(source.dtype(), T => of::<T>(source, job))
}

/// What a thread found, and the memory in which it does.
#[derive(Default)]
struct Found {
    /// The sums of each task that it took, in which it read all blocks in their order.
    tasks: Vec<(u64, Sums)>,
    keys: Option<(u64, u64)>,
    stats: PassStats,
    numbers: Vec<f64>,
}

#[allow(clippy::cast_precision_loss)] // a mean over more than 2^53 rows has no exact count
fn of<T: Keyed>(source: &dyn Source, job: &Job<'_>) -> Result<Moments> {
    let parts = each_block::<T, Found>(source, job, Found::default, |found, (first, values)| {
        found.add(first, values);
        Ok(())
    })?;
    let (mut stats, mut keys, mut tasks) = (PassStats::default(), None, Vec::new());
    for mut part in parts {
        stats.merge(&part.stats)?;
        keys = wider(keys, part.keys);
        tasks.append(&mut part.tasks);
    }
    tasks.sort_unstable_by_key(|&(task, _)| task);
    let count = checked::sub(source.len(), stats.nan)?;
    let sums = tasks.into_iter().map(|(_, sums)| sums).reduce(Sums::join);
    let (mean, std) = match sums {
        None => (f64::NAN, f64::NAN),
        Some(sums) => (sums.sum.total() / count as f64, (sums.squares / count as f64).sqrt()),
    };
    let extremes = keys.map(|(least, most)| (T::number_of(least), T::number_of(most)));
    Ok(Moments { count, nan: stats.nan, first_nan: stats.first_nan, extremes, mean, std })
}

impl Found {
    fn add<T: Keyed>(&mut self, first: u64, values: &[T]) {
        let Extent { least, most, nan } = dispatch(FindExtent { values });
        self.numbers.clear();
        if nan == 0 {
            self.numbers.extend(values.iter().map(|value| value.float()));
        } else {
            for (row, value) in (first..).zip(values) {
                if value.is_nan() {
                    self.stats.add_nan(row);
                } else {
                    self.numbers.push(value.float());
                }
            }
        }
        if self.numbers.is_empty() {
            return;
        }
        self.keys = wider(self.keys, Some((least, most)));
        let mut sums = dispatch(Add { numbers: &self.numbers });
        if T::ROUNDS {
            sums.sum.add(values.iter().map(|value| value.lost()).sum());
        }
        let task = first / TASK_ROWS;
        match self.tasks.last_mut() {
            Some((last, before)) if *last == task => *before = before.join(sums),
            _ => self.tasks.push((task, sums)),
        }
    }
}

fn wider(a: Option<(u64, u64)>, b: Option<(u64, u64)>) -> Option<(u64, u64)> {
    match (a, b) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        (a, b) => a.or(b),
    }
}

/// The least key and the greatest, and how many scores have none.
struct Extent {
    least: u64,
    most: u64,
    nan: u32,
}

struct FindExtent<'a, T> {
    values: &'a [T],
}

impl<T: Keyed> Kernel for FindExtent<'_, T> {
    type Output = Extent;

    #[inline(always)]
    fn run(self) -> Extent {
        let mut found = Extent { least: u64::MAX, most: 0, nan: 0 };
        for value in self.values {
            let (key, nan) = (value.key(), value.is_nan());
            found.least = found.least.min(if nan { u64::MAX } else { key });
            found.most = found.most.max(if nan { 0 } else { key });
            found.nan += u32::from(nan);
        }
        found
    }
}

/// A sum as two numbers: itself, and what it lost by rounding.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    high: f64,
    low: f64,
}

impl Sum {
    #[inline(always)]
    fn add(&mut self, number: f64) {
        let sum = self.high + number;
        let part = sum - self.high;
        self.low += (self.high - (sum - part)) + (number - part);
        self.high = sum;
    }

    fn join(mut self, other: Self) -> Self {
        self.add(other.high);
        self.low += other.low;
        self
    }

    /// The sum. Beside an infinite one, what it lost is no number.
    fn total(self) -> f64 {
        if self.high.is_finite() { self.high + self.low } else { self.high }
    }
}

/// How many numbers, their sum, and the sum of squared deviations from their mean.
#[derive(Debug, Clone, Copy)]
struct Sums {
    count: f64,
    sum: Sum,
    squares: f64,
}

impl Sums {
    /// The mean, and what it lost by rounding.
    fn mean(self) -> (f64, f64) {
        let mean = self.sum.total() / self.count;
        (mean, (mean.mul_add(-self.count, self.sum.high) + self.sum.low) / self.count)
    }

    fn join(self, after: Self) -> Self {
        let (mine, other) = (self.mean(), after.mean());
        // Between means that lie close together, far from 0, the gap is in what they lost.
        let gap = (other.0 - mine.0) + (other.1 - mine.1);
        let count = self.count + after.count;
        Self {
            count,
            sum: self.sum.join(after.sum),
            squares: self.squares + after.squares + gap * gap * (self.count * after.count / count),
        }
    }
}

struct Add<'a> {
    numbers: &'a [f64],
}

impl Kernel for Add<'_> {
    type Output = Sums;

    #[inline(always)]
    #[allow(clippy::cast_precision_loss)] // a block has far fewer rows than 2^53
    fn run(self) -> Sums {
        let (chunks, rest) = self.numbers.as_chunks::<LANES>();
        let mut lanes = [Sum::default(); LANES];
        for chunk in chunks {
            for lane in 0..LANES {
                lanes[lane].add(chunk[lane]);
            }
        }
        let mut sum = lanes.into_iter().fold(Sum::default(), Sum::join);
        for &number in rest {
            sum.add(number);
        }
        let count = self.numbers.len() as f64;
        let mean = sum.total() / count;
        let mut lanes = [0.0; LANES];
        for chunk in chunks {
            for lane in 0..LANES {
                lanes[lane] += (chunk[lane] - mean) * (chunk[lane] - mean);
            }
        }
        let rest = rest.iter().map(|number| (number - mean) * (number - mean));
        Sums { count, sum, squares: lanes.into_iter().chain(rest).sum() }
    }
}
