//! Booleans of a byte each, as 0 and 1.

use std::ops::Range;

use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::job::check_here;
use crate::io::file::File;

/// What makes numbers of booleans.
pub(crate) const ASK: &str = "give booleans=True to read False and True as 0 and 1";
/// Bytes that are looked at at once.
const AT_ONCE: u64 = 1 << 20;

/// Fails unless each of some bytes of a file is 0 or 1. They are read.
pub(crate) fn check(file: &File, bytes: &Range<u64>) -> Result<()> {
    let mut at = bytes.start;
    while at < bytes.end {
        let len = AT_ONCE.min(checked::sub(bytes.end, at)?);
        check_bytes(file, at, &file.read(at, checked::index(len)?)?)?;
        at = checked::add(at, len)?;
        check_here()?;
    }
    Ok(())
}

/// Fails unless each of some bytes that begin at one of a file is 0 or 1.
pub(crate) fn check_bytes(file: &File, start: u64, bytes: &[u8]) -> Result<()> {
    match bytes.iter().position(|&byte| byte > 1) {
        None => Ok(()),
        Some(at) => {
            let message =
                "a boolean is 0 or 1, and this byte is another; the file is damaged, or its type is another";
            Err(Error::format(file.path(), At::Byte(checked::add(start, at as u64)?), message))
        }
    }
}
