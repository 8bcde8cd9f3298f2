//! Text for people: what files and their makers named is shown, and does nothing else.
//!
//! A name can hold the characters by which terminals are told to clear the screen or to write backwards, and can be
//! a million characters long. Every message goes through here.

use std::fmt::Display;

/// Characters of a name in quotes.
const MAX_NAME: usize = 200;
/// Characters of a message, and of those kept at its start where it has more.
const MAX_MESSAGE: usize = 4_000;
const KEPT_START: usize = 3_000;

/// A message as it is shown: no character acts on a terminal, names are cut, and so is the whole.
pub(crate) fn told(message: impl Display) -> String {
    let message = message.to_string();
    let harmless = |c: char| (' '..='\u{7e}').contains(&c);
    if message.len() <= MAX_NAME && message.chars().all(harmless) {
        return message;
    }
    cut(&shortened(&message).chars().fold(String::new(), escaped))
}

/// Adds a character, spelled by its number where it is none that is seen.
fn escaped(mut text: String, c: char) -> String {
    match c {
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        '\t' => text.push_str("\\t"),
        _ if !acts(c) => text.push(c),
        _ if u32::from(c) < 0x100 => text.extend(format!("\\x{:02x}", u32::from(c)).chars()),
        _ => text.extend(format!("\\u{:04x}", u32::from(c)).chars()),
    }
    text
}

/// Whether a character acts on what is around it: control characters, marks of direction, and those of no width.
fn acts(c: char) -> bool {
    let unseen = [
        '\u{ad}', '\u{34f}', '\u{61c}', '\u{115f}', '\u{1160}', '\u{180e}', '\u{3164}', '\u{feff}',
        '\u{ffa0}',
    ];
    c.is_control()
        || unseen.contains(&c)
        || ('\u{200b}'..='\u{200f}').contains(&c)
        || ('\u{2028}'..='\u{202e}').contains(&c)
        || ('\u{2060}'..='\u{206f}').contains(&c)
        || ('\u{fff9}'..='\u{fffb}').contains(&c)
        || ('\u{e0000}'..='\u{e01ef}').contains(&c)
}

/// Cuts what stands in double quotes and is long.
fn shortened(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    let (mut quoted, mut escaping, mut length) = (false, false, 0usize);
    for c in message.chars() {
        let ends = quoted && c == '"' && !escaping;
        escaping = quoted && c == '\\' && !escaping;
        if ends && length > MAX_NAME {
            out.extend(format!("… ({length} characters)").chars());
        }
        if ends || !quoted || length < MAX_NAME {
            out.push(c);
        }
        (quoted, length) = match (quoted, c == '"') {
            (true, _) if !ends => (true, length + 1),
            (true, _) => (false, 0),
            (false, begins) => (begins, 0),
        };
    }
    // A quote that does not end may be of a name without quotes, which the whole is cut for.
    out
}

/// Cuts a long message in its middle: it begins with the file, and ends with what to do.
fn cut(message: &str) -> String {
    let length = message.chars().count();
    if length <= MAX_MESSAGE {
        return message.to_owned();
    }
    let start: String = message.chars().take(KEPT_START).collect();
    let end: String = message.chars().skip(length - (MAX_MESSAGE - KEPT_START)).collect();
    format!("{start}… ({length} characters) …{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_spelled() {
        assert_eq!(told("a\x1b[2J\r\n\x07\u{9b}b"), "a\\x1b[2J\\r\\n\\x07\\x9bb");
        assert_eq!(told("a\u{202e}b\u{2066}\u{feff}"), "a\\u202eb\\u2066\\ufeff");
        for plain in ["", "a.parquet: \"ä\" … 漢字 😀", "it's 'so'"] {
            assert_eq!(told(plain), plain);
        }
    }

    #[test]
    fn long_names_are_cut_and_their_length_is_told() {
        let name = "x".repeat(1_000_000);
        let expected = format!("column \"{}… (1000000 characters)\": it is missing", "x".repeat(MAX_NAME));
        assert_eq!(told(format!("column {name:?}: it is missing")), expected);
        let shown = told(format!("a/{name}: it is missing"));
        assert!(shown.chars().count() < MAX_MESSAGE + 50 && shown.ends_with(": it is missing"), "{shown}");
        let quotes = "\"\\".repeat(90);
        assert_eq!(
            told(format!("{quotes:?} and \"b\"")),
            format!("{quotes:?} and \"b\"")[..].to_owned().replace(
                &format!("{quotes:?}"),
                &format!("\"{}… (360 characters)\"", &format!("{quotes:?}")[1..=MAX_NAME]),
            )
        );
    }
}
