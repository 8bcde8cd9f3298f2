//! Where a selection ends, as a few bytes: its cut, from which the rows of any part follow.
//!
//! Rows are in one total order, by sort key and then by row. A cut is the worst entry that is chosen: the chosen rows are
//! those whose entry is not worse. Whatever k is, a plan of work over many machines holds the cut alone, and each of them
//! computes the rows of its own part from the scores of that part ([`rows_of`]).
//!
//! ```text
//! entries between which the k-th lies = estimate from a sample                                   (estimate.rs)
//! loop:
//!     one pass: count the better entries, those between by buckets, and keep these if they are few   (search.rs)
//!     if they were kept: sort them and take the one that is the k-th                              (lane.rs)
//!     else: look within the bucket that the k-th lies in                                          (histogram.rs)
//! ```
//!
//! Sums of lengths in place of counts give the cut of a budget ([`cut_of_weight`]), and a search for each group in the same
//! passes those of quotas ([`cuts_of_groups`]). Memory depends on neither the rows nor k. Histograms of parts of the
//! scores merge ([`KeyHistogram`]), so that several machines can count.
//!
//! All row numbers here are those of the whole that a vector is a part of ([`Source::first_row`](crate::scores::Source)).

mod estimate;
mod goal;
mod histogram;
mod lane;
mod measure;
mod place;
mod ranked;
mod rows;
mod search;
#[cfg(test)]
mod tests;
mod weights;

pub use histogram::{KeyHistogram, NextStep};
pub use measure::{cut_of, cut_of_weight, cuts_of_group_weights, cuts_of_groups, histogram_of};
pub use place::Cut;
pub use ranked::Ranked;
pub use rows::{Cuts, Piece, counts_by_part, rows_of};
