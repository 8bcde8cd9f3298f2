//! The schema that parts of a corpus share: which columns are wanted, where each part has them, that types agree.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use arrow::datatypes::{DataType, Field, Schema};

use super::meanings::Meant;
use super::part_columns::PartColumns;
use super::types::{canonical_field, feature_of, same_layout, set_feature};
use super::unify::{common_field, filled_schemas, lacking};
use crate::checked;
use crate::error::{At, Error, Result};

/// Names that a message lists.
const MOST_NAMES: usize = 100;

/// The columns of a schema by their names: each with its place, and whether it is the only one of its name.
struct ByName<'s>(HashMap<&'s str, (usize, bool)>);

impl<'s> ByName<'s> {
    fn new(schema: &'s Schema) -> Self {
        let mut places = HashMap::with_capacity(schema.fields().len());
        for (place, field) in schema.fields().iter().enumerate() {
            places
                .entry(field.name().as_str())
                .and_modify(|(_, only)| *only = false)
                .or_insert((place, true));
        }
        Self(places)
    }

    fn get(&self, name: &str) -> Option<(usize, bool)> {
        self.0.get(name).copied()
    }
}

pub(crate) fn check_names(schema: &Schema, names: &[String]) -> Result<()> {
    if names.is_empty() {
        return Err(Error::Value("no column is left; name at least one in columns=".to_owned()));
    }
    let there = ByName::new(schema);
    let mut before = HashSet::with_capacity(names.len());
    for name in names {
        if !before.insert(name.as_str()) {
            return Err(Error::Value(format!("the column {name:?} is there twice; names must differ")));
        }
        if there.get(name).is_none() {
            return Err(Error::Value(format!(
                "there is no column {name:?}; the columns are {}",
                listing(schema)
            )));
        }
    }
    Ok(())
}

/// The names of the columns; of many, the first.
fn listing(schema: &Schema) -> String {
    let names: Vec<_> = schema.fields().iter().take(MOST_NAMES).map(|field| field.name()).collect();
    let all = schema.fields().len();
    if all > MOST_NAMES { format!("{names:?} and {} more", all - names.len()) } else { format!("{names:?}") }
}

/// What it means that a file of a corpus lacks a column which another has, or a field of structs in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Schemas {
    /// It is an error: all have the same columns.
    #[default]
    Same,
    /// The column, or the field, is null there.
    Union,
}

impl Schemas {
    /// What callers name it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Union => "union",
        }
    }
}

/// Returns where the named columns are in the schema of a part; nothing for one that it may lack.
pub(crate) fn positions(
    (path, schema): (&Path, &Schema),
    names: &[String],
    first: &Path,
    schemas: Schemas,
) -> Result<Vec<Option<usize>>> {
    let there = ByName::new(schema);
    let find = |name: &String| match there.get(name) {
        Some((place, true)) => Ok(Some(place)),
        Some((_, false)) => {
            let message = "there are two columns of this name; write the file again with names that differ";
            Err(Error::schema(path, At::Field(format!("column {name:?}")), message))
        }
        None if schemas == Schemas::Union => Ok(None),
        None => {
            let message = format!(
                "the column is missing here and present in {}; shards must have the same columns, or schema=\"union\" reads what is missing as null",
                first.display()
            );
            Err(Error::schema(path, At::Field(format!("column {name:?}")), message))
        }
    };
    names.iter().map(find).collect()
}

/// The columns of some parts, each by its name, in the order in which they are first seen; with the part that has it.
pub(crate) fn all_columns(parts: &[(&Path, &Schema)]) -> Schema {
    let mut seen = HashSet::new();
    let fields = parts.iter().flat_map(|(_, schema)| schema.fields().iter());
    Schema::new(fields.filter(|field| seen.insert(field.name().clone())).cloned().collect::<Vec<_>>())
}

/// Fails if a part has a column that the first has not.
pub(crate) fn no_more_columns(
    (first, there): (&Path, &Schema),
    (path, schema): (&Path, &Schema),
) -> Result<()> {
    let there = ByName::new(there);
    let more = schema.fields().iter().find(|field| there.get(field.name()).is_none());
    more.map_or(Ok(()), |field| {
        let message = format!("the column is here and not in {}; shards must have the same columns, or name the columns to read with columns=, or schema=\"union\" reads what is missing as null", first.display());
        Err(Error::schema(path, At::Field(format!("column {:?}", field.name())), message))
    })
}

/// The schema that the chosen columns of every part come out with, and how those of each part come into it.
pub(crate) fn common_schema(
    parts: &[(&Path, &Schema)],
    names: &[String],
    columns: &[Vec<Option<usize>>],
    schemas: Schemas,
) -> Result<(Schema, Vec<PartColumns>)> {
    let mut own = Vec::with_capacity(parts.len());
    for (&(path, schema), columns) in checked::zip(parts, columns)? {
        own.push(canonical_schema(path, schema, names, columns)?);
    }
    let whole = match schemas {
        Schemas::Same => own.clone(),
        Schemas::Union => filled_schemas(&own.iter().collect::<Vec<_>>()),
    };
    let found: Vec<_> = checked::zip(parts, whole)?.map(|(part, schema)| (part.0, schema)).collect();
    let Some((path, first)) = found.first() else { return Ok((Schema::empty(), Vec::new())) }; // Proof: no parts.
    let mut meanings = Meant::new(path, first);
    found.iter().skip(1).try_for_each(|(path, schema)| meanings.add(path, schema))?;
    let fields: Vec<Field> =
        (0..first.fields().len()).map(|place| common_of(&found, place)).collect::<Result<_>>()?;
    let common = Schema::new_with_metadata(fields, first.metadata().clone());
    let common = with_features(common, &found, &meanings)?;
    let of_parts = PartColumns::of_parts(columns, &own, &common)?;
    Ok((common, of_parts))
}

/// The schema of some columns of a part as rows come out. What it lacks is null, and nothing is told of it.
fn canonical_schema(
    path: &Path,
    schema: &Schema,
    names: &[String],
    columns: &[Option<usize>],
) -> Result<Schema> {
    let mut metadata = schema.metadata().clone();
    let mut fields = Vec::with_capacity(columns.len());
    for (name, place) in checked::zip(names, columns)? {
        if let Some(place) = place {
            let field = checked::get(schema.fields(), *place)?;
            fields.push(canonical_field(path, field.name(), field)?);
        } else {
            fields.push(Field::new(name, DataType::Null, true));
            set_feature(&mut metadata, name, None);
        }
    }
    Ok(Schema::new_with_metadata(fields, metadata))
}

/// The field of a column that holds its values in every part.
fn common_of(parts: &[(&Path, Schema)], place: usize) -> Result<Field> {
    // Shards have few types, and each is looked at once.
    let mut distinct: Vec<(&Path, &Field)> = Vec::new();
    for (path, schema) in parts {
        let field: &Field = checked::get(schema.fields(), place)?;
        if !distinct.iter().any(|(_, known)| known.data_type() == field.data_type()) {
            distinct.push((path, field));
        }
    }
    let all: Vec<&Field> = distinct.iter().map(|(_, field)| *field).collect();
    if let Some(common) = common_field(&all) {
        return Ok(common);
    }
    // Of those that have no type in common, the first two that have none either.
    let pairs = distinct
        .iter()
        .enumerate()
        .flat_map(|(at, here)| distinct.iter().take(at).map(move |there| (here, there)));
    let apart = pairs.into_iter().find(|(here, there)| common_field(&[there.1, here.1]).is_none());
    let ends = || Some((distinct.last()?, distinct.first()?));
    let ((path, here), (first, there)) =
        apart.or_else(ends).ok_or_else(|| checked::impossible("a column of no part"))?;
    let message = lacking(here.name(), (path, here.data_type()), (first, there.data_type()));
    // Proof: they differ in another way.
    let message = message.unwrap_or_else(|| {
        format!(
            "has the type {} here and {} in {}; shards must have the same types, or types of which one holds the values of both",
            here.data_type(),
            there.data_type(),
            first.display()
        )
    });
    Err(Error::schema(path, At::Field(format!("column {:?}", here.name())), message))
}

/// The schema with the features that parts tell of its types: where the first has another type, those of one that has
/// the type.
fn with_features(mut common: Schema, parts: &[(&Path, Schema)], meanings: &Meant<'_>) -> Result<Schema> {
    for (place, field) in common.fields.clone().iter().enumerate() {
        let has = |(_, schema): &&(&Path, Schema)| {
            schema.fields().get(place).is_some_and(|own| same_layout(own.data_type(), field.data_type()))
        };
        let Some((path, _)) = parts.first() else { continue }; // Proof: without parts, nothing is told.
        let told = parts.iter().find(has);
        let is_another = |(_, schema): &(&Path, Schema)| {
            let own = schema.fields().get(place).map(|own| own.data_type());
            own.is_some_and(|own| !own.is_null() && !same_layout(own, field.data_type()))
        };
        // Readers know such values in one type alone.
        if parts.iter().any(is_another) && meanings.decode(field.name()) {
            let message = "shards have it in several types, and tell of a feature such as Image; give all shards one type with datasets (Dataset.cast(features))";
            return Err(Error::schema(path, At::Field(format!("column {:?}", field.name())), message));
        }
        if told.is_some_and(|(told, _)| told == path) {
            continue;
        }
        if told.is_none() && meanings.tell_of(field.name()) {
            let message = format!(
                "no shard has the type {} that holds the values of all, and {} tells what they mean in another; give all shards one type with datasets (Dataset.cast(features))",
                field.data_type(),
                path.display()
            );
            return Err(Error::schema(path, At::Field(format!("column {:?}", field.name())), message));
        }
        let feature = told.and_then(|(_, schema)| feature_of(schema, field.name()));
        set_feature(&mut common.metadata, field.name(), feature);
    }
    Ok(common)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(columns: &[(&str, DataType)]) -> Schema {
        Schema::new(
            columns.iter().map(|(name, kind)| Field::new(*name, kind.clone(), true)).collect::<Vec<_>>(),
        )
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn said<T: std::fmt::Debug>(result: Result<T>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn columns_are_found_by_their_names_in_any_order() {
        let (first, other) = (Path::new("first"), Path::new("other"));
        let schema = schema(&[
            ("a", DataType::Int32),
            ("b", DataType::Utf8),
            ("c", DataType::Int8),
            ("c", DataType::Int8),
        ]);
        let found = |schemas, wanted: &[&str]| positions((other, &schema), &names(wanted), first, schemas);
        let positions = |wanted: &[&str]| found(Schemas::Same, wanted);
        assert_eq!(positions(&["b", "a"]).unwrap(), [Some(1), Some(0)]);
        assert_eq!(found(Schemas::Union, &["d", "a"]).unwrap(), [None, Some(0)]);
        assert!(said(found(Schemas::Union, &["d", "c"])).contains("two columns of this name"));
        let twice = said(positions(&["a", "c"]));
        assert!(twice.starts_with("other: column \"c\": there are two columns of this name"), "{twice}");
        let missing = said(positions(&["d"]));
        assert!(
            missing.starts_with("other: column \"d\"") && missing.contains("present in first;"),
            "{missing}"
        );
    }

    #[test]
    fn names_that_are_asked_for_are_there_and_differ() {
        let schema = schema(&[("a", DataType::Int32), ("b", DataType::Int32)]);
        assert!(check_names(&schema, &names(&["b", "a"])).is_ok());
        assert!(said(check_names(&schema, &[])).contains("no column is left"));
        assert!(said(check_names(&schema, &names(&["a", "b", "a"]))).contains("\"a\" is there twice"));
        assert!(
            said(check_names(&schema, &names(&["x"])))
                .contains("no column \"x\"; the columns are [\"a\", \"b\"]")
        );
    }

    #[test]
    fn a_part_with_more_columns_is_named_and_one_with_fewer_is_not() {
        let (one, two) =
            (schema(&[("a", DataType::Int8)]), schema(&[("b", DataType::Int8), ("a", DataType::Int8)]));
        let (first, other) = (Path::new("first"), Path::new("other"));
        assert!(no_more_columns((first, &two), (other, &one)).is_ok());
        let more = said(no_more_columns((first, &one), (other, &two)));
        assert!(more.starts_with("other: column \"b\": the column is here and not in first;"), "{more}");
    }

    #[test]
    fn parts_agree_in_the_types_of_the_chosen_columns_alone() {
        let one = schema(&[("a", DataType::Int32), ("b", DataType::Utf8)]);
        let two = schema(&[("b", DataType::Int8), ("a", DataType::Int32)]);
        let parts = [(Path::new("one"), &one), (Path::new("two"), &two)];
        let at = |places: &[usize]| places.iter().copied().map(Some).collect::<Vec<_>>();
        let found = common_schema(&parts, &names(&["a"]), &[at(&[0]), at(&[1])], Schemas::Same).unwrap();
        assert_eq!(found.0, schema(&[("a", DataType::Int32)]));
        let both = names(&["a", "b"]);
        let differ = said(common_schema(&parts, &both, &[at(&[0, 1]), at(&[1, 0])], Schemas::Same));
        assert_eq!(
            differ,
            "two: column \"b\": has the type Int8 here and Utf8 in one; shards must have the same types, or types of which one holds the values of both"
        );
        let lacks = [at(&[0, 1]), vec![Some(1), None]];
        let (common, columns) = common_schema(&parts, &both, &lacks, Schemas::Union).unwrap();
        assert_eq!(common, schema(&[("a", DataType::Int32), ("b", DataType::Utf8)]));
        assert_eq!((columns[0].places(), columns[1].places()), (&[0, 1][..], &[1][..]));
        assert!(columns[0].are_here() && !columns[1].are_here());
        assert!(
            common_schema(&parts, &both, &[at(&[0, 1])], Schemas::Same).is_err(),
            "a part without its columns"
        );
        assert_eq!(common_schema(&[], &[], &[], Schemas::Same).unwrap().0, Schema::empty());
    }

    #[test]
    fn of_many_names_the_first_are_listed() {
        let many: Vec<_> = (0..=MOST_NAMES).map(|number| (format!("c{number}"), DataType::Int8)).collect();
        let many: Vec<_> = many.iter().map(|(name, kind)| (name.as_str(), kind.clone())).collect();
        assert!(listing(&schema(&many)).ends_with("\"c99\"] and 1 more"));
        assert!(listing(&schema(&many[1..])).ends_with("\"c100\"]"));
    }
}
