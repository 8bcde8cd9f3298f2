//! The notes of finished units: a small file for each, which is never changed.

use std::io::ErrorKind;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{At, Error, Result};
use crate::io::json;
use crate::write::disk::checksum::Crc32;
use crate::write::disk::folder::Folder;
use crate::write::disk::short::read_short;
use crate::write::disk::synced::{sync_folder, write_synced};
use crate::write::format::finished::FinishedShard;
use crate::write::shard::finish::Notes;

/// A note is some hundred bytes long.
const MAX_BYTES: u64 = 1 << 20;

/// What a note tells, with its checksum.
#[derive(Serialize, Deserialize)]
struct Note {
    /// Of the plan, whose unit it is.
    plan: String,
    unit: FinishedShard,
    /// Of the JSON of the two before it.
    crc32: Crc32,
}

impl Note {
    fn new(plan: &str, unit: &FinishedShard) -> Result<Self> {
        let crc32 = Self::sum(plan, unit)?;
        Ok(Self { plan: plan.to_owned(), unit: unit.clone(), crc32 })
    }

    fn sum(plan: &str, unit: &FinishedShard) -> Result<Crc32> {
        let internal = |e: serde_json::Error| Error::Internal(e.to_string());
        let mut fields = Map::new();
        fields.insert("plan".to_owned(), Value::from(plan));
        fields.insert("unit".to_owned(), serde_json::to_value(unit).map_err(internal)?);
        Ok(Crc32::of(Value::Object(fields).to_string().as_bytes()))
    }
}

/// The name of the note of a unit.
pub(super) fn note_name(unit: usize) -> String {
    format!("{unit:05}.json")
}

/// The text of the note of a unit of a plan.
pub(super) fn note_of(plan: &str, unit: &FinishedShard) -> Result<String> {
    let note = Note::new(plan, unit)?;
    serde_json::to_string_pretty(&note).map_err(|e| Error::Internal(e.to_string()))
}

/// The unit that a note tells of, if it is a whole note of this plan.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn unit_of(plan: &str, text: &[u8]) -> Result<FinishedShard, String> {
    json::check(text)?;
    let note: Note = serde_json::from_slice(text).map_err(|e| format!("it is no note of a unit: {e}"))?;
    let sum = Note::sum(&note.plan, &note.unit).map_err(|e| e.to_string())?;
    if sum != note.crc32 {
        return Err(format!("it has the checksum {sum} and says {}: it was damaged or edited", note.crc32));
    }
    if note.plan != plan {
        return Err(format!("it is of the plan {}, and this is the plan {plan}", note.plan));
    }
    Ok(note.unit)
}

/// Where the units of a plan are noted.
pub(super) struct UnitNotes {
    pub(super) folder: Folder,
    pub(super) plan: String,
    pub(super) attempt: String,
}

impl Notes for UnitNotes {
    /// Notes a unit, unless it is noted already, by an attempt that made the same.
    fn append(&self, done: &FinishedShard) -> Result<()> {
        let (name, text) = (note_name(done.shard), note_of(&self.plan, done)?);
        let part = format!(".{name}.part-{}", self.attempt);
        write_synced(&self.folder, &part, text.as_bytes())?;
        let named = self.folder.link_new(&part, &self.folder, &name).or_else(|e| match e.kind() {
            ErrorKind::AlreadyExists => Err(e),
            // A file system on which files have one name.
            _ => self.folder.rename_new(part.as_ref(), &self.folder, name.as_ref()),
        });
        // Proof: it has its name, or is not needed; what is left of it is removed with the job.
        let _ = self.folder.remove_file(&part);
        match named {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => self.check_same(&name, done),
            named => named.map_err(|e| Error::io(self.folder.at(&name), "noting a finished unit", e)),
        }
    }

    fn sync(&self) -> Result<()> {
        sync_folder(&self.folder)
    }
}

impl UnitNotes {
    /// Fails where the note that is there tells of other bytes.
    fn check_same(&self, name: &str, done: &FinishedShard) -> Result<()> {
        let path = self.folder.at(name);
        let text = read_short(self.folder.reader(name), &path, MAX_BYTES, "a note of a unit")?;
        match unit_of(&self.plan, &text) {
            Ok(there) if there == *done => Ok(()),
            Ok(there) => {
                let message = format!(
                    "the unit {} is noted with the digest {}, and was made again with {}: a source or a program differs between the machines; plan the job again",
                    done.shard, there.digest, done.digest
                );
                Err(Error::checksum(path, At::File, message))
            }
            Err(what) => {
                let message = format!("{what}; remove it, and the unit is made again");
                Err(Error::format(path, At::File, message))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write::format::finished::FileEntry;

    fn unit(digest: &str) -> FinishedShard {
        let file = FileEntry { name: "data-00007".into(), bytes: 3, crc32: Crc32::of(b"abc") };
        let (digest, indices) = (digest.to_owned(), "0".repeat(32));
        FinishedShard { shard: 7, rows: 2, files: vec![file], digest, indices, extra: Map::new() }
    }

    fn notes(dir: &tempfile::TempDir, attempt: &str) -> UnitNotes {
        let folder = Folder::open(dir.path()).unwrap();
        UnitNotes { folder, plan: "p".to_owned(), attempt: attempt.to_owned() }
    }

    #[test]
    fn a_note_is_written_once_and_the_same_again_is_no_error() {
        let dir = tempfile::tempdir().unwrap();
        for attempt in ["a", "b"] {
            notes(&dir, attempt).append(&unit("one")).unwrap();
            let found: Vec<_> =
                std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
            assert_eq!(found, ["00007.json"]);
        }
        let text = std::fs::read(dir.path().join("00007.json")).unwrap();
        assert_eq!(unit_of("p", &text).unwrap(), unit("one"));
        let other = notes(&dir, "c").append(&unit("two")).unwrap_err().to_string();
        assert!(other.contains("digest one") && other.contains("with two"), "{other}");
        assert_eq!(std::fs::read(dir.path().join("00007.json")).unwrap(), text);
    }

    #[test]
    fn a_note_of_another_plan_or_with_a_changed_byte_says_nothing() {
        let text = note_of("p", &unit("one")).unwrap().into_bytes();
        assert!(unit_of("q", &text).unwrap_err().contains("of the plan p"));
        for at in 0..text.len() {
            let mut bytes = text.clone();
            bytes[at] ^= 1;
            assert!(unit_of("p", &bytes).is_err(), "byte {at}");
        }
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("00007.json"), "torn").unwrap();
        let said = notes(&dir, "a").append(&unit("one")).unwrap_err().to_string();
        assert!(said.contains("00007.json") && said.contains("remove it"), "{said}");
    }
}
