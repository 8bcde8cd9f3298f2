//! What a vector of scores is like: moments, order statistics, quantiles, a histogram. Each is some parallel passes over all rows,
//! whose memory is that of blocks and bins and not of rows.

mod histogram;
mod moments;
mod ranks;
mod shares;
mod tally;
#[cfg(test)]
mod tests;

pub use histogram::{Histogram, MOST_BINS, histogram};
pub use moments::{Moments, moments};
pub use ranks::scores_at;
pub use shares::{AtShares, Share, scores_at_shares};
