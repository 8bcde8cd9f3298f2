//! Files of a corpus, opened by what their first bytes say.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::arrow::ArrowPart;
use super::json_lines::JsonLinesPart;
use super::parquet::ParquetPart;
use super::part::CorpusPart;
use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::job::{Job, Queue};
use crate::io::file::{File, Io};
use crate::io::lines::{LineFile, Packing};
use crate::io::opened::Opened;
use crate::io::read_at::ReadAt;
use crate::io::sniff::{Evidence, FileType, HEAD, Head, known, not_rows};

/// A file that is open: a part, or lines that are looked at with those of all other files.
pub(super) enum Found {
    Part(Arc<dyn CorpusPart>),
    Lines(LineFile),
}

/// Opens files, in the order given. The types of columns of JSON lines are those of all such files together, of which
/// the chosen ones must have one. The progress of the job is in bytes of these lines, as they are unpacked.
pub(crate) fn open_parts(
    job: &Job<'_>,
    paths: &[PathBuf],
    chosen: Option<&[String]>,
    io: Io,
) -> Result<Vec<Arc<dyn CorpusPart>>> {
    let queue = Queue::new(paths.len() as u64);
    let opened = job.run_on(paths.len(), |_, state| {
        let mut mine = Vec::new();
        while let Some(index) = queue.take() {
            let path = checked::get(paths, checked::index(index)?)?;
            mine.push((index, open_part(path, io)?));
            // The progress is that of the lines, which are looked at next.
            state.check()?;
        }
        Ok(mine)
    })?;
    // Proof: the files of each thread in turn; all are counted below.
    let mut found: Vec<_> = opened.into_iter().flatten().collect();
    checked::equal("files opened", found.len(), paths.len())?;
    found.sort_by_key(|(index, _)| *index);
    // Proof: the others are parts by now.
    let lines: Vec<_> = found.iter().filter_map(|(_, found)| found.lines().cloned()).collect();
    let mut lines = JsonLinesPart::open_all(job, lines, chosen)?.into_iter();
    let part = |(_, found)| match found {
        Found::Part(part) => Ok(part),
        Found::Lines(_) => lines.next().ok_or_else(|| checked::impossible("a file of lines without a part")),
    };
    found.into_iter().map(part).collect()
}

impl Found {
    fn lines(&self) -> Option<&LineFile> {
        match self {
            Self::Part(_) => None,
            Self::Lines(lines) => Some(lines),
        }
    }

    /// The open file.
    pub(super) fn opened(&self) -> Result<&Opened> {
        match self {
            Self::Part(part) => {
                part.opened().ok_or_else(|| checked::impossible("a file that was opened and is not"))
            }
            Self::Lines(lines) => Ok(lines.opened()),
        }
    }
}

/// Opens a file by its first bytes.
pub(super) fn open_part(path: &Path, io: Io) -> Result<Found> {
    let opened = Opened::open(path)?;
    let size = opened.identity().size;
    let len = checked::index(size.min(HEAD))?;
    // Read, and not looked at in the map: that has the system read megabytes around it.
    let bytes = opened.read_at(0, len)?;
    if bytes.is_empty() {
        return Err(Error::truncated(path, At::File, "the file has 0 bytes; copy or download it again"));
    }
    let head = Head { bytes: &bytes, size };
    let found = known(head);
    let is_sure = found.is_some_and(|found| found.evidence == Evidence::Sure);
    let of_lines = !is_sure && promises_lines(path);
    match found {
        Some(format) => match format.file_type {
            FileType::Parquet | FileType::Arrow => open_binary(path, io, format.file_type).map(Found::Part),
            FileType::Json if !names_another(path) => lines(opened).map(Found::Lines),
            FileType::Gzip | FileType::Zstd if !names_another(path) => {
                let lines = lines(opened)?;
                check_unpacked(&lines)?;
                Ok(Found::Lines(lines))
            }
            _ if of_lines => lines(opened).map(Found::Lines),
            _ => Err(format.refuse_rows(path, head)),
        },
        None if of_lines => lines(opened).map(Found::Lines),
        None => Err(Error::format(path, At::Byte(0), not_rows(head))),
    }
}

fn open_binary(path: &Path, io: Io, file_type: FileType) -> Result<Arc<dyn CorpusPart>> {
    let file = File::open(path, io)?;
    let opened: Result<Arc<dyn CorpusPart>> = if file_type == FileType::Parquet {
        ParquetPart::open(file.clone()).map(|part| Arc::new(part) as _)
    } else {
        ArrowPart::open(file.clone()).map(|part| Arc::new(part) as _)
    };
    opened.map_err(|error| error.unless_changed(|| file.opened().check_unchanged()))
}

fn lines(opened: Opened) -> Result<LineFile> {
    LineFile::new(Arc::new(opened))
}

/// Whether a name ends as those of JSON lines do.
fn promises_lines(path: &Path) -> bool {
    ends_with(path, &["jsonl", "ndjson", "json"])
}

/// Whether a name ends as those of another format do, which its bytes are not.
fn names_another(path: &Path) -> bool {
    ends_with(path, &["arrow", "arrows", "feather", "ipc", "parquet", "pq"])
}

fn ends_with(path: &Path, endings: &[&str]) -> bool {
    let extension = path.extension().map(OsStr::to_ascii_lowercase);
    extension.is_some_and(|extension| endings.iter().any(|one| extension == *one))
}

/// Fails unless a compressed file unpacks to objects.
fn check_unpacked(lines: &LineFile) -> Result<()> {
    let bytes = lines.unpacked_head()?;
    // Where it unpacks to, no size is known.
    let head = Head { bytes: &bytes, size: u64::MAX };
    let is_sure = known(head).is_some_and(|found| found.evidence == Evidence::Sure);
    let named = lines.path().file_stem().is_some_and(|stem| promises_lines(Path::new(stem)));
    let is_json = known(head).is_some_and(|found| found.file_type == FileType::Json);
    if is_json || (named && !is_sure) || bytes.trim_ascii().is_empty() {
        return Ok(());
    }
    // Proof: a name in a message.
    let what = known(head).map_or("no objects of JSON", |found| found.name);
    let (how, advice) = match lines.packing() {
        Packing::Zstd => ("zstd", "zstd -d"),
        Packing::Gzip | Packing::Plain => ("gzip", "gunzip"),
    };
    let message = format!(
        "it is compressed with {how} and unpacks to {what}; of compressed files, JSON lines are read: decompress it first: {advice}"
    );
    Err(Error::format(lines.path(), At::Byte(0), message))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use arrow::array::{ArrayRef, Int32Array};
    use arrow::ipc::writer::{FileWriter, StreamWriter};
    use arrow::record_batch::RecordBatch;
    use parquet::arrow::ArrowWriter;

    use super::*;

    fn opened(bytes: &[u8], io: Io) -> Result<Arc<dyn CorpusPart>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows");
        fs::write(&path, bytes).unwrap();
        Ok(open_parts(&Job::new(1), &[path], None, io)?.remove(0))
    }

    #[test]
    fn a_file_is_opened_by_its_first_bytes_whatever_its_name() {
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3]));
        let batch = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
        let (mut stream, mut file, mut parquet) = (Vec::new(), Vec::new(), Vec::new());
        let mut writer = StreamWriter::try_new(&mut stream, &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        let mut writer = FileWriter::try_new(&mut file, &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        let mut writer = ArrowWriter::try_new(&mut parquet, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        for io in [Io::Mmap, Io::Pread] {
            // Parquet is never used in place, and Arrow where it is mapped.
            for (bytes, in_place) in [(&stream, io == Io::Mmap), (&file, io == Io::Mmap), (&parquet, false)] {
                let part = opened(bytes, io).unwrap();
                assert_eq!((part.unit_rows(), part.in_place()), (&[3][..], in_place));
                assert_eq!(part.schema().fields(), batch.schema().fields());
                // What is cut is no file of another kind.
                assert!(matches!(opened(&bytes[..bytes.len() - 1], io), Err(Error::Truncated(_))));
            }
        }
    }

    #[test]
    fn what_holds_no_rows_is_refused_by_what_it_is() {
        let refused = |bytes: &[u8]| opened(bytes, Io::Mmap).map(drop).unwrap_err();
        let empty = refused(b"");
        assert!(matches!(&empty, Error::Truncated(_)) && empty.to_string().contains("0 bytes"), "{empty}");
        let npy = refused(b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (0,), }");
        assert!(npy.to_string().contains(".npy"), "{npy}");
        let zip = refused(b"PK\x03\x04 and more than that, as in an archive");
        assert!(zip.to_string().contains("zip"), "{zip}");
        let unknown = refused(b"\x01\x02\x03\x04 nobody knows what this is");
        assert!(matches!(unknown, Error::Format(_)) && unknown.to_string().contains("byte 0"), "{unknown}");
        let missing = open_part(Path::new("/nonexistent/rows"), Io::Pread).map(drop).unwrap_err();
        assert!(matches!(missing, Error::Io { .. }) || missing.to_string().contains("/nonexistent/rows"));
    }
}
