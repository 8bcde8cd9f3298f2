//! JSON lines against `serde_json`, which reads them line by line: rows, types, refusals, and the edges of blocks and pieces.

#![allow(clippy::format_collect, clippy::doc_markdown)] // lines are small, and serde_json is a name

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};

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

/// All that a shape tells.
fn told(shape: &Shape) -> String {
    let kinds: Vec<_> = Kind::ALL.iter().map(|&kind| shape.first(kind)).collect();
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

#[path = "edges_tests.rs"]
mod edges;
#[path = "oracle_tests.rs"]
mod oracle_of_lines;
#[path = "refusals_tests.rs"]
mod refusals;
#[path = "../json_values_tests.rs"]
#[allow(unreachable_pub)] // the fuzz targets are another crate
mod values;
use oracle_of_lines::*;
use values::{cell, expected};

/// What was seen in a column of these values, each on a line.
fn seen_in(values: &[String], file: usize) -> Shape {
    let (mut checker, mut shape) = (Checker::default(), Shape::default());
    for (line, value) in (1..).zip(values) {
        let line = (format!("{{\"v\": {value}}}"), Seen { file, line });
        assert!(checker.line(line.0.as_bytes(), line.1, &mut shape).is_ok(), "{value}");
    }
    shape.fields.get("v").unwrap().clone()
}

const LEAVES: &[&str] = &[
    "null",
    "true",
    "\"t\"",
    "1",
    "-2",
    "9007199254740993",
    "-9007199254740993",
    "18446744073709551615",
    "18446744073709551616",
    "1.5",
    "-0.0",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// A type of some files holds the values of one more if it is still their type with that one among them.
    #[test]
    fn a_type_holds_values_that_leave_it_as_it_is(
        form in 0usize..5,
        (pool, others) in (prop::collection::vec(prop::sample::select(LEAVES), 1..4), prop::collection::vec(prop::sample::select(LEAVES), 1..4)),
        files in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 1..5), 1..4),
        last in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 1..5),
    ) {
        let value = |leaves: &[&str], index: &prop::sample::Index| {
            let leaf = leaves[index.index(leaves.len())];
            match (form, index.index(3)) {
                (0, _) => leaf.to_owned(),
                (1 | 3, 0) => "[]".to_owned(),
                (1, _) => format!("[{leaf}, {leaf}]"),
                (2 | 4, 0) => "{}".to_owned(),
                (2, 1) => format!("{{\"b\": {leaf}, \"a\": {leaf}}}"),
                (2, _) => format!("{{\"a\": {leaf}}}"),
                (3, _) => format!("[{{\"a\": [{leaf}]}}, null]"),
                (_, key) => format!("{{\"c{key}\": {leaf}}}"),
            }
        };
        let shapes: Vec<Shape> = files.iter().enumerate().map(|(file, values)| {
            seen_in(&values.iter().map(|index| value(&pool, index)).collect::<Vec<_>>(), file)
        }).collect();
        let mut joint = Shape::default();
        for shape in &shapes {
            joint.merge(shape.clone(), 0).unwrap();
        }
        let paths = [Path::new("f"); 9];
        let Ok(known) = type_of(&joint, "v", &paths) else { return Ok(()) };
        prop_assert!(shapes.iter().all(|shape| holds(&known, shape)));
        let more: Vec<_> = last.iter().map(|(own, index)| value(if *own { &pool } else { &others }, index)).collect();
        let more = seen_in(&more, files.len());
        joint.merge(more.clone(), 0).unwrap();
        let is_same = type_of(&joint, "v", &paths).is_ok_and(|joint| joint == known);
        prop_assert_eq!(holds(&known, &more), is_same, "{:?} {:?}", known, told(&more));
    }
}
