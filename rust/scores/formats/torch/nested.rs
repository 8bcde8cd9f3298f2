//! What can be chosen of a pickle's root, as a phrase for errors: tensors that `key=` names, and those that it does not.

use std::collections::HashSet;

use super::items::{Item, Name, items_of};
use super::pickle::{Heap, PickleValue};
use crate::scores::formats::choices::choose_with;

/// Tensors that a message names where they lie deeper.
const SHOWN_DEEPER: usize = 5;
/// Dicts and lists that are searched for these.
const SEARCHED: usize = 10_000;

/// How to choose among the items of the root.
///
/// `instead` is an item that is no tensor, which was asked for or may be meant: what it holds is told as well.
pub(crate) fn choices(heap: &Heap<'_>, items: &[Item<'_>], instead: Option<&Item<'_>>) -> String {
    let deeper = deeper(heap, instead.map_or(items, std::slice::from_ref));
    let as_tensor = instead
        .filter(|_| deeper.is_none())
        .map(|item| format!("if {:?} is the scores, save it as a tensor by itself", item.name.to_string()));
    // Proof: what there is nothing to say of is left out.
    let said: Vec<_> = [named(items), unnamed(items), deeper, as_tensor].into_iter().flatten().collect();
    if said.is_empty() {
        return "there is no tensor in it; save the scores as one: torch.save(tensor, \"scores.pt\")"
            .to_owned();
    }
    said.join("; ")
}

/// The tensors of the root by their keys, as they are to be given.
fn named(items: &[Item<'_>]) -> Option<String> {
    let named = items
        .iter()
        .filter(|item| matches!(item.value, PickleValue::Tensor(_)) && !matches!(item.name, Name::Other(_)));
    choose_with(named.map(|item| item.name.to_string()))
}

/// The tensors of the root that have keys of other types.
fn unnamed(items: &[Item<'_>]) -> Option<String> {
    let count = items
        .iter()
        .filter(|item| matches!(item.value, PickleValue::Tensor(_)) && matches!(item.name, Name::Other(_)))
        .count();
    (count > 0).then(|| {
        format!("{count} have keys that are neither text nor whole numbers, which no key= names: save the one that is meant by itself")
    })
}

/// The tensors that lie deeper, and the line that takes the first out.
fn deeper(heap: &Heap<'_>, items: &[Item<'_>]) -> Option<String> {
    let paths = paths_of_deeper(heap, items);
    let first = paths.first()?;
    Some(format!(
        "tensors lie deeper, at {}, where no key= reaches: save the one that is meant by itself, as torch.save(torch.load(path, weights_only=True){first}, \"scores.pt\")",
        paths.join(" and ")
    ))
}

/// A name, and the place of the step before it. Paths are made of steps at the end alone: as texts they would grow with
/// the depth.
type NestedStep<'p> = (Option<usize>, Name<'p>);

/// Where the first tensors lie that are no items themselves, as Python takes them out: `["scores"]["squad"]`.
fn paths_of_deeper(heap: &Heap<'_>, items: &[Item<'_>]) -> Vec<String> {
    let mut steps: Vec<NestedStep<'_>> = items.iter().map(|item| (None, item.name)).collect();
    let (mut paths, mut seen) = (Vec::new(), HashSet::new());
    // In the order of their depth, the item with its step.
    let mut ahead: Vec<_> = items.iter().map(|item| item.value).enumerate().collect();
    let mut next = 0;
    while let Some(&(parent, value)) = ahead.get(next) {
        next += 1;
        let place = match value {
            PickleValue::Dict(place) | PickleValue::OrderedDict(place) => (true, place),
            PickleValue::List(place) | PickleValue::Tuple(place) => (false, place),
            _ => continue, // Proof: it holds nothing.
        };
        let is_new = seen.len() < SEARCHED && seen.insert(place);
        let Some(items) = items_of(heap, value).ok().flatten().filter(|_| is_new) else {
            continue; // Proof: what it holds was looked at, or more than a message needs.
        };
        for item in items {
            steps.push((Some(parent), item.name));
            ahead.push((steps.len() - 1, item.value));
            if matches!(item.value, PickleValue::Tensor(_)) {
                paths.extend(path_of(&steps, steps.len() - 1));
            }
            if paths.len() == SHOWN_DEEPER {
                return paths;
            }
        }
    }
    paths
}

/// The path to a step; None where a key on the way is neither text nor a number.
fn path_of(steps: &[NestedStep<'_>], last: usize) -> Option<String> {
    let mut names = Vec::new();
    let mut at = Some(last);
    while let Some((parent, name)) = at.and_then(|at| steps.get(at)) {
        names.push(match name {
            Name::Text(text) => format!("[{text:?}]"),
            Name::Number(number) => format!("[{number}]"),
            Name::Other(_) => return None, // Proof: no line of Python can be told that takes it out.
        });
        at = *parent;
    }
    names.reverse();
    Some(names.concat())
}
