//! Which tensor of the pickle's root is meant.

use std::collections::HashSet;

use super::items::{Item, Name, items_of};
use super::nested;
use super::pickle::{Heap, PickleValue, Tensor};
use crate::error::{At, Error, Result};
use crate::io::file::File;

/// The root itself, the item that `key` names, or the only item that can be the scores; and its name, if it has one.
pub(crate) fn choose<'p>(
    file: &File,
    heap: &Heap<'p>,
    root: PickleValue<'p>,
    key: Option<&str>,
) -> Result<(Tensor<'p>, Option<String>)> {
    let refuse =
        |message: String| Error::format(file.path(), At::Field("root of the pickle".into()), message);
    let items = match (root, key) {
        (PickleValue::Tensor(place), None) => return Ok((tensor(file, heap, place)?, None)),
        (PickleValue::Tensor(_), Some(key)) => {
            return Err(refuse(format!(
                "a tensor and nothing beside it, which has no names: leave key={key:?} out"
            )));
        }
        (root, _) => items_of(heap, root)?.ok_or_else(|| {
            refuse(format!("{}: expected a tensor, or a dict or list of tensors", root.kind()))
        })?,
    };
    let kind = root.kind();
    let item = match key {
        None => only(heap, kind, &items).map_err(refuse)?,
        Some(key) => by_key(heap, kind, &items, key).map_err(refuse)?,
    };
    match item.value {
        PickleValue::Tensor(place) => Ok((tensor(file, heap, place)?, Some(item.name.to_string()))),
        other => {
            let name = item.name.to_string();
            let choices = nested::choices(heap, &items, Some(item));
            Err(refuse(format!("key={name:?} is {}: expected a tensor; {choices}", other.kind())))
        }
    }
}

/// The item that a key names, or why there is no such one.
fn by_key<'i, 'p>(
    heap: &Heap<'p>,
    kind: &str,
    items: &'i [Item<'p>],
    key: &str,
) -> Result<&'i Item<'p>, String> {
    let mut named = items.iter().rev().filter(|item| match &item.name {
        Name::Text(name) => *name == key,
        Name::Number(number) => number.to_string() == key,
        Name::Other(_) => false,
    });
    // The last of equal keys is the one that Python keeps.
    let Some(item) = named.next() else {
        return Err(format!("{kind} without key={key:?}: {}", nested::choices(heap, items, None)));
    };
    if named.any(|other| other.name != item.name) {
        return Err(format!(
            "{kind} with both the number {key} and the text {key:?} as keys: rename one of them"
        ));
    }
    Ok(item)
}

/// The only tensor among the items, if nothing else among them can be the scores, or why there is none.
fn only<'i, 'p>(heap: &Heap<'p>, kind: &str, items: &'i [Item<'p>]) -> Result<&'i Item<'p>, String> {
    let mut tensors = items.iter().filter(|item| matches!(item.value, PickleValue::Tensor(_)));
    let (Some(item), None) = (tensors.next(), tensors.next()) else {
        let count = items.iter().filter(|item| matches!(item.value, PickleValue::Tensor(_))).count();
        return Err(format!(
            "{kind} with {count} tensors: expected one tensor; {}",
            nested::choices(heap, items, None)
        ));
    };
    let rival = |other: &&Item<'_>| {
        !matches!(other.value, PickleValue::Tensor(_)) && may_hold_scores(heap, other.value)
    };
    match items.iter().find(rival) {
        None => Ok(item),
        Some(rival) => Err(format!(
            "{kind} with the tensor {:?} and {} {:?} that holds numbers: either could be the scores; {}",
            item.name.to_string(),
            rival.value.kind().trim_start_matches("an ").trim_start_matches("a "),
            rival.name.to_string(),
            nested::choices(heap, items, Some(rival))
        )),
    }
}

/// Whether a value that is not a tensor has numbers or tensors in it, at any depth. A number alone is no vector.
fn may_hold_scores(heap: &Heap<'_>, value: PickleValue<'_>) -> bool {
    // Values are looked at once each, as one may lie in many others.
    let (mut lists, mut dicts) = (HashSet::new(), HashSet::new());
    let mut open = vec![value];
    let mut inside = false;
    while let Some(value) = open.pop() {
        match value {
            PickleValue::Tensor(_) | PickleValue::Storage(_) => return true,
            PickleValue::Int(_) | PickleValue::Float(_) if inside => return true,
            PickleValue::List(place) | PickleValue::Tuple(place) if lists.insert(place) => {
                // Proof: every place is one of a list that was made.
                open.extend(heap.lists.get(place).into_iter().flatten());
            }
            PickleValue::Dict(place) | PickleValue::OrderedDict(place) if dicts.insert(place) => {
                // Proof: every place is one of a dict that was made.
                open.extend(heap.dicts.get(place).into_iter().flatten().map(|(_, value)| *value));
            }
            _ => {}
        }
        inside = true;
    }
    false
}

fn tensor<'p>(file: &File, heap: &Heap<'p>, place: usize) -> Result<Tensor<'p>> {
    heap.tensors.get(place).copied().ok_or_else(|| {
        Error::Internal(format!("{}: a tensor of the pickle is not in its heap", file.path().display()))
    })
}
