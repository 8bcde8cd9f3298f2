//! `.npy`: a magic, a version, a Python dict literal as the header, and the values.
//!
//! The header is read by a parser of exactly what numpy writes; nothing is evaluated.
//! The format: numpy.lib.format, versions 1.0, 2.0 and 3.0.

pub(crate) mod header;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::checked;
use crate::error::{At, Error, Result};
use crate::io::file::File;
use crate::scores::dtype::DType;
use crate::scores::formats::booleans;
use crate::scores::formats::matrix::Matrix;
use crate::scores::options::OpenOptions;
use crate::scores::vector::chosen::Chosen;
use crate::scores::vector::part::Part;
use header::{Header, parse_header};

/// The longest header that numpy itself reads without being told to trust the file.
const MAX_HEADER: usize = 10_000;
/// What a file begins with.
const MAGIC: &[u8] = b"\x93NUMPY";

/// The bytes of a file that an array takes: all of them, or those of a member of an archive.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window<'f> {
    file: &'f File,
    start: u64,
    end: u64,
}

impl<'f> Window<'f> {
    /// The whole file.
    pub(crate) fn all(file: &'f File) -> Self {
        Self { file, start: 0, end: file.size() }
    }

    /// So many bytes from one on, which must lie in the file.
    pub(crate) fn at(file: &'f File, start: u64, len: u64) -> Result<Self> {
        Ok(Self { file, start, end: checked::add(start, len)? })
    }

    /// Reads `len` bytes from its byte `offset`.
    fn read(&self, offset: u64, len: usize) -> Result<Cow<'f, [u8]>> {
        let at = checked::add(self.start, offset)?;
        if at.checked_add(len as u64).is_some_and(|end| end <= self.end) {
            return self.file.read(at, len);
        }
        let message = format!(
            "{len} bytes are needed here, and the array ends at byte {}; it is cut, or its header is wrong: get it again",
            self.end
        );
        Err(Error::truncated(self.file.path(), At::Byte(at), message))
    }
}

/// The one vector of a file, of shape (n,) or (n, 1); of a matrix, what the options mean.
pub(crate) fn parts(window: Window<'_>, options: &OpenOptions) -> Result<(Vec<Part>, Chosen)> {
    let file = window.file;
    let (header, data) = header(window)?;
    let is_boolean = options.booleans && header.descr == "|b1";
    let (dtype, swapped) = if is_boolean { (DType::U8, false) } else { value_type(file, &header.descr)? };
    let storage = file.storage();
    let part = |len, stride| Part { storage, offset: data, stride, len, dtype, swapped, reduced: None };
    if let [len] = *header.shape.as_slice() {
        check_size(window, data, Some(len), dtype)?;
        check_booleans(window, data, is_boolean)?;
        return Ok((vec![part(len, 1)], Chosen { booleans: is_boolean, ..Chosen::default() }));
    }
    let (len, width) = rows(file, &header)?;
    let refuse = |message: String| refused_shape(file, &header, &message);
    let (stride, step) = if header.fortran { (1, len) } else { (width, 1) };
    let matrix = Matrix { first: part(len, stride), width, step };
    let (part, chosen) = matrix.vector(options, refuse)?;
    check_size(window, data, len.checked_mul(width), dtype)?;
    check_booleans(window, data, is_boolean)?;
    Ok((vec![part], Chosen { booleans: is_boolean, ..chosen }))
}

/// Fails unless all bytes of an array of booleans are 0 or 1.
fn check_booleans(window: Window<'_>, data: u64, is_boolean: bool) -> Result<()> {
    if is_boolean { booleans::check(window.file, &(data..window.end)) } else { Ok(()) }
}

/// The row numbers of a file, of shape (n,); or its booleans, as bytes, and that they are booleans.
pub(crate) fn row_parts(file: &File) -> Result<(Vec<Part>, bool)> {
    let window = Window::all(file);
    let (header, data) = header(window)?;
    let [len] = *header.shape.as_slice() else {
        let message = format!(
            "the array has shape {}; one row number after the other is needed, as (n,)",
            header.axes()
        );
        return Err(Error::schema(file.path(), At::Field("shape".into()), message));
    };
    let booleans = header.descr == "|b1";
    let (dtype, swapped) = if booleans { (DType::U8, false) } else { value_type(file, &header.descr)? };
    if dtype.is_float() && len > 0 {
        let message =
            format!("the array holds {dtype}; row numbers are integers: save array.astype(\"int64\")");
        return Err(Error::schema(file.path(), At::Field("descr".into()), message));
    }
    check_size(window, data, Some(len), dtype)?;
    Ok((
        vec![Part { storage: file.storage(), offset: data, stride: 1, len, dtype, swapped, reduced: None }],
        booleans,
    ))
}

/// The header, and the byte after it.
fn header(window: Window<'_>) -> Result<(Header, u64)> {
    let (text, data) = header_text(window)?;
    let header = parse_header(&text).map_err(|(at, message)| {
        // Proof: a place in messages, and the header ends where the values begin.
        let place = At::Byte(data.saturating_sub(text.len() as u64).saturating_add(at as u64));
        Error::format(window.file.path(), place, format!("the .npy header cannot be read: {message}"))
    })?;
    Ok((header, data))
}

/// The bytes of the header, and the byte after it.
fn header_text(window: Window<'_>) -> Result<(Vec<u8>, u64)> {
    let refuse = |byte: u64, message: String| {
        Err(Error::format(window.file.path(), At::Byte(checked::add(window.start, byte)?), message))
    };
    if window.end - window.start < MAGIC.len() as u64 || *window.read(0, MAGIC.len())? != *MAGIC {
        return refuse(0, "this is no .npy file, which begins with \\x93NUMPY".to_owned());
    }
    let start = window.read(0, 8)?;
    let version = (start[6], start[7]);
    let (len, at) = match version {
        (1, 0) => {
            let field = window.read(8, 2)?;
            (usize::from(u16::from_le_bytes([field[0], field[1]])), 10)
        }
        (2 | 3, 0) => {
            let field = window.read(8, 4)?;
            let len = u32::from_le_bytes([field[0], field[1], field[2], field[3]]);
            (checked::index(len)?, 12)
        }
        (major, minor) => {
            return refuse(
                6,
                format!("this is .npy version {major}.{minor}; versions 1.0, 2.0 and 3.0 are read"),
            );
        }
    };
    if len > MAX_HEADER {
        return refuse(
            8,
            format!("the .npy header has {len} bytes; at most {MAX_HEADER} are read, and a vector needs 118"),
        );
    }
    let text = window.read(at, len)?.into_owned();
    Ok((text, checked::add(window.start, at + len as u64)?))
}

/// The type that `descr` names, and whether its bytes are in the other order than this machine's.
fn value_type(file: &File, descr: &str) -> Result<(DType, bool)> {
    let (order, code) = descr.split_at_checked(1).unwrap_or(("", descr)); // Proof: no code is so short.
    let dtype = match code {
        "f2" => DType::F16,
        "f4" => DType::F32,
        "f8" => DType::F64,
        "i1" => DType::I8,
        "i2" => DType::I16,
        "i4" => DType::I32,
        "i8" => DType::I64,
        "u1" => DType::U8,
        "u2" => DType::U16,
        "u4" => DType::U32,
        "u8" => DType::U64,
        _ => return Err(refused_type(file, descr)),
    };
    match order {
        "<" => Ok((dtype, cfg!(target_endian = "big") && dtype.size() > 1)),
        ">" => Ok((dtype, cfg!(target_endian = "little") && dtype.size() > 1)),
        "|" | "=" => Ok((dtype, false)),
        _ => Err(refused_type(file, descr)),
    }
}

fn refused_type(file: &File, descr: &str) -> Error {
    let descr: String = descr.chars().take(100).collect();
    let place = At::Field("descr".into());
    if descr.contains('O') {
        return Error::unsafe_pickle(
            file.path(),
            place,
            format!(
                "dtype {descr:?} is Python objects, which are pickled; nothing was unpickled: save the numbers with numpy.save(path, array.astype(\"float32\"))"
            ),
        );
    }
    // A conversion of complex numbers drops a part of them, and one of texts or times is no score.
    let kind = descr.chars().nth(1).unwrap_or('V'); // Proof: of no kind, nothing is advised.
    let hint = match descr.get(1..) {
        Some("V2") => {
            "numpy does not say what its 2 bytes are (bfloat16 is saved so): save array.astype(\"float32\")"
        }
        Some("b1") => booleans::ASK,
        _ if !"fiu".contains(kind) => {
            "scores are floats of 2, 4 or 8 bytes or integers of 1 to 8: save one number for each row as one of these"
        }
        _ => {
            "scores are floats of 2, 4 or 8 bytes or integers of 1 to 8: convert with array.astype(\"float32\")"
        }
    };
    Error::schema(file.path(), place, format!("dtype {descr:?} is not read; {hint}"))
}

/// The rows and the columns of a matrix.
fn rows(file: &File, header: &Header) -> Result<(u64, u64)> {
    if let [rows, columns] = *header.shape.as_slice() {
        return Ok((rows, columns));
    }
    let needed = "expected one score per row, (n,) or (n, 1); save one number for each row";
    Err(refused_shape(file, header, needed))
}

fn refused_shape(file: &File, header: &Header, message: &str) -> Error {
    let order = if header.fortran { " in Fortran order" } else { "" };
    let advice = match header.shape.as_slice() {
        [1, columns] if *columns > 1 => "; if its one row is the scores, save array[0]",
        _ => "",
    };
    let message = format!("the array has shape {}{order}; {message}{advice}", header.axes());
    Error::schema(file.path(), At::Field("shape".into()), message)
}

/// Fails unless the values end exactly where the window ends.
fn check_size(window: Window<'_>, data: u64, len: Option<u64>, dtype: DType) -> Result<()> {
    let Window { file, end: size, .. } = window;
    // Proof: in messages, where it is more than any file holds.
    let (needed, len) = (len, len.unwrap_or(u64::MAX));
    let end = needed.and_then(|needed| needed.checked_mul(dtype.size() as u64)?.checked_add(data));
    match end {
        Some(end) if end == size => Ok(()),
        Some(end) if end < size => Err(Error::format(
            file.path(),
            At::Byte(end),
            format!(
                "the {len} values of {dtype} end here, and {} bytes follow; a .npy file holds one array",
                size - end
            ),
        )),
        _ => Err(Error::truncated(
            file.path(),
            At::Byte(data),
            format!(
                "the header promises {len} values of {dtype}, and {} bytes follow it; the file is cut: get it again",
                size - data
            ),
        )),
    }
}
