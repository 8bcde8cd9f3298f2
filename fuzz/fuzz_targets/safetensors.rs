//! `.safetensors` files: what is read of each tensor held against the header as a parser of JSON has it, and every byte
//! against the tensors that say it is theirs.

#![no_main]

use common::{same_by_both, written};
use dsdm::scores::OpenOptions;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

/// Tensors that are opened by their keys.
const MANY: usize = 8;

fuzz_target!(|data: &[u8]| {
    // Without a type for raw values, a name without an ending promises nothing.
    let path = written("tensors", data);
    let header = header(data);
    let alone = same_by_both(&path, &OpenOptions::default());
    let Some((tensors, values)) = header else { return };
    if let Some((_, found)) = alone {
        assert_eq!(tensors.len(), 1, "tensors of a file that needs no key");
        let (_, tensor) = tensors.iter().next().expect("one tensor");
        assert_eq!(found, bytes(tensor, values).expect("bytes of a tensor that was read"), "the only tensor");
    }
    for (key, tensor) in tensors.iter().take(MANY) {
        let options = OpenOptions { key: Some(key.clone()), ..OpenOptions::default() };
        let Some((dtype, found)) = same_by_both(&path, &options) else { continue };
        assert_eq!(found, bytes(tensor, values).expect("bytes of a tensor that was read"), "tensor {key:?}");
        assert_eq!(rows(tensor).map(|rows| rows * dtype.size()), Some(found.len()), "rows of {key:?}");
        check_owners(&tensors, values);
    }
});

/// The tensors by their names, and the bytes behind the header; nothing where it is no JSON object.
fn header(data: &[u8]) -> Option<(Map<String, Value>, &[u8])> {
    let (length, rest) = data.split_first_chunk::<8>()?;
    let (text, values) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let Ok(Value::Object(mut tensors)) = serde_json::from_slice(text) else { return None };
    tensors.shift_remove("__metadata__");
    Some((tensors, values))
}

fn offsets(tensor: &Value) -> Option<(usize, usize)> {
    let offset = |at: usize| usize::try_from(tensor["data_offsets"][at].as_u64()?).ok();
    Some((offset(0)?, offset(1)?))
}

fn bytes<'v>(tensor: &Value, values: &'v [u8]) -> Option<&'v [u8]> {
    let (start, end) = offsets(tensor)?;
    values.get(start..end)
}

fn rows(tensor: &Value) -> Option<usize> {
    tensor["shape"][0].as_u64().and_then(|rows| usize::try_from(rows).ok())
}

/// Ends the run unless every byte is that of one tensor.
fn check_owners(tensors: &Map<String, Value>, values: &[u8]) {
    let mut owners = vec![0_u32; values.len()];
    for tensor in tensors.values() {
        let (start, end) = offsets(tensor).expect("offsets of a file that was read");
        owners[start..end].iter_mut().for_each(|owner| *owner += 1);
    }
    assert!(owners.iter().all(|&owner| owner == 1), "bytes of no tensor, or of two");
}
