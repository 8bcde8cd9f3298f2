//! Outputs that dsdm writes of a few rows, and what it leaves of one that could not be written.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Float32Array, Int64Array, StringArray};
use arrow::record_batch::RecordBatch;
use dsdm::error::Error;
use dsdm::gather::{Corpus, Split};
use dsdm::write::{
    ExtraKeys, Format, Naming, Options, PathNames, Release, Report, Resumable, Resume, materialize,
};
use serde_json::{Map, json};

use crate::job;

/// Rows of the corpus, of which the second half are long.
const ROWS: usize = 24;
/// How many shards an output has.
const SHARDS: u64 = 4;

/// The files of a folder by their names, of which none lies in another folder.
pub type Files = BTreeMap<String, Vec<u8>>;

fn corpus() -> Corpus {
    let text = |row: usize| format!("{row:03}").repeat(if row < ROWS / 2 { 1 + row % 4 } else { 60 });
    let columns: [(&str, arrow::array::ArrayRef); 3] = [
        ("id", Arc::new(Int64Array::from_iter_values(0..ROWS as i64))),
        ("score", Arc::new(Float32Array::from_iter_values((0..ROWS).map(|row| row as f32 / 7.0)))),
        ("text", Arc::new(StringArray::from_iter_values((0..ROWS).map(text)))),
    ];
    let batch = RecordBatch::try_from_iter(columns).expect("columns of one length");
    Corpus::from_batches(batch.schema(), &[batch], None).expect("types that rows may have")
}

/// Writes short rows and then long ones as an output, or goes on with what is left of it.
///
/// # Errors
/// Those of writing it.
pub fn write(target: &Path, format: &Format) -> Result<Report, (Error, Option<Resumable>)> {
    let half = ROWS as i64 / 2;
    let rows: Vec<i64> = (0..half).rev().chain(half..2 * half).collect();
    let object = |value: serde_json::Value| value.as_object().cloned().unwrap_or_default();
    let options = Options {
        target: target.to_owned(),
        format: *format,
        token_dtype: None,
        release: Release::NEWEST,
        split_name: "train".to_owned(),
        card: None,
        by_content: false,
        embed: false,
        naming: Naming::New,
        sources: Vec::new(),
        resume: Resume::Same,
        resumable: true,
        verify: true,
        split: Split::Shards(SHARDS),
        memory_limit: 64 << 20,
        places: PathNames::Relative,
        selection: object(
            json!({"rows": rows.len(), "seed": 7, "chosen": {"by": "top_k", "source_rows": 24}}),
        ),
        identity: object(json!({"given": "0".repeat(32), "chosen": {"arguments": {"seed": 7}}})),
        extra_keys: ExtraKeys { state: Map::new(), info: Map::new() },
    };
    materialize(&job(), &corpus(), &rows, &[], &options)
}

/// The files of a folder.
pub fn files(folder: &Path) -> Files {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let file = |path: PathBuf| {
        let bytes = fs::read(&path).ok()?;
        Some((path.file_name()?.to_str()?.to_owned(), bytes))
    };
    entries.filter_map(file).collect()
}

/// Writes files into a folder that is made for them.
pub fn lay(folder: &Path, files: &Files) {
    fs::create_dir_all(folder).expect("a folder can be made");
    for (name, bytes) in files {
        fs::write(folder.join(name), bytes).expect("a file can be written");
    }
}

/// Writes an output while no file may have more than so many bytes, as on a disk that is full.
///
/// # Errors
/// Those of writing it.
pub fn write_within(
    target: &Path,
    format: &Format,
    bytes: u64,
) -> Result<Report, (Error, Option<Resumable>)> {
    let limit = |bytes| {
        let mut old = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: both calls are given a struct that lives for as long as they run; without the signal, which is
        // ignored, a write of more bytes is an error.
        unsafe {
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut old);
            let new = libc::rlimit { rlim_cur: bytes, ..old };
            assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &raw const new), 0, "a limit can be set");
        }
        old.rlim_cur
    };
    let before = limit(bytes);
    let outcome = write(target, format);
    limit(before);
    outcome
}

/// Adds a seed to the first corpus that libFuzzer was given, which it reads once the target has begun.
pub fn seed(name: &str, bytes: &[u8]) {
    let corpus = std::env::args().skip(1).find(|argument| Path::new(argument).is_dir());
    if let Some(corpus) = corpus {
        fs::write(Path::new(&corpus).join(format!("made-{name}")), bytes).expect("a seed can be written");
    }
}
