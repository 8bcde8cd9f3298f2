//! Whether a process lives, by its number.

/// Whether there is no process of a number here.
///
/// Proof: where that cannot be told, it is taken for one that lives.
pub(crate) fn has_ended(pid: &str) -> bool {
    #[cfg(unix)]
    if let Some(pid) = pid.parse().ok().and_then(rustix::process::Pid::from_raw) {
        return rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH);
    }
    let _ = pid;
    false
}
