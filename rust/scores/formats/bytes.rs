//! Numbers at a place in a record.

use crate::checked::impossible;
use crate::error::Result;

/// `N` bytes at a place in a record whose length was checked.
pub(crate) fn array_at<const N: usize>(record: &[u8], at: usize) -> Result<[u8; N]> {
    let found = record.get(at..).and_then(|rest| rest.first_chunk()).copied();
    found.ok_or_else(|| impossible(format_args!("a record of {} bytes is read at {at}", record.len())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn bytes_are_taken_from_their_place_or_are_a_defect() {
        assert_eq!(array_at::<2>(b"abcd", 1).unwrap(), *b"bc");
        assert_eq!(array_at::<4>(b"abcd", 0).unwrap(), *b"abcd");
        for at in [3, 4, 5, usize::MAX] {
            assert!(matches!(array_at::<2>(b"abcd", at), Err(Error::Internal(_))), "{at}");
        }
    }
}
