//! Values that lie in files: runs of one type, one after the other, as one vector.
//!
//! A run inside one aligned, native, contiguous part is read where it lies. What is strided, in the other
//! byte order, unaligned, or across two parts is copied into the caller's scratch, a block at a time.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::chosen::Chosen;
use super::hashes::Hashes;
use super::part::Part;
use super::reduce::read_values;
use crate::checked::{self, impossible};
use crate::error::{At, Error, Result};
use crate::io::file::{File, Storage, to_usize};
use crate::io::identity::FileIdentity;
use crate::scores::Source;
use crate::scores::dtype::{DType, Scratch, Value, Values};
use crate::scores::options::OpenOptions;
use crate::with_dtype;

/// Rows after those that are read now whose parts are asked of the disk.
const NEXT: u64 = 1 << 22;

/// The parts of one or several files as one vector, in the order given.
#[derive(Debug, Clone)]
pub(crate) struct StoredVector {
    files: Arc<[File]>,
    parts: Vec<Part>,
    /// The row after the last one of each part.
    ends: Vec<u64>,
    dtype: DType,
    /// The rows of each file.
    file_rows: Arc<[u64]>,
    /// What of the files they are, where these may hold more.
    chosen: Arc<Chosen>,
    /// How they were opened.
    origin: Option<Origin>,
    /// The hashes of each file, if they were asked for.
    hashes: Option<Arc<[Hashes]>>,
}

impl StoredVector {
    /// Joins what was found in each file. All must be of one type.
    pub(crate) fn new(found: Vec<(File, Vec<Part>)>) -> Result<Self> {
        let mut first: Option<(DType, usize)> = None;
        for (index, (file, parts)) in found.iter().enumerate() {
            for part in parts {
                check_bounds(file, part)?;
                let (dtype, origin) = *first.get_or_insert((part.dtype, index));
                if part.dtype != dtype {
                    return Err(Error::schema(
                        file.path(),
                        At::File,
                        format!(
                            "its values are {}, and those of {} are {dtype}; one vector has one type: convert one of them",
                            part.dtype,
                            found[origin].0.path().display()
                        ),
                    ));
                }
            }
        }
        let Some((dtype, _)) = first else {
            return Err(Error::Value("no score file was given that holds a vector".into()));
        };
        let (files, parts): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        let count = |parts: &Vec<Part>| parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(part.len));
        let file_rows: Option<Vec<u64>> = parts.iter().map(count).collect();
        let file_rows =
            file_rows.ok_or_else(|| Error::Value("a score file holds more than 2^64 rows".into()))?;
        let parts = parts.into_iter().flatten(); // Proof: lists, each whole.
        Self::of_parts((files.into(), file_rows.into()), parts, dtype)
    }

    fn of_parts(
        (files, file_rows): (Arc<[File]>, Arc<[u64]>),
        parts: impl Iterator<Item = Part>,
        dtype: DType,
    ) -> Result<Self> {
        let parts: Vec<_> = parts.filter(|part| part.len > 0).collect();
        let mut end = 0_u64;
        let mut ends = Vec::with_capacity(parts.len());
        for part in &parts {
            end = end
                .checked_add(part.len)
                .ok_or_else(|| Error::Value("the score files hold more than 2^64 rows together".into()))?;
            ends.push(end);
        }
        Ok(Self { files, parts, ends, dtype, file_rows, chosen: Arc::default(), origin: None, hashes: None })
    }

    /// The same, with how it was opened and what of the files it is.
    pub(crate) fn opened_by(self, options: &OpenOptions, chosen: Chosen) -> Self {
        let origin = Some(Origin { options: Arc::new(options.clone()), start: 0 });
        Self { chosen: Arc::new(chosen), origin, ..self }
    }

    /// The same, with the hashes of each file.
    pub(crate) fn hashed(self, hashes: Vec<Hashes>) -> Result<Self> {
        checked::equal("files that were hashed", hashes.len(), self.files.len())?;
        Ok(Self { hashes: Some(hashes.into()), ..self })
    }

    /// The hashes of each file, if they were asked for.
    pub(crate) fn hashes(&self) -> Option<&[Hashes]> {
        self.hashes.as_deref()
    }

    /// The files, in the order given.
    pub(crate) fn files(&self) -> &[File] {
        &self.files
    }

    /// The rows of all files together, of which it may be a part. That they fit was looked at when it was made.
    pub(crate) fn rows_of_files(&self) -> u64 {
        self.file_rows.iter().sum()
    }

    /// The parts, each with the number of its file and with its first row.
    pub(crate) fn placed(&self) -> impl Iterator<Item = Result<(usize, u64, &Part)>> {
        // Proof: made together, an end for each part.
        self.parts.iter().zip(&self.ends).map(|(part, &end)| {
            let first = checked::sub(end, part.len)?;
            Ok((self.locate(first)?.0, first, part))
        })
    }

    /// How it was opened, and the first row of what was.
    pub(crate) fn origin(&self) -> Option<(&OpenOptions, u64)> {
        self.origin.as_ref().map(|origin| (origin.options.as_ref(), origin.start))
    }

    /// The files, as they were when they were opened and still are, with all their rows.
    pub(crate) fn identities(&self) -> Result<Vec<FileIdentity>> {
        self.check_unchanged()?;
        let files = checked::zip(self.files.iter(), self.file_rows.iter())?;
        files.map(|(file, &rows)| FileIdentity::of(file.opened(), Some(rows))).collect()
    }

    /// What of the files it is, where these may hold more.
    pub(crate) fn chosen(&self) -> &Chosen {
        &self.chosen
    }

    /// The rows `rows`, which lie within `0..len`, without the others. Nothing is read.
    pub(crate) fn cut(&self, rows: &Range<u64>) -> Result<Self> {
        let cuts: Option<Vec<_>> =
            self.overlapping(rows.clone()).map(|(part, rows)| part.cut(&rows)).collect();
        let cuts = cuts.ok_or_else(|| impossible("a part lies outside its file"))?;
        let files = (Arc::clone(&self.files), Arc::clone(&self.file_rows));
        let cut = Self::of_parts(files, cuts.into_iter(), self.dtype)?;
        checked::equal("rows of a slice", Source::len(&cut), checked::sub(rows.end, rows.start)?)?;
        let origin = self.origin.as_ref().map(|origin| {
            let start = checked::add(origin.start, rows.start)?;
            Ok::<_, Error>(Origin { options: Arc::clone(&origin.options), start })
        });
        let (chosen, hashes) = (self.chosen.clone(), self.hashes.clone());
        Ok(Self { chosen, origin: origin.transpose()?, hashes, ..cut })
    }

    /// The files, in the order given.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(File::path)
    }

    /// The file that a row lies in, and its number there.
    pub(crate) fn file_of(&self, row: u64) -> Result<(PathBuf, u64)> {
        let (file, row) = self.locate(row)?;
        Ok((checked::get(&self.files, file)?.path().to_path_buf(), row))
    }

    /// The number of the file that a row lies in, and its number there.
    fn locate(&self, row: u64) -> Result<(usize, u64)> {
        // A vector that was opened may have lost its first rows to a slice.
        let start = self.origin.as_ref().map_or(0, |origin| origin.start); // Proof: then it is none.
        let mut row = checked::add(row, start)?;
        for (file, &rows) in self.file_rows.iter().enumerate() {
            match row.checked_sub(rows) {
                Some(rest) => row = rest,
                None => return Ok((file, row)),
            }
        }
        Err(impossible("a row lies behind those of all files"))
    }

    /// Whether every value is read through a map of its file.
    pub(crate) fn is_mapped(&self) -> bool {
        self.files.iter().all(|file| matches!(file, File::Mapped(_)))
            && self.parts.iter().all(|part| matches!(part.storage, Storage::Mapped(_)))
    }

    /// The parts that hold `rows`, each with the rows counted from its own start.
    fn overlapping(&self, rows: Range<u64>) -> impl Iterator<Item = (&Part, Range<u64>)> {
        let first = self.ends.partition_point(|&end| end <= rows.start);
        let parts = self.parts.iter().zip(&self.ends).skip(first); // Proof: made together, an end for each part.
        // Proof: the parts after the first that begins behind the rows hold none of them.
        parts.map_while(move |(part, &end)| {
            let begin = end - part.len;
            let (start, stop) = (rows.start.max(begin), rows.end.min(end));
            (start < stop).then(|| (part, start - begin..stop - begin))
        })
    }
}

impl Source for StoredVector {
    fn len(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0) // Proof: no parts have no rows.
    }

    fn dtype(&self) -> DType {
        self.dtype
    }

    fn read<'a>(&'a self, rows: Range<u64>, scratch: &'a mut Scratch) -> Result<Values<'a>> {
        let mut overlapping = self.overlapping(rows.clone());
        if let (Some((part, within)), None) = (overlapping.next(), overlapping.next())
            && let Some(values) = part.borrow(&within)
        {
            return Ok(values);
        }
        let len = checked::len(&rows)?;
        let size = self.dtype.size();
        with_dtype!(self.dtype, T => {
            let values = scratch.values::<T>(len);
            let mut rest: &mut [u8] = bytemuck::cast_slice_mut(values);
            for (part, within) in self.overlapping(rows) {
                let bytes = checked::mul(checked::len(&within)?, size)?;
                let (into, after) = rest
                    .split_at_mut_checked(bytes)
                    .ok_or_else(|| impossible("parts overlap"))?;
                read_values(part, &within, into)?;
                rest = after;
            }
            checked::equal("bytes of values without a part", rest.len(), 0)?;
            Ok(<T as Value>::wrap(values))
        })
    }

    fn prefetch(&self, rows: Range<u64>) -> Result<()> {
        // The next part may lie in another file, whose first bytes must be on their way by then.
        // Proof: saturates beyond the last row, and is a hint.
        let next = rows.end..rows.end.saturating_add(NEXT).min(Source::len(self));
        for (part, within) in self.overlapping(rows.clone()).chain(self.overlapping(next)) {
            if let Some(opened) = part.storage.opened() {
                part.spans(&within).iter().for_each(|span| opened.read_ahead(span));
            }
        }
        for (part, within) in self.overlapping(rows) {
            if let Storage::Mapped(map) = &part.storage {
                // Proof: bytes beyond what can be addressed are none of a map.
                part.spans(&within)
                    .into_iter()
                    .filter_map(to_usize)
                    .try_for_each(|range| map.populate(range))?;
            }
        }
        Ok(())
    }

    fn hint_will_need(&self, rows: Range<u64>) -> bool {
        let hint = |(part, within): (&Part, Range<u64>)| match part.storage.opened() {
            Some(opened) => {
                part.spans(&within).iter().fold(false, |missing, span| missing | opened.hint_if_missing(span))
            }
            None => false,
        };
        self.overlapping(rows).fold(false, |missing, part| missing | hint(part))
    }

    fn borrow_all(&self) -> Option<Values<'_>> {
        match self.parts.as_slice() {
            [] => Values::from_bytes(self.dtype, &[]),
            [part] => part.borrow(&(0..part.len)),
            _ => None,
        }
    }

    fn first_row(&self) -> u64 {
        // Proof: only a vector that was opened is cut.
        self.origin.as_ref().map_or(0, |origin| origin.start)
    }

    fn place_of(&self, row: u64) -> Result<(PathBuf, u64)> {
        self.file_of(row)
    }

    fn check_unchanged(&self) -> Result<()> {
        self.files.iter().try_for_each(|file| file.opened().check_unchanged())
    }
}

/// Fails unless all values of a part lie in its storage.
fn check_bounds(file: &File, part: &Part) -> Result<()> {
    let size = part.storage.size();
    match part.span(&(0..part.len)) {
        Some(span) if part.len == 0 || span.end <= size => Ok(()),
        _ => Err(Error::truncated(
            file.path(),
            At::Byte(part.offset),
            format!(
                "{} values of {} with stride {} do not fit into {size} bytes; the file is cut or its header is wrong",
                part.len,
                part.stored(),
                part.stride
            ),
        )),
    }
}

/// How a vector was opened, for those that are cut from it as well.
#[derive(Debug, Clone)]
struct Origin {
    options: Arc<OpenOptions>,
    /// The first row.
    start: u64,
}
