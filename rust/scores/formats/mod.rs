//! The formats of score files: each reader finds the runs of values in a file, or decodes them.

pub(super) mod arrow;
mod bytes;
mod choices;
mod column;
#[cfg(test)]
mod column_tests;
mod decompress;
pub(super) mod npy;
pub(super) mod npz;
pub(super) mod parquet;
pub(super) mod raw;
pub(super) mod safetensors;
pub(super) mod sniff;
pub(super) mod torch;
mod zip;
