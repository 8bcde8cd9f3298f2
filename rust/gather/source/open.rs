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
        open_part(&path, io)
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
