//! Lists of numbers read from Parquet pages, wanted rows alone.
//!
//! The decoder of Arrow lists expands every level and every value of a page. Here the runs of the levels are
//! walked as they are stored: a row that is not wanted costs a few steps, and its values are stepped over in
//! the packed dictionary indices. Only what token columns are made of is read here: one list of plain numbers,
//! in dictionary or plain encoding. Whatever else a page has, nulls among the numbers included, gives nothing,
//! and the rows are then read by the `parquet` crate's own decoder, which also says what is wrong with bad bytes.

use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, GenericListArray, OffsetSizeTrait, PrimitiveArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{
    ArrowNativeType, DataType, FieldRef, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use bytes::Bytes;
use parquet::basic::{Encoding, Repetition, Type as Physical};
use parquet::column::page::{Page, PageReader};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::schema::types::Type;

use crate::error::{Error, Result};
use crate::exec::memory::{Most, NoRoom};
use crate::parquet_file::RleDecoder;

/// A column of lists in a row group, read forward.
pub(crate) trait Lists {
    /// The rows `wanted`, ascending, each once, and all behind those that were given before.
    ///
    /// Nothing if they are to be read by the crate's own decoder.
    fn take(&mut self, wanted: &[u32]) -> Result<Option<ArrayRef>>;
}

/// What the levels of a list column stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListLevels {
    /// The definition level of a number that is there.
    number: u32,
    /// That of a list without numbers; below it there is no list.
    empty: u32,
}

impl ListLevels {
    /// Of the one leaf of a top-level column, if there is one list on the way to it.
    pub(crate) fn of(root: &Type) -> Option<Self> {
        let (mut level, mut empty, mut node) = (0, None, root);
        loop {
            match node.get_basic_info().repetition() {
                Repetition::REPEATED if empty.is_some() => return None,
                Repetition::REPEATED => {
                    empty = Some(level);
                    level += 1;
                }
                Repetition::OPTIONAL => level += 1,
                Repetition::REQUIRED => {}
            }
            if node.is_primitive() {
                return Some(Self { number: level, empty: empty? });
            }
            let [child] = node.get_fields() else { return None }; // Proof: the crate reads what is no such list.
            node = child;
        }
    }
}

/// A reader of the lists of a column chunk, if they are of plain numbers.
pub(crate) fn open(
    data_type: &DataType,
    meaning: ListLevels,
    chunk: &ColumnChunkMetaData,
    rows: usize,
    pages: Box<dyn PageReader>,
    most: Most,
) -> Option<Box<dyn Lists>> {
    match data_type {
        DataType::List(item) => open_items::<i32>(item, meaning, chunk, rows, pages, most),
        DataType::LargeList(item) => open_items::<i64>(item, meaning, chunk, rows, pages, most),
        _ => None,
    }
}

fn open_items<O: OffsetSizeTrait>(
    item: &FieldRef,
    meaning: ListLevels,
    chunk: &ColumnChunkMetaData,
    rows: usize,
    pages: Box<dyn PageReader>,
    most: Most,
) -> Option<Box<dyn Lists>> {
    macro_rules! choose {
        ($($data_type:ident, $physical:ident, $arrow:ty;)*) => {
            match (item.data_type(), chunk.column_type()) {
                $((DataType::$data_type, Physical::$physical) => {
                    Some(Box::new(Reader::<O, $arrow>::new(item.clone(), meaning, chunk, rows, pages, most)))
                })*
                _ => None,
            }
        };
    }
    choose! {
        UInt8, INT32, UInt8Type;
        Int8, INT32, Int8Type;
        UInt16, INT32, UInt16Type;
        Int16, INT32, Int16Type;
        UInt32, INT32, UInt32Type;
        Int32, INT32, Int32Type;
        UInt64, INT64, UInt64Type;
        Int64, INT64, Int64Type;
        Float32, FLOAT, Float32Type;
        Float64, DOUBLE, Float64Type;
    }
}

/// A number as the plain encoding stores it: those of 8 and 16 bits take four bytes, as small ones do.
trait Plain: ArrowNativeType {
    fn all(bytes: &[u8], into: &mut [Self]) -> Option<()>;
    const BYTES: usize;
}

macro_rules! plain {
    ($($native:ty as $stored:ty),*) => {$(
        impl Plain for $native {
            const BYTES: usize = size_of::<$stored>();

            #[allow(trivial_numeric_casts, clippy::cast_possible_truncation)] // stored wider than it is
            #[allow(clippy::unnecessary_cast)]
            fn all(bytes: &[u8], into: &mut [Self]) -> Option<()> {
                let stored = bytes.chunks_exact(Self::BYTES);
                if stored.len() < into.len() {
                    return None;
                }
                let mut cut = false;
                // Proof: at least as many are stored, which was just compared.
                for (into, stored) in into.iter_mut().zip(stored) {
                    let bytes: [u8; Self::BYTES] = stored.try_into().ok()?;
                    *into = <$stored>::from_le_bytes(bytes) as $native;
                    // Nothing is compared for those that are stored as they are.
                    cut |= Self::BYTES > size_of::<$native>() && (*into as $stored).to_le_bytes() != bytes;
                }
                (!cut).then_some(())
            }
        }
    )*};
}
plain!(u8 as u32, i8 as i32, u16 as u32, i16 as i32, u32 as u32, i32 as i32);
plain!(u64 as u64, i64 as i64, f32 as f32, f64 as f64);

/// The numbers of a page.
enum Numbers {
    Plain { bytes: Bytes, position: usize },
    Keys(RleDecoder),
}

/// A page as far as it was walked.
struct PageCursor {
    repetition: RleDecoder,
    definition: RleDecoder,
    /// Levels that were not walked over.
    left: usize,
    /// What is left of the runs that both are in.
    repeated: (u32, usize),
    defined: (u32, usize),
    numbers: Numbers,
    /// Numbers to leave out before the next that is read.
    behind: usize,
}

/// Levels that are alike. None are left where there are none of them.
#[derive(Clone, Copy, Default)]
struct LevelRun {
    /// Whether each begins a row; otherwise they go on with one.
    begins: bool,
    defined: u32,
    count: usize,
}

struct Reader<O, P: ArrowPrimitiveType> {
    item: FieldRef,
    meaning: ListLevels,
    /// How many numbers the footer says there are: a few bytes can stand for any number of them.
    numbers: usize,
    /// How many a row has on average.
    each: usize,
    /// Rows of the row group, and levels of the pages that were not turned to.
    rows: usize,
    levels: usize,
    /// Whether the rows that begin by the end of this page were compared with those of the row group.
    counted: bool,
    pages: Box<dyn PageReader>,
    dictionary: Vec<P::Native>,
    walk: Option<PageCursor>,
    /// The row that begins next.
    row: u32,
    /// The definition level of what was walked over last.
    before: u32,
    /// The numbers of the rows taken, and how many of them are still to be read.
    taken: Vec<P::Native>,
    due: usize,
    /// What may be held at once.
    most: Most,
    /// What found no room, if something did not.
    no_room: Option<NoRoom>,
    offset: std::marker::PhantomData<O>,
}

impl<O: OffsetSizeTrait, P: ArrowPrimitiveType<Native: Plain>> Reader<O, P> {
    fn new(
        item: FieldRef,
        meaning: ListLevels,
        chunk: &ColumnChunkMetaData,
        rows: usize,
        pages: Box<dyn PageReader>,
        most: Most,
    ) -> Self {
        // Proof: of fewer than none, none is read here, and the crate says what is wrong.
        let numbers = usize::try_from(chunk.num_values()).unwrap_or(0);
        let each = numbers.div_ceil(rows.max(1));
        Self {
            item,
            meaning,
            numbers,
            each,
            rows,
            levels: numbers,
            counted: false,
            pages,
            dictionary: Vec::new(),
            walk: None,
            row: 0,
            before: 0,
            taken: Vec::new(),
            due: 0,
            most,
            no_room: None,
            offset: std::marker::PhantomData,
        }
    }

    /// The levels that come next; none behind the last page.
    fn alike(&mut self) -> Option<LevelRun> {
        loop {
            let alike = self.walk.as_mut().map_or(Some(LevelRun::default()), PageCursor::alike)?;
            if alike.count > 0 {
                // What goes on with a list is a number or a null of it, as what is before is.
                let goes_on = alike.defined > self.meaning.empty && self.before > self.meaning.empty;
                return (alike.begins || goes_on).then_some(alike);
            }
            self.read_due()?;
            if !self.turn_page()? {
                return Some(LevelRun::default());
            }
        }
    }

    /// Goes to the next data page, if there is one.
    fn turn_page(&mut self) -> Option<bool> {
        loop {
            match self.pages.get_next_page().ok()? {
                None => return Some(false),
                Some(Page::DictionaryPage { buf, num_values, encoding, .. }) => {
                    if !matches!(encoding, Encoding::PLAIN | Encoding::PLAIN_DICTIONARY) {
                        return None;
                    }
                    let count = usize::try_from(num_values).ok()?;
                    if count > buf.len() / P::Native::BYTES {
                        return None;
                    }
                    self.dictionary = vec![P::Native::default(); count];
                    P::Native::all(&buf, &mut self.dictionary)?;
                }
                Some(page) => {
                    let walk = PageCursor::new(&page, self.meaning)?;
                    self.levels = self.levels.checked_sub(walk.left)?;
                    (self.walk, self.counted) = (Some(walk), false);
                    return Some(true);
                }
            }
        }
    }

    /// Whether by the end of this page as many rows begin as the row group has, or fewer if another page follows.
    fn check_rows(&mut self) -> Option<()> {
        let Some(walk) = self.walk.as_ref().filter(|_| !self.counted) else {
            return Some(()); // Proof: of a page that was not turned to, no row is given.
        };
        self.counted = true;
        let rows = (self.row as usize).checked_add(walk.rows_ahead()?)?;
        (rows == self.rows || rows < self.rows && self.levels > 0).then_some(())
    }

    /// Goes to where the row begins.
    fn seek(&mut self, row: u32) -> Option<()> {
        loop {
            let alike =
                self.alike().filter(|alike| alike.count > 0 && alike.defined <= self.meaning.number)?;
            let mut count = alike.count;
            if alike.begins {
                count = count.min(usize::try_from(row.checked_sub(self.row)?).ok()?);
                if count == 0 {
                    return Some(());
                }
                self.row += u32::try_from(count).ok()?;
            }
            let walk = self.walk.as_mut()?;
            walk.advance(count);
            self.before = alike.defined;
            if alike.defined == self.meaning.number {
                walk.behind = walk.behind.checked_add(count)?;
            }
        }
    }

    /// Reads the row that begins here; gives whether there is a list, and how many numbers are in it.
    fn read_row(&mut self) -> Option<(bool, usize)> {
        let first = self.alike()?;
        self.row = self.row.checked_add(1)?;
        self.walk.as_mut()?.advance(1);
        self.before = first.defined;
        if first.defined != self.meaning.number {
            // Whether something goes on with it, which nothing can.
            self.alike()?;
            let known = first.defined <= self.meaning.empty;
            return known.then_some((first.defined == self.meaning.empty, 0));
        }
        let mut count = 1;
        self.due += 1;
        loop {
            let alike = self.alike()?;
            if alike.begins || alike.count == 0 {
                break;
            }
            // A null among the numbers.
            if alike.defined != self.meaning.number {
                return None;
            }
            self.walk.as_mut()?.advance(alike.count);
            self.due += alike.count;
            count += alike.count;
        }
        self.read_due()?;
        Some((true, count))
    }

    /// Notes it where so many numbers in all are more than may be held, or than memory has room for.
    ///
    /// Proof: what saturates finds no room.
    fn check_room(&mut self, numbers: usize) -> Option<()> {
        let bytes = numbers.saturating_mul(P::Native::get_byte_width());
        // Those that are there, and the place to which they are moved as they grow.
        let checked = self.most.check(|| format!("a run of lists of {numbers} numbers"), bytes as u64, 3);
        checked.map_err(|none| self.no_room = Some(none)).ok()
    }

    /// Reads the numbers of this page that are due.
    fn read_due(&mut self) -> Option<()> {
        if self.due == 0 {
            return Some(());
        }
        let start = self.taken.len();
        let end = start.checked_add(self.due).filter(|&end| end <= self.numbers)?;
        self.check_room(end)?;
        self.taken.try_reserve(self.due).ok()?;
        let walk = self.walk.as_mut()?;
        self.taken.resize(end, P::Native::default());
        walk.read(&self.dictionary, self.taken.get_mut(start..)?)?;
        self.due = 0;
        Some(())
    }
}

impl<O: OffsetSizeTrait, P: ArrowPrimitiveType<Native: Plain>> Reader<O, P> {
    fn lists(&mut self, wanted: &[u32]) -> Option<ArrayRef> {
        // Proof: a guess of what will be due, which is looked at when it is.
        let expected = wanted.len().saturating_mul(self.each).min(self.numbers);
        if self.check_room(expected).is_some() {
            let _ = self.taken.try_reserve(expected);
        }
        self.no_room = None;
        let mut lengths = Vec::with_capacity(wanted.len());
        let mut there = Vec::with_capacity(wanted.len());
        for &row in wanted {
            self.seek(row)?;
            let (list, numbers) = self.read_row()?;
            there.push(list);
            lengths.push(numbers);
        }
        self.check_rows()?;
        let taken = std::mem::take(&mut self.taken);
        O::from_usize(taken.len())?;
        let nulls = there.contains(&false).then(|| NullBuffer::from(there));
        let values = Arc::new(PrimitiveArray::<P>::new(taken.into(), None));
        let offsets = OffsetBuffer::<O>::from_lengths(lengths);
        let list = GenericListArray::<O>::try_new(self.item.clone(), offsets, values, nulls);
        list.ok().map(|list| Arc::new(list) as ArrayRef)
    }
}

impl<O: OffsetSizeTrait, P: ArrowPrimitiveType<Native: Plain>> Lists for Reader<O, P> {
    fn take(&mut self, wanted: &[u32]) -> Result<Option<ArrayRef>> {
        let lists = self.lists(wanted);
        self.no_room.take().map_or(Ok(lists), |none| Err(Error::Memory(none.to_string())))
    }
}

impl PageCursor {
    fn new(page: &Page, meaning: ListLevels) -> Option<Self> {
        let (buf, count, encoding) = (page.buffer(), page.num_values(), page.encoding());
        let (repetition, definition, numbers) = match page {
            Page::DataPage { def_level_encoding, rep_level_encoding, .. } => {
                let (repetition, rest) = prefixed(buf, *rep_level_encoding)?;
                let (definition, rest) = prefixed(&rest, *def_level_encoding)?;
                (repetition, definition, rest)
            }
            Page::DataPageV2 { rep_levels_byte_len, def_levels_byte_len, .. } => {
                let repetition = usize::try_from(*rep_levels_byte_len).ok()?;
                let levels = repetition.checked_add(usize::try_from(*def_levels_byte_len).ok()?)?;
                if levels > buf.len() {
                    return None;
                }
                (buf.slice(..repetition), buf.slice(repetition..levels), buf.slice(levels..))
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
        let width = u8::try_from(u32::BITS - meaning.number.leading_zeros()).ok()?;
        Some(Self {
            repetition: RleDecoder::new(repetition, 1)?,
            definition: RleDecoder::new(definition, width)?,
            left: usize::try_from(count).ok()?,
            repeated: (0, 0),
            defined: (0, 0),
            numbers,
            behind: 0,
        })
    }

    /// The levels that come next; none at the end of the page.
    fn alike(&mut self) -> Option<LevelRun> {
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

    /// Goes on by levels that are alike.
    fn advance(&mut self, count: usize) {
        self.repeated.1 -= count;
        self.defined.1 -= count;
        self.left -= count;
    }

    /// How many rows begin from here to the end of the page.
    fn rows_ahead(&self) -> Option<usize> {
        let (level, count) = self.repeated;
        let here = if level == 0 { count } else { 0 };
        here.checked_add(self.repetition.clone().zeros(self.left.checked_sub(count)?)?)
    }

    fn read<T: Plain>(&mut self, dictionary: &[T], into: &mut [T]) -> Option<()> {
        let behind = std::mem::take(&mut self.behind);
        match &mut self.numbers {
            Numbers::Plain { bytes, position } => {
                *position = behind.checked_mul(T::BYTES)?.checked_add(*position)?;
                T::all(bytes.get(*position..)?, into)?;
                *position += into.len() * T::BYTES;
                Some(())
            }
            Numbers::Keys(keys) => {
                keys.skip(behind)?;
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
mod tests {
    use super::*;
    use arrow::datatypes::Field;
    use parquet::column::page::PageMetadata;
    use parquet::errors::ParquetError;
    use parquet::schema::types::{ColumnDescriptor, ColumnPath};

    /// No pages at all.
    struct NoPages;

    impl Iterator for NoPages {
        type Item = Result<Page, ParquetError>;

        fn next(&mut self) -> Option<Self::Item> {
            None
        }
    }

    impl PageReader for NoPages {
        fn get_next_page(&mut self) -> Result<Option<Page>, ParquetError> {
            Ok(None)
        }

        fn peek_next_page(&mut self) -> Result<Option<PageMetadata>, ParquetError> {
            Ok(None)
        }

        fn skip_next_page(&mut self) -> Result<(), ParquetError> {
            Ok(())
        }
    }

    #[test]
    fn numbers_that_find_no_room_are_an_error_of_memory() {
        let leaf = Arc::new(Type::primitive_type_builder("item", Physical::INT64).build().unwrap());
        let column = Arc::new(ColumnDescriptor::new(leaf, 2, 1, ColumnPath::from("item")));
        let chunk = ColumnChunkMetaData::builder(column).set_num_values(i64::MAX).build().unwrap();
        let item = Arc::new(Field::new("item", DataType::Int64, true));
        let meaning = ListLevels { number: 2, empty: 1 };
        let mut reader =
            Reader::<i64, Int64Type>::new(item, meaning, &chunk, 1, Box::new(NoPages), Most::default());
        let levels = || RleDecoder::new(Bytes::new(), 1).unwrap();
        let most = usize::try_from(i64::MAX).unwrap();
        // One row whose levels say that all of these are in it.
        reader.walk = Some(PageCursor {
            repetition: levels(),
            definition: levels(),
            left: 0,
            repeated: (0, 0),
            defined: (0, 0),
            numbers: Numbers::Plain { bytes: Bytes::new(), position: 0 },
            behind: 0,
        });
        reader.due = most;
        let error = reader.take(&[0]).unwrap_err();
        let said = format!("lists of {most} numbers takes ");
        assert!(matches!(&error, Error::Memory(message) if message.contains(&said)), "{error}");
    }
}
