//! Tables in memory: their units and rows, and offsets that are damaged.

use std::fs;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, DictionaryArray, FixedSizeListArray, Int32Array, LargeListArray, LargeStringArray,
    ListArray, StringArray, StructArray, UInt32Array,
};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{Field, Int8Type};

use super::*;
use crate::io::file::{File, Io};

/// Rows of a number and a text each.
fn batch(first: i32, rows: usize) -> RecordBatch {
    let numbers: Vec<i32> = (first..).take(rows).collect();
    let texts: StringArray = numbers.iter().map(|n| (n % 5 != 3).then(|| n.to_string())).collect();
    let columns: [(&str, ArrayRef); 2] = [("n", Arc::new(Int32Array::from(numbers))), ("t", Arc::new(texts))];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
}

fn part(sizes: &[usize]) -> (MemoryPart, RecordBatch) {
    let mut first = 0;
    let mut batches = Vec::new();
    for &rows in sizes {
        batches.push(batch(first, rows));
        first += i32::try_from(rows).unwrap();
    }
    let schema = batch(0, 0).schema();
    (MemoryPart::new(schema.clone(), &batches), concat_batches(&schema, &batches).unwrap())
}

#[test]
fn batches_are_cut_in_units_of_so_many_rows() {
    let cut = |sizes: &[usize]| part(sizes).0.unit_rows().to_vec();
    let most = UNIT_ROWS as u64;
    assert_eq!(cut(&[]), [] as [u64; 0]);
    assert_eq!(cut(&[0, 1, 0, 2]), [1, 2]);
    assert_eq!(cut(&[UNIT_ROWS - 1, UNIT_ROWS, UNIT_ROWS + 1]), [most - 1, most, most, 1]);
    assert_eq!(cut(&[2 * UNIT_ROWS + 5]), [most, most, 5]);
}

#[test]
fn rows_of_units_are_those_of_the_table() {
    let (part, table) = part(&[7, 0, UNIT_ROWS + 3, 1]);
    assert!(part.in_place() && part.place(0).is_none() && part.opened().is_none());
    let mut row = 0;
    for (unit, &rows) in part.unit_rows().iter().enumerate() {
        let rows = u32::try_from(rows).unwrap();
        let of = |wanted: &[u32]| {
            let rows = UInt32Array::from_iter_values(wanted.iter().map(|within| row + within));
            take_record_batch(&table, &rows).unwrap()
        };
        let all: Vec<u32> = (0..rows).collect();
        assert_eq!(part.view(unit, &[0, 1]).unwrap(), Some(of(&all)));
        let mut some = vec![0, rows / 2, rows - 1];
        some.dedup();
        for wanted in [&[][..], &some] {
            let read = part.read(unit, &[1, 0], wanted, Unpacking::default()).unwrap();
            let read: Vec<RecordBatch> = read.map(Result::unwrap).collect();
            let expected = of(wanted).project(&[1, 0]).unwrap();
            assert_eq!(concat_batches(&expected.schema(), &read).unwrap(), expected);
        }
        row += rows;
    }
    assert_eq!(row as usize, table.num_rows());
    let units = part.unit_rows().len();
    assert!(matches!(part.view(units, &[0]), Err(Error::Internal(_))));
    assert!(part.read(units, &[0], &[0], Unpacking::default()).is_err());
    assert!(part.view(0, &[2]).is_err(), "there are two columns");
}

#[test]
fn bytes_are_those_of_all_units_or_of_some_for_all() {
    assert_eq!(part(&[]).0.bytes(&[0, 1]).unwrap(), 0);
    assert_eq!(part(&[3]).0.bytes(&[]).unwrap(), 0);
    // Each unit is looked at, and then every other one, of which the last has one row less.
    for sizes in [vec![3; 64], vec![3; 65], vec![3; 128], vec![3; 129]] {
        let (part, table) = part(&sizes);
        assert_eq!(part.bytes(&[0]).unwrap(), 4 * table.num_rows() as u64, "{}", sizes.len());
    }
    // Texts of one letter in the units that are looked at, and of two in the others.
    let texts = |text: &str| {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![text; 4]));
        RecordBatch::try_from_iter([("t", texts)]).unwrap()
    };
    let batches: Vec<_> = (0..66).map(|unit| texts(if unit % 2 == 0 { "a" } else { "bb" })).collect();
    let one = nbytes(texts("a").column(0).as_ref(), 0, 4);
    let part = MemoryPart::new(batches[0].schema(), &batches);
    assert_eq!(part.bytes(&[0]).unwrap(), 66 * one);
    let part = MemoryPart::new(batches[0].schema(), &batches[..64]);
    let two = nbytes(texts("bb").column(0).as_ref(), 0, 4);
    assert_eq!(part.bytes(&[0]).unwrap(), 32 * (one + two));
}

#[test]
fn offsets_ascend_and_end_where_the_values_do() {
    assert_eq!(ascending("c", &[0], 0).unwrap(), 0..0);
    assert_eq!(ascending("c", &[2, 2, 5], 5).unwrap(), 2..5);
    assert_eq!(ascending("c", &[1_i64, 4], 9).unwrap(), 1..4);
    let refused = |offsets: &[i32], values| ascending("c", offsets, values).unwrap_err().to_string();
    for (offsets, values, said) in [
        (&[0, 3, 2][..], 3, "row 1 of a chunk ends at 2, after 3 and with 3 values there"),
        (&[0, 2, 4], 3, "row 1 of a chunk ends at 4, after 2 and with 3 values there"),
        (&[-1, 2], 3, "row 0 of a chunk ends at -1, after -1 and with 3 values there"),
        (&[4, 4], 3, "row 0 of a chunk ends at 4, after 4 and with 3 values there"),
    ] {
        let error = refused(offsets, values);
        assert!(error.contains(said) && error.contains(r#"column "c""#), "{error}");
    }
    assert!(matches!(ascending::<i32>("c", &[], 0), Err(Error::Internal(_))));
}

/// Offsets that lie in a mapped file, and that file: what is written to it is what they are from then on.
fn mapped_offsets(offsets: &[i32]) -> (OffsetBuffer<i32>, tempfile::NamedTempFile) {
    let path = tempfile::NamedTempFile::new().unwrap();
    write_offsets(&path, offsets);
    let file = File::open(path.path(), Io::Mmap).unwrap();
    let bytes = Buffer::from(file.map().unwrap().shared_bytes());
    (OffsetBuffer::new(ScalarBuffer::new(bytes, 0, offsets.len())), path)
}

fn write_offsets(path: &tempfile::NamedTempFile, offsets: &[i32]) {
    let bytes: Vec<u8> = offsets.iter().flat_map(|offset| offset.to_le_bytes()).collect();
    let mut file = fs::OpenOptions::new().write(true).open(path.path()).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
    std::io::Write::write_all(&mut file, &bytes).unwrap();
}

fn field(column: &ArrayRef) -> Arc<Field> {
    Arc::new(Field::new("item", column.data_type().clone(), true))
}

#[test]
fn damage_is_found_wherever_offsets_are() {
    type Wrap = fn(ArrayRef) -> ArrayRef;
    let wraps: [Wrap; 6] = [
        |texts| texts,
        |texts| Arc::new(StructArray::from(vec![(field(&texts), texts)])),
        |texts| Arc::new(FixedSizeListArray::new(field(&texts), 1, texts, None)),
        |texts| Arc::new(ListArray::new(field(&texts), OffsetBuffer::from_lengths([1, 2]), texts, None)),
        |texts| Arc::new(LargeListArray::new(field(&texts), OffsetBuffer::from_lengths([2, 1]), texts, None)),
        |texts| {
            let list: ArrayRef = Arc::new(FixedSizeListArray::new(field(&texts), 3, texts.clone(), None));
            Arc::new(StructArray::from(vec![(field(&list), list)]))
        },
    ];
    let text = |offsets: OffsetBuffer<i32>| -> ArrayRef {
        Arc::new(StringArray::new(offsets, Buffer::from(b"abcdef"), None))
    };
    let binary = |offsets: OffsetBuffer<i32>| -> ArrayRef {
        Arc::new(BinaryArray::new(offsets, Buffer::from(b"abcdef"), None))
    };
    let list = |offsets: OffsetBuffer<i32>| -> ArrayRef {
        let values: ArrayRef = Arc::new(Int32Array::from(vec![0; 6]));
        Arc::new(ListArray::new(field(&values), offsets, values, None))
    };
    let makes: [&dyn Fn(OffsetBuffer<i32>) -> ArrayRef; 3] = [&text, &binary, &list];
    for make in makes {
        for wrap in wraps {
            let (offsets, path) = mapped_offsets(&[0, 2, 4, 6]);
            let column = wrap(make(offsets));
            let batch = RecordBatch::try_from_iter([("c", column)]).unwrap();
            let part = MemoryPart::new(batch.schema(), std::slice::from_ref(&batch));
            part.view(0, &[0]).unwrap();
            part.bytes(&[0]).unwrap();
            for damaged in [[0, 4, 2, 6], [0, 2, 4, 7], [-1, 2, 4, 6]] {
                write_offsets(&path, &damaged);
                let data_type = batch.column(0).data_type();
                let read = part.read(0, &[0], &[0], Unpacking::default()).map(drop);
                for found in [part.view(0, &[0]).map(drop), part.bytes(&[0]).map(drop), read] {
                    let error = found.unwrap_err().to_string();
                    let told = error.contains("the table is damaged") && error.contains(r#"column "c""#);
                    assert!(told, "{data_type}: {error}");
                }
            }
        }
    }
}

#[test]
fn columns_of_other_types_are_looked_at_by_the_crate() {
    let keys: DictionaryArray<Int8Type> = ["a", "b", "a"].into_iter().collect();
    let long = LargeStringArray::from(vec![Some("x"), None, Some("yz")]);
    for column in [Arc::new(keys) as ArrayRef, Arc::new(long), Arc::new(Int32Array::from(vec![1, 2, 3]))] {
        check_offsets("c", column.as_ref()).unwrap();
    }
    // Of a slice, the items of its own rows alone are looked at.
    let (offsets, path) = mapped_offsets(&[0, 2, 4, 6]);
    let texts: ArrayRef = Arc::new(StringArray::new(offsets, Buffer::from(b"abcdef"), None));
    let list = ListArray::new(field(&texts), OffsetBuffer::from_lengths([1, 1, 1]), texts, None);
    write_offsets(&path, &[0, 2, 4, 9]);
    check_offsets("c", &list.slice(0, 2)).unwrap();
    assert!(check_offsets("c", &list.slice(1, 2)).is_err());
}
