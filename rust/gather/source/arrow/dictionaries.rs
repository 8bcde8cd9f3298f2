//! The dictionaries of a stream, decoded when a batch needs them.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::ipc::reader::read_dictionary;

use super::stream::{ArrowPart, DecodedAs, Dictionaries};
use super::unpacked::{check_buffers, unpacked_buffers};
use crate::checked;
use crate::error::{At, Result};
use crate::exec::catch_panic::guard;
use crate::exec::locks::lock;
use crate::exec::memory::{UnpackLimit, check_bytes};
use crate::io::ipc::{self, MessageBlock};

impl ArrowPart {
    /// Returns the dictionaries as they stand after so many dictionary messages.
    pub(super) fn dictionaries(&self, types: &DecodedAs, count: usize) -> Result<Dictionaries> {
        let mut decoded = lock(types.dictionaries.here()?)?;
        if let Some(found) = decoded.get(&count) {
            return Ok(found.clone());
        }
        let (done, mut all) = match decoded.range(..count).next_back() {
            Some((&done, before)) => (done, HashMap::clone(before)),
            None => (0, HashMap::new()),
        };
        for place in checked::get(&self.dictionaries, done..count)? {
            self.dictionary(types, place, &mut all)?;
        }
        let all = Arc::new(all);
        decoded.insert(count, all.clone());
        Ok(all)
    }

    /// Decodes one dictionary message into those that are known.
    fn dictionary(
        &self,
        types: &DecodedAs,
        place: &MessageBlock,
        all: &mut HashMap<i64, ArrayRef>,
    ) -> Result<()> {
        self.file.populate(&place.body)?;
        let excerpt = self.excerpt(place, "the dictionary", UnpackLimit::default())?;
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
            read_dictionary(&body, batch, &types.schema, all, &message.version())
        })
    }
}
