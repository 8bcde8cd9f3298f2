//! What rows are ranked by, and which rows of the whole they are.

use std::ops::Range;

use super::place::Rows;
use crate::checked;
use crate::error::{Error, Result};
use crate::exec::job::Job;
use crate::scores::Source;
use crate::select::candidates::entry::Key64Row64;
use crate::select::gumbel::{Noise, check_overflow};
use crate::select::key::Keyed;
use crate::select::options::SelectOptions;
use crate::select::pass::ranker::{PassStats, Visit};
use crate::select::quota::RankBy;
use crate::select::sample::check_population;
use crate::select::validate::check_nan;
use crate::with_dtype;

/// Rows, and what they are ranked by.
#[derive(Clone, Copy)]
pub enum Ranked<'a> {
    /// By the scores of a vector, which may be a part of the whole.
    Scores {
        /// The vector.
        source: &'a dyn Source,
        /// How.
        rank: RankBy,
    },
    /// By random bits: a uniform sample.
    Population {
        /// The rows of the whole that are drawn from.
        rows: &'a Range<u64>,
        /// The seed.
        seed: u64,
    },
}

impl Ranked<'_> {
    /// Returns which rows of the whole these are.
    pub(super) fn rows(&self) -> Result<Rows> {
        match self {
            Self::Scores { source, .. } => Ok(Rows { first: source.first_row(), len: source.len() }),
            Self::Population { rows, .. } => {
                Ok(Rows { first: rows.start, len: checked::sub(rows.end, rows.start)? })
            }
        }
    }

    /// Returns which rows of the whole these are.
    pub fn range(&self) -> Result<Range<u64>> {
        let rows = self.rows()?;
        Ok(rows.first..rows.end()?)
    }

    /// Returns the greatest sort key that one of these rows may have.
    pub(super) fn last_key(&self) -> u64 {
        match self {
            Self::Scores { source, rank: RankBy::Score { .. } | RankBy::Near { .. } } => {
                with_dtype!(source.dtype(), T => u64::MAX >> (u64::BITS - T::KEY_BITS))
            }
            Self::Scores { rank: RankBy::Draw { .. }, .. } | Self::Population { .. } => u64::MAX,
        }
    }

    /// Does what is done with the ranker of these rows.
    pub(super) fn visit<V: Visit>(
        &self,
        options: &SelectOptions<'_>,
        visit: &V,
        job: &Job<'_>,
    ) -> Result<V::Output> {
        match *self {
            Self::Scores { rank: RankBy::Draw { noise: Noise::Numpy { .. }, .. }, .. } => {
                Err(Error::Value(
                    "noise is \"numpy\", which is one stream for a whole vector: the rows of a part do not follow from a cut; draw with noise=\"philox\"".into(),
                ))
            }
            Self::Scores { source, rank } => rank.visit(source, options, visit, job),
            Self::Population { rows, seed } => {
                if !options.between.is_everything() {
                    return Err(Error::Value(
                        "a sample of rows has no scores that bounds could be for; leave them out".into(),
                    ));
                }
                visit.visit::<Key64Row64>(&check_population(rows, 0, seed, &options.exclude)?)
            }
        }
    }

    /// Fails for a score that is an error, with its row in the whole.
    pub(super) fn check(&self, options: &SelectOptions<'_>, stats: PassStats) -> Result<()> {
        let first = self.rows()?.first;
        let numbered = |row: Option<u64>| row.map(|row| checked::add(row, first)).transpose();
        let stats = PassStats {
            first_nan: numbered(stats.first_nan)?,
            first_overflow: numbered(stats.first_overflow)?,
            ..stats
        };
        match *self {
            Self::Population { .. } => Ok(()),
            Self::Scores { rank, .. } => {
                check_nan(options.nan, stats)?;
                match rank {
                    RankBy::Draw { temperature, .. } => check_overflow(stats, temperature),
                    RankBy::Score { .. } | RankBy::Near { .. } => Ok(()),
                }
            }
        }
    }
}
