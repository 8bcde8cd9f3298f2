//! What is told of finished shards: the manifest, and the files that readers of the directory open first.

use super::prepared::Prepared;
use crate::checked;
use crate::error::Result;
use crate::write::disk::folder::Folder;
use crate::write::format::encoder::Encoder;
use crate::write::format::finished::FinishedShard;
use crate::write::format::reopen::ReopenCheck;
use crate::write::format::shard_names::CARD;
use crate::write::format::tokens::name_of_dtype;
use crate::write::manifest::{self, Manifest, fingerprint};

/// The files beside the shards of an output, and what they tell.
pub(crate) struct Beside {
    /// Names and texts, in the order in which they are written: the last of them makes a dataset of the directory.
    pub(crate) files: Vec<(String, String)>,
    /// Rows of all shards.
    pub(crate) rows: u64,
    /// Bytes of all shards.
    pub(crate) bytes: u64,
    /// A digest of the bytes of all shards.
    pub(crate) fingerprint: String,
}

impl Beside {
    /// Of all shards of an output, in their order.
    pub(crate) fn of<E: Encoder>(prepared: &Prepared, encoder: &E, done: &[FinishedShard]) -> Result<Self> {
        let options = &prepared.options;
        let rows = done.iter().try_fold(0, |rows, shard| checked::add(rows, shard.rows))?;
        let mut bytes = done.iter().flat_map(|shard| &shard.files).map(|file| file.bytes);
        let bytes = bytes.try_fold(0, checked::add)?;
        let fingerprint = fingerprint(done.iter().map(|shard| shard.digest.as_str()));
        let mut files = encoder.companions(&fingerprint, done)?;
        if let Some((before, behind)) = &options.card {
            files.insert(0, (CARD.to_owned(), format!("{before}{bytes}{behind}")));
        }
        let manifest = Manifest::new(
            options.format.name(),
            options.token_dtype.as_ref().map(name_of_dtype),
            &fingerprint,
            &options.selection,
            &prepared.sources_from_output()?,
            done,
            &files,
        );
        // Proof: where there is none, the manifest is the only one.
        files.insert(files.len().saturating_sub(1), (manifest::NAME.to_owned(), manifest.text()?));
        Ok(Self { files, rows, bytes, fingerprint })
    }
}

impl Prepared {
    /// What looks at an output that lies in a folder as its readers do.
    pub(crate) fn reopen_check(&self, folder: &Folder, shards: &[FinishedShard]) -> ReopenCheck {
        ReopenCheck {
            format: self.options.format,
            release: self.options.release,
            folder: folder.path().to_path_buf(),
            schema: self.schema.clone(),
            shards: shards.to_vec(),
        }
    }
}
