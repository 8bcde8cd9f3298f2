//! Random bits of rows, the Gumbel noise that they mean, and the filter that spares most rows the noise.

pub(super) mod bits;
pub(super) mod gumbel;
mod ln;
pub(super) mod pcg64;
pub(super) mod philox;
pub(super) mod prefilter;
