//! Offsets of zero in the flatbuffers of Arrow: a table, a list or a text that would lie where its offset does.
//!
//! No writer writes them and other readers refuse them. The `flatbuffers` crate follows them, to a table of nothing
//! but defaults, which makes a column one of 16 bits, or to an empty list or text.

use arrow::ipc::{
    DictionaryBatch, DictionaryEncoding, Field, Footer, KeyValue, Message, RecordBatch, Schema, Timestamp,
    Union,
};

/// Whether a table has its list of fields, and those of some fields that are there lie elsewhere than their offsets.
macro_rules! leads_on {
    ($table:expr $(, $field:expr)*) => {{
        let table = &$table._tab;
        let fields: &[u16] = &[$($field),*];
        // The list begins with its own length and that of the table, of two bytes each.
        table.vtable().num_bytes() >= 4
            && fields.iter().all(|&field| {
                let place = usize::from(table.vtable().get(field));
                place == 0 || is_offset(table.buf(), table.loc(), place)
            })
    }};
}

/// Whether a number of four bytes is there and not zero.
fn is_offset(bytes: &[u8], table: usize, place: usize) -> bool {
    let offset = table.checked_add(place).and_then(|place| bytes.get(place..)?.first_chunk::<4>());
    offset.is_some_and(|offset| *offset != [0; 4])
}

/// Whether all that a message tells lies elsewhere than the offsets that lead to it.
pub(crate) fn message_leads_on(message: &Message<'_>) -> bool {
    leads_on!(message, Message::VT_HEADER, Message::VT_CUSTOM_METADATA)
        && pairs(message.custom_metadata().into_iter().flatten()) // Proof: a list that is not there is empty.
        && message.header_as_schema().is_none_or(schema)
        && message.header_as_record_batch().is_none_or(batch)
        && message.header_as_dictionary_batch().is_none_or(|dictionary| {
            leads_on!(dictionary, DictionaryBatch::VT_DATA) && dictionary.data().is_none_or(batch)
        })
}

/// Whether all that a footer tells lies elsewhere than the offsets that lead to it.
pub(crate) fn footer_leads_on(footer: &Footer<'_>) -> bool {
    leads_on!(
        footer,
        Footer::VT_SCHEMA,
        Footer::VT_DICTIONARIES,
        Footer::VT_RECORDBATCHES,
        Footer::VT_CUSTOM_METADATA
    ) && footer.schema().is_none_or(schema)
}

fn batch(batch: RecordBatch<'_>) -> bool {
    leads_on!(
        batch,
        RecordBatch::VT_NODES,
        RecordBatch::VT_BUFFERS,
        RecordBatch::VT_COMPRESSION,
        RecordBatch::VT_VARIADICBUFFERCOUNTS
    ) && batch.compression().is_none_or(|compression| leads_on!(compression))
}

fn schema(schema: Schema<'_>) -> bool {
    leads_on!(schema, Schema::VT_FIELDS, Schema::VT_CUSTOM_METADATA, Schema::VT_FEATURES)
        && pairs(schema.custom_metadata().into_iter().flatten()) // Proof: a list that is not there is empty.
        && schema.fields().into_iter().flatten().all(field) // Proof: as above.
}

/// Whether a field and those within it do; the `flatbuffers` crate has looked at how deep they lie.
fn field(it: Field<'_>) -> bool {
    leads_on!(
        it,
        Field::VT_NAME,
        Field::VT_TYPE_,
        Field::VT_DICTIONARY,
        Field::VT_CHILDREN,
        Field::VT_CUSTOM_METADATA
    ) && pairs(it.custom_metadata().into_iter().flatten()) // Proof: a list that is not there is empty.
        && it.type_as_timestamp().is_none_or(|time| leads_on!(time, Timestamp::VT_TIMEZONE))
        && it.type_as_union().is_none_or(|union| leads_on!(union, Union::VT_TYPEIDS))
        && it.dictionary().is_none_or(|keys| leads_on!(keys, DictionaryEncoding::VT_INDEXTYPE))
        && it.children().into_iter().flatten().all(field) // Proof: as above.
}

fn pairs<'b>(mut pairs: impl Iterator<Item = KeyValue<'b>>) -> bool {
    pairs.all(|pair| leads_on!(pair, KeyValue::VT_KEY, KeyValue::VT_VALUE))
}

#[cfg(test)]
mod tests {
    use arrow::ipc::{root_as_footer, root_as_message};

    use super::*;
    use crate::io::ipc::tests::{batch, contents, keys, stream};

    #[test]
    fn a_table_of_nothing_but_zeros_leads_nowhere() {
        assert!(!message_leads_on(&root_as_message(&[0; 40]).unwrap()));
        assert!(!footer_leads_on(&root_as_footer(&[0; 40]).unwrap()));
    }

    #[test]
    fn what_a_writer_wrote_leads_on_and_an_offset_of_zero_does_not() {
        for batch in [batch(5), keys()] {
            let bytes = stream(&[batch]);
            let schema = 8..contents(&bytes).unwrap().messages[0].0.header.start - 8;
            let places = contents(&bytes).unwrap().messages.into_iter().map(|(place, _)| place.header);
            for place in places.chain([schema]) {
                let header = usize::try_from(place.start).unwrap()..usize::try_from(place.end).unwrap();
                let header = &bytes[header];
                assert!(message_leads_on(&root_as_message(header).unwrap()));
                // A table of many fields has many offsets, of which the crate takes most for what lies where they do.
                let zeroed = (4..header.len() - 4).step_by(4).filter(|&at| {
                    let mut damaged = header.to_vec();
                    damaged[at..at + 4].fill(0);
                    damaged != header && root_as_message(&damaged).is_ok_and(|it| !message_leads_on(&it))
                });
                assert!(zeroed.count() > 0);
            }
        }
    }
}
