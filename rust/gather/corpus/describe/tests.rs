//! A described corpus held against the opened one: the same schema, plan and rows, of no more files than hold them.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use arrow::array::{ArrayRef, AsArray, Int64Array, StructArray};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Field, Int32Type, Schema};
use arrow::ipc::CompressionType;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;
use proptest::sample::Index;
use tempfile::TempDir;

use super::*;
use crate::gather::columns::common_schema::Schemas;
use crate::gather::corpus::tests::{Container, batch, write};
use crate::gather::{Layout, Plan, Split, take};
use crate::io::file::Io;

/// How a file is written: its container, the columns that it has, whether its numbers are wide, and the rows of its
/// batches.
#[derive(Debug, Clone)]
struct Written {
    container: Option<Container>,
    columns: BTreeSet<usize>,
    wide: bool,
    batches: Vec<i32>,
}

fn written() -> impl Strategy<Value = Written> {
    let codec = || prop::sample::select(vec![None, Some(CompressionType::LZ4_FRAME)]);
    let container = prop_oneof![
        codec().prop_map(|codec| Some(Container::Stream(codec))),
        codec().prop_map(|codec| Some(Container::File(codec))),
        Just(Some(Container::Parquet)),
        // JSON lines.
        Just(None),
    ];
    let columns = prop::collection::btree_set(0usize..5, 1..6);
    (container, columns, any::<bool>(), prop::collection::vec(1..9, 1..4))
        .prop_map(|(container, columns, wide, batches)| Written { container, columns, wide, batches })
}

/// The rows of a batch: those of [`batch`], with a struct of its number and text behind them.
fn rows(first: i32, count: i32, written: &Written) -> RecordBatch {
    let plain = batch(first, count);
    let mut columns = plain.columns().to_vec();
    if written.wide {
        columns[0] = cast(&columns[0], &DataType::Int64).unwrap();
    }
    let kind = |column: &ArrayRef| column.data_type().clone();
    let fields: Vec<_> =
        ["a", "b"].iter().zip(&columns).map(|(name, c)| Field::new(*name, kind(c), true)).collect();
    columns.push(Arc::new(StructArray::new(fields.into(), columns[..2].to_vec(), None)));
    let named = ["n", "t", "l", "d", "s"].into_iter().zip(columns).map(|(name, column)| (name, column, true));
    let all = RecordBatch::try_from_iter_with_nullable(named).unwrap();
    all.project(&written.columns.iter().copied().collect::<Vec<_>>()).unwrap()
}

/// A line for each row.
fn lines(batches: &[RecordBatch]) -> String {
    let mut writer = arrow_json::LineDelimitedWriter::new(Vec::new());
    for batch in batches {
        let plain = batch.columns().iter().map(|column| match column.data_type() {
            DataType::Dictionary(_, values) => cast(column, values).unwrap(),
            _ => column.clone(),
        });
        let schema = batch.schema();
        let named =
            schema.fields().iter().zip(plain).map(|(field, column)| (field.name().clone(), column, true));
        writer.write(&RecordBatch::try_from_iter_with_nullable(named).unwrap()).unwrap();
    }
    writer.finish().unwrap();
    // A row of nulls alone would be a line without columns.
    String::from_utf8(writer.into_inner()).unwrap()
}

/// Writes files, and returns their paths.
fn write_all(folder: &TempDir, files: &[Written]) -> Vec<PathBuf> {
    let mut first = 0;
    let mut paths = Vec::new();
    for (number, file) in files.iter().enumerate() {
        let batches: Vec<_> = file
            .batches
            .iter()
            .map(|&count| {
                first += count;
                rows(first - count, count, file)
            })
            .collect();
        let path = folder
            .path()
            .join(format!("{number}.{}", if file.container.is_none() { "jsonl" } else { "rows" }));
        match file.container {
            Some(container) => write(&path, container, &batches),
            None => fs::write(&path, lines(&batches)).unwrap(),
        }
        paths.push(path);
    }
    paths
}

/// What others are told, as they get it.
fn sent(corpus: &Corpus) -> Description {
    let told = corpus.describe(&Job::new(2)).unwrap();
    let text = serde_json::to_string(&told).unwrap();
    let got: Description = serde_json::from_str(&text).unwrap();
    assert_eq!(got, told);
    got
}

fn taken(corpus: &Corpus, rows: &[i64]) -> RecordBatch {
    let batches = take(&Job::new(2), corpus, rows, 1 << 20).unwrap();
    concat_batches(corpus.schema(), &batches).unwrap()
}

fn constants(files: usize, texts: &[Option<String>]) -> Vec<Constant> {
    let years = (0..files).map(|file| Some((2000 + file).to_string())).collect();
    let langs = (0..files).map(|file| texts[file % texts.len()].clone()).collect();
    vec![
        Constant { name: "year".to_owned(), is_integer: true, values: years },
        Constant { name: "lang".to_owned(), is_integer: false, values: langs },
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn a_described_corpus_is_the_opened_one_of_no_more_files_than_hold_the_rows(
        files in prop::collection::vec(written(), 1..7),
        hive in any::<bool>(),
        texts in prop::collection::vec(prop::option::of("[a-z]{0,3}"), 1..3),
        chosen in prop::option::of(prop::collection::vec(any::<Index>(), 1..5)),
        other_types in any::<bool>(),
        picked in prop::collection::vec(any::<Index>(), 0..12),
        io in prop::sample::select(vec![Io::Mmap, Io::Pread]),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (job, paths) = (Job::new(2), write_all(&folder, &files));
        let constants = if hive { constants(files.len(), &texts) } else { Vec::new() };
        let all = Corpus::open_as(&job, &paths, None, io, Schemas::Union, constants).unwrap();
        let mut corpus = all.clone();
        if let Some(chosen) = chosen {
            let fields = all.schema().fields();
            let names: BTreeSet<_> = chosen.iter().map(|one| fields[one.index(fields.len())].name().clone()).collect();
            let names: Vec<_> = names.into_iter().rev().collect();
            let others: Vec<_> = names.iter().map(|name| format!("{name}'")).collect();
            let metadata = HashMap::from([("k".to_owned(), "v".to_owned())]);
            corpus = all.select(&names).unwrap().rename(&others, metadata).unwrap();
        }
        if other_types {
            let large = |field: &Arc<Field>| match field.data_type() {
                DataType::Utf8 => field.as_ref().clone().with_data_type(DataType::LargeUtf8),
                _ => field.as_ref().clone(),
            };
            let fields: Vec<_> = corpus.schema().fields().iter().map(large).collect();
            let types = Schema::new_with_metadata(fields, corpus.schema().metadata().clone());
            corpus = corpus.in_types(types.into()).unwrap();
        }
        let told = sent(&corpus);
        let again = Corpus::from_description(&told).unwrap();

        // All that planning asks is the same, and opens nothing.
        prop_assert_eq!(again.schema(), corpus.schema());
        prop_assert_eq!(again.stored_names(), corpus.stored_names());
        prop_assert_eq!(again.file_rows().unwrap(), corpus.file_rows().unwrap());
        prop_assert_eq!((again.schemas(), again.io(), again.in_place()), (corpus.schemas(), io, corpus.in_place()));
        prop_assert_eq!(again.constants(), corpus.constants());
        prop_assert_eq!(again.bytes().unwrap(), corpus.bytes().unwrap());
        prop_assert_eq!(again.bytes_copied().unwrap(), corpus.bytes_copied().unwrap());
        prop_assert_eq!(again.parts_copied().unwrap(), corpus.parts_copied().unwrap());
        let units = |corpus: &Corpus| (0..corpus.units()).map(|unit| corpus.unit_rows(unit).unwrap()).collect::<Vec<_>>();
        prop_assert_eq!(units(&again), units(&corpus));
        let without_here = |identity: FileIdentity| FileIdentity { here: None, ..identity };
        let known: Vec<_> = corpus.identities().unwrap().into_iter().map(without_here).collect();
        prop_assert_eq!(again.identities().unwrap(), known);
        again.check_unchanged().unwrap();
        again.check_named().unwrap();
        again.check_readable().unwrap();
        let layout = |corpus: &Corpus| Layout::new(corpus, 1000, 3, Split::Bytes(700)).unwrap();
        prop_assert_eq!(layout(&again), layout(&corpus));
        Plan::of_layout(&again, &layout(&again), &[0], 1 << 20).unwrap();
        // How many items lists have is what shards of tokens are cut by.
        for name in again.schema().fields().iter().map(|field| field.name().clone()).filter(|name| name.starts_with('l')) {
            let items = |corpus: &Corpus| corpus.select(std::slice::from_ref(&name)).unwrap().items().unwrap();
            if name != "lang" && name != "lang'" {
                prop_assert_eq!(items(&again), items(&corpus));
            }
        }
        prop_assert_eq!(&again.describe(&job).unwrap(), &told);
        prop_assert_eq!(again.open_files(), 0);

        // Rows are the same, of the files that hold them.
        let count = usize::try_from(corpus.rows()).unwrap();
        let rows: Vec<i64> = picked.iter().map(|one| i64::try_from(one.index(count)).unwrap()).collect();
        let expected = taken(&corpus, &rows);
        let in_part = |row: &i64| corpus.part_of(corpus.locate(row.unsigned_abs()).0).unwrap();
        let wanted: BTreeSet<usize> = rows.iter().map(in_part).collect();
        let unit = again.open_for(&job, &rows).unwrap();
        prop_assert_eq!((unit.open_files(), again.open_files()), (wanted.len(), 0));
        // The others need not even be there.
        for (_, path) in paths.iter().enumerate().filter(|(number, _)| !wanted.contains(number)) {
            fs::remove_file(path).unwrap();
        }
        prop_assert_eq!(&taken(&unit, &rows), &expected);
        prop_assert_eq!(unit.open_files(), wanted.len());
        drop(unit);
        prop_assert_eq!(again.open_files(), 0);
        // Without asking ahead, they are opened once rows are read.
        prop_assert_eq!(&taken(&again, &rows), &expected);
        prop_assert_eq!(again.open_files(), wanted.len());
        for row in rows.iter().map(|row| row.unsigned_abs()) {
            let lazy = Corpus::from_description(&told).unwrap();
            let schema = corpus.schema();
            let joined = |batches: Vec<RecordBatch>| concat_batches(schema, &batches).unwrap();
            prop_assert_eq!(joined(lazy.run(row..row + 1).unwrap()), joined(corpus.run(row..row + 1).unwrap()));
            prop_assert_eq!(lazy.open_files(), 1);
        }
    }

    #[test]
    fn numbers_are_those_of_their_runs(numbers in prop::collection::vec(0u64..3, 0..20)) {
        let (told, path, sum) = (runs(&numbers), Path::new("f"), numbers.iter().sum());
        let count = numbers.len() as u64;
        prop_assert_eq!(&super::numbers(path, &told, sum, count).unwrap(), &numbers);
        prop_assert!(super::numbers(path, &told, sum + 1, count).is_err());
        prop_assert!(super::numbers(path, &[&told[..], &[1]].concat(), sum, count).is_err());
        prop_assert!(super::numbers(path, &[&told[..], &[u64::MAX, 0]].concat(), sum, count + 9).is_err());
        prop_assert!(count == 0 || super::numbers(path, &told, sum, count - 1).is_err());
    }
}

/// A corpus of one file of each kind, and how it is described.
fn one_of_each(folder: &TempDir) -> (Corpus, Description) {
    let file =
        |container| Written { container, columns: (0..5).collect(), wide: false, batches: vec![400; 9] };
    let kinds = [Some(Container::Stream(None)), Some(Container::File(None)), Some(Container::Parquet), None];
    let paths = write_all(folder, &kinds.map(file));
    let corpus = Corpus::open(&Job::new(2), &paths, None, Io::Mmap).unwrap();
    let told = sent(&corpus);
    (corpus, told)
}

#[test]
fn a_file_that_is_another_is_refused_by_its_name_and_both_states() {
    let folder = tempfile::tempdir().unwrap();
    let (corpus, told) = one_of_each(&folder);
    let rows: Vec<i64> = corpus
        .file_rows()
        .unwrap()
        .iter()
        .scan(0, |end, (_, rows)| {
            *end += i64::try_from(*rows).unwrap();
            Some(*end - 1)
        })
        .collect();
    for (path, row) in corpus.paths().map(Path::to_path_buf).zip(rows) {
        let bytes = fs::read(&path).unwrap();
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        let put = |bytes: &[u8], modified: SystemTime| {
            fs::write(&path, bytes).unwrap();
            fs::File::options().append(true).open(&path).unwrap().set_modified(modified).unwrap();
        };
        let refused = |said: &str| {
            let described = Corpus::from_description(&told).unwrap();
            let ahead = described.open_for(&Job::new(2), &[row]).map(drop).unwrap_err();
            let lazily = described.run(row.unsigned_abs()..row.unsigned_abs() + 1).unwrap_err();
            let gathered = take(&Job::new(2), &described, &[row], 1 << 20).unwrap_err();
            for error in [ahead, lazily, gathered] {
                let text = error.to_string();
                assert!(text.contains(&path.display().to_string()) && text.contains(said), "{text}");
                assert!(matches!(error, Error::SourceChanged(_)) || said.contains("No such file"), "{text}");
            }
        };
        let old = modified - std::time::Duration::from_secs(9);
        put(&bytes, old);
        refused("its modification time is another (then ");
        put(&bytes[..bytes.len() - 1], modified);
        refused(&format!("it had {} bytes and has {}", bytes.len(), bytes.len() - 1));
        let mut other = bytes.clone();
        other[9] ^= 1;
        put(&other, modified);
        refused("its first and last bytes had the digest");
        fs::remove_file(&path).unwrap();
        refused("No such file");
        put(&bytes, modified);
        Corpus::from_description(&told).unwrap().open_for(&Job::new(2), &[row]).unwrap();
    }
}

#[test]
fn what_is_told_of_a_file_and_is_not_so_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (_, told) = one_of_each(&folder);
    let last = told.files.len() - 1;
    for number in 0..=last {
        let before: u64 = told.files[..number].iter().map(|file| file.rows).sum();
        let row = i64::try_from(before).unwrap();
        let refused = |change: &dyn Fn(&mut Description), said: &str| {
            let mut other = told.clone();
            change(&mut other);
            let described = Corpus::from_description(&other).unwrap();
            let error = described.open_for(&Job::new(1), &[row]).map(drop).unwrap_err();
            let text = error.to_string();
            assert!(matches!(error, Error::SourceChanged(_)) && text.contains(said), "{number}: {text}");
        };
        let another = |container| match container {
            crate::gather::Container::Arrow => crate::gather::Container::Parquet,
            _ => crate::gather::Container::Arrow,
        };
        refused(
            &|told| told.files[number].container = another(told.files[number].container),
            "another format",
        );
        refused(
            &|told| {
                let rows = told.files[number].rows;
                told.files[number].units = vec![1, rows - 1, 1, 1];
            },
            "rows in 2 row groups or batches and has 3600 rows in",
        );
        // The schema of a file of another kind: of lines, whose numbers are wide, and of others.
        let other = told.files[if number == last { 0 } else { last }].stored;
        refused(&|told| told.files[number].stored = other, "");
    }
}

/// What neither sizes nor times nor ends tell: the values do not fit the types that the corpus has.
#[test]
fn lines_whose_values_have_no_place_in_the_described_types_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let line = |value: &str| format!("{{\"n\": {value}, \"t\": \"{}\"}}\n", "x".repeat(100));
    let all =
        |value: &str| (0..999).map(|row| line(if row == 500 { value } else { "1000" })).collect::<String>();
    fs::write(&path, all("1234")).unwrap();
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    let corpus = Corpus::open(&Job::new(1), std::slice::from_ref(&path), None, Io::Mmap).unwrap();
    let described = Corpus::from_description(&sent(&corpus)).unwrap();
    for (value, said) in
        [("1.25", Some("Int64")), ("\"ab\"", Some("Int64")), ("true", Some("Int64")), ("4321", None)]
    {
        fs::write(&path, all(value)).unwrap();
        fs::File::options().append(true).open(&path).unwrap().set_modified(modified).unwrap();
        match (described.open_for(&Job::new(1), &[500]), said) {
            (Ok(unit), None) => {
                let found = taken(&unit, &[500]);
                let wanted: ArrayRef = Arc::new(Int64Array::from(vec![4321]));
                assert_eq!(found.column(0), &wanted);
            }
            (Err(Error::SourceChanged(fault)), Some(said)) => {
                assert!(fault.message.contains(said) && fault.path == path, "{fault}");
            }
            (other, _) => panic!("{value}: {:?}", other.map(drop)),
        }
    }
}

/// Types of lines are those of all files together, also of one that is opened on its own.
#[test]
fn a_described_file_of_lines_has_the_types_of_all() {
    let folder = tempfile::tempdir().unwrap();
    let texts = [
        r#"{"n": 1, "u": 7, "s": {"a": 1}, "l": [], "t": null}"#,
        r#"{"n": 2.5, "u": 18446744073709551615, "s": {"b": "x"}, "l": [null]}"#,
        r#"{"l": [[1.5, 2]], "s": {"b": null, "a": -3}, "t": "é"}"#,
        r#"{"n": null, "s": {}, "l": null}"#,
    ];
    let paths: Vec<PathBuf> = (0..4).map(|number| folder.path().join(format!("{number}.jsonl"))).collect();
    for (path, text) in paths.iter().zip(texts) {
        fs::write(path, format!("{text}\n\n{text}\n")).unwrap();
    }
    let corpus = Corpus::open_as(&Job::new(2), &paths, None, Io::Mmap, Schemas::Union, Vec::new()).unwrap();
    let told = sent(&corpus);
    for row in 0..8 {
        let described = Corpus::from_description(&told).unwrap();
        assert_eq!(taken(&described, &[row, row]), taken(&corpus, &[row, row]));
        assert_eq!(described.open_files(), 1);
    }
}

#[test]
fn numbers_that_shards_tell_of_themselves_are_no_schemas_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = (0..6).map(|number| folder.path().join(number.to_string())).collect();
    for (number, path) in paths.iter().enumerate() {
        let own = HashMap::from([("pandas".to_owned(), format!("{{\"stop\": {number}}}"))]);
        let rows = batch(i32::try_from(number).unwrap(), 3);
        let schema = Arc::new(Schema::clone(&rows.schema()).with_metadata(own));
        let properties = WriterProperties::builder().build();
        let file = fs::File::create(path).unwrap();
        let mut writer = ArrowWriter::try_new(file, schema.clone(), Some(properties)).unwrap();
        writer.write(&rows.with_schema(schema).unwrap()).unwrap();
        writer.close().unwrap();
    }
    let corpus = Corpus::open(&Job::new(1), &paths, None, Io::Pread).unwrap();
    let told = sent(&corpus);
    assert_eq!(told.head.stored.len(), 2);
    let described = Corpus::from_description(&told).unwrap();
    assert_eq!(
        (described.schema(), described.schema().metadata()["pandas"].as_str()),
        (corpus.schema(), "{\"stop\": 0}")
    );
    let rows: Vec<i64> = (0..18).rev().collect();
    assert_eq!(taken(&described, &rows), taken(&corpus, &rows));
    assert_eq!(taken(&described, &[17]).column(0).as_primitive::<Int32Type>().value(0), 7);
}

#[test]
fn what_lies_in_no_file_is_not_described() {
    let folder = tempfile::tempdir().unwrap();
    let (corpus, told) = one_of_each(&folder);
    let rows = batch(0, 3);
    let table = Corpus::from_batches(rows.schema(), &[rows], None).unwrap();
    let texts = ["t".to_owned()];
    let lengths = corpus.select(&texts).unwrap().lengths(&[]).unwrap();
    for none in [&table, &lengths] {
        let error = none.describe(&Job::new(1)).unwrap_err();
        assert!(matches!(&error, Error::Value(said) if said.contains("lie in no file")), "{error}");
    }
    // Lengths of described rows are those of the opened ones, and close with what opened them.
    let described = Corpus::from_description(&told).unwrap();
    let of_described = described.select(&texts).unwrap().lengths(&[]).unwrap();
    let picked = [0, 3599, 3600, 14_399];
    let unit = of_described.open_for(&Job::new(2), &picked).unwrap();
    assert_eq!((unit.open_files(), of_described.open_files(), described.open_files()), (3, 0, 0));
    assert_eq!(taken(&unit, &picked), taken(&lengths, &picked));
    assert!(matches!(described.open_for(&Job::new(1), &[14_400]), Err(Error::Index(_))));
}

#[test]
fn a_description_that_no_corpus_has_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (_, told) = one_of_each(&folder);
    let refused = |change: &dyn Fn(&mut Description), said: &str| {
        let mut other = told.clone();
        change(&mut other);
        let error = Corpus::from_description(&other).map(drop).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    };
    refused(&|told| told.head.version = 9, "version 9");
    refused(&|told| told.head.schemas = "other".to_owned(), "\"other\"");
    refused(&|told| told.head.schema = "é".to_owned(), "no base64");
    refused(&|told| told.head.schema = "AAAA".to_owned(), "schema");
    refused(&|told| told.head.columns.push("n".to_owned()), "sizes");
    refused(&|told| drop(told.head.columns.pop()), "sizes");
    refused(&|told| told.head.constants.push(("c".to_owned(), true)), "\"c\"");
    refused(&|told| told.files[1].stored = 9, "schema that it does not have");
    refused(&|told| told.files[1].rows += 1, "other units");
    refused(&|told| told.files[1].units.push(u64::MAX), "other units");
    refused(&|told| told.files[1].units = vec![u64::MAX, 2], "other units");
    refused(&|told| told.files[1].items.clear(), "sizes");
    refused(&|told| told.files[1].memory.clear(), "sizes");
    refused(&|told| told.files.clear(), "at least one file");
}
