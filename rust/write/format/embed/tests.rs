//! Files that columns name: where in a column (`place`), their bytes put beside their names (`values`), and rows of
//! few enough bytes with their files in them (`columns`, `file`).

use std::fs::{self, File};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, FixedSizeListArray, Int8Array, ListArray, StringArray, StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, FieldRef};
use arrow::record_batch::RecordBatch;
use serde_json::{Map, Value, json};

use super::Files;
use super::file::{read as read_file, size_of};
use super::place::MediaPath;
use super::values::embedded;
use crate::error::{Error, Result};
use crate::exec::job::Job;
use crate::gather::Corpus;

/// Bytes and path of a file, as a column has them.
type StoredFile<'a> = (Option<&'a [u8]>, Option<&'a str>);

fn files(rows: &[StoredFile<'_>], nulls: Option<Vec<bool>>) -> StructArray {
    let fields = vec![Field::new("bytes", DataType::Binary, true), Field::new("path", DataType::Utf8, true)];
    let bytes: BinaryArray = rows.iter().map(|(bytes, _)| *bytes).collect();
    let paths: StringArray = rows.iter().map(|(_, path)| *path).collect();
    StructArray::new(fields.into(), vec![Arc::new(bytes), Arc::new(paths)], nulls.map(NullBuffer::from))
}

/// What a column becomes where the contents of a file are its row and its name, and which files were read.
fn read(column: &ArrayRef, place: &MediaPath) -> Result<(ArrayRef, Vec<(usize, String)>)> {
    let mut asked = Vec::new();
    let mut reader = |row: usize, path: &str| {
        asked.push((row, path.to_owned()));
        Ok(format!("{row}:{path}").into_bytes())
    };
    let found = embedded(column, place, &Some, &mut reader)?;
    Ok((found, asked))
}

fn stored(files: &StructArray) -> Vec<Option<(Option<String>, Option<String>)>> {
    let (bytes, paths) = (files.column(0).as_binary::<i32>(), files.column(1).as_string::<i32>());
    let one = |row: usize| {
        let bytes = bytes.is_valid(row).then(|| String::from_utf8(bytes.value(row).to_vec()).unwrap());
        (bytes, paths.is_valid(row).then(|| paths.value(row).to_owned()))
    };
    (0..files.len()).map(|row| files.is_valid(row).then(|| one(row))).collect()
}

#[allow(clippy::unnecessary_wraps)] // a value of a column, which may be null
fn some(bytes: &str, path: &str) -> Option<(Option<String>, Option<String>)> {
    Some((Some(bytes.to_owned()), Some(path.to_owned())))
}

fn item(column: &ArrayRef) -> FieldRef {
    Arc::new(Field::new("item", column.data_type().clone(), true))
}

fn items(place: MediaPath) -> MediaPath {
    MediaPath::Items(Box::new(place))
}

#[test]
fn features_tell_where_files_are() {
    let image = json!({"decode": true, "_type": "Image"});
    let number = json!({"dtype": "int8", "_type": "Value"});
    let list = |inner: &Value, kind: &str| json!({"feature": inner, "_type": kind});
    for (feature, place) in [
        (image.clone(), "Some(Here)"),
        (json!({"_type": "Audio"}), "Some(Here)"),
        (number.clone(), "None"),
        (json!([image]), "Some(Items(Here))"),
        (json!([[image]]), "Some(Items(Items(Here)))"),
        (json!([number]), "None"),
        (json!([]), "None"),
        (list(&image, "List"), "Some(Items(Here))"),
        (list(&image, "LargeList"), "Some(Items(Here))"),
        (list(&number, "List"), "None"),
        (json!({"a": number, "b": image}), "Some(Fields([None, Some(Here)]))"),
        (json!({"a": number}), "None"),
        // A sequence of a struct is a struct of lists.
        (list(&json!({"a": number, "b": image}), "Sequence"), "Some(Fields([None, Some(Items(Here))]))"),
        (list(&image, "Sequence"), "Some(Items(Here))"),
        (json!({"_type": image}), "Some(Fields([Some(Here)]))"),
        (json!({"_type": "Unheard"}), "None"),
        (json!("Image"), "None"),
    ] {
        assert_eq!(format!("{:?}", MediaPath::of(&feature)), place, "{feature}");
    }
}

#[test]
fn bytes_that_are_not_there_are_read_and_names_lose_their_folders() {
    let rows: [StoredFile<'_>; 5] = [
        (None, Some("a/b.png")),
        (Some(b"x"), Some("/c/d.png")),
        (None, None),
        (Some(b"y"), None),
        (None, Some("e")),
    ];
    let column: ArrayRef = Arc::new(files(&rows, Some(vec![true, true, true, true, false])));
    let (found, asked) = read(&column, &MediaPath::Here).unwrap();
    let expected = [
        some("0:a/b.png", "b.png"),
        some("x", "d.png"),
        Some((None, None)),
        Some((Some("y".to_owned()), None)),
        None,
    ];
    assert_eq!(stored(found.as_struct()), expected);
    assert_eq!(asked, [(0, "a/b.png".to_owned())], "nobody reads what is null");
    // With all bytes there, nothing is read, and they are not copied.
    let column: ArrayRef = Arc::new(files(&rows[1..2], None));
    let (found, asked) = read(&column, &MediaPath::Here).unwrap();
    assert_eq!((stored(found.as_struct()), asked), (vec![some("x", "d.png")], Vec::new()));
    assert!(Arc::ptr_eq(found.as_struct().column(0), column.as_struct().column(0)));
}

#[test]
fn a_file_in_lists_is_read_for_the_row_of_the_outermost() {
    let paths = ["a", "b", "c", "d", "e", "f"].map(|path| (None, Some(path)));
    let column: ArrayRef = Arc::new(files(&paths, None));
    // Rows of 1, 0, 2, 1 and 2 files, of which the fourth is null.
    let offsets = OffsetBuffer::from_lengths([1, 0, 2, 1, 2]);
    let nulls = Some(NullBuffer::from(vec![true, true, true, false, true]));
    let list = ListArray::new(item(&column), offsets, column, nulls);
    let names = |asked: Vec<(usize, String)>| {
        asked.into_iter().map(|(row, name)| format!("{row}{name}")).collect::<Vec<_>>()
    };
    let whole: ArrayRef = Arc::new(list.clone());
    let (found, asked) = read(&whole, &items(MediaPath::Here)).unwrap();
    assert_eq!(names(asked), ["0a", "2b", "2c", "4e", "4f"]);
    let found = found.as_list::<i32>();
    assert_eq!((found.value_offsets(), found.is_null(3)), (list.value_offsets(), true));
    assert_eq!(stored(found.value(2).as_struct()), [some("2:b", "b"), some("2:c", "c")]);
    let cut: ArrayRef = Arc::new(list.slice(2, 3));
    let (found, asked) = read(&cut, &items(MediaPath::Here)).unwrap();
    assert_eq!(names(asked), ["0b", "0c", "2e", "2f"]);
    assert_eq!(found.as_list::<i32>().value_offsets(), [0, 2, 3, 5]);
    // Lists of lists: two rows, of three and of two lists.
    let outer = OffsetBuffer::<i32>::from_lengths([3, 2]);
    let outer: ArrayRef = Arc::new(ListArray::new(item(&whole), outer, whole.clone(), None));
    let (_, asked) = read(&outer, &items(items(MediaPath::Here))).unwrap();
    assert_eq!(names(asked), ["0a", "0b", "0c", "1e", "1f"]);
}

#[test]
fn a_file_in_lists_of_one_length_and_in_structs_is_read_for_its_row() {
    let paths = ["a", "b", "c", "d", "e", "f"].map(|path| (None, Some(path)));
    let column: ArrayRef = Arc::new(files(&paths, None));
    let nulls = Some(NullBuffer::from(vec![true, false, true]));
    let list = FixedSizeListArray::new(item(&column), 2, column, nulls);
    for (list, expected) in [
        (list.clone(), vec![(0, "a"), (0, "b"), (2, "e"), (2, "f")]),
        (list.slice(1, 2), vec![(1, "e"), (1, "f")]),
    ] {
        let list: ArrayRef = Arc::new(list);
        let numbers: ArrayRef = Arc::new(Int8Array::from_iter_values((0..).take(list.len())));
        let fields =
            vec![Field::new("n", DataType::Int8, true), Field::new("l", list.data_type().clone(), true)];
        let group: ArrayRef = Arc::new(StructArray::new(fields.into(), vec![numbers.clone(), list], None));
        let place = MediaPath::Fields(vec![None, Some(items(MediaPath::Here))]);
        let (found, asked) = read(&group, &place).unwrap();
        let asked: Vec<_> = asked.iter().map(|(row, name)| (*row, name.as_str())).collect();
        assert_eq!(asked, expected);
        assert_eq!((found.data_type(), found.as_struct().column(0)), (group.data_type(), &numbers));
    }
    let hidden = StructArray::new(
        vec![Field::new("f", files(&paths, None).data_type().clone(), true)].into(),
        vec![Arc::new(files(&paths, None))],
        Some(NullBuffer::from(vec![false, true, false, false, false, false])),
    );
    let hidden: ArrayRef = Arc::new(hidden);
    let (_, asked) = read(&hidden, &MediaPath::Fields(vec![Some(MediaPath::Here)])).unwrap();
    assert_eq!(asked, [(1, "b".to_owned())]);
}

#[test]
fn columns_that_name_no_files_and_files_that_cannot_be_read_are_errors() {
    let numbers: ArrayRef = Arc::new(Int8Array::from(vec![1]));
    for place in [MediaPath::Here, items(MediaPath::Here), MediaPath::Fields(vec![None])] {
        let error = read(&numbers, &place).unwrap_err();
        assert!(matches!(&error, Error::Internal(said) if said.contains("Int8 names no files")), "{error}");
    }
    let other = StructArray::new(
        vec![Field::new("a", DataType::Int8, true), Field::new("b", DataType::Int8, true)].into(),
        vec![numbers.clone(), numbers],
        None,
    );
    let other: ArrayRef = Arc::new(other);
    assert!(matches!(read(&other, &MediaPath::Here), Err(Error::Internal(_))));
    let column: ArrayRef = Arc::new(files(&[(None, Some("a"))], None));
    let mut fails = |row: usize, path: &str| Err(Error::Value(format!("{path} of {row}")));
    let error = embedded(&column, &MediaPath::Here, &Some, &mut fails).unwrap_err();
    assert_eq!(error.to_string(), "a of 0");
}

/// Files of so many bytes in a folder, which take no room on the disk, and their paths.
fn files_of(folder: &Path, sizes: &[u64]) -> Vec<String> {
    let make = |(number, &size): (usize, &u64)| {
        let path = folder.join(format!("{number}.png"));
        File::create(&path).unwrap().set_len(size).unwrap();
        path.to_str().unwrap().to_owned()
    };
    sizes.iter().enumerate().map(make).collect()
}

/// A column that names files.
fn named(paths: &[String]) -> ArrayRef {
    Arc::new(files(&paths.iter().map(|path| (None, Some(path.as_str()))).collect::<Vec<_>>(), None))
}

fn image() -> Value {
    json!({"_type": "Image"})
}

/// The columns of a batch that name files, as features have them.
fn of(features: &[(&str, Value)]) -> Files {
    let features: Map<String, Value> =
        features.iter().map(|(name, feature)| ((*name).to_owned(), feature.clone())).collect();
    Files::of(&features)
}

#[test]
fn columns_that_name_files_are_known_by_their_features() {
    let number = json!({"dtype": "int8", "_type": "Value"});
    let found = of(&[("a", number.clone()), ("b", image()), ("c", json!([number])), ("d", json!([image()]))]);
    assert_eq!((found.names(), found.is_empty()), (vec!["b".to_owned(), "d".to_owned()], false));
    assert!(of(&[]).is_empty() && of(&[("a", number)]).is_empty());
}

/// Runs as a walk over the rows finds them: one ends where the next row would make more than so many bytes.
fn runs_by_hand(sizes: &[u64]) -> Vec<Range<usize>> {
    let (mut runs, mut bytes) = (Vec::new(), 0);
    runs.push(0..0);
    for (row, size) in sizes.iter().enumerate() {
        let last = runs.len() - 1;
        if !runs[last].is_empty() && bytes + size > 256 << 20 {
            runs.push(row..row + 1);
            bytes = *size;
        } else {
            runs[last].end = row + 1;
            bytes += size;
        }
    }
    runs
}

#[test]
fn rows_are_cut_where_their_files_are_more_than_a_batch_has() {
    let folder = tempfile::tempdir().unwrap();
    let mega = 1_u64 << 20;
    for sizes in [
        &[][..],
        &[0],
        &[300 * mega],
        &[128 * mega, 128 * mega],
        &[128 * mega, 128 * mega + 1],
        &[128 * mega, 128 * mega, 0, 1, 255 * mega, mega],
        &[1, 300 * mega, 1, 1],
        &[300 * mega, 300 * mega, 300 * mega],
        &[100 * mega; 7],
    ] {
        let paths = files_of(folder.path(), sizes);
        let batch = RecordBatch::try_from_iter([("f", named(&paths))]).unwrap();
        assert_eq!(of(&[("f", image())]).runs(&batch, 0).unwrap(), runs_by_hand(sizes), "{sizes:?}");
        // The files of two columns are those of one row.
        let batch = RecordBatch::try_from_iter([("f", named(&paths)), ("g", named(&paths))]).unwrap();
        let doubled: Vec<u64> = sizes.iter().map(|size| 2 * size).collect();
        let both = of(&[("f", image()), ("g", image())]);
        assert_eq!(both.runs(&batch, 0).unwrap(), runs_by_hand(&doubled), "{sizes:?}");
    }
    let rows: ArrayRef = Arc::new(Int8Array::from(vec![1; 5]));
    let batch = RecordBatch::try_from_iter([("n", rows)]).unwrap();
    assert_eq!(of(&[]).runs(&batch, 0).unwrap(), vec![0..5]);
}

#[test]
fn a_batch_has_its_files_in_it_and_a_file_that_is_none_is_named_by_its_row() {
    let folder = tempfile::tempdir().unwrap();
    let paths = files_of(folder.path(), &[0, 0, 0]);
    for (number, path) in paths.iter().enumerate() {
        fs::write(path, format!("file {number}")).unwrap();
    }
    let numbers: ArrayRef = Arc::new(Int8Array::from(vec![1, 2, 3]));
    let columns = [("f", named(&paths)), ("n", numbers.clone())];
    let batch = RecordBatch::try_from_iter_with_nullable(columns.map(|(name, c)| (name, c, true))).unwrap();
    let images = of(&[("f", image()), ("n", json!({"_type": "Value"}))]);
    let (found, count) = images.embed(&batch, 10).unwrap();
    let expected = [some("file 0", "0.png"), some("file 1", "1.png"), some("file 2", "2.png")];
    assert_eq!((stored(found.column(0).as_struct()).as_slice(), count), (&expected[..], 3));
    assert_eq!((found.column(1), found.schema()), (&numbers, batch.schema()));
    // What has its bytes is as it was.
    assert_eq!(images.embed(&found, 0).unwrap(), (found.clone(), 0));
    fs::remove_file(&paths[1]).unwrap();
    let said = |error: Error| {
        let error = error.to_string();
        assert!(error.contains(r#"column "f" in row 11 of the output"#), "{error}");
    };
    said(images.embed(&batch, 10).unwrap_err());
    said(images.runs(&batch, 10).unwrap_err());
    said(images.embed(&batch.slice(1, 1), 11).unwrap_err());
    images.embed(&batch.slice(2, 1), 12).unwrap();
}

#[test]
fn bytes_of_a_row_are_those_of_rows_at_a_few_places() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = |sizes: &[u64]| {
        let paths = files_of(folder.path(), sizes);
        let columns =
            [("n", Arc::new(Int8Array::from(vec![0; sizes.len()])) as ArrayRef), ("f", named(&paths))];
        let batch =
            RecordBatch::try_from_iter_with_nullable(columns.map(|(name, c)| (name, c, true))).unwrap();
        let corpus = Corpus::from_batches(batch.schema(), &[batch], None).unwrap();
        let images = of(&[("n", json!({"_type": "Value"})), ("f", image())]);
        images.bytes_of_a_row(&Job::new(1), &corpus, 1 << 30).unwrap()
    };
    let mean = |sizes: &[u64]| sizes.iter().sum::<u64>() / sizes.len() as u64;
    // Of few rows, all.
    for sizes in [&[7][..], &[1, 2, 6], &[0, 0], &(0..60).map(|row| row * row).collect::<Vec<_>>()] {
        assert_eq!(bytes(sizes), mean(sizes), "{sizes:?}");
    }
    // Of 400, 16 from each quarter on.
    let sizes: Vec<u64> = (0..400).map(|row| row * row).collect();
    let looked_at: Vec<u64> = [0, 100, 200, 300].iter().flat_map(|&at| sizes[at..at + 16].to_vec()).collect();
    assert_eq!(bytes(&sizes), mean(&looked_at));
    let none: ArrayRef = Arc::new(Int8Array::from(vec![0; 9]));
    let none = RecordBatch::try_from_iter([("n", none)]).unwrap();
    let corpus = |batch: RecordBatch| Corpus::from_batches(batch.schema(), &[batch], None).unwrap();
    assert_eq!(of(&[]).bytes_of_a_row(&Job::new(1), &corpus(none), 1).unwrap(), 0);
    // A file that is not there has none, and is told of where its row is written.
    let gone = RecordBatch::try_from_iter([("f", named(&["/nonexistent/a".to_owned()]))]).unwrap();
    let images = of(&[("f", image())]);
    assert_eq!(images.bytes_of_a_row(&Job::new(1), &corpus(gone.clone()), 1).unwrap(), 0);
    assert_eq!(images.bytes_of_a_row(&Job::new(1), &corpus(gone.slice(0, 0)), 1).unwrap(), 0);
}

#[test]
fn only_files_of_this_machine_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = files_of(folder.path(), &[5]).remove(0);
    assert_eq!((size_of(&path, "c", 1).unwrap(), read_file(&path, "c", 1).unwrap()), (5, vec![0; 5]));
    let missing = folder.path().join("missing");
    for (path, said) in [
        (folder.path(), "which is not a file; leave the row out, or mend its path"),
        (Path::new("hf://datasets/a/b.png"), "only files of this machine are taken in"),
        (&missing, "reading the file of column \"c\""),
    ] {
        let path = path.to_str().unwrap();
        for refused in [size_of(path, "c", 77).map(drop), read_file(path, "c", 77).map(drop)] {
            let error = refused.unwrap_err().to_string();
            let told = [said, path, "\"c\"", "row 77 of the output"].iter().all(|told| error.contains(told));
            assert!(told, "{error}");
        }
    }
}
