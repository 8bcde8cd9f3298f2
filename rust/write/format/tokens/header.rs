//! The header of a token file: a `.npy` file of version 1.0 whose header has always as many bytes.

use std::io::Read;
use std::path::Path;

use crate::checked;
use crate::error::{At, Error, Result};
use crate::io::opened::Opened;

/// Bytes of the header of a `.npy` file: a multiple of 64, as its format has it, with room for any shape.
pub(crate) const HEADER: usize = 128;
/// What a `.npy` file of version 1.0 begins with.
const MAGIC: &[u8; 8] = b"\x93NUMPY\x01\x00";
/// The header of a `.npy` file of version 1.0.
pub(crate) fn header(descr: &str, shape: &str) -> Result<Vec<u8>> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(checked::to::<u16, _>(HEADER - MAGIC.len() - 2)?.to_le_bytes());
    bytes.extend(format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}").into_bytes());
    if bytes.len() >= HEADER {
        return Err(Error::Internal(format!("the shape {shape} has no room in a header")));
    }
    bytes.resize(HEADER - 1, b' ');
    bytes.push(b'\n');
    Ok(bytes)
}

/// The type of the tokens of a shard, by its header, as Arrow names it.
pub(crate) fn dtype(path: &Path) -> Result<String> {
    let (_, _, descr) = header_of(path)?;
    let (kind, width) =
        descr.trim_start_matches(['<', '|']).split_at_checked(1).ok_or_else(|| unknown(path))?;
    let bytes: u32 = width.parse().map_err(|_| unknown(path))?;
    let sign = match kind {
        "u" => "uint",
        "i" => "int",
        _ => return Err(unknown(path)),
    };
    let bits = bytes.checked_mul(8).ok_or_else(|| unknown(path))?;
    Ok(format!("{sign}{bits}"))
}

/// Fails unless a file has the bytes that its header needs.
pub(crate) fn check_size(path: &Path, shape: &[u64], width: u64) -> Result<()> {
    let size = std::fs::metadata(path).map_err(|e| Error::io(path, "opening", e))?.len();
    let needed = shape.iter().try_fold(width, |all, &each| all.checked_mul(each));
    let needed = needed.and_then(|bytes| bytes.checked_add(HEADER as u64)).ok_or_else(|| unknown(path))?;
    if size == needed {
        return Ok(());
    }
    Err(Error::truncated(path, At::File, format!("its header needs {needed} bytes and {size} are there")))
}

/// The shape of an array, and the bytes of a value.
pub(crate) fn read_header(path: &Path) -> Result<(Vec<u64>, u64)> {
    header_of(path).map(|(shape, width, _)| (shape, width))
}

/// The shape of an array, the bytes of a value and the name of its type.
fn header_of(path: &Path) -> Result<(Vec<u64>, u64, String)> {
    let mut bytes = [0; HEADER];
    let failed = |e| Error::io(path, "reading the header", e);
    let opened = Opened::open(path)?;
    let file = opened.file()?;
    let size = file.metadata().map_err(failed)?.len();
    if size < HEADER as u64 {
        let message = format!("a token file begins with a header of {HEADER} bytes, and this has {size}");
        return Err(Error::truncated(path, At::File, message));
    }
    (&*file).read_exact(&mut bytes).map_err(failed)?;
    let header = String::from_utf8_lossy(&bytes);
    let between = |before: &str, after: char| {
        let (_, rest) = header.split_once(before)?;
        rest.split_once(after).map(|(found, _)| found.to_owned())
    };
    let (Some(shape), Some(descr), true) =
        (between("'shape': (", ')'), between("'descr': '", '\''), bytes.starts_with(MAGIC))
    else {
        return Err(unknown(path));
    };
    let numbers = shape.split(',').map(str::trim).filter(|number| !number.is_empty());
    let shape = numbers.map(str::parse).collect::<Result<Vec<u64>, _>>().map_err(|_| unknown(path))?;
    let width = descr.get(2..).and_then(|width| width.parse().ok()).ok_or_else(|| unknown(path))?;
    Ok((shape, width, descr))
}

/// The error of a file that is no token file.
pub(crate) fn unknown(path: &Path) -> Error {
    Error::format(
        path,
        At::Byte(0),
        "this is not the header of a token file; the file was damaged or replaced",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_128_bytes_for_every_shape() {
        for shape in
            ["(0, 0)".to_owned(), format!("({}, {})", u64::MAX, u64::MAX), format!("({},)", u64::MAX)]
        {
            let bytes = header("<u2", &shape).unwrap();
            assert_eq!((bytes.len(), bytes.last()), (HEADER, Some(&b'\n')));
        }
        assert!(header("<u2", &"1".repeat(200)).is_err());
    }

    #[test]
    fn the_type_of_tokens_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokens.npy");
        for (descr, name) in
            [("<u2", Some("uint16")), ("|i1", Some("int8")), ("<i8", Some("int64")), ("<f4", None)]
        {
            std::fs::write(&path, header(descr, "(0, 0)").unwrap()).unwrap();
            assert_eq!(dtype(&path).ok().as_deref(), name, "{descr}");
        }
    }
}
