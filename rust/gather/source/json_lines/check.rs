//! A look at every value of every line, before any is decoded: what the decoder takes and means otherwise is refused,
//! and what there is decides on the types.
//!
//! The decoder (`arrow-json`) takes the last of two fields of one name, numbers such as `01` and `1.`, commas in place
//! of nothing, and rounds integers to floats. None of that gets there. What it decodes wrongly is in `pairs.rs`.

use jiter::{Jiter, JiterError, Peek};

use super::shape::{Fields, Kind, Seen, Shape};
use crate::checked;

/// How deep lists and objects may lie in each other.
const MOST_DEEP: usize = 64;
/// Fields of all objects. More are names that should be values.
pub(super) const MOST_FIELDS: usize = 10_000;
/// The first integer that float64 has no place for is behind this.
const EXACT: u64 = 1 << 53;
/// No number of fewer digits, without an exponent, is beyond those of float64.
const FEW_DIGITS: usize = 300;

/// What is wrong with a line.
#[derive(Debug)]
pub(super) struct Wrong {
    /// The names that lead there, the last first.
    column: Vec<String>,
    what: String,
}

impl Wrong {
    fn new(what: impl Into<String>) -> Self {
        Self { column: Vec::new(), what: what.into() }
    }

    fn within(mut self, name: &str) -> Self {
        self.column.push(name.to_owned());
        self
    }

    /// What to say of it.
    pub(super) fn told(mut self) -> String {
        self.column.reverse();
        if self.column.is_empty() {
            return self.what;
        }
        format!("column {:?}: {}", self.column.join(".").replace(".[]", "[]"), self.what)
    }
}

type Checked<T> = Result<T, Wrong>;

/// Looks at lines one by one.
#[derive(Debug, Default)]
pub(super) struct Checker {
    /// The number of the last object.
    objects: u64,
    /// Fields that were seen in all.
    fields: usize,
    /// What texts are unescaped into.
    tape: Vec<u8>,
}

impl Checker {
    /// Looks at a line, which must be one object, and notes what there is in a shape of objects.
    pub(super) fn line(&mut self, bytes: &[u8], at: Seen, shape: &mut Shape) -> Checked<()> {
        let jiter = &mut Jiter::with_tape(bytes, std::mem::take(&mut self.tape));
        let found = self.object_alone(jiter, bytes, at, shape);
        let unused = std::mem::replace(jiter, Jiter::new(b""));
        self.tape = unused.into_tape();
        found
    }

    fn object_alone(
        &mut self,
        jiter: &mut Jiter<'_>,
        bytes: &[u8],
        at: Seen,
        shape: &mut Shape,
    ) -> Checked<()> {
        let broken = |error: JiterError| broken(bytes, &error);
        match jiter.peek().map_err(broken)? {
            Peek::Object => {}
            Peek::Array => {
                return Err(Wrong::new(
                    "a list is here, and each line must be an object; a file that is one list is written as lines by: jq -c '.[]'",
                ));
            }
            _ => {
                return Err(Wrong::new(format!(
                    "each line must be an object, such as {{\"text\": \"…\"}}, and this one begins with {}",
                    start(bytes)
                )));
            }
        }
        self.value(jiter, bytes, Peek::Object, at, shape, 0)?;
        jiter.finish().map_err(|_| {
            let behind = bytes.get(jiter.current_index()..).unwrap_or_default(); // Proof: for a message.
            Wrong::new(format!(
                "one object is on each line, and behind this one there is {}; begin a new line there",
                start(behind)
            ))
        })
    }

    fn value(
        &mut self,
        jiter: &mut Jiter<'_>,
        bytes: &[u8],
        peek: Peek,
        at: Seen,
        shape: &mut Shape,
        depth: usize,
    ) -> Checked<()> {
        let broken = |error: JiterError| broken(bytes, &error);
        if depth > MOST_DEEP {
            return Err(Wrong::new(format!(
                "lists and objects lie deeper in each other than {MOST_DEEP}, which is the limit"
            )));
        }
        match peek {
            Peek::Null => return jiter.known_null().map_err(broken),
            Peek::True | Peek::False => {
                jiter.known_bool(peek).map_err(broken)?;
                shape.note(Kind::Bool, at);
            }
            Peek::String => {
                let text = jiter.known_str().map_err(broken)?;
                shape.text_bytes += text.len() as u64;
                shape.note(Kind::Text, at);
            }
            Peek::Array => {
                shape.note(Kind::List, at);
                let items = shape.items.get_or_insert_default();
                let mut next = jiter.known_array().map_err(broken)?;
                while let Some(peek) = next {
                    self.value(jiter, bytes, peek, at, items, depth + 1)
                        .map_err(|wrong| wrong.within("[]"))?;
                    next = jiter.array_step().map_err(broken)?;
                }
            }
            Peek::Object => {
                shape.note(Kind::Object, at);
                self.object(jiter, bytes, at, &mut shape.fields, depth)?;
            }
            _ if peek.is_num() => {
                let number = jiter.known_number_bytes(peek).map_err(broken)?;
                note_number(number, at, shape)?;
            }
            _ => {
                let rest = bytes.get(jiter.current_index()..).unwrap_or_default(); // Proof: for a message.
                return Err(Wrong::new(format!("a value is expected, and {} is here", start(rest))));
            }
        }
        shape.values += 1;
        Ok(())
    }

    fn object(
        &mut self,
        jiter: &mut Jiter<'_>,
        bytes: &[u8],
        at: Seen,
        fields: &mut Fields,
        depth: usize,
    ) -> Checked<()> {
        let broken = |error: JiterError| broken(bytes, &error);
        self.objects += 1;
        let object = self.objects;
        let mut hint = 0;
        let mut next = jiter.known_object().map_err(broken)?.map(|key| fields.place(key, hint));
        while let Some((place, is_new)) = next {
            self.fields += usize::from(is_new);
            if self.fields > MOST_FIELDS {
                return Err(Wrong::new(too_many_fields()));
            }
            let Some(field) = fields.all.get_mut(place) else {
                return Err(Wrong::new("a field without a place"));
            };
            if field.object == object {
                let what = "the field is there twice in one object, and which of its values is meant cannot be known; write it once";
                return Err(Wrong::new(what).within(&field.name));
            }
            field.object = object;
            let value = jiter.peek().map_err(broken);
            let value =
                value.and_then(|peek| self.value(jiter, bytes, peek, at, &mut field.shape, depth + 1));
            value.map_err(|wrong| wrong.within(&field.name))?;
            hint = place + 1;
            next = jiter.next_key().map_err(broken)?.map(|key| fields.place(key, hint));
        }
        Ok(())
    }
}

/// What to say of too many fields.
pub(super) fn too_many_fields() -> String {
    format!(
        "there are more than {MOST_FIELDS} fields by now, which is the limit: names that differ from row to row are values; write them as such, in a list of objects or as text"
    )
}

fn note_number(number: &[u8], at: Seen, shape: &mut Shape) -> Checked<()> {
    let text = std::str::from_utf8(number).map_err(|_| Wrong::new("a number that is no text"))?;
    if text.contains(['.', 'e', 'E']) {
        shape.note(Kind::Float, at);
        let may_be_endless = number.len() > FEW_DIGITS || text.contains(['e', 'E']);
        if may_be_endless && text.parse::<f64>().is_ok_and(f64::is_infinite) {
            shape.note(Kind::Endless, at);
        }
        return Ok(());
    }
    shape.note(Kind::Integer, at);
    if let Ok(value) = text.parse::<i64>() {
        if value < 0 {
            shape.note(Kind::Negative, at);
        }
        if value.unsigned_abs() > EXACT {
            shape.note(Kind::Wide, at);
        }
    } else {
        shape.note(Kind::Wide, at);
        shape.note(if text.parse::<u64>().is_ok() { Kind::Unsigned } else { Kind::Huge }, at);
    }
    Ok(())
}

/// The first bytes of something, for messages.
fn start(bytes: &[u8]) -> String {
    let some = checked::get(bytes, ..bytes.len().min(16)).unwrap_or_default(); // Proof: for a message.
    format!("b\"{}\"", some.escape_ascii())
}

/// What to say of a line that is no JSON.
fn broken(bytes: &[u8], error: &JiterError) -> Wrong {
    let rest = bytes.get(error.index..).unwrap_or_default(); // Proof: for a message.
    let word = rest.strip_prefix(b"-").unwrap_or(rest); // Proof: as above.
    if word.starts_with(b"NaN") || word.starts_with(b"Infinity") {
        return Wrong::new("NaN and Infinity are no JSON; write null in their place");
    }
    let said = error.error_type.to_string();
    let advice = if said.starts_with("EOF") {
        "the object must be whole on its line: write one object on each line, or get a file that was cut again"
    } else {
        "it is damaged, or was not written as JSON: mend the line, or get the file again"
    };
    Wrong::new(format!("this is no JSON at byte {} of the line ({said}): {advice}", error.index))
}
