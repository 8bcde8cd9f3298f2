//! Which tensor of the pickle's root is meant.

use std::collections::HashSet;
use std::fmt;

use super::pickle::{Heap, Tensor, Value};
use crate::error::{At, Error, Result};
use crate::io::file::File;

/// An item of the root by its name.
struct Item<'p> {
    /// The key, or the place in a list.
    name: Name<'p>,
    value: Value<'p>,
}

/// What an item is called.
#[derive(PartialEq)]
enum Name<'p> {
    /// A str, which `key=` can name. It lies in the pickle: many items can share one long key.
    Text(&'p str),
    /// An int or a place, which `key=` names by its digits.
    Number(i64),
    /// What no `key=` names.
    Other(&'static str),
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(name) => f.write_str(name),
            Self::Number(number) => write!(f, "{number}"),
            Self::Other(kind) => write!(f, "({kind} as its key)"),
        }
    }
}

/// The root itself, the item that `key` names, or the only item that can be the scores; and its name, if it has one.
pub(crate) fn choose<'p>(
    file: &File,
    heap: &Heap<'p>,
    root: Value<'p>,
    key: Option<&str>,
) -> Result<(Tensor<'p>, Option<String>)> {
    let refuse =
        |message: String| Error::format(file.path(), At::Field("root of the pickle".into()), message);
    let items = match (root, key) {
        (Value::Tensor(place), None) => return Ok((tensor(file, heap, place)?, None)),
        (Value::Tensor(_), Some(key)) => {
            return Err(refuse(format!(
                "a tensor and nothing beside it: expected no key=, found key={key:?}"
            )));
        }
        (Value::Dict(place) | Value::OrderedDict(place), _) => dict_items(heap, place)?,
        (Value::List(place) | Value::Tuple(place), _) => {
            let named =
                (0..).zip(heap.list(place)?).map(|(at, &value)| Item { name: Name::Number(at), value });
            named.collect()
        }
        (other, _) => return Err(refuse(format!("{}: expected a tensor", other.kind()))),
    };
    let kind = root.kind();
    let item = match key {
        None => only(heap, kind, &items).map_err(refuse)?,
        Some(key) => by_key(kind, &items, key).map_err(refuse)?,
    };
    match item.value {
        Value::Tensor(place) => Ok((tensor(file, heap, place)?, Some(item.name.to_string()))),
        other => {
            Err(refuse(format!("key={:?} is {}: expected a tensor", item.name.to_string(), other.kind())))
        }
    }
}

/// The item that a key names, or why there is no such one.
fn by_key<'i, 'p>(kind: &str, items: &'i [Item<'p>], key: &str) -> Result<&'i Item<'p>, String> {
    let mut named = items.iter().rev().filter(|item| match &item.name {
        Name::Text(name) => *name == key,
        Name::Number(number) => number.to_string() == key,
        Name::Other(_) => false,
    });
    // The last of equal keys is the one that Python keeps.
    let Some(item) = named.next() else {
        return Err(format!("{kind} without key={key:?}: choose with key= one of {}", listing(items)));
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
    let mut tensors = items.iter().filter(|item| matches!(item.value, Value::Tensor(_)));
    let (Some(item), None) = (tensors.next(), tensors.next()) else {
        let count = items.iter().filter(|item| matches!(item.value, Value::Tensor(_))).count();
        return Err(format!(
            "{kind} with {count} tensors: expected one tensor; choose with key= one of {}",
            listing(items)
        ));
    };
    let rival =
        |other: &&Item<'_>| !matches!(other.value, Value::Tensor(_)) && may_hold_scores(heap, other.value);
    match items.iter().find(rival) {
        None => Ok(item),
        Some(rival) => Err(format!(
            "{kind} with the tensor {:?} and {} {:?} that holds numbers: either could be the scores; choose the tensor with key={:?}, or save the other as a tensor",
            item.name.to_string(),
            rival.value.kind().trim_start_matches("an ").trim_start_matches("a "),
            rival.name.to_string(),
            item.name.to_string()
        )),
    }
}

/// Whether a value that is not a tensor has numbers or tensors in it, at any depth. A number alone is no vector.
fn may_hold_scores(heap: &Heap<'_>, value: Value<'_>) -> bool {
    // Values are looked at once each, as one may lie in many others.
    let (mut lists, mut dicts) = (HashSet::new(), HashSet::new());
    let mut open = vec![value];
    let mut inside = false;
    while let Some(value) = open.pop() {
        match value {
            Value::Tensor(_) | Value::Storage(_) => return true,
            Value::Int(_) | Value::Float(_) if inside => return true,
            Value::List(place) | Value::Tuple(place) if lists.insert(place) => {
                // Proof: every place is one of a list that was made.
                open.extend(heap.lists.get(place).into_iter().flatten());
            }
            Value::Dict(place) | Value::OrderedDict(place) if dicts.insert(place) => {
                // Proof: every place is one of a dict that was made.
                open.extend(heap.dicts.get(place).into_iter().flatten().map(|(_, value)| *value));
            }
            _ => {}
        }
        inside = true;
    }
    false
}

fn dict_items<'p>(heap: &Heap<'p>, place: usize) -> Result<Vec<Item<'p>>> {
    let name = |key: &Value<'p>| match key {
        Value::Str(key) => Name::Text(key),
        Value::Int(key) => Name::Number(*key),
        other => Name::Other(other.kind()),
    };
    Ok(heap.dict(place)?.iter().map(|(key, value)| Item { name: name(key), value: *value }).collect())
}

fn listing(items: &[Item<'_>]) -> String {
    let tensors = items.iter().filter(|item| matches!(item.value, Value::Tensor(_)));
    let mut names: Vec<_> =
        tensors.clone().take(20).map(|item| format!("{:?}", item.name.to_string())).collect();
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
