//! Threads of the system: how many there is room for, that one cannot be started, that one panicked.

use std::any::Any;
use std::io;
use std::thread::{Builder, Scope, ScopedJoinHandle};

use super::memory::is_free_for_a_thread;
use crate::error::Error;

/// Memory that a thread is left where the memory of the process is limited: its stack, what it works in, and the
/// arena that glibc reserves for it.
#[cfg(target_os = "linux")]
const EACH: u64 = 128 << 20;

/// How many threads the memory that the process may have leaves room for: one at least.
///
/// A thread starts in whatever little there is, and ends the process where it then finds nothing to work in.
pub(crate) fn most() -> usize {
    #[cfg(target_os = "linux")]
    if let Some(limit) = rustix::process::getrlimit(rustix::process::Resource::As).current {
        let used = std::fs::read_to_string("/proc/self/statm").ok();
        let used = used.and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
        let used = used.and_then(|pages| pages.checked_mul(rustix::param::page_size() as u64));
        // Proof: where it is not told how much is used, all may be: one thread does the work.
        let room = used.and_then(|used| limit.checked_sub(used)).unwrap_or(0);
        // Proof: on the way from 64 bits to fewer there is nothing to lose: no system starts so many.
        return usize::try_from(room / EACH).unwrap_or(usize::MAX).max(1);
    }
    usize::MAX
}

/// Starts a thread, if the system has one to give.
pub(crate) fn start<'scope, R: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> R + Send + 'scope,
) -> io::Result<ScopedJoinHandle<'scope, R>> {
    #[cfg(test)]
    tests::may_start()?;
    check_room()?;
    Builder::new().name("dsdm-worker".to_owned()).spawn_scoped(scope, work)
}

/// Fails where a thread would find no room for what it begins with: one that has a stack and nothing else ends the process.
pub(crate) fn check_room() -> io::Result<()> {
    let none =
        || io::Error::new(io::ErrorKind::OutOfMemory, "too little memory is left for what it begins with");
    if is_free_for_a_thread() { Ok(()) } else { Err(none()) }
}

/// Not one thread can be started.
pub(crate) fn no_thread(source: &io::Error) -> Error {
    Error::Memory(format!(
        "the system starts no thread: {source}; raise the limit of processes (ulimit -u) or of memory (ulimit -v)"
    ))
}

/// What a panic says of itself.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "a thread panicked".to_owned()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        /// How many more threads this one may start.
        pub(crate) static MAY_START: Cell<usize> = const { Cell::new(usize::MAX) };
    }

    /// Fails as the system does where there is no room for another thread.
    pub(crate) fn may_start() -> io::Result<()> {
        let left = MAY_START.get().checked_sub(1);
        MAY_START.set(left.unwrap_or(0));
        left.map(drop).ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }

    #[test]
    fn a_panic_says_what_it_says() {
        assert_eq!(panic_message(&"text"), "text");
        assert_eq!(panic_message(&"text".to_owned()), "text");
        assert_eq!(panic_message(&7), "a thread panicked");
    }
}
