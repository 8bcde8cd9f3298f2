//! A look at all values of all lines: a schema as a table of them would have.

use std::collections::HashMap;

use arrow::datatypes::{DataType, Field, Schema};
use jiter::{Jiter, JiterError, Peek};

use crate::scores::formats::table::numbers::EXTENSION;

/// How deep lists and objects may lie in each other.
const MOST_DEEP: usize = 64;
/// Fields of all objects. More are names that should be values.
const MOST_FIELDS: usize = 10_000;

/// What there is at one place of the lines.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // kinds that lines may mix
struct Shape {
    boolean: bool,
    whole: bool,
    float: bool,
    text: bool,
    list: Option<Box<Shape>>,
    object: Option<Fields>,
}

/// The fields of objects, in the order in which they came up.
#[derive(Debug, Default)]
struct Fields {
    all: Vec<(String, Shape)>,
    places: HashMap<String, usize>,
}

/// What the lines so far are.
#[derive(Debug, Default)]
pub(super) struct Looking {
    top: Fields,
    /// Fields that were seen in all.
    fields: usize,
}

impl Looking {
    /// Looks at a line, which must be one object.
    pub(super) fn line(&mut self, bytes: &[u8]) -> Result<(), String> {
        let jiter = &mut Jiter::new(bytes).with_allow_inf_nan();
        if jiter.peek().map_err(broken)? != Peek::Object {
            let start: Vec<u8> = bytes.iter().take(16).copied().collect();
            return Err(format!(
                "each line must be an object, such as {{\"score\": 0.5}}, and this one begins with b\"{}\"; numbers alone are read as numpy.save(\"scores.npy\", values) writes them",
                start.escape_ascii()
            ));
        }
        object(jiter, &mut self.top, &mut self.fields, 0)?;
        let behind = jiter.current_index();
        jiter.finish().map_err(|_| {
            format!("one object is on each line, and another value is behind it at byte {behind} of the line; begin a new line there")
        })
    }

    /// The columns of a table of them.
    pub(super) fn schema(&self) -> Schema {
        Schema::new(self.top.as_columns())
    }
}

fn object(jiter: &mut Jiter<'_>, fields: &mut Fields, seen: &mut usize, depth: usize) -> Result<(), String> {
    let mut place = jiter.known_object().map_err(broken)?.map(|key| fields.place(key, 0, seen));
    while let Some(at) = place {
        if *seen > MOST_FIELDS {
            return Err(format!(
                "there are more than {MOST_FIELDS} fields by now, which is the limit: names that differ from row to row are values; write the scores in a file of their own"
            ));
        }
        let peek = jiter.peek().map_err(broken)?;
        let (_, shape) = fields.all.get_mut(at).ok_or("a field without a place")?;
        value(jiter, peek, shape, seen, depth + 1)?;
        place = jiter.next_key().map_err(broken)?.map(|key| fields.place(key, at + 1, seen));
    }
    Ok(())
}

fn value(
    jiter: &mut Jiter<'_>,
    peek: Peek,
    shape: &mut Shape,
    seen: &mut usize,
    depth: usize,
) -> Result<(), String> {
    if depth > MOST_DEEP {
        return Err(format!(
            "lists and objects lie deeper in each other than {MOST_DEEP}, which is the limit"
        ));
    }
    match peek {
        Peek::Null => jiter.known_null().map_err(broken)?,
        Peek::True | Peek::False => {
            jiter.known_bool(peek).map_err(broken)?;
            shape.boolean = true;
        }
        Peek::String => {
            jiter.known_str().map_err(broken)?;
            shape.text = true;
        }
        Peek::Array => {
            let items = shape.list.get_or_insert_default();
            let mut next = jiter.known_array().map_err(broken)?;
            while let Some(peek) = next {
                value(jiter, peek, items, seen, depth + 1)?;
                next = jiter.array_step().map_err(broken)?;
            }
        }
        Peek::Object => object(jiter, shape.object.get_or_insert_default(), seen, depth)?,
        _ if peek.is_num() => {
            let number = jiter.known_number_bytes(peek).map_err(broken)?;
            if is_whole(number) {
                shape.whole = true;
            } else {
                shape.float = true;
            }
        }
        _ => {
            let at = jiter.current_index();
            return Err(format!(
                "this is no JSON at byte {at} of the line, where a value is expected; it is damaged, or was not written as JSON: mend the line, or get the file again"
            ));
        }
    }
    Ok(())
}

/// Whether a number is one without a point, an exponent and a name.
pub(super) fn is_whole(number: &[u8]) -> bool {
    number.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-')
}

/// What to say of a line that is no JSON.
#[allow(clippy::needless_pass_by_value)] // as `map_err` gives it
pub(super) fn broken(error: JiterError) -> String {
    let said = error.error_type.to_string();
    let advice = if said.starts_with("EOF") {
        "the object must be whole on its line: write one object on each line, or get a file that was cut again"
    } else {
        "it is damaged, or was not written as JSON: mend the line, or get the file again"
    };
    format!("this is no JSON at byte {} of the line ({said}): {advice}", error.index)
}

impl Fields {
    /// The place of a field, which is mostly the one that is expected.
    fn place(&mut self, key: &str, expected: usize, seen: &mut usize) -> usize {
        if self.all.get(expected).is_some_and(|(name, _)| name == key) {
            return expected;
        }
        if let Some(&place) = self.places.get(key) {
            return place;
        }
        let place = self.all.len();
        self.places.insert(key.to_owned(), place);
        self.all.push((key.to_owned(), Shape::default()));
        *seen += 1;
        place
    }

    fn as_columns(&self) -> Vec<Field> {
        self.all.iter().map(|(name, shape)| shape.as_column(name)).collect()
    }
}

impl Shape {
    /// A column of the type that leads furthest: to the fields of objects where there are such, then to numbers.
    fn as_column(&self, name: &str) -> Field {
        let number = match (self.float, self.whole) {
            (true, _) => Some(DataType::Float64),
            (false, true) => Some(DataType::Int64),
            _ => None,
        };
        let is_mixed = number.is_some() && (self.object.is_some() || self.list.is_some())
            || self.object.is_some() && self.list.is_some();
        let data_type = match (&self.object, number, &self.list) {
            (Some(fields), _, _) => DataType::Struct(fields.as_columns().into()),
            (None, Some(number), _) => number,
            (None, None, Some(items)) => DataType::List(items.as_column("item").into()),
            (None, None, None) if self.boolean => DataType::Boolean,
            (None, None, None) if self.text => DataType::Utf8,
            _ => DataType::Null,
        };
        let column = Field::new(name, data_type, true);
        // What is a number in some lines and none in others may hold scores, whatever its type leaves out.
        let mark = is_mixed.then(|| (EXTENSION.to_owned(), "json.mixed".to_owned()));
        column.with_metadata(mark.into_iter().collect::<HashMap<_, _>>())
    }
}
