//! What every long call shares: the GIL released, Ctrl-C seen, progress told.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use pyo3::prelude::*;

use crate::error::{Error, Result, Shown};
use crate::exec::job::Job;
use crate::exec::threads::panic_message;
use crate::io::file::Io;

/// Runs `work` without the GIL, on `threads` threads.
///
/// A few times a second the GIL is taken to look for signals and, if there is a `progress`, to call it with
/// the units done so far. What either of them raises stops the work and is raised again.
pub(super) fn run<R: Send>(
    py: Python<'_>,
    threads: usize,
    progress: Option<&Py<PyAny>>,
    work: impl FnOnce(&Job<'_>) -> Result<R> + Send,
) -> PyResult<R> {
    py.detach(move || {
        let raised = RefCell::new(None);
        let beat = |done: u64| {
            Python::attach(|py| {
                py.check_signals()?;
                progress.map_or(Ok(()), |progress| progress.call1(py, (done,)).map(drop))
            })
            .map_err(|error| {
                *raised.borrow_mut() = Some(error);
                Error::Interrupted
            })
        };
        let result = whole(|| work(&Job::new(threads).with_heartbeat(&beat)));
        match raised.into_inner() {
            Some(error) => Err(error),
            None => Ok(result?),
        }
    })
}

/// Runs something to its end: a panic of it is an [`Error::Internal`]. What it was about to change is dropped with it,
/// or is behind locks that tell of it.
///
/// Left to `PyO3`, a panic becomes an exception that `except Exception` does not catch.
pub(super) fn whole<R>(work: impl FnOnce() -> Result<R>) -> Result<R> {
    catch_unwind(AssertUnwindSafe(work))
        // Proof: an error.
        .unwrap_or_else(|panic| Err(Error::Internal(panic_message(panic.as_ref()))))
}

/// The threads of a call: the argument, else `$DSDM_NUM_THREADS`, else all that the process may run on.
pub(super) fn threads(argument: Option<i64>) -> Result<usize> {
    let (source, count) = match (argument, std::env::var("DSDM_NUM_THREADS")) {
        (Some(count), _) => ("threads", count),
        (None, Ok(text)) if !text.is_empty() => {
            let count = text.parse().map_err(|_| {
                Error::Value(format!("DSDM_NUM_THREADS is {text:?}; a whole number of at least 1 is needed"))
            })?;
            ("DSDM_NUM_THREADS", count)
        }
        (None, Err(std::env::VarError::NotUnicode(text))) => {
            let text = Shown(Path::new(&text));
            return Err(Error::Value(format!(
                "DSDM_NUM_THREADS is {text}; a whole number of at least 1 is needed"
            )));
        }
        _ => return Ok(std::thread::available_parallelism().map_or(1, usize::from)),
    };
    usize::try_from(count)
        .ok()
        .filter(|count| (1..=1024).contains(count))
        .ok_or_else(|| Error::Value(format!("{source} is {count}; a number from 1 to 1024 is needed")))
}

/// How files are read, by its name.
pub(super) fn io(name: &str) -> Result<Io> {
    match name {
        "mmap" => Ok(Io::Mmap),
        "pread" => Ok(Io::Pread),
        _ => Err(Error::Value(format!("io is {name:?}; it is one of \"mmap\", \"pread\""))),
    }
}
