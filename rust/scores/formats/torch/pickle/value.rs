//! The values that a pickle describes. Compounds lie in a heap, and values name them by their place in it.

use super::globals::{Global, ValueType};
use crate::checked;
use crate::error::Result;

/// A value of the pickle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum PickleValue<'p> {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(&'p str),
    Global(Global),
    /// Place in [`Heap::lists`].
    Tuple(usize),
    /// Place in [`Heap::lists`].
    List(usize),
    /// Place in [`Heap::dicts`].
    Dict(usize),
    /// Place in [`Heap::dicts`].
    OrderedDict(usize),
    Storage(TorchStorage<'p>),
    /// Place in [`Heap::tensors`].
    Tensor(usize),
}

impl PickleValue<'_> {
    /// What it is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool(_) => "a bool",
            Self::Int(_) => "an int",
            Self::Float(_) => "a float",
            Self::Str(_) => "a str",
            Self::Global(_) => "a global",
            Self::Tuple(_) => "a tuple",
            Self::List(_) => "a list",
            Self::Dict(_) => "a dict",
            Self::OrderedDict(_) => "an OrderedDict",
            Self::Storage(_) => "a storage",
            Self::Tensor(_) => "a tensor",
        }
    }
}

/// A storage that a persistent id names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TorchStorage<'p> {
    pub(crate) kind: ValueType,
    /// Its entry is `data/<key>`.
    pub(crate) key: &'p str,
    pub(crate) location: &'p str,
    /// In values, or in bytes if untyped.
    pub(crate) numel: i64,
}

/// A tensor as it was described; nothing of it is checked against the file yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tensor<'p> {
    pub(crate) storage: TorchStorage<'p>,
    pub(crate) offset: i64,
    /// Place in [`Heap::lists`], not a copy: many tensors can share one long tuple.
    pub(crate) size: usize,
    /// Place in [`Heap::lists`].
    pub(crate) stride: usize,
    /// The type, if the storage has none.
    pub(crate) kind: Option<ValueType>,
    /// Place in [`Heap::dicts`] of flags such as `neg` and `conj`.
    pub(crate) metadata: Option<usize>,
    /// Byte of the file where it was built.
    pub(crate) at: u64,
}

/// The compounds.
#[derive(Debug, Default)]
pub(crate) struct Heap<'p> {
    pub(crate) lists: Vec<Vec<PickleValue<'p>>>,
    pub(crate) dicts: Vec<Vec<(PickleValue<'p>, PickleValue<'p>)>>,
    pub(crate) tensors: Vec<Tensor<'p>>,
}

impl<'p> Heap<'p> {
    /// The items of a tuple or list.
    pub(crate) fn list(&self, place: usize) -> Result<&[PickleValue<'p>]> {
        checked::get(&self.lists, place).map(Vec::as_slice)
    }

    /// The items of a dict, in the order in which they were set.
    pub(crate) fn dict(&self, place: usize) -> Result<&[(PickleValue<'p>, PickleValue<'p>)]> {
        checked::get(&self.dicts, place).map(Vec::as_slice)
    }
}
