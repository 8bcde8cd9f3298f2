//! A file of a corpus, opened by what its first bytes say.

use std::path::Path;
use std::sync::Arc;

use super::arrow::ArrowPart;
use super::parquet::ParquetPart;
use super::part::CorpusPart;
use crate::error::{At, Error, Result};
use crate::io::file::{File, Io};
use crate::io::read_at::ReadAt;
use crate::io::sniff::{FileType, HEAD, Head, known, not_rows};

/// Opens one file, by what its first bytes say.
pub(crate) fn open_part(path: &Path, io: Io) -> Result<Arc<dyn CorpusPart>> {
    let file = File::open(path, io)?;
    let size = file.size();
    let len = usize::try_from(size.min(HEAD)).map_err(|_| Error::Internal(format!("{HEAD} bytes")))?;
    // Read, and not looked at in the map: that has the system read megabytes around it.
    let bytes = file.opened().read_at(0, len)?;
    if bytes.is_empty() {
        return Err(Error::truncated(path, At::File, "the file has 0 bytes; copy or download it again"));
    }
    let head = Head { bytes: &bytes, size };
    let changed = |error: Error| error.unless_changed(|| file.opened().check_unchanged());
    match known(head) {
        Some(format) => match format.file_type {
            FileType::Parquet => Ok(Arc::new(ParquetPart::open(file.clone()).map_err(changed)?)),
            FileType::Arrow => Ok(Arc::new(ArrowPart::open(file.clone()).map_err(changed)?)),
            FileType::Zip
            | FileType::Npy
            | FileType::Safetensors
            | FileType::Json
            | FileType::Gzip
            | FileType::Zstd
            | FileType::Other => Err(format.refuse_rows(path, head)),
        },
        None => Err(Error::format(path, At::Byte(0), not_rows(head))),
    }
}
