//! Turns a vector of scores into row numbers.
//!
//! ```text
//! threshold = estimate from a sample of the rows              pass/threshold
//! for each block of rows, in parallel:                        pass
//!     hits = rows whose score passes threshold                pass/scan, noise/prefilter
//!     store an entry (sort key, row) for each hit             candidates
//! cut the candidates to the k best                            candidates
//! sort them by key, lower rows first, and return the rows     candidates/order, candidates/radix_sort
//! ```
//!
//! Selections differ in what they rank a row by: its score ([`top_k()`]), how near it is to a value ([`nearest`]), its score
//! plus noise ([`gumbel_top_k`]), or random bits alone ([`sample()`]). Each is a `Ranker`, and they share the rest. Memory is proportional to k and not
//! to the length of the vector.
//!
//! Work over many machines holds no list of rows: [`cut_of`] finds the worst chosen entry in constant memory, and [`rows_of`]
//! gives the rows of any part from the scores of that part.
//!
//! Two words: a key ascends with the score; a sort key ascends from the best row to the worst.

#[doc(hidden)]
pub mod bench_api;
mod between;
mod candidates;
mod count;
mod cut;
mod exclude;
mod gumbel;
mod hits;
mod key;
mod near;
mod noise;
mod number;
mod options;
mod pass;
mod quota;
mod rows_between;
mod sample;
mod summary;
mod top_k;
mod validate;

pub use between::Between;
pub use count::{count_between, counts_between};
pub use cut::{
    Cut, Cuts, KeyHistogram, NextStep, Piece, Ranked, counts_by_part, cut_of, cut_of_weight,
    cuts_of_group_weights, cuts_of_groups, histogram_of, rows_of,
};
pub use exclude::Exclude;
pub use gumbel::{Noise, gumbel_top_k};
pub use near::nearest;
pub use number::{Nan, Number};
pub use options::{Order, SelectOptions};
pub use quota::{GroupCodes, Groups, RankBy, best_of_groups, count_of_groups, group_codes};
pub use rows_between::{RowsBetween, Worst, rows_between};
pub use sample::sample;
pub use summary::{
    AtShares, Histogram, MOST_BINS, Moments, Share, histogram, moments, scores_at, scores_at_shares,
};
pub use top_k::top_k;
pub use validate::check_k;
