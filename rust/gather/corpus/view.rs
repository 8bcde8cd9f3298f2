//! The same rows seen otherwise: other columns, names or types, or less memory.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};

use super::Corpus;
use crate::checked::{self, impossible};
use crate::error::{Error, Result};
use crate::exec::memory::UnpackLimit;
use crate::gather::columns::common_schema::check_names;
use crate::gather::columns::types::{own_features, project};
use crate::gather::source::{LengthsPart, length_field};

impl Corpus {
    /// The same rows with these columns alone, in this order.
    ///
    /// # Errors
    /// No column, a column twice, or a name that is none of the columns.
    pub fn select(&self, names: &[String]) -> Result<Self> {
        check_names(&self.schema, names)?;
        let place = |name: &String| self.schema.index_of(name).map_err(impossible);
        let places: Vec<usize> = names.iter().map(place).collect::<Result<_>>()?;
        let columns = self.columns.iter().map(|columns| columns.select(&places)).collect::<Result<_>>()?;
        let stored = places.iter().map(|&place| checked::get(&self.stored, place).cloned());
        let stored = stored.collect::<Result<_>>()?;
        let schema = own_features(Schema::clone(project(&self.schema, &places)?.as_ref()));
        Ok(Self { columns, stored, schema: Arc::new(schema), ..self.clone() })
    }

    /// The same rows with the lengths of a column of lists, texts or bytes, or of a field of its structs, in place of it.
    ///
    /// `fields` are the names of the fields, from the one column on. Values are not read where offsets tell.
    ///
    /// # Errors
    /// More columns than one. A column without lengths is an error when it is read.
    pub fn lengths(&self, fields: &[String]) -> Result<Self> {
        let fields: Arc<[String]> = fields.into();
        let (mut parts, mut columns) = (Vec::new(), Vec::new());
        for (part, own) in checked::zip(&self.parts, &self.columns)? {
            let (place, lengths) = own.lengths()?;
            parts.push(match place {
                Some(place) => Arc::new(LengthsPart::new(part.clone(), place, fields.clone())),
                None => part.clone(),
            });
            columns.push(lengths);
        }
        let name = self.schema.fields().first().ok_or_else(|| impossible("lengths of no column"))?.name();
        let schema = Arc::new(Schema::new(vec![length_field(name)]));
        Ok(Self { parts, schema, columns, ..self.clone() })
    }

    /// The same rows, of which none is read where more must be unpacked for it than a caller allows.
    #[must_use]
    pub fn within(&self, memory_limit: u64) -> Self {
        Self { most: UnpackLimit::told(memory_limit), ..self.clone() }
    }

    /// The same rows with other names for the columns and other metadata of the schema.
    ///
    /// # Errors
    /// Another number of names than of columns, or a name twice.
    pub fn rename(&self, names: &[String], metadata: HashMap<String, String>) -> Result<Self> {
        let fields = self.schema.fields();
        if names.len() != fields.len() {
            let message = format!("{} names are given for {} columns", names.len(), fields.len());
            return Err(Error::Value(message));
        }
        // Proof: as many names as fields, which was just compared.
        let renamed: Vec<_> =
            fields.iter().zip(names).map(|(f, name)| f.as_ref().clone().with_name(name)).collect();
        let schema = Arc::new(Schema::new_with_metadata(renamed, metadata));
        check_names(&schema, names)?;
        Ok(Self { schema, ..self.clone() })
    }

    /// The same rows with the columns in other types, into which they are converted as they are read.
    ///
    /// # Errors
    /// Another number of columns. A value that has no place in its new type is an error when it is read.
    pub fn in_types(&self, schema: SchemaRef) -> Result<Self> {
        if schema.fields().len() != self.schema.fields().len() {
            let message = "as many types are needed as there are columns";
            return Err(Error::Internal(message.to_owned()));
        }
        Ok(Self { schema, ..self.clone() })
    }
}
