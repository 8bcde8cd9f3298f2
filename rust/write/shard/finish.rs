//! The last steps of a shard, once its bytes are written: it is brought to the disk, counted, given its name, and
//! noted as finished.

use std::collections::BTreeSet;
use std::fs::File;
use std::sync::{Arc, Mutex};

use crate::checked::{self, impossible};
use crate::error::{At, Error, Result};
use crate::exec::locks::lock;
use crate::write::disk::checksum::sync;
use crate::write::disk::folder::Folder;
use crate::write::disk::sync_thread::CancelToken;
use crate::write::disk::synced::sync_folder;
use crate::write::format::encoder::Encoder;
use crate::write::format::finished::FinishedShard;

/// Where it is noted which shards are finished, from any thread.
pub(crate) trait Notes: Send + Sync {
    /// Notes a shard, whose files have their names and are on the disk.
    fn append(&self, done: &FinishedShard) -> Result<()>;

    /// Brings the notes to the disk.
    fn sync(&self) -> Result<()>;
}

/// A file of a shard, which was written under another name than it is to have.
pub(crate) struct ShardFile {
    pub(crate) name: String,
    pub(crate) file: Arc<File>,
}

/// The last steps of a shard.
pub(crate) struct FinishShard<E> {
    pub(crate) encoder: Arc<E>,
    pub(crate) folder: Folder,
    pub(crate) wanted: CancelToken,
    pub(crate) notes: Arc<dyn Notes>,
    /// The shards that are on the disk.
    pub(crate) all: Arc<Mutex<Vec<FinishedShard>>>,
}

impl<E: Encoder> FinishShard<E> {
    /// Takes them, or removes the files.
    pub(crate) fn shard(&self, done: FinishedShard, parts: Vec<ShardFile>) -> Result<()> {
        let settled = self.settle(&done, &parts);
        if settled.is_err() {
            // After a sync that failed nobody knows what is on the disk: the shard is made anew another time.
            for ShardFile { name, .. } in &parts {
                let _ = self.wanted.step(|| {
                    let removed = self.folder.remove_file(name);
                    removed.map_err(|e| Error::io(self.folder.at(name), "removing", e))
                });
            }
        }
        settled
    }

    fn settle(&self, done: &FinishedShard, parts: &[ShardFile]) -> Result<()> {
        for ShardFile { name, file } in parts {
            sync(file, &self.folder.at(name))?;
        }
        let first = parts.first().ok_or_else(|| impossible("a shard has no file"))?;
        let first = self.folder.at(&first.name);
        let rows = self.encoder.count_rows(&first)?;
        if rows != done.rows {
            let message = format!("{} rows were written and {rows} are there", done.rows);
            return Err(Error::format(first, At::File, message));
        }
        self.wanted.step(|| {
            for (part, file) in checked::zip(parts, &done.files)? {
                let named = self.folder.rename_file(&part.name, &file.name);
                named.map_err(|e| {
                    Error::io(self.folder.at(&file.name), "giving a finished shard its name", e)
                })?;
            }
            Ok(())
        })?;
        self.sync_names(done)?;
        self.wanted.step(|| self.notes.append(done))?;
        self.notes.sync()?;
        lock(&self.all)?.push(done.clone());
        Ok(())
    }

    /// Brings the names of a shard's files to the disk.
    fn sync_names(&self, done: &FinishedShard) -> Result<()> {
        let folders: BTreeSet<_> =
            done.files.iter().map(|file| file.name.rsplit_once('/').map(|(folder, _)| folder)).collect();
        for folder in folders {
            match folder {
                None => sync_folder(&self.folder)?,
                Some(name) => {
                    let opened = self.folder.sub(name);
                    sync_folder(&opened.map_err(|e| Error::io(self.folder.at(name), "opening", e))?)?;
                }
            }
        }
        Ok(())
    }
}
