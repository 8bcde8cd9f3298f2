//! Pickles of tensors, within a zip that is as it should be and has three storages.

#![no_main]

use common::{accepted, same_by_both, written};
use dsdm::scores::fuzzing::tensor;
use dsdm::scores::{Io, OpenOptions, Scores, Source};
use libfuzzer_sys::fuzz_target;

/// Bytes of each storage: values of one byte to eight.
const STORAGES: [(&str, usize); 3] = [("0", 44), ("1", 88), ("2", 64)];

fuzz_target!(|data: &[u8]| {
    let zip = around(data);
    let path = written("tensor", &zip);
    for key in [None, Some("0"), Some("scores"), Some("model.weight")] {
        let options = OpenOptions { key: key.map(str::to_owned), ..OpenOptions::default() };
        let Some((dtype, values)) = same_by_both(&path, &options) else {
            // A tensor of more rows than are read here cannot be, in so few bytes.
            let opened = accepted(Scores::open(std::slice::from_ref(&path), &options));
            assert!(opened.is_none(), "{} rows", opened.map_or(0, |scores| scores.len()));
            continue;
        };
        // A list of single values is no one tensor.
        let Some(found) = tensor(&path, Io::Mmap, key).expect("a tensor that was read is found") else {
            continue;
        };
        let storage = found.entries.iter().find(|entry| entry.name == found.storage);
        let storage = storage.expect("the storage is there").bytes.clone();
        let inside = storage.start <= found.bytes.start && found.bytes.end <= storage.end;
        assert!(inside || found.len == 0, "values outside of their storage");
        let product = found.shape.iter().product::<i64>();
        assert_eq!((product.unsigned_abs(), values.len() as u64), (found.len, found.len * found.width));
        assert_eq!(found.width, dtype.size() as u64);
        for (row, value) in values.chunks_exact(dtype.size()).enumerate() {
            let at = (found.bytes.start + row as u64 * found.stride * found.width) as usize;
            assert_eq!(value, &zip[at..at + value.len()], "row {row}");
        }
    }
});

/// A zip as `torch.save` writes it, with this pickle.
fn around(pickle: &[u8]) -> Vec<u8> {
    let mut entries = vec![("data.pkl".to_owned(), pickle.to_vec())];
    entries.push(("byteorder".to_owned(), b"little".to_vec()));
    entries.push(("version".to_owned(), b"3\n".to_vec()));
    for (name, length) in STORAGES {
        let bytes = (0..length).map(|at| (at * 37 % 251) as u8).collect();
        entries.push((format!("data/{name}"), bytes));
    }
    let (mut zip, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in &entries {
        let name = format!("archive/{name}");
        let at = (zip.len() as u32).to_le_bytes();
        let common = common_fields(&name, bytes);
        zip.extend([b"PK\x03\x04".as_slice(), &common, name.as_bytes(), bytes].concat());
        directory.extend([b"PK\x01\x02\x14\0".as_slice(), &common, &[0; 10], &at, name.as_bytes()].concat());
    }
    let count = (entries.len() as u16).to_le_bytes();
    let (start, length) = ((zip.len() as u32).to_le_bytes(), (directory.len() as u32).to_le_bytes());
    zip.extend(directory);
    zip.extend([b"PK\x05\x06\0\0\0\0".as_slice(), &count, &count, &length, &start, &[0; 2]].concat());
    zip
}

/// What a local header and a record of the directory have alike, from the version on.
fn common_fields(name: &str, bytes: &[u8]) -> Vec<u8> {
    let size = (bytes.len() as u32).to_le_bytes();
    let (crc, name) = (crc32fast::hash(bytes).to_le_bytes(), (name.len() as u16).to_le_bytes());
    [[0x14, 0].as_slice(), &[0; 8], &crc, &size, &size, &name, &[0; 2]].concat()
}
