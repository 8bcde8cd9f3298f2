//! The files that `torch.save` writes: a zip of plain storages and one pickle that describes the tensors.
//!
//! The pickle is read as data. Nothing it names is imported or called, and torch is not needed.

pub(super) mod archive;
mod choose;
#[cfg(any(feature = "fuzzing", test))]
pub(in crate::scores) mod fuzzing;
mod items;
mod list;
mod nested;
mod pickle;
#[cfg(test)]
mod pickle_tests;
mod tensor;
#[cfg(test)]
mod tensor_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod zip_tests;

use std::borrow::Cow;

use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::memory::check_bytes;
use crate::io::file::File;
use crate::scores::formats::zip::{ZipEntry, checksum};
use crate::scores::options::OpenOptions;
use crate::scores::vector::chosen::Chosen;
use crate::scores::vector::part::Part;
use archive::Archive;

/// A pickle that describes some tensors is a few hundred bytes, and one of a list takes about 60 for each item.
const MAX_PICKLE: u64 = 8 << 20;
/// Bytes of memory that a byte of a pickle can take: an opcode leaves a value on the stack or in the memo.
const PER_BYTE: usize = 200;
/// `version` and `byteorder` are a word each.
const MAX_WORD: u64 = 64;
/// The start of what `torch.save` wrote before 1.6: a pickle of the number 0x1950a86a20f9469cfc6c.
const LEGACY: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
/// Where a tar file says that it is one.
const TAR: (usize, &[u8]) = (257, b"ustar");

/// The values of the tensor that a file holds, or of the one that the key names in a dict, list or tuple, and its name
/// there; or of a list of single values.
///
/// Checksums are computed only if `verify`: it reads every byte of the storage.
pub(crate) fn parts(file: &File, options: &OpenOptions) -> Result<(Vec<Part>, Chosen)> {
    let (key, verify) = (options.key.as_deref(), options.verify);
    check_container(file)?;
    let archive = Archive::open(file)?;
    check_version(file, &archive)?;
    let swapped = byte_order(file, &archive)? != cfg!(target_endian = "big");
    let entry = required(file, &archive, "data.pkl")?;
    let bytes = read(file, entry, MAX_PICKLE)?;
    if verify {
        checksum(file, entry)?;
    }
    check_bytes(|| format!("{}: reading its pickle", file.path().display()), entry.size, PER_BYTE)?;
    let (value, heap) = pickle::read(file.path(), entry.payload, &bytes)?;
    if key.is_none()
        && let Some(part) = list::vector(file, &archive, &heap, value, swapped, verify)?
    {
        return Ok((vec![part], Chosen::default()));
    }
    let (tensor, chosen) = choose::choose(file, &heap, value, key)?;
    let (placed, taken) = tensor::place(file, &archive, &heap, tensor, swapped, options)?;
    if verify {
        checksum(file, placed.entry)?;
    }
    Ok((vec![placed.part], taken.of(chosen)))
}

fn is_tar(first_bytes: &[u8]) -> bool {
    first_bytes.get(TAR.0..).is_some_and(|rest| rest.starts_with(TAR.1))
}

/// The older containers are named, with the line that makes a new one.
fn check_container(file: &File) -> Result<()> {
    const FIX: &str =
        "re-save it with torch 1.6 or later: torch.save(torch.load(path, weights_only=True), path)";
    let refuse = |message: String| Err(Error::format(file.path(), At::Byte(0), message));
    let first = file.read(0, checked::index(file.size().min(262))?)?;
    if first.is_empty() {
        let message = "the file has 0 bytes: expected a torch file; copy or download it again";
        return Err(Error::truncated(file.path(), At::File, message));
    }
    if first.starts_with(LEGACY) {
        return refuse(format!("the legacy torch format, from before 1.6, which cannot be mapped: {FIX}"));
    }
    if is_tar(&first) {
        return refuse(format!("the tar format of the oldest torch, which cannot be mapped: {FIX}"));
    }
    if !first.starts_with(b"PK\x03\x04") {
        let shown = first[..first.len().min(16)].escape_ascii().to_string();
        return refuse(format!(
            "not a torch file: it begins with \"{shown}\", expected \"PK\\x03\\x04\" (a zip)"
        ));
    }
    Ok(())
}

fn required<'a>(file: &File, archive: &'a Archive, name: &str) -> Result<&'a ZipEntry> {
    archive.get(name).ok_or_else(|| {
        let whole = format!("{}/{name}", archive.prefix);
        Error::format(
            file.path(),
            At::Field(whole),
            "no such entry in the zip: expected a file that torch.save wrote",
        )
    })
}

fn read<'f>(file: &'f File, entry: &ZipEntry, limit: u64) -> Result<Cow<'f, [u8]>> {
    if entry.size > limit {
        return Err(Error::format(
            file.path(),
            At::Field(entry.name.clone()),
            format!("{} bytes, and the limit is {limit}; save the scores as one tensor", entry.size),
        ));
    }
    file.read(entry.payload, checked::index(entry.size)?)
}

fn check_version(file: &File, archive: &Archive) -> Result<()> {
    let entry = required(file, archive, "version")?;
    let bytes = read(file, entry, MAX_WORD)?;
    let version = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim_end().parse::<u64>().ok());
    match version {
        Some(1..=10) => Ok(()),
        _ => Err(Error::format(
            file.path(),
            At::Field(entry.name.clone()),
            format!("version \"{}\": expected a number from 1 to 10", bytes.escape_ascii()),
        )),
    }
}

/// Whether the storages are big-endian. Files from before torch 2.1 do not say and are little-endian.
fn byte_order(file: &File, archive: &Archive) -> Result<bool> {
    let Some(entry) = archive.get("byteorder") else {
        return Ok(false); // Proof: so it is where nothing is said.
    };
    match read(file, entry, MAX_WORD)?.as_ref() {
        b"little" => Ok(false),
        b"big" => Ok(true),
        other => Err(Error::format(
            file.path(),
            At::Field(entry.name.clone()),
            format!("byte order \"{}\": expected \"little\" or \"big\"", other.escape_ascii()),
        )),
    }
}
