//! What the fields of a `dsdm.json` may be. Anyone can write one with the right checksum, so each value is looked at
//! before anything is done with it.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::gather::Schemas;
use crate::write::format::Format;

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

/// Looks at every field that is read later.
pub(crate) fn check(manifest: &Map<String, Value>) -> Checked {
    text(manifest, "", "dsdm", MAX_TEXT)?;
    one_of(manifest, "", "format", &Format::ALL.map(Format::name))?;
    count(manifest, "", "rows")?;
    text(manifest, "", "fingerprint", MAX_TEXT)?;
    identities(manifest.get("sources"), "sources")?;
    let mut names = HashSet::new();
    for (place, shard) in objects(manifest.get("shards"), "shards")? {
        count(shard, &place, "rows")?;
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
mod tests {
    use serde_json::json;

    use super::*;

    /// A manifest with every field that is looked at.
    fn good() -> Value {
        let digits = "0123456789abcdef0123456789abcdef";
        let file = |name: &str| json!({"name": name, "bytes": 5, "crc32": "0badcafe"});
        json!({
            "dsdm": "1.0", "format": "arrow", "rows": 3, "fingerprint": "x",
            "sources": [{"path": "/a", "bytes": 1, "modified_ns": u64::MAX, "rows": 3, "ends": digits}],
            "shards": [{"rows": 3, "files": [file("data/a.arrow")]}],
            "files": [file("state.json")],
            "selection": {
                "rows": 3, "given": digits, "schema": "union",
                "chosen": {
                    "by": "top_k", "source_rows": 9,
                    "score_files": [{"path": "s", "bytes": 1, "modified_ns": 0}],
                },
            },
        })
    }

    fn found(manifest: &Value) -> Option<Wrong> {
        check(manifest.as_object().unwrap()).err()
    }

    #[track_caller]
    fn wrong(pointer: &str, value: Value, said: &str) {
        let mut manifest = good();
        *manifest.pointer_mut(pointer).unwrap() = value;
        let (place, message) = found(&manifest).unwrap();
        assert!(message.contains(said), "{place}: {message}");
        let place_of_pointer =
            pointer.trim_start_matches('/').split('/').fold(String::new(), |place, part| {
                if part.parse::<usize>().is_ok() { format!("{place}[{part}]") } else { at(&place, part) }
            });
        assert_eq!(place, place_of_pointer);
    }

    #[test]
    fn a_manifest_that_is_good_is_taken() {
        assert_eq!(found(&good()), None);
        let least = json!({
            "dsdm": "1", "format": "tokens", "rows": 0, "fingerprint": "x", "sources": [], "shards": [], "files": [],
            "selection": {"chosen": {"by": "another", "score_files": 7}}, "more": [{}],
        });
        assert_eq!(found(&least), None);
    }

    #[test]
    fn what_must_be_there_is_missed_by_its_name() {
        let may_be_left_out =
            ["rows", "ends", "given", "schema", "chosen", "by", "score_files", "source_rows"];
        let manifest = good();
        let objects = [
            (
                "",
                ["dsdm", "format", "rows", "fingerprint", "sources", "shards", "files", "selection"]
                    .as_slice(),
            ),
            ("/sources/0", &["path", "bytes", "modified_ns"]),
            ("/shards/0", &["rows", "files"]),
            ("/shards/0/files/0", &["name", "bytes", "crc32"]),
            ("/files/0", &["name", "bytes", "crc32"]),
            ("/selection/chosen/score_files/0", &["path", "bytes", "modified_ns"]),
            ("/selection", &[]),
            ("/selection/chosen", &[]),
        ];
        for (pointer, needed) in objects {
            for name in manifest.pointer(pointer).unwrap().as_object().unwrap().keys() {
                let mut manifest = manifest.clone();
                manifest.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(name);
                match found(&manifest) {
                    None => assert!(may_be_left_out.contains(&name.as_str()), "{pointer}/{name}"),
                    Some((place, said)) => {
                        assert!(
                            needed.contains(&name.as_str()) && place.ends_with(name),
                            "{pointer}/{name}: {place}"
                        );
                        assert!(said.starts_with("it is missing; "), "{said}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_value_of_another_kind_is_named_with_what_is_expected() {
        wrong("/dsdm", json!(1), "it is 1; a text is expected");
        wrong("/dsdm", json!(""), "it has 0 characters; 1 to 1024 are expected");
        wrong("/fingerprint", json!("é".repeat(1025)), "it has 1025 characters");
        wrong("/format", json!("csv"), "the format \"csv\" is not known here; use the dsdm that wrote it");
        for value in [json!(-1), json!(1.5), json!("1"), json!(null), json!(1_u64 << 63)] {
            wrong("/rows", value, "a whole number from 0 to 9223372036854775807 is expected");
        }
        wrong("/sources", json!({}), "it is an object; a list is expected");
        wrong("/sources/0", json!([]), "it is a list; an object is expected");
        wrong(
            "/sources/0/modified_ns",
            json!(-1),
            "a whole number from 0 to 18446744073709551615 is expected",
        );
        wrong("/sources/0/path", json!("a\0"), "has a byte 0, which no path has");
        wrong(
            "/sources/0/path",
            json!("a".repeat(32_769)),
            "it has 32769 characters; 1 to 32768 are expected",
        );
        wrong("/sources/0/ends", json!("0".repeat(31)), "32 hexadecimal digits is expected");
        wrong("/selection/given", json!("A".repeat(32)), "32 hexadecimal digits is expected");
        wrong("/selection/rows", json!(-3), "it is -3;");
        wrong("/selection/schema", json!("same"), "the schema \"same\" is not known here");
        wrong("/selection/chosen", json!("top_k"), "an object is expected");
        wrong("/selection/chosen/source_rows", json!([]), "it is a list;");
        wrong("/selection/chosen/score_files", json!(7), "it is 7; a list is expected");
        wrong("/shards/0/files", json!([]), "it is empty, and a shard has a file");
        wrong("/files/0/crc32", json!("0badcaf"), "8 hexadecimal digits is expected");
    }

    #[test]
    fn names_lead_nowhere_else_and_are_there_once() {
        for name in ["..", "a/../b", "/a", "a/", "a//b", "./a", "a\\b", "a\0"] {
            wrong("/files/0/name", json!(name), "leads out of the directory; shards lie in it");
        }
        wrong("/files/0/name", json!("data/a.arrow"), "the name \"data/a.arrow\" is there twice");
        for name in ["a..b", "...", "a/.b"] {
            let mut manifest = good();
            manifest["files"][0]["name"] = json!(name);
            assert_eq!(found(&manifest), None, "{name}");
        }
    }

    #[test]
    fn numbers_of_many_digits_are_not_read() {
        let with = |digits: usize| {
            let mut manifest = good();
            let number: Value = serde_json::from_str(&"1".repeat(digits)).unwrap();
            manifest["selection"]["chosen"]["arguments"] = json!([{"k": number}]);
            found(&manifest)
        };
        assert_eq!(with(1000), None);
        let said = "a number has 1001 digits; at most 1000 are read";
        assert_eq!(with(1001), Some(("selection".to_owned(), said.to_owned())));
    }
}
