//! `.npz`: arrays that `numpy.savez` wrote, each of them a `.npy` in a zip, read where it lies.

use super::choices::choose_with;
use super::npy::{self, Window};
use super::zip::{Listing, ZipEntry, check_stored, checksum};
use crate::checked;
use crate::error::{At, Error, Result};
use crate::io::file::File;
use crate::scores::options::OpenOptions;
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

/// The values of the only array, or of the one that the key names with or without its suffix, and its name without.
///
/// Its checksum is computed only if it is to be verified: that reads every byte of it.
pub(crate) fn parts(file: &File, options: &OpenOptions) -> Result<(Vec<Part>, Chosen)> {
    let listing = Listing::of(file)?;
    let at = choose(file, &listing.entries, options.key.as_deref())?;
    check_stored(file, checked::get(&listing.entries, at)?, FIX)?;
    let entries = listing.placed(file)?;
    let entry = checked::get(&entries, at)?;
    if options.verify {
        checksum(file, entry)?;
    }
    let window = Window::at(file, entry.payload, entry.size)?;
    let found = npy::parts(window, options);
    let (parts, chosen) = found.map_err(|error| error.within(&format!("entry {:?}", entry.name)))?;
    let name =
        entry.name.strip_suffix(SUFFIX).ok_or_else(|| checked::impossible("an array without its suffix"))?;
    Ok((parts, chosen.of(Some(name.to_owned()))))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::file::Io;
    use crate::scores::dtype::DType;

    /// A vector of float32 as numpy writes it.
    fn npy(values: &[f32]) -> Vec<u8> {
        let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({},), }}", values.len());
        let header = format!("{header:<117}\n");
        let values: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        [b"\x93NUMPY\x01\x00v\x00", header.as_bytes(), &values].concat()
    }

    /// A zip of entries that lie in it as they are.
    fn archive(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let (mut bytes, mut central) = (Vec::new(), Vec::new());
        for (name, payload) in entries {
            let size = u32::try_from(payload.len()).unwrap().to_le_bytes();
            let crc = crc32fast::hash(payload).to_le_bytes();
            let start = u32::try_from(bytes.len()).unwrap().to_le_bytes();
            let name_len = u16::try_from(name.len()).unwrap().to_le_bytes();
            // Its version, no flags, no compression, no time; sums and sizes; its name, and nothing more.
            let common =
                [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &crc, &size, &size, &name_len, &[0; 2]].concat();
            bytes.extend([b"PK\x03\x04", &common[..], name.as_bytes(), payload].concat());
            let listed = [b"PK\x01\x02\x14\x00", &common[..], &[0; 10], &start, name.as_bytes()].concat();
            central.extend(listed);
        }
        let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
        let (size, start) = (central.len(), bytes.len());
        let [size, start] = [size, start].map(|number| u32::try_from(number).unwrap().to_le_bytes());
        bytes.extend([&central[..], b"PK\x05\x06", &[0; 4], &count, &count, &size, &start, &[0; 2]].concat());
        bytes
    }

    /// The values that are read, and what they are called.
    fn read(bytes: &[u8], key: Option<&str>, verify: bool) -> Result<(Vec<f32>, String)> {
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(path.path(), bytes).unwrap();
        let file = File::open(path.path(), Io::Pread).unwrap();
        let options = OpenOptions { key: key.map(str::to_owned), verify, ..OpenOptions::default() };
        let (parts, chosen) = parts(&file, &options)?;
        let [part] = parts.as_slice() else { panic!("{} parts", parts.len()) };
        assert_eq!((part.dtype, part.stride, part.swapped), (DType::F32, 1, false));
        let bytes = file.read(part.offset, 4 * usize::try_from(part.len).unwrap()).unwrap();
        let values = bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
        let Some(name) = chosen.key else { panic!("{chosen:?}") };
        Ok((values, name))
    }

    #[track_caller]
    fn refused(bytes: &[u8], key: Option<&str>, said: &[&str]) {
        let error = read(bytes, key, false).unwrap_err().to_string();
        assert!(said.iter().all(|said| error.contains(said)), "{error}");
    }

    #[test]
    fn an_array_is_read_where_it_lies() {
        let one = archive(&[("scores.npy", npy(&[1.5, -2.0]))]);
        let expected = (vec![1.5, -2.0], "scores".to_owned());
        for key in [None, Some("scores"), Some("scores.npy")] {
            assert_eq!(read(&one, key, true).unwrap(), expected);
        }
        // Entries of other names are no arrays.
        let beside = [("read me", b"text".to_vec()), ("scores.npy", npy(&[3.0])), ("x.npz", Vec::new())];
        assert_eq!(read(&archive(&beside), None, true).unwrap(), (vec![3.0], "scores".to_owned()));
        let several = archive(&[("a.npy", npy(&[1.0])), ("b.npy", npy(&[])), ("c/d.npy", npy(&[4.0, 5.0]))]);
        for (key, values) in [("a", vec![1.0]), ("b", vec![]), ("c/d", vec![4.0, 5.0])] {
            assert_eq!(read(&several, Some(key), true).unwrap(), (values.clone(), key.to_owned()));
            assert_eq!(read(&several, Some(&format!("{key}.npy")), false).unwrap().0, values);
        }
        refused(&several, None, &["an .npz archive with 3 arrays: expected one array", "a", "b", "c/d"]);
        refused(&several, Some("d"), &["without key=\"d\"", "c/d"]);
        refused(&several, Some("a.npy.npy"), &["without key=\"a.npy.npy\""]);
    }

    #[test]
    fn a_name_that_two_arrays_may_have_is_refused() {
        let both = archive(&[("a.npy", npy(&[1.0])), ("a.npy.npy", npy(&[2.0]))]);
        assert_eq!(read(&both, Some("a"), true).unwrap().0, [1.0]);
        assert_eq!(read(&both, Some("a.npy.npy"), true).unwrap().0, [2.0]);
        refused(&both, Some("a.npy"), &["key=\"a.npy\" is the array \"a\"", "\"a.npy\" without"]);
        refused(&archive(&[]), None, &["with 0 arrays", "there is none in it"]);
        refused(&archive(&[("a", npy(&[1.0]))]), Some("a"), &["without key=\"a\"", "there is none in it"]);
    }

    #[test]
    fn bytes_are_held_against_their_checksum_if_asked_for() {
        let good = archive(&[("a.npy", npy(&[1.0, 2.0]))]);
        let last = good.windows(4).position(|four| four == 2.0_f32.to_le_bytes()).unwrap();
        let mut bad = good.clone();
        bad[last] ^= 1;
        assert!(matches!(read(&bad, None, true), Err(Error::Checksum(_))));
        assert_eq!(read(&bad, None, false).unwrap().0[..1], [1.0]);
        // Of the array that is read alone.
        let two = archive(&[("a.npy", npy(&[1.0, 2.0])), ("b.npy", npy(&[3.0]))]);
        let mut bad = two;
        bad[last] ^= 1;
        assert_eq!(read(&bad, Some("b"), true).unwrap().0, [3.0]);
    }

    #[test]
    fn arrays_that_cannot_be_read_where_they_lie_are_named() {
        let mut packed = archive(&[("a.npy", npy(&[1.0]))]);
        let central = packed.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
        (packed[8], packed[central + 10]) = (8, 8);
        refused(&packed, None, &["\"a.npy\" is compressed (method 8)", "numpy.savez(\"new.npz\""]);
        // An array ends where its entry does, whatever lies behind it.
        let mut short = npy(&[1.0, 2.0]);
        short.truncate(short.len() - 1);
        let short = archive(&[("a.npy", short), ("b.npy", npy(&[9.0]))]);
        refused(&short, Some("a"), &["entry \"a.npy\"", "promises 2 values of float32, and 7 bytes follow"]);
        refused(&archive(&[("a.npy", b"text".to_vec())]), None, &["entry \"a.npy\"", "no .npy file"]);
    }
}
