//! What stands between a bad file and a panic of a library that reads it.

use std::any::Any;
use std::cell::Cell;
use std::io;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::error::ArrowError;
use parquet::errors::ParquetError;

use super::memory::NoRoom;
use super::threads::panic_message;
use crate::error::{At, Error, Result};

/// What this crate says where a decoder calls it, and what the user reads as it stands.
#[derive(Debug)]
pub(crate) struct OwnWords(pub(crate) String);

impl std::fmt::Display for OwnWords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OwnWords {}

thread_local! {
    /// Whether this thread is in a decoder, whose panics become errors and are no one's to read.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs a decoder of another crate: what it says, and a panic of it, become a [`Error::Format`] at this place.
///
/// Such a panic prints nothing. For that the first call puts a panic hook before the one that is there.
pub(crate) fn guard<R, E: std::fmt::Display + 'static>(
    path: &Path,
    at: &At,
    doing: &str,
    decode: impl FnOnce() -> Result<R, E>,
) -> Result<R> {
    let broken = |what: String| {
        let cause = if is_unknown(&what) {
            "a type or form that is not read here (integers are of up to 64 bits): write the column in another type, or, if its writer knows no such one, get the file again"
        } else {
            "the file is damaged or written wrongly"
        };
        Error::format(path, at.clone(), format!("{doing}: {what}; {cause}"))
    };
    match silently(decode) {
        Ok(decoded) => decoded.map_err(|error| {
            if let Some(said) = own::<NoRoom>(&error) {
                return Error::Memory(format!("{}: {said}", path.display()));
            }
            if let Some(code) = system_error(&error) {
                return Error::io(path, doing, io::Error::from_raw_os_error(code));
            }
            if let Some(said) = own::<OwnWords>(&error) {
                return Error::format(path, at.clone(), said.to_string());
            }
            let said = error.to_string();
            if is_for_want_of_memory(&said) {
                return Error::Memory(format!("{}: {doing}: {said}", path.display()));
            }
            broken(said)
        }),
        Err(_) => Err(broken("the decoder gave up on the bytes".to_owned())),
    }
}

/// Whether a decoder says that it knows no such type, codec or encoding, rather than that bytes contradict themselves.
fn is_unknown(what: &str) -> bool {
    ["not supported", "nsupported", "not implemented", "not yet implemented"]
        .iter()
        .any(|said| what.contains(said))
}

/// Whether a decoder says that it found no memory to work in. They tell of it in words alone.
fn is_for_want_of_memory(what: &str) -> bool {
    ["not enough memory", "memory allocation failed", "out of memory", "Cannot allocate memory"]
        .iter()
        .any(|said| what.contains(said))
}

/// What is no word of a decoder, but of this crate where it is called by one.
fn own<T: std::error::Error + 'static>(error: &dyn Any) -> Option<&T> {
    match error.downcast_ref::<ParquetError>()? {
        ParquetError::External(inner) => inner.downcast_ref(),
        _ => None, // Proof: it is of another kind.
    }
}

/// What the system refused to a decoder that works on a file itself: nothing of that is told by the bytes.
fn system_error(error: &dyn Any) -> Option<i32> {
    let of_arrow = error.downcast_ref().and_then(|error| match error {
        ArrowError::IoError(_, inner) => Some(inner),
        _ => None, // Proof: it is of another kind.
    });
    of_arrow.or_else(|| own::<io::Error>(error))?.raw_os_error()
}

/// Runs what works on rows that were read and looked at: no file can have it fail, and a failure is a defect.
pub(crate) fn faultless<R, E: std::fmt::Display>(
    doing: &str,
    work: impl FnOnce() -> Result<R, E>,
) -> Result<R> {
    let failed = |what| Error::Internal(format!("{doing}: {what}"));
    silently(work)
        .map_err(|panic| failed(panic_message(panic.as_ref())))?
        .map_err(|error| failed(error.to_string()))
}

/// Runs what may panic, and prints nothing of it.
pub(crate) fn silently<R>(work: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
    quieten();
    let outer = GUARDED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(outer);
    outcome
}

/// Makes panics print nothing on threads that are in a decoder; all others go where they went before.
pub(crate) fn quieten() {
    // Nobody waits for the first one, which a forked child may have inherited half done.
    static BEGUN: AtomicBool = AtomicBool::new(false);
    if BEGUN.load(Ordering::Relaxed) || BEGUN.swap(true, Ordering::Relaxed) {
        return;
    }
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !GUARDED.get() {
            before(panic);
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_refuses_is_no_damage() {
        let refused = || io::Error::from_raw_os_error(24);
        let of_parquet = || Err::<(), _>(ParquetError::External(Box::new(refused())));
        let of_arrow = || Err::<(), _>(ArrowError::IoError("a decoder's words".to_owned(), refused()));
        let (path, at) = (Path::new("a"), At::File);
        for error in [guard(path, &at, "opening", of_parquet), guard(path, &at, "opening", of_arrow)] {
            let error = error.unwrap_err();
            assert!(
                matches!(&error, Error::Io { source, .. } if source.raw_os_error() == Some(24)),
                "{error}"
            );
        }
        let ends =
            || Err::<(), _>(ArrowError::IoError("it ends".to_owned(), io::ErrorKind::UnexpectedEof.into()));
        assert!(matches!(guard(path, &at, "opening", ends).unwrap_err(), Error::Format(_)));
    }

    fn give_up() -> Result<()> {
        guard(Path::new("a"), &At::File, "decoding", || -> Result<()> { panic!("a panic within") })
    }

    #[test]
    fn a_decoder_that_found_no_memory_does_not_make_the_file_damaged() {
        let fails = || Err::<(), _>("Allocation error : not enough memory");
        let error = guard(Path::new("a"), &At::File, "unpacking", fails).unwrap_err();
        assert!(matches!(&error, Error::Memory(said) if said.starts_with("a: unpacking: ")), "{error}");
    }

    #[test]
    fn what_no_file_can_cause_is_a_defect() {
        let panics = || -> Result<()> { panic!("a panic within") };
        let fails = || Err::<(), _>("no place");
        let said = [faultless("gathering", panics).unwrap_err(), faultless("gathering", fails).unwrap_err()];
        let said = said.map(|error| matches!(error, Error::Internal(_)).then(|| error.to_string()).unwrap());
        assert!(said[0].ends_with("gathering: a panic within"), "{}", said[0]);
        assert!(said[1].ends_with("gathering: no place"), "{}", said[1]);
    }

    /// Runs itself in a process of its own, which prints what a panic prints.
    #[test]
    fn a_panic_within_prints_nothing_and_others_do() {
        const INNER: &str = "DSDM_TEST_PANICS";
        if std::env::var_os(INNER).is_some() {
            let nested = guard(Path::new("b"), &At::File, "decoding", || {
                give_up().unwrap_err();
                give_up()
            });
            assert!(nested.unwrap_err().to_string().contains("the decoder gave up on the bytes"));
            panic!("a panic after");
        }
        let run = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "exec::catch_panic::tests::a_panic_within_prints_nothing_and_others_do",
                "--nocapture",
            ])
            .env(INNER, "1")
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&run.stderr);
        assert!(printed.contains("a panic after"), "{printed}");
        assert!(!printed.contains("a panic within"), "{printed}");
    }
}
