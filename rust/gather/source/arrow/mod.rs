//! Arrow IPC shards: streams and files, decoded where they lie, or read by position.
//!
//! Opening looks at the message headers alone; every batch is checked against its body before it is decoded.

mod excerpt;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use arrow::array::ArrayRef;
use arrow::buffer::Buffer;
use arrow::datatypes::{Fields, Schema, SchemaRef};
use arrow::ipc::reader::{read_dictionary, read_record_batch};
use arrow::ipc::{MetadataVersion, RecordBatch as BatchHeader};
use arrow::record_batch::RecordBatch;

use self::excerpt::Excerpt;
use super::check_values::{checked_batch, without_texts_in};
use super::part::{Batches, Part};
use super::pick::picked;
use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::catch_panic::guard;
use crate::exec::forks::PerProcess;
use crate::exec::locks::lock;
use crate::exec::memory::{Most, check_bytes};
use crate::gather::columns::size::{fixed_bytes, has_keys, nbytes, total};
use crate::gather::columns::types::project;
use crate::io::file::File;
use crate::io::ipc::nodes::buffers_of_columns;
use crate::io::ipc::{self, Contents, Kind, Place, ReadAt};
use crate::io::mmap::Map;
use crate::io::opened::Opened;

/// One row in so many must be wanted for the whole body to be brought into memory at once.
const DENSE: u64 = 32;

type Dictionaries = Arc<HashMap<i64, ArrayRef>>;

/// An Arrow IPC stream or file, mapped or read by position.
pub(crate) struct Stream {
    file: File,
    /// All of its bytes, if they are mapped.
    mapped: Option<Buffer>,
    told: Told,
    /// The same with bytes in place of texts, where a batch has texts that cannot be decoded.
    as_bytes: PerProcess<OnceLock<Told>>,
    batches: Vec<Batch>,
    rows: Vec<u64>,
    dictionaries: Vec<Place>,
    /// Bytes of all batches once they are unpacked.
    unpacked: PerProcess<OnceLock<u64>>,
}

/// What batches are decoded as.
struct Told {
    schema: SchemaRef,
    /// The dictionaries, by how many of their messages were decoded.
    dictionaries: PerProcess<Mutex<BTreeMap<usize, Dictionaries>>>,
}

impl Told {
    fn new(schema: SchemaRef) -> Self {
        Self { schema, dictionaries: PerProcess::default() }
    }
}

/// A batch as it was decoded.
enum Decoded {
    /// In the types that the file tells.
    Told(RecordBatch),
    /// With bytes in place of texts.
    Bytes(RecordBatch),
}

/// A record batch.
struct Batch {
    place: Place,
    /// Whether its buffers are compressed.
    packed: bool,
    /// How many of the dictionary messages come before it.
    dictionaries: usize,
}

impl Stream {
    /// Opens a stream, which must end with its end mark, or a file, by its footer.
    pub(crate) fn open(file: File) -> Result<Self> {
        // The headers are read one by one, and pages are brought into memory by their names: what the system
        // would read around each of them is the whole file.
        if let Some(map) = file.map() {
            map.expect_jumps();
        }
        let Contents { schema, messages } = Contents::read(file.opened())?;
        let mapped = file.map().map(|map| Buffer::from(map.shared_bytes()));
        let (mut batches, mut rows, mut dictionaries) = (Vec::new(), Vec::new(), Vec::new());
        for (place, kind) in messages {
            match kind {
                Kind::Batch { rows: count, packed } => {
                    batches.push(Batch { place, packed, dictionaries: dictionaries.len() });
                    rows.push(count);
                }
                Kind::Dictionary => dictionaries.push(place),
            }
        }
        let (as_bytes, unpacked) = (PerProcess::default(), PerProcess::default());
        Ok(Self { file, mapped, told: Told::new(schema), as_bytes, batches, rows, dictionaries, unpacked })
    }

    /// A message with its body, as it is decoded. A copy of it takes no more memory than may be.
    fn excerpt(&self, place: &Place, what: &str, most: Most) -> Result<Excerpt<'_>> {
        if let Some(mapped) = &self.mapped {
            return Ok(Excerpt::of_map(self.file.path(), mapped));
        }
        let span = span(place);
        let bytes = checked::sub(span.end, span.start)?;
        most.check(|| self.naming(place, what), bytes, 1).map_err(|none| Error::Memory(none.to_string()))?;
        Excerpt::copied(&self.file, &span)
    }

    /// The dictionaries as they stand after so many dictionary messages.
    fn dictionaries(&self, told: &Told, count: usize) -> Result<Dictionaries> {
        let mut decoded = lock(told.dictionaries.here()?)?;
        if let Some(found) = decoded.get(&count) {
            return Ok(found.clone());
        }
        let (done, mut all) = match decoded.range(..count).next_back() {
            Some((&done, before)) => (done, HashMap::clone(before)),
            None => (0, HashMap::new()),
        };
        for place in checked::get(&self.dictionaries, done..count)? {
            self.dictionary(told, place, &mut all)?;
        }
        let all = Arc::new(all);
        decoded.insert(count, all.clone());
        Ok(all)
    }

    /// Decodes one dictionary message into those that are known.
    fn dictionary(&self, told: &Told, place: &Place, all: &mut HashMap<i64, ArrayRef>) -> Result<()> {
        self.file.populate(&place.body)?;
        let excerpt = self.excerpt(place, "the dictionary", Most::default())?;
        let header = ipc::header_of(&excerpt, place)?;
        let message = ipc::message(self.file.path(), place, &header)?;
        let batch = message.header_as_dictionary_batch().ok_or_else(|| self.gone(place, "dictionary"))?;
        if let Some(data) = batch.data() {
            check_buffers(&excerpt, place, &data)?;
        }
        if let Some(data) = batch.data().filter(|data| data.compression().is_some()) {
            let bytes = unpacked_buffers(&excerpt, place, &data)?;
            check_bytes(|| self.naming(place, "the dictionary"), bytes, 1)?;
        }
        let body = excerpt.buffer(&place.body)?;
        guard(self.file.path(), &At::Byte(place.header.start), "decoding a dictionary", || {
            read_dictionary(&body, batch, &told.schema, all, &message.version())
        })
    }

    /// Looks at the header of a batch.
    fn header<R>(
        &self,
        from: &impl ReadAt,
        place: &Place,
        look: impl FnOnce(BatchHeader<'_>, MetadataVersion) -> Result<R>,
    ) -> Result<R> {
        let bytes = ipc::header_of(from, place)?;
        let message = ipc::message(self.file.path(), place, &bytes)?;
        let header = message.header_as_record_batch().ok_or_else(|| self.gone(place, "batch"))?;
        look(header, message.version())
    }

    fn gone(&self, place: &Place, what: &str) -> Error {
        let message = format!("the {what} is gone; the file changed");
        Error::format(self.file.path(), At::Byte(place.header.start), message)
    }

    fn batch(&self, unit: usize) -> Result<&Batch> {
        self.batches.get(unit).ok_or_else(|| Error::Internal(format!("there is no batch {unit}")))
    }

    /// Some columns of a batch, in their order.
    ///
    /// The bytes of one row that are no text make all of its batch unreadable: they then come as bytes, of which
    /// [`checked_batch`] makes the texts of wanted rows.
    fn decode(&self, batch: &Batch, columns: &[usize], most: Most) -> Result<Decoded> {
        let excerpt = self.excerpt(&batch.place, "the batch", most)?;
        let error = match self.decode_as(&self.told, batch, &excerpt, columns, most) {
            Ok(batch) => return Ok(Decoded::Told(batch)),
            Err(error @ Error::Memory(_)) => return Err(error),
            Err(error) => error,
        };
        let fields = self.told.schema.fields();
        let stored: Fields = fields.iter().map(without_texts_in).collect();
        if stored == *fields {
            return Err(error);
        }
        let metadata = self.told.schema.metadata().clone();
        let told = || Told::new(Arc::new(Schema::new_with_metadata(stored, metadata)));
        let told = self.as_bytes.here()?.get_or_init(told);
        self.decode_as(told, batch, &excerpt, columns, most).map(Decoded::Bytes).map_err(|_| error)
    }

    fn decode_as(
        &self,
        told: &Told,
        batch: &Batch,
        excerpt: &Excerpt<'_>,
        columns: &[usize],
        most: Most,
    ) -> Result<RecordBatch> {
        self.check_room(batch, excerpt, columns, most)?;
        let decode = |header: BatchHeader<'_>, version| {
            self.decode_with(told, batch, excerpt, columns, header, version)
        };
        let batch = self.header(excerpt, &batch.place, decode)?;
        batch.with_schema(project(&told.schema, columns)?).map_err(|e| Error::Internal(e.to_string()))
    }

    fn decode_with(
        &self,
        told: &Told,
        batch: &Batch,
        excerpt: &Excerpt<'_>,
        columns: &[usize],
        header: BatchHeader<'_>,
        version: MetadataVersion,
    ) -> Result<RecordBatch> {
        let dictionaries = self.dictionaries(told, batch.dictionaries)?;
        let place = &batch.place;
        check_buffers(excerpt, place, &header)?;
        let body = excerpt.buffer(&place.body)?;
        let decode = |columns: &[usize], at: &At| {
            guard(self.file.path(), at, "decoding a record batch", || {
                let schema = told.schema.clone();
                read_record_batch(&body, header, schema, &dictionaries, Some(columns), &version)
            })
        };
        decode(columns, &At::Byte(place.header.start)).map_err(|error| {
            // Which column it is, is known by decoding them one by one.
            let of_column = |&column: &usize| {
                let name = told.schema.field(column).name();
                decode(
                    &[column],
                    &At::Field(format!("column {name:?} in the batch at byte {}", place.header.start)),
                )
                .err()
            };
            // Proof: where each can be decoded alone, the error is that of all.
            columns.iter().find_map(of_column).unwrap_or(error)
        })
    }

    /// Fails where some columns of a batch unpack to more than may be, or than memory has room for.
    fn check_room(&self, batch: &Batch, excerpt: &Excerpt<'_>, columns: &[usize], most: Most) -> Result<()> {
        if !batch.packed {
            return Ok(());
        }
        let place = &batch.place;
        let bytes = self.header(excerpt, place, |header, version| {
            let broken = |what| Error::format(self.file.path(), At::Byte(place.header.start), what);
            let buffers = buffers_of_columns(&self.told.schema, &header, version).map_err(broken)?;
            let mut bytes = 0u64;
            for &column in columns {
                for buffer in checked::get(&buffers, column)?.clone() {
                    let span = ipc::buffer(self.file.path(), place, &header, buffer)?;
                    // Proof: what saturates finds no room.
                    bytes = bytes.saturating_add(ipc::unpacked(excerpt, span)?);
                }
            }
            Ok(bytes)
        })?;
        most.check(|| self.naming(place, "the batch"), bytes, 1)
            .map_err(|none| Error::Memory(none.to_string()))
    }

    fn naming(&self, place: &Place, what: &str) -> String {
        format!("{}: {what} at byte {}", self.file.path().display(), place.header.start)
    }

    /// Bytes of all batches, unpacked: those of compressed buffers stand before them.
    fn unpacked(&self) -> Result<u64> {
        let unpacked = self.unpacked.here()?;
        if let Some(&known) = unpacked.get() {
            return Ok(known);
        }
        let mut bytes = self.batches.iter().map(|Batch { place, packed, .. }| match packed {
            false => Ok(place.body.end - place.body.start),
            true => self.header(&self.file, place, |header, _| unpacked_buffers(&self.file, place, &header)),
        });
        // Proof: an estimate, cut at the largest that there can be.
        let sum = bytes.try_fold(0u64, |sum, bytes| Ok::<_, Error>(sum.saturating_add(bytes?)))?;
        Ok(*unpacked.get_or_init(|| sum))
    }

    /// The wanted rows of a batch that has bytes in place of texts, which are checked.
    fn checked(
        &self,
        unit: usize,
        columns: &[usize],
        batch: RecordBatch,
        wanted: Vec<u32>,
    ) -> Result<Batches> {
        let (path, schema) = (self.file.path().to_path_buf(), project(&self.told.schema, columns)?);
        let first: u64 = self.rows.iter().take(unit).sum();
        let mut given = 0;
        let batches = picked(&path, batch, wanted.clone());
        Ok(Box::new(batches.map(move |batch| {
            let batch = batch?;
            let row = |row: usize| Some(first + u64::from(*wanted.get(given + row)?));
            let checked = checked_batch(&path, &schema, &batch, row);
            given += batch.num_rows();
            checked
        })))
    }

    /// Bytes of some columns in all batches, by what they take in the first batch that has rows.
    fn sampled(&self, columns: &[usize]) -> Result<u64> {
        // Proof: no rows take no bytes.
        let Some(first) = self.rows.iter().position(|&rows| rows > 0) else { return Ok(0) };
        let (Decoded::Told(batch) | Decoded::Bytes(batch)) =
            self.decode(self.batch(first)?, columns, Most::default())?;
        let bytes = batch.columns().iter().map(|c| nbytes(c.as_ref(), 0, c.len()));
        let bytes = bytes.fold(0, u64::saturating_add);
        let rows: u64 = self.rows.iter().sum();
        let scaled = u128::from(bytes) * u128::from(rows) / (batch.num_rows().max(1) as u128);
        Ok(u64::try_from(scaled).unwrap_or(u64::MAX)) // Proof: an estimate.
    }
}

impl Part for Stream {
    fn path(&self) -> &Path {
        self.file.path()
    }

    fn schema(&self) -> &SchemaRef {
        &self.told.schema
    }

    fn unit_rows(&self) -> &[u64] {
        &self.rows
    }

    fn bytes(&self, columns: &[usize]) -> Result<u64> {
        let rows: u64 = self.rows.iter().sum();
        let widths = columns.iter().map(|&column| fixed_bytes(self.told.schema.field(column).data_type()));
        if let Some(width) = total(widths) {
            return Ok(rows.saturating_mul(width)); // Proof: an estimate.
        }
        if columns.len() < self.told.schema.fields().len() {
            return self.sampled(columns);
        }
        // Keys lie in the batches, and what they stand for does not.
        let keyed = |&column: &usize| has_keys(self.told.schema.field(column).data_type());
        let keyed: Vec<usize> = columns.iter().copied().filter(keyed).collect();
        let values = if keyed.is_empty() { 0 } else { self.sampled(&keyed)? };
        Ok(self.unpacked()?.saturating_add(values)) // Proof: an estimate.
    }

    fn read(&self, unit: usize, columns: &[usize], wanted: &[u32], most: Most) -> Result<Batches> {
        let batch = self.batch(unit)?;
        let place = &batch.place;
        let rows = *checked::get(&self.rows, unit)?;
        if wanted.len() as u64 * DENSE >= rows {
            self.file.opened().read_ahead(span(place));
            self.file.populate(&span(place))?;
        }
        match self.decode(batch, columns, most)? {
            Decoded::Told(batch) => Ok(picked(self.file.path(), batch, wanted.to_vec())),
            Decoded::Bytes(batch) => self.checked(unit, columns, batch, wanted.to_vec()),
        }
    }

    fn in_place(&self) -> bool {
        self.mapped.is_some() && !self.batches.iter().any(|batch| batch.packed)
    }

    fn view(&self, unit: usize, columns: &[usize]) -> Result<Option<RecordBatch>> {
        let batch = self.batch(unit)?;
        if batch.packed || self.mapped.is_none() {
            return Ok(None);
        }
        match self.decode(batch, columns, Most::default())? {
            Decoded::Told(batch) => Ok(Some(batch)),
            Decoded::Bytes(_) => Ok(None),
        }
    }

    fn stored_bytes(&self, unit: usize, _columns: &[usize]) -> Result<u64> {
        let span = span(&self.batch(unit)?.place);
        checked::sub(span.end, span.start)
    }

    fn place(&self, unit: usize) -> Option<(&Arc<Map>, Range<usize>)> {
        let Batch { place, .. } = self.batches.get(unit)?;
        let (map, span) = (self.file.map()?, checked::span(&span(place)).ok()?);
        (span.end <= map.bytes().len()).then_some((map, span))
    }

    fn opened(&self) -> Option<&Opened> {
        Some(self.file.opened())
    }
}

/// Where a message and its body lie.
fn span(place: &Place) -> Range<u64> {
    place.header.start..place.body.end
}

/// Fails if a buffer lies outside of the body, or is declared to unpack to more than any codec can hold.
fn check_buffers(from: &impl ReadAt, place: &Place, batch: &BatchHeader<'_>) -> Result<()> {
    // Proof: without buffers, there is none to check, and the decoder refuses columns that need some.
    let count = batch.buffers().map_or(0, |buffers| buffers.iter().len());
    for index in 0..count {
        let span = ipc::buffer(from.path(), place, batch, index)?;
        if batch.compression().is_some() && span.end - span.start >= 8 {
            ipc::unpacked(from, span)?;
        }
    }
    Ok(())
}

/// Proof: an estimate, cut at the largest that there can be; without buffers, a batch has no bytes.
fn unpacked_buffers(from: &impl ReadAt, place: &Place, batch: &BatchHeader<'_>) -> Result<u64> {
    let count = batch.buffers().map_or(0, |buffers| buffers.iter().len());
    (0..count).try_fold(0u64, |sum, index| {
        let span = ipc::buffer(from.path(), place, batch, index)?;
        Ok(sum.saturating_add(ipc::unpacked(from, span)?))
    })
}
