//! `.npz` archives, held against the `zip` crate: the values are the last bytes of the entry that is named.
//!
//! Known differences: the crate takes the last of entries of one name and reads zips with bytes before them; these are
//! refused here. Entries whose checksums do not fit are read unless they are to be verified.

#![no_main]

use std::io::{Cursor, Read};

use common::{same_by_both, written};
use dsdm::scores::{DType, OpenOptions};
use libfuzzer_sys::fuzz_target;
use zip::ZipArchive;

/// Keys beyond which none is asked for.
const MANY: usize = 4;

fuzz_target!(|data: &[u8]| {
    // What a zip holds tells an archive of numpy from a file of torch.
    let path = written("archive.npz", data);
    let open = |key: Option<&str>, verify| {
        let options = OpenOptions { key: key.map(str::to_owned), verify, ..OpenOptions::default() };
        same_by_both(&path, &options)
    };
    let verified = open(None, true);
    let alone = open(None, false);
    assert!(verified.is_none() || verified == alone, "other values once they are verified");
    let Ok(mut archive) = ZipArchive::new(Cursor::new(data)) else { return };
    let names: Vec<String> = archive.file_names().filter_map(|name| Some(name.ok()?.into_owned())).collect();
    let arrays: Vec<&str> = names.iter().filter_map(|name| name.strip_suffix(".npy")).collect();
    if let (Some(alone), [key]) = (&alone, arrays.as_slice()) {
        assert!(open(Some(key), false).as_ref() == Some(alone), "other values by the only key");
    }
    for key in arrays.into_iter().take(MANY) {
        let Some(found) = open(Some(key), false) else { continue };
        let Ok(mut entry) = archive.by_name(&format!("{key}.npy")) else { continue };
        let mut bytes = Vec::new();
        if entry.read_to_end(&mut bytes).is_ok() {
            check_values(&bytes, &found);
        }
    }
});

/// The values are what is behind a header, in whichever order their bytes are.
fn check_values(npy: &[u8], (dtype, values): &(DType, Vec<u8>)) {
    let stored = &npy[npy.len().checked_sub(values.len()).expect("as many bytes as values")..];
    let mut swapped = stored.to_vec();
    swapped.chunks_exact_mut(dtype.size()).for_each(<[u8]>::reverse);
    assert!(values == stored || *values == swapped, "the values");
}
