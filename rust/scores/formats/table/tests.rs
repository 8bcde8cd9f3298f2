//! Which column is chosen, and what is said where none can be.

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};

use super::column::ScoreColumn;
use super::numbers::EXTENSION;
use crate::error::{Error, Result};
use crate::scores::options::OpenOptions;

fn named(column: Option<&str>) -> OpenOptions {
    OpenOptions { column: column.map(str::to_owned), ..OpenOptions::default() }
}

fn list(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", item, true)))
}

fn of(name: &str, data_type: DataType) -> DataType {
    DataType::Struct(vec![Field::new(name, data_type, true)].into())
}

fn keys(values: DataType) -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(values))
}

#[test]
fn only_columns_of_numbers_are_choices() {
    let all = [("text", DataType::Utf8), ("a", DataType::Float32), ("b", DataType::Int8)];
    let text = chosen(&all).unwrap_err().to_string();
    assert!(
        text.ends_with("more than one column holds numbers; choose with column=\"a\" or column=\"b\""),
        "{text}"
    );
    let schema = Schema::new(all.clone().map(|(name, data_type)| Field::new(name, data_type, true)).to_vec());
    for name in ["text", "c"] {
        let text = ScoreColumn::choose(Path::new("s"), &schema, &named(Some(name))).unwrap_err().to_string();
        assert!(text.ends_with("choose with column=\"a\" or column=\"b\""), "{text}");
    }
    let text = chosen(&all[..1]).unwrap_err().to_string();
    assert!(text.ends_with("one to a row; the file has \"text\" (Utf8)"), "{text}");
}

fn chosen(fields: &[(&str, DataType)]) -> Result<String> {
    let fields: Vec<Field> =
        fields.iter().map(|(name, data_type)| Field::new(*name, data_type.clone(), true)).collect();
    ScoreColumn::choose(Path::new("s"), &Schema::new(fields), &named(None)).map(|column| column.name)
}

fn refused(fields: &[(&str, DataType)]) {
    let error = chosen(fields).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::Schema(_)) && text.contains("column="), "{text}");
    assert!(fields.iter().all(|(name, _)| text.contains(&format!("{name:?}"))), "{text}");
}

/// Types that scores may be stored as, but that are not read as such.
fn other_numbers() -> Vec<DataType> {
    let pair = Arc::new(Field::new("item", DataType::Float32, true));
    let ends = Arc::new(Field::new("run_ends", DataType::Int32, false));
    vec![
        DataType::Decimal128(21, 1),
        DataType::Decimal256(40, 2),
        list(DataType::Float32),
        list(list(DataType::Float64)),
        DataType::LargeList(pair.clone()),
        DataType::FixedSizeList(pair.clone(), 2),
        of("score", DataType::Float64),
        list(of("score", DataType::Float16)),
        keys(DataType::Float32),
        keys(DataType::Int64),
        DataType::RunEndEncoded(ends, pair),
    ]
}

#[test]
fn a_lone_column_of_numbers_is_taken() {
    for data_type in [DataType::Int64, DataType::UInt8, DataType::Float16, DataType::Float64] {
        assert_eq!(chosen(&[("a", data_type)]).unwrap(), "a");
    }
    let one = DataType::FixedSizeList(Arc::new(Field::new("item", DataType::Float32, true)), 1);
    assert_eq!(chosen(&[("text", DataType::Utf8), ("a", one)]).unwrap(), "a");
}

#[test]
fn integers_beside_anything_may_be_ids() {
    let texts = [DataType::Utf8, DataType::LargeUtf8, DataType::Utf8View, DataType::Binary];
    let rest = [DataType::Boolean, DataType::Null, DataType::Timestamp(TimeUnit::Second, None)];
    let numbers = [list(DataType::Int32), of("id", DataType::Int64), DataType::Float32, DataType::Int64];
    let all = other_numbers().into_iter().chain(texts).chain(rest).chain(numbers);
    for other in all {
        refused(&[("id", DataType::Int64), ("score", other.clone())]);
        refused(&[("score", other), ("id", DataType::UInt32)]);
    }
}

#[test]
fn a_float_is_taken_beside_what_rows_are_made_of() {
    let tokens =
        [list(DataType::Int32), DataType::LargeUtf8, keys(DataType::Utf8), of("id", DataType::Int64)];
    let rest = [DataType::Utf8, DataType::Binary, DataType::Boolean, DataType::Date32];
    for other in tokens.into_iter().chain(rest) {
        assert_eq!(chosen(&[("row", other.clone()), ("a", DataType::Float32)]).unwrap(), "a");
        assert_eq!(chosen(&[("a", DataType::Float64), ("row", other)]).unwrap(), "a");
    }
    for other in other_numbers() {
        refused(&[("loss", DataType::Float32), ("score", other)]);
    }
    refused(&[("loss", DataType::Float32), ("id", DataType::Int64)]);
    let mut unknown = Field::new("score", DataType::Binary, true);
    unknown.set_metadata([(EXTENSION.to_owned(), "mine.number".to_owned())]);
    let schema = Schema::new(vec![Field::new("loss", DataType::Float32, true), unknown]);
    assert!(ScoreColumn::choose(Path::new("s"), &schema, &named(None)).is_err());
}
