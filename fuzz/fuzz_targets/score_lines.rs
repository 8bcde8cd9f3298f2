//! JSON lines as scores, plain and packed: each held against the number that `serde_json` finds in its line.

#![no_main]

use common::lines::{lines_of, packed, text_of};
use common::{same_by_both, written};
use dsdm::scores::{DType, OpenOptions};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// How scores are asked for: the only column, one, one within another, an item of a list; and booleans.
const ASKED: [(Option<&str>, bool); 6] = [
    (None, false),
    (Some("score"), false),
    (Some("meta.score"), false),
    (Some("scores[1]"), false),
    (Some("keep"), true),
    (None, true),
];

fuzz_target!(|data: &[u8]| {
    let text = text_of(data);
    let ending = match data {
        [0x1f, 0x8b, ..] => ".gz",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => ".zst",
        _ => "",
    };
    let path = written(&format!("scores.jsonl{ending}"), data);
    for (column, booleans) in ASKED {
        let options = OpenOptions { column: column.map(str::to_owned), booleans, ..OpenOptions::default() };
        let found = same_by_both(&path, &options);
        let Some(text) = &text else {
            assert!(found.is_none(), "scores of a text that is damaged");
            continue;
        };
        if let Some(found) = &found {
            check(text, column, found);
        }
        if ending.is_empty() && text.first() == Some(&b'{') {
            for (ending, bytes) in [".gz", ".zst"].iter().zip(packed(text)) {
                let again = same_by_both(&written(&format!("scores.jsonl{ending}"), &bytes), &options);
                assert!(again == found, "other scores once they are packed as {ending}");
            }
        }
    }
});

fn check(text: &[u8], column: Option<&str>, (dtype, bytes): &(DType, Vec<u8>)) {
    let lines = lines_of(text);
    let values: Vec<&[u8]> = bytes.chunks_exact(dtype.size()).collect();
    assert_eq!(lines.len(), values.len(), "scores, and lines that are not blank");
    for (line, value) in lines.into_iter().zip(values) {
        // Python's NaN and Infinity are scores, and no JSON.
        let Ok(object) = serde_json::from_slice::<Value>(line) else {
            let is_python = line.windows(3).any(|word| word == b"NaN" || word == b"Inf");
            assert!(is_python, "a score of what is no JSON: {:?}", line.escape_ascii().to_string());
            continue;
        };
        let found = match column {
            None => continue,
            Some("meta.score") => object.get("meta.score").or_else(|| object.get("meta")?.get("score")),
            Some("scores[1]") => object.get("scores[1]").or_else(|| object.get("scores")?.get(1)),
            Some(name) => object.get(name),
        };
        let found = found.expect("a score is in its line");
        assert_eq!(bits(found, *dtype).as_deref(), Some(value), "{found}");
    }
}

/// The bytes of a number in a type, as this machine has them; a list or an object of one value is that value.
fn bits(found: &Value, dtype: DType) -> Option<Vec<u8>> {
    let text = found.to_string();
    match (found, dtype) {
        (Value::Array(items), _) if items.len() == 1 => bits(&items[0], dtype),
        (Value::Bool(value), DType::U8) => Some(vec![u8::from(*value)]),
        (Value::Number(_), DType::I64) => Some(text.parse::<i64>().ok()?.to_ne_bytes().to_vec()),
        (Value::Number(_), DType::U64) => {
            Some(u64::try_from(text.parse::<i128>().ok()?).ok()?.to_ne_bytes().to_vec())
        }
        (Value::Number(_), DType::F64) => Some(text.parse::<f64>().ok()?.to_ne_bytes().to_vec()),
        _ => None,
    }
}
