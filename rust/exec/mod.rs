//! How work runs: threads that can be stopped, instruction sets, and what holds when a library panics or memory ends.

pub(crate) mod catch_panic;
pub(crate) mod forks;
pub mod job;
pub(crate) mod locks;
pub(crate) mod memory;
pub(crate) mod simd;
pub(crate) mod threads;
