//! The one error of this crate.
//!
//! Each variant is a kind that a caller can act on; the bindings turn it into one Python exception.
//! A message names where (path; byte, row or field), what was found, what was expected and what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::shown::told;

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Where in a file something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// The file as a whole.
    File,
    /// A byte offset from the file's start.
    Byte(u64),
    /// A row of the vector or the table that the file holds.
    Row(u64),
    /// A line of text, the first of which is 1.
    Line(u64),
    /// A named field, entry, column or key.
    Field(String),
}

/// A path in a message: as it is, or, where it has bytes that are no UTF-8, with those escaped.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a>(pub &'a Path);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.to_str() {
            Some(path) => f.write_str(path),
            None => fmt::Debug::fmt(self.0, f),
        }
    }
}

/// What is wrong with a file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub path: PathBuf,
    /// The place in it.
    pub at: At,
    /// What was found, what was expected, what to do.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", Shown(&self.path))?;
        match &self.at {
            At::File => {}
            At::Byte(offset) => write!(f, "at byte {offset}: ")?,
            At::Row(row) => write!(f, "at row {row}: ")?,
            At::Line(line) => write!(f, "at line {line}: ")?,
            At::Field(name) => write!(f, "{name}: ")?,
        }
        f.write_str(&self.message)
    }
}

/// Everything that can go wrong, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not the format they should be, or a part of it that is not supported.
    #[error("{}", told(.0))]
    Format(Fault),
    /// A pickle asks for something that is not data. Nothing of it was run.
    #[error("{}", told(.0))]
    UnsafePickle(Fault),
    /// The file ends before what it promises.
    #[error("{}", told(.0))]
    Truncated(Fault),
    /// Stored and computed checksums differ.
    #[error("{}", told(.0))]
    Checksum(Fault),
    /// Readable, but not of the type or shape that is needed.
    #[error("{}", told(.0))]
    Schema(Fault),
    /// A file changed while it was read.
    #[error("{}", told(.0))]
    SourceChanged(Fault),
    /// An interrupted run cannot be continued by this call.
    #[error("{}", told(.0))]
    ResumeMismatch(Fault),
    /// The operating system refused; the source keeps its errno.
    #[error("{}", told(format_args!("{}: {doing}: {source}", Shown(path))))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was being done, as a phrase: "opening", "writing 4096 bytes at 0".
        doing: String,
        /// The operating system's answer.
        source: io::Error,
    },
    /// An argument has a value that is not allowed.
    #[error("{}", told(.0))]
    Value(String),
    /// An argument has a type that is not allowed.
    #[error("{}", told(.0))]
    Type(String),
    /// A row number lies outside the rows there are.
    #[error("{}", told(.0))]
    Index(String),
    /// A size asked for cannot be allocated.
    #[error("{}", told(.0))]
    Memory(String),
    /// The caller asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// A defect of this crate: please report it.
    #[error("{}", told(format_args!("internal error, please report it, with what `dsdm doctor` prints and the call or command: {0}", .0)))]
    Internal(String),
}

macro_rules! fault_constructor {
    ($(#[$doc:meta])* $name:ident, $variant:ident) => {
        $(#[$doc])*
        pub fn $name(path: impl AsRef<Path>, at: At, message: impl Into<String>) -> Self {
            Self::$variant(Fault {
                path: path.as_ref().to_path_buf(),
                at,
                message: message.into(),
            })
        }
    };
}

impl Error {
    fault_constructor!(
        /// [`Error::Format`] at a place in a file.
        format, Format
    );
    fault_constructor!(
        /// [`Error::UnsafePickle`] at a place in a file.
        unsafe_pickle, UnsafePickle
    );
    fault_constructor!(
        /// [`Error::Truncated`] at a place in a file.
        truncated, Truncated
    );
    fault_constructor!(
        /// [`Error::Checksum`] at a place in a file.
        checksum, Checksum
    );
    fault_constructor!(
        /// [`Error::Schema`] at a place in a file.
        schema, Schema
    );
    fault_constructor!(
        /// [`Error::SourceChanged`] at a place in a file.
        source_changed, SourceChanged
    );
    fault_constructor!(
        /// [`Error::ResumeMismatch`] at a place in a file.
        resume_mismatch, ResumeMismatch
    );

    /// What to say where reading a file failed: that it changed, if it did, for then the bytes prove nothing.
    #[must_use]
    pub fn unless_changed(self, check_unchanged: impl FnOnce() -> Result<()>) -> Self {
        match self {
            Self::SourceChanged(_) | Self::Interrupted => self,
            other => match check_unchanged() {
                Err(changed @ Self::SourceChanged(_)) => changed,
                _ => other,
            },
        }
    }

    /// The same, where what is wrong lies in a part of a file.
    #[must_use]
    pub fn within(self, part: &str) -> Self {
        let told = |fault: Fault| Fault { message: format!("{part}: {}", fault.message), ..fault };
        match self {
            Self::Format(fault) => Self::Format(told(fault)),
            Self::UnsafePickle(fault) => Self::UnsafePickle(told(fault)),
            Self::Truncated(fault) => Self::Truncated(told(fault)),
            Self::Schema(fault) => Self::Schema(told(fault)),
            other => other,
        }
    }

    /// [`Error::Io`] for something done to a path.
    pub fn io(path: impl AsRef<Path>, doing: impl Into<String>, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::OutOfMemory {
            return Self::Memory(format!("{}: {}: {source}", path.as_ref().display(), doing.into()));
        }
        let mut doing = doing.into();
        if is_too_many(&source) {
            doing.push_str(" (raise the limit of open files with ulimit -n)");
        }
        Self::Io { path: path.as_ref().to_path_buf(), doing, source }
    }
}

/// Return whether the process, or the system, has no room for one more open file, which `std` has no kinds for.
pub(crate) fn is_too_many(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
    }
    #[cfg(not(unix))]
    {
        let _ = error;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn memory_that_the_system_does_not_give_is_no_fault_of_a_file() {
        let error = Error::io("a", "mapping into memory", io::Error::from_raw_os_error(12));
        assert!(
            matches!(&error, Error::Memory(said) if said.starts_with("a: mapping into memory: ")),
            "{error}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn where_too_many_files_are_open_it_is_said_what_to_do() {
        use rustix::io::Errno;
        for (errno, lacks) in [(Errno::MFILE, true), (Errno::NFILE, true), (Errno::NOENT, false)] {
            assert_eq!(is_too_many(&errno.into()), lacks, "{errno}");
            let said = Error::io("a", "making the journal", errno.into()).to_string();
            assert_eq!(
                said.contains("a: making the journal (raise the limit of open files with ulimit -n): "),
                lacks
            );
        }
    }

    #[test]
    fn a_part_of_a_file_is_told_with_what_is_wrong_in_it() {
        let told = |error: Error| error.within("entry \"x\"").to_string();
        for error in [
            Error::format("a", At::Byte(3), "it is bad"),
            Error::unsafe_pickle("a", At::Byte(3), "it is bad"),
            Error::truncated("a", At::Byte(3), "it is bad"),
            Error::schema("a", At::Byte(3), "it is bad"),
        ] {
            let kind = std::mem::discriminant(&error);
            let error = error.within("entry \"x\"");
            assert_eq!(std::mem::discriminant(&error), kind);
            assert_eq!(error.to_string(), "a: at byte 3: entry \"x\": it is bad");
        }
        assert_eq!(told(Error::Interrupted), "interrupted");
    }

    #[test]
    fn a_file_that_changed_is_not_damaged() {
        let damaged = || Error::format("a", At::File, "it is damaged");
        let changed = || Err(Error::source_changed("a", At::File, "it is another"));
        assert!(matches!(damaged().unless_changed(changed), Error::SourceChanged(_)));
        assert!(matches!(damaged().unless_changed(|| Ok(())), Error::Format(_)));
        let gone = || Err(Error::Value("it cannot be looked at".to_owned()));
        assert!(matches!(damaged().unless_changed(gone), Error::Format(_)));
        assert!(matches!(Error::Interrupted.unless_changed(changed), Error::Interrupted));
    }
}
