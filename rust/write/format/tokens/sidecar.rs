//! `tokens.json`, which names the shards of tokens in their order.

use arrow::datatypes::DataType;
use serde_json::{Value, json};

use super::files::name_of;
use crate::checked::impossible;
use crate::error::Result;
use crate::write::format::Layout;
use crate::write::format::finished::FinishedShard;
use crate::write::format::hf::json::text;

/// The version of the layout.
const VERSION: u32 = 1;
/// The file.
pub(crate) const NAME: &str = "tokens.json";

/// Its text.
pub(super) fn sidecar(
    layout: Layout,
    column: &str,
    stored: &DataType,
    shards: &[FinishedShard],
) -> Result<String> {
    let each: Vec<Value> = shards
        .iter()
        .map(|shard| {
            let name = |index: usize| shard.files.get(index).map(|file| file.name.clone());
            let fact = |key: &str| shard.extra.get(key).cloned();
            json!({"file": name(0), "offsets": name(1), "rows": shard.rows, "tokens": fact("tokens"), "length": fact("length")})
        })
        .collect();
    let of = |fact: &str| {
        shards.iter().map(|shard| shard.extra.get(fact).and_then(Value::as_u64)).collect::<Vec<_>>()
    };
    let tokens: Option<u64> = of("tokens").into_iter().sum();
    let tokens = tokens.ok_or_else(|| impossible("a shard does not say how many tokens it has"))?;
    let first = shards.first().and_then(|shard| shard.extra.get("length")).and_then(Value::as_u64);
    text(&json!({
        "format": layout.name(),
        "version": VERSION,
        "dtype": name_of(stored),
        "column": column,
        "rows": shards.iter().map(|shard| shard.rows).sum::<u64>(),
        "tokens": tokens,
        "length": first.filter(|_| of("length").iter().all(|length| *length == first)),
        "shards": each,
    }))
}
