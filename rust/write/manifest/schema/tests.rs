use serde_json::json;

use super::*;

/// A manifest with every field that is looked at.
fn good() -> Value {
    let digits = "0123456789abcdef0123456789abcdef";
    let file = |name: &str| json!({"name": name, "bytes": 5, "crc32": "0badcafe"});
    json!({
        "dsdm": "1.0", "format": "arrow", "token_dtype": "uint16", "rows": 3, "fingerprint": "x",
        "sources": [{"path": "/a", "bytes": 1, "modified_ns": u64::MAX, "rows": 3, "ends": digits}],
        "shards": [{"rows": 3, "indices": digits, "digest": &digits[..16], "files": [file("data/a.arrow")]}],
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
    check(manifest.as_object().unwrap(), 2).err()
}

#[track_caller]
fn wrong(pointer: &str, value: Value, said: &str) {
    let mut manifest = good();
    *manifest.pointer_mut(pointer).unwrap() = value;
    let (place, message) = found(&manifest).unwrap();
    assert!(message.contains(said), "{place}: {message}");
    let place_of_pointer = pointer.trim_start_matches('/').split('/').fold(String::new(), |place, part| {
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
        ["token_dtype", "rows", "ends", "given", "schema", "chosen", "by", "score_files", "source_rows"];
    let manifest = good();
    let objects = [
        ("", ["dsdm", "format", "rows", "fingerprint", "sources", "shards", "files", "selection"].as_slice()),
        ("/sources/0", &["path", "bytes", "modified_ns"]),
        ("/shards/0", &["rows", "indices", "digest", "files"]),
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
    wrong("/token_dtype", json!("float32"), "tokens of the type \"float32\" are not known here");
    wrong("/token_dtype", json!(null), "it is null; a text is expected");
    for value in [json!(-1), json!(1.5), json!("1"), json!(null), json!(1_u64 << 63)] {
        wrong("/rows", value, "a whole number from 0 to 9223372036854775807 is expected");
    }
    wrong("/sources", json!({}), "it is an object; a list is expected");
    wrong("/sources/0", json!([]), "it is a list; an object is expected");
    wrong("/sources/0/modified_ns", json!(-1), "a whole number from 0 to 18446744073709551615 is expected");
    wrong("/sources/0/path", json!("a\0"), "has a byte 0, which no path has");
    wrong("/sources/0/path", json!("a".repeat(32_769)), "it has 32769 characters; 1 to 32768 are expected");
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
