//! A torch file's container: what its zip must hold, and the folder that all of it lies in.

use std::collections::BTreeMap;

use crate::checked::impossible;
use crate::error::{At, Error, Result};
use crate::io::file::File;
use crate::scores::formats::zip::{Listing, ZipEntry, bad, check_stored, listing};

/// What to do about entries that are compressed.
const FIX: &str = "re-save the file with torch.save";

/// Entries by their name within the common prefix.
#[derive(Debug)]
pub(crate) struct Archive {
    pub(crate) prefix: String,
    entries: BTreeMap<String, ZipEntry>,
}

impl Archive {
    /// Reads and checks the directory and every local header.
    pub(crate) fn open(file: &File) -> Result<Self> {
        let listing = Listing::of(file)?;
        check_names(file, &listing.entries)?;
        let prefix = prefix(file, &listing.entries)?;
        listing.entries.iter().try_for_each(|entry| check_stored(file, entry, FIX))?;
        let entries = listing.placed(file)?;
        let skip = prefix.len() + 1;
        let inner = |entry: &ZipEntry| {
            entry.name.get(skip..).map(str::to_owned).ok_or_else(|| impossible("an entry without the prefix"))
        };
        let entries = entries.into_iter().map(|entry| Ok((inner(&entry)?, entry)));
        Ok(Self { entries: entries.collect::<Result<_>>()?, prefix })
    }

    /// The entry of a name without the prefix.
    pub(crate) fn get(&self, name: &str) -> Option<&ZipEntry> {
        self.entries.get(name)
    }

    /// All entries.
    #[cfg(any(feature = "fuzzing", test))]
    pub(super) fn entries(&self) -> impl Iterator<Item = &ZipEntry> {
        self.entries.values()
    }
}

/// Whether a name is that of the pickle in which torch describes the tensors.
pub(crate) fn is_pickle(name: &str) -> bool {
    name.split_once('/').map_or(name, |(_, rest)| rest) == "data.pkl"
}

/// One pickle; and a zip that is something else is named as that.
fn check_names(file: &File, entries: &[ZipEntry]) -> Result<()> {
    let whole = |message: String| Err(Error::format(file.path(), At::File, message));
    if let Some(entry) = entries.iter().find(|entry| entry.name.ends_with("/constants.pkl")) {
        return whole(format!(
            "a TorchScript archive (it has {:?}, \"constants.pkl\"): expected a tensor; load it with torch.jit.load \
             and torch.save the tensor itself",
            entry.name
        ));
    }
    let pickles: Vec<_> = entries.iter().filter(|entry| is_pickle(&entry.name)).cloned().collect();
    match pickles.len() {
        1 => Ok(()),
        0 => whole(format!(
            "no data.pkl among the {} entries of the zip: {}; expected a file that torch.save wrote",
            entries.len(),
            listing(entries)
        )),
        n => whole(format!("{n} entries named data.pkl: {}; expected one", listing(&pickles))),
    }
}

/// The folder that every entry must lie in: the first entry's.
fn prefix(file: &File, entries: &[ZipEntry]) -> Result<String> {
    let first = entries.first().map_or("", |entry| entry.name.as_str());
    let prefix = first.split_once('/').map_or("", |(prefix, _)| prefix);
    for entry in entries {
        let inside = entry.name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/'));
        let clean =
            |rest: &str| !rest.contains('\\') && rest.split('/').all(|part| !matches!(part, "." | ".."));
        let good = !matches!(prefix, "" | "." | "..") && inside.is_some_and(clean);
        if !good {
            return Err(bad(
                file,
                entry.header,
                format!("entry {:?} lies outside the prefix {prefix:?} of the first entry", entry.name),
            ));
        }
    }
    Ok(prefix.to_owned())
}
