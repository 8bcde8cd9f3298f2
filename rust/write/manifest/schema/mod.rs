//! What the fields of a `dsdm.json` may be. Anyone can write one with the right checksum, so each value is looked at
//! before anything is done with it.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::gather::Schemas;
use crate::write::format::Format;
use crate::write::format::tokens::dtype_named;

/// Characters of a path.
const MAX_PATH: usize = 32_768;
/// Characters of other texts.
const MAX_TEXT: usize = 1_024;
/// Characters of a number in what is told of the selection.
const MAX_NUMBER: usize = 1_000;
/// The functions by which rows can be chosen again; what is told of another is kept and not read.
const KNOWN: [&str; 4] = ["get_indices", "top_k", "gumbel_top_k", "choose"];

/// What is wrong: the field, and with it what was found and expected.
pub(crate) type Wrong = (String, String);
/// An object and its place.
type Placed<'m> = (String, &'m Map<String, Value>);
type Checked = Result<(), Wrong>;

/// Looks at every field that is read later. Since the second layout, shards have digests.
pub(crate) fn check(manifest: &Map<String, Value>, version: u32) -> Checked {
    text(manifest, "", "dsdm", MAX_TEXT)?;
    one_of(manifest, "", "format", &Format::ALL.map(Format::name))?;
    if manifest.contains_key("token_dtype") {
        token_dtype(manifest)?;
    }
    count(manifest, "", "rows")?;
    text(manifest, "", "fingerprint", MAX_TEXT)?;
    identities(manifest.get("sources"), "sources")?;
    let mut names = HashSet::new();
    for (place, shard) in objects(manifest.get("shards"), "shards")? {
        count(shard, &place, "rows")?;
        for (name, digits) in [("indices", 32), ("digest", 16)] {
            match (version, shard.contains_key(name)) {
                (1, false) => {}
                (1, true) => {
                    let message = "it is there, and the first layout has none; use the dsdm that wrote it";
                    return Err((at(&place, name), message.to_owned()));
                }
                _ => digest(shard, &place, name, digits)?,
            }
        }
        let files = objects(shard.get("files"), &format!("{place}.files"))?;
        if files.is_empty() {
            return Err((format!("{place}.files"), "it is empty, and a shard has a file".to_owned()));
        }
        files.into_iter().try_for_each(|(place, file)| written(file, &place, &mut names))?;
    }
    let files = objects(manifest.get("files"), "files")?;
    files.into_iter().try_for_each(|(place, file)| written(file, &place, &mut names))?;
    let selection = object(manifest.get("selection"), "selection")?;
    if selection.contains_key("rows") {
        count(selection, "selection", "rows")?;
    }
    if selection.contains_key("given") {
        digest(selection, "selection", "given", 32)?;
    }
    if selection.contains_key("schema") {
        one_of(selection, "selection", "schema", &[Schemas::Union.name()])?;
    }
    numbers(manifest.get("selection"), "selection")?;
    selection.get("chosen").map_or(Ok(()), chosen)
}

/// The type of the tokens: one that they can have.
fn token_dtype(manifest: &Map<String, Value>) -> Checked {
    let found = text(manifest, "", "token_dtype", MAX_TEXT)?;
    if dtype_named(found).is_some() {
        return Ok(());
    }
    let message = format!("tokens of the type {found:?} are not known here; use the dsdm that wrote them");
    Err(("token_dtype".to_owned(), message))
}

/// How rows were chosen: what those who compare it take for granted.
fn chosen(told: &Value) -> Checked {
    let told = object(Some(told), "selection.chosen")?;
    let by = told.get("by").and_then(Value::as_str);
    if !by.is_some_and(|by| KNOWN.contains(&by)) {
        return Ok(());
    }
    if told.contains_key("score_files") {
        identities(told.get("score_files"), "selection.chosen.score_files")?;
    }
    if told.contains_key("source_rows") {
        count(told, "selection.chosen", "source_rows")?;
    }
    Ok(())
}

fn identities(value: Option<&Value>, place: &str) -> Checked {
    for (place, file) in objects(value, place)? {
        path(file, &place)?;
        count(file, &place, "bytes")?;
        whole(file, &place, "modified_ns", u64::MAX)?;
        if file.contains_key("rows") {
            count(file, &place, "rows")?;
        }
        if file.contains_key("ends") {
            digest(file, &place, "ends", 32)?;
        }
    }
    Ok(())
}

/// A file of the output: its name leads nowhere else, and is there once.
fn written<'m>(file: &'m Map<String, Value>, place: &str, names: &mut HashSet<&'m str>) -> Checked {
    let name = text(file, place, "name", MAX_PATH)?;
    let wrong = |what: &str| Err((format!("{place}.name"), format!("the name {name:?} {what}")));
    let plain = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', '\0']);
    if !name.split('/').all(plain) {
        return wrong("leads out of the directory; shards lie in it");
    }
    if !names.insert(name) {
        return wrong("is there twice");
    }
    count(file, place, "bytes")?;
    digest(file, place, "crc32", 8)
}

fn path(file: &Map<String, Value>, place: &str) -> Checked {
    let path = text(file, place, "path", MAX_PATH)?;
    if path.contains('\0') {
        return Err((at(place, "path"), format!("the path {path:?} has a byte 0, which no path has")));
    }
    Ok(())
}

fn at(place: &str, name: &str) -> String {
    if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") }
}

fn object<'m>(value: Option<&'m Value>, place: &str) -> Result<&'m Map<String, Value>, Wrong> {
    value.and_then(Value::as_object).ok_or_else(|| wrong_kind(place, value, "an object"))
}

/// The objects of a list, each with its place.
fn objects<'m>(value: Option<&'m Value>, place: &str) -> Result<Vec<Placed<'m>>, Wrong> {
    let list = value.and_then(Value::as_array).ok_or_else(|| wrong_kind(place, value, "a list"))?;
    let placed = list.iter().enumerate().map(|(number, item)| {
        let place = format!("{place}[{number}]");
        object(Some(item), &place).map(|object| (place, object))
    });
    placed.collect()
}

fn text<'m>(object: &'m Map<String, Value>, place: &str, name: &str, most: usize) -> Result<&'m str, Wrong> {
    let value = object.get(name);
    let text = value.and_then(Value::as_str).ok_or_else(|| wrong_kind(&at(place, name), value, "a text"))?;
    let length = text.chars().count();
    if (1..=most).contains(&length) {
        return Ok(text);
    }
    Err((at(place, name), format!("it has {length} characters; 1 to {most} are expected")))
}

fn one_of(object: &Map<String, Value>, place: &str, name: &str, choices: &[&str]) -> Checked {
    let found = text(object, place, name, MAX_TEXT)?;
    if choices.contains(&found) {
        return Ok(());
    }
    let message = format!("the {name} {found:?} is not known here; use the dsdm that wrote it");
    Err((at(place, name), message))
}

/// A number of rows or bytes.
fn count(object: &Map<String, Value>, place: &str, name: &str) -> Checked {
    whole(object, place, name, i64::MAX.unsigned_abs())
}

fn whole(object: &Map<String, Value>, place: &str, name: &str, most: u64) -> Checked {
    let value = object.get(name);
    if value.and_then(Value::as_u64).is_some_and(|number| number <= most) {
        return Ok(());
    }
    Err(wrong_kind(&at(place, name), value, &format!("a whole number from 0 to {most}")))
}

/// Hexadecimal digits, as checksums are spelled.
fn digest(object: &Map<String, Value>, place: &str, name: &str, digits: usize) -> Checked {
    let value = object.get(name);
    let fits =
        |text: &str| text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if value.and_then(Value::as_str).is_some_and(fits) {
        return Ok(());
    }
    Err(wrong_kind(&at(place, name), value, &format!("{digits} hexadecimal digits")))
}

/// Fails for a number of more digits than anything here has.
fn numbers(value: Option<&Value>, place: &str) -> Checked {
    let mut open: Vec<&Value> = value.into_iter().collect();
    while let Some(value) = open.pop() {
        match value {
            Value::Number(number) if number.as_str().len() > MAX_NUMBER => {
                let length = number.as_str().len();
                return Err((
                    place.to_owned(),
                    format!("a number has {length} digits; at most {MAX_NUMBER} are read"),
                ));
            }
            Value::Array(list) => open.extend(list),
            Value::Object(fields) => open.extend(fields.values()),
            _ => {}
        }
    }
    Ok(())
}

fn wrong_kind(place: &str, found: Option<&Value>, expected: &str) -> Wrong {
    let found = match found {
        None => "it is missing".to_owned(),
        Some(Value::Array(_)) => "it is a list".to_owned(),
        Some(Value::Object(_)) => "it is an object".to_owned(),
        Some(other) => format!("it is {other}"),
    };
    (place.to_owned(), format!("{found}; {expected} is expected"))
}

#[cfg(test)]
mod tests;
