//! An Arrow IPC stream or file that is open: where its messages lie, and how they are read.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock};

use arrow::array::ArrayRef;
use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;
use arrow::ipc::{MetadataVersion, RecordBatch as BatchHeader};

use super::excerpt::Excerpt;
use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::forks::PerProcess;
use crate::exec::memory::UnpackLimit;
use crate::io::file::File;
use crate::io::ipc::{self, Contents, MessageBlock, MessageKind};
use crate::io::read_at::ReadAt;

/// Dictionaries by their numbers.
pub(super) type Dictionaries = Arc<HashMap<i64, ArrayRef>>;

/// An Arrow IPC stream or file, mapped or read by position.
pub(crate) struct ArrowPart {
    pub(super) file: File,
    /// All of its bytes, if they are mapped.
    pub(super) mapped: Option<Buffer>,
    pub(super) types: DecodedAs,
    /// The same with bytes in place of texts, once a batch has texts that cannot be decoded.
    pub(super) as_bytes: PerProcess<OnceLock<DecodedAs>>,
    pub(super) batches: Vec<BatchPlace>,
    pub(super) rows: Vec<u64>,
    pub(super) dictionaries: Vec<MessageBlock>,
    /// Bytes of all batches once they are unpacked.
    pub(super) unpacked: PerProcess<OnceLock<u64>>,
}

/// What batches are decoded as.
pub(super) struct DecodedAs {
    pub(super) schema: SchemaRef,
    /// The dictionaries, by how many of their messages were decoded.
    pub(super) dictionaries: PerProcess<Mutex<BTreeMap<usize, Dictionaries>>>,
}

impl DecodedAs {
    pub(super) fn new(schema: SchemaRef) -> Self {
        Self { schema, dictionaries: PerProcess::default() }
    }
}

/// A record batch.
pub(super) struct BatchPlace {
    pub(super) place: MessageBlock,
    /// Whether its buffers are compressed.
    pub(super) packed: bool,
    /// How many of the dictionary messages come before it.
    pub(super) dictionaries: usize,
}

impl ArrowPart {
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
                MessageKind::Batch { rows: count, packed } => {
                    batches.push(BatchPlace { place, packed, dictionaries: dictionaries.len() });
                    rows.push(count);
                }
                MessageKind::Dictionary => dictionaries.push(place),
            }
        }
        let (as_bytes, unpacked) = (PerProcess::default(), PerProcess::default());
        Ok(Self {
            file,
            mapped,
            types: DecodedAs::new(schema),
            as_bytes,
            batches,
            rows,
            dictionaries,
            unpacked,
        })
    }

    /// A message with its body, as it is decoded. A copy of it takes no more memory than may be.
    pub(super) fn excerpt(&self, place: &MessageBlock, what: &str, most: UnpackLimit) -> Result<Excerpt<'_>> {
        if let Some(mapped) = &self.mapped {
            return Ok(Excerpt::of_map(self.file.path(), mapped));
        }
        let span = span(place);
        let bytes = checked::sub(span.end, span.start)?;
        most.check(|| self.naming(place, what), bytes, 1).map_err(|none| Error::Memory(none.to_string()))?;
        Excerpt::copied(&self.file, &span)
    }

    /// Looks at the header of a batch.
    pub(super) fn header<R>(
        &self,
        from: &impl ReadAt,
        place: &MessageBlock,
        look: impl FnOnce(BatchHeader<'_>, MetadataVersion) -> Result<R>,
    ) -> Result<R> {
        let bytes = ipc::header_of(from, place)?;
        let message = ipc::message(self.file.path(), place, &bytes)?;
        let header = message.header_as_record_batch().ok_or_else(|| self.gone(place, "batch"))?;
        look(header, message.version())
    }

    pub(super) fn gone(&self, place: &MessageBlock, what: &str) -> Error {
        let message = format!("the {what} is gone; the file changed");
        Error::format(self.file.path(), At::Byte(place.header.start), message)
    }

    pub(super) fn batch(&self, unit: usize) -> Result<&BatchPlace> {
        self.batches.get(unit).ok_or_else(|| Error::Internal(format!("there is no batch {unit}")))
    }

    pub(super) fn naming(&self, place: &MessageBlock, what: &str) -> String {
        format!("{}: {what} at byte {}", self.file.path().display(), place.header.start)
    }
}

/// Where a message and its body lie.
pub(super) fn span(place: &MessageBlock) -> Range<u64> {
    place.header.start..place.body.end
}
