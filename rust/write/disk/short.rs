//! Files beside an output which others may have written or a crash damaged: what is read of one has a limit.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::error::{At, Error, Result, Shown};

/// The bytes of a file that was opened, unless there are more than `most`. `what` names it in messages.
///
/// # Errors
/// It cannot be read; it is longer, with its size, the limit and what to do.
pub(crate) fn read_short(opened: io::Result<File>, path: &Path, most: u64, what: &str) -> Result<Vec<u8>> {
    let failed = |e| Error::io(path, format!("reading {what}"), e);
    let file = opened.map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let mut bytes = Vec::new();
    if size <= most {
        // It may grow while it is read.
        file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?; // Proof: no file has as many.
    }
    let size = size.max(bytes.len() as u64);
    if size > most {
        let message = format!(
            "it has {size} bytes, and of {what} at most {most} are read; move {} elsewhere, or remove it if nothing in it is needed, and call again",
            Shown(path.parent().unwrap_or(path)) // Proof: a text for a message.
        );
        return Err(Error::format(path, At::File, message));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_longer_than_its_limit_is_told_and_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("note");
        std::fs::write(&path, "12345").unwrap();
        let read = |most| read_short(File::open(&path), &path, most, "the note");
        assert_eq!(read(5).unwrap(), b"12345");
        let said = read(4).unwrap_err().to_string();
        for part in ["note: it has 5 bytes", "of the note at most 4 are read", "call again"] {
            assert!(said.contains(part), "{said}");
        }
    }
}
