//! Bytes that are text.

/// Return whether bytes are nothing but text. The last character may be cut.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    let whole = match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && error.valid_up_to() > 0,
    };
    whole && bytes.iter().all(|byte| !byte.is_ascii_control() || matches!(byte, b'\t' | b'\n' | b'\r'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_told_from_bytes() {
        for text in ["", "a\tb\r\n", "ä", "0.5,1"] {
            assert!(is_text(text.as_bytes()), "{text:?}");
        }
        assert!(is_text("ab\u{20ac}".as_bytes().split_last().unwrap().1), "the last character is cut");
        for bytes in [&b"a\0b"[..], b"\x1b[0m", b"\xff", b"a\xffb", b"\xe2\x82", b"a\x7f"] {
            assert!(!is_text(bytes), "{bytes:?}");
        }
    }
}
