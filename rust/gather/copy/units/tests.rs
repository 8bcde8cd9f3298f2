//! Units that rows are copied from: which of them are opened, how they are read, and rows by their position.

use std::path::PathBuf;

use arrow::array::{Int32Array, ListArray, StringArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, Field};
use arrow::ipc::writer::StreamWriter;
use tempfile::TempDir;

use super::*;
use crate::exec::job::State;
use crate::gather::output::Sink;
use crate::gather::plan::{Block, Split};
use crate::io::file::Io;

/// Takes blocks for nothing.
struct Nowhere;

impl Sink for Nowhere {
    fn put(&self, _block: &Block, _batches: Vec<RecordBatch>, _state: &State) -> Result<()> {
        Ok(())
    }
}

/// Rows of a number and a list of three.
fn lists(first: i32, rows: i32) -> RecordBatch {
    let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(first..first + rows));
    let items = Arc::new(Int32Array::from_iter_values((0..3 * rows).map(|item| first * 3 + item)));
    let offsets = OffsetBuffer::from_lengths((0..rows).map(|_| 3));
    let item = Arc::new(Field::new("item", DataType::Int32, true));
    let lists: ArrayRef = Arc::new(ListArray::new(item, offsets, items, None));
    RecordBatch::try_from_iter_with_nullable([("n", numbers, true), ("l", lists, true)]).unwrap()
}

/// Rows of a text.
fn texts(texts: &[&str]) -> RecordBatch {
    let texts: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
    RecordBatch::try_from_iter_with_nullable([("t", texts, true)]).unwrap()
}

/// Streams of batches, as a corpus. The files are removed with the folder.
fn corpus(files: &[Vec<RecordBatch>]) -> (Corpus, TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for (number, batches) in files.iter().enumerate() {
        paths.push(folder.path().join(number.to_string()));
        let file = std::fs::File::create(&paths[number]).unwrap();
        let mut writer = StreamWriter::try_new(file, &batches[0].schema()).unwrap();
        for batch in batches {
            writer.write(batch).unwrap();
        }
        writer.finish().unwrap();
    }
    (Corpus::open(&Job::new(1), &paths, None, Io::Mmap).unwrap(), folder, paths)
}

fn plan(corpus: &Corpus, rows: &[i64], strategy: Strategy) -> Plan {
    Plan::with_strategy(corpus, rows.len() as u64, 0, Split::Shards(1), 1 << 30, Some(strategy)).unwrap()
}

fn open(corpus: &Corpus, rows: &[i64], strategy: Strategy) -> OpenUnits {
    let output = Output::new(corpus, rows, &[], &Nowhere);
    open_units(&Job::new(2), &output, &plan(corpus, rows, strategy)).unwrap()
}

fn rows_of(batch: &RecordBatch, rows: &[u32]) -> RecordBatch {
    take_record_batch(batch, &UInt32Array::from(rows.to_vec())).unwrap()
}

#[test]
fn reads_by_position_are_chosen_where_they_cost_less() {
    for (cold, cost) in [(false, WARM_READ), (true, COLD_READ)] {
        assert!(costs_less_by_position(1, cost + 1, cold) && !costs_less_by_position(1, cost, cold));
        assert!(costs_less_by_position(7, 7 * cost + 1, cold) && !costs_less_by_position(7, 7 * cost, cold));
        assert!(!costs_less_by_position(u64::MAX, u64::MAX, cold));
        assert!(!costs_less_by_position(0, 0, cold));
    }
    // A read of the disk costs more than one of memory.
    assert!(costs_less_by_position(1, COLD_READ, false) && !costs_less_by_position(1, COLD_READ, true));
}

#[test]
fn what_is_read_is_counted_by_unit_as_the_strategy_has_it() {
    // Units of 200, of 1, of 100,000 and of 5 rows, 16 bytes each and more; the last is wanted by nobody.
    let sizes = [200, 1, 100_000, 5];
    let (corpus, _folder, _) =
        corpus(&[vec![lists(0, 200), lists(0, 1)], vec![lists(0, 100_000), lists(0, 5)]]);
    let spans: Vec<u64> = (0..4).map(|unit| corpus.place(unit).unwrap().1.len() as u64).collect();
    assert!(spans.iter().zip(sizes).all(|(&span, rows)| span >= 16 * rows));
    let wanted = [10, 1, 3, 0];
    let read = |strategy| {
        let plan = plan(&corpus, &[0], strategy);
        (estimate_reads(&corpus, &plan, &wanted).unwrap(), plan.row_bytes)
    };
    let mapped = |units: &[usize]| units.iter().map(|&unit| spans[unit]).sum();
    let (copied, row_bytes) = read(Strategy::Copy);
    assert_eq!(
        copied,
        CopyEstimate { mapped_bytes: mapped(&[0, 1, 2]), count: 3, ..CopyEstimate::default() }
    );
    let (positional, _) = read(Strategy::Positional);
    let expected =
        CopyEstimate { mapped_bytes: 0, positional_rows: 14, positional_bytes: 14 * row_bytes, count: 14 };
    assert_eq!(positional, expected);
    // Three rows of the large unit alone cost less by their position, whether it is in memory or not.
    let (cheapest, _) = read(Strategy::Cheapest);
    let expected = CopyEstimate {
        mapped_bytes: mapped(&[0, 1]),
        positional_rows: 3,
        positional_bytes: 3 * row_bytes,
        count: 2 + 3,
    };
    assert_eq!(cheapest, expected);
    assert_eq!(read(Strategy::Decode).0, CopyEstimate::default());
    // What lies in no file is read from none.
    let table = lists(0, 100);
    let in_memory = Corpus::from_batches(table.schema(), &[table], None).unwrap();
    for strategy in [Strategy::Copy, Strategy::Cheapest, Strategy::Positional] {
        let plan = plan(&in_memory, &[0], strategy);
        assert_eq!(estimate_reads(&in_memory, &plan, &[5]).unwrap(), CopyEstimate::default());
    }
}

#[test]
fn units_that_are_wanted_are_open_and_no_others() {
    let files = [vec![lists(0, 3), lists(3, 4)], vec![lists(7, 2)]];
    let (corpus, _folder, _) = corpus(&files);
    let batches: Vec<&RecordBatch> = files.iter().flatten().collect();
    for strategy in [Strategy::Copy, Strategy::Positional, Strategy::Cheapest] {
        for (rows, wanted) in [
            (&[8, 0, 0][..], [true, false, true]),
            (&[4], [false, true, false]),
            (&[6, 1, 7], [true; 3]),
            (&[], [false; 3]),
        ] {
            let units = open(&corpus, rows, strategy);
            assert!(units.hold_all());
            for (unit, wanted) in wanted.into_iter().enumerate() {
                assert_eq!(units.get(unit).is_some(), wanted, "{strategy:?}, {rows:?}, {unit}");
                if let Some(open) = units.get(unit) {
                    assert_eq!(&open.batch, batches[unit]);
                    let by_position = strategy == Strategy::Positional;
                    assert_eq!((open.in_place().is_none(), open.file.is_some()), (by_position, by_position));
                }
            }
            assert!(units.get(3).is_none());
        }
    }
    let decoded = open(&corpus, &[1], Strategy::Decode);
    assert!(!decoded.hold_all() && decoded.get(0).is_none());
}

#[test]
fn a_part_with_a_unit_that_is_of_no_use_in_place_has_none_open() {
    let files = [vec![texts(&["ab", "cd"])], vec![texts(&["ef"]), texts(&["gh"])]];
    let (_, folder, paths) = corpus(&files);
    // A text that is none: its batch is not used where it lies.
    let mut bytes = std::fs::read(&paths[1]).unwrap();
    let place = bytes.windows(2).position(|two| two == b"gh").unwrap();
    bytes[place] = 0xff;
    std::fs::write(&paths[1], bytes).unwrap();
    let corpus = Corpus::open(&Job::new(1), &paths, None, Io::Mmap).unwrap();
    let open = |rows: &[i64]| {
        let units = open(&corpus, rows, Strategy::Copy);
        (units.hold_all(), (0..3).map(|unit| units.get(unit).is_some()).collect::<Vec<_>>())
    };
    assert_eq!(open(&[0, 2]), (true, vec![true, true, false]));
    assert_eq!(open(&[3]), (false, vec![false; 3]));
    assert_eq!(open(&[0, 2, 3]), (false, vec![true, false, false]));
    drop(folder);
}

#[test]
fn rows_by_position_are_those_of_the_batch() {
    let files = [vec![lists(10, 50)]];
    let (by_position, _folder, _) = corpus(&files);
    let units = open(&by_position, &[0], Strategy::Positional);
    let unit = units.get(0).unwrap();
    for rows in [&[][..], &[0], &[49], &[0, 7, 8, 49], &[3, 3]] {
        assert_eq!(unit.read_by_position(rows).unwrap(), Some(rows_of(&files[0][0], rows)));
    }
    // Rows without a width that all have are used in place by every strategy, and so are those of a map.
    let (of_texts, _folder, _) = corpus(&[vec![texts(&["a", "bb"])]]);
    for (corpus, strategy) in [(&of_texts, Strategy::Positional), (&by_position, Strategy::Copy)] {
        let units = open(corpus, &[0], strategy);
        let unit = units.get(0).unwrap();
        assert_eq!(unit.read_by_position(&[0]).unwrap(), None);
        assert_eq!(unit.in_place(), Some(&unit.batch));
    }
}

#[test]
fn rows_are_copied_one_behind_the_other_from_where_they_are() {
    let files = [vec![lists(10, 50)]];
    let (corpus, _folder, _) = corpus(&files);
    for strategy in [Strategy::Copy, Strategy::Positional] {
        let units = open(&corpus, &[0], strategy);
        let unit = units.get(0).unwrap();
        let columns = unit.columns.as_ref().unwrap();
        assert_eq!(columns.iter().map(|column| column.values.stride).collect::<Vec<_>>(), [4, 12]);
        let places = columns.iter().map(|column| column.place_of(3).zip(column.place_of(0)));
        let apart: Vec<_> = places.map(|both| both.map(|(third, first)| third - first)).collect();
        let expected = if strategy == Strategy::Positional { [Some(12), Some(36)] } else { [None; 2] };
        assert_eq!(apart, expected);
        let copy = |rows: &[u32]| {
            copy_rows(rows, 12, MutableBuffer::new(0), |row| Some((unit, &columns[1], *row))).unwrap()
        };
        let numbers = |row: i32| (0..3).flat_map(move |item| ((10 + row) * 3 + item).to_le_bytes());
        for rows in [&[][..], &[0], &[49, 0, 7, 7]] {
            let expected: Vec<u8> =
                rows.iter().flat_map(|&row| numbers(i32::try_from(row).unwrap())).collect();
            assert_eq!(copy(rows).as_slice(), expected, "{strategy:?}");
        }
        // Bytes of rows before are no part of it.
        let mut used = MutableBuffer::new(0);
        used.extend_from_slice(&[9_u8; 100]);
        let one = copy_rows(&[1], 12, used, |row| Some((unit, &columns[1], *row))).unwrap();
        assert_eq!(one.as_slice(), numbers(1).collect::<Vec<_>>());
    }
    let units = open(&corpus, &[0], Strategy::Copy);
    let unit = units.get(0).unwrap();
    let column = &unit.columns.as_ref().unwrap()[0];
    let nowhere = copy_rows(&[0], 4, MutableBuffer::new(0), |_| None);
    let outside = copy_rows(&[50], 4, MutableBuffer::new(0), |row| Some((unit, column, *row)));
    for refused in [nowhere, outside] {
        assert!(matches!(refused, Err(Error::Internal(said)) if said == "the plan has other rows"));
    }
    assert!(copy_rows(&[0; 3], usize::MAX, MutableBuffer::new(0), |_: &u32| None).is_err());
    assert_eq!(copy_rows(&[0; 3], 0, MutableBuffer::new(0), |_: &u32| None).unwrap().len(), 0);
}
