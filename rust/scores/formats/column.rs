//! Which column of a table holds the scores.

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};

use crate::error::{At, Error, Result};
use crate::scores::dtype::DType;

/// The field metadata that names an extension type.
const EXTENSION: &str = "ARROW:extension:name";

/// The column of numbers that the scores are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScoreColumn {
    /// Its position among the table's columns.
    pub(crate) index: usize,
    /// Its name.
    pub(crate) name: String,
    /// The type of its values.
    pub(crate) dtype: DType,
    /// Whether each row is a list of exactly one value, as an array of shape (n, 1) is stored.
    pub(crate) nested: bool,
}

impl ScoreColumn {
    /// The column of that name, or without a name the only one that holds numbers.
    pub(crate) fn choose(path: &Path, schema: &Schema, name: Option<&str>) -> Result<Self> {
        let index = match name {
            Some(name) => named(path, schema, name)?,
            None => only(path, schema)?,
        };
        let field = schema.field(index);
        let name = field.name().clone();
        let at = At::Field(format!("column {name:?}"));
        if let Some(extension) = field.metadata().get(EXTENSION) {
            let message = format!(
                "it has the extension type {extension:?}, which is never imported; store its plain values"
            );
            return Err(Error::schema(path, at, message));
        }
        let (dtype, nested) = numeric(field).ok_or_else(|| {
            let message = format!(
                "it holds {}, and scores are integers or floats, one to a row; {}",
                field.data_type(),
                choices(schema)
            );
            Error::schema(path, at, message)
        })?;
        Ok(Self { index, name, dtype, nested })
    }

    /// Where it is, for errors.
    pub(crate) fn at(&self) -> At {
        At::Field(format!("column {:?}", self.name))
    }

    /// The error for rows without a value.
    pub(crate) fn nulls(&self, path: &Path, nulls: u64, rows: u64) -> Error {
        Error::Value(format!(
            "{}: column {:?}: {nulls} of {rows} rows are null, and every row needs a score: nan= is of NaN alone, which pandas writes as null; fill them before, for instance with -inf so that they are chosen last",
            path.display(),
            self.name
        ))
    }
}

fn named(path: &Path, schema: &Schema, name: &str) -> Result<usize> {
    let mut found = schema.fields().iter().enumerate().filter(|(_, field)| field.name() == name);
    let at = At::Field(format!("column {name:?}"));
    match (found.next(), found.next()) {
        (Some((index, _)), None) => Ok(index),
        (Some(_), Some(_)) => {
            Err(Error::schema(path, at, "more than one column has this name; rename one of them"))
        }
        _ => Err(Error::schema(path, at, format!("there is no such column; {}", choices(schema)))),
    }
}

/// The only column that can be the score.
///
/// A float is taken if no other column could hold scores. A column of integers may be the ids of rows beside scores
/// that are stored in another way (as text, as decimals), so that it is taken only where there is no other column.
fn only(path: &Path, schema: &Schema) -> Result<usize> {
    let fields = schema.fields();
    let mut numbers = fields.iter().enumerate().filter(|(_, field)| numeric(field).is_some());
    let refuse = |message: String| {
        let message = format!("{message}; {}", choices(schema));
        Err(Error::schema(path, At::Field("column".to_owned()), message))
    };
    let (index, field) = match (numbers.next(), numbers.next()) {
        (Some(first), None) => first,
        (Some(_), Some(_)) => return refuse("more than one column holds numbers".to_owned()),
        _ => return refuse("no column holds integers or floats, one to a row".to_owned()),
    };
    let float = numeric(field).is_some_and(|(dtype, _)| dtype.is_float());
    let rival = |(other, field): &(usize, &Arc<Field>)| *other != index && (!float || may_hold_scores(field));
    match fields.iter().enumerate().find(rival) {
        None => Ok(index),
        Some((_, rival)) => {
            let doubt = if float { "may not be the scores" } else { "may be ids of the rows" };
            refuse(format!(
                "{:?} ({}) {doubt}, as {:?} ({}) stands beside it, which is read only where it is stored as plain integers or floats",
                field.name(),
                field.data_type(),
                rival.name(),
                rival.data_type()
            ))
        }
    }
}

/// Whether a column that is not plain numbers may be scores that are stored in another way, where a float stands
/// beside it. Text, times, flags and lists of integers (tokens) are what rows themselves are made of.
fn may_hold_scores(field: &Field) -> bool {
    field.metadata().contains_key(EXTENSION) || type_may_hold_scores(field.data_type(), false)
}

fn type_may_hold_scores(data_type: &DataType, inside: bool) -> bool {
    match data_type {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => type_may_hold_scores(item.data_type(), true),
        DataType::Struct(fields) => fields.iter().any(|field| type_may_hold_scores(field.data_type(), true)),
        DataType::Union(fields, _) => {
            fields.iter().any(|(_, field)| type_may_hold_scores(field.data_type(), true))
        }
        DataType::Dictionary(_, values) => type_may_hold_scores(values, inside),
        DataType::RunEndEncoded(_, values) => type_may_hold_scores(values.data_type(), inside),
        plain if plain.is_integer() => !inside,
        plain => plain.is_numeric(),
    }
}

/// Columns that a message names; beyond these, their number is told.
const SHOWN: usize = 20;

/// The columns that can be chosen, as they are to be given, as a phrase for errors; where none can, all there are.
fn choices(schema: &Schema) -> String {
    let numbers = schema.fields().iter().filter(|field| numeric(field).is_some());
    let mut names: Vec<_> =
        numbers.clone().take(SHOWN).map(|field| format!("column={:?}", field.name())).collect();
    let more = numbers.count() - names.len();
    if more > 0 {
        names.push(format!("one of {more} more"));
    }
    if names.is_empty() { there_are(schema) } else { format!("choose with {}", names.join(" or ")) }
}

/// The columns by name and type, as a phrase for errors.
fn there_are(schema: &Schema) -> String {
    let fields = schema.fields();
    let shown = fields.iter().take(SHOWN).map(|field| format!("{:?} ({})", field.name(), field.data_type()));
    let shown = shown.collect::<Vec<_>>().join(", ");
    match fields.len() {
        0 => "the file has no columns".to_owned(),
        n if n > SHOWN => format!("the file has {shown} and {} more", n - SHOWN),
        _ => format!("the file has {shown}"),
    }
}

/// The type of a field's values and whether they are in lists of one, if they are numbers.
fn numeric(field: &Field) -> Option<(DType, bool)> {
    match field.data_type() {
        DataType::FixedSizeList(item, 1) => Some((plain(item.data_type())?, true)),
        data_type => Some((plain(data_type)?, false)),
    }
}

fn plain(data_type: &DataType) -> Option<DType> {
    Some(match data_type {
        DataType::Float16 => DType::F16,
        DataType::Float32 => DType::F32,
        DataType::Float64 => DType::F64,
        DataType::Int8 => DType::I8,
        DataType::Int16 => DType::I16,
        DataType::Int32 => DType::I32,
        DataType::Int64 => DType::I64,
        DataType::UInt8 => DType::U8,
        DataType::UInt16 => DType::U16,
        DataType::UInt32 => DType::U32,
        DataType::UInt64 => DType::U64,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::TimeUnit;

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
        let schema =
            Schema::new(all.clone().map(|(name, data_type)| Field::new(name, data_type, true)).to_vec());
        for name in ["text", "c"] {
            let text = ScoreColumn::choose(Path::new("s"), &schema, Some(name)).unwrap_err().to_string();
            assert!(text.ends_with("choose with column=\"a\" or column=\"b\""), "{text}");
        }
        let text = chosen(&all[..1]).unwrap_err().to_string();
        assert!(text.ends_with("one to a row; the file has \"text\" (Utf8)"), "{text}");
    }

    fn chosen(fields: &[(&str, DataType)]) -> Result<String> {
        let fields: Vec<Field> =
            fields.iter().map(|(name, data_type)| Field::new(*name, data_type.clone(), true)).collect();
        ScoreColumn::choose(Path::new("s"), &Schema::new(fields), None).map(|column| column.name)
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
        assert!(ScoreColumn::choose(Path::new("s"), &schema, None).is_err());
    }
}
