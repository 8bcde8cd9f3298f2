//! Numbers that were written as text, told from raw values that may be any bytes.

use super::text::is_text;

/// Fewer bytes may be values that look like text by chance.
const FEW: usize = 4;

/// Whether the first bytes of a file are numbers as text: lines of numbers, behind a line of names or without one,
/// or the beginning of JSON. `size` is that of the whole file.
pub(crate) fn is_numbers(head: &[u8], size: u64) -> bool {
    let narrow = from_utf16(head);
    let head = narrow.as_deref().unwrap_or(head); // Proof: it is looked at as it is.
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head); // Proof: as above; the mark of some editors.
    if head.len() < FEW || !is_text(head) || !head.iter().any(u8::is_ascii_digit) {
        return false;
    }
    // Proof: only the last character may be cut, and it is one of the last line.
    let text = String::from_utf8_lossy(head);
    is_json(&text) || is_table(&text, size > head.len() as u64)
}

/// An object, or an array that begins like one of JSON.
fn is_json(text: &str) -> bool {
    let mut characters = text.chars().filter(|character| !character.is_whitespace());
    match (characters.next(), characters.next()) {
        (Some('{'), Some('"')) => true,
        (Some('['), Some(next)) => {
            next == '-' || next == '[' || next == '{' || next == '"' || next.is_ascii_digit()
        }
        _ => false,
    }
}

/// Lines each of which has a number, but for the first, which may be names. The last may be cut.
fn is_table(text: &str, cut: bool) -> bool {
    let mut lines: Vec<&str> = text
        .split(['\n', '\r'])
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    if cut && lines.len() > 1 {
        lines.pop();
    }
    let only_numbers = |line: &&str| fields(line).all(is_number);
    match lines.as_slice() {
        [] => false,
        // Of a lone line it must be more than one number, or the line must end.
        [line] => only_numbers(line) && (text.contains(['\n', '\r']) || fields(line).count() > 1),
        [first, rest @ ..] => {
            let has_number = |line: &&str| fields(line).any(is_number);
            rest.iter().all(has_number) && (has_number(first) || fields(first).count() == count(rest))
        }
    }
}

/// The fields of the first of some lines.
fn count(lines: &[&str]) -> usize {
    lines.first().map_or(0, |line| fields(line).count()) // Proof: no lines have no fields.
}

fn fields(line: &str) -> impl Iterator<Item = &str> {
    let pieces = line.split([',', ';', '\t', ' ', '|']).map(|field| field.trim_matches(['"', '\'', ' ']));
    pieces.filter(|field| !field.is_empty())
}

fn is_number(field: &str) -> bool {
    field.parse::<f64>().is_ok()
}

/// Text of two bytes to a character, as some shells write it, as text of one.
fn from_utf16(head: &[u8]) -> Option<Vec<u8>> {
    let (characters, []) = head.strip_prefix(b"\xff\xfe")?.as_chunks::<2>() else { return None }; // Proof: then it is none.
    characters.iter().map(|&[low, high]| (high == 0).then_some(low)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &[u8]) -> bool {
        is_numbers(text, text.len() as u64)
    }

    #[test]
    fn numbers_as_text_are_told() {
        let texts = [
            "0.5\n0.25\n",
            "0.5",
            "1\n2\n",
            "score\n0.5\n",
            "id,score\n1,0.5\n2,nan\n",
            "# a comment\n1e-3\t2\r\n-inf 4\r\n",
            "0.5,0.25,0.125",
            "[0.5, 0.25]",
            "[[1, 2]]",
            "{\"score\": 0.5}\n{\"score\": 0.25}",
            "\u{feff}0.5\n1\n",
        ];
        for text in texts {
            assert_eq!(told(text.as_bytes()), text != "0.5", "{text:?}");
        }
        let long = "0.123456\n".repeat(100);
        assert!(is_numbers(&long.as_bytes()[..512], long.len() as u64));
        assert!(told(b"\xff\xfe0\0.\x005\0\n\0"));
    }

    #[test]
    fn raw_values_are_not() {
        let floats: Vec<u8> = (0..64u8).flat_map(|value| (f32::from(value) / 7.0).to_le_bytes()).collect();
        let bytes: Vec<u8> = (0..=255).collect();
        let printable: Vec<u8> = (32..127).collect();
        for values in
            [&floats[..], &bytes, &printable, b"1234", b"12", b"\n\n\n\n", b"abcd\nefgh", b"\x30\0\0\0"]
        {
            assert!(!told(values), "{values:?}");
        }
    }
}
