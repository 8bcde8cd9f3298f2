//! What the values of a column mean beside their type: the names of a `ClassLabel`, the shape of an array, an extension
//! type of Arrow.
//!
//! Rows come out with the features of the first part, so a part in which the same values mean something else must be
//! refused. Only what changes the meaning is compared: releases of `datasets` spell all else in different ways.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use arrow::datatypes::{DataType, Field, Schema};
use serde_json::{Map, Value};

use crate::error::{At, Error, Result};
use crate::gather::columns::extension::{DATA, NAME, array_of, is_of_arrow, told};
use crate::gather::columns::types::FEATURES;

/// Names of classes that a message lists, and characters of each.
const MOST_NAMES: usize = 10;
const MOST_CHARACTERS: usize = 60;
/// Types of `datasets` that values are reshaped by.
const ARRAYS: [&str; 4] = ["Array2D", "Array3D", "Array4D", "Array5D"];
/// Types of `datasets` whose values are read as they are stored.
const PLAIN: [&str; 6] =
    ["Value", "Sequence", "List", "LargeList", "Translation", "TranslationVariableLanguages"];

/// What values mean by a feature of `datasets`.
#[derive(Debug, Clone, PartialEq)]
enum Feature {
    /// Numbers of classes with these names.
    Named(Vec<Value>),
    /// Numbers of so many classes, which are named by their numbers.
    Numbered(String),
    /// Values of a `ClassLabel` that tells no classes in a way that is known.
    Unnamed,
    /// Rows of a type of array, with its shape and the type of its values.
    Array { kind: String, shape: Value, dtype: Value },
    /// Values that are read as something else, as the bytes or path of an `Image`, and how.
    Decoded { kind: String, how: Map<String, Value> },
}

/// An extension type of Arrow.
#[derive(Debug, Clone, PartialEq)]
struct Extension {
    name: String,
    told: Value,
}

/// What is told of values. Where pyarrow does not know an extension type, `datasets` sees what it stores, and so the
/// feature beside it: one does not stand for the other.
#[derive(Debug, Clone, Default)]
struct Meaning {
    feature: Option<Feature>,
    extension: Option<Extension>,
}

/// Whether two parts mean the same. An extension type that pyarrow does not know is what it stores, also for a part that
/// tells of none; one of Arrow itself is another type.
fn are_alike(one: Option<&Meaning>, other: Option<&Meaning>) -> bool {
    let extensions = [one, other].map(|it| it.and_then(|it| it.extension.as_ref()));
    let are_alike = match extensions {
        [Some(extension), None] | [None, Some(extension)] => !is_of_arrow(&extension.name),
        [one, other] => one == other,
    };
    are_alike && feature_of(one) == feature_of(other)
}

fn feature_of(meaning: Option<&Meaning>) -> Option<&Feature> {
    meaning.and_then(|it| it.feature.as_ref())
}

/// The meanings in a schema, by where they are: `"column"["field"][]`.
type Meanings = BTreeMap<String, Meaning>;

/// What parts tell of their columns, which is the same wherever they have values.
pub(in crate::gather::columns) struct Meant<'s> {
    path: &'s Path,
    schema: &'s Schema,
    known: Option<Known<'s>>,
}

/// What is known by the parts so far.
struct Known<'s> {
    meanings: Meanings,
    /// Places at which no part has another type than null: values that are not there mean nothing.
    empty: BTreeSet<String>,
    /// Places that were empty in the first part, and the part that tells of them.
    told_by: Vec<(String, &'s Path)>,
}

impl<'s> Meant<'s> {
    pub(in crate::gather::columns) fn new(path: &'s Path, schema: &'s Schema) -> Self {
        Self { path, schema, known: None }
    }

    /// Fails if values of the same column mean something else in another part.
    pub(in crate::gather::columns) fn add(&mut self, path: &'s Path, schema: &'s Schema) -> Result<()> {
        // Shards of one dataset tell the same in the same words, and nothing is parsed.
        let same_words = self.schema.metadata().get(FEATURES) == schema.metadata().get(FEATURES);
        if same_words && self.schema.fields() == schema.fields() {
            return Ok(());
        }
        let first = self.schema;
        let known = self.known.get_or_insert_with(|| Known {
            meanings: meanings(first),
            empty: empty_places(first),
            told_by: Vec::new(),
        });
        let (mut found, mut empty) = (meanings(schema), empty_places(schema));
        // What is empty in all parts so far takes its meaning from this one.
        let is_empty_here = |place: &String| empty.iter().any(|empty| lies_in(place, empty));
        let newly: Vec<String> = known.empty.iter().filter(|place| !is_empty_here(place)).cloned().collect();
        for place in newly {
            known.empty.remove(&place);
            known.meanings.retain(|known, _| !lies_in(known, &place));
            let told = |(at, meaning): (&String, &Meaning)| (at.clone(), meaning.clone());
            known.meanings.extend(found.iter().filter(|(at, _)| lies_in(at, &place)).map(told));
            known.empty.extend(empty.iter().filter(|at| lies_in(at, &place)).cloned());
            known.told_by.push((place, path));
        }
        empty.append(&mut known.empty.clone());
        let has_values = |place: &String| !empty.iter().any(|empty| lies_in(place, empty));
        found.retain(|place, _| has_values(place));
        let places = known.meanings.keys().filter(|place| has_values(place)).chain(found.keys());
        let mut places = places.filter(|&place| !are_alike(known.meanings.get(place), found.get(place)));
        let Some(place) = places.next() else { return Ok(()) }; // Proof: all are the same.
        let (here, there) = (found.get(place), known.meanings.get(place));
        let by = known.told_by.iter().rev().find(|(at, _)| lies_in(place, at));
        let message = format!(
            "its values are {} here and {} in {}; shards must have the same features: cast one of them with datasets (Dataset.cast(features)) and save it again, or open them apart",
            described(here, there),
            described(there, here),
            by.map_or(self.path, |(_, path)| path).display() // Proof: what no other tells, the first does.
        );
        Err(Error::schema(path, At::Field(format!("column {place}")), message))
    }

    /// Whether anything is told of the values of a column.
    pub(in crate::gather::columns) fn tell_of(&self, column: &str) -> bool {
        self.any_of(column, |_| true)
    }

    /// Whether values of a column are read as something else than what is stored.
    pub(in crate::gather::columns) fn decode(&self, column: &str) -> bool {
        self.any_of(column, |meaning| matches!(meaning.feature, Some(Feature::Decoded { .. })))
    }

    fn any_of(&self, column: &str, is: impl Fn(&Meaning) -> bool) -> bool {
        let place = format!("{column:?}");
        let any = |known: &Meanings| known.iter().any(|(at, meaning)| lies_in(at, &place) && is(meaning));
        self.known.as_ref().map_or_else(|| any(&meanings(self.schema)), |known| any(&known.meanings))
    }
}

/// Whether a place is another or lies in it.
fn lies_in(place: &str, other: &str) -> bool {
    place.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
}

/// Where the type is null.
fn empty_places(schema: &Schema) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    schema.fields().iter().for_each(|field| add_empty(&mut found, format!("{:?}", field.name()), field));
    found
}

fn add_empty(found: &mut BTreeSet<String>, place: String, field: &Field) {
    match field.data_type() {
        DataType::Null => {
            found.insert(place);
        }
        DataType::List(inner) | DataType::LargeList(inner) | DataType::FixedSizeList(inner, _) => {
            add_empty(found, format!("{place}[]"), inner);
        }
        DataType::Struct(fields) => {
            fields.iter().for_each(|inner| add_empty(found, format!("{place}[{:?}]", inner.name()), inner));
        }
        _ => {}
    }
}

fn meanings(schema: &Schema) -> Meanings {
    let mut found = Meanings::new();
    // Proof: what is no JSON tells nothing, as everywhere.
    let told = schema
        .metadata()
        .get(FEATURES)
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or(Value::Null);
    let features: Option<&Value> = told.pointer("/info/features");
    for field in schema.fields() {
        let place = format!("{:?}", field.name());
        if let Some(feature) = features.and_then(|features| features.get(field.name())) {
            add_told(&mut found, place.clone(), feature);
        }
        add_stored(&mut found, place, field);
    }
    found
}

/// Adds what a feature tells, and those in it. It lies no deeper than the parser of JSON takes.
fn add_told(found: &mut Meanings, place: String, feature: &Value) {
    match feature {
        Value::Array(items) => items.iter().for_each(|item| add_told(found, format!("{place}[]"), item)),
        Value::Object(feature) => match feature.get("_type") {
            Some(Value::String(kind)) => add_typed(found, place, kind, feature),
            // A column or field may have the name `_type`: its value is then a feature.
            _ => {
                for (name, inner) in feature {
                    add_told(found, format!("{place}[{name:?}]"), inner);
                }
            }
        },
        _ => {}
    }
}

fn add_typed(found: &mut Meanings, place: String, kind: &str, feature: &Map<String, Value>) {
    match (kind, feature.get("feature")) {
        ("ClassLabel", _) => {
            add_feature(found, place, classes(feature));
        }
        // As old releases have it: a list of dicts is stored as a dict of lists.
        ("Sequence", Some(Value::Object(fields))) if !fields.get("_type").is_some_and(Value::is_string) => {
            let mut add =
                |(name, inner): (&String, _)| add_told(found, format!("{place}[{name:?}][]"), inner);
            fields.iter().for_each(&mut add);
        }
        ("Sequence" | "List" | "LargeList", Some(inner)) => add_told(found, format!("{place}[]"), inner),
        _ if ARRAYS.contains(&kind) => {
            // Proof: a shape or type that is not told is none, which differs from one that is.
            let told = |key: &str| feature.get(key).cloned().unwrap_or(Value::Null);
            let array = Feature::Array { kind: kind.to_owned(), shape: told("shape"), dtype: told("dtype") };
            add_feature(found, place, array);
        }
        _ if PLAIN.contains(&kind) => {}
        _ => add_feature(found, place, decoded(kind, feature)),
    }
}

/// A feature of another kind, such as `Image`, with all that is told of it but defaults, which releases may leave out.
fn decoded(kind: &str, feature: &Map<String, Value>) -> Feature {
    let is_default = |key: &str, value: &Value| {
        value.is_null()
            || matches!(key, "_type" | "id")
            || matches!((key, value), ("decode" | "mono", Value::Bool(true)))
    };
    let how = feature.iter().filter(|(key, value)| !is_default(key, value));
    Feature::Decoded {
        kind: kind.to_owned(),
        how: how.map(|(key, value)| (key.clone(), value.clone())).collect(),
    }
}

fn add_feature(found: &mut Meanings, place: String, feature: Feature) {
    found.entry(place).or_default().feature = Some(feature);
}

fn classes(feature: &Map<String, Value>) -> Feature {
    match (feature.get("names"), feature.get("num_classes")) {
        (Some(Value::Array(names)), _) => {
            let by_number =
                names.iter().enumerate().all(|(at, name)| name.as_str() == Some(at.to_string().as_str()));
            if by_number { Feature::Numbered(names.len().to_string()) } else { Feature::Named(names.clone()) }
        }
        (_, Some(Value::Number(count))) => Feature::Numbered(count.to_string()),
        _ => Feature::Unnamed,
    }
}

/// Adds what the extension types of a field and of those in it tell. Arrays are features: by what is stored `datasets`
/// goes first.
fn add_stored(found: &mut Meanings, place: String, field: &Field) {
    if let Some(array) = stored_array(field) {
        add_feature(found, place, array);
        return;
    }
    if let Some((name, told)) = told(field) {
        found.entry(place.clone()).or_default().extension = Some(Extension { name: name.to_owned(), told });
    }
    match field.data_type() {
        DataType::List(inner) | DataType::LargeList(inner) | DataType::FixedSizeList(inner, _) => {
            add_stored(found, format!("{place}[]"), inner);
        }
        DataType::Struct(fields) => {
            fields.iter().for_each(|inner| add_stored(found, format!("{place}[{:?}]", inner.name()), inner));
        }
        _ => {}
    }
}

/// The array that the extension type of a field tells, if it is one.
fn stored_array(field: &Field) -> Option<Feature> {
    let metadata = field.metadata();
    let (kind, shape, dtype) = array_of(metadata.get(NAME)?, metadata.get(DATA)?, field.data_type())?;
    Some(Feature::Array { kind, shape, dtype: dtype.into() })
}

/// What a meaning is, in words that tell it from another.
fn described(meaning: Option<&Meaning>, other: Option<&Meaning>) -> String {
    let feature = feature_of(meaning).map(|feature| described_feature(feature, feature_of(other)));
    let extension = meaning.and_then(|it| it.extension.as_ref()).map(described_extension);
    match (feature, extension) {
        (None, None) => "plain values without a ClassLabel, an array's shape, a feature such as Image or an extension type".to_owned(),
        (Some(told), None) | (None, Some(told)) => told,
        (Some(feature), Some(extension)) => format!("{feature} {extension}"),
    }
}

fn described_feature(feature: &Feature, other: Option<&Feature>) -> String {
    match feature {
        Feature::Unnamed => "a ClassLabel without names".to_owned(),
        Feature::Numbered(count) => format!("a ClassLabel with {} classes and no names", cut(count)),
        Feature::Named(names) if names.len() <= MOST_NAMES => {
            let names: Vec<_> = names.iter().map(|name| cut(&name.to_string())).collect();
            format!("a ClassLabel with the names [{}]", names.join(", "))
        }
        Feature::Named(names) => {
            let others: &[Value] = if let Some(Feature::Named(others)) = other { others } else { &[] };
            let differs = names.iter().enumerate().find(|(at, name)| others.get(*at) != Some(name));
            let class = differs.map(|(at, name)| format!(", of which {at} is {}", cut(&name.to_string())));
            // Proof: where none differs, the other has more, and the number of names tells them apart.
            format!("a ClassLabel with {} names{}", names.len(), class.unwrap_or_default())
        }
        Feature::Array { kind, shape, dtype } => {
            format!("{kind} of shape {} and type {}", cut(&shape.to_string()), cut(&dtype.to_string()))
        }
        Feature::Decoded { kind, how } if how.is_empty() => format!("of the feature {}", cut(kind)),
        Feature::Decoded { kind, how } => {
            format!("of the feature {} with {}", cut(kind), cut(&Value::Object(how.clone()).to_string()))
        }
    }
}

fn described_extension(Extension { name, told }: &Extension) -> String {
    if told == "" {
        return format!("of the extension type {}", cut(name));
    }
    format!("of the extension type {} with {}", cut(name), cut(&told.to_string()))
}

fn cut(text: &str) -> String {
    if text.chars().nth(MOST_CHARACTERS).is_none() {
        return text.to_owned();
    }
    let start: String = text.chars().take(MOST_CHARACTERS).collect();
    format!("{start}...")
}

#[cfg(test)]
mod tests;
