//! Score vector to row indices.
//!
//! Every selection is the same four steps over a [`Ranker`](pass::ranker::Ranker), which turns rows into entries that
//! sort best first: a threshold is estimated from a sample ([`pass::threshold`]), one parallel pass collects the entries
//! within the threshold ([`pass`]), they are cut to the k best, exactly ([`candidates`]), and ordered
//! ([`candidates::radix_sort`]). Nothing of the length of the vector is ever stored.

#[doc(hidden)]
pub mod bench_api;
mod candidates;
mod exclude;
mod gumbel;
mod hits;
mod key;
mod noise;
mod options;
mod pass;
mod sample;
mod top_k;
mod validate;

pub use exclude::Exclude;
pub use gumbel::{Noise, gumbel_top_k};
pub use options::{Nan, Order, SelectOptions};
pub use sample::sample;
pub use top_k::top_k;
pub use validate::check_k;
