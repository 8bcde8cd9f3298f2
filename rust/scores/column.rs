//! Which column of a table holds the scores.

use std::path::Path;

use arrow::datatypes::{DataType, Field, Schema};

use super::DType;
use crate::error::{At, Error, Result};

/// The field metadata that names an extension type.
const EXTENSION: &str = "ARROW:extension:name";

/// A column of numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    /// Its position among the table's columns.
    pub(crate) index: usize,
    /// Its name.
    pub(crate) name: String,
    /// The type of its values.
    pub(crate) dtype: DType,
    /// Whether each row is a list of exactly one value, as an array of shape (n, 1) is stored.
    pub(crate) nested: bool,
}

impl Column {
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
                there_are(schema)
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
            "{}: column {:?}: {nulls} of {rows} rows are null, and every row needs a score; fill them before, for instance with -inf so that they are chosen last",
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
        _ => Err(Error::schema(path, at, format!("there is no such column; {}", there_are(schema)))),
    }
}

fn only(path: &Path, schema: &Schema) -> Result<usize> {
    let mut found = schema.fields().iter().enumerate().filter(|(_, field)| numeric(field).is_some());
    let (first, second) = (found.next(), found.next());
    let message = match (first, second) {
        (Some((index, _)), None) => return Ok(index),
        (Some(_), Some(_)) => "more than one column holds numbers: name the one to read with column=",
        _ => "no column holds integers or floats, one to a row",
    };
    Err(Error::schema(path, At::Field("column".to_owned()), format!("{message}; {}", there_are(schema))))
}

/// The columns by name and type, as a phrase for errors.
fn there_are(schema: &Schema) -> String {
    /// Beyond these, their number is told.
    const SHOWN: usize = 20;
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
