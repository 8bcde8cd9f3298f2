//! A page of a list column, walked by the runs of its levels.

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::Page;

use super::levels::ListLevels;
use super::plain::Plain;
use crate::parquet_file::RleDecoder;

/// The numbers of a page.
enum Numbers {
    Plain { bytes: Bytes, position: usize },
    Keys(RleDecoder),
}

/// A place in a page.
pub(super) struct PageCursor {
    repetition: RleDecoder,
    definition: RleDecoder,
    /// Levels that are still to be walked over.
    left: usize,
    /// What is left of the runs that both are in.
    repeated: (u32, usize),
    defined: (u32, usize),
    numbers: Numbers,
    /// Numbers to skip before the next that is read.
    to_skip: usize,
}

/// Equal levels that follow each other. At the end there are none.
#[derive(Clone, Copy, Default)]
pub(super) struct LevelRun {
    /// Whether each begins a row; otherwise they go on with one.
    pub(super) begins: bool,
    pub(super) defined: u32,
    pub(super) count: usize,
}

impl PageCursor {
    pub(super) fn new(page: &Page, levels: ListLevels) -> Option<Self> {
        let (buf, count, encoding) = (page.buffer(), page.num_values(), page.encoding());
        let (repetition, definition, numbers) = match page {
            Page::DataPage { def_level_encoding, rep_level_encoding, .. } => {
                let (repetition, rest) = prefixed(buf, *rep_level_encoding)?;
                let (definition, rest) = prefixed(&rest, *def_level_encoding)?;
                (repetition, definition, rest)
            }
            Page::DataPageV2 { rep_levels_byte_len, def_levels_byte_len, .. } => {
                let repetition = usize::try_from(*rep_levels_byte_len).ok()?;
                let end = repetition.checked_add(usize::try_from(*def_levels_byte_len).ok()?)?;
                if end > buf.len() {
                    return None;
                }
                (buf.slice(..repetition), buf.slice(repetition..end), buf.slice(end..))
            }
            Page::DictionaryPage { .. } => return None,
        };
        let numbers = match encoding {
            Encoding::PLAIN => Numbers::Plain { bytes: numbers, position: 0 },
            Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY => {
                // Proof: a page without numbers may have no width either.
                let width = numbers.first().copied().unwrap_or(0);
                Numbers::Keys(RleDecoder::new(numbers.slice(numbers.len().min(1)..), width)?)
            }
            _ => return None,
        };
        let width = u8::try_from(u32::BITS - levels.number.leading_zeros()).ok()?;
        Some(Self {
            repetition: RleDecoder::new(repetition, 1)?,
            definition: RleDecoder::new(definition, width)?,
            left: usize::try_from(count).ok()?,
            repeated: (0, 0),
            defined: (0, 0),
            numbers,
            to_skip: 0,
        })
    }

    /// Returns the levels that come next; none at the end of the page.
    #[inline]
    pub(super) fn next_run(&mut self) -> Option<LevelRun> {
        if self.left == 0 {
            return Some(LevelRun::default());
        }
        if self.repeated.1 == 0 {
            self.repeated = self.repetition.repeated(self.left)?;
        }
        if self.defined.1 == 0 {
            self.defined = self.definition.repeated(self.left)?;
        }
        if self.repeated.0 > 1 {
            return None; // There is one list.
        }
        let count = self.repeated.1.min(self.defined.1);
        Some(LevelRun { begins: self.repeated.0 == 0, defined: self.defined.0, count })
    }

    /// Walks over so many levels of the run that comes next.
    #[inline]
    pub(super) fn advance(&mut self, count: usize) {
        self.repeated.1 -= count;
        self.defined.1 -= count;
        self.left -= count;
    }

    /// How many levels are still to be walked over.
    pub(super) fn levels_left(&self) -> usize {
        self.left
    }

    /// Leaves out so many numbers before the next that is read.
    #[inline]
    pub(super) fn skip(&mut self, count: usize) -> Option<()> {
        self.to_skip = self.to_skip.checked_add(count)?;
        Some(())
    }

    /// How many rows begin from here to the end of the page.
    pub(super) fn rows_ahead(&self) -> Option<usize> {
        let (level, count) = self.repeated;
        let here = if level == 0 { count } else { 0 };
        here.checked_add(self.repetition.clone().zeros(self.left.checked_sub(count)?)?)
    }

    /// Reads as many numbers as there is room for, behind those to skip.
    pub(super) fn read<T: Plain>(&mut self, dictionary: &[T], into: &mut [T]) -> Option<()> {
        let to_skip = std::mem::take(&mut self.to_skip);
        match &mut self.numbers {
            Numbers::Plain { bytes, position } => {
                *position = to_skip.checked_mul(T::BYTES)?.checked_add(*position)?;
                T::read(bytes.get(*position..)?, into)?;
                *position += into.len() * T::BYTES;
                Some(())
            }
            Numbers::Keys(keys) => {
                keys.skip(to_skip)?;
                keys.look_up(dictionary, into)
            }
        }
    }
}

/// The levels of a page of the first version, which stand behind their length, and what follows them.
fn prefixed(bytes: &Bytes, encoding: Encoding) -> Option<(Bytes, Bytes)> {
    let length = bytes.first_chunk::<4>().filter(|_| encoding == Encoding::RLE)?;
    let end = usize::try_from(u32::from_le_bytes(*length)).ok()?.checked_add(4)?;
    (end <= bytes.len()).then(|| (bytes.slice(4..end), bytes.slice(end..)))
}

#[cfg(test)]
impl PageCursor {
    /// A page that has no levels left, of numbers in plain encoding.
    pub(super) fn of_no_levels(repetition: RleDecoder, definition: RleDecoder) -> Self {
        let numbers = Numbers::Plain { bytes: Bytes::new(), position: 0 };
        let (repeated, defined) = ((0, 0), (0, 0));
        Self { repetition, definition, left: 0, repeated, defined, numbers, to_skip: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVELS: ListLevels = ListLevels { number: 3, empty: 1 };

    /// A page with the rows `[1, 2]`, `[]`, a null and `[3]`.
    fn page() -> Page {
        let repetition = [2, 0, 2, 1, 6, 0]; // 0 1 0 0 0
        let definition = [4, 3, 2, 1, 2, 0, 2, 3]; // 3 3 1 0 3
        let mut bytes = Vec::new();
        for levels in [&repetition[..], &definition[..]] {
            bytes.extend(u32::try_from(levels.len()).unwrap().to_le_bytes());
            bytes.extend(levels);
        }
        bytes.extend([1i32, 2, 3].map(i32::to_le_bytes).concat());
        Page::DataPage {
            buf: bytes.into(),
            num_values: 5,
            encoding: Encoding::PLAIN,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        }
    }

    #[test]
    fn runs_are_those_of_the_levels_and_numbers_are_skipped() {
        let mut cursor = PageCursor::new(&page(), LEVELS).unwrap();
        assert_eq!((cursor.levels_left(), cursor.rows_ahead()), (5, Some(4)));
        let mut runs = Vec::new();
        loop {
            let run = cursor.next_run().unwrap();
            if run.count == 0 {
                break;
            }
            runs.push((run.begins, run.defined, run.count));
            cursor.advance(run.count);
        }
        assert_eq!(runs, [(true, 3, 1), (false, 3, 1), (true, 1, 1), (true, 0, 1), (true, 3, 1)]);
        cursor.skip(1).unwrap();
        let mut numbers = [0i32; 2];
        cursor.read(&[], &mut numbers).unwrap();
        assert_eq!(numbers, [2, 3]);
        assert!(cursor.read(&[], &mut [0i32; 1]).is_none());
    }

    #[test]
    fn a_page_whose_levels_end_behind_it_is_nothing() {
        let Page::DataPage { buf, .. } = page() else { unreachable!() };
        for length in [0, 3, 4, 9] {
            assert!(prefixed(&buf.slice(..length), Encoding::RLE).is_none());
        }
        assert!(prefixed(&buf.slice(..10), Encoding::RLE).is_some());
        assert!(prefixed(&buf, Encoding::PLAIN).is_none());
    }
}
