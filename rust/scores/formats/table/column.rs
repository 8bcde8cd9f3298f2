//! Which column of a table holds the scores, and which of the values of its rows.

use std::path::Path as FilePath;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema};

use super::leaf::Leaf;
use super::numbers::{EXTENSION, Lists, choices, may_be_taken, may_hold_scores, numeric};
use super::path::{self, Path};
use crate::error::{At, Error, Result};
use crate::scores::dtype::DType;
use crate::scores::formats::matrix::Matrix;
use crate::scores::options::{OpenOptions, Reduce, place};
use crate::scores::vector::chosen::Chosen;
use crate::scores::vector::part::Part;

/// The column of numbers that the scores are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScoreColumn {
    /// Its position among the table's columns, and in each struct below.
    pub(crate) fields: Vec<usize>,
    /// Its name, as it was given or is to be given.
    pub(crate) name: String,
    /// Its values, or those of its lists.
    pub(crate) leaf: Leaf,
    /// The lists that its rows are.
    pub(crate) lists: Lists,
    /// The place of the lists that is the score; the only one, if nothing is said.
    pub(crate) place: Option<u64>,
    /// What is made of the values of a list.
    pub(crate) reduce: Option<Reduce>,
}

impl ScoreColumn {
    /// The column that is named, or without a name the only one that can be the score.
    pub(crate) fn choose(file: &FilePath, schema: &Schema, options: &OpenOptions) -> Result<Self> {
        let (found, name) = named_or_only(file, schema, options)?;
        let at = At::Field(format!("column {name:?}"));
        let refuse = |message: String| Error::schema(file, at.clone(), message);
        let field = plain(schema, &found.fields).map_err(&refuse)?;
        let (leaf, lists) = numeric(field.data_type()).ok_or_else(|| {
            refuse(format!(
                "it holds {}, and scores are integers or floats, one to a row; {}",
                field.data_type(),
                choices(schema, options)
            ))
        })?;
        if leaf == Leaf::Boolean && !options.booleans {
            let message = format!(
                "it holds {}, which are no numbers; give booleans=True to read False and True as 0 and 1",
                field.data_type()
            );
            return Err(refuse(message));
        }
        let (place, reduce) = (found.place, options.reduce.filter(|_| lists != Lists::None));
        match (place, reduce) {
            (Some(number), _) if lists == Lists::None => Err(refuse(format!(
                "it holds {}, one value to a row, and number {number} of lists is asked for; leave [{number}] out",
                field.data_type()
            ))),
            (Some(number), Some(how)) => Err(refuse(format!(
                "number {number} of its lists and reduce={:?} are given: one is of one value, the other of all; give one of them",
                how.name()
            ))),
            _ => {
                let column = Self { fields: found.fields, name, leaf, lists, place, reduce };
                if let Lists::Fixed(width) = lists {
                    column.check_place(file, width)?;
                    let is_row = place.is_none() && reduce.is_none();
                    column.check_length(file, 0, width, if is_row { 1 } else { width })?;
                }
                Ok(column)
            }
        }
    }

    /// The type of the scores.
    pub(crate) fn dtype(&self) -> DType {
        let of = self.leaf.dtype();
        match self.reduce {
            Some(how) => how.dtype(of),
            None => of,
        }
    }

    /// What of the file it is.
    pub(crate) fn chosen(&self) -> Chosen {
        Chosen { reduce: self.reduce, booleans: self.leaf == Leaf::Boolean, ..Chosen::column(&self.name) }
    }

    /// Where it is, for errors.
    pub(crate) fn at(&self) -> At {
        At::Field(format!("column {:?}", self.name))
    }

    /// The error for rows without a value.
    pub(crate) fn nulls(&self, file: &FilePath, nulls: u64, rows: u64) -> Error {
        let of = if self.lists == Lists::None { "rows" } else { "rows, or values in their lists," };
        Error::Value(format!(
            "{}: column {:?}: {nulls} of {rows} {of} are null, and every row needs a score: nan= is of NaN alone, which pandas writes as null; fill them before, for instance with -inf so that they are chosen last",
            file.display(),
            self.name
        ))
    }

    /// Fails unless a list has as many values as are needed: those of the first list, or one.
    pub(crate) fn check_length(&self, file: &FilePath, row: u64, length: u64, width: u64) -> Result<()> {
        if length == width {
            return Ok(());
        }
        let one = if length == 1 { "1 value".to_owned() } else { format!("{length} values") };
        let message = if self.place.is_none() && self.reduce.is_none() {
            format!(
                "row {row} is a list of {one}, and a score is one value: lists of one value each are read, and of lists of one length the value that column={:?} names by its number, or what reduce=\"mean\", \"max\", \"min\" or \"sum\" makes of each",
                format!("{}[0]", self.name)
            )
        } else {
            format!(
                "row {row} is a list of {one}, and the rows before it have {width}; lists of one length are needed"
            )
        };
        Err(Error::schema(file, self.at(), message))
    }

    /// Fails unless the place that was named is in lists of so many values.
    pub(crate) fn check_place(&self, file: &FilePath, width: u64) -> Result<()> {
        let message = match (self.place, self.reduce) {
            (Some(place), _) if place >= width => {
                format!(
                    "number {place} of lists is asked for, and they have {width} values; numbers count from 0"
                )
            }
            (None, Some(how)) if width == 0 => {
                format!("reduce={:?} is given, and the lists have no values", how.name())
            }
            _ => return Ok(()),
        };
        Err(Error::schema(file, self.at(), message))
    }

    /// How many values a list is to have, as far as it is known before the first is read.
    pub(crate) fn width(&self) -> Option<u64> {
        match self.lists {
            Lists::None => Some(1),
            Lists::Fixed(width) => Some(width),
            Lists::Ends(_) if self.place.is_none() && self.reduce.is_none() => Some(1),
            Lists::Ends(_) => None,
        }
    }

    /// The scores of rows of so many values each, whose values lie one behind the other from the first on.
    pub(crate) fn part(&self, file: &FilePath, first: Part, width: u64) -> Result<Part> {
        let refuse = |message: String| Error::schema(file, self.at(), message);
        let matrix = Matrix { first: Part { stride: width.max(1), ..first }, width, step: 1 };
        match (self.place, self.reduce) {
            (Some(place), _) => matrix.column(place, refuse),
            (None, Some(how)) => matrix.reduced(how, refuse),
            (None, None) => Ok(matrix.first),
        }
    }

    /// The error for a value that cannot be a score.
    pub(crate) fn refused(&self, file: &FilePath, row: u64, message: &str) -> Error {
        Error::schema(file, self.at(), format!("row {row}: {message}"))
    }
}

/// The column that is named, and its name; without a name the only one that can be the score.
pub(in crate::scores::formats) fn named_or_only(
    file: &FilePath,
    schema: &Schema,
    options: &OpenOptions,
) -> Result<(Path, String)> {
    let named = options.column.as_deref();
    let of_only = named.filter(|name| path::meant(schema, name).is_empty()).and_then(place);
    match named {
        Some(name) if of_only.is_none() => Ok((by_name(file, schema, name, options)?, name.to_owned())),
        _ => {
            let found = Path { fields: vec![only(file, schema, options)?], place: of_only };
            let name = path::name_of(schema, &found);
            Ok((found, name))
        }
    }
}

/// The field at the end of a path, none of whose types is an extension.
fn plain<'s>(schema: &'s Schema, fields: &[usize]) -> std::result::Result<&'s FieldRef, String> {
    let (mut inside, mut found) = (schema.fields(), None);
    for &at in fields {
        let field = inside.get(at).ok_or_else(|| "there is no such column".to_owned())?;
        if let Some(extension) = field.metadata().get(EXTENSION) {
            return Err(format!(
                "it has the extension type {extension:?}, which is never imported; store its plain values"
            ));
        }
        if let DataType::Struct(fields) = field.data_type() {
            inside = fields;
        }
        found = Some(field);
    }
    found.ok_or_else(|| "there is no such column".to_owned())
}

fn by_name(file: &FilePath, schema: &Schema, name: &str, options: &OpenOptions) -> Result<Path> {
    let at = At::Field(format!("column {name:?}"));
    let mut found = path::meant(schema, name);
    match (found.pop(), found.pop()) {
        (Some(path), None) => Ok(path),
        (Some(second), Some(first)) => {
            let of = |path: &Path| path::names(schema, &path.fields);
            if of(&first) == of(&second) && first.place == second.place {
                return Err(Error::schema(
                    file,
                    at,
                    "more than one column has this name; rename one of them",
                ));
            }
            let said = [&first, &second].map(|path| path::option_of(schema, path)).join(" or ");
            Err(Error::schema(file, at, format!("more than one column can be meant; choose with {said}")))
        }
        _ => Err(Error::schema(file, at, format!("there is no such column; {}", choices(schema, options)))),
    }
}

/// The only column that can be the score.
///
/// A float is taken if no other column could hold scores. A column of integers may be the ids of rows beside scores
/// that are stored in another way (as text, as decimals), so that it is taken only where there is no other column.
fn only(file: &FilePath, schema: &Schema, options: &OpenOptions) -> Result<usize> {
    let fields = schema.fields();
    let mut numbers = fields.iter().enumerate().filter(|(_, field)| may_be_taken(field, options));
    let refuse = |message: String| {
        let message = format!("{message}; {}", choices(schema, options));
        Err(Error::schema(file, At::Field("column".to_owned()), message))
    };
    let (index, field) = match (numbers.next(), numbers.next()) {
        (Some(first), None) => first,
        (Some(_), Some(_)) => return refuse("more than one column holds numbers".to_owned()),
        _ => return refuse("no column holds integers or floats, one to a row".to_owned()),
    };
    let float = numeric(field.data_type()).is_some_and(|(leaf, _)| leaf.is_float());
    let rival = |(other, field): &(usize, &Arc<Field>)| *other != index && (!float || may_hold_scores(field));
    match fields.iter().enumerate().find(rival) {
        None => Ok(index),
        Some((_, rival)) => {
            let doubt = if float { "may not be the scores" } else { "may be ids of the rows" };
            refuse(format!(
                "{:?} ({}) {doubt}, as {:?} ({}) stands beside it, which is read only where it is named or stored as plain integers or floats",
                field.name(),
                field.data_type(),
                rival.name(),
                rival.data_type()
            ))
        }
    }
}
