//! Room in memory for what libraries allocate.
//!
//! A library that finds none ends the process. So what is large is looked at before: whether a caller allows as much,
//! and whether there is room for it now. What is small finds room in what is left free before each step.

pub(crate) mod available;
pub(crate) mod cgroup;
use std::fmt;
use std::hint::black_box;
use std::thread::sleep;
use std::time::Duration;

use crate::error::{Error, Result};

/// What is less finds its place in what is left [free](FREE) for it.
const LARGE: u64 = 8 << 20;

/// What must be free before a step begins: more than the small things take that it makes.
const FREE: usize = 32 << 20;

/// What must be free before a thread begins: its stack, and what is its own.
const THREAD: usize = 8 << 20;

/// A limit below this is taken for this: so much is read at once whatever a caller says.
const LEAST_LIMIT: u64 = 64 << 20;

/// How often values are in memory at most while they are copied: as they are, and in what grows by twofold.
pub(crate) const COPIES: usize = 3;

/// There is no room for so many bytes.
#[derive(Debug)]
pub(crate) struct NoRoom {
    what: String,
    bytes: u128,
    /// What a caller allows, where it is not the memory that is too small.
    limit: Option<u64>,
}

impl NoRoom {
    /// Fails where memory has no room for so many bytes, `times` over.
    pub(crate) fn check(what: impl Fn() -> String, bytes: u64, times: usize) -> Result<(), Self> {
        if bytes < LARGE {
            return Ok(());
        }
        let need = usize::try_from(bytes).ok().and_then(|bytes| bytes.checked_mul(times)?.checked_add(FREE));
        if need.is_some_and(is_there) {
            return Ok(());
        }
        Err(Self { what: what(), bytes: u128::from(bytes) * times as u128, limit: None })
    }
}

/// Fails where too little memory is free to go on.
pub(crate) fn check_free(doing: &str) -> Result<()> {
    if is_there(FREE) {
        return Ok(());
    }
    Err(Error::Memory(format!(
        "{doing}: {FREE} bytes of memory are needed, and about {} are left; raise the limit of this process (ulimit -v), or use a machine with more",
        free_below(FREE, is_mapped)
    )))
}

/// About how much is free where so much is not: the largest half, quarter and so on that is given.
fn free_below(bytes: usize, is_free: impl Fn(usize) -> bool) -> usize {
    let parts = (1..usize::BITS).map_while(|halvings| bytes.checked_shr(halvings).filter(|part| *part > 0)); // Proof: the rest is nothing.
    // Proof: where none is given, nothing is left.
    parts.into_iter().find(|&part| is_free(part)).unwrap_or(0)
}

/// Fails where so many bytes find no room.
pub(crate) fn check_bytes(what: impl Fn() -> String, bytes: u64, times: usize) -> Result<()> {
    NoRoom::check(what, bytes, times).map_err(|none| Error::Memory(none.to_string()))
}

/// Room for so many things, or an error that says of what they are too many.
pub(crate) fn reserved<T>(count: usize, what: &str) -> Result<Vec<T>> {
    let mut things = Vec::new();
    let room = things.try_reserve_exact(count);
    room.map_err(|_| Error::Memory(format!("there is no room in memory for {count} {what}")))?;
    Ok(things)
}

/// Whether the system has room for a thread to begin: it looks itself whether there is room to go on.
///
/// The allocator is not asked: what it kept for this thread is of no use to another.
pub(crate) fn is_free_for_a_thread() -> bool {
    is_found(|| is_mapped(THREAD))
}

/// What there is room for under a fuzzer: it ends at an allocation of a gigabyte, so that none is tried.
const FUZZED: usize = 512 << 20;

/// How often room is looked for before there is none: another thread that looks at the same moment takes it for that
/// moment. A lock that a fork of the process would find taken is worse.
const LOOKS: usize = 5;

/// Whether there is so much: of the system, or of what the allocator keeps for this thread.
fn is_there(bytes: usize) -> bool {
    if cfg!(feature = "fuzzing") {
        return bytes <= FUZZED;
    }
    is_found(|| is_given(bytes))
}

fn is_found(look: impl Fn() -> bool) -> bool {
    let again = || {
        sleep(Duration::from_millis(1));
        look()
    };
    look() || (1..LOOKS).any(|_| again())
}

/// Whether this thread gets so much, which is given back at once.
fn is_given(bytes: usize) -> bool {
    is_mapped(bytes) || {
        let mut room = Vec::<u8>::new();
        let given = room.try_reserve_exact(bytes).is_ok();
        // Otherwise it is known to be unused, and never asked for.
        black_box(&mut room);
        given
    }
}

fn is_mapped(bytes: usize) -> bool {
    memmap2::MmapMut::map_anon(bytes).is_ok()
}

/// How many bytes may be unpacked at once.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct UnpackLimit(Option<u64>);

impl UnpackLimit {
    /// As many as a caller allows.
    pub(crate) fn told(limit: u64) -> Self {
        Self(Some(limit))
    }

    /// Fails where so many are not allowed, or find no room, `times` over.
    pub(crate) fn check(self, what: impl Fn() -> String, bytes: u64, times: usize) -> Result<(), NoRoom> {
        if let Some(limit) = self.0.filter(|&limit| bytes > limit.max(LEAST_LIMIT)) {
            return Err(NoRoom { what: what(), bytes: u128::from(bytes), limit: Some(limit) });
        }
        NoRoom::check(what, bytes, times)
    }
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, bytes, limit } = self;
        write!(f, "{what} takes {bytes} bytes of memory")?;
        match limit {
            Some(limit) => {
                write!(f, " at once, and the memory limit allows {limit}; give memory_limit={bytes} or more")
            }
            None => write!(
                f,
                ", which are not there; raise the limit of this process (ulimit -v), or use a machine with more"
            ),
        }
    }
}

impl std::error::Error for NoRoom {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_machine_has_is_refused_and_what_is_small_is_not_asked_for() {
        let check = |bytes, times| NoRoom::check(|| "a page".to_owned(), bytes, times);
        assert!(check(LARGE - 1, usize::MAX).is_ok());
        assert!(check(LARGE, 1).is_ok());
        for (bytes, times) in [(u64::MAX, 1), (u64::MAX / 2, 3), (1 << 62, 1)] {
            let said = check(bytes, times).unwrap_err().to_string();
            let need = u128::from(bytes) * times as u128;
            assert!(said.starts_with(&format!("a page takes {need} bytes of memory")), "{said}");
        }
    }

    #[test]
    fn what_is_left_is_told() {
        for (free, told) in [(0, 0), (1, 1), (5 << 20, 4 << 20), (FREE - 1, FREE / 2)] {
            assert_eq!(free_below(FREE, |bytes| bytes <= free), told);
        }
    }

    #[test]
    fn a_limit_that_was_told_is_named_with_what_is_needed() {
        let check = |most: UnpackLimit, bytes| most.check(|| "a batch".to_owned(), bytes, 1);
        assert!(check(UnpackLimit::told(1), LEAST_LIMIT).is_ok());
        assert!(check(UnpackLimit::told(100 << 20), 100 << 20).is_ok());
        assert!(check(UnpackLimit::default(), (100 << 20) + 1).is_ok());
        let said = check(UnpackLimit::told(100 << 20), (100 << 20) + 1).unwrap_err().to_string();
        let expected = "a batch takes 104857601 bytes of memory at once, and the memory limit allows 104857600; \
                        give memory_limit=104857601 or more";
        assert_eq!(said, expected);
    }
}
