//! What the pickle's calls mean: a storage from its persistent id, a tensor from its rebuild function.

use super::globals::{Global, ValueType};
use super::site::Site;
use super::value::{Heap, PickleValue, Tensor, TorchStorage};
use crate::error::{Error, Result};

/// What makes storages and tensors, for the opcode that asks for them.
pub(super) struct Rebuild<'h, 'a, 'p> {
    pub(super) site: Site<'a>,
    pub(super) heap: &'h mut Heap<'p>,
}

impl<'p> Rebuild<'_, '_, 'p> {
    /// `('storage', torch.FloatStorage, key, location, numel)`.
    pub(crate) fn persistent(&self, id: PickleValue<'p>) -> Result<TorchStorage<'p>> {
        let arguments = self.arguments("a persistent id", id)?;
        match arguments {
            [
                PickleValue::Str("storage"),
                PickleValue::Global(Global::Storage(kind)),
                PickleValue::Str(key),
                PickleValue::Str(location),
                PickleValue::Int(numel),
            ] => Ok(TorchStorage { kind: *kind, key, location, numel: *numel }),
            other => Err(self.wrong("a persistent id", "('storage', a storage type, str, str, int)", other)),
        }
    }

    /// The few calls that are understood.
    pub(crate) fn reduce(
        &mut self,
        callee: PickleValue<'p>,
        arguments: PickleValue<'p>,
    ) -> Result<PickleValue<'p>> {
        let PickleValue::Global(global) = callee else {
            return Err(self.site.refuse(format!("{} is called: expected a known function", callee.kind())));
        };
        match global {
            Global::OrderedDict => self.ordered_dict(arguments),
            Global::TensorV2 => self.tensor_v2(arguments),
            Global::TensorV3 => self.tensor_v3(arguments),
            Global::Parameter => self.parameter(arguments),
            Global::Storage(_) | Global::Type(_) => {
                Err(self.site.refuse("a storage or value type is called: expected a known function"))
            }
        }
    }

    fn ordered_dict(&mut self, arguments: PickleValue<'p>) -> Result<PickleValue<'p>> {
        match self.arguments("OrderedDict", arguments)? {
            [] => {
                self.heap.dicts.push(Vec::new());
                Ok(PickleValue::OrderedDict(self.heap.dicts.len() - 1))
            }
            other => Err(self.wrong("OrderedDict", "no arguments", other)),
        }
    }

    fn tensor_v2(&mut self, arguments: PickleValue<'p>) -> Result<PickleValue<'p>> {
        const NAME: &str = "_rebuild_tensor_v2";
        let all = self.arguments(NAME, arguments)?;
        let Some((plain, rest @ ([] | [_]))) = all.split_at_checked(6) else {
            return Err(self.wrong(NAME, "6 arguments", all));
        };
        let tensor = self.tensor(NAME, plain, None, rest.first())?;
        Ok(self.push_tensor(tensor))
    }

    fn tensor_v3(&mut self, arguments: PickleValue<'p>) -> Result<PickleValue<'p>> {
        const NAME: &str = "_rebuild_tensor_v3";
        let all = self.arguments(NAME, arguments)?;
        let Some((plain, [PickleValue::Global(Global::Type(kind)), rest @ ..])) = all.split_at_checked(6)
        else {
            return Err(self.wrong(NAME, "7 arguments, the last of them a type", all));
        };
        if rest.len() > 1 {
            return Err(self.wrong(NAME, "7 arguments", all));
        }
        let tensor = self.tensor(NAME, plain, Some(*kind), rest.first())?;
        Ok(self.push_tensor(tensor))
    }

    fn parameter(&self, arguments: PickleValue<'p>) -> Result<PickleValue<'p>> {
        const NAME: &str = "_rebuild_parameter";
        match self.arguments(NAME, arguments)? {
            [tensor @ PickleValue::Tensor(_), PickleValue::Bool(_), PickleValue::OrderedDict(_)] => {
                Ok(*tensor)
            }
            other => Err(self.wrong(NAME, "3 arguments: a tensor, a bool, an OrderedDict", other)),
        }
    }

    fn tensor(
        &self,
        name: &str,
        plain: &[PickleValue<'p>],
        kind: Option<ValueType>,
        metadata: Option<&PickleValue<'p>>,
    ) -> Result<Tensor<'p>> {
        let [
            PickleValue::Storage(storage),
            PickleValue::Int(offset),
            PickleValue::Tuple(size),
            PickleValue::Tuple(stride),
            PickleValue::Bool(_),
            PickleValue::OrderedDict(_) | PickleValue::None,
        ] = plain
        else {
            return Err(self.wrong(name, "a storage, an int, two tuples, a bool and an OrderedDict", plain));
        };
        Ok(Tensor {
            storage: *storage,
            offset: *offset,
            size: *size,
            stride: *stride,
            kind,
            metadata: self.metadata(name, metadata)?,
            at: self.site.byte,
        })
    }

    fn metadata(&self, name: &str, metadata: Option<&PickleValue<'p>>) -> Result<Option<usize>> {
        match metadata {
            None | Some(PickleValue::None) => Ok(None),
            Some(PickleValue::Dict(place) | PickleValue::OrderedDict(place)) => Ok(Some(*place)),
            Some(other) => Err(self.wrong(name, "a dict of metadata", &[*other])),
        }
    }

    fn push_tensor(&mut self, tensor: Tensor<'p>) -> PickleValue<'p> {
        self.heap.tensors.push(tensor);
        PickleValue::Tensor(self.heap.tensors.len() - 1)
    }

    fn arguments(&self, name: &str, value: PickleValue<'p>) -> Result<&[PickleValue<'p>]> {
        match value {
            PickleValue::Tuple(place) => self.heap.list(place),
            other => Err(self.wrong(name, "a tuple", &[other])),
        }
    }

    fn wrong(&self, name: &str, expected: &str, found: &[PickleValue<'p>]) -> Error {
        let kinds: Vec<_> = found.iter().take(10).map(PickleValue::kind).collect();
        self.site.refuse(format!(
            "{name} with {} arguments ({}): expected {expected}; nothing was run",
            found.len(),
            kinds.join(", ")
        ))
    }
}
