//! Characters that JSON writes as two escapes, as what they are.
//!
//! `arrow-json` 60.1 puts the two halves together wrongly: its `char_from_surrogate_pair` has an "or" where a sum
//! belongs, so that U+20000 comes out as U+10000, and so does every character of each second plane. Escapes of one half
//! never get here: `check.rs` refuses them.

use std::borrow::Cow;

use memchr::memchr;

/// Bytes of an escape such as `\ud83d`.
const ESCAPE: usize = 6;

/// A line of valid JSON with each pair of surrogate escapes replaced by its character.
pub(super) fn without_pairs(line: &[u8]) -> Cow<'_, [u8]> {
    let mut made = Vec::new();
    let (mut copied, mut at) = (0, 0);
    // Proof: what is behind the last backslash stays as it is.
    while let Some(next) = line.get(at..).and_then(|rest| memchr(b'\\', rest)) {
        at += next;
        // Proof: an escape of another kind has two bytes, whatever the second is.
        let Some(pair) = line.get(at..).and_then(pair) else {
            at += 2;
            continue;
        };
        made.extend_from_slice(line.get(copied..at).unwrap_or_default()); // Proof: what is before the pair.
        made.extend_from_slice(pair.encode_utf8(&mut [0; 4]).as_bytes());
        at += 2 * ESCAPE;
        copied = at;
    }
    if copied == 0 {
        return Cow::Borrowed(line);
    }
    made.extend_from_slice(line.get(copied..).unwrap_or_default()); // Proof: what is behind the last pair, if anything.
    Cow::Owned(made)
}

/// The character that two escapes at the beginning stand for.
fn pair(bytes: &[u8]) -> Option<char> {
    let (high, rest) = bytes.split_at_checked(ESCAPE)?;
    let units = [unit(high)?, unit(rest.get(..ESCAPE)?)?];
    let mut characters = char::decode_utf16(units);
    let first = characters.next()?.ok()?;
    // Two units that are two characters are no pair.
    characters.next().is_none().then_some(first)
}

/// The number in an escape such as `\ud83d`.
fn unit(escape: &[u8]) -> Option<u16> {
    let digits = escape.strip_prefix(b"\\u")?;
    let is_number = digits.iter().all(u8::is_ascii_hexdigit);
    u16::from_str_radix(std::str::from_utf8(digits).ok().filter(|_| is_number)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// A text with every character that may be escaped written so.
    fn escaped(text: &str, upper: bool) -> String {
        let one = |unit| if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
        format!("\"{}\"", text.encode_utf16().map(one).collect::<String>())
    }

    proptest! {
        #[test]
        fn texts_stay_what_they_are(texts in prop::collection::vec((any::<String>(), any::<bool>(), 0..3), 0..6)) {
            let all: Vec<String> = texts.iter().map(|(text, upper, how)| match how {
                0 => escaped(text, *upper),
                1 => serde_json::to_string(text).unwrap(),
                _ => serde_json::to_string(&escaped(text, *upper)).unwrap(),
            }).collect();
            let line = format!("[{}]", all.join(","));
            let made = without_pairs(line.as_bytes());
            let (found, expected): (Value, Value) =
                (serde_json::from_slice(&made).unwrap(), serde_json::from_str(&line).unwrap());
            prop_assert_eq!(found, expected);
            let has_pairs = texts.iter().any(|(text, _, how)| *how == 0 && text.chars().any(|c| c > '\u{ffff}'));
            prop_assert_eq!(matches!(made, Cow::Owned(_)), has_pairs);
        }
    }

    #[test]
    fn every_plane_is_right() {
        for plane in 1..=16u32 {
            let character = char::from_u32(plane << 16 | 0x1234).unwrap().to_string();
            let line = escaped(&character, false);
            assert_eq!(without_pairs(line.as_bytes()).as_ref(), format!("\"{character}\"").as_bytes());
        }
    }
}
