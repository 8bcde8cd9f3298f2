//! JSON lines as rows, plain and packed: every value held against `serde_json`, line by line, and the same text packed
//! held against it as it is.

#![no_main]

use std::path::Path;

use arrow::record_batch::RecordBatch;
use common::lines::{cell, expected, lines_of, packed, text_of};
use common::{MANY, accepted, check_rows, job, written};
use dsdm::gather::{Corpus, take};
use dsdm::scores::Io;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// Bytes that a gather may hold.
const LIMIT: u64 = 128 << 20;

fuzz_target!(|data: &[u8]| {
    // A name without an ending promises nothing: what is packed is told by its first bytes.
    let path = written("lines", data);
    check_rows(&path, data, |_| None);
    let found = rows(&path);
    let Some(text) = text_of(data) else {
        assert!(found.is_none_or(|(count, _)| count > MANY), "rows of a text that is damaged");
        return;
    };
    if let Some((count, batches)) = &found {
        check(&text, *count, batches);
    }
    if text.len() == data.len() {
        for (name, bytes) in ["lines.jsonl.gz", "lines.jsonl.zst"].iter().zip(packed(&text)) {
            let again = rows(&written(name, &bytes));
            // A name tells that these are lines, which the first bytes of the others may not.
            assert!(found.is_none() || again == found, "other rows of {name}");
        }
    }
});

/// How many rows there are, and those of few.
fn rows(path: &Path) -> Option<(u64, Vec<RecordBatch>)> {
    let corpus = accepted(Corpus::open(&job(), &[path.to_owned()], None, Io::Mmap))?;
    let count = corpus.rows();
    let wanted: Vec<i64> = (0..count.min(MANY).cast_signed()).collect();
    Some((count, accepted(take(&job(), &corpus, &wanted, LIMIT))?))
}

/// Every value that a line has is in its row, and no other.
fn check(text: &[u8], count: u64, batches: &[RecordBatch]) {
    let lines = lines_of(text);
    assert_eq!(lines.len() as u64, count, "rows, and lines that are not blank");
    let mut lines = lines.into_iter();
    for batch in batches {
        let schema = batch.schema();
        for row in 0..batch.num_rows() {
            let line = lines.next().expect("as many lines as rows");
            let Ok(Value::Object(object)) = serde_json::from_slice(line) else {
                panic!("a row of what is no object: {:?}", line.escape_ascii().to_string())
            };
            assert!(object.keys().all(|name| schema.index_of(name).is_ok()), "a column is left out");
            for (field, column) in schema.fields().iter().zip(batch.columns()) {
                let expected = expected(object.get(field.name()), field.data_type());
                assert_eq!(cell(column.as_ref(), row), expected, "row {row}, column {:?}", field.name());
            }
        }
    }
}
