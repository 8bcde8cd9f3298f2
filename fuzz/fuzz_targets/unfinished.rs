//! The plan and the journal of an unfinished output: a run that goes on ends with the bytes of an undisturbed one, or is
//! refused and ends with none.
//!
//! An input is a byte that chooses the format, the plan, a byte 0, and the entries of the journal, a line each: their
//! checksums are made to fit. That what shards hold is looked at is asked for: a journal whose checksums fit is else
//! believed, as is the digest of a shard, of which the fingerprint is made: the shards alone are compared.

#![no_main]

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use common::folders::{Files, files, lay, seed, write, write_within};
use common::{accepted, check_refusal, job, place};
use dsdm::error::Error;
use dsdm::write::fuzzing::{journal, journal_line, plan};
use dsdm::write::{Format, unfinished, verify};
use libfuzzer_sys::fuzz_target;

const FORMATS: [Format; 2] = [Format::Arrow, Format::Parquet];
/// Where the output is to be, and where what is left of it lies.
const OUT: &str = "out";
const UNFINISHED: &str = ".out.dsdm-unfinished";

/// An output of a format, and what an interrupted run leaves of it.
struct Run {
    whole: Files,
    left: [Files; 2],
}

static RUNS: OnceLock<Vec<Run>> = OnceLock::new();

fuzz_target!(
    init: {
        RUNS.get_or_init(|| FORMATS.iter().map(interrupted).collect());
    },
    |data: &[u8]| {
        let Some((&choice, rest)) = data.split_first() else { return };
        let number = usize::from(choice) % FORMATS.len();
        let run = &RUNS.get().expect("the target has begun")[number];
        let (plan_text, entries) = split(rest);
        let around = place().join("run");
        let _ = fs::remove_dir_all(&around);
        let folder = around.join(UNFINISHED);
        lay_output(&folder.join("output"), &run.left);
        fs::write(folder.join("plan.json"), plan_text).expect("a file can be written");
        let lines: Vec<String> = entries.lines().map(journal_line).collect();
        fs::write(folder.join("journal"), lines.concat()).expect("a file can be written");
        let beside = around.join("beside");
        fs::write(&beside, "beside").expect("a file can be written");
        check_read(&folder);
        check_goes_on(&around.join(OUT), &FORMATS[number], run);
        assert_eq!(fs::read(beside).expect("a file that is none of the run's"), b"beside");
    }
);

fn split(data: &[u8]) -> (&[u8], String) {
    let end = data.iter().position(|&byte| byte == 0).unwrap_or(data.len());
    let (plan, entries) = data.split_at(end);
    (plan, String::from_utf8_lossy(entries.get(1..).unwrap_or_default()).into_owned())
}

/// What is read is written again to what reads the same.
fn check_read(folder: &Path) {
    let before = accepted(plan(folder)).flatten();
    let Some(entries) = accepted(journal(folder)) else { return };
    let lines: Vec<String> = entries.iter().map(|entry| journal_line(entry)).collect();
    let again = place().join("again");
    let text = lines.concat();
    lay(&again, &[("journal".to_owned(), text.into_bytes())].into());
    assert_eq!(journal(&again).expect("it can be opened"), entries);
    if let Some(before) = before {
        fs::write(again.join("plan.json"), &before).expect("a file can be written");
        assert_eq!(plan(&again).expect("it can be written"), Some(before));
    }
}

fn check_goes_on(target: &Path, format: &Format, run: &Run) {
    unfinished(target).expect("what is left can be looked at");
    match write(target, format) {
        Ok(_) => {
            let found = verify(&job(), target).expect("what was written is as it was written");
            assert_eq!(found.shards, 4);
            assert!(shards(output(target)) == run.whole, "other bytes than an undisturbed run's");
        }
        Err((error, _)) => {
            // Without a plan that can be read, it is no output of dsdm that stands in the way.
            let in_the_way =
                matches!(&error, Error::Io { source, .. } if source.kind() == ErrorKind::AlreadyExists);
            if !in_the_way && !matches!(error, Error::ResumeMismatch(_)) {
                check_refusal(&error);
            }
            assert!(!target.exists(), "an output, and an error: {error}");
        }
    }
}

/// Writes an output, and once more until the disk is full before its third shard.
fn interrupted(format: &Format) -> Run {
    let around = place().join(format.name());
    fs::create_dir_all(&around).expect("a folder can be made");
    let target = around.join(OUT);
    assert!(write(&target, format).is_ok(), "an output can be written");
    let whole = shards(output(&target));
    fs::remove_dir_all(&target).expect("a folder can be removed");
    let mut sizes: Vec<usize> = whole.values().map(Vec::len).collect();
    sizes.sort_unstable();
    let failed = write_within(&target, format, sizes[2] as u64 - 1);
    assert!(failed.is_err_and(|(_, left)| left.is_some()), "nothing is left");
    let folder = around.join(UNFINISHED);
    let text = |name: &str| fs::read_to_string(folder.join(name)).expect("it is left");
    let entries: Vec<String> =
        text("journal").lines().filter_map(|line| Some(line.split_once(' ')?.1.to_owned())).collect();
    let number = u8::from(*format == FORMATS[1]);
    let input = [&[number], text("plan.json").as_bytes(), &[0], entries.join("\n").as_bytes()].concat();
    seed(format.name(), &input);
    Run { whole, left: output(&folder.join("output")) }
}

/// The files of an output, and those of the folder `data` in it.
fn output(folder: &Path) -> [Files; 2] {
    let inner = inner(folder);
    [files(folder), if inner.is_dir() { files(&inner) } else { Files::new() }]
}

/// The shards of an output.
fn shards([outer, below]: [Files; 2]) -> Files {
    outer.into_iter().chain(below).filter(|(name, _)| name.contains("-of-")).collect()
}

fn lay_output(folder: &Path, [outer, below]: &[Files; 2]) {
    lay(folder, outer);
    if !below.is_empty() {
        lay(&inner(folder), below);
    }
}

fn inner(folder: &Path) -> PathBuf {
    folder.join("data")
}
