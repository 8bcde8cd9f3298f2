//! The formats of score files: each reader finds the runs of values in a file, or decodes them.

pub(super) mod bergson;
mod booleans;
mod bytes;
mod choices;
pub(super) mod json_lines;
mod matrix;
pub(super) mod npy;
pub(super) mod npz;
pub(super) mod raw;
pub(super) mod safetensors;
pub(super) mod sniff;
pub(super) mod table;
pub(super) mod torch;
mod zip;
