//! Score directories of bergson, `info.json` and after a 0 `scores.bin`: each score held against the bytes at the place
//! that the record tells of, whose flag must be set.

#![no_main]

use common::{same_by_both, written};
use dsdm::scores::OpenOptions;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// Columns that are asked for, beside the only one.
const COLUMNS: usize = 3;

fuzz_target!(|data: &[u8]| {
    let at = data.iter().position(|&byte| byte == 0).unwrap_or(data.len());
    let (info, rest) = data.split_at(at);
    let scores = rest.get(1..).unwrap_or_default();
    written("info.json", info);
    let path = written("scores.bin", scores);
    for column in [None, Some(0), Some(1), Some(COLUMNS - 1)] {
        let options = OpenOptions { column: column.map(|at| at.to_string()), ..OpenOptions::default() };
        let Some((dtype, found)) = same_by_both(&path, &options) else { continue };
        // What tells of something else leaves the file to readers of other formats, which have targets of their own.
        let Some(told) = told(info) else { continue };
        assert_eq!(told.items * told.record, scores.len(), "bytes of all records");
        assert_eq!(found.len(), told.items * dtype.size(), "scores of all records");
        assert!(column.is_some() || told.pairs.len() == 1, "scores of many columns, and none was chosen");
        let (score, flag) = told.pairs[column.unwrap_or(0)];
        for (row, value) in found.chunks_exact(dtype.size()).enumerate() {
            let record = &scores[row * told.record..(row + 1) * told.record];
            assert_eq!(record[flag], 1, "the flag of row {row}");
            let mut stored = record[score..score + dtype.size()].to_vec();
            if told.is_swapped {
                stored.reverse();
            }
            assert_eq!(value, stored, "the score of row {row}");
        }
    }
});

/// What is told of records.
struct Told {
    items: usize,
    record: usize,
    /// Where each score is in a record, and its flag.
    pairs: Vec<(usize, usize)>,
    is_swapped: bool,
}

/// What a parser of JSON finds; nothing where a field is not there, or there twice.
fn told(info: &[u8]) -> Option<Told> {
    let text = std::str::from_utf8(info).ok()?;
    let fields = ["num_items", "num_scores", "dtype", "names", "formats", "offsets", "itemsize"];
    // A name may also be spelt by escapes.
    if text.contains('\\') || fields.iter().any(|name| text.matches(&format!("\"{name}\"")).count() != 1) {
        return None;
    }
    let whole: Value = serde_json::from_slice(info).ok()?;
    let number = |value: &Value| usize::try_from(value.as_u64()?).ok();
    let dtype = &whole["dtype"];
    let offsets = dtype["offsets"].as_array()?.iter().map(number).collect::<Option<Vec<_>>>()?;
    let names = dtype["names"].as_array()?.iter().map(Value::as_str).collect::<Option<Vec<_>>>()?;
    let formats = dtype["formats"].as_array()?.iter().map(Value::as_str).collect::<Option<Vec<_>>>()?;
    let count = number(&whole["num_scores"])?;
    let items = number(&whole["num_items"])?;
    let record = number(&dtype["itemsize"])?;
    assert_eq!((names.len(), offsets.len()), (formats.len(), 2 * count), "fields of a record that was read");
    for (at, name) in names.iter().enumerate() {
        let kind = if at % 2 == 0 { "score" } else { "written" };
        assert_eq!(*name, format!("{kind}_{}", at / 2), "the name of a field of a record that was read");
    }
    Some(Told {
        items,
        record,
        pairs: offsets.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect(),
        is_swapped: formats.first()?.starts_with('>'),
    })
}
