//! The Arrow types that stand for what was seen, or why there is none.

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields};

use super::shape::{Field as SeenField, Kind, Seen, Shape};
use crate::error::{At, Error};

/// Bytes of an offset of a text or a list.
const OFFSET: u64 = 4;

/// Why a column has no type: where, and what is there.
pub(super) struct NoType {
    at: Seen,
    /// The names that lead to the value.
    column: String,
    what: String,
}

impl NoType {
    /// The error, given where the files are.
    pub(super) fn error(&self, paths: &[&Path]) -> Error {
        let message = format!(
            "column {:?}: {}; or leave the column out: name the others with columns=",
            self.column, self.what
        );
        let path = paths.get(self.at.file).copied();
        // Proof: it is there, as each file has one; without a name, the rest is still told.
        Error::schema(path.unwrap_or(Path::new("")), At::Line(self.at.line), message)
    }
}

/// The kinds of which a column has one.
const APART: [(Kind, &str); 6] = [
    (Kind::Bool, "true or false"),
    (Kind::Integer, "a number"),
    (Kind::Float, "a number"),
    (Kind::Text, "text"),
    (Kind::List, "a list"),
    (Kind::Object, "an object"),
];

/// The type of a column, whose values are named by `column`.
pub(super) fn type_of(shape: &Shape, column: &str, paths: &[&Path]) -> Result<DataType, NoType> {
    one_kind(shape, column, paths)?;
    if shape.first(Kind::Object).is_some() {
        let mut fields = Vec::new();
        for field in &shape.fields.all {
            let data_type = type_of(&field.shape, &format!("{column}.{}", field.name), paths)?;
            fields.push(Field::new(&field.name, data_type, true));
        }
        return Ok(DataType::Struct(Fields::from(fields)));
    }
    if shape.first(Kind::List).is_some() {
        let items = shape.items.as_ref();
        let item = items.map_or(Ok(DataType::Null), |items| type_of(items, &format!("{column}[]"), paths))?;
        return Ok(DataType::List(Arc::new(Field::new("item", item, true))));
    }
    if shape.first(Kind::Integer).is_some() || shape.first(Kind::Float).is_some() {
        return number_type(shape, paths).map_err(|(at, what)| NoType {
            at,
            column: column.to_owned(),
            what,
        });
    }
    let plain = [(Kind::Bool, DataType::Boolean), (Kind::Text, DataType::Utf8)];
    let found = plain.into_iter().find(|(kind, _)| shape.first(*kind).is_some());
    Ok(found.map_or(DataType::Null, |(_, data_type)| data_type))
}

/// Fails unless all values of a column are of one kind.
fn one_kind(shape: &Shape, column: &str, paths: &[&Path]) -> Result<(), NoType> {
    // Proof: kinds that were not seen decide nothing.
    let mut seen: Vec<_> =
        APART.iter().filter_map(|&(kind, name)| shape.first(kind).map(|at| (at, name))).collect();
    seen.sort_unstable();
    let other = seen.iter().find(|(_, name)| seen.first().is_some_and(|(_, first)| first != name));
    let (Some(&(first, one)), Some(&(at, other))) = (seen.first(), other) else { return Ok(()) }; // Proof: one kind, or none.
    let place = place(first, at, paths);
    let what =
        format!("{other} is here, and {one} {place}; the values of a column are of one kind: write them so");
    Err(NoType { at, column: column.to_owned(), what })
}

/// The type of a column of numbers that holds each of them as it is, or where there is none and why.
fn number_type(shape: &Shape, paths: &[&Path]) -> Result<DataType, (Seen, String)> {
    let there = |kind| shape.first(kind);
    if let Some(at) = there(Kind::Huge) {
        let what = "an integer is here that neither int64 nor uint64 has a place for; write it as text";
        return Err((at, what.to_owned()));
    }
    if let Some(at) = there(Kind::Endless) {
        let what = "a number is here that is beyond those of float64; write it as text, or as null";
        return Err((at, what.to_owned()));
    }
    match (there(Kind::Float), there(Kind::Wide)) {
        (Some(float), Some(at)) => {
            let place = place(float, at, paths);
            let what = format!(
                "an integer beyond 2^53 is here, and a number with a point or an exponent {place}; both would be float64, which cannot hold every such integer: write them as text, or as numbers of one kind"
            );
            return Err((at, what));
        }
        (Some(_), None) => return Ok(DataType::Float64),
        (None, _) => {}
    }
    match (there(Kind::Unsigned), there(Kind::Negative)) {
        (Some(at), Some(negative)) => {
            let place = place(negative, at, paths);
            let what = format!(
                "an integer beyond those of int64 is here, and one below zero {place}; no type holds both: write them as text"
            );
            Err((at, what))
        }
        (Some(_), None) => Ok(DataType::UInt64),
        (None, _) => Ok(DataType::Int64),
    }
}

/// Where another value is, seen from one.
fn place(other: Seen, from: Seen, paths: &[&Path]) -> String {
    let path = paths.get(other.file).filter(|_| other.file != from.file);
    path.map_or(format!("at line {}", other.line), |path| {
        format!("at line {} of {}", other.line, path.display())
    })
}

/// Whether every value that was seen has its place in a type, which values of other files have as well.
pub(super) fn holds(data_type: &DataType, shape: &Shape) -> bool {
    let only =
        |kinds: &[Kind]| Kind::ALL.iter().all(|kind| kinds.contains(kind) || shape.first(*kind).is_none());
    match data_type {
        DataType::Null => only(&[]),
        DataType::Boolean => only(&[Kind::Bool]),
        DataType::Utf8 => only(&[Kind::Text]),
        DataType::Int64 => only(&[Kind::Integer, Kind::Negative, Kind::Wide]),
        DataType::UInt64 => only(&[Kind::Integer, Kind::Wide, Kind::Unsigned]),
        DataType::Float64 => only(&[Kind::Integer, Kind::Negative, Kind::Float]),
        DataType::List(item) => {
            only(&[Kind::List]) && shape.items.as_ref().is_none_or(|items| holds(item.data_type(), items))
        }
        DataType::Struct(fields) => {
            let has = |field: &SeenField| {
                fields.find(&field.name).is_some_and(|(_, own)| holds(own.data_type(), &field.shape))
            };
            only(&[Kind::Object]) && shape.fields.all.iter().all(has)
        }
        _ => false,
    }
}

/// About how many bytes the values of a column take in memory, of so many rows or items.
///
/// Proof: an estimate, cut at the largest that there can be.
pub(super) fn bytes_of(shape: &Shape, data_type: &DataType, rows: u64) -> u64 {
    match data_type {
        DataType::Null => 0,
        DataType::Boolean => rows / 4,
        DataType::Utf8 => shape.text_bytes.saturating_add(rows.saturating_mul(OFFSET)),
        DataType::List(item) => {
            let items = shape.items.as_ref();
            let items = items.map_or(0, |items| bytes_of(items, item.data_type(), items.values));
            items.saturating_add(rows.saturating_mul(OFFSET))
        }
        DataType::Struct(fields) => fields.iter().fold(0u64, |sum, field| {
            let inner = shape.fields.get(field.name());
            sum.saturating_add(inner.map_or(0, |inner| bytes_of(inner, field.data_type(), rows)))
        }),
        _ => rows.saturating_mul(8),
    }
}
