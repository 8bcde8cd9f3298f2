//! The last steps of a shard, once its bytes are written: it is brought to the disk, counted, given its name, and
//! noted in the journal.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::background::Wanted;
use super::checksum::sync;
use super::encoder::Encoder;
use super::journal::Done;
use super::rename::sync_folder;
use super::stage::Log;
use crate::checked::{self, impossible};
use crate::error::{At, Error, Result};
use crate::locks::lock;

/// The last steps of a shard.
pub(super) struct Settle<E> {
    pub(super) encoder: Arc<E>,
    pub(super) folder: PathBuf,
    pub(super) wanted: Wanted,
    pub(super) log: Log,
    /// The shards that are on the disk.
    pub(super) all: Arc<Mutex<Vec<Done>>>,
}

impl<E: Encoder> Settle<E> {
    /// Takes them, or removes the files.
    pub(super) fn shard(&self, done: Done, parts: Vec<(PathBuf, Arc<File>)>) -> Result<()> {
        let settled = self.settle(&done, &parts);
        if settled.is_err() {
            // After a sync that failed nobody knows what is on the disk: the shard is made anew another time.
            for (path, _) in &parts {
                let _ =
                    self.wanted.step(|| fs::remove_file(path).map_err(|e| Error::io(path, "removing", e)));
            }
        }
        settled
    }

    fn settle(&self, done: &Done, parts: &[(PathBuf, Arc<File>)]) -> Result<()> {
        for (path, file) in parts {
            sync(file, path)?;
        }
        let (first, _) = parts.first().ok_or_else(|| impossible("a shard has no file"))?;
        let rows = self.encoder.count_rows(first)?;
        if rows != done.rows {
            let message = format!("{} rows were written and {rows} are there", done.rows);
            return Err(Error::format(first, At::File, message));
        }
        self.wanted.step(|| {
            for ((part, _), file) in checked::zip(parts, &done.files)? {
                let path = self.folder.join(&file.name);
                fs::rename(part, &path)
                    .map_err(|e| Error::io(&path, "giving a finished shard its name", e))?;
            }
            Ok(())
        })?;
        sync_folder(first.parent().ok_or_else(|| impossible("a shard lies in no folder"))?)?;
        self.wanted.step(|| self.log.append(done.clone()))?;
        self.log.sync()?;
        lock(&self.all)?.push(done.clone());
        Ok(())
    }
}
