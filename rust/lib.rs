//! dsdm turns score vectors into training subsets.
//!
//! ```text
//! bytes ─ mmap ─▶ scores ─ select ─▶ row indices ─ gather ─▶ rows ─ write ─▶ dataset directory
//! ```
//!
//! Data moves left to right. A module imports only from modules to its left, and from [`error`],
//! [`parallel`] and what several share (`checked`, `file`, `guard`, `handle`, `identity`, `ipc`, `locks`, `maps`, `numbers_as_text`,
//! `opened`, `parquet_file`, `room`, `simd`, `sniff`, `threads`) below them all. The bindings (feature `python`) see everything; nothing
//! sees the bindings.

mod checked;
pub mod error;
mod file;
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
