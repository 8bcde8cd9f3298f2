//! Selects so many rows of each group: the best by score, the nearest to a value, or drawn.

mod codes;
mod groups;

use super::candidates::entry::Entry;
use super::gumbel::{self, Noise};
use super::near;
use super::number::Number;
use super::options::SelectOptions;
use super::pass::ranker::{Ranker, Visit};
use super::top_k;
use super::validate::check_nan;
pub use codes::{GroupCodes, group_codes};
pub use groups::Groups;

use crate::checked;
use crate::error::{Error, Result};
use crate::exec::job::Job;
use crate::scores::Source;

/// By what rows are ranked.
#[derive(Debug, Clone, Copy)]
pub enum RankBy {
    /// By their scores.
    Score {
        /// Whether large scores are good.
        largest: bool,
    },
    /// By how near their scores are to a value.
    Near {
        /// The value.
        value: Number,
    },
    /// By their scores over the temperature, plus noise: a draw.
    Draw {
        /// Where the noise comes from.
        noise: Noise,
        /// What scores are divided by.
        temperature: f64,
    },
}

impl RankBy {
    /// Does what is done with the ranker.
    pub(super) fn visit<V: Visit>(
        self,
        source: &dyn Source,
        options: &SelectOptions<'_>,
        visit: &V,
        job: &Job<'_>,
    ) -> Result<V::Output> {
        source.check_unchanged()?;
        source.prepare(job)?;
        match self {
            Self::Score { largest } => top_k::visit(source, largest, options, visit),
            Self::Near { value } => near::visit(source, value, options, visit),
            Self::Draw { noise, temperature } => gumbel::visit(source, noise, temperature, options, visit),
        }
    }
}

/// Counts the rows of each group that can be chosen: those that are not excluded, whose score lies between the bounds,
/// and for a draw is not -inf.
pub fn count_of_groups(
    source: &dyn Source,
    rank: RankBy,
    groups: &Groups<'_>,
    options: &SelectOptions<'_>,
    job: &Job<'_>,
) -> Result<Vec<u64>> {
    rank.visit(source, options, &Count { groups, options, job }, job)
}

/// Returns the best rows of each group, as many as its quota, in the order of the options over all groups.
///
/// Ties go to the lower row. Memory: proportional to the sum of the quotas.
///
/// # Errors
///
/// [`Error::Value`] where a group has fewer rows that can be chosen.
pub fn best_of_groups(
    source: &dyn Source,
    rank: RankBy,
    groups: &Groups<'_>,
    quotas: &[u64],
    options: &SelectOptions<'_>,
    job: &Job<'_>,
) -> Result<Vec<i64>> {
    rank.visit(source, options, &Best { rank, groups, quotas, options, job }, job)
}

struct Count<'a> {
    groups: &'a Groups<'a>,
    options: &'a SelectOptions<'a>,
    job: &'a Job<'a>,
}

impl Visit for Count<'_> {
    type Output = Vec<u64>;

    fn visit<E: Entry>(&self, ranker: &dyn Ranker<E>) -> Result<Vec<u64>> {
        let (counts, stats) = groups::count(ranker, self.groups, self.job)?;
        check_nan(self.options.nan, stats)?;
        Ok(counts)
    }
}

struct Best<'a> {
    rank: RankBy,
    groups: &'a Groups<'a>,
    quotas: &'a [u64],
    options: &'a SelectOptions<'a>,
    job: &'a Job<'a>,
}

impl Visit for Best<'_> {
    type Output = Vec<i64>;

    fn visit<E: Entry>(&self, ranker: &dyn Ranker<E>) -> Result<Vec<i64>> {
        let (entries, stats) = groups::collect(ranker, self.groups, self.quotas, self.job)?;
        check_nan(self.options.nan, stats)?;
        if let RankBy::Draw { temperature, .. } = self.rank {
            gumbel::check_overflow(stats, temperature)?;
        }
        let wanted = self.quotas.iter().try_fold(0, |sum, &quota| checked::add(sum, quota))?;
        if (entries.len() as u64) < wanted {
            return Err(Error::Value(format!(
                "{wanted} rows are wanted of the groups, and {} of those rows can be chosen",
                entries.len()
            )));
        }
        groups::ordered(entries, ranker.rows(), self.options.order, self.job)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scores::Values;
    use crate::select::between::Between;
    use crate::select::{Exclude, Nan, gumbel_top_k, nearest, top_k};

    /// The oracle: each group by itself, with the rows of all others excluded.
    fn one_by_one(
        scores: &[f32],
        rank: RankBy,
        of_rows: &[u32],
        quotas: &[u64],
        between: Between,
    ) -> Vec<i64> {
        let mut all = Vec::new();
        for (group, &quota) in (0..).zip(quotas) {
            let mask: Vec<u8> = of_rows.iter().map(|&of| u8::from(of != group)).collect();
            let exclude = Exclude::mask(&mask, scores.len() as u64).unwrap();
            let options = SelectOptions { exclude, between, nan: Nan::Omit, ..SelectOptions::default() };
            let mut rows = vec![0; usize::try_from(quota).unwrap()];
            let (source, job) = (Values::F32(scores), Job::new(1));
            match rank {
                RankBy::Score { largest } => top_k(&source, &mut rows, largest, &options, &job).unwrap(),
                RankBy::Near { value } => nearest(&source, &mut rows, value, &options, &job).unwrap(),
                RankBy::Draw { noise, temperature } => {
                    gumbel_top_k(&source, &mut rows, noise, temperature, &options, &job).unwrap();
                }
            }
            all.append(&mut rows);
        }
        all.sort_unstable();
        all
    }

    #[test]
    #[allow(clippy::cast_precision_loss)] // small numbers
    fn groups_have_the_rows_that_each_would_have_alone() {
        let scores: Vec<f32> = (0..300_000_u32)
            .map(|row| {
                if row % 999 == 5 { f32::NAN } else { (row.wrapping_mul(2_654_435_761) >> 20) as f32 / 700.0 }
            })
            .collect();
        let of_rows: Vec<u32> = (0..300_000).map(|row| row % 35 * row % 7 % 5).collect();
        let between = Between::new(Some(Number::Float(0.5)), Some(Number::Integer(5))).unwrap();
        let draw = |noise| RankBy::Draw { noise, temperature: 0.7 };
        for rank in [
            RankBy::Score { largest: true },
            RankBy::Score { largest: false },
            RankBy::Near { value: Number::Float(2.3) },
            draw(Noise::Philox { seed: 3 }),
            draw(Noise::Numpy { state: 5 << 90, increment: 12_345 }),
        ] {
            let groups = Groups::new(&of_rows, 5, 300_000).unwrap();
            let options = SelectOptions { between, nan: Nan::Omit, ..SelectOptions::default() };
            let job = Job::new(2);
            let counts = count_of_groups(&Values::F32(&scores), rank, &groups, &options, &job).unwrap();
            let quotas: Vec<u64> =
                counts.iter().zip([1, 2, 3, 50, 0]).map(|(count, part)| count * part / 50).collect();
            let mut found =
                best_of_groups(&Values::F32(&scores), rank, &groups, &quotas, &options, &job).unwrap();
            found.sort_unstable();
            assert_eq!(found, one_by_one(&scores, rank, &of_rows, &quotas, between), "{rank:?}");
            let more: Vec<u64> = counts.iter().map(|count| count + 1).collect();
            assert!(best_of_groups(&Values::F32(&scores), rank, &groups, &more, &options, &job).is_err());
            let raise = SelectOptions { between, ..SelectOptions::default() };
            assert!(count_of_groups(&Values::F32(&scores), rank, &groups, &raise, &job).is_err());
        }
    }
}
