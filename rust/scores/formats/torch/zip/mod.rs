//! The entries of the zip container, as the central directory lists them and as they lie.
//!
//! Two readers that look at different places of one zip can see two different files. So nothing is taken
//! that the directory and the local headers do not both say, and no two entries share a byte.

mod central;
mod eocd;
mod local;

use std::collections::{BTreeMap, HashSet};

pub(super) use self::central::ZipEntry;

use self::central::{bad, walk};
use self::eocd::directory;
use self::local::{check_stored, locate};
use crate::checked::impossible;
use crate::error::{At, Error, Result};
use crate::io::file::File;

/// A torch file's container: entries by their name within the common prefix.
#[derive(Debug)]
pub(crate) struct Archive {
    pub(crate) prefix: String,
    entries: BTreeMap<String, ZipEntry>,
}

impl Archive {
    /// Reads and checks the directory and every local header.
    pub(crate) fn open(file: &File) -> Result<Self> {
        let directory = directory(file)?;
        let mut entries = walk(file, directory)?;
        check_names(file, &entries)?;
        let prefix = prefix(file, &entries)?;
        for entry in &mut entries {
            check_stored(file, entry)?;
            locate(file, entry, directory.offset)?;
        }
        check_disjoint(file, &entries)?;
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

fn listing(entries: &[ZipEntry]) -> String {
    let mut names: Vec<_> = entries.iter().take(8).map(|entry| format!("{:?}", entry.name)).collect();
    if entries.len() > names.len() {
        names.push(format!("and {} more", entries.len() - names.len()));
    }
    names.join(", ")
}

/// No name twice; and a zip that is something else is named as that.
fn check_names(file: &File, entries: &[ZipEntry]) -> Result<()> {
    let mut seen = HashSet::new();
    for entry in entries {
        if !seen.insert(entry.name.as_str()) {
            return Err(bad(file, entry.header, format!("entry {:?} is there twice", entry.name)));
        }
    }
    let ends = |suffix: &str| entries.iter().find(|entry| entry.name.ends_with(suffix));
    let whole = |message: String| Err(Error::format(file.path(), At::File, message));
    if let Some(entry) = ends("/constants.pkl") {
        return whole(format!(
            "a TorchScript archive (it has {:?}, \"constants.pkl\"): expected a tensor; load it with torch.jit.load \
             and torch.save the tensor itself",
            entry.name
        ));
    }
    let pickles: Vec<_> = entries
        .iter()
        .filter(|entry| {
            entry.name.split_once('/').map_or(entry.name.as_str(), |(_, rest)| rest) == "data.pkl"
        })
        .cloned()
        .collect();
    match (pickles.len(), ends(".npy")) {
        (1, _) => Ok(()),
        (0, Some(_)) => whole(format!(
            "an .npz archive of numpy arrays ({}), not a torch file: pick one array and numpy.save it as .npy",
            listing(entries)
        )),
        (0, None) => whole(format!(
            "no data.pkl among the {} entries of the zip: {}; expected a file that torch.save wrote",
            entries.len(),
            listing(entries)
        )),
        (n, _) => whole(format!("{n} entries named data.pkl: {}; expected one", listing(&pickles))),
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

fn check_disjoint(file: &File, entries: &[ZipEntry]) -> Result<()> {
    let mut order: Vec<_> = entries.iter().collect();
    order.sort_by_key(|entry| entry.header);
    for pair in order.windows(2) {
        let [a, b] = pair else { continue }; // Proof: windows of 2.
        let (a_end, b_end) = (a.payload + a.size, b.payload + b.size);
        if a_end > b.header {
            return Err(bad(
                file,
                b.header,
                format!(
                    "entries overlap: {:?} at {}..{a_end} and {:?} at {}..{b_end}",
                    a.name, a.header, b.name, b.header
                ),
            ));
        }
    }
    Ok(())
}
