//! Locks of which a thread that failed may have left half done what is behind them.
//!
//! A panic while a lock is held says that what it guards may be in no state that anybody meant. Nobody goes on
//! from there: whoever comes next fails too, and the call ends with the panic's own message ([`super::job`]).

use std::sync::{Condvar, Mutex, MutexGuard, RwLock, RwLockWriteGuard};
use std::time::Duration;

use crate::error::{Error, Result};

/// What a lock guards, unless a thread failed while it held it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> Result<MutexGuard<'_, T>> {
    mutex.lock().map_err(|_| half_done())
}

/// The same of a lock that is no longer shared.
pub(crate) fn into_inner<T>(mutex: Mutex<T>) -> Result<T> {
    mutex.into_inner().map_err(|_| half_done())
}

/// What a lock of many readers guards, to be changed.
pub(crate) fn write<T>(lock: &RwLock<T>) -> Result<RwLockWriteGuard<'_, T>> {
    lock.write().map_err(|_| half_done())
}

/// The same of a lock that is no longer shared.
pub(crate) fn into_written<T>(lock: RwLock<T>) -> Result<T> {
    lock.into_inner().map_err(|_| half_done())
}

/// Waits until somebody moves, or for so long: whoever waits must then look whether its job is to stop.
pub(crate) fn wait<'a, T>(
    moved: &Condvar,
    guard: MutexGuard<'a, T>,
    most: Duration,
) -> Result<MutexGuard<'a, T>> {
    moved.wait_timeout(guard, most).map(|(guard, _)| guard).map_err(|_| half_done())
}

pub(crate) fn half_done() -> Error {
    Error::Internal("a thread failed while it changed what others share; open the data again".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_panic_left_half_done_is_given_to_nobody() {
        let (mutex, many) = (Mutex::new(1), RwLock::new(1));
        std::thread::scope(|scope| {
            let failing = scope.spawn(|| {
                let _held = (mutex.lock().unwrap(), many.write().unwrap());
                panic!("while it is held");
            });
            assert!(failing.join().is_err());
        });
        let refused =
            |error: Error| matches!(error, Error::Internal(said) if said.contains("a thread failed"));
        assert!(refused(lock(&mutex).unwrap_err()) && refused(write(&many).unwrap_err()));
        assert!(refused(into_inner(mutex).unwrap_err()) && refused(into_written(many).unwrap_err()));
    }

    #[test]
    fn waiting_ends_by_itself() {
        let (mutex, moved) = (Mutex::new(7), Condvar::new());
        let guard = wait(&moved, lock(&mutex).unwrap(), Duration::from_millis(1)).unwrap();
        assert_eq!(*guard, 7);
    }
}
