//! A column chunk of lists, read forward.

use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, GenericListArray, OffsetSizeTrait, PrimitiveArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{ArrowNativeType, FieldRef};
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageReader};
use parquet::file::metadata::ColumnChunkMetaData;

use super::levels::ListLevels;
use super::page_cursor::{LevelRun, PageCursor};
use super::plain::Plain;
use crate::error::{Error, Result};
use crate::exec::memory::{NoRoom, UnpackLimit};

/// A column of lists in a row group, read forward.
pub(crate) trait Lists {
    /// Returns the rows `wanted`, ascending, each once, all behind those that were returned before.
    ///
    /// Nothing if the crate's own decoder is to read them.
    fn take(&mut self, wanted: &[u32]) -> Result<Option<ArrayRef>>;
}

/// Reads the lists of a column chunk page by page.
pub(super) struct ListReader<O, P: ArrowPrimitiveType> {
    item: FieldRef,
    levels: ListLevels,
    /// How many numbers the footer declares: a few bytes can stand for any number of them.
    numbers: usize,
    /// How many a row has on average.
    each: usize,
    /// Rows of the row group, and levels of the pages that were not turned to.
    rows: usize,
    levels_ahead: usize,
    /// Whether the rows that begin by the end of this page were compared with those of the row group.
    counted: bool,
    pages: Box<dyn PageReader>,
    dictionary: Vec<P::Native>,
    cursor: Option<PageCursor>,
    /// The row that begins next.
    row: u32,
    /// The definition level of what was walked over last.
    before: u32,
    /// The numbers of the rows taken, and how many of them are still to be read.
    taken: Vec<P::Native>,
    due: usize,
    /// What may be held at once.
    most: UnpackLimit,
    /// What found no room, if something did not.
    no_room: Option<NoRoom>,
    offset: std::marker::PhantomData<O>,
}

impl<O: OffsetSizeTrait, P: ArrowPrimitiveType<Native: Plain>> ListReader<O, P> {
    pub(super) fn new(
        item: FieldRef,
        levels: ListLevels,
        chunk: &ColumnChunkMetaData,
        rows: usize,
        pages: Box<dyn PageReader>,
        most: UnpackLimit,
    ) -> Self {
        // Proof: of fewer than none, none is read here, and the crate says what is wrong.
        let numbers = usize::try_from(chunk.num_values()).unwrap_or(0);
        let each = numbers.div_ceil(rows.max(1));
        Self {
            item,
            levels,
            numbers,
            each,
            rows,
            levels_ahead: numbers,
            counted: false,
            pages,
            dictionary: Vec::new(),
            cursor: None,
            row: 0,
            before: 0,
            taken: Vec::new(),
            due: 0,
            most,
            no_room: None,
            offset: std::marker::PhantomData,
        }
    }

    /// Returns the levels that come next, turning pages; none behind the last page.
    fn next_run(&mut self) -> Option<LevelRun> {
        loop {
            let run = self.cursor.as_mut().map_or(Some(LevelRun::default()), PageCursor::next_run)?;
            if run.count > 0 {
                // What goes on with a list is a number or a null of it, as what is before is.
                let goes_on = run.defined > self.levels.empty && self.before > self.levels.empty;
                return (run.begins || goes_on).then_some(run);
            }
            self.read_due()?;
            if !self.turn_page()? {
                return Some(LevelRun::default());
            }
        }
    }

    /// Turns to the next data page. Returns whether there is one.
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
                    P::Native::read(&buf, &mut self.dictionary)?;
                }
                Some(page) => {
                    let cursor = PageCursor::new(&page, self.levels)?;
                    self.levels_ahead = self.levels_ahead.checked_sub(cursor.levels_left())?;
                    (self.cursor, self.counted) = (Some(cursor), false);
                    return Some(true);
                }
            }
        }
    }

    /// Whether by the end of this page as many rows begin as the row group has, or fewer if another page follows.
    fn check_rows(&mut self) -> Option<()> {
        let Some(cursor) = self.cursor.as_ref().filter(|_| !self.counted) else {
            return Some(()); // Proof: of a page that was not turned to, no row is given.
        };
        self.counted = true;
        let rows = (self.row as usize).checked_add(cursor.rows_ahead()?)?;
        (rows == self.rows || rows < self.rows && self.levels_ahead > 0).then_some(())
    }

    /// Walks to where the row begins.
    fn seek(&mut self, row: u32) -> Option<()> {
        loop {
            let run = self.next_run().filter(|run| run.count > 0 && run.defined <= self.levels.number)?;
            let mut count = run.count;
            if run.begins {
                count = count.min(usize::try_from(row.checked_sub(self.row)?).ok()?);
                if count == 0 {
                    return Some(());
                }
                self.row += u32::try_from(count).ok()?;
            }
            let cursor = self.cursor.as_mut()?;
            cursor.advance(count);
            self.before = run.defined;
            if run.defined == self.levels.number {
                cursor.skip(count)?;
            }
        }
    }

    /// Reads the row that begins here. Returns whether there is a list, and how many numbers are in it.
    fn read_row(&mut self) -> Option<(bool, usize)> {
        let first = self.next_run()?;
        self.row = self.row.checked_add(1)?;
        self.cursor.as_mut()?.advance(1);
        self.before = first.defined;
        if first.defined != self.levels.number {
            // Whether something goes on with it, which nothing can.
            self.next_run()?;
            let known = first.defined <= self.levels.empty;
            return known.then_some((first.defined == self.levels.empty, 0));
        }
        let mut count = 1;
        self.due += 1;
        loop {
            let run = self.next_run()?;
            if run.begins || run.count == 0 {
                break;
            }
            // A null among the numbers.
            if run.defined != self.levels.number {
                return None;
            }
            self.cursor.as_mut()?.advance(run.count);
            self.due += run.count;
            count += run.count;
        }
        self.read_due()?;
        Some((true, count))
    }

    /// Fails, and notes why, if so many numbers in all are more than may be held, or than memory has room for.
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
        let cursor = self.cursor.as_mut()?;
        self.taken.resize(end, P::Native::default());
        cursor.read(&self.dictionary, self.taken.get_mut(start..)?)?;
        self.due = 0;
        Some(())
    }

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

impl<O: OffsetSizeTrait, P: ArrowPrimitiveType<Native: Plain>> Lists for ListReader<O, P> {
    fn take(&mut self, wanted: &[u32]) -> Result<Option<ArrayRef>> {
        let lists = self.lists(wanted);
        self.no_room.take().map_or(Ok(lists), |none| Err(Error::Memory(none.to_string())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parquet_file::RleDecoder;
    use arrow::datatypes::{DataType, Field, Int64Type};
    use bytes::Bytes;
    use parquet::basic::Type as Physical;
    use parquet::column::page::PageMetadata;
    use parquet::errors::ParquetError;
    use parquet::schema::types::{ColumnDescriptor, ColumnPath, Type};

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
        let levels = ListLevels { number: 2, empty: 1 };
        let mut reader = ListReader::<i64, Int64Type>::new(
            item,
            levels,
            &chunk,
            1,
            Box::new(NoPages),
            UnpackLimit::default(),
        );
        let runs = || RleDecoder::new(Bytes::new(), 1).unwrap();
        let most = usize::try_from(i64::MAX).unwrap();
        // One row whose levels say that all of these are in it.
        reader.cursor = Some(PageCursor::of_no_levels(runs(), runs()));
        reader.due = most;
        let error = reader.take(&[0]).unwrap_err();
        let said = format!("lists of {most} numbers takes ");
        assert!(matches!(&error, Error::Memory(message) if message.contains(&said)), "{error}");
    }
}
