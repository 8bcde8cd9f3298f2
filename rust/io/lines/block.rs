//! Whole lines of a file in memory.

use memchr::memchr;

/// A place between two lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Bytes before it, of the file as it is unpacked.
    pub(crate) bytes: u64,
    /// Lines before it.
    pub(crate) lines: u64,
    /// Those of them that are not blank.
    pub(crate) rows: u64,
}

impl Place {
    /// The place behind a line that begins here.
    ///
    /// Proof: counts of bytes that were read one by one, which no machine lives to see overflow.
    pub(super) fn behind(self, bytes: u64, is_row: bool) -> Self {
        Self { bytes: self.bytes + bytes, lines: self.lines + 1, rows: self.rows + u64::from(is_row) }
    }
}

/// A run of whole lines.
#[derive(Debug)]
pub(crate) struct LineBlock {
    pub(super) bytes: Vec<u8>,
    /// Where it begins.
    pub(super) start: Place,
    /// Where the next one begins.
    pub(super) end: Place,
}

/// A line that is not blank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'b> {
    /// Its bytes, without the end of the line.
    pub(crate) bytes: &'b [u8],
    /// Its number among all lines of the file, from 1, as editors count them: for messages.
    pub(crate) number: u64,
    /// Its number among those that are not blank, from 0.
    pub(crate) row: u64,
    /// Where it begins, in bytes of the file as it is unpacked.
    pub(crate) offset: u64,
}

impl LineBlock {
    /// The lines that are not blank.
    pub(crate) fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let (mut rest, mut at) = (self.bytes.as_slice(), self.start);
        std::iter::from_fn(move || {
            while !rest.is_empty() {
                let (whole, behind) = split_line(rest);
                rest = behind;
                let begun = at;
                let bytes = without_end(whole);
                at = at.behind(whole.len() as u64, !is_blank(bytes));
                if !is_blank(bytes) {
                    let (number, row, offset) = (at.lines, begun.rows, begun.bytes);
                    return Some(Line { bytes, number, row, offset });
                }
            }
            None
        })
    }

    /// Where its first line begins, blank or not.
    pub(crate) fn start(&self) -> Place {
        self.start
    }

    /// Where the line behind its last begins.
    pub(crate) fn end(&self) -> Place {
        self.end
    }
}

/// The first line with its end, and what is behind it.
pub(super) fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    // Proof: the last line has no end, and is all that is left.
    let end = memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1);
    bytes.split_at(end)
}

/// A line without LF or CR LF.
pub(super) fn without_end(line: &[u8]) -> &[u8] {
    // Proof: the last line of a file may have neither.
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line) // Proof: as above.
}

/// Whether a line holds nothing but spaces, tabs and CR.
pub(super) fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
}
