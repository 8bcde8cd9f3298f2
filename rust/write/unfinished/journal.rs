//! The journal of a run: which shards are finished, each in a line with a checksum of its own.
//!
//! A line is written after its shard has its name and its bytes are on the disk. What a crash tore is a line
//! whose checksum does not fit, and such a line says nothing.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::locks::lock;
use crate::io::json::{self, MAX_BYTES};
use crate::write::disk::checksum::{Crc32, sync};
use crate::write::disk::folder::Folder;
use crate::write::disk::short::read_short;
use crate::write::format::finished::FinishedShard;

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JournalEntry {
    /// A shard is finished.
    Done(FinishedShard),
    /// The output is complete, and is about to get its name. By its device and inode it is told from one that
    /// it replaced.
    Complete(u64, u64),
    /// The dataset of this device and inode is about to be replaced by the output. Where the two were exchanged, the
    /// next run knows by it what it finds in place of the output.
    Replaces(u64, u64),
}

/// An open journal.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: Mutex<File>,
}

/// The file of a journal.
pub(crate) const JOURNAL: &str = "journal";

impl Journal {
    /// Begins a journal in a folder.
    pub(crate) fn create(folder: &Folder) -> Result<Self> {
        let path = folder.at(JOURNAL);
        let file = folder.create(JOURNAL).map_err(|e| Error::io(&path, "making the journal", e))?;
        Ok(Self { path, file: Mutex::new(file) })
    }

    /// Opens the journal of a folder to be continued, with the entries that are whole.
    pub(crate) fn open(folder: &Folder) -> Result<(Self, Vec<JournalEntry>)> {
        let path = folder.at(JOURNAL);
        let bytes = read_short(folder.reader(JOURNAL), &path, MAX_BYTES, "a journal")?;
        // What follows the last line break was torn: the next line would be joined to it.
        // Proof: without a line break, no line is whole.
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        let lines = checked::get(&bytes, ..whole)?.split(|&byte| byte == b'\n');
        let mut entries = Vec::new();
        // Proof: the shard of a line that says nothing is made anew.
        for text in lines.filter_map(text_of) {
            let refuse = |what| Error::format(&path, At::File, format!("in a line, {what}"));
            json::check(text.as_bytes()).map_err(refuse)?;
            entries.extend(serde_json::from_str::<JournalEntry>(text).ok()); // Proof: as above.
        }
        let file = folder.append(JOURNAL).map_err(|e| Error::io(&path, "opening the journal", e))?;
        file.set_len(whole as u64).map_err(|e| Error::io(&path, "cutting a torn line", e))?;
        Ok((Self { path, file: Mutex::new(file) }, entries))
    }

    /// Adds a line. It is on the disk only after [`Journal::sync`].
    pub(crate) fn append(&self, entry: &JournalEntry) -> Result<()> {
        let line = line(entry)?;
        let mut file = lock(&self.file)?;
        file.write_all(line.as_bytes()).map_err(|e| Error::io(&self.path, "writing a line of the journal", e))
    }

    /// Brings all lines to the disk.
    pub(crate) fn sync(&self) -> Result<()> {
        let file = {
            let file = lock(&self.file)?;
            file.try_clone().map_err(|e| Error::io(&self.path, "opening the journal again", e))?
        };
        sync(&file, &self.path)
    }
}

fn line(entry: &JournalEntry) -> Result<String> {
    let text = serde_json::to_string(entry).map_err(|e| Error::Internal(e.to_string()))?;
    Ok(format!("{} {text}\n", Crc32::of(text.as_bytes())))
}

/// The JSON of a line whose checksum fits.
fn text_of(line: &[u8]) -> Option<&str> {
    let (sum, text) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    Some(text).filter(|text| sum == Crc32::of(text.as_bytes()).to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::write::format::finished::FileEntry;
    use proptest::prelude::*;

    fn done(shard: usize) -> JournalEntry {
        let file =
            FileEntry { name: format!("data-{shard}"), bytes: 7 * shard as u64, crc32: Crc32::of(b"x") };
        JournalEntry::Done(FinishedShard {
            shard,
            rows: 3,
            files: vec![file],
            digest: format!("{shard:016x}"),
            indices: "0".repeat(32),
            extra: Map::new(),
        })
    }

    fn written(count: usize) -> Vec<u8> {
        (0..count).flat_map(|shard| line(&done(shard)).unwrap().into_bytes()).collect()
    }

    #[test]
    fn a_journal_is_read_as_it_was_written_and_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let journal = Journal::create(&folder).unwrap();
        journal.append(&done(0)).unwrap();
        journal.append(&JournalEntry::Complete(1, 2)).unwrap();
        journal.sync().unwrap();
        let (journal, entries) = Journal::open(&folder).unwrap();
        assert_eq!(entries, [done(0), JournalEntry::Complete(1, 2)]);
        journal.append(&done(1)).unwrap();
        assert_eq!(Journal::open(&folder).unwrap().1, [done(0), JournalEntry::Complete(1, 2), done(1)]);
    }

    #[test]
    fn a_journal_beyond_the_limits_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let refused = || Journal::open(&folder).unwrap_err().to_string();
        std::fs::File::create(folder.at(JOURNAL)).unwrap().set_len(MAX_BYTES + 1).unwrap();
        let said = refused();
        for part in ["journal: it has 67108865 bytes", "at most 67108864"] {
            assert!(said.contains(part), "{said}");
        }
        let deep = "[".repeat(200);
        std::fs::write(folder.at(JOURNAL), format!("{deep}\n")).unwrap();
        assert_eq!(Journal::open(&folder).unwrap().1, []);
        std::fs::write(folder.at(JOURNAL), format!("{} {deep}\n", Crc32::of(deep.as_bytes()))).unwrap();
        assert!(refused().contains("deeper in each other than 100"), "{}", refused());
    }

    proptest! {
        /// Cut anywhere, a journal has the lines before the cut, and what is added then is read again.
        #[test]
        fn a_torn_line_is_ignored(count in 0usize..5, cut in 0usize..2000) {
            let whole = written(count);
            let cut = cut.min(whole.len());
            let dir = tempfile::tempdir().unwrap();
            let folder = Folder::open(dir.path()).unwrap();
            std::fs::write(folder.at(JOURNAL), &whole[..cut]).unwrap();
            let lines = String::from_utf8_lossy(&whole[..cut]).matches('\n').count();
            let mut expected: Vec<_> = (0..lines).map(done).collect();
            let (journal, entries) = Journal::open(&folder).unwrap();
            prop_assert_eq!(&entries, &expected);
            journal.append(&done(9)).unwrap();
            expected.push(done(9));
            prop_assert_eq!(Journal::open(&folder).unwrap().1, expected);
        }

        /// A line with a wrong byte is ignored, and those around it are not.
        #[test]
        fn a_line_with_a_wrong_byte_is_ignored(at in 0usize..10_000, bit in 0u8..8) {
            let mut bytes = written(3);
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            let dir = tempfile::tempdir().unwrap();
            let folder = Folder::open(dir.path()).unwrap();
            std::fs::write(folder.at(JOURNAL), &bytes).unwrap();
            let (_, entries) = Journal::open(&folder).unwrap();
            prop_assert!(entries.len() < 3);
            prop_assert!(entries.iter().all(|entry| (0..3).any(|shard| *entry == done(shard))));
        }
    }
}
