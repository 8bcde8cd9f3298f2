//! Values of parts (`copy`, `stored`), held against what a part says of where they lie, and hashes of files (`hashes`).

use std::path::Path;

use proptest::prelude::*;

use super::chosen::Chosen;
use super::copy::copy_values;
use super::hashes::{BLOCK, Hashes, bytes_of, hash_of};
use super::part::Part;
use super::stored::StoredVector;
use crate::error::Error;
use crate::exec::job::Job;
use crate::io::file::{File, Io, Storage};
use crate::scores::dtype::{DType, Scratch};
use crate::scores::{OpenOptions, Source};

/// Bytes of a file.
const BYTES: usize = 4096;

fn payload(seed: usize) -> Vec<u8> {
    (0..BYTES).map(|at| u8::try_from((at * 131 + seed * 57 + at / 251) % 256).unwrap()).collect()
}

/// How a part lies: its offset, stride, number of values and byte order, and where its bytes are.
type Lies = (u64, u64, u64, bool, usize);

fn lies() -> impl Strategy<Value = Lies> {
    (0..64_u64, 1..9_u64, 0..50_u64, any::<bool>(), 0..3_usize)
}

/// A file with a part of it, and the bytes of the values of that one by one.
fn part(folder: &Path, number: usize, dtype: DType, lies: Lies) -> (File, Part, Vec<Vec<u8>>) {
    let (offset, stride, len, swapped, place) = lies;
    let path = folder.join(number.to_string());
    let bytes = payload(number);
    std::fs::write(&path, &bytes).unwrap();
    let file = File::open(&path, if place == 0 { Io::Mmap } else { Io::Pread }).unwrap();
    let storage = if place == 2 { Storage::Memory(bytes.clone().into()) } else { file.storage() };
    let value = |row: u64| {
        let at = usize::try_from(offset + row * stride * dtype.size() as u64).unwrap();
        let mut value = bytes[at..at + dtype.size()].to_vec();
        if swapped {
            value.reverse();
        }
        value
    };
    let values = (0..len).map(value).collect();
    (file, Part { storage, offset, stride, len, dtype, swapped, reduced: None }, values)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn values_are_those_that_the_parts_say(
        dtype in prop::sample::select(DType::ALL.to_vec()),
        all in prop::collection::vec(lies(), 1..5),
        from in any::<prop::sample::Index>(),
        count in any::<prop::sample::Index>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let parts = all.iter().enumerate().map(|(number, lies)| part(folder.path(), number, dtype, *lies));
        let parts: Vec<_> = parts.collect();
        let values: Vec<Vec<u8>> = parts.iter().flat_map(|(_, _, values)| values.clone()).collect();
        let places: Vec<(usize, u64)> = parts.iter().enumerate().flat_map(|(number, (_, part, _))| {
            (0..part.len).map(move |row| (number, row))
        }).collect();
        let stored = StoredVector::new(parts.into_iter().map(|(file, part, _)| (file, vec![part])).collect()).unwrap();
        prop_assert_eq!((stored.len(), Source::dtype(&stored)), (values.len() as u64, dtype));
        let start = from.index(values.len() + 1);
        let rows = start..start + count.index(values.len() - start + 1);
        let range = rows.start as u64..rows.end as u64;
        let mut scratch = Scratch::default();
        let whole = values[rows.clone()].concat();
        prop_assert_eq!(stored.read(range.clone(), &mut scratch).unwrap().as_bytes(), &whole);
        let cut = stored.cut(&range).unwrap();
        prop_assert_eq!(cut.len(), rows.len() as u64);
        prop_assert_eq!(cut.read(0..cut.len(), &mut scratch).unwrap().as_bytes(), &whole);
        if let Some(all) = cut.borrow_all() {
            prop_assert_eq!(all.as_bytes(), &whole);
        }
        for (row, (file, own)) in places.iter().enumerate() {
            let expected = (folder.path().join(file.to_string()), *own);
            prop_assert_eq!(stored.file_of(row as u64).unwrap(), expected);
        }
        prop_assert!(stored.file_of(places.len() as u64).is_err());
        stored.prefetch(range).unwrap();
    }
}

#[test]
fn values_far_apart_are_read_window_by_window() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f");
    // More than a window of 64 KiB apart, and so close that several fit into one.
    let bytes: Vec<u8> = (0..700_000_u32).map(|at| u8::try_from(at % 251).unwrap()).collect();
    std::fs::write(&path, &bytes).unwrap();
    let file = File::open(&path, Io::Pread).unwrap();
    for (stride, len) in [(35_000_u64, 10_u64), (9_000, 38), (3, 100_000), (1, 349_999)] {
        let part = Part {
            storage: file.storage(),
            offset: 1,
            stride,
            len,
            dtype: DType::U16,
            swapped: false,
            reduced: None,
        };
        let mut found = vec![0; usize::try_from(2 * len).unwrap()];
        copy_values(&part, &(0..len), &mut found).unwrap();
        let at = |row: u64| usize::try_from(1 + 2 * row * stride).unwrap();
        let expected: Vec<u8> = (0..len).flat_map(|row| bytes[at(row)..at(row) + 2].to_vec()).collect();
        assert!(found == expected, "stride {stride}");
        // Without room for all of them.
        assert!(matches!(copy_values(&part, &(0..len), &mut found[2..]), Err(Error::Internal(_))));
    }
}

#[test]
fn what_no_file_has_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let good = |number, dtype| {
        let (file, part, _) = part(folder.path(), number, dtype, (0, 1, 4, false, 1));
        (file, part)
    };
    let (file, inside) = good(0, DType::F32);
    for (offset, len) in [(BYTES as u64 - 15, 4), (u64::MAX, 1), (0, u64::MAX)] {
        let part = Part { offset, len, ..inside.clone() };
        let error = StoredVector::new(vec![(file.clone(), vec![part])]).unwrap_err();
        assert!(matches!(&error, Error::Truncated(_)), "{error}");
        let said =
            format!("at byte {offset}: {len} values of float32 with stride 1 do not fit into 4096 bytes");
        assert!(error.to_string().contains(&said), "{error}");
    }
    let end = Part { offset: BYTES as u64 - 16, ..inside.clone() };
    assert_eq!(StoredVector::new(vec![(file, vec![end, inside])]).unwrap().len(), 8);
    let two = [good(1, DType::F32), good(2, DType::F64)].map(|(file, part)| (file, vec![part]));
    let said = StoredVector::new(two.to_vec()).unwrap_err().to_string();
    assert!(
        said.contains("/2: its values are float64, and those of ") && said.contains("/1 are float32;"),
        "{said}"
    );
    let said = StoredVector::new(Vec::new()).unwrap_err().to_string();
    assert_eq!(said, "no score file was given that holds a vector");
}

#[test]
fn a_slice_knows_the_rows_of_what_was_opened() {
    let folder = tempfile::tempdir().unwrap();
    let found = [3, 4].map(|number| {
        let (file, part, _) = part(folder.path(), number, DType::I16, (0, 1, 5, false, 0));
        (file, vec![part])
    });
    let stored =
        StoredVector::new(found.to_vec()).unwrap().opened_by(&OpenOptions::default(), Chosen::default());
    let cut = stored.cut(&(3..9)).unwrap().cut(&(1..5)).unwrap();
    assert_eq!(cut.origin().map(|(_, start)| start), Some(4));
    let places = (0..4).map(|row| cut.file_of(row).unwrap());
    let expected = [("3", 4), ("4", 0), ("4", 1), ("4", 2)];
    assert_eq!(places.collect::<Vec<_>>(), expected.map(|(name, row)| (folder.path().join(name), row)));
    assert!(cut.is_mapped());
}

#[test]
fn each_block_of_a_file_has_a_hash_of_its_own_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f");
    let block = usize::try_from(BLOCK).unwrap();
    for extra in [0, 1] {
        let bytes: Vec<u8> = (0..9 * block + extra).map(|at| u8::try_from(at / 7 % 256).unwrap()).collect();
        std::fs::write(&path, &bytes).unwrap();
        let file = File::open(&path, Io::Pread).unwrap();
        let hashes = Hashes::of(&file, &Job::new(2)).unwrap();
        for (number, bytes) in bytes.chunks(block).enumerate() {
            let expected = twox_hash::XxHash3_128::oneshot(bytes);
            assert_eq!(hashes.get(number as u64).unwrap(), expected, "block {number}");
            assert_eq!(hash_of(&file, number as u64).unwrap(), expected, "block {number}");
        }
        let end = 9 * BLOCK + extra as u64;
        assert_eq!(bytes_of(&file, 8).unwrap(), 8 * BLOCK..9 * BLOCK);
        assert_eq!(bytes_of(&file, 9).unwrap(), 9 * BLOCK..end);
        assert!(hashes.get(9 + extra as u64).is_err() && bytes_of(&file, 10).is_err());
    }
}
