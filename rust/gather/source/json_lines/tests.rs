//! JSON lines against `serde_json`, which reads them line by line: rows, types, refusals, and the edges of blocks and pieces.

#![allow(clippy::format_collect, clippy::doc_markdown)] // lines are small, and serde_json is a name

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, Int64Type, UInt64Type};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::check::Checker;
use super::shape::{Kind, Seen};
use super::*;

/// Bytes of a piece in `scan.rs`.
const PIECE: usize = 16 << 20;

/// Places in compressed files are counted for the whole process: tests that keep some run one by one.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The lines of a text as serde_json reads them, without the blank ones.
fn lines_of(text: &[u8]) -> Vec<Value> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let lines = text.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

/// The names of some objects in the order in which they first appear, each with its values.
fn of_column<'v>(objects: &[&'v Value]) -> Vec<(String, Vec<&'v Value>)> {
    let mut found: Vec<(String, Vec<&Value>)> = Vec::new();
    for (name, value) in objects.iter().flat_map(|value| value.as_object().unwrap()) {
        match found.iter_mut().find(|(other, _)| other == name) {
            Some((_, values)) => values.push(value),
            None => found.push((name.clone(), vec![value])),
        }
    }
    found
}

/// The type that holds all of some values as they are, if there is one.
fn known_type(values: &[&Value]) -> Option<DataType> {
    let values: Vec<&Value> = values.iter().copied().filter(|value| !value.is_null()).collect();
    let all = |is: fn(&Value) -> bool| values.iter().all(|value| is(value));
    if values.is_empty() {
        Some(DataType::Null)
    } else if all(Value::is_boolean) {
        Some(DataType::Boolean)
    } else if all(Value::is_string) {
        Some(DataType::Utf8)
    } else if all(Value::is_array) {
        let items: Vec<&Value> = values.iter().flat_map(|value| value.as_array().unwrap()).collect();
        Some(DataType::List(Arc::new(Field::new("item", known_type(&items)?, true))))
    } else if all(Value::is_object) {
        let fields = of_column(&values).into_iter();
        let fields = fields.map(|(name, values)| Some(Field::new(name, known_type(&values)?, true)));
        Some(DataType::Struct(fields.collect::<Option<Vec<_>>>()?.into()))
    } else if all(Value::is_number) {
        number_type(&values.iter().map(ToString::to_string).collect::<Vec<_>>())
    } else {
        None
    }
}

fn number_type(numbers: &[String]) -> Option<DataType> {
    let is_float = |number: &&String| number.contains(['.', 'e', 'E']);
    let integers: Vec<Option<i128>> =
        numbers.iter().filter(|number| !is_float(number)).map(|number| number.parse().ok()).collect();
    let all = |from: i128, to: i128| integers.iter().all(|n| n.is_some_and(|n| (from..=to).contains(&n)));
    if numbers.iter().any(|number| is_float(&number)) {
        let finite = numbers.iter().all(|number| number.parse::<f64>().unwrap().is_finite());
        return (finite && all(-(1 << 53), 1 << 53)).then_some(DataType::Float64);
    }
    if all(i64::MIN.into(), i64::MAX.into()) {
        return Some(DataType::Int64);
    }
    all(0, u64::MAX.into()).then_some(DataType::UInt64)
}

/// A value as text that tells every bit of it.
fn expected(value: Option<&Value>, data_type: &DataType) -> Value {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Value::Null };
    let number = value.to_string();
    match data_type {
        DataType::Int64 => number.parse::<i64>().unwrap().to_string().into(),
        DataType::UInt64 => number.parse::<i128>().unwrap().to_string().into(),
        DataType::Float64 => format!("{:x}", number.parse::<f64>().unwrap().to_bits()).into(),
        DataType::List(item) => {
            let items = value.as_array().unwrap().iter();
            items.map(|value| expected(Some(value), item.data_type())).collect()
        }
        DataType::Struct(fields) => {
            let of = |name: &String, data_type| (name.clone(), expected(value.get(name), data_type));
            fields.iter().map(|field| of(field.name(), field.data_type())).collect()
        }
        _ => value.clone(),
    }
}

/// The same of a value that was read.
fn cell(column: &dyn Array, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => column.as_boolean().value(row).into(),
        DataType::Utf8 => column.as_string::<i32>().value(row).into(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string().into(),
        DataType::UInt64 => column.as_primitive::<UInt64Type>().value(row).to_string().into(),
        DataType::Float64 => {
            format!("{:x}", column.as_primitive::<Float64Type>().value(row).to_bits()).into()
        }
        DataType::List(_) => {
            let items = column.as_list::<i32>().value(row);
            (0..items.len()).map(|item| cell(items.as_ref(), item)).collect()
        }
        DataType::Struct(fields) => {
            let columns = fields.iter().zip(column.as_struct().columns());
            columns.map(|(field, column)| (field.name().clone(), cell(column, row))).collect()
        }
        other => panic!("no JSON has {other}"),
    }
}

/// A value in which no object has a name twice.
struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    /// Numbers come so as well, since serde_json keeps them as they are written.
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> std::result::Result<Self, A::Error> {
        let mut names = HashSet::new();
        while let Some((name, Self)) = fields.next_entry::<String, Self>()? {
            if !names.insert(name) {
                return Err(serde::de::Error::custom("a name is there twice"));
            }
        }
        Ok(self)
    }
}

fn unique(bytes: &[u8]) -> bool {
    serde_json::from_slice::<Unique>(bytes).is_ok()
}

/// All that a shape tells.
fn told(shape: &Shape) -> String {
    const ALL: [Kind; 11] = [
        Kind::Bool,
        Kind::Integer,
        Kind::Float,
        Kind::Text,
        Kind::List,
        Kind::Object,
        Kind::Negative,
        Kind::Wide,
        Kind::Unsigned,
        Kind::Huge,
        Kind::Endless,
    ];
    let kinds: Vec<_> = ALL.iter().map(|&kind| shape.first(kind)).collect();
    let fields: Vec<_> = shape.fields.all.iter().map(|field| (&field.name, told(&field.shape))).collect();
    let items = shape.items.as_ref().map(|items| told(items));
    format!("{kinds:?} {} {} {items:?} {fields:?}", shape.values, shape.text_bytes)
}

/// A line of a file: an object, with spaces and blank lines before it, and an end.
#[derive(Debug, Clone)]
struct Line {
    before: &'static str,
    object: String,
    end: &'static str,
}

impl Line {
    fn text(&self) -> String {
        format!("{}{}{}", self.before, self.object, self.end)
    }
}

/// A text of JSON, with what may be escaped as it is or as escapes.
fn text() -> impl Strategy<Value = String> {
    let escape = |text: &str| text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
    let some = prop_oneof!["[a-c]{0,3}", any::<String>(), Just("\u{20000}\u{1f600}\0".to_owned())];
    (some, any::<bool>()).prop_map(move |(text, escaped)| {
        if escaped { format!("\"{}\"", escape(&text)) } else { serde_json::to_string(&text).unwrap() }
    })
}

fn integer() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => (-3..100i64).prop_map(|n| n.to_string()),
        1 => any::<i64>().prop_map(|n| n.to_string()),
        1 => Just("-0".to_owned()),
    ]
}

fn float() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::num::f64::NORMAL.prop_map(|n| format!("{n:e}")),
        "-?(0|[1-9][0-9]{0,20})\\.[0-9]{1,20}",
        "[1-9][eE][+-]?[0-9]{1,2}",
        (-3..100i64).prop_map(|n| n.to_string()),
    ]
}

/// A line whose columns are mostly of one type each, may be missing or null, and come in any order.
fn line() -> impl Strategy<Value = Line> {
    let or_null =
        |value: BoxedStrategy<String>| prop_oneof![6 => value, 1 => Just("null".to_owned())].boxed();
    let list = |item: BoxedStrategy<String>| {
        prop::collection::vec(item, 0..4).prop_map(|items| format!("[{}]", items.join(" , "))).boxed()
    };
    let pair = (integer(), text(), 0..4).prop_map(|(n, text, how)| match how {
        0 => "{}".to_owned(),
        1 => format!("{{\"x\":{n}}}"),
        2 => format!("{{\"y\" :{text}}}"),
        _ => format!("{{\"y\":{text},\"x\":{n},\"z\":[[{n}],[]]}}"),
    });
    let pair = pair.boxed();
    let values = [
        ("\"i\"", integer().boxed()),
        ("\"f\"", float().boxed()),
        ("\"t\\u0065xt\"", text().boxed()),
        ("\"b\"", any::<bool>().prop_map(|b| b.to_string()).boxed()),
        ("\"list\"", list(or_null(integer().boxed()))),
        ("\"é\"", or_null(pair.clone())),
        ("\"rows\"", list(or_null(pair))),
        ("\"\"", Just("null".to_owned()).boxed()),
        ("\"mixed\"", prop_oneof![40 => text(), 1 => integer()].boxed()),
    ];
    let fields =
        values.map(|(name, value)| or_null(value).prop_map(move |value| format!("{name}: {value}")).boxed());
    let fields = prop::sample::subsequence((0..fields.len()).collect::<Vec<_>>(), 0..=fields.len())
        .prop_shuffle()
        .prop_flat_map(move |chosen| chosen.iter().map(|&at| fields[at].clone()).collect::<Vec<_>>());
    let before = prop::sample::select(vec!["", "", "", "  ", "\n", " \t\r\n\r\n"]);
    (before, fields, prop::sample::select(vec!["\n", "\n", "\r\n", " \n"]))
        .prop_map(|(before, fields, end)| Line { before, object: format!("{{{}}}", fields.join(",\t")), end })
}

/// Files that are open.
struct Table {
    folder: tempfile::TempDir,
    parts: Vec<Arc<dyn CorpusPart>>,
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn open(texts: &[&[u8]], threads: usize, chosen: Option<&[&str]>) -> Result<Table> {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        let path: PathBuf = folder.path().join(number.to_string());
        fs::write(&path, text).unwrap();
        files.push(LineFile::open(&path)?);
    }
    let chosen: Option<Vec<String>> = chosen.map(|all| all.iter().map(ToString::to_string).collect());
    let parts = JsonLinesPart::open_all(&Job::new(threads), files, chosen.as_deref())?;
    Ok(Table { folder, parts })
}

/// The message of what is not opened, without the folder.
fn refused(texts: &[&[u8]], threads: usize) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        let path = folder.path().join(number.to_string());
        fs::write(&path, text).unwrap();
        files.push(LineFile::open(&path).unwrap());
    }
    let error = JsonLinesPart::open_all(&Job::new(threads), files, None).map(drop).unwrap_err();
    error.to_string().replace(&format!("{}/", folder.path().display()), "")
}

/// Some rows of a file, with all columns.
fn read(part: &dyn CorpusPart, rows: &[u64]) -> Vec<Value> {
    let columns: Vec<usize> = (0..part.schema().fields().len()).collect();
    let (mut begin, mut found) = (0, Vec::new());
    for (unit, &len) in part.unit_rows().iter().enumerate() {
        let wanted: Vec<u32> = rows
            .iter()
            .filter(|&&row| (begin..begin + len).contains(&row))
            .map(|row| u32::try_from(row - begin).unwrap())
            .collect();
        let mut count = 0;
        for batch in part.read(unit, &columns, &wanted, Unpacking::default()).unwrap() {
            let batch = batch.unwrap();
            assert!((1..=8192).contains(&batch.num_rows()));
            count += batch.num_rows();
            for row in 0..batch.num_rows() {
                let fields = batch.schema().fields().clone();
                let cells = fields.iter().zip(batch.columns());
                found.push(cells.map(|(field, column)| (field.name().clone(), cell(column, row))).collect());
            }
        }
        assert_eq!(count, wanted.len());
        begin += len;
    }
    found
}

/// Rows as serde_json reads them.
fn oracle(part: &dyn CorpusPart, lines: &[Value], rows: &[u64]) -> Vec<Value> {
    let of_row = |&row: &u64| {
        let fields = part.schema().fields().iter();
        let line = &lines[usize::try_from(row).unwrap()];
        fields
            .map(|field| (field.name().clone(), expected(line.get(field.name()), field.data_type())))
            .collect()
    };
    rows.iter().map(of_row).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Of any number of files, on any number of threads: all are refused, or each has the rows and the types of
    /// serde_json.
    #[test]
    fn rows_and_types_are_those_of_serde_json(
        files in prop::collection::vec((prop::collection::vec(line(), 1..12), 0..3usize, any::<bool>()), 1..4),
        threads in 1..4usize,
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let _alone = alone();
        let texts: Vec<Vec<u8>> = files.iter().map(|(lines, _, marked)| {
            let mark = if *marked { "\u{feff}" } else { "" };
            let all: String = lines.iter().map(Line::text).collect();
            format!("{mark}{all}").into_bytes()
        }).collect();
        let stored: Vec<Vec<u8>> = texts.iter().zip(&files).map(|(text, (_, how, _))| match how {
            0 => text.clone(),
            1 => gzip(text),
            _ => zstd::encode_all(text.as_slice(), 1).unwrap(),
        }).collect();
        let stored: Vec<&[u8]> = stored.iter().map(Vec::as_slice).collect();
        let values: Vec<Vec<Value>> = texts.iter().map(|text| lines_of(text)).collect();
        let all: Vec<&Value> = values.iter().flatten().collect();
        let whole = known_type(&all);
        let Some(DataType::Struct(types)) = whole else {
            let said = refused(&stored, threads);
            prop_assert_eq!(&said, &refused(&stored, 1));
            prop_assert!(said.contains(": at line ") && said.contains("column "), "{}", said);
            // Without the columns that have no type, the others are there.
            let names = of_column(&all);
            let good = names.iter().filter(|(_, values)| known_type(values).is_some());
            let good: Vec<&str> = good.map(|(name, _)| name.as_str()).collect();
            let table = open(&stored, threads, Some(&good)).unwrap();
            for part in &table.parts {
                prop_assert!(part.schema().fields().iter().all(|field| good.contains(&field.name().as_str())));
            }
            return Ok(());
        };
        let table = open(&stored, threads, None).unwrap();
        for (part, values) in table.parts.iter().zip(&values) {
            let own = of_column(&values.iter().collect::<Vec<_>>());
            prop_assert_eq!(part.schema().fields().len(), own.len());
            for ((name, _), field) in own.iter().zip(part.schema().fields()) {
                let (_, wanted) = types.find(name).unwrap();
                prop_assert_eq!((field.name(), field.data_type()), (name, wanted.data_type()));
            }
            let count = values.len() as u64;
            prop_assert_eq!(part.unit_rows().iter().sum::<u64>(), count);
            let every: Vec<u64> = (0..count).collect();
            let mut some: Vec<u64> = picks.iter().map(|pick| pick.index(values.len()) as u64).collect();
            some.sort_unstable();
            some.dedup();
            for rows in [every, some] {
                prop_assert_eq!(read(part.as_ref(), &rows), oracle(part.as_ref(), values, &rows));
            }
        }
    }

    /// A damaged line is taken only if it is one object for serde_json as well, with no name twice.
    #[test]
    fn a_line_is_taken_if_serde_json_takes_it(
        line in line(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..3u8, any::<prop::sample::Index>()), 0..4),
    ) {
        const BYTES: &[u8] = b"{}[]\",:0123.e+-\\/udDc8 \t\x00\x1f\x7f\x80\xc3\xff\xed\xa0nulNIntrefas";
        let mut bytes = line.text().trim_end().as_bytes().to_vec();
        for (at, how, byte) in edits {
            let (at, byte) = (at.index(bytes.len().max(1)), BYTES[byte.index(BYTES.len())]);
            match how {
                0 => bytes.insert(at, byte),
                1 if at < bytes.len() => bytes[at] = byte,
                _ if at < bytes.len() => drop(bytes.remove(at)),
                _ => {}
            }
        }
        let mut shape = Shape::default();
        let found = Checker::default().line(&bytes, Seen { file: 0, line: 1 }, &mut shape);
        let known = unique(&bytes) && serde_json::from_slice::<Value>(&bytes).is_ok_and(|value| value.is_object());
        let why = serde_json::from_slice::<Unique>(&bytes).err();
        prop_assert_eq!(found.is_ok(), known, "{:?} {:?} {:?}", bytes.escape_ascii().to_string(), found, why);
        if known {
            // What was seen of the values is what there is.
            let value: Value = serde_json::from_slice(&bytes).unwrap();
            let found = type_of(&shape, "", &[]).ok();
            prop_assert_eq!(found, known_type(&[&value]));
        }
    }

    /// What was seen of two halves is what was seen of all lines.
    #[test]
    fn shapes_are_the_same_however_lines_are_cut(
        lines in prop::collection::vec(line(), 1..10),
        cut in any::<prop::sample::Index>(),
    ) {
        let cut = cut.index(lines.len() + 1);
        let shape = |lines: &[Line]| {
            let (mut shape, mut checker) = (Shape::default(), Checker::default());
            for (number, line) in (1..).zip(lines) {
                checker.line(line.object.as_bytes(), Seen { file: 0, line: number }, &mut shape).unwrap();
            }
            shape
        };
        let (whole, mut halves) = (shape(&lines), shape(&lines[..cut]));
        let before = fields_of(&halves);
        let more = halves.merge(shape(&lines[cut..]), cut as u64).unwrap();
        prop_assert_eq!(told(&halves), told(&whole));
        prop_assert_eq!(before + more, fields_of(&whole));
        // The order in which files are merged does not matter for where a kind is first.
        let mut behind = shape(&lines[cut..]);
        behind.merge(shape(&lines[..cut]), 0).unwrap();
        prop_assert_eq!(fields_of(&behind), fields_of(&whole));
    }
}

#[test]
fn numbers_have_the_type_that_holds_each_or_none() {
    let edges = [
        "0",
        "-0",
        "-1",
        "9007199254740992",
        "9007199254740993",
        "-9007199254740992",
        "-9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "18446744073709551615",
        "18446744073709551616",
        "0.0",
        "-0.0",
        "1.5",
        "1e2",
        "5e-324",
        "1e-999",
        "1.7976931348623157e308",
        "1.7976931348623159e308",
        "1e999",
        "-1E+999",
        "null",
    ];
    let long = format!("{}.0", "9".repeat(309));
    for first in edges.into_iter().chain([long.as_str()]) {
        for second in edges {
            let text = format!("{{\"n\":{first}}}\n{{\"n\":{second}}}\n");
            let values = lines_of(text.as_bytes());
            let column: Vec<&Value> = values.iter().map(|line| &line["n"]).collect();
            match (open(&[text.as_bytes()], 1, None), known_type(&column)) {
                (Ok(table), Some(known)) => {
                    let part = table.parts[0].as_ref();
                    assert_eq!(part.schema().field(0).data_type(), &known, "{text}");
                    assert_eq!(read(part, &[0, 1]), oracle(part, &values, &[0, 1]), "{text}");
                }
                (Err(error), None) => assert!(error.to_string().contains("column \"n\": "), "{error}"),
                (found, known) => panic!("{text}: {known:?}, and opened: {}", found.is_ok()),
            }
        }
    }
}

#[test]
fn what_stands_in_the_way_of_a_type_is_named_with_its_place() {
    for (lines, said) in [
        ("{\"a\":1}\n\n{\"a\":\"x\"}\n", "0: at line 3: column \"a\": text is here, and a number at line 1;"),
        (
            "{\"a\":null}\n{\"a\":[]}\n{\"a\":{}}\n",
            "0: at line 3: column \"a\": an object is here, and a list at line 2;",
        ),
        (
            "{\"a\":[{\"b\":true}]}\n{\"a\":[null,{\"b\":2}]}\n",
            "0: at line 2: column \"a[].b\": a number is here, and true or false at line 1;",
        ),
        (
            "{\"a\":1.5}\n{\"a\":9007199254740993}\n",
            "0: at line 2: column \"a\": an integer beyond 2^53 is here, and a number with a point or an exponent at line 1;",
        ),
        (
            "{\"a\":-1}\n{\"a\":9223372036854775808}\n",
            "0: at line 2: column \"a\": an integer beyond those of int64 is here, and one below zero at line 1;",
        ),
        (
            "{\"a\":18446744073709551616}\n",
            "0: at line 1: column \"a\": an integer is here that neither int64 nor uint64 has a place for;",
        ),
        (
            "{\"a\":1}\n{\"a\":1e400}\n",
            "0: at line 2: column \"a\": a number is here that is beyond those of float64;",
        ),
    ] {
        let found = refused(&[lines.as_bytes()], 2);
        assert!(found.starts_with(said), "{found}");
    }
    // In another file, that file is named.
    let found = refused(&[b"{\"a\":1}\n", b"{\"b\":1}\n{\"a\":true}\n"], 2);
    assert!(
        found.starts_with("1: at line 2: column \"a\": true or false is here, and a number at line 1 of "),
        "{found}"
    );
}

#[test]
fn a_line_that_is_no_object_is_told_what_it_is() {
    let deep = |depth: usize| format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
    for (line, said) in [
        ("[{\"a\":1}]", "a list is here, and each line must be an object"),
        ("7", "each line must be an object, such as {\"text\": \"…\"}, and this one begins with b\"7\""),
        (
            "{\"a\":1} {\"a\":2}",
            "one object is on each line, and behind this one there is b\"{\\\"a\\\":2}\"",
        ),
        ("{\"a\":1,\"b\":{\"c\":1,\"c\":2}}", "column \"b.c\": the field is there twice in one object"),
        ("{\"a\":1,\"\\u0061\":2}", "column \"a\": the field is there twice in one object"),
        ("{\"a\":[NaN]}", "column \"a[]\": NaN and Infinity are no JSON"),
        ("{\"a\":-Infinity}", "column \"a\": NaN and Infinity are no JSON"),
        ("{\"a\":\"\\ud83d\"}", "column \"a\": this is no JSON at byte "),
        ("{\"a\":\"\\udc00\\ud83d\"}", "column \"a\": this is no JSON at byte "),
        ("{\"a\":01}", "column \"a\": this is no JSON at byte "),
        ("{\"a\":1,}", "this is no JSON at byte 7 of the line"),
        ("{\"a\":[1", "column \"a\": this is no JSON at byte 7 of the line"),
        (&deep(65), "lists and objects lie deeper in each other than 64"),
    ] {
        // Lines before, blank ones among them, are counted.
        let text = format!("{{\"a\":null}}\n \r\n{line}\n{{\n");
        let found = refused(&[text.as_bytes()], 2);
        let what = found.strip_prefix("0: at line 3: ").unwrap_or(&found);
        assert!(what.contains(said) && found.starts_with("0: at line 3: "), "{found}");
    }
    assert!(open(&[deep(63).as_bytes()], 1, None).is_ok());
}

#[test]
fn names_without_end_are_refused_wherever_they_are() {
    let object = |from: usize, to: usize| {
        let names: Vec<String> = (from..to).map(|name| format!("\"{name}\":0")).collect();
        format!("{{{}}}\n", names.join(","))
    };
    let (all, more) = (object(0, 10_000), object(0, 10_001));
    assert_eq!(open(&[all.as_bytes()], 1, None).unwrap().parts[0].schema().fields().len(), 10_000);
    let found = refused(&[more.as_bytes()], 1);
    assert!(found.starts_with("0: at line 1: there are more than 10000 fields"), "{found}");
    let (first, second) = (object(0, 6_000), object(6_000, 12_000));
    let found = refused(&[first.as_bytes(), second.as_bytes()], 2);
    assert!(found.starts_with("0: there are more than 10000 fields"), "{found}");
    let found = refused(&[format!("{first}{second}").as_bytes()], 2);
    assert!(found.starts_with("0: at line 2: there are more than 10000 fields"), "{found}");
}

#[test]
fn a_file_of_blank_lines_has_no_columns() {
    for text in [&b"\n"[..], b" \t\r\n\n", b"\xef\xbb\xbf\n"] {
        for stored in [text.to_vec(), gzip(text)] {
            let found = refused(&[b"{\"a\":1}", &stored], 2);
            assert!(found.starts_with("1: it has no lines, and so no columns;"), "{found}");
        }
    }
}

/// A file whose lines end at `PIECE + shift`, among others, and one line that is longer than a piece.
fn long(shift: isize) -> Vec<u8> {
    let mut text = Vec::new();
    let mut line = |bytes: usize, number: usize| {
        let head = format!("{{\"n\":{number},\"t\":\"");
        text.extend_from_slice(head.as_bytes());
        text.extend(std::iter::repeat_n(b'x', bytes - head.len() - 3));
        text.extend_from_slice(b"\"}\n");
    };
    let edge = PIECE.checked_add_signed(shift).unwrap();
    let step = 600 << 10;
    for number in 0..edge / step {
        line(step, number);
    }
    line(edge % step, 1000);
    for number in 2000..2040 {
        line(50, number);
    }
    text.extend_from_slice(b"\n{\"late\":[1]}\n");
    text
}

#[test]
fn no_row_is_lost_or_read_twice_where_pieces_and_blocks_meet() {
    for shift in [-1, 0, 1, 25] {
        let text = long(shift);
        let values = lines_of(&text);
        for threads in [1, 3] {
            let table = open(&[&text], threads, None).unwrap();
            let part = table.parts[0].as_ref();
            assert_eq!(part.unit_rows().iter().sum::<u64>(), values.len() as u64);
            assert!(part.unit_rows().len() > 10);
            let names: Vec<&String> = part.schema().fields().iter().map(|field| field.name()).collect();
            assert_eq!(names, ["n", "t", "late"]);
            let rows: Vec<u64> = (0..values.len() as u64).collect();
            assert!(read(part, &rows) == oracle(part, &values, &rows));
            let stored: u64 =
                (0..part.unit_rows().len()).map(|unit| part.stored_bytes(unit, &[]).unwrap()).sum();
            assert_eq!(stored, text.len() as u64);
        }
    }
}

#[test]
fn of_several_wrong_lines_the_first_is_told_whatever_the_threads() {
    let mut text = long(-1);
    let lines = text.split(|&byte| byte == b'\n').count();
    text.extend_from_slice(b"{\"n\":true}\n");
    let wrong = [b"{\"n\":0}\n{".as_slice(), &text].concat();
    let cut = [text.as_slice(), b"{\n", b"{\n"].concat();
    for threads in [1, 2, 3] {
        let found = refused(&[&text], threads);
        let said =
            format!("0: at line {lines}: column \"n\": true or false is here, and a number at line 1;");
        assert!(found.starts_with(&said), "{found}");
        let found = refused(&[b"{\"n\":0}\n", &cut, b"{", &wrong], threads);
        assert!(found.starts_with(&format!("1: at line {}: this is no JSON", lines + 1)), "{found}");
    }
}

#[test]
fn batches_end_where_they_are_full() {
    let text: String = (0..8193 * 2).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    let values = lines_of(text.as_bytes());
    let table = open(&[text.as_bytes()], 1, None).unwrap();
    let part = table.parts[0].as_ref();
    for len in [0, 1, 8191, 8192, 8193, 8193 * 2] {
        let rows: Vec<u64> = (0..len).collect();
        assert_eq!(read(part, &rows), oracle(part, &values, &rows));
        // A batch without columns has its rows all the same.
        let wanted: Vec<u32> = (0..u32::try_from(len).unwrap()).collect();
        let counts = part.read(0, &[], &wanted, Unpacking::default()).unwrap();
        assert_eq!(counts.map(|batch| batch.unwrap().num_rows() as u64).sum::<u64>(), len);
    }
}

/// A file of some blocks, compressed, and what its lines are.
fn packed() -> (Vec<u8>, Vec<Value>) {
    let filler = "y".repeat(1000);
    let text: String = (0..4000).map(|n| format!("{{\"n\":{n},\"t\":\"{filler}\"}}\n")).collect();
    (gzip(text.as_bytes()), lines_of(text.as_bytes()))
}

#[test]
fn rows_of_a_compressed_file_are_right_wherever_it_was_read_to() {
    let _alone = alone();
    let (stored, values) = packed();
    let table = open(&[&stored], 1, None).unwrap();
    let part = table.parts[0].as_ref();
    assert_eq!(part.unit_rows(), [4000]);
    assert_eq!(part.stored_bytes(0, &[]).unwrap(), stored.len() as u64);
    for rows in [
        vec![0, 1, 2],
        vec![3, 1500],
        vec![1500, 1501],
        vec![1400, 2900],
        vec![2899],
        vec![0, 3999],
        vec![3999],
        vec![],
        vec![7],
        vec![1047, 1048, 1049],
        vec![1049, 1050, 1051, 2098, 2099, 3147],
    ] {
        assert_eq!(read(part, &rows), oracle(part, &values, &rows), "{rows:?}");
    }
}

#[test]
fn a_place_is_kept_for_rows_that_are_not_before_it_and_only_so_many_are() {
    let _alone = alone();
    let (stored, _) = packed();
    let table = open(&[&stored], 1, None).unwrap();
    let file = LineFile::open(&table.folder.path().join("0")).unwrap();
    let at = |row: u64| {
        let mut cursor = Cursor::new(file.blocks(Reading::default()).unwrap());
        let block = cursor.block_of(row).unwrap().unwrap();
        let run = block.start().rows..block.end().rows;
        assert!(run.contains(&row), "{run:?}");
        (cursor, run)
    };
    let (cursor, run) = at(2000);
    assert!(run.start > 0);
    let kept = Kept::default();
    assert!(kept.take(0).is_none());
    kept.put(cursor);
    let mut cursor = kept.take(run.start).unwrap();
    assert_eq!(cursor.block_of(run.end).unwrap().unwrap().start().rows, run.end);
    assert!(cursor.block_of(3999).unwrap().is_some() && cursor.block_of(4000).unwrap().is_none());
    assert!(kept.take(run.start).is_none());
    kept.put(at(2000).0);
    assert!(kept.take(run.start - 1).is_none());
    // The ninth place is not kept, and one is again once another is gone.
    let many: Vec<Kept> = (0..9).map(|_| Kept::default()).collect();
    for one in &many {
        one.put(at(0).0);
    }
    assert_eq!(
        many.iter().map(|one| usize::from(one.take(0).is_some())).collect::<Vec<_>>(),
        [1, 1, 1, 1, 1, 1, 1, 1, 0]
    );
    many[8].put(at(0).0);
    assert!(many[8].take(0).is_some());
}

#[test]
fn a_file_that_became_another_is_told() {
    let text = "{\"n\":1}\n".repeat(100);
    for (changed, stored) in
        [(text.repeat(2), text.as_bytes().to_vec()), (text[..80].to_owned(), gzip(text.as_bytes()))]
    {
        let table = open(&[&stored], 1, None).unwrap();
        fs::write(table.folder.path().join("0"), changed).unwrap();
        let part = table.parts[0].as_ref();
        let mut found = part.read(0, &[0], &[99], Unpacking::default()).unwrap();
        // A row that is still there comes, and then it is told all the same.
        let error =
            found.find_map(std::result::Result::err).or_else(|| part.check_unchanged().err()).unwrap();
        assert!(matches!(error, Error::SourceChanged(_)), "{error}");
    }
}
