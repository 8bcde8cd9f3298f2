//! Random bits of rows, and the Gumbel noise that they mean.

pub(super) mod bits;
pub(super) mod gumbel;
mod ln;
pub(super) mod pcg64;
pub(super) mod philox;
pub(super) mod prefilter;
