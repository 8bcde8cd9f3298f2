//! Numbers of lines, as they are found and as they are refused.

use std::path::Path;

use proptest::prelude::*;
use serde_json::json;

use super::numbers::Numbers;
use super::shape::Looking;
use super::value::{Found, Wanted};
use super::*;
use crate::scores::dtype::DType;

fn found(names: &[&str], place: Option<u64>, line: &str) -> Result<Found, String> {
    Looking::default().line(line.as_bytes())?;
    Wanted::new(names.to_vec(), place, &OpenOptions::default()).value(line.as_bytes())
}

#[test]
fn a_number_is_found_by_its_keys() {
    for (names, place, line, expected) in [
        (&["s"][..], None, r#"{"s": 5}"#, Found::Whole(5)),
        (&["s"], None, r#" {"a": [1, {"s": 2}], "s": -5.5e1, "b": {"s": 7}} "#, Found::Float(-55.0)),
        (&["a", "b"], None, r#"{"a": {"s": {}, "b": 0.1}, "b": 3}"#, Found::Float(0.1)),
        (&["a.b"], None, r#"{"a": {"b": 1}, "a.b": 9007199254740993}"#, Found::Whole(9_007_199_254_740_993)),
        (&["s"], None, r#"{"t": [NaN], "s": -Infinity}"#, Found::Float(f64::NEG_INFINITY)),
        (&["s"], None, r#"{"\u0073": true}"#, Found::Boolean(true)),
        (&["s"], None, r#"{"s": [-0]}"#, Found::Whole(0)),
        (&["s"], Some(1), r#"{"s": ["a", 2, null]}"#, Found::Whole(2)),
        (&[""], None, r#"{"": 18446744073709551615}"#, Found::Whole(u64::MAX.into())),
    ] {
        assert_eq!(found(names, place, line), Ok(expected), "{line}");
    }
}

#[test]
fn what_is_no_number_is_told() {
    for (line, said) in [
        (r#"{"s": null}"#, "this is null"),
        (r#"{"s": "1"}"#, "this is a text"),
        (r#"{"s": {"a": 1}}"#, "this is an object"),
        (r#"{"s": [1, 2]}"#, "a list of 2 values"),
        (r#"{"s": []}"#, "a list of 0 values"),
        (r#"{"s": [null]}"#, "this is null"),
        (r#"{"t": 1}"#, "there is no \"s\""),
        ("{}", "there is no \"s\""),
        (r#"{"s": 1, "s": 1}"#, "\"s\" is there twice"),
        (r#"{"s": 1} {"s": 2}"#, "another value is behind it"),
        (r#"{"s": 1"#, "this is no JSON"),
        (r#"{"s": 01}"#, "this is no JSON"),
        (r#"{"s": 1.}"#, "this is no JSON"),
        (r#"{"s": 1,}"#, "this is no JSON"),
        (r#"{"s": -NaN}"#, "this is no JSON"),
        (r#"{"s": nan}"#, "this is no JSON"),
        (r#"{"s": xNaN}"#, "this is no JSON"),
        (r#"{"s": 18446744073709551616}"#, "beyond int64 and uint64"),
        (r#"{"s": 1e999}"#, "beyond float64"),
        ("[1]", "each line must be an object"),
    ] {
        let error = found(&["s"], None, line).unwrap_err();
        assert!(error.contains(said), "{line}: {error}");
    }
    let deep = format!("{{\"s\": 1, \"t\": {}{}}}", "[".repeat(100), "]".repeat(100));
    assert!(found(&["s"], None, &deep).unwrap_err().contains("deeper in each other than 64"));
    assert!(Looking::default().line(b"{\"s\": \"\xff\"}").unwrap_err().contains("this is no JSON"));
    let many: Vec<_> = (0..10_001).map(|number| format!("\"{number}\": 1")).collect();
    assert!(
        found(&["s"], None, &format!("{{{}}}", many.join(", "))).unwrap_err().contains("more than 10000")
    );
}

#[test]
fn a_name_is_that_of_lines_by_its_ending() {
    for name in ["a.jsonl", "a.JSON", "b.ndjson.gz", "c.json.zst", "d.jsonl.zstd", "e.jsonl.GZIP"] {
        assert!(is_named(Path::new(name)), "{name}");
    }
    for name in ["a", "jsonl", "a.gz", "a.txt.gz", "a.jsonl.bz2", "a.jsonl.gz.gz", ".."] {
        assert!(!is_named(Path::new(name)), "{name}");
    }
}

proptest! {
    #[test]
    fn numbers_have_the_type_that_holds_all(
        values in prop::collection::vec(
            prop_oneof![
                (i64::MIN..=i64::MAX).prop_map(|value| json!(value)),
                (-3_i64..3).prop_map(|value| json!(value)),
                (u64::MAX - 3..=u64::MAX).prop_map(|value| json!(value)),
                prop::sample::select(vec![0.0, -0.0, 0.1, 1e300, 5e-324, 9_007_199_254_740_992.0]).prop_map(|value| json!(value)),
                ((1_i64 << 53) - 1..=(1 << 53) + 1).prop_map(|value| json!(value)),
            ],
            1..6,
        ),
    ) {
        let mut wanted = Wanted::new(vec!["s"], None, &OpenOptions::default());
        let mut numbers = Numbers::new(Path::new("f"), "s", false, values.len() as u64).unwrap();
        let made = values.iter().enumerate().try_for_each(|(line, value)| {
            let found = wanted.value(json!({ "s": value }).to_string().as_bytes()).unwrap();
            numbers.add(line as u64 + 1, found)
        });
        let made = made.and_then(|()| numbers.end());
        let whole: Vec<Option<i128>> = values.iter().map(|value| value.to_string().parse().ok()).collect();
        let bytes: Option<(DType, Vec<u8>)> = if let Some(whole) = whole.iter().copied().collect::<Option<Vec<i128>>>() {
            let long: Option<Vec<i64>> = whole.iter().map(|&value| value.try_into().ok()).collect();
            let unsigned: Option<Vec<u64>> = whole.iter().map(|&value| value.try_into().ok()).collect();
            long.map(|all| (DType::I64, all.into_iter().flat_map(i64::to_ne_bytes).collect()))
                .or_else(|| unsigned.map(|all| (DType::U64, all.into_iter().flat_map(u64::to_ne_bytes).collect())))
        } else if whole.iter().flatten().all(|value| value.unsigned_abs() <= 1 << 53) {
            let floats = values.iter().map(|value| value.to_string().parse::<f64>().unwrap());
            Some((DType::F64, floats.flat_map(f64::to_ne_bytes).collect()))
        } else {
            None
        };
        match (made, bytes) {
            (Ok((bytes, len, dtype)), Some(expected)) => {
                prop_assert_eq!(len, values.len() as u64);
                prop_assert_eq!((dtype, bytes), expected);
            }
            (Err(error), None) => prop_assert!(error.to_string().contains("f: at line "), "{}", error),
            (made, expected) => prop_assert!(false, "{:?} and {:?}", made.map(|made| made.2), expected),
        }
    }
}
