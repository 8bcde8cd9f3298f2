//! Score vector to row indices.
//!
//! Every selection is the same four steps over a [`Ranker`](pass::Ranker), which turns rows into entries that
//! sort best first: a limit is estimated from a sample ([`sampling`]), one parallel pass collects the entries
//! within the limit ([`pass`]), they are cut to the k best, exactly ([`pieces`]), and ordered ([`sort`]). Nothing
//! of the length of the vector is ever stored.

mod entry;
mod exclude;
mod gumbel;
#[doc(hidden)]
pub mod kernels;
mod logarithm;
mod noise;
mod noisy;
mod order;
mod parting;
mod pass;
mod pieces;
mod rank;
mod rng;
mod sample;
mod sampling;
mod scan;
mod slab;
mod sort;
mod top_k;

pub use exclude::Exclude;
pub use gumbel::{Noise, gumbel_top_k};
pub use sample::sample;
pub use top_k::top_k;

use crate::checked;
use crate::error::{Error, Result};

/// The order of the selected rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Best first, ties to the lower row.
    #[default]
    BestFirst,
    /// The exact reverse of [`Order::BestFirst`].
    BestLast,
    /// Ascending rows.
    Row,
}

/// What a NaN score means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Nan {
    /// It is an error, which names their number and the first row.
    #[default]
    Raise,
    /// Such rows are never chosen.
    Omit,
    /// Greater than every number. All NaN are equal.
    Largest,
    /// Less than every number. All NaN are equal.
    Smallest,
}

/// How rows are selected, whatever by.
#[derive(Debug, Clone, Default)]
pub struct Options<'a> {
    /// The order of the result.
    pub order: Order,
    /// What a NaN score means.
    pub nan: Nan,
    /// Rows that are not there.
    pub exclude: Exclude<'a>,
}

/// Fails unless `k` of `rows` rows, less the excluded ones, can be had.
///
/// Every selection asks it first; a caller that makes room for `k` rows asks it before.
///
/// # Errors
///
/// [`Error::Value`], with both numbers.
pub fn check_k(k: u64, rows: u64, excluded: u64) -> Result<()> {
    let valid = checked::sub(rows, excluded)?;
    if k <= valid {
        return Ok(());
    }
    let but = if excluded == 0 { String::new() } else { format!(", of which {excluded} are excluded") };
    Err(Error::Value(format!("k is {k}, and there are {rows} rows{but}; k can be at most {valid}")))
}
