//! A file that was described: all is known of it that planning asks for, and it is opened when rows of it are read.
//!
//! Once it is open it must be the very file that was described, or nothing is read of it.

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use arrow::array::ArrayRef;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;

use super::json_lines::JsonLinesPart;
use super::open::{Found, open_part};
use super::part::{Batches, Container, CorpusPart, Unpacking};
use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::forks::PerProcess;
use crate::exec::job::Job;
use crate::exec::locks::lock;
use crate::exec::memory::UnpackLimit;
use crate::io::file::Io;
use crate::io::identity::FileIdentity;
use crate::io::map::Map;
use crate::io::opened::Opened;

/// What to do about a file that is another.
const AGAIN: &str = "put the file back, or describe the corpus again";

/// What is known of a file without opening it.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) identity: FileIdentity,
    pub(crate) container: Container,
    /// The columns as they are stored, with what is told of all of them that counts.
    pub(crate) schema: SchemaRef,
    pub(crate) unit_rows: Vec<u64>,
    pub(crate) in_place: bool,
    /// About how many bytes the columns take together that were described.
    pub(crate) bytes: u64,
    /// Those columns, by their places.
    pub(crate) columns: Vec<DescribedColumn>,
    /// How it is to be read.
    pub(crate) io: Io,
}

/// What is known of a column of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DescribedColumn {
    pub(crate) place: usize,
    /// About how many bytes it takes.
    pub(crate) bytes: u64,
    /// About how many items its lists have, where that is known apart from their bytes.
    pub(crate) items: Option<u64>,
}

/// A described file, which is open or can be opened.
pub(crate) struct DescribedPart {
    told: Arc<Described>,
    opened: PerProcess<Opening>,
}

/// The file of a part, once it is open.
#[derive(Default)]
struct Opening {
    part: OnceLock<Arc<dyn CorpusPart>>,
    /// Held by who opens it.
    turn: Mutex<()>,
}

impl DescribedPart {
    pub(crate) fn new(told: Arc<Described>) -> Self {
        Self { told, opened: PerProcess::default() }
    }

    /// The open file, if it is open.
    fn open_part(&self) -> Option<&Arc<dyn CorpusPart>> {
        self.opened.find()?.part.get()
    }

    /// The open file, which the first that asks opens.
    fn part(&self) -> Result<&Arc<dyn CorpusPart>> {
        if let Some(part) = self.open_part() {
            return Ok(part);
        }
        self.opened_by(&Job::nested())
    }

    fn opened_by(&self, job: &Job<'_>) -> Result<&Arc<dyn CorpusPart>> {
        let here = self.opened.here()?;
        let _turn = lock(&here.turn)?;
        if let Some(part) = here.part.get() {
            return Ok(part);
        }
        let part = self.told.open(job)?;
        Ok(here.part.get_or_init(|| part))
    }

    fn column(&self, place: usize) -> Result<&DescribedColumn> {
        let found = self.told.columns.iter().find(|column| column.place == place);
        found.ok_or_else(|| checked::impossible("a column that was not described"))
    }
}

impl Described {
    /// Opens the file, and fails unless it is the one that was described.
    fn open(&self, job: &Job<'_>) -> Result<Arc<dyn CorpusPart>> {
        let path = &self.identity.path;
        // What is wrong with another file proves nothing of this one.
        let is_another = || self.check_identity(&FileIdentity::of_path(path, self.identity.rows)?);
        let found = open_part(path, self.io).map_err(|error| error.unless_changed(is_another))?;
        self.check_identity(&FileIdentity::of(found.opened()?, self.identity.rows)?)?;
        let part = match found {
            Found::Part(part) => part,
            Found::Lines(lines) => JsonLinesPart::open_told(job, lines, &self.schema)?,
        };
        if part.container() != Some(self.container) {
            return Err(self.changed("it is of another format".to_owned()));
        }
        if !is_told(&self.schema, part.schema()) {
            let (then, now) = (columns_of(&self.schema), columns_of(part.schema()));
            return Err(self.changed(format!("it had the columns {then} and has {now}")));
        }
        if self.unit_rows != part.unit_rows() {
            let (then, now) = (told_units(&self.unit_rows), told_units(part.unit_rows()));
            return Err(self.changed(format!("it had {then} and has {now}")));
        }
        part.check_unchanged()?;
        Ok(part)
    }

    fn check_identity(&self, now: &FileIdentity) -> Result<()> {
        let Some(what) = self.identity.difference(now, true) else { return Ok(()) }; // Proof: it is the same.
        Err(self.changed(format!("{what} (then {}, now {})", told(&self.identity), told(now))))
    }

    fn changed(&self, what: String) -> Error {
        let message = format!("the file is not the one that was described: {what}; {AGAIN}");
        Error::source_changed(&self.identity.path, At::File, message)
    }
}

/// Whether a file has the schema that is told of it, of which no more is told than what counts.
fn is_told(told: &Schema, stored: &Schema) -> bool {
    told.fields() == stored.fields()
        && told.metadata().iter().all(|(key, value)| stored.metadata().get(key) == Some(value))
}

/// A state of a file for a message.
fn told(file: &FileIdentity) -> String {
    // Proof: ends that nobody looked at are not compared either.
    let ends = file.ends.as_deref().unwrap_or("not known");
    format!("{} bytes, modified {} ns after 1970, digest of its ends {ends}", file.bytes, file.modified_ns)
}

fn columns_of(schema: &Schema) -> String {
    let columns = schema.fields().iter().map(|field| format!("{} {}", field.name(), field.data_type()));
    format!("[{}]", columns.collect::<Vec<_>>().join(", "))
}

fn told_units(rows: &[u64]) -> String {
    // Proof: a number in a message.
    let all = rows.iter().fold(0u64, |sum, &rows| sum.saturating_add(rows));
    format!("{all} rows in {} row groups or batches", rows.len())
}

impl CorpusPart for DescribedPart {
    fn path(&self) -> &Path {
        &self.told.identity.path
    }

    fn schema(&self) -> &SchemaRef {
        &self.told.schema
    }

    fn unit_rows(&self) -> &[u64] {
        &self.told.unit_rows
    }

    // What a plan is made of is as it was described, whatever is open.
    fn bytes(&self, columns: &[usize]) -> Result<u64> {
        if self.told.columns.iter().map(|column| &column.place).eq(columns) {
            return Ok(self.told.bytes);
        }
        // Proof: an estimate, cut at the largest that there can be.
        columns.iter().try_fold(0u64, |sum, &place| Ok(sum.saturating_add(self.column(place)?.bytes)))
    }

    fn items(&self, column: usize) -> Result<Option<u64>> {
        Ok(self.column(column)?.items)
    }

    fn check_readable(&self, columns: &[usize]) -> Result<()> {
        self.open_part().map_or(Ok(()), |part| part.check_readable(columns))
    }

    fn read(&self, unit: usize, columns: &[usize], wanted: &[u32], how: Unpacking) -> Result<Batches> {
        self.part()?.read(unit, columns, wanted, how)
    }

    fn in_place(&self) -> bool {
        self.told.in_place
    }

    fn view(&self, unit: usize, columns: &[usize]) -> Result<Option<RecordBatch>> {
        self.part()?.view(unit, columns)
    }

    fn unread(&self, unit: usize, column: usize, most: UnpackLimit) -> Result<Option<ArrayRef>> {
        self.part()?.unread(unit, column, most)
    }

    fn stored_bytes(&self, unit: usize, columns: &[usize]) -> Result<u64> {
        self.part()?.stored_bytes(unit, columns)
    }

    fn place(&self, unit: usize) -> Option<(&Arc<Map>, Range<usize>)> {
        self.open_part()?.place(unit)
    }

    fn opened(&self) -> Option<&Opened> {
        self.open_part()?.opened()
    }

    fn container(&self) -> Option<Container> {
        Some(self.told.container)
    }

    fn described(&self) -> Option<&FileIdentity> {
        Some(&self.told.identity)
    }

    fn is_open(&self) -> bool {
        self.open_part().is_some()
    }

    fn open(&self, job: &Job<'_>) -> Result<()> {
        self.opened_by(job).map(drop)
    }

    fn closed(&self) -> Option<Arc<dyn CorpusPart>> {
        if self.is_open() {
            return None;
        }
        Some(Arc::new(Self::new(Arc::clone(&self.told))))
    }
}
