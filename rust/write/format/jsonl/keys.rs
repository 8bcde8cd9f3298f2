//! The keys of the first row of a shard.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::frame::{broken, text_of};
use crate::error::{At, Error, Result};

/// The keys of the first line, in their order; nothing if there is no line.
pub(crate) fn first_keys(path: &Path) -> Result<Option<Vec<String>>> {
    let mut line = Vec::new();
    BufReader::new(text_of(path)?).read_until(b'\n', &mut line).map_err(|e| broken(path, &e))?;
    if line.is_empty() {
        return Ok(None); // Proof: a shard without a byte has no line.
    }
    let keys: Keys = serde_json::from_slice(&line)
        .map_err(|e| Error::format(path, At::Row(0), format!("this line is no object of JSON: {e}")))?;
    Ok(Some(keys.0))
}

/// The keys of an object. Its values are read over, however deep they lie.
struct Keys(Vec<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OfObject)
    }
}

struct OfObject;

impl<'de> Visitor<'de> for OfObject {
    type Value = Keys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
        let mut keys = Vec::new();
        while let Some((key, IgnoredAny)) = map.next_entry()? {
            keys.push(key);
        }
        Ok(Keys(keys))
    }
}
