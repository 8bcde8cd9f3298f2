//! How the run spec of an earlier run differs from that of this one, in words.

use serde_json::Value;

/// Says what an earlier run did otherwise: by both values, or in words where these are digests.
pub(crate) fn in_words(name: &str, there: &str, here: &str) -> String {
    let said = match name {
        "features" => "had columns with other features than this call",
        "added columns" => "added other columns than this call, or other values in them",
        "blocks" => "cut the rows into other blocks than this call, as another version of dsdm does",
        "details" => "had other contents for the JSON files beside the shards than this call",
        "dataset" => "had another datasets.Dataset of the same files than this call",
        _ => return format!("had {there}, and this call has {here}"),
    };
    said.to_owned()
}

/// Goes into lists and objects for what differs, so that a message can show it.
pub(crate) fn first_difference(
    name: &str,
    there: Option<&Value>,
    here: Option<&Value>,
) -> (String, String, String) {
    match (there, here) {
        (Some(Value::Array(there)), Some(Value::Array(here))) if name == "shards" => {
            // Proof: a text for a message.
            let count =
                |ends: &[Value]| format!("{} of {} rows", ends.len(), ends.last().unwrap_or(&Value::Null));
            (name.to_owned(), count(there), count(here))
        }
        (Some(Value::Array(there)), Some(Value::Array(here))) => {
            if there.len() != here.len() {
                return (format!("number of {name}"), there.len().to_string(), here.len().to_string());
            }
            // Proof: as many, which was just compared.
            let differ = there.iter().zip(here).enumerate().find(|(_, (there, here))| there != here);
            differ.map_or_else(
                || (name.to_owned(), String::new(), String::new()),
                |(index, (there, here))| {
                    let label = here.get("path").and_then(Value::as_str).map_or_else(
                        || format!("{name}[{index}]"),
                        |path| format!("{name}[{index}] ({path})"),
                    );
                    first_difference(&label, Some(there), Some(here))
                },
            )
        }
        (Some(Value::Object(there)), Some(Value::Object(here))) => {
            let differ = here.keys().chain(there.keys()).find(|key| there.get(*key) != here.get(*key));
            differ.map_or_else(
                || (name.to_owned(), String::new(), String::new()),
                |key| first_difference(&format!("{name}, {key}"), there.get(key), here.get(key)),
            )
        }
        _ => {
            let show = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), Value::to_string);
            (name.to_owned(), show(there), show(here))
        }
    }
}
