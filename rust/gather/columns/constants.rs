//! Columns that no file holds: each has one value in all rows of a file, as the names of its directories tell it.

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use serde_json::json;

use super::part_columns::{PartColumns, Value};
use super::types::{FEATURES, set_feature};
use crate::checked;
use crate::error::{At, Error, Result};

/// A column that is none of a file's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constant {
    /// Its name.
    pub name: String,
    /// Whether its values are whole numbers, and not texts.
    pub is_integer: bool,
    /// The value in each file, as text; null where there is none.
    pub values: Vec<Option<String>>,
}

impl Constant {
    fn data_type(&self) -> DataType {
        if self.is_integer { DataType::Int64 } else { DataType::Utf8 }
    }

    fn field(&self) -> Field {
        Field::new(&self.name, self.data_type(), true)
    }

    /// Its value in all rows of a file.
    fn value(&self, file: usize) -> Result<Value> {
        let text = checked::get(&self.values, file)?;
        Ok(match text {
            None => Value::Null(self.data_type()),
            Some(text) if self.is_integer => Value::Integer(self.whole(text)?),
            Some(text) => Value::Text(Arc::from(text.as_str())),
        })
    }

    /// A value as the number whose text it is.
    fn whole(&self, text: &str) -> Result<i64> {
        // Proof: nothing for what is no number of 64 bits, which is an error then, as are other texts of one.
        let number = text.parse::<i64>().ok().filter(|number| number.to_string() == text);
        number
            .ok_or_else(|| Error::Value(format!("the column {:?} is {text:?}, which is no int64", self.name)))
    }
}

/// Fails unless each of these columns has a value for each part, and no part has a column of its name.
pub(crate) fn check_constants(constants: &[Constant], parts: &[(&Path, &Schema)]) -> Result<()> {
    for (rank, constant) in constants.iter().enumerate() {
        checked::equal("values of a column of directories", constant.values.len(), parts.len())?;
        if constants.iter().take(rank).any(|other| other.name == constant.name) {
            let message = format!("the column {:?} is there twice; names must differ", constant.name);
            return Err(Error::Value(message));
        }
        let holds = |&&(_, schema): &&(&Path, &Schema)| {
            schema.fields().iter().any(|field| *field.name() == constant.name)
        };
        if let Some((path, _)) = parts.iter().find(holds) {
            let message = "the column is in the file, and in the names of its directories too, which may have other values; rename one of them, or leave hive=True out and give the files as a list";
            return Err(Error::schema(path, At::Field(format!("column {:?}", constant.name)), message));
        }
    }
    Ok(())
}

/// The names of the columns that files hold, of some that these columns may be among.
pub(crate) fn without_constants(constants: &[Constant], names: &[String]) -> Vec<String> {
    names.iter().filter(|name| constants.iter().all(|constant| constant.name != **name)).cloned().collect()
}

/// A schema with the fields of these columns behind its own.
pub(crate) fn with_constants(schema: &Schema, constants: &[Constant]) -> Schema {
    let own = schema.fields().iter().map(|field| field.as_ref().clone());
    let fields: Vec<Field> = own.chain(constants.iter().map(Constant::field)).collect();
    Schema::new_with_metadata(fields, schema.metadata().clone())
}

/// Puts these columns among those of the files, in the order of the names.
pub(crate) fn join_constants(
    constants: &[Constant],
    names: &[String],
    (schema, parts): (Schema, Vec<PartColumns>),
) -> Result<(Schema, Vec<PartColumns>)> {
    if constants.is_empty() {
        return Ok((schema, parts));
    }
    let found = names.iter().map(|name| constants.iter().find(|constant| constant.name == *name));
    let found: Vec<Option<&Constant>> = found.collect();
    let mut metadata = schema.metadata().clone();
    let mut own = schema.fields().iter();
    let mut fields = Vec::with_capacity(names.len());
    for constant in &found {
        let Some(constant) = constant else {
            let field = own.next().ok_or_else(|| checked::impossible("a column of no file"))?;
            fields.push(field.as_ref().clone());
            continue; // Proof: the next column of the files.
        };
        if metadata.contains_key(FEATURES) {
            let dtype = if constant.is_integer { "int64" } else { "string" };
            set_feature(&mut metadata, &constant.name, Some(json!({"dtype": dtype, "_type": "Value"})));
        }
        fields.push(constant.field());
    }
    let join = |(file, part): (usize, PartColumns)| {
        let value = |constant: Option<&Constant>| constant.map(|constant| constant.value(file)).transpose();
        part.with_values(found.iter().copied().map(value).collect::<Result<_>>()?)
    };
    let parts = parts.into_iter().enumerate().map(join).collect::<Result<_>>()?;
    Ok((Schema::new_with_metadata(fields, metadata), parts))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn constant(name: &str, is_integer: bool, values: &[Option<&str>]) -> Constant {
        let values = values.iter().map(|value| value.map(str::to_owned)).collect();
        Constant { name: name.to_owned(), is_integer, values }
    }

    fn schema(names: &[&str]) -> Schema {
        Schema::new(names.iter().map(|name| Field::new(*name, DataType::Int8, true)).collect::<Vec<_>>())
    }

    #[test]
    fn a_number_has_the_text_that_the_directory_has() {
        let year = constant("year", true, &[]);
        for number in [0, 7, -7, i64::MIN, i64::MAX] {
            assert_eq!(year.whole(&number.to_string()).unwrap(), number);
        }
        for other in ["", "007", "+7", "-0", " 7", "7 ", "7.0", "1e3", "9223372036854775808", "٣"] {
            let said = year.whole(other).unwrap_err().to_string();
            assert!(said.contains("no int64") && said.contains("\"year\""), "{said}");
        }
    }

    #[test]
    fn columns_have_a_value_for_each_file_and_names_of_their_own() {
        let (one, two) = (schema(&["a", "b"]), schema(&["c"]));
        let parts = [(Path::new("one"), &one), (Path::new("two"), &two)];
        let check =
            |constants: &[Constant]| check_constants(constants, &parts).map_err(|error| error.to_string());
        let values = [Some("x"), None];
        assert_eq!(check(&[constant("d", false, &values), constant("e", false, &values)]), Ok(()));
        assert!(check(&[constant("d", false, &values[..1])]).is_err());
        assert!(
            check(&[constant("d", false, &values), constant("d", false, &values)])
                .unwrap_err()
                .contains("\"d\" is there twice")
        );
        let clash = check(&[constant("c", false, &values)]).unwrap_err();
        assert!(
            clash.starts_with("two: column \"c\": the column is in the file, and in the names"),
            "{clash}"
        );
    }

    #[test]
    fn features_are_told_where_some_are() {
        let lang = [constant("lang", false, &[])];
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let (found, _) = join_constants(&lang, &names(&["lang", "a"]), (schema(&["a"]), Vec::new())).unwrap();
        assert_eq!(found.fields().iter().map(|field| field.name()).collect::<Vec<_>>(), ["lang", "a"]);
        assert!(found.metadata().is_empty());
        let told = [(FEATURES.to_owned(), r#"{"info":{"features":{"a":{}}}}"#.to_owned())];
        let told = schema(&["a"]).with_metadata(told.into_iter().collect::<HashMap<_, _>>());
        let (found, _) = join_constants(&lang, &names(&["a", "lang"]), (told, Vec::new())).unwrap();
        let wanted = r#"{"info":{"features":{"a":{},"lang":{"_type":"Value","dtype":"string"}}}}"#;
        let as_json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(as_json(&found.metadata()[FEATURES]), as_json(wanted));
        assert!(join_constants(&lang, &names(&["a", "b"]), (schema(&["a"]), Vec::new())).is_err());
    }

    #[test]
    fn each_part_has_its_value_in_as_many_rows_as_offsets_allow() {
        let long = "x".repeat(250);
        let of = |value: Option<&str>, is_integer| {
            let constants = [constant("c", is_integer, &[value])];
            let own = PartColumns::new(&[], &Schema::empty(), &Schema::empty()).unwrap();
            join_constants(&constants, &["c".to_owned()], (Schema::empty(), vec![own])).unwrap().1.remove(0)
        };
        assert_eq!(of(Some(&long), false).most_rows(), usize::try_from(i32::MAX).unwrap() / 250);
        assert_eq!(of(Some("7"), true).most_rows(), usize::MAX);
        assert_eq!(of(None, false).most_rows(), usize::MAX);
        for (part, bytes) in [(of(Some(&long), false), 2540), (of(Some("7"), true), 80), (of(None, true), 80)]
        {
            assert!(!part.are_here() && part.places().is_empty());
            assert_eq!(part.bytes(10, |_| Ok(0)).unwrap(), bytes);
        }
    }
}
