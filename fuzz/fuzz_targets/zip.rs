//! Zips that `torch.save` wrote, or that look so, held against the `zip` crate.
//!
//! Where both list an entry of a name, both must find the same bytes in it. Known differences: the crate takes the last
//! of entries of one name and reads zips with bytes before them; these are refused here.

#![no_main]

use std::io::{Cursor, Read};

use common::{accepted, same_by_both, written};
use dsdm::scores::fuzzing::{Tensor, tensor};
use dsdm::scores::{Io, OpenOptions};
use libfuzzer_sys::fuzz_target;
use zip::ZipArchive;

fuzz_target!(|data: &[u8]| {
    let path = written("tensor", data);
    for key in [None, Some("0"), Some("scores")] {
        let options = OpenOptions { key: key.map(str::to_owned), verify: true, ..OpenOptions::default() };
        let verified = same_by_both(&path, &options);
        let options = OpenOptions { verify: false, ..options };
        let values = same_by_both(&path, &options);
        assert!(verified.is_none() || verified == values, "other values once they are verified");
        let found = [Io::Mmap, Io::Pread].map(|io| tensor(&path, io, key).ok().flatten());
        assert_eq!(found[0], found[1], "another tensor is found by position");
        if let (Some(found), Some((_, bytes))) = (&found[0], &values) {
            check_place(data, found, bytes);
            check_entries(data, found);
        }
    }
    accepted(dsdm::scores::Scores::open(&[path], &OpenOptions::default()));
});

/// The values lie within their storage, and it in the file; there are as many as the shape says.
fn check_place(data: &[u8], found: &Tensor, values: &[u8]) {
    let storage =
        found.entries.iter().find(|entry| entry.name == found.storage).expect("the storage is there");
    assert!(storage.bytes.end <= data.len() as u64, "a storage outside of the file");
    let inside = storage.bytes.start <= found.bytes.start && found.bytes.end <= storage.bytes.end;
    assert!(inside || found.len == 0, "values outside of their storage");
    let product =
        found.shape.iter().try_fold(1, |all: u64, size| all.checked_mul(u64::try_from(*size).ok()?));
    assert_eq!(product, Some(found.len), "the shape");
    let (start, step) = (found.bytes.start as usize, (found.stride * found.width) as usize);
    for (row, value) in values.chunks_exact(found.width as usize).enumerate() {
        let at = start + row * step;
        let stored = &data[at..at + value.len()];
        let swapped = stored.iter().rev();
        assert!(value == stored || value.iter().eq(swapped), "row {row}");
    }
}

/// Each entry has the bytes that the crate finds in it.
fn check_entries(data: &[u8], found: &Tensor) {
    let Ok(mut archive) = ZipArchive::new(Cursor::new(data)) else { return };
    for entry in &found.entries {
        let Ok(mut theirs) = archive.by_name(&entry.name) else { continue };
        let mut bytes = Vec::new();
        // Its checksum may not fit, which `verify` looks at here.
        let _ = theirs.read_to_end(&mut bytes);
        let ours = &data[entry.bytes.start as usize..entry.bytes.end as usize];
        assert!(ours.starts_with(&bytes), "the entry {:?}", entry.name);
        assert_eq!(theirs.size(), ours.len() as u64, "the size of the entry {:?}", entry.name);
    }
}
