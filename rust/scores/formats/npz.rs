//! `.npz`: arrays that `numpy.savez` wrote, each of them a `.npy` in a zip, read where it lies.

use super::choices::choose_with;
use super::npy::{self, Window};
use super::zip::{Listing, ZipEntry, check_stored, checksum};
use crate::checked;
use crate::error::{At, Error, Result};
use crate::io::file::File;
use crate::scores::vector::chosen::Chosen;
use crate::scores::vector::part::Part;

/// What the names of arrays end with, which numpy leaves out of the keys.
const SUFFIX: &str = ".npy";
/// What to do about arrays that are compressed.
const FIX: &str =
    "re-save the arrays uncompressed: numpy.savez(\"new.npz\", **numpy.load(path)), and not savez_compressed";

/// Whether an entry of a zip is an array by its name.
pub(crate) fn is_array(name: &str) -> bool {
    name.ends_with(SUFFIX)
}

/// The values of the only array, or of the one that `key` names with or without its suffix, and its name without.
///
/// Its checksum is computed only if `verify`: that reads every byte of it.
pub(crate) fn parts(file: &File, key: Option<&str>, verify: bool) -> Result<(Vec<Part>, Option<Chosen>)> {
    let listing = Listing::of(file)?;
    let at = choose(file, &listing.entries, key)?;
    check_stored(file, checked::get(&listing.entries, at)?, FIX)?;
    let entries = listing.placed(file)?;
    let entry = checked::get(&entries, at)?;
    if verify {
        checksum(file, entry)?;
    }
    let window = Window::at(file, entry.payload, entry.size)?;
    let parts = npy::parts(window).map_err(|error| error.within(&format!("entry {:?}", entry.name)))?;
    let name =
        entry.name.strip_suffix(SUFFIX).ok_or_else(|| checked::impossible("an array without its suffix"))?;
    Ok((parts, Some(Chosen::Key(name.to_owned()))))
}

/// The place of the array that a key names, or of the only one.
fn choose(file: &File, entries: &[ZipEntry], key: Option<&str>) -> Result<usize> {
    let array = |(at, entry): (usize, &'_ ZipEntry)| Some((at, entry.name.strip_suffix(SUFFIX)?.to_owned()));
    // Proof: entries of other names are no arrays, as numpy has it.
    let arrays: Vec<_> = entries.iter().enumerate().filter_map(array).collect();
    let refuse = |message: String| Err(Error::format(file.path(), At::Field("names".into()), message));
    let named = || choose_with(arrays.iter().map(|(_, name)| name.clone()));
    let none = "there is none in it: save the scores with numpy.savez";
    let choices = || named().unwrap_or_else(|| none.to_owned()); // Proof: a phrase in messages.
    let Some(key) = key else {
        // Proof: the only array, or an error.
        return match arrays.as_slice() {
            [(at, _)] => Ok(*at),
            _ => refuse(format!(
                "an .npz archive with {} arrays: expected one array; {}",
                arrays.len(),
                choices()
            )),
        };
    };
    let is_meant = |name: &str| name == key || key.strip_suffix(SUFFIX) == Some(name);
    let meant: Vec<_> = arrays.iter().filter(|(_, name)| is_meant(name)).collect();
    match meant.as_slice() {
        [(at, _)] => Ok(*at),
        [] => refuse(format!("an .npz archive without key={key:?}: {}", choices())),
        [(_, a), (_, b), ..] => refuse(format!(
            "key={key:?} is the array {a:?} with its suffix, and {b:?} without: save one of them under another name"
        )),
    }
}
