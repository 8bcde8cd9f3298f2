//! Which tensor of the pickle's root is meant.

use super::pickle::{Heap, Tensor, Value};
use crate::error::{At, Error, Result};
use crate::scores::file::File;

/// The root itself, the item that `key` names, or the only tensor among the items.
pub(super) fn choose<'p>(
    file: &File,
    heap: &Heap<'p>,
    root: Value<'p>,
    key: Option<&str>,
) -> Result<Tensor<'p>> {
    let refuse =
        |message: String| Error::format(file.path(), At::Field("root of the pickle".into()), message);
    let items = match (root, key) {
        (Value::Tensor(place), None) => return tensor(file, heap, place),
        (Value::Tensor(_), Some(key)) => {
            return Err(refuse(format!(
                "a tensor and nothing beside it: expected no key=, found key={key:?}"
            )));
        }
        (Value::Dict(place) | Value::OrderedDict(place), _) => dict_items(heap, place),
        (Value::List(place) | Value::Tuple(place), _) => {
            let list = heap.lists.get(place).map(Vec::as_slice).unwrap_or_default();
            list.iter().enumerate().map(|(i, value)| (i.to_string(), *value)).collect()
        }
        (other, _) => return Err(refuse(format!("{}: expected a tensor", other.kind()))),
    };
    let kind = root.kind();
    let Some(key) = key else { return only(file, heap, kind, &items) };
    // The last of equal keys is the one that Python keeps.
    match items.iter().rev().find(|(name, _)| name == key) {
        Some((_, Value::Tensor(place))) => tensor(file, heap, *place),
        Some((_, other)) => Err(refuse(format!("key={key:?} is {}: expected a tensor", other.kind()))),
        None => {
            Err(refuse(format!("{kind} without key={key:?}: choose with key= one of {}", listing(&items))))
        }
    }
}

fn only<'p>(file: &File, heap: &Heap<'p>, kind: &str, items: &[(String, Value<'p>)]) -> Result<Tensor<'p>> {
    let tensors: Vec<_> = items
        .iter()
        .filter_map(|(_, value)| match value {
            Value::Tensor(place) => Some(*place),
            _ => None,
        })
        .collect();
    if let [place] = tensors.as_slice() {
        return tensor(file, heap, *place);
    }
    Err(Error::format(
        file.path(),
        At::Field("root of the pickle".into()),
        format!(
            "{kind} with {} tensors: expected one tensor; choose with key= one of {}",
            tensors.len(),
            listing(items)
        ),
    ))
}

fn dict_items<'p>(heap: &Heap<'p>, place: usize) -> Vec<(String, Value<'p>)> {
    let items = heap.dicts.get(place).map(Vec::as_slice).unwrap_or_default();
    let name = |key: &Value<'_>| match key {
        Value::Str(key) => Some((*key).to_owned()),
        Value::Int(key) => Some(key.to_string()),
        _ => None,
    };
    items.iter().filter_map(|(key, value)| Some((name(key)?, *value))).collect()
}

fn listing(items: &[(String, Value<'_>)]) -> String {
    let tensors = items.iter().filter(|(_, value)| matches!(value, Value::Tensor(_)));
    let mut names: Vec<_> = tensors.clone().take(20).map(|(name, _)| format!("{name:?}")).collect();
    let more = tensors.count() - names.len();
    if names.is_empty() {
        return "none: it has no tensor".into();
    }
    if more > 0 {
        names.push(format!("and {more} more"));
    }
    names.join(", ")
}

fn tensor<'p>(file: &File, heap: &Heap<'p>, place: usize) -> Result<Tensor<'p>> {
    heap.tensors.get(place).copied().ok_or_else(|| {
        Error::Internal(format!("{}: a tensor of the pickle is not in its heap", file.path().display()))
    })
}
