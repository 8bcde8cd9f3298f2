//! Chunks of litdata: how many items, where each begins and the last ends, and the items; `index.json` has all chunks.
//! Its `TokensLoader` reads the items of a chunk as one run of tokens.

use std::path::Path;

use arrow::datatypes::DataType;
use serde_json::{Value, json};

use super::files::{Around, Ended, SIGNED, TokenFiles, bytes_at, damaged, signed, size_of, width_of};
use crate::checked::{self, impossible};
use crate::error::{At, Error, Result};
use crate::io::json;
use crate::write::format::finished::FinishedShard;
use crate::write::format::hf::json::text;

/// The file that has all chunks.
const INDEX: &str = "index.json";
/// Bytes of a number in a chunk.
const NUMBER: u64 = 4;
/// What `PyTorch` says of the structure of an item that is one tensor, as litdata stores it.
const ONE_TENSOR: &str = r#"[1, {"type": null, "context": null, "children_spec": []}]"#;
/// The numbers by which litdata knows the types of tensors.
const CODES: [(DataType, u8); 6] = [
    (DataType::UInt8, 11),
    (DataType::Int8, 12),
    (DataType::Int16, 14),
    (DataType::Int32, 16),
    (DataType::Int64, 18),
    (DataType::UInt16, 20),
];

pub(super) struct Litdata;

impl TokenFiles for Litdata {
    fn types(&self) -> &'static [DataType] {
        SIGNED
    }

    fn default_type(&self, kind: &DataType) -> Option<DataType> {
        signed(kind)
    }

    fn head_bytes(&self, rows: u64) -> Result<usize> {
        let bytes = rows.checked_add(2).and_then(|numbers| numbers.checked_mul(NUMBER));
        let bytes = bytes.filter(|bytes| *bytes <= self.most_bytes()).ok_or_else(|| {
            Error::Value(format!(
                "a chunk of litdata is below 4 GiB, and the places of its {rows} rows alone are more; write more shards (num_shards=)"
            ))
        })?;
        checked::index(bytes)
    }

    fn row_bytes(&self) -> u64 {
        NUMBER
    }

    fn most_bytes(&self) -> u64 {
        u64::from(u32::MAX)
    }

    fn around(&self, shard: &Ended<'_>) -> Result<Around> {
        let (rows, width) = (shard.lengths.len() as u64, width_of(shard.stored)? as u64);
        let mut place = self.head_bytes(rows)? as u64;
        let mut head = checked::to::<u32, _>(rows)?.to_le_bytes().to_vec();
        head.extend(checked::to::<u32, _>(place)?.to_le_bytes());
        for length in shard.lengths {
            place = checked::add(place, checked::mul(*length, width)?)?;
            head.extend(checked::to::<u32, _>(place)?.to_le_bytes());
        }
        Ok(Around { head, beside: None })
    }

    fn count_rows(&self, path: &Path, _beside: &Path, _width: Option<u64>) -> Result<u64> {
        let number = |at: u64| bytes_at(path, at).map(u32::from_le_bytes);
        let rows = u64::from(number(0)?);
        let head = (rows + 2) * NUMBER;
        let (first, last) = (number(NUMBER)?, number(head - NUMBER)?);
        let size = size_of(path)?;
        if u64::from(first) == head && u64::from(last) == size {
            return Ok(rows);
        }
        let message = format!(
            "{rows} rows after {head} bytes are told, from byte {first} to {last}, and {size} bytes are there"
        );
        Err(damaged(path, At::Byte(0), &message))
    }

    fn index(&self, stored: &DataType, shards: &[FinishedShard]) -> Result<Option<(String, String)>> {
        let code = CODES.iter().find(|(kind, _)| kind == stored).map(|(_, code)| *code);
        let code = code.ok_or_else(|| impossible(format_args!("{stored} has no code")))?;
        let chunk = |shard: &FinishedShard| {
            let file = shard.files.first().ok_or_else(|| impossible("a shard has no file"))?;
            let tokens = shard.extra.get("tokens");
            Ok(
                json!({"chunk_bytes": file.bytes, "chunk_size": shard.rows, "dim": tokens, "filename": file.name}),
            )
        };
        let chunks = shards.iter().map(chunk).collect::<Result<Vec<_>>>()?;
        let config = json!({
            "chunk_bytes": null,
            "chunk_size": shards.iter().map(|shard| shard.rows).max(),
            "compression": null,
            "data_format": [format!("no_header_tensor:{code}")],
            "data_spec": ONE_TENSOR,
            "encryption": null,
            "item_loader": "TokensLoader",
        });
        Ok(Some((INDEX.to_owned(), text(&json!({"chunks": chunks, "config": config}))?)))
    }

    fn indexed(&self, folder: &Path) -> Result<Option<Vec<String>>> {
        let index: Value = json::read(&folder.join(INDEX), |e| format!("this is no JSON: {e}"))?;
        // Proof: without chunks, none has the name of one that was written.
        let chunks = index.get("chunks").and_then(Value::as_array).into_iter().flatten();
        // Proof: a chunk without a name has another than any that was written.
        let name =
            |chunk: &Value| chunk.get("filename").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Some(chunks.map(name).collect()))
    }
}
