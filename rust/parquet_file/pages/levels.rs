//! The levels of pages: whether they are all there, whether they can be, and which values and rows they tell of.

use bytes::Bytes;
use parquet::basic::{Encoding, Repetition};
use parquet::column::page::Page;
use parquet::schema::types::{ColumnDescPtr, SchemaDescriptor, Type};

use crate::parquet_file::encoding::RleDecoder;

/// A leaf, and the least definition level of an item for each list on the way to it, the outermost first.
pub(super) struct LeafColumn {
    pub(super) leaf: ColumnDescPtr,
    pub(super) items: Vec<u32>,
}

/// The levels of a page, of one kind.
pub(super) enum Levels {
    /// The schema needs none: all are 0.
    None(usize),
    Rle(RleDecoder),
    /// Bit-packed with the highest bit first, an encoding that the format deprecated.
    Packed {
        bytes: Bytes,
        at: usize,
        left: usize,
        width: usize,
    },
}

impl Levels {
    /// Return the next level, and how often it is repeated, up to `limit` times.
    fn repeated(&mut self, limit: usize) -> Option<(u32, usize)> {
        match self {
            Self::None(left) => {
                let times = limit.min(*left);
                *left -= times;
                (times > 0).then_some((0, times))
            }
            Self::Rle(levels) => levels.repeated(limit),
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

/// Return the repetition and definition levels of a page, and the bytes of its values.
pub(super) fn parts(page: &Page, column: &ColumnDescPtr) -> Option<(Levels, Levels, Bytes)> {
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
            let definition = run_lengths(buf.slice(repetition..levels), defined, count)?;
            Some((run_lengths(buf.slice(..repetition), repeated, count)?, definition, buf.slice(levels..)))
        }
        Page::DictionaryPage { .. } => None,
    }
}

fn run_lengths(bytes: Bytes, max: i16, count: usize) -> Option<Levels> {
    Some(if max == 0 { Levels::None(count) } else { Levels::Rle(RleDecoder::new(bytes, width(max))?) })
}

/// Return the levels that a page of version 1 begins with, and what follows them.
fn of_version_1(bytes: &Bytes, encoding: Encoding, max: i16, count: usize) -> Option<(Levels, Bytes)> {
    if max == 0 {
        return Some((Levels::None(count), bytes.clone()));
    }
    if encoding == Encoding::RLE {
        let length = u32::from_le_bytes(*bytes.first_chunk::<4>()?);
        let end = usize::try_from(length).ok()?.checked_add(4).filter(|&end| end <= bytes.len())?;
        return Some((run_lengths(bytes.slice(4..end), max, count)?, bytes.slice(end..)));
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

/// Return how many values the levels tell of, and how many rows begin.
///
/// Fails with what is wrong if levels are missing, or are such as their column cannot have. `before` is the definition
/// level of the value before, if it is known.
pub(super) fn count_defined(
    mut repetition: Levels,
    mut definition: Levels,
    column: &LeafColumn,
    count: usize,
    before: &mut Option<u32>,
) -> Result<(usize, usize), String> {
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

/// Return the least definition level of an item, for each list on the way to a leaf, the outermost first.
pub(super) fn item_levels(schema: &SchemaDescriptor, leaf: usize) -> Vec<u32> {
    if schema.column(leaf).max_rep_level() == 0 {
        return Vec::new();
    }
    let root = schema.get_column_root_idx(leaf);
    let before = (0..leaf).rev().take_while(|&other| schema.get_column_root_idx(other) == root).count();
    let mut items = Vec::new();
    find_leaf(schema.get_column_root(leaf), &mut { before }, 0, &mut items);
    items
}

/// Return whether a leaf lies below a node: the one that `before` others precede. If so, `items` are those on the way.
fn find_leaf(node: &Type, before: &mut usize, level: u32, items: &mut Vec<u32>) -> bool {
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
        node.get_fields().iter().any(|field| find_leaf(field, before, level, items))
    };
    if is_list && !found {
        items.pop();
    }
    found
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::schema::parser::parse_message_type;

    use super::*;

    fn schema(fields: &str) -> SchemaDescriptor {
        SchemaDescriptor::new(Arc::new(parse_message_type(&format!("message m {{ {fields} }}")).unwrap()))
    }

    fn column(schema: &SchemaDescriptor, leaf: usize) -> LeafColumn {
        LeafColumn { leaf: schema.column(leaf), items: item_levels(schema, leaf) }
    }

    const LIST: &str = "optional group l (LIST) { repeated group list { optional int32 element; } }";

    /// Levels as runs: so many times each.
    fn runs(runs: &[(u8, u8)]) -> Bytes {
        runs.iter().flat_map(|&(times, level)| [times << 1, level]).collect()
    }

    /// What levels tell of a list column, behind a value of the definition level `before`.
    fn told(
        repetition: &[(u8, u8)],
        definition: &[(u8, u8)],
        count: usize,
        mut before: Option<u32>,
    ) -> Result<(usize, usize), String> {
        let column = column(&schema(LIST), 0);
        let repetition = run_lengths(runs(repetition), 1, count).unwrap();
        let definition = run_lengths(runs(definition), 3, count).unwrap();
        count_defined(repetition, definition, &column, count, &mut before)
    }

    #[test]
    fn lists_on_the_way_to_a_leaf_tell_the_level_of_their_items() {
        let lists = schema(&format!(
            "required int32 a; {LIST} required group s {{ optional double x; repeated int32 y; }}
             repeated group outer {{ optional group g {{ repeated group inner {{ required int32 z; }} }} }}"
        ));
        let items: Vec<_> = (0..lists.num_columns()).map(|leaf| item_levels(&lists, leaf)).collect();
        assert_eq!(items, [vec![], vec![2], vec![], vec![1], vec![1, 3]]);
    }

    #[test]
    fn values_and_rows_are_counted_by_their_levels() {
        // [1, null], [], null and [2].
        let repetition = [(1, 0), (1, 1), (3, 0)];
        assert_eq!(told(&repetition, &[(1, 3), (1, 2), (1, 1), (1, 0), (1, 3)], 5, Some(0)), Ok((2, 4)));
        assert_eq!(told(&[], &[], 0, None), Ok((0, 0)));
        // The list of the page before goes on.
        assert_eq!(told(&[(1, 1)], &[(1, 3)], 1, Some(2)), Ok((1, 0)));
        assert_eq!(told(&[(1, 1)], &[(1, 3)], 1, None), Ok((1, 0)));
    }

    #[test]
    fn levels_that_are_missing_or_cannot_be_are_named() {
        for (repetition, definition, before, said) in [
            (&[(1, 0)][..], &[(2, 3)][..], 0, "fewer repetition levels than the 2 values"),
            (&[(2, 0)], &[(1, 3)], 0, "fewer definition levels than the 2 values"),
            (&[(2, 2)], &[(2, 3)], 3, "the repetition level 2, and 1 is the highest"),
            (&[(2, 0)], &[(2, 4)], 0, "the definition level 4, and 3 is the highest"),
            (&[(1, 0), (1, 1)], &[(1, 1), (1, 3)], 0, "goes on with a list that has no items"),
            (&[(1, 0), (1, 1)], &[(1, 3), (1, 1)], 0, "goes on with a list that has no items"),
            (&[(1, 1), (1, 0)], &[(2, 3)], 1, "goes on with a list that has no items"),
        ] {
            let wrong = told(repetition, definition, 2, Some(before)).unwrap_err();
            assert!(wrong.contains(said), "{wrong}");
        }
    }

    #[test]
    fn levels_of_version_1_are_behind_their_length_or_packed() {
        let all = |mut levels: Levels| {
            let mut found = Vec::new();
            while let Some((level, times)) = levels.repeated(9) {
                found.extend(vec![level; times]);
            }
            found
        };
        let bytes = Bytes::from_static(b"\x04\0\0\0\x04\x01\x02\0rest");
        let (levels, rest) = of_version_1(&bytes, Encoding::RLE, 1, 3).unwrap();
        assert_eq!((all(levels), &rest[..]), (vec![1, 1, 0], &b"rest"[..]));
        assert!(of_version_1(&bytes.slice(..7), Encoding::RLE, 1, 3).is_none());
        // Two bits each, the highest first: 2, 1, 3, 0, 1.
        let bytes = Bytes::from_static(&[0b1001_1100, 0b0100_0000, 9]);
        #[allow(deprecated)]
        let packed = Encoding::BIT_PACKED;
        let (levels, rest) = of_version_1(&bytes, packed, 2, 5).unwrap();
        assert_eq!((all(levels), &rest[..]), (vec![2, 1, 3, 0, 1], &[9][..]));
        assert!(of_version_1(&bytes, packed, 2, 13).is_none());
        let (levels, rest) = of_version_1(&bytes, Encoding::RLE, 0, 2).unwrap();
        assert_eq!((all(levels), rest), (vec![0, 0], bytes));
    }
}
