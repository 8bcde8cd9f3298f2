//! A tensor and the zip that it lies in, as they were found.

use std::ops::Range;
use std::path::Path;

use super::archive::Archive;
use super::pickle::{self, PickleValue};
use super::{MAX_PICKLE, check_container, choose, parts, read, required};
use crate::checked::{self, impossible};
use crate::error::Result;
use crate::io::file::{File, Io, Storage};
use crate::scores::formats::zip::ZipEntry;
use crate::scores::options::OpenOptions;

/// An entry of the zip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// Its whole name.
    pub name: String,
    /// Its bytes of the file.
    pub bytes: Range<u64>,
}

impl StoredEntry {
    fn of(entry: &ZipEntry) -> Self {
        Self { name: entry.name.clone(), bytes: entry.payload..entry.payload + entry.size }
    }
}

/// A tensor of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// The bytes of the file from its first value to its last.
    pub bytes: Range<u64>,
    /// Its values.
    pub len: u64,
    /// From one value to the next, in values.
    pub stride: u64,
    /// Bytes of a value.
    pub width: u64,
    /// What its pickle tells of its shape.
    pub shape: Vec<i64>,
    /// The name of the entry that its storage is.
    pub storage: String,
    /// All entries of the zip.
    pub entries: Vec<StoredEntry>,
}

/// The tensor that opening a file gives; nothing for a list of single values, which are no one tensor.
///
/// # Errors
/// Those of opening it.
pub fn tensor(path: &Path, io: Io, key: Option<&str>) -> Result<Option<Tensor>> {
    let file = File::open(path, io)?;
    check_container(&file)?;
    let options = OpenOptions { key: key.map(str::to_owned), ..OpenOptions::default() };
    let (parts, _) = parts(&file, &options)?;
    if parts.iter().any(|part| matches!(part.storage, Storage::Memory(_))) {
        return Ok(None);
    }
    let archive = Archive::open(&file)?;
    let entry = required(&file, &archive, "data.pkl")?;
    let bytes = read(&file, entry, MAX_PICKLE)?;
    let (value, heap) = pickle::read(file.path(), entry.payload, &bytes)?;
    let (tensor, _) = choose::choose(&file, &heap, value, key)?;
    let shape = heap.list(tensor.size)?.iter().map(|size| match size {
        PickleValue::Int(size) => Ok(*size),
        other => Err(impossible(format_args!("{} in a shape", other.kind()))),
    });
    let part = checked::get(&parts, 0)?;
    Ok(Some(Tensor {
        bytes: part.span(&(0..part.len)).ok_or_else(|| impossible("a part that reaches beyond 2^64"))?,
        len: part.len,
        stride: part.stride,
        width: part.dtype.size() as u64,
        shape: shape.collect::<Result<_>>()?,
        storage: format!("{}/data/{}", archive.prefix, tensor.storage.key),
        entries: archive.entries().map(StoredEntry::of).collect(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_lies_in_its_storage() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/torch");
        let index = std::fs::read_to_string(folder.join("index.json")).unwrap();
        let index: serde_json::Value = serde_json::from_str(&index).unwrap();
        let files = index.as_object().unwrap().values().map(|entry| entry["file"].as_str().unwrap());
        let found = files.filter_map(|file| tensor(&folder.join(file), Io::Mmap, None).ok().flatten());
        let mut count = 0;
        for found in found {
            let lies_in = |entry: &&StoredEntry| entry.name == found.storage;
            let storage = found.entries.iter().find(lies_in).unwrap();
            assert!(storage.bytes.start <= found.bytes.start && found.bytes.end <= storage.bytes.end);
            assert_eq!(found.shape.iter().product::<i64>().unsigned_abs(), found.len);
            count += 1;
        }
        assert!(count > 0);
    }
}
