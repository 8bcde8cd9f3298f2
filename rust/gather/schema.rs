//! The schema that parts of a corpus share: which columns are wanted, where each part has them, that types agree.

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};

use super::corpus::Part;
use super::types::{canonical_field, project, same_layout};
use crate::checked;
use crate::error::{At, Error, Result};

pub(super) fn check_names(schema: &Schema, names: &[String]) -> Result<()> {
    if names.is_empty() {
        return Err(Error::Value("no column is left; name at least one in columns=".to_owned()));
    }
    for (index, name) in names.iter().enumerate() {
        if names.get(..index).is_some_and(|before| before.contains(name)) {
            return Err(Error::Value(format!("the column {name:?} is there twice; names must differ")));
        }
        if schema.index_of(name).is_err() {
            let have: Vec<_> = schema.fields().iter().map(|field| field.name()).collect();
            return Err(Error::Value(format!("there is no column {name:?}; the columns are {have:?}")));
        }
    }
    Ok(())
}

/// Where the named columns are in a part.
pub(super) fn positions(part: &dyn Part, names: &[String], first: &Path) -> Result<Vec<usize>> {
    let find = |name: &String| {
        if part.schema().fields().iter().filter(|field| field.name() == name).count() > 1 {
            let message = "there are two columns of this name; write the file again with names that differ";
            return Err(Error::schema(part.path(), At::Field(format!("column {name:?}")), message));
        }
        part.schema().index_of(name).map_err(|_| {
            let message = format!(
                "the column is missing here and present in {}; shards must have the same columns",
                first.display()
            );
            Error::schema(part.path(), At::Field(format!("column {name:?}")), message)
        })
    };
    names.iter().map(find).collect()
}

pub(super) fn no_more_columns(first: &dyn Part, part: &dyn Part) -> Result<()> {
    let more = part.schema().fields().iter().find(|field| first.schema().index_of(field.name()).is_err());
    more.map_or(Ok(()), |field| {
        let message = format!("the column is here and not in {}; shards must have the same columns, or name the columns to read with columns=", first.path().display());
        Err(Error::schema(part.path(), At::Field(format!("column {:?}", field.name())), message))
    })
}

/// The schema that the chosen columns of every part come out with.
pub(super) fn common_schema(parts: &[Arc<dyn Part>], columns: &[Vec<usize>]) -> Result<Schema> {
    let mut common: Option<(&Path, Schema)> = None;
    for (part, columns) in checked::zip(parts, columns)? {
        let found = canonical_schema(part.as_ref(), columns)?;
        match &common {
            None => common = Some((part.path(), found)),
            Some((first, schema)) => same_schema(first, schema, part.path(), &found)?,
        }
    }
    Ok(common.map_or_else(Schema::empty, |(_, schema)| schema))
}

/// The schema of some columns of a part as rows come out.
fn canonical_schema(part: &dyn Part, columns: &[usize]) -> Result<Schema> {
    let stored = project(part.schema(), columns)?;
    let fields = stored.fields().iter().map(|field| canonical_field(part.path(), field.name(), field));
    Ok(Schema::new_with_metadata(fields.collect::<Result<Vec<Field>>>()?, stored.metadata().clone()))
}

fn same_schema(first: &Path, schema: &Schema, path: &Path, found: &Schema) -> Result<()> {
    let differs = |a: &DataType, b: &DataType| !same_layout(a, b) || a != b;
    for (expected, found) in checked::zip(schema.fields(), found.fields())? {
        if differs(expected.data_type(), found.data_type()) {
            let message = format!(
                "has the type {} here and {} in {}; shards must have the same types",
                found.data_type(),
                expected.data_type(),
                first.display()
            );
            return Err(Error::schema(path, At::Field(format!("column {:?}", found.name())), message));
        }
    }
    Ok(())
}
