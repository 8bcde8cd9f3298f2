//! What a forked child must not take over from its parent.
//!
//! A child has all memory of its parent, and of its threads the one that forked. A lock that another thread held is
//! held for ever there, and a table of open files tells of the parent's: the system copies descriptors a moment before
//! memory, so that the child's own may be others by the same numbers. Such things are kept once per process.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{Error, Result};

/// How many processes of a line of forks have one of their own.
const LINE: usize = 8;

/// One `T` for each process of a line of forks, of which each finds its own by its number.
///
/// The places are taken by atomic numbers alone: nothing here can be inherited half done.
#[derive(Debug)]
pub(crate) struct PerProcess<T, const N: usize = LINE> {
    places: [ProcessSlot<T>; N],
}

/// What one process has.
#[derive(Debug)]
pub(crate) struct ProcessSlot<T> {
    /// The number of the process; 0 where it is anybody's still.
    process: AtomicU32,
    value: T,
}

impl<T> ProcessSlot<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self { process: AtomicU32::new(0), value }
    }
}

impl<T: Default, const N: usize> Default for PerProcess<T, N> {
    fn default() -> Self {
        Self::of(std::array::from_fn(|_| ProcessSlot::new(T::default())))
    }
}

impl<T, const N: usize> PerProcess<T, N> {
    pub(crate) const fn of(places: [ProcessSlot<T>; N]) -> Self {
        Self { places }
    }

    /// That of this process; nothing, if as many of its ancestors have one as there can be.
    pub(crate) fn find(&self) -> Option<&T> {
        self.of_process(std::process::id())
    }

    /// That of this process.
    ///
    /// # Errors
    /// [`Error::Value`] for one too far down a line of forks.
    pub(crate) fn here(&self) -> Result<&T> {
        self.find().ok_or_else(|| {
            Error::Value(format!(
                "this process was forked from one that was forked, and so on, and {N} of them used the same data; open \
                 it again in this process"
            ))
        })
    }

    /// All, also those of processes that this one comes from: to be looked at without waiting.
    pub(crate) fn all(&self) -> impl Iterator<Item = &T> {
        self.places.iter().map(|place| &place.value)
    }

    /// The first place that the process has or can have. All its threads go through them in the same order, and thus
    /// come to the same.
    fn of_process(&self, process: u32) -> Option<&T> {
        let is_its = |place: &&ProcessSlot<T>| {
            let taken = place.process.compare_exchange(0, process, Ordering::AcqRel, Ordering::Acquire);
            taken.is_ok() || taken == Err(process)
        };
        self.places.iter().find(is_its).map(|place| &place.value)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn each_process_has_its_own_while_there_are_places() {
        let each: PerProcess<Mutex<u32>, 2> = PerProcess::default();
        let held = each.of_process(7).unwrap().lock().unwrap();
        *each.of_process(8).unwrap().try_lock().unwrap() = 1;
        assert!(each.of_process(7).unwrap().try_lock().is_err());
        drop(held);
        assert_eq!(each.all().map(|value| *value.lock().unwrap()).collect::<Vec<_>>(), [0, 1]);
        assert!(each.of_process(9).is_none());
        let error = each.here().unwrap_err().to_string();
        assert!(error.contains("open it again in this process"), "{error}");
    }
}
