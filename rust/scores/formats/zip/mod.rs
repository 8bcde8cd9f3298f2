//! The entries of the zip container, as the central directory lists them and as they lie.
//!
//! Two readers that look at different places of one zip can see two different files. So nothing is taken
//! that the directory and the local headers do not both say, and no two entries share a byte.

mod central;
mod checksum;
mod eocd;
mod local;

use std::collections::HashSet;

pub(super) use self::central::{ZipEntry, bad};
pub(super) use self::checksum::checksum;
pub(super) use self::local::check_stored;

use self::central::walk;
use self::eocd::{Directory, directory};
use self::local::locate;
use crate::error::Result;
use crate::io::file::File;

/// What the central directory lists. Where the entries lie is not looked at yet.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) entries: Vec<ZipEntry>,
    directory: Directory,
}

impl Listing {
    /// Reads the directory, in which no name may be twice.
    pub(crate) fn of(file: &File) -> Result<Self> {
        let directory = directory(file)?;
        let entries = walk(file, directory)?;
        let mut seen = HashSet::new();
        for entry in &entries {
            if !seen.insert(entry.name.as_str()) {
                return Err(bad(file, entry.header, format!("entry {:?} is there twice", entry.name)));
            }
        }
        Ok(Self { entries, directory })
    }

    /// The entries with where their bytes lie, each after its local header was held against the directory.
    pub(crate) fn placed(mut self, file: &File) -> Result<Vec<ZipEntry>> {
        for entry in &mut self.entries {
            locate(file, entry, self.directory.offset)?;
        }
        check_disjoint(file, &self.entries)?;
        Ok(self.entries)
    }
}

/// The names of the first entries, for messages.
pub(crate) fn listing(entries: &[ZipEntry]) -> String {
    let mut names: Vec<_> = entries.iter().take(8).map(|entry| format!("{:?}", entry.name)).collect();
    if entries.len() > names.len() {
        names.push(format!("and {} more", entries.len() - names.len()));
    }
    names.join(", ")
}

fn check_disjoint(file: &File, entries: &[ZipEntry]) -> Result<()> {
    let mut order: Vec<_> = entries.iter().collect();
    order.sort_by_key(|entry| entry.header);
    for pair in order.windows(2) {
        let [a, b] = pair else { continue }; // Proof: windows of 2.
        let (a_end, b_end) = (a.payload + a.stored, b.payload + b.stored);
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
