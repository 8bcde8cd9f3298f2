//! What values were seen in the columns of JSON lines, from which their types follow.
//!
//! A shape tells which kinds of values there were, and where each was first. Shapes of parts of a file, and of files,
//! are merged into one, so that types depend on the values alone: not on the number of threads, nor on blocks.

use std::collections::HashMap;

use crate::checked;
use crate::error::Result;

/// The kinds of values that decide on a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `true` or `false`.
    Bool,
    /// A number without a point or an exponent.
    Integer,
    /// Any other number.
    Float,
    /// A text.
    Text,
    /// A list.
    List,
    /// An object.
    Object,
    /// An integer below zero.
    Negative,
    /// An integer beyond 2^53, which not every float64 has a place for.
    Wide,
    /// An integer beyond those of int64.
    Unsigned,
    /// An integer beyond those of uint64, or below those of int64.
    Huge,
    /// A number beyond those of float64.
    Endless,
}

impl Kind {
    /// All of them.
    pub(super) const ALL: [Self; KINDS] = [
        Self::Bool,
        Self::Integer,
        Self::Float,
        Self::Text,
        Self::List,
        Self::Object,
        Self::Negative,
        Self::Wide,
        Self::Unsigned,
        Self::Huge,
        Self::Endless,
    ];
}

const KINDS: usize = Kind::Endless as usize + 1;

/// Where a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seen {
    /// The file, by its place among all.
    pub(super) file: usize,
    /// The line, from 1.
    pub(super) line: u64,
}

/// What was seen of one column, field or list item.
#[derive(Debug, Default, Clone)]
pub(super) struct Shape {
    kinds: [Option<Seen>; KINDS],
    /// Values that are not null.
    pub(super) values: u64,
    /// Bytes of its texts.
    pub(super) text_bytes: u64,
    /// What the items of lists are.
    pub(super) items: Option<Box<Shape>>,
    /// What the fields of objects are.
    pub(super) fields: Fields,
}

/// A field of objects.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) shape: Shape,
    /// The object that it was last seen in: in one, it is there once.
    pub(super) object: u64,
}

/// The fields of objects, in the order in which they first appear.
#[derive(Debug, Default, Clone)]
pub(super) struct Fields {
    pub(super) all: Vec<Field>,
    places: HashMap<String, usize>,
}

impl Fields {
    /// The place of a field, which is new if there is none of this name. It is looked for at `hint` first: objects
    /// mostly have their fields in one order. Returns whether it is new.
    pub(super) fn place(&mut self, name: &str, hint: usize) -> (usize, bool) {
        if self.all.get(hint).is_some_and(|field| field.name == name) {
            return (hint, false);
        }
        if let Some(&place) = self.places.get(name) {
            return (place, false);
        }
        let place = self.all.len();
        self.places.insert(name.to_owned(), place);
        self.all.push(Field { name: name.to_owned(), shape: Shape::default(), object: 0 });
        (place, true)
    }

    /// A field by its name.
    pub(super) fn get(&self, name: &str) -> Option<&Shape> {
        self.places.get(name).and_then(|&place| self.all.get(place)).map(|field| &field.shape)
    }
}

impl Shape {
    /// Where a kind was first seen.
    pub(super) fn first(&self, kind: Kind) -> Option<Seen> {
        self.kinds[kind as usize]
    }

    /// Notes that a value is of a kind.
    pub(super) fn note(&mut self, kind: Kind, at: Seen) {
        let first = &mut self.kinds[kind as usize];
        if first.is_none_or(|first| at < first) {
            *first = Some(at);
        }
    }

    /// Adds what was seen behind: in the same file after so many `lines`, or in a later one. Returns how many fields
    /// are new.
    pub(super) fn merge(&mut self, behind: Self, lines: u64) -> Result<usize> {
        // Proof: both have a place for each kind.
        for (mine, behind) in self.kinds.iter_mut().zip(behind.kinds) {
            let Some(behind) = behind else { continue }; // Proof: what was not seen there adds nothing.
            let behind = Seen { line: checked::add(behind.line, lines)?, ..behind };
            if mine.is_none_or(|mine| behind < mine) {
                *mine = Some(behind);
            }
        }
        self.values = checked::add(self.values, behind.values)?;
        self.text_bytes = checked::add(self.text_bytes, behind.text_bytes)?;
        let mut more = 0;
        if let Some(items) = behind.items {
            more += self.items.get_or_insert_default().merge(*items, lines)?;
        }
        for (hint, field) in behind.fields.all.into_iter().enumerate() {
            let (place, is_new) = self.fields.place(&field.name, hint);
            let mine = self.fields.all.get_mut(place);
            let mine = mine.ok_or_else(|| checked::impossible("a field without a place"))?;
            more += usize::from(is_new) + mine.shape.merge(field.shape, lines)?;
        }
        Ok(more)
    }
}
