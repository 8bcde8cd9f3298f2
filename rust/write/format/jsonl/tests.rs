//! Tests of `jsonl`.

use std::fs;

use arrow::array::{
    ArrayRef, Date32Array, Decimal128Array, FixedSizeListArray, Float16Array, Float32Array, Float64Array,
    Int64Array, ListArray, StringArray, StructArray, TimestampMicrosecondArray, TimestampNanosecondArray,
    TimestampSecondArray, UInt64Array,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Float64Type, Int32Type};
use half::f16;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::exec::job::{Job, State};

fn lines(columns: Vec<(&str, ArrayRef)>) -> Result<String> {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    );
    let batch = batch.unwrap();
    let piece = Lines::new(&batch.schema(), "train")?.encode(7, vec![batch])?;
    Ok(piece.buffers.iter().map(|buffer| String::from_utf8(buffer.to_vec()).unwrap()).collect())
}

fn line_of(array: ArrayRef) -> String {
    lines(vec![("x", array)]).unwrap()
}

fn refusal(array: ArrayRef) -> String {
    lines(vec![("x", array)]).unwrap_err().to_string()
}

#[test]
fn a_row_is_an_object_with_all_keys_in_their_order() {
    let text = StringArray::from(vec![Some("a\n\"\\\u{1}\u{2028}é😀"), None, Some("")]);
    let number = Int64Array::from(vec![Some(i64::MIN), Some(i64::MAX), None]);
    let found = lines(vec![("b\"", Arc::new(text)), ("a", Arc::new(number))]).unwrap();
    let expected = "{\"b\\\"\":\"a\\n\\\"\\\\\\u0001\u{2028}é😀\",\"a\":-9223372036854775808}\n\
                    {\"b\\\"\":null,\"a\":9223372036854775807}\n{\"b\\\"\":\"\",\"a\":null}\n";
    assert_eq!(found, expected);
}

#[test]
fn times_are_texts_of_iso_8601_and_by_utc_where_they_have_a_zone() {
    let second: ArrayRef =
        Arc::new(TimestampSecondArray::from(vec![Some(-62_135_596_800), Some(253_402_300_799)]));
    assert_eq!(line_of(second), "{\"x\":\"0001-01-01T00:00:00\"}\n{\"x\":\"9999-12-31T23:59:59\"}\n");
    let micro = TimestampMicrosecondArray::from(vec![Some(1), None, Some(-1)]).with_timezone("Europe/Berlin");
    let expected =
        "{\"x\":\"1970-01-01T00:00:00.000001Z\"}\n{\"x\":null}\n{\"x\":\"1969-12-31T23:59:59.999999Z\"}\n";
    assert_eq!(line_of(Arc::new(micro)), expected);
    let nano: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![i64::MIN, i64::MAX]));
    let expected = "{\"x\":\"1677-09-21T00:12:43.145224192\"}\n{\"x\":\"2262-04-11T23:47:16.854775807\"}\n";
    assert_eq!(line_of(nano), expected);
    let days: ArrayRef = Arc::new(Date32Array::from(vec![-719_162, 0, 2_932_896]));
    assert_eq!(line_of(days), "{\"x\":\"0001-01-01\"}\n{\"x\":\"1970-01-01\"}\n{\"x\":\"9999-12-31\"}\n");
}

#[test]
fn times_beyond_four_digits_of_a_year_are_refused() {
    let beyond: [ArrayRef; 4] = [
        Arc::new(TimestampSecondArray::from(vec![0, 253_402_300_800])),
        Arc::new(TimestampMicrosecondArray::from(vec![0, -62_135_596_800_000_001])),
        Arc::new(Date32Array::from(vec![0, i32::MAX])),
        Arc::new(Date32Array::from(vec![0, -719_163])),
    ];
    for array in beyond {
        let said = refusal(array);
        assert!(
            said.contains("row 8") && said.contains("years 1 to 9999") && said.contains("\"x\""),
            "{said}"
        );
    }
}

#[test]
fn decimals_are_texts() {
    let values =
        Decimal128Array::from(vec![Some(-5), Some(12_345), None]).with_precision_and_scale(10, 2).unwrap();
    assert_eq!(line_of(Arc::new(values)), "{\"x\":\"-0.05\"}\n{\"x\":\"123.45\"}\n{\"x\":null}\n");
}

#[test]
fn what_json_has_no_number_for_is_refused_by_row_and_column() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        #[allow(clippy::cast_possible_truncation)]
        let arrays: [ArrayRef; 3] = [
            Arc::new(Float64Array::from(vec![0.0, 1.0, value])),
            Arc::new(Float32Array::from(vec![0.0, 1.0, value as f32])),
            Arc::new(Float16Array::from(vec![f16::ZERO, f16::ONE, f16::from_f64(value)])),
        ];
        for array in arrays {
            let said = refusal(array);
            assert!(said.contains("row 9") && said.contains("\"x\"") && said.contains("NaN"), "{said}");
        }
    }
    assert_eq!(line_of(Arc::new(UInt64Array::from(vec![(1 << 63) - 1]))), "{\"x\":9223372036854775807}\n");
    let said = refusal(Arc::new(UInt64Array::from(vec![0, 1 << 63])));
    assert!(said.contains("row 8") && said.contains("2^63") && said.contains("pyarrow"), "{said}");
}

#[test]
fn values_that_no_row_shows_are_refused_to_nobody() {
    let nan = f64::NAN;
    let hidden = Float64Array::new(vec![nan, 1.0].into(), Some(NullBuffer::from(vec![false, true])));
    assert_eq!(line_of(Arc::new(hidden)), "{\"x\":null}\n{\"x\":1.0}\n");
    let item = Arc::new(Field::new("item", DataType::Float64, true));
    let values: ArrayRef = Arc::new(Float64Array::from(vec![nan, 1.0, 2.0, nan]));
    let list = ListArray::new(
        item.clone(),
        vec![1, 3].into_iter().collect::<Vec<i32>>().into_offsets(),
        values.clone(),
        None,
    );
    assert_eq!(line_of(Arc::new(list)), "{\"x\":[1.0,2.0]}\n");
    let pairs =
        FixedSizeListArray::new(item.clone(), 2, values.clone(), Some(NullBuffer::from(vec![false, true])));
    let said = refusal(Arc::new(pairs));
    assert!(said.contains("row 8"), "{said}");
    let field = Arc::new(Field::new("f", DataType::Float64, true));
    let group = StructArray::new(
        vec![field].into(),
        vec![values],
        Some(NullBuffer::from(vec![false, true, true, false])),
    );
    assert_eq!(
        line_of(Arc::new(group)),
        "{\"x\":null}\n{\"x\":{\"f\":1.0}}\n{\"x\":{\"f\":2.0}}\n{\"x\":null}\n"
    );
}

trait IntoOffsets {
    fn into_offsets(self) -> arrow::buffer::OffsetBuffer<i32>;
}

impl IntoOffsets for Vec<i32> {
    fn into_offsets(self) -> arrow::buffer::OffsetBuffer<i32> {
        arrow::buffer::OffsetBuffer::new(self.into())
    }
}

#[test]
fn columns_of_one_name_are_refused() {
    let field = |name: &str| Field::new(name, DataType::Int8, true);
    let said = check_names(&Schema::new(vec![field("a"), field("b"), field("a")])).unwrap_err().to_string();
    assert!(said.contains("\"a\"") && said.contains("columns="), "{said}");
    check_names(&Schema::new(vec![field("a"), field("A")])).unwrap();
}

/// The number that a reader makes of the first value: a float of 64 bits.
fn read(line: &str) -> f64 {
    let value: Value = serde_json::from_str(line.lines().next().unwrap()).unwrap();
    value["x"].to_string().parse().unwrap()
}

#[test]
#[allow(clippy::cast_possible_truncation, clippy::float_cmp)]
fn a_float_whose_shortest_text_is_rounded_twice_has_more_digits() {
    for value in [7.038_531e-26_f32, -7.038_531e-26] {
        let line = line_of(Arc::new(Float32Array::from(vec![value])));
        assert_ne!(format!("{value:?}").parse::<f64>().unwrap() as f32, value);
        assert_eq!(read(&line) as f32, value);
    }
    assert_eq!(
        line_of(Arc::new(Float32Array::from(vec![0.1, -0.0, 1.0]))),
        "{\"x\":0.1}\n{\"x\":-0.0}\n{\"x\":1.0}\n"
    );
}

#[test]
fn every_float_of_16_bits_is_read_as_itself() {
    let values: Vec<f16> = (0..=u16::MAX).map(f16::from_bits).filter(|value| value.is_finite()).collect();
    let text = line_of(Arc::new(Float16Array::from(values.clone())));
    for (line, value) in text.lines().zip(&values) {
        assert_eq!(f16::from_f64(read(line)).to_bits(), value.to_bits(), "{line}");
    }
    assert_eq!(text.lines().count(), values.len());
}

proptest! {
    #[test]
    fn floats_are_read_as_themselves(bits in any::<u64>(), small in any::<u32>()) {
        let (value, small) = (f64::from_bits(bits), f32::from_bits(small));
        if value.is_finite() {
            let found = read(&line_of(Arc::new(Float64Array::from(vec![value]))));
            prop_assert_eq!(found.to_bits(), value.to_bits());
        }
        if small.is_finite() {
            #[allow(clippy::cast_possible_truncation)]
            let found = read(&line_of(Arc::new(Float32Array::from(vec![small])))) as f32;
            prop_assert_eq!(found.to_bits(), small.to_bits());
        }
    }

    #[test]
    fn a_text_is_read_as_itself(text in any::<String>(), name in any::<String>()) {
        let found = lines(vec![(&name, Arc::new(StringArray::from(vec![text.as_str()])))]).unwrap();
        prop_assert_eq!(found.matches('\n').count(), 1);
        let value: Value = serde_json::from_str(&found).unwrap();
        prop_assert_eq!(value.get(&name).and_then(Value::as_str), Some(text.as_str()));
    }

    #[test]
    fn the_first_refused_row_is_that_of_a_plain_look(
        rows in proptest::collection::vec(proptest::option::of(proptest::collection::vec(0u8..9, 0..3)), 0..30),
        skip in 0usize..5,
    ) {
        let value = |byte: u8| match byte { 0 => None, 8 => Some(f64::NAN), other => Some(f64::from(other)) };
        let nested = rows.iter().map(|row| row.as_ref().map(|row| row.iter().map(|&byte| value(byte)).collect::<Vec<_>>()));
        let array: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(nested));
        let skip = skip.min(rows.len());
        let expected = rows[skip..].iter().position(|row| row.as_ref().is_some_and(|row| row.contains(&8)));
        prop_assert_eq!(refused_in(&array.slice(skip, rows.len() - skip)).map(|(row, _)| row), expected);
    }
}

fn packed(parts: &[&str]) -> Vec<u8> {
    let mut frame = Box::new(Frame::begin().unwrap());
    let mut bytes = Vec::new();
    let job = Job::new(1);
    let texts = parts.iter().map(|part| Buffer::from_vec(part.as_bytes().to_vec()));
    let some = job.run_on(1, |_, _| Ok(())).map(|_| texts.collect::<Vec<_>>()).unwrap();
    for buffer in some {
        bytes.extend(frame.pack(vec![buffer], &State::default()).unwrap().iter().flat_map(|b| b.to_vec()));
    }
    bytes.extend(frame.end().unwrap());
    bytes
}

#[test]
fn a_shard_is_one_frame_whose_lines_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    let long = format!("{{\"x\":\"{}\"}}\n", "ab\u{e9}".repeat(1 << 20));
    for (parts, rows, keys) in [
        (vec![], 0, None),
        (vec!["{\"x\":1,\"y\":{\"z\":[[]]}}\n{}\n", "{}\n"], 3, Some(vec!["x", "y"])),
        (vec![long.as_str(), "{}\n", ""], 2, Some(vec!["x"])),
    ] {
        let bytes = packed(&parts);
        assert_eq!(zstd::stream::decode_all(bytes.as_slice()).unwrap(), parts.concat().as_bytes());
        fs::write(&path, &bytes).unwrap();
        assert_eq!(count_rows(&path).unwrap(), rows);
        let keys = keys.map(|keys: Vec<&str>| keys.into_iter().map(ToOwned::to_owned).collect());
        assert_eq!(first_keys(&path).unwrap(), keys);
    }
}

#[test]
fn damaged_shards_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    let bytes = packed(&["{\"x\":1}\n{\"x\":2}\n"]);
    let found = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        count_rows(&path).map_err(|error| error.to_string())
    };
    for at in 0..bytes.len() {
        assert!(found(&bytes[..at]).is_err(), "cut at {at}");
        let mut wrong = bytes.clone();
        wrong[at] ^= 1;
        // A bit that says nothing of the text: whether other readers need a larger window.
        assert!(found(&wrong).map_or(true, |rows| rows == 2), "byte {at}");
    }
    let twice = [bytes.as_slice(), &bytes].concat();
    assert!(found(&twice).unwrap_err().contains("behind the frame"));
    let cut = packed(&["{\"x\":1}\n{\"x\""]);
    assert!(found(&cut).unwrap_err().contains("last line does not end"));
    assert!(matches!(count_rows(&dir.path().join("none")), Err(Error::Io { .. })));
    for other in ["[1]\n", "{\"x\":1\n", "{\"x\":1} 2\n", "1\n"] {
        fs::write(&path, packed(&[other])).unwrap();
        assert!(matches!(first_keys(&path), Err(Error::Format(_))), "{other}");
    }
}

#[test]
fn lists_of_integers_are_written_as_they_are() {
    let rows = vec![Some(vec![Some(1), None]), None, Some(vec![])];
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>(rows);
    assert_eq!(line_of(Arc::new(list)), "{\"x\":[1,null]}\n{\"x\":null}\n{\"x\":[]}\n");
}
