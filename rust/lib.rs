//! dsdm turns score vectors into training subsets.
//!
//! ```text
//! bytes ─ mmap ─▶ scores ─ select ─▶ row indices ─ gather ─▶ rows ─ write ─▶ dataset directory
//! ```
//!
//! Data moves left to right. A folder uses only what stands above it in the table of `tests/architecture.rs`, which
//! checks it: errors and checked sums, [`exec`] (how work runs) and [`io`] (bytes of files) are for all. The bindings
//! (feature `python`) see everything; nothing sees the bindings.

// Clippy looks at the crate with the bindings. Without them the targets of fuzz/ have it checked: what only the bindings
// use is to be part of them.
#![cfg_attr(not(any(feature = "python", test)), deny(unused))]

mod checked;
pub mod error;
pub mod exec;
pub mod io;
mod parquet_file;
mod shown;

pub mod gather;
pub mod scores;
pub mod select;
pub mod write;

#[cfg(feature = "python")]
mod python;

/// It looks at the sources alone, and `cargo test --lib` has it too: as a test of its own it needs the whole crate built.
#[cfg(test)]
#[path = "../tests/architecture.rs"]
mod architecture;
