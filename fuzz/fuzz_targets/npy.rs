//! `.npy` files: the header held against a parser of its own, and the values against the bytes behind it.

#![no_main]

use common::{accepted, same_by_both, written};
use dsdm::scores::OpenOptions;
use dsdm::scores::fuzzing::npy_header;
use libfuzzer_sys::fuzz_target;

/// A header: the type, whether the first axis runs fastest, and the axes.
type Header = (String, bool, Vec<u64>);

fuzz_target!(|data: &[u8]| {
    let place = slow_place(data);
    if let Some((start, end)) = place
        && let Ok(found) = npy_header(&data[start..end])
    {
        assert_eq!(Some(found), slow_header(&data[start..end]));
    }
    let path = written("array", data);
    let Some((dtype, bytes)) = same_by_both(&path, &OpenOptions::default()) else { return };
    if !data.starts_with(b"\x93NUMPY") {
        return;
    }
    let (start, end) = place.expect("a header that was read has a place");
    let (descr, _, shape) = slow_header(&data[start..end]).expect("a header that was read");
    let mut values = data[end..].to_vec();
    if descr.starts_with('>') {
        values.chunks_exact_mut(dtype.size()).for_each(<[u8]>::reverse);
    }
    assert_eq!(shape.iter().product::<u64>() * dtype.size() as u64, values.len() as u64, "the shape");
    assert_eq!(bytes, values, "the values");
    let named = OpenOptions { key: Some("0".to_owned()), ..OpenOptions::default() };
    accepted(dsdm::scores::Scores::open(&[path], &named));
});

/// Where the header is.
fn slow_place(data: &[u8]) -> Option<(usize, usize)> {
    let version = data.strip_prefix(b"\x93NUMPY")?;
    let (start, length) = match version {
        [1, 0, a, b, ..] => (10, usize::from(u16::from_le_bytes([*a, *b]))),
        [2 | 3, 0, a, b, c, d, ..] => (12, u32::from_le_bytes([*a, *b, *c, *d]) as usize),
        _ => return None,
    };
    let end = start + length;
    (end <= data.len()).then_some((start, end))
}

/// A word of a header and its bytes: a quoted text, a name, a number, or a sign.
#[derive(Clone, Copy)]
struct Word<'t> {
    text: &'t [u8],
    end: usize,
}

/// The header cut into words, and these at the commas between its entries; nothing where it is not of this form.
fn slow_header(text: &[u8]) -> Option<Header> {
    let words = words(text)?;
    let [open, inside @ .., close] = words.as_slice() else { return None };
    if open.text != b"{" || close.text != b"}" {
        return None;
    }
    let (mut descr, mut fortran, mut shape) = (None, None, None);
    let mut entries = cut(inside);
    entries.pop_if(|last| last.is_empty());
    for entry in entries {
        let [key, colon, value @ ..] = entry else { return None };
        if colon.text != b":" {
            return None;
        }
        match unquoted(key)? {
            "descr" => descr = Some(slow_type(text, value)?),
            "fortran_order" => fortran = Some(slow_flag(value)?),
            "shape" => shape = Some(slow_shape(value)?),
            _ => return None,
        }
    }
    Some((descr?, fortran?, shape?))
}

fn words(text: &[u8]) -> Option<Vec<Word<'_>>> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(&first) = text.get(at) {
        let rest = &text[at..];
        let run = |of: fn(&u8) -> bool| rest.iter().take_while(|byte| of(byte)).count();
        let length = match first {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0c => 0,
            b'\'' | b'"' => rest[1..].iter().position(|&byte| byte == first)? + 2,
            b'0'..=b'9' => run(|byte| byte.is_ascii_alphanumeric()),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => run(|byte| byte.is_ascii_alphanumeric() || *byte == b'_'),
            _ => 1,
        };
        if length > 0 {
            words.push(Word { text: &rest[..length], end: at + length });
        }
        at += length.max(1);
    }
    Some(words)
}

/// What is between the commas that are in no brackets.
fn cut<'w, 't>(words: &'w [Word<'t>]) -> Vec<&'w [Word<'t>]> {
    let mut depth = 0;
    let commas = words.split(move |word| {
        depth += match word.text {
            b"[" | b"(" => 1,
            b"]" | b")" => -1,
            _ => 0,
        };
        depth == 0 && word.text == b","
    });
    commas.collect()
}

fn unquoted<'t>(word: &Word<'t>) -> Option<&'t str> {
    let inside = match word.text {
        [b'\'', inside @ .., b'\''] | [b'"', inside @ .., b'"'] => inside,
        _ => return None,
    };
    std::str::from_utf8(inside).ok().filter(|inside| !inside.contains('\\'))
}

/// A text, or what is written between brackets.
fn slow_type(text: &[u8], value: &[Word<'_>]) -> Option<String> {
    match value {
        [word] => unquoted(word).map(str::to_owned),
        [first, .., last] if matches!(first.text, b"[" | b"(") => {
            let start = first.end - first.text.len();
            Some(String::from_utf8_lossy(&text[start..last.end]).into_owned())
        }
        _ => None,
    }
}

fn slow_flag(value: &[Word<'_>]) -> Option<bool> {
    match value {
        [word] if word.text == b"True" => Some(true),
        [word] if word.text == b"False" => Some(false),
        _ => None,
    }
}

fn slow_shape(value: &[Word<'_>]) -> Option<Vec<u64>> {
    let [open, axes @ .., close] = value else { return None };
    if open.text != b"(" || close.text != b")" {
        return None;
    }
    let number = |word: &Word<'_>| {
        let digits = word.text.strip_suffix(b"L").unwrap_or(word.text);
        std::str::from_utf8(digits).ok()?.parse::<u64>().ok()
    };
    let mut parts: Vec<_> = axes.split(|word| word.text == b",").collect();
    parts.pop_if(|last| last.is_empty());
    parts.into_iter().map(|part| number(part.first().filter(|_| part.len() == 1)?)).collect()
}
