//! Files of JSON, which others may have written: one reader, and what it takes at most.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::opened::Opened;
use crate::error::{At, Error, Result};

/// Bytes of a file. A manifest of a hundred thousand shards has about 20 MB.
pub(crate) const MAX_BYTES: u64 = 64 << 20;
/// How deep lists and objects may lie in each other. What dsdm and `datasets` write is never deeper than a type is.
const MAX_DEPTH: usize = 100;
/// Values in a file, each of which takes many times its bytes once it is read.
const MAX_VALUES: usize = 2_000_000;

/// The bytes of a regular file that stay within the limits. Whether they are JSON, the parser tells.
pub(crate) fn bytes_of(path: &Path) -> Result<Vec<u8>> {
    let refuse = |message: String| Error::format(path, At::File, message);
    let file = Opened::open(path).map_err(|error| match error {
        Error::Type(_) => refuse("a file of JSON is needed, and this is a pipe, socket or device".to_owned()),
        other => other,
    })?;
    let size = file.identity().size;
    if size > MAX_BYTES {
        return Err(refuse(format!("it has {size} bytes, and of JSON at most {MAX_BYTES} are read")));
    }
    let mut bytes = vec![0; crate::checked::index(size)?];
    file.read_exact_at(&mut bytes, 0)?;
    check(&bytes).map_err(refuse)?;
    Ok(bytes)
}

/// The value of a file; `broken` says what it means that it is none.
pub(crate) fn read<T: DeserializeOwned>(path: &Path, broken: impl FnOnce(String) -> String) -> Result<T> {
    let bytes = bytes_of(path)?;
    serde_json::from_slice(&bytes).map_err(|e| Error::format(path, At::File, broken(e.to_string())))
}

/// Fails for what lies too deep, or is too much.
pub(crate) fn check(bytes: &[u8]) -> Result<(), String> {
    let (mut depth, mut values) = (0usize, 0usize);
    let (mut quoted, mut escaped) = (false, false);
    for &byte in bytes {
        if quoted {
            (quoted, escaped) = (escaped || byte != b'"', !escaped && byte == b'\\');
            continue;
        }
        match byte {
            b'"' => quoted = true,
            b'[' | b'{' => (depth, values) = (depth + 1, values + 1),
            b',' => values += 1,
            // Proof: what closes more than is open is no JSON, and the parser says so.
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(format!(
                "lists and objects lie deeper in each other than {MAX_DEPTH}, which is the limit"
            ));
        }
        if values > MAX_VALUES {
            return Err(format!("it has more than {MAX_VALUES} values, which is the limit"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn depth_and_values_are_limited() {
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(check(deep(MAX_DEPTH).as_bytes()), Ok(()));
        assert!(serde_json::from_str::<Value>(&deep(MAX_DEPTH)).is_ok());
        assert!(check(deep(MAX_DEPTH + 1).as_bytes()).unwrap_err().contains("deeper"));
        assert!(check("[".repeat(200_000).as_bytes()).is_err());
        assert!(check(format!("[{}0]", "0,".repeat(MAX_VALUES)).as_bytes()).unwrap_err().contains("values"));
        // In a text, nothing lies deep.
        let quoted = format!(r#"{{"a\"\\": "{}", "\\": "{}"}}"#, "[".repeat(200), ",".repeat(200));
        assert_eq!(check(quoted.as_bytes()), Ok(()));
        assert!(check(format!(r#""\\"{}"#, "[".repeat(200)).as_bytes()).is_err());
    }

    #[test]
    fn a_file_is_regular_and_of_a_size() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(MAX_BYTES + 1).unwrap();
        let said = read::<Value>(&path, |e| e).unwrap_err().to_string();
        assert!(said.contains("a.json") && said.contains("at most 67108864"), "{said}");
        std::fs::write(&path, "{]").unwrap();
        let said = read::<Value>(&path, |e| format!("this is no JSON: {e}")).unwrap_err().to_string();
        assert!(said.contains("this is no JSON"), "{said}");
        assert!(matches!(read::<Value>(Path::new("/dev/null"), |e| e), Err(Error::Format(_))));
    }
}
