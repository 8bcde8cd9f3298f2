//! What the pickle's calls mean: a storage from its persistent id, a tensor from its rebuild function.

use super::globals::{Global, ValueType};
use super::site::Site;
use super::value::{Heap, Storage, Tensor, Value};
use crate::error::{Error, Result};

/// What makes storages and tensors, for the opcode that asks for them.
pub(super) struct Rebuild<'h, 'a, 'p> {
    pub(super) site: Site<'a>,
    pub(super) heap: &'h mut Heap<'p>,
}

impl<'p> Rebuild<'_, '_, 'p> {
    /// `('storage', torch.FloatStorage, key, location, numel)`.
    pub(crate) fn persistent(&self, id: Value<'p>) -> Result<Storage<'p>> {
        let arguments = self.arguments("a persistent id", id)?;
        match arguments {
            [
                Value::Str("storage"),
                Value::Global(Global::Storage(kind)),
                Value::Str(key),
                Value::Str(location),
                Value::Int(numel),
            ] => Ok(Storage { kind: *kind, key, location, numel: *numel }),
            other => Err(self.wrong("a persistent id", "('storage', a storage type, str, str, int)", other)),
        }
    }

    /// The few calls that are understood.
    pub(crate) fn reduce(&mut self, callee: Value<'p>, arguments: Value<'p>) -> Result<Value<'p>> {
        let Value::Global(global) = callee else {
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

    fn ordered_dict(&mut self, arguments: Value<'p>) -> Result<Value<'p>> {
        match self.arguments("OrderedDict", arguments)? {
            [] => {
                self.heap.dicts.push(Vec::new());
                Ok(Value::OrderedDict(self.heap.dicts.len() - 1))
            }
            other => Err(self.wrong("OrderedDict", "no arguments", other)),
        }
    }

    fn tensor_v2(&mut self, arguments: Value<'p>) -> Result<Value<'p>> {
        const NAME: &str = "_rebuild_tensor_v2";
        let all = self.arguments(NAME, arguments)?;
        let Some((plain, rest @ ([] | [_]))) = all.split_at_checked(6) else {
            return Err(self.wrong(NAME, "6 arguments", all));
        };
        let tensor = self.tensor(NAME, plain, None, rest.first())?;
        Ok(self.push_tensor(tensor))
    }

    fn tensor_v3(&mut self, arguments: Value<'p>) -> Result<Value<'p>> {
        const NAME: &str = "_rebuild_tensor_v3";
        let all = self.arguments(NAME, arguments)?;
        let Some((plain, [Value::Global(Global::Type(kind)), rest @ ..])) = all.split_at_checked(6) else {
            return Err(self.wrong(NAME, "7 arguments, the last of them a type", all));
        };
        if rest.len() > 1 {
            return Err(self.wrong(NAME, "7 arguments", all));
        }
        let tensor = self.tensor(NAME, plain, Some(*kind), rest.first())?;
        Ok(self.push_tensor(tensor))
    }

    fn parameter(&self, arguments: Value<'p>) -> Result<Value<'p>> {
        const NAME: &str = "_rebuild_parameter";
        match self.arguments(NAME, arguments)? {
            [tensor @ Value::Tensor(_), Value::Bool(_), Value::OrderedDict(_)] => Ok(*tensor),
            other => Err(self.wrong(NAME, "3 arguments: a tensor, a bool, an OrderedDict", other)),
        }
    }

    fn tensor(
        &self,
        name: &str,
        plain: &[Value<'p>],
        kind: Option<ValueType>,
        metadata: Option<&Value<'p>>,
    ) -> Result<Tensor<'p>> {
        let [
            Value::Storage(storage),
            Value::Int(offset),
            Value::Tuple(size),
            Value::Tuple(stride),
            Value::Bool(_),
            Value::OrderedDict(_) | Value::None,
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

    fn metadata(&self, name: &str, metadata: Option<&Value<'p>>) -> Result<Option<usize>> {
        match metadata {
            None | Some(Value::None) => Ok(None),
            Some(Value::Dict(place) | Value::OrderedDict(place)) => Ok(Some(*place)),
            Some(other) => Err(self.wrong(name, "a dict of metadata", &[*other])),
        }
    }

    fn push_tensor(&mut self, tensor: Tensor<'p>) -> Value<'p> {
        self.heap.tensors.push(tensor);
        Value::Tensor(self.heap.tensors.len() - 1)
    }

    fn arguments(&self, name: &str, value: Value<'p>) -> Result<&[Value<'p>]> {
        match value {
            Value::Tuple(place) => self.heap.list(place),
            other => Err(self.wrong(name, "a tuple", &[other])),
        }
    }

    fn wrong(&self, name: &str, expected: &str, found: &[Value<'p>]) -> Error {
        let kinds: Vec<_> = found.iter().take(10).map(Value::kind).collect();
        self.site.refuse(format!(
            "{name} with {} arguments ({}): expected {expected}; nothing was run",
            found.len(),
            kinds.join(", ")
        ))
    }
}
