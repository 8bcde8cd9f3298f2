//! How much memory a gather may hold when nobody says.

use std::path::Path;

use super::cgroup;

/// Where the amount of memory cannot be learned.
const FALLBACK: u64 = 4 << 30;

/// A quarter of the memory that is available to this process now, in bytes.
pub fn default_memory_limit() -> u64 {
    (available_memory() / 4).max(64 << 20)
}

/// The memory that is available to this process now, in bytes. What the page cache holds is available.
///
/// It is what the machine has and every control group that the process is in, whichever is the least.
pub(crate) fn available_memory() -> u64 {
    let machine = available().unwrap_or(FALLBACK); // Proof: a default that is meant, where nothing is told.
    cgroup::room(Path::new("/")).map_or(machine, |room| machine.min(room))
}

/// `MemAvailable` of the kernel.
fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}
