//! The types that a column has in what is written: those that `datasets`, or a Parquet file, has.
//!
//! An extension type that `datasets` has no feature for is written as what it stores, without its name: with it,
//! the folder could not be opened. What is not known at all is refused before anything is written.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Metadata, Schema, TimeUnit};

use super::fits::{Extension, extension_of};
use super::json::{output_features, schema_with_features};
use super::release::Release;
use crate::error::{At, Error, Result};
use crate::gather::Corpus;
use crate::gather::columns::extension;
use crate::gather::columns::names::value_name;

/// A corpus in the types that a release of `datasets` has, with features in its metadata that stand for them.
///
/// # Errors
/// A column that no release has a type for.
pub fn for_datasets(corpus: &Corpus, release: Release) -> Result<Corpus> {
    in_types(corpus, release, |column, field| known_field(column, field, release))
}

/// A corpus of [`for_datasets`] in the types that Parquet has.
pub(crate) fn for_parquet(corpus: &Corpus, release: Release) -> Result<Corpus> {
    in_types(corpus, release, parquet_field)
}

pub(crate) fn in_types(
    corpus: &Corpus,
    release: Release,
    convert: impl Fn(&str, &Field) -> Result<Field>,
) -> Result<Corpus> {
    let schema = corpus.schema();
    let fields =
        schema.fields().iter().map(|field| convert(field.name(), field)).collect::<Result<Vec<_>>>()?;
    let schema = Schema::new_with_metadata(fields, schema.metadata().clone());
    let features = output_features(&schema, release);
    corpus.in_types(schema_with_features(&schema, &features))
}

/// A field as a release of `datasets` has it.
fn known_field(column: &str, field: &Field, release: Release) -> Result<Field> {
    let name = field.metadata().get(extension::NAME);
    if name.is_some_and(|name| name == "arrow.json") && release.has_json() {
        // The feature stands for JSON in plain strings, and not in large ones.
        let text = [(extension::NAME, "arrow.json"), (extension::DATA, "")];
        let text = text.map(|(key, value)| (key.to_owned(), value.to_owned()));
        return Ok(Field::new(field.name(), DataType::Utf8, true).with_metadata(text));
    }
    let data_type = with_inner(field.data_type(), &|inner| known_field(column, inner, release))?;
    let data_type = match data_type {
        DataType::FixedSizeBinary(_) if !release.has_fixed_size_binary() => DataType::Binary,
        DataType::Timestamp(unit, Some(zone)) if zone.is_empty() => DataType::Timestamp(unit, None),
        other => other,
    };
    refuse_unknown(column, &data_type)?;
    let plain = Field::new(field.name(), data_type, true).with_metadata(field.metadata().clone());
    Ok(match extension_of(&plain) {
        Some(Extension::Array(..)) => plain,
        _ => plain.with_metadata(Metadata::default()),
    })
}

/// A field as Parquet has it, which has no seconds and no days in milliseconds: as pyarrow writes them.
fn parquet_field(column: &str, field: &Field) -> Result<Field> {
    let data_type = with_inner(field.data_type(), &|inner| parquet_field(column, inner))?;
    let data_type = match data_type {
        DataType::Timestamp(TimeUnit::Second, zone) => DataType::Timestamp(TimeUnit::Millisecond, zone),
        DataType::Time32(TimeUnit::Second) => DataType::Time32(TimeUnit::Millisecond),
        DataType::Date64 => DataType::Date32,
        DataType::Struct(fields) if fields.is_empty() => {
            return Err(refused(column, "a struct without fields", "which Parquet does not have"));
        }
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) if scale < 0 => {
            let what = format!("decimals of the scale {scale}");
            return Err(refused(column, &what, "which Parquet does not have"));
        }
        other => other,
    };
    Ok(field.clone().with_data_type(data_type))
}

/// The same type with the fields within it replaced.
pub(crate) fn with_inner(
    data_type: &DataType,
    replace: &dyn Fn(&Field) -> Result<Field>,
) -> Result<DataType> {
    let one = |field: &FieldRef| Ok::<_, Error>(Arc::new(replace(field)?));
    Ok(match data_type {
        DataType::List(item) => DataType::List(one(item)?),
        DataType::LargeList(item) => DataType::LargeList(one(item)?),
        DataType::FixedSizeList(item, length) => DataType::FixedSizeList(one(item)?, *length),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(one).collect::<Result<_>>()?),
        plain => plain.clone(),
    })
}

/// Fails at a type that `datasets` would not open.
fn refuse_unknown(column: &str, data_type: &DataType) -> Result<()> {
    match data_type {
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => Ok(()),
        DataType::Struct(fields) => {
            let mut names = HashSet::new();
            let twice = fields.iter().find(|field| !names.insert(field.name()));
            twice.map_or(Ok(()), |field| {
                let what = format!("a struct with two fields named {:?}", field.name());
                Err(refused(column, &what, "of which datasets would see one"))
            })
        }
        DataType::Timestamp(_, Some(zone)) if !is_zone(zone) => {
            let what = format!("times of the zone {zone:?}");
            Err(refused(column, &what, "which datasets does not read as the name of a zone"))
        }
        plain if value_name(plain).is_some() => Ok(()),
        plain => Err(refused(column, &format!("the Arrow type {plain}"), "which datasets has no type for")),
    }
}

/// Whether `datasets` reads a zone back from the name that it gives to the type.
fn is_zone(zone: &str) -> bool {
    zone.chars().all(|c| c.is_ascii_alphanumeric() || "/_+-:".contains(c))
}

pub(crate) fn refused(column: &str, what: &str, why: &str) -> Error {
    let message = format!("the column has {what}, {why}; leave it out with columns=, or store it otherwise");
    Error::schema(Path::new("the rows"), At::Field(format!("column {column:?}")), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Release = Release(2, 0);

    fn field(data_type: DataType) -> Field {
        Field::new("c", data_type, true)
    }

    fn named(data_type: DataType, name: &str, data: &str) -> Field {
        let told = [(extension::NAME, name), (extension::DATA, data)];
        let told = told.map(|(key, value)| (key.to_owned(), value.to_owned()));
        field(data_type).with_metadata(told)
    }

    fn list(item: Field) -> DataType {
        DataType::List(Arc::new(item))
    }

    /// Every way in which a type is nested.
    fn nested(inner: &Field) -> [DataType; 5] {
        let item = || Arc::new(inner.clone());
        [
            inner.data_type().clone(),
            DataType::List(item()),
            DataType::LargeList(item()),
            DataType::FixedSizeList(item(), 2),
            list(field(DataType::Struct(vec![inner.clone()].into()))),
        ]
    }

    #[test]
    fn types_become_those_of_a_release_wherever_they_are() {
        let zone = |zone: &str| DataType::Timestamp(TimeUnit::Second, Some(zone.into()));
        let bytes = DataType::FixedSizeBinary(3);
        for (stored, release, known) in [
            (bytes.clone(), Release(5, 1), bytes.clone()),
            (bytes, Release(5, 0), DataType::Binary),
            (zone(""), OLD, DataType::Timestamp(TimeUnit::Second, None)),
            (zone("Europe/Paris"), OLD, zone("Europe/Paris")),
            (zone("+01:00"), OLD, zone("+01:00")),
            (DataType::Decimal256(76, -3), OLD, DataType::Decimal256(76, -3)),
        ] {
            for (stored, known) in nested(&field(stored)).into_iter().zip(nested(&field(known))) {
                let found = known_field("c", &field(stored), release).unwrap();
                assert_eq!(found, field(known));
            }
        }
    }

    #[test]
    fn extension_types_that_no_feature_stands_for_lose_their_name() {
        let json = |data_type| named(data_type, "arrow.json", "");
        let text = known_field("c", &json(DataType::LargeUtf8), Release(4, 7)).unwrap();
        assert_eq!(text, json(DataType::Utf8));
        let before = known_field("c", &json(DataType::LargeUtf8), Release(4, 6)).unwrap();
        assert_eq!(before, field(DataType::LargeUtf8));
        let uuid = named(DataType::FixedSizeBinary(16), "arrow.uuid", "");
        assert_eq!(known_field("c", &uuid, Release::NEWEST).unwrap(), field(DataType::FixedSizeBinary(16)));
        let inside = field(list(named(DataType::Int8, "my.type", "")));
        assert_eq!(known_field("c", &inside, OLD).unwrap(), field(list(field(DataType::Int8))));
        let array = "datasets.features.features.Array2DExtensionType";
        let array = named(list(field(list(field(DataType::Int32)))), array, "[[2, 3], \"int32\"]");
        assert_eq!(known_field("c", &array, OLD).unwrap(), array);
    }

    #[test]
    fn what_datasets_would_not_open_is_refused_with_its_column() {
        let twice = vec![field(DataType::Int8), field(DataType::Int16)];
        for (wrong, what) in [
            (
                DataType::Struct(twice.into()),
                "a struct with two fields named \"c\", of which datasets would see one",
            ),
            (
                DataType::Timestamp(TimeUnit::Second, Some("a b".into())),
                "times of the zone \"a b\", which datasets does not read as the name of a zone",
            ),
            (DataType::Decimal64(9, 2), "the Arrow type Decimal64(9, 2), which datasets has no type for"),
        ] {
            for wrong in nested(&field(wrong)) {
                let said = known_field("wrong", &field(wrong), Release::NEWEST).unwrap_err().to_string();
                let expected = format!(
                    "the rows: column \"wrong\": the column has {what}; leave it out with columns=, or store it otherwise"
                );
                assert_eq!(said, expected);
            }
        }
    }

    #[test]
    fn types_become_those_of_parquet_as_pyarrow_writes_them() {
        let zone = Some(Arc::from("UTC"));
        for (stored, written) in [
            (
                DataType::Timestamp(TimeUnit::Second, zone.clone()),
                DataType::Timestamp(TimeUnit::Millisecond, zone.clone()),
            ),
            (
                DataType::Timestamp(TimeUnit::Nanosecond, None),
                DataType::Timestamp(TimeUnit::Nanosecond, None),
            ),
            (DataType::Time32(TimeUnit::Second), DataType::Time32(TimeUnit::Millisecond)),
            (DataType::Date64, DataType::Date32),
            (DataType::Decimal128(9, 2), DataType::Decimal128(9, 2)),
        ] {
            for (stored, written) in nested(&field(stored)).into_iter().zip(nested(&field(written))) {
                assert_eq!(parquet_field("c", &field(stored)).unwrap(), field(written));
            }
        }
        let kept = named(DataType::Date64, "my.type", "x");
        assert_eq!(parquet_field("c", &kept).unwrap(), named(DataType::Date32, "my.type", "x"));
        for (wrong, what) in [
            (DataType::Struct(Vec::<Field>::new().into()), "a struct without fields"),
            (DataType::Decimal128(9, -1), "decimals of the scale -1"),
            (DataType::Decimal256(9, -2), "decimals of the scale -2"),
        ] {
            for wrong in nested(&field(wrong)) {
                let said = parquet_field("c", &field(wrong)).unwrap_err().to_string();
                let expected = format!("column \"c\": the column has {what}, which Parquet does not have;");
                assert!(said.contains(&expected), "{said}");
            }
        }
    }
}
