//! Values that are looked at row by row: those that are good come out as they are, and a bad one is named by its row.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryViewArray, DictionaryArray, FixedSizeBinaryArray,
    FixedSizeListArray, Int32Array, LargeBinaryArray, LargeListArray, ListArray, StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, FieldRef, Int32Type, Schema, TimeUnit};
use arrow::record_batch::RecordBatch;

use super::check_values::{checked_batch, without_texts};
use crate::error::{Error, Result};

/// Makes a column of bytes.
type Make = fn(&[Option<&[u8]>]) -> ArrayRef;

fn item(data_type: DataType) -> FieldRef {
    Arc::new(Field::new("item", data_type, true))
}

/// A column that is to be of a type. Its rows are those from 100 on of the file.
fn checked(column: ArrayRef, wanted: DataType) -> Result<ArrayRef> {
    let stored = Field::new("c", column.data_type().clone(), true);
    let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![stored])), vec![column]).unwrap();
    let schema = Schema::new(vec![Field::new("c", wanted, true)]);
    let found = checked_batch(Path::new("f"), &schema, &batch, |row| Some(100 + row as u64))?;
    assert_eq!(found.schema().field(0).data_type(), found.column(0).data_type());
    Ok(found.column(0).clone())
}

#[track_caller]
fn refused(column: ArrayRef, wanted: DataType, starts: &str) {
    let said = checked(column, wanted).unwrap_err().to_string();
    assert!(said.starts_with(starts), "{said}");
}

const BAD: &[u8] = b"ab\xffcdefghijk";
const SAID: &str = "the text of 12 bytes is not UTF-8: b\"\\xffcdefghi\" stands at its byte 2;";

#[test]
fn texts_are_bytes_wherever_they_are() {
    let list = |inner| DataType::List(item(inner));
    let group = |inner| DataType::Struct(vec![Field::new("a", inner, true)].into());
    let entries = |inner| {
        let fields = vec![Field::new("keys", DataType::Int8, false), Field::new("values", inner, true)];
        Arc::new(Field::new("entries", DataType::Struct(fields.into()), false))
    };
    let key = || Box::new(DataType::Int8);
    let ends = || Arc::new(Field::new("run_ends", DataType::Int32, false));
    for (text, bytes) in [
        (DataType::Utf8, DataType::Binary),
        (DataType::LargeUtf8, DataType::LargeBinary),
        (DataType::Utf8View, DataType::BinaryView),
    ] {
        let inside: [&dyn Fn(DataType) -> DataType; 11] = [
            &|inner| inner,
            &list,
            &|inner| DataType::LargeList(item(inner)),
            &|inner| DataType::ListView(item(inner)),
            &|inner| DataType::LargeListView(item(inner)),
            &|inner| DataType::FixedSizeList(item(inner), 3),
            &group,
            &|inner| DataType::Map(entries(inner), true),
            &|inner| DataType::RunEndEncoded(ends(), item(inner)),
            &|inner| DataType::Dictionary(key(), Box::new(inner)),
            &|inner| list(group(list(inner))),
        ];
        for made in inside {
            assert_eq!(without_texts(&made(text.clone())), made(bytes.clone()));
            assert_eq!(without_texts(&made(bytes.clone())), made(bytes.clone()), "bytes stay what they are");
        }
    }
    assert_eq!(without_texts(&DataType::Float16), DataType::Float16);
}

#[test]
fn texts_come_out_and_bytes_that_are_none_are_named() {
    let good: [Option<&[u8]>; 4] = [Some("größer".as_bytes()), None, Some(b""), Some(b"x")];
    let bad: [Option<&[u8]>; 3] = [Some(b"x"), None, Some(BAD)];
    let make: [(Make, DataType); 3] = [
        (|rows| Arc::new(BinaryArray::from(rows.to_vec())), DataType::Utf8),
        (|rows| Arc::new(LargeBinaryArray::from(rows.to_vec())), DataType::LargeUtf8),
        (|rows| Arc::new(rows.iter().copied().collect::<BinaryViewArray>()), DataType::Utf8View),
    ];
    for (made, wanted) in make {
        let found = checked(made(&good), wanted.clone()).unwrap();
        assert_eq!(found.data_type(), &wanted);
        let found = arrow::compute::cast(&found, &DataType::Utf8).unwrap();
        let texts: Vec<_> = found.as_string::<i32>().iter().collect();
        assert_eq!(texts, [Some("größer"), None, Some(""), Some("x")]);
        refused(made(&bad), wanted, &format!("f: column \"c\", row 102: {SAID}"));
    }
    // A schema that nobody knows the rows of names the column alone.
    let column: ArrayRef = Arc::new(BinaryArray::from(vec![BAD]));
    let batch = RecordBatch::try_from_iter([("c", column)]).unwrap();
    let schema = Schema::new(vec![Field::new("c", DataType::Utf8, true)]);
    let said = checked_batch(Path::new("f"), &schema, &batch, |_| None).unwrap_err().to_string();
    assert!(said.starts_with(&format!("f: column \"c\": {SAID}")), "{said}");
}

#[test]
fn of_a_text_in_lists_the_row_of_the_outermost_is_named() {
    let values = || -> ArrayRef { Arc::new(BinaryArray::from(vec![b"a".as_slice(), b"b", b"c", BAD, b"e"])) };
    let wanted = || DataType::List(item(DataType::Utf8));
    // Rows of 1, 0, 2, 0 and 2 texts: the bad one is the first of the last row.
    let lists = |values: ArrayRef| {
        let offsets = OffsetBuffer::from_lengths([1, 0, 2, 0, 2]);
        ListArray::new(item(values.data_type().clone()), offsets, values, None)
    };
    let list = lists(values());
    refused(Arc::new(list.clone()), wanted(), "f: column \"c\", row 104: the text");
    refused(Arc::new(list.slice(2, 3)), wanted(), "f: column \"c\", row 102: the text");
    let first = checked(Arc::new(list.slice(0, 3)), wanted()).unwrap();
    let first = first.as_list::<i32>();
    assert_eq!(first.value_offsets(), [0, 1, 1, 3]);
    assert_eq!(first.values().as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["a", "b", "c"]);
    let none = checked(Arc::new(list.slice(3, 1)), wanted()).unwrap();
    assert_eq!(none.as_list::<i32>().value_offsets(), [0, 0], "what no row has is not looked at");
    // Lists of lists: three rows, of 2, 0 and 3 lists.
    let outer = OffsetBuffer::<i64>::from_lengths([2, 0, 3]);
    let outer = LargeListArray::new(item(list.data_type().clone()), outer, Arc::new(list), None);
    refused(Arc::new(outer), DataType::LargeList(item(wanted())), "f: column \"c\", row 102: the text");
    let fixed = |rows: usize| {
        let values = values().slice(0, 2 * rows);
        FixedSizeListArray::new(item(DataType::Binary), 2, values, None)
    };
    let wanted = || DataType::FixedSizeList(item(DataType::Utf8), 2);
    refused(Arc::new(fixed(2)), wanted(), "f: column \"c\", row 101: the text");
    assert_eq!(checked(Arc::new(fixed(1)), wanted()).unwrap().len(), 1);
}

#[test]
fn what_is_null_from_without_is_not_looked_at() {
    let hidden = || Some(NullBuffer::from(vec![true, false]));
    let texts = || -> ArrayRef { Arc::new(BinaryArray::from(vec![b"a".as_slice(), BAD])) };
    let fields = |inner| vec![Field::new("a", inner, true)].into();
    let group = |nulls| StructArray::new(fields(DataType::Binary), vec![texts()], nulls);
    let wanted = || DataType::Struct(fields(DataType::Utf8));
    refused(Arc::new(group(None)), wanted(), "f: column \"c\", row 101: the text");
    let found = checked(Arc::new(group(hidden())), wanted()).unwrap();
    let found = found.as_struct();
    assert_eq!((found.is_valid(0), found.is_valid(1)), (true, false));
    assert_eq!(found.column(0).as_string::<i32>().value(0), "a");
    let list = |nulls| FixedSizeListArray::new(item(DataType::Binary), 1, texts(), nulls);
    let wanted = || DataType::FixedSizeList(item(DataType::Utf8), 1);
    refused(Arc::new(list(None)), wanted(), "f: column \"c\", row 101: the text");
    assert_eq!(checked(Arc::new(list(hidden())), wanted()).unwrap().null_count(), 1);
}

#[test]
fn dictionaries_become_their_values() {
    let keys = || Int32Array::from(vec![Some(1), None, Some(0), Some(1)]);
    let values = |second: &'static [u8]| Arc::new(BinaryArray::from(vec![b"a".as_slice(), second]));
    let wanted = || DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    for wanted in [wanted(), DataType::Utf8] {
        let column = DictionaryArray::<Int32Type>::new(keys(), values(b"b"));
        let found = checked(Arc::new(column), wanted.clone()).unwrap();
        let texts: Vec<_> = found.as_string::<i32>().iter().collect();
        assert_eq!(texts, [Some("b"), None, Some("a"), Some("b")]);
        let column = DictionaryArray::<Int32Type>::new(keys(), values(BAD));
        refused(Arc::new(column), wanted, &format!("f: column \"c\", row 100: {SAID}"));
    }
}

/// A time as INT96: nanoseconds of a day, and the day by Julian reckoning.
fn int96(nanoseconds: i64, days_since_1970: i32) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&nanoseconds.to_le_bytes());
    bytes[8..].copy_from_slice(&(days_since_1970 + 2_440_588).to_le_bytes());
    bytes
}

fn times(rows: &[[u8; 12]], unit: TimeUnit) -> Result<Vec<i64>> {
    let column = FixedSizeBinaryArray::try_from_iter(rows.iter()).unwrap();
    let found = checked(Arc::new(column), DataType::Timestamp(unit, Some("UTC".into())))?;
    let found = arrow::compute::cast(&found, &DataType::Int64).unwrap();
    Ok(found.as_primitive::<arrow::datatypes::Int64Type>().values().to_vec())
}

#[test]
fn int96_times_are_counted_in_their_unit_from_1970_on() {
    const DAY: i64 = 86_400_000_000_000;
    let days = [(0, 0), (1, 0), (DAY - 1, -1), (1_999_999_999, 19_000), (999, -106_751), (0, 106_750)];
    let rows = days.map(|(nanoseconds, day)| int96(nanoseconds, day));
    let units =
        [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond].into_iter();
    for (unit, scale) in units.zip([1_000_000_000_i64, 1_000_000, 1_000, 1]) {
        // Rounded down, before 1970 as after.
        let expected = days.map(|(nanoseconds, day)| (i64::from(day) * DAY + nanoseconds).div_euclid(scale));
        assert_eq!(times(&rows, unit).unwrap(), expected, "{unit:?}");
    }
    // The first and the last nanosecond that 64 bits have room for.
    let [first, last] = [i64::MIN, i64::MAX].map(|at| (at.rem_euclid(DAY), at.div_euclid(DAY)));
    let time = |(nanoseconds, day): (i64, i64)| int96(nanoseconds, i32::try_from(day).unwrap());
    let ends = times(&[time(first), time(last)], TimeUnit::Nanosecond).unwrap();
    assert_eq!(ends, [i64::MIN, i64::MAX]);
    for beyond in [time((first.0 - 1, first.1)), time((last.0 + 1, last.1))] {
        let said = times(&[time(last), beyond], TimeUnit::Nanosecond).unwrap_err().to_string();
        assert!(said.starts_with("f: column \"c\", row 101: the INT96 time of day "), "{said}");
        assert!(said.contains("is outside of what timestamp[ns] holds"), "{said}");
        assert_eq!(times(&[beyond], TimeUnit::Microsecond).unwrap().len(), 1);
    }
}

#[test]
fn small_numbers_are_those_stored_or_named() {
    let range = |data_type: &DataType| match data_type {
        DataType::Int8 => (i32::from(i8::MIN), i32::from(i8::MAX)),
        DataType::Int16 => (i32::from(i16::MIN), i32::from(i16::MAX)),
        DataType::UInt8 => (0, i32::from(u8::MAX)),
        _ => (0, i32::from(u16::MAX)),
    };
    for wanted in [DataType::Int8, DataType::Int16, DataType::UInt8, DataType::UInt16] {
        let (least, most) = range(&wanted);
        let column: ArrayRef = Arc::new(Int32Array::from(vec![Some(least), None, Some(most), Some(0)]));
        let found = checked(column.clone(), wanted.clone()).unwrap();
        assert_eq!(found.data_type(), &wanted);
        assert_eq!(&arrow::compute::cast(&found, &DataType::Int32).unwrap(), &column);
        for beyond in [least - 1, most + 1, i32::MIN, i32::MAX] {
            let column = Int32Array::from(vec![None, Some(beyond)]);
            let said = format!(
                "f: column \"c\", row 101: the number {beyond} is stored where numbers are {wanted};"
            );
            refused(Arc::new(column), wanted.clone(), &said);
        }
    }
}

#[test]
fn members_that_are_not_there_are_a_defect_and_other_columns_stay() {
    let group = StructArray::new(
        vec![Field::new("a", DataType::Int32, true)].into(),
        vec![Arc::new(Int32Array::from(vec![1]))],
        None,
    );
    let fields = vec![Field::new("a", DataType::Int32, true), Field::new("b", DataType::Int32, true)];
    let error = checked(Arc::new(group.clone()), DataType::Struct(fields.into())).unwrap_err();
    assert!(
        matches!(&error, Error::Internal(said) if said.contains("1 members are there and 2 must be")),
        "{error}"
    );
    let column: ArrayRef = Arc::new(group);
    assert_eq!(&checked(column.clone(), column.data_type().clone()).unwrap(), &column);
}
