//! The pickle of a torch file, read as data. Nothing it names is imported or called.

mod globals;
mod input;
mod machine;
mod opcodes;
mod rebuild;
mod site;
mod value;

pub(super) use globals::ValueType;
pub(super) use machine::read;
#[cfg(test)]
pub(super) use value::TorchStorage;
pub(super) use value::{Heap, PickleValue, Tensor};
