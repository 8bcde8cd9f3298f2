//! Tests of `run_spec`.

use super::*;
use twox_hash::XxHash3_128;

fn spec(fields: Value) -> RunSpec {
    let Value::Object(fields) = fields else { panic!("fields are an object") };
    RunSpec { resumable: true, shards: 1, fields }
}

#[test]
fn the_digest_of_rows_is_that_of_their_bytes() {
    let rows: Vec<i64> = (0..10_000).map(|row| row * row - 7).collect();
    let bytes: Vec<u8> = rows.iter().flat_map(|row| row.to_le_bytes()).collect();
    assert_eq!(digest_of_rows(&rows).unwrap(), format!("{:032x}", XxHash3_128::oneshot(&bytes)));
    assert_ne!(digest_of_rows(&[1, 2]).unwrap(), digest_of_rows(&[2, 1]).unwrap());
}

#[test]
fn what_differs_is_named_with_both_values() {
    let source = |bytes: u64| json!([{"path": "a", "bytes": 1}, {"path": "b", "bytes": bytes}]);
    let mine = spec(json!({"format": "arrow", "rows": 3, "sources": source(5)}));
    assert_eq!(mine.difference(&mine), None);
    for (earlier, (place, there, here)) in [
        (json!({"format": "parquet", "rows": 3}), ("format", "\"parquet\"", "\"arrow\"")),
        (json!({"format": "arrow", "rows": 2}), ("rows", "2", "3")),
        (json!({"format": "arrow", "rows": 3, "sources": source(6)}), ("sources[1] (b), bytes", "6", "5")),
        (
            json!({"format": "arrow", "rows": 3, "sources": [{"path": "a", "bytes": 1}]}),
            ("number of sources", "1", "2"),
        ),
        (json!({"format": "arrow", "rows": 3, "sources": source(5), "seed": 1}), ("seed", "1", "nothing")),
    ] {
        let (name, said) = mine.difference(&spec(earlier)).unwrap();
        assert_eq!((name.as_str(), said), (place, format!("had {there}, and this call has {here}")));
    }
}

#[test]
fn what_is_known_by_a_digest_is_told_in_words() {
    for (name, said) in [
        ("given", "had other rows than this call, or the same in another order"),
        ("indices", "had other rows than this call, or the same in another order"),
        ("features", "had columns with other features than this call"),
        ("added columns", "added other columns than this call, or other values in them"),
        ("blocks", "cut the rows into other blocks than this call, as another version of dsdm does"),
        ("details", "had other contents for the JSON files beside the shards than this call"),
        ("dataset", "had another datasets.Dataset of the same files than this call"),
    ] {
        let fields = |digest: &str| spec(json!({"rows": 3, name: digest}));
        assert_eq!(fields("1f").difference(&fields("2e")).unwrap().1, said, "{name}");
    }
}

#[test]
fn how_rows_were_chosen_may_be_another_and_tells_the_seeds_where_they_are_others() {
    let drawn = |given: &str, seed: Value| {
        spec(json!({"given": given, "chosen": {"arguments": {"seed": seed}}, "shards": [3]}))
    };
    assert_eq!(drawn("a", json!(1)).difference(&drawn("a", json!(2))), None);
    for (here, name, said) in [
        (json!(7), "seed of the draw", "had 5, and this call has 7"),
        (json!(5), "rows", "had other rows than this call, or the same in another order"),
        (
            Value::Null,
            "rows",
            "had other rows than this call, or the same in another order, and drew them with seed 5",
        ),
    ] {
        let found = drawn("b", here).difference(&drawn("a", json!(5))).unwrap();
        assert_eq!((found.0.as_str(), found.1.as_str()), (name, said));
    }
}

#[test]
fn a_run_spec_is_read_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    assert_eq!(RunSpec::read(&folder).unwrap(), None);
    let written = spec(json!({"rows": 3, "seed": u64::MAX}));
    written.write(&folder).unwrap();
    assert_eq!(RunSpec::read(&folder).unwrap(), Some(written));
    std::fs::write(dir.path().join(NAME), "{").unwrap();
    assert_eq!(RunSpec::read(&folder).unwrap(), None);
}

#[test]
fn a_run_spec_beyond_the_limits_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    let file = std::fs::File::create(folder.at(NAME)).unwrap();
    file.set_len(MAX_BYTES + 1).unwrap();
    let said = RunSpec::read(&folder).unwrap_err().to_string();
    for part in ["plan.json", "67108865 bytes", "at most 67108864"] {
        assert!(said.contains(part), "{said}");
    }
    std::fs::write(folder.at(NAME), "[".repeat(200)).unwrap();
    let said = RunSpec::read(&folder).unwrap_err().to_string();
    assert!(said.contains("plan.json") && said.contains("deeper in each other than 100"), "{said}");
}

#[test]
fn what_no_run_that_follows_would_read_is_refused_before_any_row_is_written() {
    assert!(check_fits("[1, 2]", 6).is_ok());
    let said = check_fits("[1, 2]", 5).unwrap_err().to_string();
    assert!(said.contains("it has 6 bytes, and of JSON at most 5 are read; join source files"), "{said}");
    let many = format!("[{}]", ",".repeat(2_000_001));
    let said = check_fits(&many, MAX_BYTES).unwrap_err().to_string();
    assert!(said.contains("more than 2000000 values") && said.contains("num_shards="), "{said}");
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    let mut fields = Map::new();
    fields.insert("sources".to_owned(), json!(vec![0; 2_000_001]));
    let spec = RunSpec { resumable: true, shards: 1, fields };
    assert!(matches!(spec.write(&folder), Err(Error::Value(_))) && folder.entries().unwrap().is_empty());
}
