//! How much memory a gather may hold when nobody says.

/// Where the amount of memory cannot be learned.
const FALLBACK: u64 = 4 << 30;

/// A quarter of the memory that is available to this process now, in bytes.
pub fn default_memory_limit() -> u64 {
    (available_memory() / 4).max(64 << 20)
}

/// The memory that is available to this process now, in bytes. What the page cache holds is available.
pub(super) fn available_memory() -> u64 {
    let machine = available().unwrap_or(FALLBACK);
    machine.min(group_room().unwrap_or(u64::MAX))
}

/// `MemAvailable` of the kernel.
fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// What the control group of a container leaves, where there is one with a limit.
fn group_room() -> Option<u64> {
    let read = |name: &str| std::fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok();
    let limit: u64 = read("memory.max")?.trim().parse().ok()?;
    let used: u64 = read("memory.current")?.trim().parse().ok()?;
    // The page cache counts as used and can be dropped.
    let stat = read("memory.stat").unwrap_or_default();
    let cache = stat.lines().find_map(|line| line.strip_prefix("file "));
    let cache: u64 = cache.and_then(|n| n.trim().parse().ok()).unwrap_or(0);
    Some(limit.saturating_sub(used.saturating_sub(cache)))
}
