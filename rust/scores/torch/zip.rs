//! The entries of the zip container, as the central directory lists them and as they lie.
//!
//! Two readers that look at different places of one zip can see two different files. So nothing is taken
//! that the directory and the local headers do not both say, and no two entries share a byte.

use std::collections::{BTreeMap, HashSet};

use super::le;
use crate::checked::{self, impossible};
use crate::error::{At, Error, Result};
use crate::io::file::File;
use crate::scores::torch::ends::{Directory, directory};

/// Flags that torch and plain zip writers set: sizes in a descriptor, names in UTF-8.
const KNOWN_FLAGS: u16 = 0x808;
/// Sizes follow the payload; the local header has zeros.
const DESCRIPTOR: u16 = 0x8;
const CENTRAL: usize = 46;
const LOCAL: u64 = 30;

/// One stored entry.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Its whole name, prefix included.
    pub(super) name: String,
    /// Where its local header begins.
    pub(super) header: u64,
    /// Where its bytes begin.
    pub(super) payload: u64,
    /// How many there are.
    pub(super) size: u64,
    /// The CRC-32 that the directory has for them.
    pub(super) crc: u32,
    flags: u16,
    method: u16,
    stored: u64,
}

/// A torch file's container: entries by their name within the common prefix.
#[derive(Debug)]
pub(super) struct Archive {
    pub(super) prefix: String,
    entries: BTreeMap<String, Entry>,
}

impl Archive {
    /// Reads and checks the directory and every local header.
    pub(super) fn open(file: &File) -> Result<Self> {
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
        let inner = |entry: &Entry| {
            entry.name.get(skip..).map(str::to_owned).ok_or_else(|| impossible("an entry without the prefix"))
        };
        let entries = entries.into_iter().map(|entry| Ok((inner(&entry)?, entry)));
        Ok(Self { entries: entries.collect::<Result<_>>()?, prefix })
    }

    /// The entry of a name without the prefix.
    pub(super) fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// All entries.
    #[cfg(any(fuzzing, test))]
    pub(super) fn stored(&self) -> Vec<super::fuzzing::Stored> {
        let stored = |entry: &Entry| super::fuzzing::Stored {
            name: entry.name.clone(),
            bytes: entry.payload..entry.payload + entry.size,
        };
        self.entries.values().map(stored).collect()
    }
}

fn bad(file: &File, at: u64, message: String) -> Error {
    Error::format(file.path(), At::Byte(at), message)
}

fn walk(file: &File, directory: Directory) -> Result<Vec<Entry>> {
    let bytes = file.read(directory.offset, checked::index(directory.size)?)?;
    let mut entries = Vec::new();
    let mut rest = bytes.as_ref();
    for _ in 0..directory.entries {
        let at = directory.offset + (bytes.len() - rest.len()) as u64;
        let (entry, after) = central(file, at, rest)?;
        entries.push(entry);
        rest = after;
    }
    if rest.is_empty() {
        return Ok(entries);
    }
    let at = directory.offset + (bytes.len() - rest.len()) as u64;
    Err(bad(
        file,
        at,
        format!("{} bytes after the last of {} directory entries", rest.len(), directory.entries),
    ))
}

/// One record of the central directory, and what follows it.
fn central<'b>(file: &File, at: u64, rest: &'b [u8]) -> Result<(Entry, &'b [u8])> {
    let cut = || bad(file, at, "the central directory ends within an entry".into());
    let (record, rest) = rest.split_at_checked(CENTRAL).ok_or_else(cut)?;
    if !record.starts_with(b"PK\x01\x02") {
        return Err(bad(file, at, "expected a central directory entry (PK 01 02)".into()));
    }
    let length = |at| -> Result<usize> { Ok(u16::from_le_bytes(le(record, at)?).into()) };
    let (name, rest) = rest.split_at_checked(length(28)?).ok_or_else(cut)?;
    let (extra, rest) = rest.split_at_checked(length(30)?).ok_or_else(cut)?;
    let (_comment, rest) = rest.split_at_checked(length(32)?).ok_or_else(cut)?;
    let name = std::str::from_utf8(name)
        .map_err(|_| bad(file, at, format!("entry name {:?} is not UTF-8", String::from_utf8_lossy(name))))?;
    let narrow = |at| -> Result<u64> { Ok(u32::from_le_bytes(le(record, at)?).into()) };
    let mut wide = Wide { file, at, name, fields: zip64_extra(extra)? };
    let entry = Entry {
        name: name.to_owned(),
        size: wide.resolve("uncompressed size", narrow(24)?)?,
        stored: wide.resolve("compressed size", narrow(20)?)?,
        header: wide.resolve("local header offset", narrow(42)?)?,
        payload: 0,
        crc: u32::from_le_bytes(le(record, 16)?),
        flags: u16::from_le_bytes(le(record, 8)?),
        method: u16::from_le_bytes(le(record, 10)?),
    };
    Ok((entry, rest))
}

/// The body of the extra field with id 1, which holds what does not fit 32 bits.
fn zip64_extra(mut extra: &[u8]) -> Result<&[u8]> {
    while let Some((head, rest)) = extra.split_at_checked(4) {
        let len = usize::from(u16::from_le_bytes(le(head, 2)?));
        let Some((body, after)) = rest.split_at_checked(len) else {
            break; // Proof: a field that is cut holds nothing, and what asks for it says so.
        };
        if head.starts_with(&[1, 0]) {
            return Ok(body);
        }
        extra = after;
    }
    Ok(&[])
}

/// 64-bit values in the order of the 32-bit fields that are all ones.
struct Wide<'a> {
    file: &'a File,
    at: u64,
    name: &'a str,
    fields: &'a [u8],
}

impl Wide<'_> {
    fn resolve(&mut self, field: &str, narrow: u64) -> Result<u64> {
        if narrow != u64::from(u32::MAX) {
            return Ok(narrow);
        }
        let Some((value, rest)) = self.fields.split_at_checked(8) else {
            let message =
                format!("entry {:?}: {field} is all ones and no zip64 extra field holds it", self.name);
            return Err(bad(self.file, self.at, message));
        };
        self.fields = rest;
        Ok(u64::from_le_bytes(le(value, 0)?))
    }
}

fn listing(entries: &[Entry]) -> String {
    let mut names: Vec<_> = entries.iter().take(8).map(|entry| format!("{:?}", entry.name)).collect();
    if entries.len() > names.len() {
        names.push(format!("and {} more", entries.len() - names.len()));
    }
    names.join(", ")
}

/// No name twice; and a zip that is something else is named as that.
fn check_names(file: &File, entries: &[Entry]) -> Result<()> {
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
fn prefix(file: &File, entries: &[Entry]) -> Result<String> {
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

/// Only plain bytes can be mapped.
fn check_stored(file: &File, entry: &Entry) -> Result<()> {
    let Entry { name, header, flags, method, .. } = entry;
    if flags & !KNOWN_FLAGS != 0 {
        return Err(bad(
            file,
            *header,
            format!(
                "entry {name:?} has flags {flags:#06x}, expected at most 0x0808; encrypted zips are not read"
            ),
        ));
    }
    if *method != 0 {
        return Err(bad(
            file,
            *header,
            format!(
                "entry {name:?} is compressed (method {method}), expected method 0; re-save the file with torch.save"
            ),
        ));
    }
    if entry.stored != entry.size {
        return Err(bad(
            file,
            *header,
            format!("entry {name:?} has {} stored bytes for {} bytes uncompressed", entry.stored, entry.size),
        ));
    }
    Ok(())
}

/// Reads the local header, holds it against the directory, and sets where the payload begins.
fn locate(file: &File, entry: &mut Entry, directory: u64) -> Result<()> {
    let at = entry.header;
    let name = entry.name.clone();
    let bounded = |end: Option<u64>, what: &str| match end {
        None => Err(bad(file, at, format!("entry {name:?}: {what} overflows 64 bits"))),
        Some(end) if end > file.size() => Err(Error::truncated(
            file.path(),
            At::Byte(at),
            format!("entry {name:?}: {what} needs {end} bytes and the file has {}", file.size()),
        )),
        Some(end) if end > directory => Err(bad(
            file,
            at,
            format!("entry {name:?} at {at}..{end} overlaps the central directory at {directory}..: {what}"),
        )),
        Some(end) => Ok(end),
    };
    let fixed = bounded(at.checked_add(LOCAL), "local header offset")?;
    let record = file.read(at, 30)?;
    if !record.starts_with(b"PK\x03\x04") {
        return Err(bad(file, at, format!("entry {name:?}: expected its local header (PK 03 04) here")));
    }
    let name_len = u16::from_le_bytes(le(&record, 26)?);
    let extra_len = u16::from_le_bytes(le(&record, 28)?);
    let payload = fixed.checked_add(u64::from(name_len) + u64::from(extra_len));
    entry.payload = bounded(payload, "local header")?;
    let local = file.read(fixed, name_len.into())?;
    if local.as_ref() != name.as_bytes() {
        let local = String::from_utf8_lossy(&local);
        return Err(bad(
            file,
            at,
            format!("the directory names this entry {name:?} and its local header {local:?}"),
        ));
    }
    check_local(file, entry, &record)?;
    bounded(entry.payload.checked_add(entry.size), "uncompressed size")?;
    Ok(())
}

/// Flags, method and sizes of the local header are those of the directory.
fn check_local(file: &File, entry: &Entry, record: &[u8]) -> Result<()> {
    let differs = |field: &str, local: u64, central: u64| {
        Err(bad(
            file,
            entry.header,
            format!(
                "entry {:?}: {field} {local} in the local header, {central} in the directory",
                entry.name
            ),
        ))
    };
    let flags = u16::from_le_bytes(le(record, 6)?);
    let method = u16::from_le_bytes(le(record, 8)?);
    if flags != entry.flags {
        return differs("flags", flags.into(), entry.flags.into());
    }
    if method != entry.method {
        return differs("method", method.into(), entry.method.into());
    }
    for (field, at) in [("compressed size", 18), ("uncompressed size", 22)] {
        let local = u64::from(u32::from_le_bytes(le(record, at)?));
        let deferred = local == u64::from(u32::MAX) || (local == 0 && flags & DESCRIPTOR != 0);
        if local != entry.size && !deferred {
            return differs(field, local, entry.size);
        }
    }
    Ok(())
}

fn check_disjoint(file: &File, entries: &[Entry]) -> Result<()> {
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
