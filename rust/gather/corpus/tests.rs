//! A corpus of Arrow and Parquet files and of tables: its units, and any of their rows, held against the table written.

use std::collections::HashMap;

use arrow::array::{ArrayRef, DictionaryArray, Int8Array, Int32Array, ListArray, StringArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{DataType, Field};
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// How a file is written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Container {
    Stream(Option<CompressionType>),
    File(Option<CompressionType>),
    Parquet,
    Table,
}

/// Rows whose numbers begin with this one: a number, a text that may be null, a list, and a key of a dictionary.
pub(super) fn batch(first: i32, rows: i32) -> RecordBatch {
    let numbers = || first..first + rows;
    let size = |number: i32| usize::try_from(number).unwrap();
    let texts: StringArray =
        numbers().map(|number| (number % 5 != 3).then(|| "é".repeat(size(number % 4)))).collect();
    let items: Vec<i32> = numbers().flat_map(|number| 0..number % 3).collect();
    let offsets = OffsetBuffer::from_lengths(numbers().map(|number| size(number % 3)));
    let item = Arc::new(Field::new("item", DataType::Int32, true));
    let lists = ListArray::new(item, offsets, Arc::new(Int32Array::from(items)), None);
    let keys = Int8Array::from_iter_values(numbers().map(|number| i8::try_from(number % 3).unwrap()));
    let keys = DictionaryArray::new(keys, Arc::new(StringArray::from(vec!["a", "bb", "ccc"])));
    let columns: [(&str, ArrayRef); 4] = [
        ("n", Arc::new(Int32Array::from_iter_values(numbers()))),
        ("t", Arc::new(texts)),
        ("l", Arc::new(lists)),
        ("d", Arc::new(keys)),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
}

pub(super) fn write(path: &Path, container: Container, batches: &[RecordBatch]) {
    let file = std::fs::File::create(path).unwrap();
    let schema = batches[0].schema();
    let options = |codec| IpcWriteOptions::default().try_with_compression(codec).unwrap();
    match container {
        Container::Stream(codec) => {
            let mut writer = StreamWriter::try_new_with_options(file, &schema, options(codec)).unwrap();
            for batch in batches {
                writer.write(batch).unwrap();
            }
            writer.finish().unwrap();
        }
        Container::File(codec) => {
            let mut writer = FileWriter::try_new_with_options(file, &schema, options(codec)).unwrap();
            for batch in batches {
                writer.write(batch).unwrap();
            }
            writer.finish().unwrap();
        }
        Container::Parquet | Container::Table => {
            let properties = WriterProperties::builder().set_max_row_group_row_count(Some(7)).build();
            let mut writer = ArrowWriter::try_new(file, schema, Some(properties)).unwrap();
            for batch in batches {
                writer.write(batch).unwrap();
            }
            writer.close().unwrap();
        }
    }
}

/// Rows of a table in the types that a corpus has.
fn rows_of(schema: &SchemaRef, table: &RecordBatch, rows: &[u32]) -> RecordBatch {
    let rows = take_record_batch(table, &UInt32Array::from(rows.to_vec())).unwrap();
    let columns = rows.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| arrow::compute::cast(column, field.data_type()).unwrap());
    RecordBatch::try_new(schema.clone(), columns.collect()).unwrap()
}

fn container() -> impl Strategy<Value = Container> {
    let codec =
        || prop::sample::select(vec![None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)]);
    prop_oneof![
        3 => codec().prop_map(Container::Stream),
        3 => codec().prop_map(Container::File),
        2 => Just(Container::Parquet),
        1 => Just(Container::Table),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn rows_of_every_unit_are_those_written(
        container in container(),
        sizes in prop::collection::vec(prop::collection::vec(1..9_i32, 1..4), 1..4),
        wanted in prop::collection::btree_set(any::<u16>(), 1..30),
        picked in prop::collection::vec(any::<Index>(), 1..20),
        io in prop::sample::select(vec![Io::Mmap, Io::Pread]),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let job = Job::new(2);
        let (mut first, mut batches, mut paths) = (0, Vec::new(), Vec::new());
        for (number, sizes) in sizes.iter().enumerate() {
            let of_file: Vec<RecordBatch> = sizes.iter().map(|&rows| {
                first += rows;
                batch(first - rows, rows)
            }).collect();
            paths.push(folder.path().join(number.to_string()));
            write(&paths[number], container, &of_file);
            batches.extend(of_file);
        }
        let table = concat_batches(&batches[0].schema(), &batches).unwrap();
        let corpus = match container {
            Container::Table => Corpus::from_batches(table.schema(), &batches, None).unwrap(),
            _ => Corpus::open(&job, &paths, None, io).unwrap(),
        };
        prop_assert_eq!(corpus.rows(), table.num_rows() as u64);
        prop_assert_eq!(corpus.schema().field(3).data_type(), &DataType::Utf8);
        // Units follow each other, and each knows its rows.
        let mut row = 0;
        for unit in 0..corpus.units() {
            let rows = u32::try_from(corpus.unit_rows(unit).unwrap()).unwrap();
            for within in 0..rows {
                prop_assert_eq!(corpus.locate(u64::from(row + within)), (unit, within));
            }
            let mut own: Vec<u32> = wanted.iter().map(|&number| u32::from(number) % rows).collect();
            own.sort_unstable();
            own.dedup();
            let expected = rows_of(corpus.schema(), &table, &own.iter().map(|own| row + own).collect::<Vec<_>>());
            for expand in [false, true] {
                let found: Vec<_> = corpus.read(unit, &own, expand).unwrap().map(|batch| batch.unwrap()).collect();
                prop_assert_eq!(&concat_batches(corpus.schema(), &found).unwrap(), &expected);
            }
            if let Some(view) = corpus.view(unit).unwrap() {
                prop_assert_eq!(view, rows_of(corpus.schema(), &table, &(row..row + rows).collect::<Vec<_>>()));
            }
            row += rows;
        }
        prop_assert_eq!(u64::from(row), corpus.rows());
        // Counts are those of a walk over the rows.
        let rows: Vec<i64> = picked.iter().map(|index| i64::try_from(index.index(table.num_rows())).unwrap()).collect();
        let mut counts = vec![0; corpus.units()];
        for row in &rows {
 counts[corpus.locate(row.unsigned_abs()).0] += 1;
}
        let (one, two) = rows.split_at(rows.len() / 2);
        prop_assert_eq!(corpus.count_by_unit(&job, &[one, two]).unwrap(), counts);
    }
}

#[test]
fn columns_are_picked_renamed_and_told_by_their_stored_names() {
    let table = batch(0, 6);
    let corpus = Corpus::from_batches(table.schema(), std::slice::from_ref(&table), None).unwrap();
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<String>>();
    let picked =
        corpus.select(&names(&["d", "n"])).unwrap().rename(&names(&["x", "y"]), HashMap::new()).unwrap();
    assert_eq!(picked.stored_names(), ["d", "n"]);
    let read: Vec<_> = picked.read(0, &[1, 4], false).unwrap().map(Result::unwrap).collect();
    assert_eq!(read[0].column(1).as_ref(), &Int32Array::from(vec![1, 4]) as &dyn arrow::array::Array);
    assert_eq!(read[0].schema().field(0).name(), "x");
    for (wrong, said) in [(&["n", "n"][..], "twice"), (&["z"], "z"), (&[], "column")] {
        let error = corpus.select(&names(wrong)).map(drop).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    let error = corpus.rename(&names(&["a"]), HashMap::new()).map(drop).unwrap_err().to_string();
    assert_eq!(error, "1 names are given for 4 columns");
    assert!(corpus.rename(&names(&["a", "b", "a", "c"]), HashMap::new()).is_err());
    let fewer = arrow::datatypes::Schema::new(vec![Field::new("n", DataType::Int32, true)]);
    assert!(matches!(corpus.in_types(Arc::new(fewer)), Err(Error::Internal(_))));
}

#[test]
fn what_is_no_corpus_is_refused() {
    let job = Job::new(1);
    let none = Corpus::open(&job, &[], None, Io::Mmap).map(drop).unwrap_err().to_string();
    assert_eq!(none, "at least one file is needed");
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
    write(&one, Container::Stream(None), &[batch(0, 2)]);
    write(&other, Container::Stream(None), &[batch(0, 2).project(&[0, 1]).unwrap()]);
    for paths in [[one.clone(), other.clone()], [other.clone(), one.clone()]] {
        let error = Corpus::open(&job, &paths, None, Io::Mmap).map(drop).unwrap_err();
        assert!(matches!(error, Error::Schema(_)), "{error}");
    }
    let both = Corpus::open(&job, &[one, other], Some(&["t".to_owned()]), Io::Mmap).unwrap();
    assert_eq!((both.rows(), both.units(), both.file_rows().unwrap().len()), (4, 2, 2));
    assert!(both.unit_rows(2).is_err() && both.read(2, &[0], false).is_err() && both.part_of(2).is_err());
    assert_eq!((both.part_of(0).unwrap(), both.part_of(1).unwrap()), (0, 1));
}
