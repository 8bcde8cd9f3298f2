//! Room in memory for what libraries allocate.
//!
//! A library that finds none ends the process. So what is large is looked at before: whether there is room for it now.

use std::fmt;

/// Of less, nobody asks: an allocator finds so much, or the process is at its end anyway.
const LARGE: usize = 16 << 20;

/// There is no room for so many bytes.
#[derive(Debug)]
pub(crate) struct NoRoom {
    what: String,
    bytes: u128,
}

impl NoRoom {
    /// Fails where memory has no room for so many bytes, `times` over.
    pub(crate) fn check(what: impl Fn() -> String, bytes: usize, times: usize) -> Result<(), Self> {
        if bytes < LARGE {
            return Ok(());
        }
        let room = bytes.checked_mul(times).map(|need| Vec::<u8>::new().try_reserve_exact(need));
        if matches!(room, Some(Ok(()))) {
            return Ok(());
        }
        Err(Self { what: what(), bytes: bytes as u128 * times as u128 })
    }
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, bytes } = self;
        write!(
            f,
            "{what} takes {bytes} bytes of memory, which are not there; raise the limit of this process, or use a machine with more"
        )
    }
}

impl std::error::Error for NoRoom {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_machine_has_is_refused_and_what_is_small_is_not_asked_for() {
        let check = |bytes, times| NoRoom::check(|| "a page".to_owned(), bytes, times);
        assert!(check(LARGE - 1, usize::MAX).is_ok());
        assert!(check(LARGE, 1).is_ok());
        for (bytes, times) in [(usize::MAX, 1), (usize::MAX / 2, 3), (1 << 62, 1)] {
            let said = check(bytes, times).unwrap_err().to_string();
            let need = bytes as u128 * times as u128;
            assert!(said.starts_with(&format!("a page takes {need} bytes of memory")), "{said}");
        }
    }
}
