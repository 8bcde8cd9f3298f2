//! The items of a dict, list or tuple by their names.

use std::fmt;

use super::pickle::{Heap, PickleValue};
use crate::error::Result;

/// An item by its name.
pub(crate) struct Item<'p> {
    /// The key, or the place in a list.
    pub(crate) name: Name<'p>,
    pub(crate) value: PickleValue<'p>,
}

/// What an item is called.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Name<'p> {
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

/// The items of a value; None for a value that has none.
pub(crate) fn items_of<'p>(heap: &Heap<'p>, value: PickleValue<'p>) -> Result<Option<Vec<Item<'p>>>> {
    Ok(Some(match value {
        PickleValue::Dict(place) | PickleValue::OrderedDict(place) => {
            heap.dict(place)?.iter().map(|(key, value)| Item { name: name_of(*key), value: *value }).collect()
        }
        PickleValue::List(place) | PickleValue::Tuple(place) => {
            (0..).zip(heap.list(place)?).map(|(at, &value)| Item { name: Name::Number(at), value }).collect()
        }
        _ => return Ok(None), // Proof: it is none of the values that hold others.
    }))
}

fn name_of(key: PickleValue<'_>) -> Name<'_> {
    match key {
        PickleValue::Str(key) => Name::Text(key),
        PickleValue::Int(key) => Name::Number(key),
        other => Name::Other(other.kind()),
    }
}
