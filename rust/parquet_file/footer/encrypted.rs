//! Encrypted files. No key is taken here, so that what is encrypted is refused by that name, and the rest is read.
//!
//! A file with an encrypted footer begins and ends with a magic of its own. One with a plain footer tells with each
//! chunk whether it is encrypted.

use std::path::Path;

use crate::error::{At, Error, Result};
use crate::exec::catch_panic::OwnWords;
use crate::io::sniff::{DECRYPT, ENCRYPTED};

/// The last bytes of a file whose footer is to be read.
const PLAIN: &[u8; 4] = b"PAR1";
/// The least bytes of a file: its magic at both ends, and the length of the footer.
const LEAST: u64 = 12;

/// What is said of a footer that tells of encrypted columns in a form that is encrypted itself.
pub(crate) fn hidden_columns() -> OwnWords {
    OwnWords(format!("what it says of encrypted columns is encrypted itself; {DECRYPT}"))
}

/// Fails unless a file of that many bytes ends as Parquet does, behind a footer that can be read.
pub(crate) fn check_end(path: &Path, size: u64, end: &[u8]) -> Result<()> {
    if size >= LEAST && end.ends_with(PLAIN) {
        return Ok(());
    }
    if size >= LEAST && end.ends_with(ENCRYPTED) {
        let message = format!("this is Parquet with an encrypted footer: it ends with PARE; {DECRYPT}");
        return Err(Error::format(path, At::Byte(size), message));
    }
    let message = format!(
        "a Parquet file must end with PAR1, after its footer, and this one of {size} bytes does not; it was cut, or its writer did not finish: write or download it again"
    );
    Err(Error::truncated(path, At::Byte(size), message))
}

/// The error for a column that is wanted and encrypted; `otherwise` says what else than it can be had.
pub(crate) fn is_encrypted(path: &Path, column: &str, otherwise: &str) -> Error {
    let message = format!("it is encrypted, and no key is taken here; {DECRYPT}; or {otherwise}");
    Error::format(path, At::Field(format!("column {column:?}")), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_ends_with_a_footer_that_can_be_read() {
        let ends = |size, end: &[u8]| check_end(Path::new("a.parquet"), size, end);
        assert!(ends(12, b"PAR1").is_ok());
        for (size, end) in [(11, &b"PAR1"[..]), (0, b""), (100, b"PAR2"), (3, b"AR1"), (11, b"PARE")] {
            let error = ends(size, end).unwrap_err();
            assert!(matches!(&error, Error::Truncated(_)), "{error}");
            assert!(error.to_string().contains(&format!("this one of {size} bytes")), "{error}");
        }
        let error = ends(12, b"PARE").unwrap_err();
        assert!(matches!(&error, Error::Format(_)), "{error}");
        assert!(
            error.to_string().contains("encrypted footer") && error.to_string().contains(DECRYPT),
            "{error}"
        );
    }
}
