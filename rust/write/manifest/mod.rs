//! `dsdm.json`: what an output was made of, and what it consists of.
//!
//! It depends on the rows, their sources and the options alone: no times of the run, no number of threads.

pub(crate) mod located;
pub(crate) mod schema;
pub(crate) mod verify;
use std::ops::RangeInclusive;
use std::path::Path;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use twox_hash::XxHash3_64;

use super::disk::checksum::Crc32;
use crate::error::{At, Error, Result};
use crate::io::identity::FileIdentity;
use crate::io::json;
use crate::write::format::finished::{FileEntry, FinishedShard};

/// The file.
pub(super) const NAME: &str = "dsdm.json";
/// The version of its layout.
const VERSION: u32 = 2;
/// The versions that are read. The first tells no digests of shards.
const READ: RangeInclusive<u32> = 1..=VERSION;

/// The contents of `dsdm.json`, in the order in which they are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// The version of this crate.
    pub(super) dsdm: String,
    /// The version of the layout of this file.
    #[serde(rename = "manifest")]
    pub(super) version: u32,
    /// The name of the format.
    pub(super) format: String,
    /// The type of the tokens, where they are in files of tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) token_dtype: Option<String>,
    pub(super) rows: u64,
    pub(super) fingerprint: String,
    /// Which rows, in what order, and how they were chosen where that is known.
    pub(super) selection: Map<String, Value>,
    /// The files that the rows come from.
    pub(super) sources: Vec<FileIdentity>,
    pub(super) shards: Vec<ShardRecord>,
    /// The other files.
    pub(super) files: Vec<FileEntry>,
}

/// A shard as the manifest has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ShardRecord {
    pub(super) rows: u64,
    /// The digest of the numbers of its rows, in the order in which they are written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) indices: Option<String>,
    /// The digest of its bytes, which the fingerprint is made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) digest: Option<String>,
    /// The first of them holds the rows.
    pub(super) files: Vec<FileEntry>,
}

impl ShardRecord {
    fn of(shard: &FinishedShard) -> Self {
        let (indices, digest) = (Some(shard.indices.clone()), Some(shard.digest.clone()));
        Self { rows: shard.rows, indices, digest, files: shard.files.clone() }
    }
}

/// The fingerprint of shards with these digests.
pub(super) fn fingerprint<'d>(digests: impl Iterator<Item = &'d str>) -> String {
    format!("{:016x}", XxHash3_64::oneshot(digests.collect::<String>().as_bytes()))
}

/// The text of a file, with a checksum of its own.
#[derive(Serialize)]
struct Sealed {
    #[serde(flatten)]
    contents: Map<String, Value>,
    /// Of the text of the rest.
    crc32: Crc32,
}

impl Sealed {
    /// Of the bytes of a file; or what is wrong with them.
    fn read(bytes: &[u8]) -> Result<Self, String> {
        let value = serde_json::from_slice(bytes).map_err(|e| format!("it is no JSON: {e}"))?;
        let Value::Object(mut contents) = value else {
            return Err("it holds no object".to_owned());
        };
        let sum = match contents.shift_remove("crc32") {
            Some(Value::String(sum)) => sum,
            Some(_) => return Err("its crc32 is no text".to_owned()),
            None => return Err("its crc32 is missing".to_owned()),
        };
        // Of other keys the last value counts, as the checksum is that of what it is read as.
        if serde_json::from_slice::<OneSum>(bytes).is_err() {
            return Err("its crc32 is there twice".to_owned());
        }
        Ok(Self { contents, crc32: Crc32::try_from(sum)? })
    }
}

/// Fails where the checksum is there twice.
#[derive(Deserialize)]
struct OneSum {
    #[serde(rename = "crc32")]
    _crc32: IgnoredAny,
}

impl Manifest {
    pub(super) fn new(
        format: &str,
        token_dtype: Option<String>,
        fingerprint: &str,
        selection: &Map<String, Value>,
        sources: &[FileIdentity],
        shards: &[FinishedShard],
        companions: &[(String, String)],
    ) -> Self {
        let files = companions.iter().map(|(name, text)| FileEntry {
            name: name.clone(),
            bytes: text.len() as u64,
            crc32: Crc32::of(text.as_bytes()),
        });
        Self {
            dsdm: env!("CARGO_PKG_VERSION").to_owned(),
            version: VERSION,
            format: format.to_owned(),
            token_dtype,
            rows: shards.iter().map(|shard| shard.rows).sum(),
            fingerprint: fingerprint.to_owned(),
            selection: selection.clone(),
            sources: sources.to_vec(),
            shards: shards.iter().map(ShardRecord::of).collect(),
            files: files.collect(),
        }
    }

    /// The text of the file.
    pub(super) fn text(&self) -> Result<String> {
        let internal = |e: serde_json::Error| Error::Internal(e.to_string());
        let Value::Object(contents) = serde_json::to_value(self).map_err(internal)? else {
            return Err(Error::Internal("a manifest is an object".to_owned()));
        };
        sealed(contents)
    }

    /// Reads and checks the manifest of a folder.
    ///
    /// # Errors
    /// There is none, its checksum does not fit, or a newer version wrote it.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(NAME);
        let broken = |what: String| format!("this is no manifest of dsdm: {what}; it was damaged or edited");
        let bytes = json::bytes_of(&path).map_err(|error| match error {
            Error::Io { path, source, .. } => {
                Error::io(path, "opening the manifest, which is in every directory that dsdm writes", source)
            }
            other => other,
        })?;
        let sealed = Sealed::read(&bytes).map_err(|what| Error::format(&path, At::File, broken(what)))?;
        let found = seal(&sealed.contents)?;
        if found != sealed.crc32 {
            let message = format!(
                "the manifest has the checksum {found} and says {}; it was damaged or edited: write the dataset again",
                sealed.crc32
            );
            return Err(Error::checksum(&path, At::File, message));
        }
        let version = sealed.contents.get("manifest").and_then(Value::as_u64);
        let known = version.and_then(|version| u32::try_from(version).ok()).filter(|v| READ.contains(v));
        let Some(known) = known else {
            let version =
                version.map_or_else(|| "no version".to_owned(), |version| format!("version {version}"));
            let (first, last) = (READ.start(), READ.end());
            let message = format!(
                "it has {version} and this dsdm reads versions {first} to {last}; use the dsdm that wrote it"
            );
            return Err(Error::format(&path, At::Field("manifest".to_owned()), message));
        };
        schema::check(&sealed.contents, known)
            .map_err(|(field, message)| Error::format(&path, At::Field(field), message))?;
        let read = serde_json::from_value(Value::Object(sealed.contents));
        read.map_err(|e| Error::format(&path, At::File, broken(e.to_string())))
    }

    /// Fails where the fingerprint is not that of the shards' digests, which the first layout does not tell.
    fn check_fingerprint(&self, folder: &Path) -> Result<()> {
        // Proof: shards without a digest are those of the first layout.
        let found = fingerprint(self.shards.iter().filter_map(|shard| shard.digest.as_deref()));
        if self.version == 1 || found == self.fingerprint {
            return Ok(());
        }
        let told = &self.fingerprint;
        let message =
            format!("it is {told:?}, and the digests of the shards make {found:?}; write the dataset again");
        Err(Error::checksum(folder.join(NAME), At::Field("fingerprint".to_owned()), message))
    }
}

/// The text of a manifest that says this.
pub(super) fn sealed(contents: Map<String, Value>) -> Result<String> {
    let crc32 = seal(&contents)?;
    serde_json::to_string_pretty(&Sealed { contents, crc32 }).map_err(|e| Error::Internal(e.to_string()))
}

/// The checksum of the contents in the one spelling that does not depend on spaces.
fn seal(contents: &Map<String, Value>) -> Result<Crc32> {
    let text = serde_json::to_string(contents).map_err(|e| Error::Internal(e.to_string()))?;
    Ok(Crc32::of(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use serde_json::json;

    fn manifest() -> Manifest {
        let file = FileEntry { name: "data-00000-of-00001.arrow".into(), bytes: 9, crc32: Crc32::of(b"a") };
        let (digest, indices) = ("0a".repeat(8), "0b".repeat(16));
        let done = FinishedShard {
            shard: 0,
            rows: 3,
            files: vec![file],
            digest: digest.clone(),
            indices,
            extra: Map::new(),
        };
        let source = FileIdentity {
            path: "a.parquet".into(),
            bytes: 5,
            modified_ns: u64::MAX,
            rows: Some(3),
            ends: Some("0f".repeat(16)),
            here: None,
        };
        let Value::Object(selection) = json!({"rows": 3, "seed": u64::MAX, "temperature": 0.1}) else {
            panic!("an object")
        };
        Manifest::new(
            "arrow",
            None,
            &fingerprint([digest.as_str()].into_iter()),
            &selection,
            &[source],
            &[done],
            &[("state.json".into(), "{}".into())],
        )
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(NAME), manifest().text().unwrap()).unwrap();
        assert_eq!(Manifest::read(dir.path()).unwrap(), manifest());
    }

    #[test]
    fn a_flipped_bit_anywhere_in_what_is_said_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let text = manifest().text().unwrap().into_bytes();
        for at in 0..text.len() {
            let mut bytes = text.clone();
            bytes[at] ^= 1;
            fs::write(dir.path().join(NAME), &bytes).unwrap();
            // Spaces between values say nothing; a changed one is damage if it is no longer a space.
            assert!(Manifest::read(dir.path()).is_err(), "byte {at}: {}", String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn sources_of_older_manifests_have_no_rows_and_no_digest() {
        let old: FileIdentity =
            serde_json::from_value(json!({"path": "a", "bytes": 5, "modified_ns": 7})).unwrap();
        assert_eq!((old.rows, &old.ends), (None, &None));
        assert_eq!(serde_json::to_value(&old).unwrap(), json!({"path": "a", "bytes": 5, "modified_ns": 7}));
    }

    #[test]
    fn another_version_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let newer = Manifest { version: 3, ..manifest() };
        fs::write(dir.path().join(NAME), newer.text().unwrap()).unwrap();
        let error = Manifest::read(dir.path()).unwrap_err().to_string();
        assert!(error.contains("version 3") && error.contains("versions 1 to 2"), "{error}");
    }
}
