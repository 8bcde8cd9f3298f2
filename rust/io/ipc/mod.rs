//! The messages of an Arrow IPC stream or file: where each lies, and the schema they share.
//!
//! Framing reads the message headers alone and no values. Every length that a file states is checked against
//! the file before it is used, so nothing is allocated for bytes that are not there. The layout is that of
//! the Arrow columnar format, "Encapsulated message format" and "IPC File Format".

mod buffers;
mod footer;
#[cfg(test)]
mod footer_tests;
mod frames;
mod message;
mod nodes;
mod offsets;
mod schema;
mod start;
mod stream;
#[cfg(test)]
mod tests;

pub(crate) use buffers::{MAX_RATIO, buffer, unpacked};
pub(crate) use message::{Contents, MessageBlock, MessageKind, begins_unmarked, header_of, message};
pub(crate) use nodes::{buffers_of_columns, items_of_column};
pub(crate) use schema::{schema_bytes, schema_of};

use self::footer::MAGIC;
use self::frames::Frames;
use super::read_at::ReadAt;
use crate::checked;
use crate::error::Result;

impl Contents {
    /// Frames a whole file, whichever of the two formats it has.
    ///
    /// A stream must end with its end mark and a file with its footer: without them it was cut.
    pub(crate) fn read(file: &(impl ReadAt + ?Sized)) -> Result<Self> {
        let mut frames = Frames::new(file);
        let start = file.read_at(0, checked::index(file.size().min(6))?)?;
        if *start == *MAGIC {
            frames.read_file()
        } else {
            frames.marked = !begins_unmarked(file, 0)?;
            frames.read_stream()
        }
    }
}
