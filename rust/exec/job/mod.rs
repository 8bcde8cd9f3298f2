//! Threads of one call: started for it, ended with it, and stoppable.
//!
//! The calling thread does no work of its own while workers run. It wakes a few times a second for the
//! heartbeat, which the bindings use to see Ctrl-C and to move a progress bar.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError, mpsc};
use std::time::{Duration, Instant};

use super::locks::half_done;
use super::memory::check_free;
use super::threads::{self, no_thread, panic_message};
use crate::error::{Error, Result};

/// How often the calling thread looks up from a running job.
const HEARTBEAT: Duration = Duration::from_millis(50);
/// How often it looks whether a lock is free.
const WAIT: Duration = Duration::from_millis(2);

/// Called a few times a second with the units done so far; an error stops the job and is its result.
pub type Heartbeat<'a> = &'a dyn Fn(u64) -> Result<()>;

/// How one call runs: its threads, its cancel flag, its progress.
pub struct Job<'a> {
    threads: usize,
    heartbeat: Option<Heartbeat<'a>>,
    /// When the heartbeat last was: a job of many short runs beats as one of a long run does.
    beaten: Cell<Instant>,
    state: State,
    /// The progress that is told, of a job whose own is none of it.
    told: Option<u64>,
}

thread_local! {
    /// Whether the job that this thread works for is to stop.
    static CANCELLED: RefCell<Option<Arc<AtomicBool>>> = const { RefCell::new(None) };
}

/// Fails if the job that this thread works for is to stop: for loops that are too deep to be handed a [`State`], and
/// that may be run outside of a job.
pub fn check_here() -> Result<()> {
    let cancelled =
        CANCELLED.with_borrow(|flag| flag.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed)));
    if cancelled { Err(Error::Interrupted) } else { Ok(()) }
}

/// What workers share with the calling thread.
#[derive(Debug, Default)]
pub struct State {
    cancelled: Arc<AtomicBool>,
    done: AtomicU64,
}

impl State {
    /// Adds to the progress, and fails if the job is to stop. Workers call it once per block.
    pub fn advance(&self, units: u64) -> Result<()> {
        self.done.fetch_add(units, Ordering::Relaxed);
        self.check()
    }

    /// Fails if the job is to stop.
    pub fn check(&self) -> Result<()> {
        if self.cancelled.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
    }
}

impl<'a> Job<'a> {
    /// A job on `threads` threads (at least one).
    pub fn new(threads: usize) -> Self {
        Self {
            threads: threads.max(1),
            heartbeat: None,
            beaten: Cell::new(Instant::now()),
            state: State::default(),
            told: None,
        }
    }

    /// A job for work of the same call that its progress does not count.
    pub(crate) fn aside(&self) -> Self {
        let told = Some(self.progress());
        Self {
            threads: self.threads,
            heartbeat: self.heartbeat,
            beaten: self.beaten.clone(),
            state: State::default(),
            told,
        }
    }

    fn progress(&self) -> u64 {
        self.told.unwrap_or_else(|| self.state.done.load(Ordering::Relaxed)) // Proof: its own counts otherwise.
    }

    /// A job of one thread for work that a thread of another job does, and which stops where that one is to stop.
    pub(crate) fn nested() -> Job<'static> {
        fn beat(_done: u64) -> Result<()> {
            check_here()
        }
        Job::new(1).with_heartbeat(&beat)
    }

    /// The same with a heartbeat.
    #[must_use]
    pub fn with_heartbeat(mut self, heartbeat: Heartbeat<'a>) -> Self {
        self.heartbeat = Some(heartbeat);
        self
    }

    /// How many workers [`Job::run`] starts.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Runs `worker(index, state)` once for each index below the number of threads, and gives the results in the
    /// order of the indices.
    ///
    /// The first error stops the others at their next [`State::advance`] and is returned; a worker that panics
    /// stops them too, and is an [`Error::Internal`]. Where the system starts fewer threads, those that there are
    /// do the work of the others as well.
    pub fn run<R: Send>(&self, worker: impl Fn(usize, &State) -> Result<R> + Sync) -> Result<Vec<R>> {
        self.run_on(self.threads, worker)
    }

    /// [`Job::run`] on fewer threads, for work of fewer parts than there are threads.
    pub fn run_on<R: Send>(
        &self,
        threads: usize,
        worker: impl Fn(usize, &State) -> Result<R> + Sync,
    ) -> Result<Vec<R>> {
        let workers = threads.clamp(1, self.threads);
        let (state, worker) = (&self.state, &worker);
        // Each index is taken once, by whatever thread: work that is cut by the number of workers is done whole.
        let queue = &Queue::new(workers as u64);
        std::thread::scope(|scope| {
            let (finished, wait) = mpsc::channel::<()>();
            let mut handles = Vec::new();
            for _ in 0..workers.min(threads::most()) {
                let finished = finished.clone();
                let cancelled = Arc::clone(&state.cancelled);
                let work = move || {
                    CANCELLED.set(Some(cancelled));
                    let mut mine = Vec::new();
                    while let Some(number) = queue.take() {
                        mine.push((number, Outcome::of(worker, number, state)));
                    }
                    drop(finished);
                    mine
                };
                match threads::start(scope, work) {
                    Ok(handle) => handles.push(handle),
                    Err(e) if handles.is_empty() => return Err(no_thread(&e)),
                    // Those that there are do the rest: each that is tried in vain takes time.
                    Err(_) => break,
                }
            }
            drop(finished);
            let stopped = self.watch(&wait);
            let mut outcomes = Vec::with_capacity(workers);
            for handle in handles {
                // A panic of a worker was caught: this is one of what it left behind.
                outcomes
                    .extend(handle.join().map_err(|panic| Error::Internal(panic_message(panic.as_ref())))?);
            }
            outcomes.sort_by_key(|(number, _)| *number);
            if outcomes.len() != workers {
                return Err(Error::Internal(format!("{} of {workers} workers ended", outcomes.len())));
            }
            stopped.and(first_cause(outcomes.into_iter().map(|(_, outcome)| outcome)))
        })
    }

    /// [`Job::run`] of one worker, which stops by [`check_here`].
    pub fn run_one<R: Send>(&self, worker: impl Fn() -> Result<R> + Sync) -> Result<R> {
        let mut done = self.run_on(1, |_, _| worker())?;
        done.pop().ok_or_else(|| Error::Internal("one worker ended, and none was started".to_owned()))
    }

    /// Beats until the last worker has hung up; an error of the heartbeat cancels the job.
    fn watch(&self, wait: &mpsc::Receiver<()>) -> Result<()> {
        let mut outcome = Ok(());
        loop {
            let ended = wait.recv_timeout(HEARTBEAT) != Err(mpsc::RecvTimeoutError::Timeout);
            if outcome.is_ok() && self.beaten.get().elapsed() >= HEARTBEAT {
                outcome = self.beat();
            }
            if ended {
                return outcome;
            }
        }
    }

    /// What a lock guards, once the thread that holds it is done: for locks that are held for long. The heart beats
    /// meanwhile.
    pub(crate) fn lock<'m, T>(&self, mutex: &'m Mutex<T>) -> Result<MutexGuard<'m, T>> {
        loop {
            match mutex.try_lock() {
                Ok(guard) => return Ok(guard),
                Err(TryLockError::Poisoned(_)) => return Err(half_done()),
                Err(TryLockError::WouldBlock) => std::thread::sleep(WAIT),
            }
            check_here()?;
            if self.beaten.get().elapsed() >= HEARTBEAT {
                self.beat()?;
            }
        }
    }

    fn beat(&self) -> Result<()> {
        self.beaten.set(Instant::now());
        let outcome = self.heartbeat.map_or(Ok(()), |beat| beat(self.progress()));
        if outcome.is_err() {
            self.state.cancelled.store(true, Ordering::Relaxed);
        }
        outcome
    }
}

/// How a worker ended.
enum Outcome<R> {
    Done(R),
    Failed(Error),
    Panicked(String),
}

impl<R> Outcome<R> {
    /// Runs a worker; the others are to stop unless it ends well.
    fn of(worker: &(impl Fn(usize, &State) -> Result<R> + Sync), number: u64, state: &State) -> Self {
        let run = || {
            check_free("starting the work")?;
            worker(usize::try_from(number).map_err(|e| Error::Internal(e.to_string()))?, state)
        };
        // What it shares with others is behind locks, which tell that it failed, and its job ends.
        let outcome = match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(result)) => return Self::Done(result),
            Ok(Err(error)) => Self::Failed(error),
            Err(panic) => Self::Panicked(panic_message(panic.as_ref())),
        };
        state.cancelled.store(true, Ordering::Relaxed);
        outcome
    }
}

/// All results, or the error that began the stop rather than one that followed from it. A panic is behind whatever
/// else there is: others find what it left half done.
fn first_cause<R>(outcomes: impl Iterator<Item = Outcome<R>>) -> Result<Vec<R>> {
    let mut all = Vec::new();
    let mut failure: Option<(u8, Error)> = None;
    for outcome in outcomes {
        let (rank, error) = match outcome {
            Outcome::Done(value) => {
                all.push(value);
                continue;
            }
            Outcome::Panicked(message) => (2, Error::Internal(message)),
            Outcome::Failed(Error::Interrupted) => (0, Error::Interrupted),
            Outcome::Failed(error) => (1, error),
        };
        if failure.as_ref().is_none_or(|(before, _)| *before < rank) {
            failure = Some((rank, error));
        }
    }
    failure.map_or(Ok(all), |(_, error)| Err(error))
}

/// Hands out the blocks `0..count` in ascending order, each to one thread.
#[derive(Debug)]
pub struct Queue {
    next: AtomicU64,
    count: u64,
}

impl Queue {
    /// A queue of `count` blocks.
    pub fn new(count: u64) -> Self {
        Self { next: AtomicU64::new(0), count }
    }

    /// The next block that no thread has taken.
    pub fn take(&self) -> Option<u64> {
        let block = self.next.fetch_add(1, Ordering::Relaxed);
        (block < self.count).then_some(block)
    }

    /// Whether every block was taken.
    pub fn is_empty(&self) -> bool {
        self.next.load(Ordering::Relaxed) >= self.count
    }
}

#[cfg(test)]
mod tests;
