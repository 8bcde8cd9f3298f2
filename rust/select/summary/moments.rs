//! Count, extremes, mean and standard deviation of the scores that are numbers.
//!
//! The sum is kept as two float64, of which the second holds what the first lost (Knuth's two-sum), and integers are
//! added to their last digit: the mean is good to the last digit or two of a float64. Squares are those of deviations
//! from the mean of a block, joined in the order of the rows (Chan, Golub and `LeVeque` 1979). Threads change no bit.
//!
//! Of large numbers, sums and squares could be more than a float64 has room for. They are added in a second pass, each
//! times a power of two, by which no number that matters beside them loses a digit.

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

/// From here on, the squares of some 2^60 numbers could be more than a float64 has room for.
const LARGE: f64 = f64::from_bits((1023 + 448) << 52);

/// By what numbers are multiplied before they are added, and deviations once more before they are squared.
#[derive(Debug, Clone, Copy)]
struct Scale {
    sum: f64,
    square: f64,
}

impl Scale {
    const PLAIN: Self = Self { sum: 1.0, square: 1.0 };
    /// 2^-64, so that the sum of 2^63 numbers is below 2^1024, and 2^-512.
    const LARGE: Self =
        Self { sum: f64::from_bits((1023 - 64) << 52), square: f64::from_bits((1023 - 512) << 52) };
}

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

/// Returns the moments of a vector, in one pass, or two over numbers as large as 2^448.
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

fn of<T: Keyed>(source: &dyn Source, job: &Job<'_>) -> Result<Moments> {
    let mut found = pass::<T>(source, job, Scale::PLAIN)?;
    let Some((Number::Float(least), Number::Float(most))) = found.extremes else { return Ok(found) }; // Proof: no float.
    if least.is_infinite() || most.is_infinite() {
        // Whatever lies beside one.
        found.mean = if least.is_finite() {
            most
        } else if most.is_finite() {
            least
        } else {
            most + least
        };
        found.std = f64::NAN;
    } else if least.abs().max(most.abs()) >= LARGE {
        found = pass::<T>(source, job, Scale::LARGE)?;
        // A mean lies between the numbers, where rounding may put it a digit beyond, and so beyond all of float64.
        found.mean = found.mean.clamp(least, most);
    }
    Ok(found)
}

/// Returns the moments of a vector by sums of numbers that are multiplied before.
#[allow(clippy::cast_precision_loss)] // a mean over more than 2^53 rows has no exact count
fn pass<T: Keyed>(source: &dyn Source, job: &Job<'_>, scale: Scale) -> Result<Moments> {
    let parts = each_block::<T, Found>(source, job, Found::default, |found, (first, values)| {
        found.add(first, values, scale);
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
    let sums = tasks.into_iter().map(|(_, sums)| sums).reduce(|before, after| before.join(after, scale));
    let (mean, std) = match sums {
        None => (f64::NAN, f64::NAN),
        Some(sums) => {
            let deviation = (sums.squares / count as f64).sqrt();
            (sums.sum.total() / count as f64 / scale.sum, deviation / scale.square / scale.sum)
        }
    };
    let extremes = keys.map(|(least, most)| (T::number_of(least), T::number_of(most)));
    Ok(Moments { count, nan: stats.nan, first_nan: stats.first_nan, extremes, mean, std })
}

impl Found {
    fn add<T: Keyed>(&mut self, first: u64, values: &[T], scale: Scale) {
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
        if scale.sum < 1.0 {
            self.numbers.iter_mut().for_each(|number| *number *= scale.sum);
        }
        let mut sums = dispatch(Add { numbers: &self.numbers, scale });
        if T::ROUNDS {
            sums.sum.add(values.iter().map(|value| value.lost()).sum());
        }
        let task = first / TASK_ROWS;
        match self.tasks.last_mut() {
            Some((last, before)) if *last == task => *before = before.join(sums, scale),
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

    fn join(self, after: Self, scale: Scale) -> Self {
        let (mine, other) = (self.mean(), after.mean());
        // Between means that lie close together, far from 0, the gap is in what they lost.
        let gap = ((other.0 - mine.0) + (other.1 - mine.1)) * scale.square;
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
    scale: Scale,
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
                let deviation = (chunk[lane] - mean) * self.scale.square;
                lanes[lane] += deviation * deviation;
            }
        }
        let rest = rest
            .iter()
            .map(|number| (number - mean) * self.scale.square)
            .map(|deviation| deviation * deviation);
        Sums { count, sum, squares: lanes.into_iter().chain(rest).sum() }
    }
}
