//! Checks pages before they are decoded: whether they hold all the values that they say.
//!
//! The decoders of the `parquet` crate take levels above what the schema has, fill up levels that are not there with
//! nulls, and make up values where keys, lengths or steps end early. Each of these is a row that nobody wrote.

use parquet::basic::{Encoding, Type as Physical};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::schema::types::SchemaDescriptor;

use super::levels::{LeafColumn, count_defined, item_levels, parts};
use super::values::{check_values, end_of_texts};

/// A reader of pages that fails for one that does not hold what it says.
pub(crate) struct CheckedPages<P> {
    inner: P,
    column: LeafColumn,
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
    pub(crate) fn new(inner: P, schema: &SchemaDescriptor, leaf: usize, chunk: (u64, u64)) -> Self {
        let column = LeafColumn { leaf: schema.column(leaf), items: item_levels(schema, leaf) };
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

/// Fails with what is wrong with a page, after the words "a page".
fn check(
    page: &Page,
    column: &LeafColumn,
    seen: &mut Seen,
    chunk: (u64, u64),
) -> std::result::Result<(), String> {
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
) -> std::result::Result<(), String> {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use parquet::schema::parser::parse_message_type;

    use super::*;

    fn column(field: &str) -> LeafColumn {
        let message = parse_message_type(&format!("message m {{ required {field}; }}")).unwrap();
        let schema = SchemaDescriptor::new(Arc::new(message));
        LeafColumn { leaf: schema.column(0), items: item_levels(&schema, 0) }
    }

    /// So many plain values of four bytes.
    fn page(count: u32) -> Page {
        Page::DataPage {
            buf: vec![7; count as usize * 4].into(),
            num_values: count,
            encoding: Encoding::PLAIN,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        }
    }

    #[test]
    fn the_pages_of_a_column_have_the_rows_of_its_group() {
        let column = column("float a");
        for (pages, rows, fails) in [
            (&[3, 2][..], 5, None),
            (&[3, 2], 4, Some(1)),
            (&[5], 4, Some(0)),
            (&[3, 2], 6, Some(1)), // as the last page of the chunk, which has five values
        ] {
            let mut seen = Seen { before: Some(0), levels: 0, rows: Some(0) };
            let all = pages.iter().copied().map(u64::from).sum();
            let failed = pages.iter().position(|&count| {
                let checked = check(&page(count), &column, &mut seen, (all, rows));
                checked.is_err_and(|what| what.contains(&format!("its row group has {rows}")))
            });
            assert_eq!(failed, fails, "{pages:?} of {rows}");
        }
        // Where pages were skipped, nobody knows how many rows began.
        let mut seen = Seen { before: None, levels: 0, rows: None };
        assert_eq!(check(&page(9), &column, &mut seen, (9, 4)), Ok(()));
    }

    #[test]
    fn a_dictionary_of_texts_ends_with_its_last_one() {
        let dictionary = |bytes: &'static [u8], num_values| Page::DictionaryPage {
            buf: Bytes::from_static(bytes),
            num_values,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        let mut seen = Seen { before: Some(0), levels: 0, rows: Some(0) };
        let mut ends = |page| check(&page, &column("binary a"), &mut seen, (9, 9)).is_ok();
        assert!(ends(dictionary(b"\x01\0\0\0a\x02\0\0\0bc", 2)));
        assert!(!ends(dictionary(b"\x01\0\0\0a\x02\0\0\0bc", 1)));
        assert!(!ends(dictionary(b"\x01\0\0\0a\x02\0\0\0b", 2)));
    }
}
