//! dsdm turns score vectors into training subsets.
//!
//! ```text
//! bytes ─ mmap ─▶ scores ─ select ─▶ row indices ─ gather ─▶ rows ─ write ─▶ dataset directory
//! ```
//!
//! Data moves left to right. A module imports only from modules to its left, and from what several share below them
//! all, such as [`error`] and [`parallel`]. The bindings (feature `python`) see everything; nothing sees the bindings.
//! `tests/architecture.rs` has the table of what may import what, and checks it.

mod checked;
pub mod error;
mod file;
mod forks;
mod guard;
mod handle;
pub mod identity;
mod ipc;
mod ipc_nodes;
mod ipc_offsets;
mod ipc_start;
mod json;
mod locks;
mod maps;
mod numbers_as_text;
pub mod parallel;
mod parquet_file;
mod room;
mod shown;
mod simd;
mod sniff;
mod threads;

pub mod gather;
pub mod mmap;
pub mod opened;
pub mod scores;
pub mod select;
pub mod write;

#[cfg(feature = "python")]
mod python;
