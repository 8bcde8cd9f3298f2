//! Shards of blocks that come in any order: their bytes and sums, and the last steps of each.

use std::borrow::Cow;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{ArrayRef, AsArray, Int32Array};
use arrow::buffer::Buffer;
use arrow::datatypes::Int32Type;
use serde_json::{Map, json};
use tempfile::TempDir;

use super::*;
use crate::gather::{Corpus, Split};
use crate::write::format::shard_names::shard_name;
use crate::write::options::{Naming, Options};
use crate::write::stage::Stage;
use crate::write::unfinished::run_spec::RunSpec;
use crate::write::{ExtraKeys, Format, Release, Resume};

/// Rows as numbers of four bytes, a buffer for each batch, between a head that is replaced and a tail.
#[derive(Clone, Copy)]
struct Numbers {
    blocks: u64,
    most_bytes: u64,
    /// Whether a file lies beside each shard.
    beside: bool,
    /// Rows that a shard lacks when they are counted.
    lost: u64,
    /// Whether shards lie in a folder.
    inner: bool,
}

const PLAIN: Numbers = Numbers { blocks: 1, most_bytes: u64::MAX, beside: false, lost: 0, inner: true };

impl Encoder for Numbers {
    /// The first row of a piece, and how many rows it has.
    type Note = (u64, u64);

    fn blocks_of_a_piece(&self) -> u64 {
        self.blocks
    }

    fn name(&self, shard: usize, shards: usize) -> String {
        if self.inner {
            format!("of-{shards}/{shard}")
        } else {
            shard_name(Format::Arrow, "train", shard, shards)
        }
    }

    fn head(&self, rows: u64) -> Result<Cow<'_, [u8]>> {
        Ok(Cow::Owned(format!("[{rows:05}]").into_bytes()))
    }

    fn check_bytes(&self, name: &str, bytes: u64) -> Result<()> {
        if bytes > self.most_bytes { Err(Error::Value(format!("{name} has {bytes} bytes"))) } else { Ok(()) }
    }

    fn encode(&self, first: u64, batches: Vec<RecordBatch>) -> Result<Piece<Self::Note>> {
        let bytes = |batch: &RecordBatch| {
            let numbers = batch.column(0).as_primitive::<Int32Type>();
            Buffer::from_vec(numbers.values().iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>())
        };
        let rows = batches.iter().map(|batch| batch.num_rows() as u64).sum();
        Ok(Piece { buffers: batches.iter().map(bytes).collect(), note: (first, rows) })
    }

    fn end(&self, name: &str, pieces: Vec<(u64, Self::Note)>) -> Result<End> {
        // What is told of the pieces lies in the tail.
        let tail = format!("tail of {name}: {pieces:?}").into_bytes();
        let more =
            if self.beside { vec![(format!("{name}.beside"), b"beside".to_vec())] } else { Vec::new() };
        let extra = [("pieces".to_owned(), json!(pieces.len()))].into_iter().collect();
        Ok(End { head: self.beside.then(|| b"{other}".to_vec()), tail, more, extra })
    }

    fn count_rows(&self, path: &Path) -> Result<u64> {
        let bytes = fs::read(path).unwrap();
        let tail = bytes.windows(4).position(|window| window == b"tail").unwrap();
        Ok((tail as u64 - 7) / 4 - self.lost)
    }

    fn companions(&self, _fingerprint: &str, _shards: &[FinishedShard]) -> Result<Vec<(String, String)>> {
        Ok(Vec::new())
    }
}

/// Shards of rows that are numbered backwards.
fn opened<E: Encoder + 'static>(encoder: E, stage: &Stage, plan: &Plan) -> Result<Shards<'static, E>> {
    let rows = Vec::leak(numbers(plan.shards.last().unwrap().end));
    Shards::new(encoder, stage.destination(), plan, rows)
}

fn numbers(count: u64) -> Vec<i64> {
    (0..i64::try_from(count).unwrap()).rev().collect()
}

fn stage(folder: &TempDir) -> Stage {
    let options = Options {
        target: folder.path().join("out"),
        format: Format::Arrow,
        release: Release::NEWEST,
        split_name: "train".to_owned(),
        card: None,
        by_content: false,
        token_dtype: None,
        embed: false,
        naming: Naming::New,
        sources: Vec::new(),
        resume: Resume::Same,
        resumable: true,
        verify: false,
        split: Split::Shards(2),
        memory_limit: 1,
        places: crate::write::PathNames::Relative,
        selection: Map::new(),
        identity: Map::new(),
        extra_keys: ExtraKeys::default(),
    };
    let spec = json!({"resumable": true, "shards": 2, "fields": {"rows": 16, "shards": [13, 16]}});
    let spec: RunSpec = serde_json::from_value(spec).unwrap();
    Stage::begin(&options, &[], &spec).unwrap()
}

/// A plan of shards of so many blocks of 10 rows each, the last of which has 3.
fn plan(blocks: &[u64]) -> Plan {
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![0]));
    let batch = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
    let corpus = Corpus::from_batches(batch.schema(), &[batch], None).unwrap();
    let mut plan = Plan::new(&corpus, 1, 0, Split::Shards(1), 1 << 20).unwrap();
    (plan.shards, plan.blocks) = (Vec::new(), Vec::new());
    plan.made = (0..blocks.len()).collect();
    let mut row = 0;
    for (shard, &count) in blocks.iter().enumerate() {
        let start = row;
        for index in 0..count {
            let end = row + if index + 1 == count { 3 } else { 10 };
            plan.blocks.push(Block { shard, index, first: row, rows: row..end });
            row = end;
        }
        plan.shards.push(start..row);
    }
    plan
}

/// The rows of a block, whose numbers are those of the rows, in two batches if they are more than three.
fn rows_of(block: &Block) -> Vec<RecordBatch> {
    let numbers = block.rows.clone().map(|row| i32::try_from(row).unwrap());
    let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(numbers));
    let whole = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
    let cut = whole.num_rows().min(3);
    let batches = [whole.slice(0, cut), whole.slice(cut, whole.num_rows() - cut)];
    batches.into_iter().filter(|batch| batch.num_rows() > 0).collect()
}

fn put_all(shards: &Shards<Numbers>, blocks: &[Block], threads: usize) -> Result<()> {
    let queue = crate::exec::job::Queue::new(blocks.len() as u64);
    let put = |_: usize, state: &State| {
        while let Some(next) = queue.take() {
            let block = &blocks[usize::try_from(next).unwrap()];
            shards.put(block, rows_of(block), state)?;
        }
        Ok(())
    };
    Job::new(threads).run(put).map(drop)
}

fn finish(shards: &Shards<Numbers>) -> Result<Vec<FinishedShard>> {
    Ok(Job::new(1).run_on(1, |_, state| shards.finish(state))?.remove(0))
}

/// A shard and its digest, as they are to be: made of the rows at once.
fn by_hand(encoder: Numbers, shard: usize, plan: &Plan) -> (Vec<u8>, String) {
    let rows = &plan.shards[shard];
    let blocks: Vec<&Block> = plan.blocks.iter().filter(|block| block.shard == shard).collect();
    let head = if encoder.beside {
        b"{other}".to_vec()
    } else {
        format!("[{:05}]", rows.end - rows.start).into_bytes()
    };
    let mut digests = XxHash3_64::oneshot(&head).to_le_bytes().to_vec();
    let (mut bytes, mut notes) = (head, Vec::new());
    for piece in blocks.chunks(usize::try_from(encoder.blocks).unwrap()) {
        let batches: Vec<RecordBatch> = piece.iter().flat_map(|block| rows_of(block)).collect();
        let (mut of_buffers, mut count) = (Vec::new(), 0);
        let start = bytes.len();
        for batch in &batches {
            let numbers = batch.column(0).as_primitive::<Int32Type>().values().to_vec();
            let buffer: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
            of_buffers.extend(XxHash3_64::oneshot(&buffer).to_le_bytes());
            count += numbers.len() as u64;
            bytes.extend(buffer);
        }
        digests.extend(XxHash3_64::oneshot(&of_buffers).to_le_bytes());
        notes.push((start as u64, (piece[0].rows.start, count)));
    }
    bytes.extend(format!("tail of {}: {notes:?}", encoder.name(shard, plan.shards.len())).into_bytes());
    if encoder.beside {
        digests.extend(XxHash3_64::oneshot(b"beside").to_le_bytes());
    }
    (bytes, format!("{:016x}", XxHash3_64::oneshot(&digests)))
}

#[test]
fn shards_are_the_same_bytes_in_whatever_order_blocks_come() {
    let plan = plan(&[7, 0, 1, 3, 6]);
    for (blocks, beside) in [(1, false), (3, false), (3, true), (7, false), (100, true)] {
        let encoder = Numbers { blocks, beside, ..PLAIN };
        let mut backwards = plan.blocks.clone();
        backwards.reverse();
        let mut mixed = plan.blocks.clone();
        mixed.sort_by_key(|block| (block.rows.start * 7919) % 101);
        // Pieces wait for those before them, of which some must be allowed to be made meanwhile.
        for (order, threads) in [(&plan.blocks, 1), (&plan.blocks, 3), (&backwards, 20), (&mixed, 20)] {
            let folder = tempfile::tempdir().unwrap();
            let stage = stage(&folder);
            let shards = opened(encoder, &stage, &plan).unwrap();
            shards.make_folders().unwrap();
            shards.make_folders().unwrap();
            put_all(&shards, order, threads).unwrap();
            let done = finish(&shards).unwrap();
            assert_eq!(done.len(), 5);
            for (shard, done) in done.iter().enumerate() {
                let (bytes, digest) = by_hand(encoder, shard, &plan);
                let rows = plan.shards[shard].end - plan.shards[shard].start;
                assert_eq!((done.shard, done.rows, &done.digest), (shard, rows, &digest));
                let numbers = numbers(plan.shards[4].end);
                let of_shard = &numbers[checked::span(&plan.shards[shard]).unwrap()];
                assert_eq!(done.indices, digest_of_rows(of_shard).unwrap());
                let mut files = vec![(encoder.name(shard, 5), bytes)];
                files.extend(beside.then(|| (format!("of-5/{shard}.beside"), b"beside".to_vec())));
                for (entry, (name, bytes)) in done.files.iter().zip(&files) {
                    assert_eq!(&fs::read(stage.output().at(name)).unwrap(), bytes);
                    let expected =
                        FileEntry { name: name.clone(), bytes: bytes.len() as u64, crc32: Crc32::of(bytes) };
                    assert_eq!(entry, &expected);
                }
                assert_eq!(done.files.len(), files.len());
                let of_shard = plan.blocks.iter().filter(|block| block.shard == shard).count() as u64;
                assert_eq!(done.extra["pieces"], json!(of_shard.div_ceil(blocks)));
            }
            let there = fs::read_dir(stage.output().at("of-5")).unwrap().count();
            assert_eq!(there, if beside { 10 } else { 5 }, "nothing else is there");
        }
    }
}

#[test]
fn blocks_that_no_plan_has_are_defects() {
    let plan = plan(&[2, 4]);
    for blocks in [1, 2, 3] {
        let folder = tempfile::tempdir().unwrap();
        let stage = stage(&folder);
        let shards = opened(Numbers { blocks, ..PLAIN }, &stage, &plan).unwrap();
        shards.make_folders().unwrap();
        let put = |block: &Block| put_all(&shards, std::slice::from_ref(block), 1);
        let said = |error: Error, said: &str| {
            assert!(matches!(&error, Error::Internal(told) if told.contains(said)), "{error}");
        };
        let first = &plan.blocks[2];
        put(first).unwrap();
        said(put(first).unwrap_err(), "was made twice");
        said(put(&Block { shard: 2, ..first.clone() }).unwrap_err(), "there is no shard 2");
        if blocks > 1 {
            let beyond = Block { index: 60, ..first.clone() };
            said(put(&beyond).unwrap_err(), "of-2/1 has 4 blocks and none of the number 60");
        }
    }
    // A plan whose blocks are of no shard.
    let folder = tempfile::tempdir().unwrap();
    let mut of_none = self::plan(&[1]);
    of_none.blocks[0].shard = 1;
    let refused = opened(PLAIN, &stage(&folder), &of_none).map(drop);
    assert!(matches!(refused, Err(Error::Internal(told)) if told == "there is no shard 1"));
}

#[test]
fn a_shard_of_more_bytes_than_its_format_can_have_is_an_error() {
    let plan = plan(&[2]);
    // The head has 7 bytes, and 13 rows have 4 each.
    for (most_bytes, fits) in [(7 + 52, true), (7 + 51, false), (7 + 40, false), (7, false)] {
        let folder = tempfile::tempdir().unwrap();
        let stage = stage(&folder);
        let shards = opened(Numbers { most_bytes, ..PLAIN }, &stage, &plan).unwrap();
        shards.make_folders().unwrap();
        let put = put_all(&shards, &plan.blocks, 1);
        assert_eq!(put.is_ok(), fits, "{most_bytes}");
        assert!(fits || matches!(put, Err(Error::Value(said)) if said.starts_with("of-1/0 has ")));
    }
}

#[test]
fn shards_that_were_kept_are_not_made_again() {
    let plan = plan(&[2, 1]);
    let flat = Numbers { inner: false, ..PLAIN };
    let folder = tempfile::tempdir().unwrap();
    let done = {
        let stage = stage(&folder);
        let shards = opened(flat, &stage, &plan).unwrap();
        shards.make_folders().unwrap();
        put_all(&shards, &plan.blocks[..2], 1).unwrap();
        Job::new(1).run_on(1, |_, state| shards.wait(state)).unwrap();
        drop(shards);
        stage.leave(true).unwrap();
        by_hand(flat, 0, &plan)
    };
    let mut rest = self::plan(&[2, 1]);
    rest.drop_shards(&[0]);
    let stage = stage(&folder);
    assert_eq!(stage.kept().iter().map(|done| done.shard).collect::<Vec<_>>(), [0]);
    let shards = opened(flat, &stage, &rest).unwrap();
    shards.make_folders().unwrap();
    put_all(&shards, &rest.blocks, 2).unwrap();
    let finished = finish(&shards).unwrap();
    assert_eq!(finished.iter().map(|done| done.shard).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(
        (fs::read(stage.output().at(flat.name(0, 2))).unwrap(), &finished[0].digest),
        (done.0, &done.1)
    );
    // Of a plan that gives it other rows, it is no shard.
    let other = self::plan(&[3, 1]);
    assert!(matches!(opened(flat, &stage, &other).map(drop), Err(Error::Internal(_))));
}

#[test]
fn what_the_disk_does_not_hold_ends_the_run_and_is_removed() {
    let plan = plan(&[2]);
    let folder = tempfile::tempdir().unwrap();
    let stage = stage(&folder);
    let shards = opened(Numbers { lost: 1, ..PLAIN }, &stage, &plan).unwrap();
    shards.make_folders().unwrap();
    put_all(&shards, &plan.blocks, 1).unwrap();
    let error = finish(&shards).unwrap_err();
    let said = error.to_string();
    assert!(matches!(error, Error::Format(_)), "{said}");
    assert!(said.contains("13 rows were written and 12 are there") && said.contains("of-1/0.part"), "{said}");
    assert_eq!(fs::read_dir(stage.output().at("of-1")).unwrap().count(), 0);
    assert!(stage.leave(true).is_none(), "no shard is noted");
}

#[test]
fn tasks_come_after_the_shards_before_them() {
    let plan = plan(&[1, 1]);
    let folder = tempfile::tempdir().unwrap();
    let stage = stage(&folder);
    let shards = opened(PLAIN, &stage, &plan).unwrap();
    shards.make_folders().unwrap();
    put_all(&shards, &plan.blocks, 1).unwrap();
    let (seen, done) = (Arc::new(AtomicU64::new(u64::MAX)), shards.done.clone());
    let note = seen.clone();
    let task = move || {
        note.store(lock(&done)?.len() as u64, Ordering::Relaxed);
        Ok(())
    };
    shards.defer(task).unwrap();
    Job::new(1).run_on(1, |_, state| shards.wait(state)).unwrap();
    assert_eq!(seen.load(Ordering::Relaxed), 2);
    shards.defer(|| Err(Error::Value("a task".to_owned()))).unwrap();
    let failed = Job::new(1).run_on(1, |_, state| shards.wait(state));
    assert!(matches!(failed, Err(Error::Value(said)) if said == "a task"));
}

#[path = "finish_tests.rs"]
mod finish;
