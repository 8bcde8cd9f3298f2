//! Pages that are looked at before they are decoded: whether they hold all the values that they say.
//!
//! The decoders of the `parquet` crate take levels above what the schema has, fill up levels that are not there with
//! nulls, and make up values where keys, lengths or steps end early. Each of these is a row that nobody wrote.

use bytes::Bytes;
use parquet::basic::{ConvertedType, Encoding, Repetition, Type as Physical};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::schema::types::{ColumnDescPtr, SchemaDescriptor, Type};

use super::delta::Delta;
use super::hybrid::Hybrid;

/// A leaf, and the least definition level of an item for each list on the way to it, the outermost first.
struct Column {
    leaf: ColumnDescPtr,
    items: Vec<u32>,
}

/// A reader of pages that gives only those that hold what they say.
pub(super) struct CheckedPages<P> {
    inner: P,
    column: Column,
    seen: Seen,
    /// Levels and rows of the column chunk.
    chunk: (u64, u64),
}

/// What the pages before held.
struct Seen {
    /// The definition level before the next page; none where that page was skipped.
    before: Option<u32>,
    levels: u64,
    /// Rows that began; none where a page was skipped.
    rows: Option<u64>,
}

impl<P: PageReader> CheckedPages<P> {
    /// Of a column chunk of so many levels and rows.
    pub(super) fn new(inner: P, schema: &SchemaDescriptor, leaf: usize, chunk: (u64, u64)) -> Self {
        let column = Column { leaf: schema.column(leaf), items: item_levels(schema, leaf) };
        // There is no list that the first value could go on with.
        Self { inner, column, seen: Seen { before: Some(0), levels: 0, rows: Some(0) }, chunk }
    }

    fn checked(&mut self, page: Option<Page>) -> Result<Option<Page>> {
        if let Some(page) = &page {
            check(page, &self.column, &mut self.seen, self.chunk).map_err(|what| {
                ParquetError::General(format!("a page of column {} {what}", self.column.leaf.path()))
            })?;
        }
        Ok(page)
    }
}

impl<P: PageReader> Iterator for CheckedPages<P> {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl<P: PageReader> PageReader for CheckedPages<P> {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.inner.get_next_page()?;
        self.checked(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.inner.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        // A dictionary has no rows.
        if self.inner.peek_next_page()?.is_some_and(|page| !page.is_dict) {
            (self.seen.before, self.seen.rows) = (None, None);
        }
        self.inner.skip_next_page()
    }

    fn supports_deferred_dictionary(&self) -> bool {
        self.inner.supports_deferred_dictionary()
    }

    fn take_deferred_dictionary(&mut self) -> Result<Option<Page>> {
        let page = self.inner.take_deferred_dictionary()?;
        self.checked(page)
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.inner.at_record_boundary()
    }
}

/// What is wrong with a page, after the words "a page".
type Wrong = String;

fn check(page: &Page, column: &Column, seen: &mut Seen, chunk: (u64, u64)) -> std::result::Result<(), Wrong> {
    if let Page::DictionaryPage { buf, num_values, .. } = page {
        check_values(buf, Encoding::PLAIN, *num_values as usize, &column.leaf)?;
        let is_text = column.leaf.physical_type() == Physical::BYTE_ARRAY;
        let ends = !is_text || end_of_texts(buf, *num_values) == Some(buf.len());
        return ends
            .then_some(())
            .ok_or(format!("does not end where the last of its {num_values} texts does"));
    }
    let count = page.num_values() as usize;
    let (repetition, definition, values) =
        parts(page, &column.leaf).ok_or("is shorter than the levels that it says to hold")?;
    let (defined, rows) = count_defined(repetition, definition, column, count, &mut seen.before)?;
    check_rows(page, rows, seen, chunk)?;
    check_values(&values, page.encoding(), defined, &column.leaf)
}

/// Fails unless as many rows begin in all pages as the row group has, and in those before the last no more.
fn check_rows(
    page: &Page,
    rows: usize,
    seen: &mut Seen,
    (levels, all): (u64, u64),
) -> std::result::Result<(), Wrong> {
    // Proof: what saturates is not what any row group has.
    seen.levels = seen.levels.saturating_add(u64::from(page.num_values()));
    seen.rows = seen.rows.map(|before| before.saturating_add(rows as u64)); // Proof: as above.
    match seen.rows {
        Some(found) if found > all || (seen.levels == levels && found != all) => {
            Err(format!("ends {found} rows of the column, and its row group has {all}"))
        }
        _ => Ok(()),
    }
}

/// Levels of a page.
enum Levels {
    /// The schema needs none: all are 0.
    None(usize),
    Hybrid(Hybrid),
    /// Of an encoding that has long been given up: of so many bits each, the highest first.
    Packed {
        bytes: Bytes,
        at: usize,
        left: usize,
        width: usize,
    },
}

impl Levels {
    /// The next level, and how often it follows on itself.
    fn repeated(&mut self, limit: usize) -> Option<(u32, usize)> {
        match self {
            Self::None(left) => {
                let times = limit.min(*left);
                *left -= times;
                (times > 0).then_some((0, times))
            }
            Self::Hybrid(levels) => levels.repeated(limit),
            Self::Packed { bytes, at, left, width } => {
                *left = left.checked_sub(1)?;
                let mut level = 0;
                for bit in *at..*at + *width {
                    level = level << 1 | u32::from(bytes.get(bit / 8)? >> (7 - bit % 8) & 1);
                }
                *at += *width;
                Some((level, 1))
            }
        }
    }
}

/// The levels of a page, and the values behind them.
fn parts(page: &Page, column: &ColumnDescPtr) -> Option<(Levels, Levels, Bytes)> {
    let count = usize::try_from(page.num_values()).ok()?;
    let (repeated, defined) = (column.max_rep_level(), column.max_def_level());
    match page {
        Page::DataPage { buf, def_level_encoding, rep_level_encoding, .. } => {
            let (repetition, rest) = of_version_1(buf, *rep_level_encoding, repeated, count)?;
            let (definition, values) = of_version_1(&rest, *def_level_encoding, defined, count)?;
            Some((repetition, definition, values))
        }
        Page::DataPageV2 { buf, rep_levels_byte_len, def_levels_byte_len, .. } => {
            let repetition = usize::try_from(*rep_levels_byte_len).ok()?;
            let levels = repetition.checked_add(usize::try_from(*def_levels_byte_len).ok()?)?;
            if levels > buf.len() {
                return None;
            }
            let definition = hybrid(buf.slice(repetition..levels), defined, count)?;
            Some((hybrid(buf.slice(..repetition), repeated, count)?, definition, buf.slice(levels..)))
        }
        Page::DictionaryPage { .. } => None,
    }
}

fn hybrid(bytes: Bytes, max: i16, count: usize) -> Option<Levels> {
    Some(if max == 0 { Levels::None(count) } else { Levels::Hybrid(Hybrid::new(bytes, width(max))?) })
}

/// The levels that a page of version 1 begins with, and what follows them.
fn of_version_1(bytes: &Bytes, encoding: Encoding, max: i16, count: usize) -> Option<(Levels, Bytes)> {
    if max == 0 {
        return Some((Levels::None(count), bytes.clone()));
    }
    if encoding == Encoding::RLE {
        let length = u32::from_le_bytes(*bytes.first_chunk::<4>()?);
        let end = usize::try_from(length).ok()?.checked_add(4).filter(|&end| end <= bytes.len())?;
        return Some((hybrid(bytes.slice(4..end), max, count)?, bytes.slice(end..)));
    }
    let width = usize::from(width(max));
    let end = count.checked_mul(width)?.div_ceil(8);
    (end <= bytes.len()).then(|| {
        (Levels::Packed { bytes: bytes.slice(..end), at: 0, left: count, width }, bytes.slice(end..))
    })
}

/// Bits of a level.
#[allow(clippy::cast_possible_truncation)] // 16 at most
fn width(max: i16) -> u8 {
    let bits = u16::BITS - max.unsigned_abs().leading_zeros();
    bits as u8
}

/// How many values are there by their levels and how many rows begin, after a look at whether all levels are, and whether they can be.
///
/// `before` is the definition level of the value before, if it is known.
fn count_defined(
    mut repetition: Levels,
    mut definition: Levels,
    column: &Column,
    count: usize,
    before: &mut Option<u32>,
) -> std::result::Result<(usize, usize), Wrong> {
    let missing = |what| format!("has fewer {what} levels than the {count} values that it says to hold");
    let too_high =
        |what, level, max| format!("has the {what} level {level}, and {max} is the highest of its column");
    let [most_repeated, most_defined] = [column.leaf.max_rep_level(), column.leaf.max_def_level()]
        .map(|level| u32::from(level.unsigned_abs()));
    let (mut left, mut found, mut rows) = (count, 0_usize, 0_usize);
    let (mut repeated, mut defined) = ((0, 0), (0, 0));
    while left > 0 {
        if repeated.1 == 0 {
            repeated = repetition.repeated(left).ok_or_else(|| missing("repetition"))?;
        }
        if defined.1 == 0 {
            defined = definition.repeated(left).ok_or_else(|| missing("definition"))?;
        }
        if repeated.0 > most_repeated {
            return Err(too_high("repetition", repeated.0, most_repeated));
        }
        if defined.0 > most_defined {
            return Err(too_high("definition", defined.0, most_defined));
        }
        if repeated.0 > 0 {
            // What goes on with a list is an item of it, as what is before is.
            let item = column.items.get(repeated.0 as usize - 1).copied().unwrap_or(0); // Proof: one for each level.
            if defined.0 < item || before.is_some_and(|before| before < item) {
                return Err("goes on with a list that has no items".to_owned());
            }
        }
        let times = repeated.1.min(defined.1);
        if defined.0 == most_defined {
            found += times;
        }
        if repeated.0 == 0 {
            rows += times;
        }
        *before = Some(defined.0);
        (repeated.1, defined.1, left) = (repeated.1 - times, defined.1 - times, left - times);
    }
    Ok((found, rows))
}

/// The least definition level of an item, for each list on the way to a leaf of a schema, the outermost first.
fn item_levels(schema: &SchemaDescriptor, leaf: usize) -> Vec<u32> {
    if schema.column(leaf).max_rep_level() == 0 {
        return Vec::new();
    }
    let root = schema.get_column_root_idx(leaf);
    let before = (0..leaf).rev().take_while(|&other| schema.get_column_root_idx(other) == root).count();
    let mut items = Vec::new();
    way_to(schema.get_column_root(leaf), &mut { before }, 0, &mut items);
    items
}

/// Whether the leaf that so many others stand before is below a node. If so, the items on the way are those of it.
fn way_to(node: &Type, before: &mut usize, level: u32, items: &mut Vec<u32>) -> bool {
    let repetition = node.get_basic_info().has_repetition().then(|| node.get_basic_info().repetition());
    let level = level + u32::from(matches!(repetition, Some(Repetition::OPTIONAL | Repetition::REPEATED)));
    let is_list = repetition == Some(Repetition::REPEATED);
    if is_list {
        items.push(level);
    }
    let found = if node.is_primitive() {
        match before.checked_sub(1) {
            Some(fewer) => {
                *before = fewer;
                false
            }
            None => true,
        }
    } else {
        node.get_fields().iter().any(|field| way_to(field, before, level, items))
    };
    if is_list && !found {
        items.pop();
    }
    found
}

/// Whether there are so many values.
fn check_values(
    bytes: &Bytes,
    encoding: Encoding,
    count: usize,
    column: &ColumnDescPtr,
) -> std::result::Result<(), Wrong> {
    let there = match encoding {
        Encoding::PLAIN => plain_bytes(column, count).is_none_or(|it| it <= bytes.len()),
        // How many bytes there are tells where the second bytes of all values begin.
        Encoding::BYTE_STREAM_SPLIT => {
            count == 0 || plain_bytes(column, count).is_none_or(|it| it == bytes.len())
        }
        Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY => are_keys(bytes, count),
        Encoding::RLE => are_booleans(bytes, count),
        Encoding::DELTA_BINARY_PACKED => {
            let delta = Delta::new(bytes).filter(|delta| delta.left() >= count);
            count == 0 || delta.is_some_and(|mut delta| (0..count).all(|_| delta.number_of().is_some()))
        }
        Encoding::DELTA_LENGTH_BYTE_ARRAY => count == 0 || are_texts(bytes, count) == Some(true),
        Encoding::DELTA_BYTE_ARRAY => count == 0 || are_front_coded(bytes, count) == Some(true),
        _ => true, // The decoder has words for it.
    };
    if !there {
        return Err(format!(
            "holds other than the {count} values that its levels tell, or values that cannot be ({encoding})"
        ));
    }
    match small(column) {
        Some(range) if !all_within(bytes, encoding, count, range) => {
            Err(format!("holds numbers outside of {}", name_of(column)))
        }
        _ => Ok(()),
    }
}

/// Bytes that values take as they are.
fn plain_bytes(column: &ColumnDescPtr, count: usize) -> Option<usize> {
    let width = match column.physical_type() {
        Physical::BOOLEAN => return Some(count.div_ceil(8)),
        Physical::BYTE_ARRAY => return None,
        Physical::INT32 | Physical::FLOAT => 4,
        Physical::INT64 | Physical::DOUBLE => 8,
        Physical::INT96 => 12,
        Physical::FIXED_LEN_BYTE_ARRAY => usize::try_from(column.type_length()).ok()?,
    };
    count.checked_mul(width)
}

/// Where so many texts end, each behind its length.
fn end_of_texts(bytes: &[u8], count: u32) -> Option<usize> {
    let mut end = 0_usize;
    for _ in 0..count {
        let length = bytes.get(end..)?.first_chunk::<4>()?;
        end = usize::try_from(u32::from_le_bytes(*length)).ok()?.checked_add(4)?.checked_add(end)?;
    }
    Some(end)
}

fn are_keys(bytes: &Bytes, count: usize) -> bool {
    let keys = bytes.first().and_then(|&width| Hybrid::new(bytes.slice(1..), width));
    count == 0 || keys.is_some_and(|mut keys| keys.skip(count).is_some())
}

fn are_booleans(bytes: &Bytes, count: usize) -> bool {
    let values = bytes.get(4..).map(|values| bytes.slice_ref(values));
    count == 0 || values.and_then(|it| Hybrid::new(it, 1)).is_some_and(|mut it| it.skip(count).is_some())
}

/// Lengths, and as many bytes behind them.
fn are_texts(bytes: &[u8], count: usize) -> Option<bool> {
    let mut lengths = Delta::new(bytes).filter(|lengths| lengths.left() >= count)?;
    let mut all = 0_usize;
    for _ in 0..lengths.left() {
        all = all.checked_add(usize::try_from(lengths.number_of()?).ok()?)?;
    }
    Some(all <= lengths.rest()?.len())
}

/// Texts of which each begins as the one before: how many bytes are the same, and the others.
fn are_front_coded(bytes: &[u8], count: usize) -> Option<bool> {
    let mut same = Delta::new(bytes).filter(|same| same.left() >= count)?;
    let rest = Delta::new(bytes)?.rest()?;
    let mut lengths = Delta::new(rest).filter(|lengths| lengths.left() >= count)?;
    let (mut before, mut all) = (0_usize, 0_usize);
    for _ in 0..count {
        let same = usize::try_from(same.number_of()?).ok().filter(|&same| same <= before)?;
        let length = usize::try_from(lengths.number_of()?).ok()?;
        before = same.checked_add(length)?;
        all = all.checked_add(length)?;
    }
    Some(all <= lengths.rest()?.len())
}

/// What numbers of 8 and 16 bits may be, which are stored as 32.
fn small(column: &ColumnDescPtr) -> Option<(i32, i32)> {
    Some(match column.converted_type() {
        ConvertedType::INT_8 => (i8::MIN.into(), i8::MAX.into()),
        ConvertedType::INT_16 => (i16::MIN.into(), i16::MAX.into()),
        ConvertedType::UINT_8 => (0, u8::MAX.into()),
        ConvertedType::UINT_16 => (0, u16::MAX.into()),
        _ => return None,
    })
    .filter(|_| column.physical_type() == Physical::INT32)
}

fn name_of(column: &ColumnDescPtr) -> String {
    column.converted_type().to_string()
}

/// Whether numbers are within a range. Those that a dictionary stands for are looked at in it.
#[allow(clippy::cast_possible_truncation)] // of sums modulo 2^64 the lower half is the number of 32 bits
fn all_within(bytes: &[u8], encoding: Encoding, count: usize, (least, most): (i32, i32)) -> bool {
    let fits = |value: i32| (least..=most).contains(&value);
    match encoding {
        Encoding::PLAIN => {
            let stored = bytes.as_chunks::<4>().0.iter().take(count);
            stored.fold(true, |all, value| all & fits(i32::from_le_bytes(*value)))
        }
        Encoding::DELTA_BINARY_PACKED if count > 0 => Delta::new(bytes).is_some_and(|mut delta| {
            (0..count).all(|_| delta.number_of().is_some_and(|value| fits(value as i32)))
        }),
        Encoding::BYTE_STREAM_SPLIT => {
            let width = bytes.len() / 4;
            let byte = |part: usize, at: usize| bytes.get(part * width + at).copied();
            (0..count).all(|at| {
                let value = [byte(0, at), byte(1, at), byte(2, at), byte(3, at)];
                matches!(value, [Some(a), Some(b), Some(c), Some(d)] if fits(i32::from_le_bytes([a, b, c, d])))
            })
        }
        _ => true, // Proof: keys, which stand for numbers that were looked at.
    }
}
