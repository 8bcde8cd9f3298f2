//! A file in the making, under a name that tells so.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;

use super::folder::Folder;
use crate::checked;
use crate::error::{Error, Result};
use crate::exec::job::State;

/// The end of the name of a file that is being written.
pub(crate) const PART: &str = ".part";

/// Bytes that are written between two looks whether the job is to stop.
const WRITE: usize = 1 << 20;

/// The name of a file while it is being written, by an attempt that has a name or by the only one.
pub(crate) fn part(name: &str, attempt: &str) -> String {
    if attempt.is_empty() { format!("{name}{PART}") } else { format!("{name}{PART}-{attempt}") }
}

/// A name for an attempt, which no other has.
pub(crate) fn new_attempt() -> String {
    format!("{:016x}", RandomState::new().hash_one(std::process::id()))
}

/// Creates a file that is not there yet.
pub(crate) fn create(folder: &Folder, name: &str) -> Result<File> {
    folder.create(name).map_err(|e| Error::io(folder.at(name), "creating", e))
}

/// Writes bytes, unless the job is to stop.
pub(crate) fn write_all_at(file: &File, path: &Path, bytes: &[u8], offset: u64, state: &State) -> Result<()> {
    for (index, chunk) in bytes.chunks(WRITE).enumerate() {
        state.check()?;
        write_at(file, path, chunk, checked::add(offset, checked::mul(index, WRITE)? as u64)?)?;
    }
    Ok(())
}

/// Writes bytes in one go.
#[cfg(unix)]
pub(crate) fn write_at(file: &File, path: &Path, bytes: &[u8], offset: u64) -> Result<()> {
    let written = std::os::unix::fs::FileExt::write_all_at(file, bytes, offset);
    written.map_err(|e| Error::io(path, format!("writing {} bytes at {offset}", bytes.len()), e))
}

/// Writes bytes in one go.
#[cfg(windows)]
pub(crate) fn write_at(file: &File, path: &Path, mut bytes: &[u8], mut offset: u64) -> Result<()> {
    let failed = |e, len, offset| Error::io(path, format!("writing {len} bytes at {offset}"), e);
    while !bytes.is_empty() {
        let written = std::os::windows::fs::FileExt::seek_write(file, bytes, offset);
        match written.map_err(|e| failed(e, bytes.len(), offset))? {
            0 => return Err(failed(std::io::ErrorKind::WriteZero.into(), bytes.len(), offset)),
            count => {
                bytes = checked::get(bytes, count..)?;
                offset = checked::add(offset, count as u64)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::ErrorKind;

    use super::*;
    use crate::exec::job::Job;

    #[test]
    fn a_file_is_created_once_and_under_its_own_name() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        assert_eq!(part("a/b.npy", ""), "a/b.npy.part");
        assert_eq!(part("a/b.npy", "0f"), "a/b.npy.part-0f");
        assert_ne!(new_attempt(), new_attempt());
        create(&folder, "one").unwrap();
        fs::write(dir.path().join("one"), "kept").unwrap();
        for (name, kind) in [("one", ErrorKind::AlreadyExists), ("none/one", ErrorKind::NotFound)] {
            let error = create(&folder, name).unwrap_err();
            let told = matches!(&error, Error::Io { path, doing, source }
                if *path == dir.path().join(name) && doing == "creating" && source.kind() == kind);
            assert!(told, "{error}");
        }
        assert_eq!(fs::read(dir.path().join("one")).unwrap(), b"kept");
    }

    #[test]
    fn bytes_are_written_where_they_belong_whatever_their_number() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let state = State::default();
        let lengths = [0, 1, WRITE - 1, WRITE, WRITE + 1, 2 * WRITE, 3 * WRITE + 5];
        for (number, (length, offset)) in
            lengths.into_iter().flat_map(|length| [(length, 0), (length, 7)]).enumerate()
        {
            let name = number.to_string();
            let (file, path) = (create(&folder, &name).unwrap(), dir.path().join(&name));
            write_at(&file, &path, b"before.", 0).unwrap();
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251).to_le_bytes()[0]).collect();
            write_all_at(&file, &path, &bytes, offset, &state).unwrap();
            let mut expected = b"before."[..usize::try_from(offset).unwrap()].to_vec();
            expected.extend(&bytes);
            let rest = b"before.".get(expected.len()..).unwrap_or_default();
            expected.extend(rest);
            assert!(fs::read(&path).unwrap() == expected, "{length} bytes at {offset}");
        }
    }

    #[test]
    fn a_write_that_fails_says_of_how_many_bytes_and_where() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "x").unwrap();
        let file = File::open(&path).unwrap();
        let state = State::default();
        let error = write_all_at(&file, &path, b"abc", 5, &state).unwrap_err();
        let told = matches!(&error, Error::Io { path: at, doing, .. }
            if *at == path && doing == "writing 3 bytes at 5");
        assert!(told, "{error}");
        // Nothing is written for no bytes, not even to a file that is not to be written to.
        write_all_at(&file, &path, b"", 5, &state).unwrap();
    }

    #[test]
    fn nothing_is_written_once_the_job_is_to_stop() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let file = File::create(&path).unwrap();
        let beat = |_: u64| Err(Error::Interrupted);
        let stopped = Job::new(1).with_heartbeat(&beat).run(|_, state| {
            while state.check().is_ok() {
                std::thread::yield_now();
            }
            write_all_at(&file, &path, b"abc", 0, state)
        });
        assert!(matches!(stopped, Err(Error::Interrupted)));
        assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    }
}
