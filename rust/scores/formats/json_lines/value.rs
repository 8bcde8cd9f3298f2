//! The number of a line.

use jiter::{Jiter, Peek};

use super::shape::{broken, is_whole};
use crate::scores::options::{OpenOptions, Reduce};

/// A number of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Found {
    /// An integer of int64 or of uint64.
    Whole(i128),
    Float(f64),
    Boolean(bool),
}

/// The integers that int64 and uint64 have.
const WHOLE: std::ops::RangeInclusive<i128> = i64::MIN as i128..=u64::MAX as i128;

/// What is taken of each line.
pub(super) struct Wanted {
    /// The keys that lead to it.
    names: Vec<String>,
    /// The place in its list, if one is named.
    place: Option<u64>,
    reduce: Option<Reduce>,
    /// What the first line has: a list of so many values, or no list.
    #[allow(clippy::option_option)] // nothing yet, no list, or a list
    first: Option<Option<u64>>,
}

impl Wanted {
    /// What these keys lead to.
    pub(super) fn new(names: Vec<&str>, place: Option<u64>, options: &OpenOptions) -> Self {
        let names = names.into_iter().map(str::to_owned).collect();
        Self { names, place, reduce: options.reduce, first: None }
    }

    /// The number of a line that was looked at, or what is wrong.
    pub(super) fn value(&mut self, line: &[u8]) -> Result<Found, String> {
        self.below(&mut Jiter::new(line).with_allow_inf_nan(), 0)
    }

    /// What the keys behind the first so many lead to in the object that comes next.
    fn below(&mut self, jiter: &mut Jiter<'_>, depth: usize) -> Result<Found, String> {
        let Some(name) = self.names.get(depth).cloned() else { return self.row(jiter) }; // Proof: here all keys led.
        let peek = jiter.peek().map_err(broken)?;
        if peek != Peek::Object {
            let above = self.names.get(..depth).unwrap_or_default().join("."); // Proof: for a message.
            return Err(format!("{above:?} is {}, and an object with {name:?} was expected", said(peek)));
        }
        let mut found = None;
        let mut is_it = jiter.known_object().map_err(broken)?.map(|key| key == name);
        while let Some(it) = is_it {
            if it && found.is_some() {
                return Err(format!(
                    "the key {name:?} is there twice, and which of its values is meant cannot be known; write it once"
                ));
            } else if it {
                found = Some(self.below(jiter, depth + 1)?);
            } else {
                jiter.next_skip().map_err(broken)?;
            }
            is_it = jiter.next_key().map_err(broken)?.map(|key| key == name);
        }
        found.ok_or_else(|| format!("there is no {name:?}, and every row needs a score; fill it in"))
    }

    /// The score, which comes next.
    fn row(&mut self, jiter: &mut Jiter<'_>) -> Result<Found, String> {
        let peek = jiter.peek().map_err(broken)?;
        if peek != Peek::Array {
            if let (Some(place), true) = (self.place, peek.is_num()) {
                return Err(format!(
                    "this is a number, one value to a row, and number {place} of lists is asked for; leave [{place}] out"
                ));
            }
            let found = number(jiter, peek)?;
            self.check_form(None)?;
            return Ok(found);
        }
        if let Some(how) = self.reduce {
            return Err(format!(
                "this is a list, and reduce={:?} is not for JSON lines: write what is made of each list, or the lists as Parquet",
                how.name()
            ));
        }
        let (mut found, mut length) = (None, 0_u64);
        let wanted = self.place.unwrap_or(0); // Proof: of a list of one value, which is looked at below.
        let mut next = jiter.known_array().map_err(broken)?;
        while let Some(peek) = next {
            if length == wanted {
                found = Some(number(jiter, peek)?);
            } else {
                jiter.known_skip(peek).map_err(broken)?;
            }
            length += 1;
            next = jiter.array_step().map_err(broken)?;
        }
        self.check_form(Some(length))?;
        match (found, self.place) {
            (Some(found), Some(_)) => Ok(found),
            (Some(found), None) if length == 1 => Ok(found),
            (_, None) => Err(format!(
                "this is a list of {length} values, and a score is one value: lists of one value each are read, and of lists of one length the value that column= names by its number, as in column=\"scores[0]\""
            )),
            (None, Some(place)) => Err(format!(
                "number {place} of lists is asked for, and this one has {length} values; numbers count from 0"
            )),
        }
    }

    /// Fails unless a line has a list as long as the first, or none as the first has none.
    fn check_form(&mut self, form: Option<u64>) -> Result<(), String> {
        let told = |form: Option<u64>| match form {
            Some(length) => format!("a list of {length} values"),
            None => "no list".to_owned(),
        };
        let first = *self.first.get_or_insert(form);
        if first == form {
            return Ok(());
        }
        Err(format!("this is {}, and the first line has {}; all need one form", told(form), told(first)))
    }
}

/// The number that comes next.
fn number(jiter: &mut Jiter<'_>, peek: Peek) -> Result<Found, String> {
    match peek {
        Peek::True | Peek::False => return jiter.known_bool(peek).map(Found::Boolean).map_err(broken),
        Peek::Null => {
            return Err("this is null, and every row needs a score: nan= is of NaN alone, which pandas writes as null; fill it in, for instance with -Infinity so that it is chosen last".to_owned());
        }
        _ if !peek.is_num() => return Err(format!("this is {}, and scores are numbers", said(peek))),
        _ => {}
    }
    let bytes = jiter.known_number_bytes(peek).map_err(broken)?;
    let text = std::str::from_utf8(bytes).map_err(|_| "a number that is no text".to_owned())?;
    if is_whole(bytes) {
        let number = text.parse().ok().filter(|number| WHOLE.contains(number));
        return number.map(Found::Whole).ok_or_else(|| {
            format!("the integer {text} is beyond int64 and uint64; write it with a point, as a float")
        });
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_infinite() && !text.ends_with("Infinity") => {
            Err(format!("{text} is beyond float64; write a number that it has, or Infinity"))
        }
        Ok(number) => Ok(Found::Float(number)),
        Err(error) => Err(format!("{text} is no float: {error}")),
    }
}

/// What a value is, by how it begins.
fn said(peek: Peek) -> &'static str {
    match peek {
        Peek::Null => "null",
        Peek::True | Peek::False => "a boolean",
        Peek::String => "a text",
        Peek::Array => "a list",
        Peek::Object => "an object",
        _ => "a number",
    }
}
