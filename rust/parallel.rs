//! Threads of one call: started for it, ended with it, and stoppable.
//!
//! The calling thread does no work of its own while workers run. It wakes a few times a second for the
//! heartbeat, which the bindings use to see Ctrl-C and to move a progress bar.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// How often the calling thread looks up from a running job.
const HEARTBEAT: Duration = Duration::from_millis(50);

/// Called a few times a second with the units done so far; an error stops the job and is its result.
pub type Heartbeat<'a> = &'a dyn Fn(u64) -> Result<()>;

/// How one call runs: its threads, its cancel flag, its progress.
pub struct Job<'a> {
    threads: usize,
    heartbeat: Option<Heartbeat<'a>>,
    /// When the heartbeat last was: a job of many short runs beats as one of a long run does.
    beaten: Cell<Instant>,
    state: State,
}

/// What workers share with the calling thread.
#[derive(Debug, Default)]
pub struct State {
    cancelled: AtomicBool,
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
        }
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

    /// Runs `worker(index, state)` once per thread and gives their results in the order of the threads.
    ///
    /// The first error stops the others at their next [`State::advance`] and is returned; a worker that
    /// panics is an [`Error::Internal`].
    pub fn run<R: Send>(&self, worker: impl Fn(usize, &State) -> Result<R> + Sync) -> Result<Vec<R>> {
        self.run_on(self.threads, worker)
    }

    /// [`Job::run`] on fewer threads, for work of fewer parts than there are threads.
    pub fn run_on<R: Send>(
        &self,
        threads: usize,
        worker: impl Fn(usize, &State) -> Result<R> + Sync,
    ) -> Result<Vec<R>> {
        let threads = threads.clamp(1, self.threads);
        let state = &self.state;
        let worker = &worker;
        std::thread::scope(|scope| {
            let (finished, wait) = mpsc::channel::<()>();
            let handles: Vec<_> = (0..threads)
                .map(|index| {
                    let finished = finished.clone();
                    scope.spawn(move || {
                        let result = worker(index, state);
                        if result.is_err() {
                            state.cancelled.store(true, Ordering::Relaxed);
                        }
                        drop(finished);
                        result
                    })
                })
                .collect();
            drop(finished);
            let stopped = self.watch(&wait);
            let results = handles.into_iter().map(|handle| match handle.join() {
                Ok(result) => result,
                Err(panic) => Err(Error::Internal(panic_message(panic.as_ref()))),
            });
            stopped.and(first_cause(results))
        })
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

    fn beat(&self) -> Result<()> {
        self.beaten.set(Instant::now());
        let outcome = self.heartbeat.map_or(Ok(()), |beat| beat(self.state.done.load(Ordering::Relaxed)));
        if outcome.is_err() {
            self.state.cancelled.store(true, Ordering::Relaxed);
        }
        outcome
    }
}

/// All results, or the error that began the stop rather than one that followed from it.
fn first_cause<R>(results: impl Iterator<Item = Result<R>>) -> Result<Vec<R>> {
    let mut all = Vec::new();
    let mut failure = None;
    for result in results {
        match result {
            Ok(value) => all.push(value),
            Err(error) => {
                if failure.is_none() || matches!(failure, Some(Error::Interrupted)) {
                    failure = Some(error);
                }
            }
        }
    }
    failure.map_or(Ok(all), Err)
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "a worker thread panicked".to_owned()
    }
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
mod tests {
    use super::*;

    #[test]
    fn every_block_is_taken_once() {
        for threads in [1, 2, 7] {
            let queue = Queue::new(1000);
            let job = Job::new(threads);
            let taken = job
                .run(|_, state| {
                    let mut mine = Vec::new();
                    while let Some(block) = queue.take() {
                        state.advance(1)?;
                        mine.push(block);
                    }
                    Ok(mine)
                })
                .unwrap();
            let mut all: Vec<u64> = taken.concat();
            all.sort_unstable();
            assert_eq!(all, (0..1000).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_cause_wins_over_what_followed() {
        let job = Job::new(3);
        let error = job
            .run(|index, state| -> Result<()> {
                if index == 1 {
                    return Err(Error::Value("the cause".into()));
                }
                loop {
                    state.advance(0)?;
                    std::thread::yield_now();
                }
            })
            .unwrap_err();
        assert_eq!(error.to_string(), "the cause");
    }

    #[test]
    fn a_heartbeat_can_stop_a_job() {
        let beat = |_: u64| Err(Error::Interrupted);
        let job = Job::new(2).with_heartbeat(&beat);
        let result = job.run(|_, state| -> Result<()> {
            loop {
                state.advance(1)?;
                std::thread::yield_now();
            }
        });
        assert!(matches!(result, Err(Error::Interrupted)));
    }

    #[test]
    fn a_job_of_many_short_runs_has_a_heartbeat() {
        let beat = |_: u64| Err(Error::Interrupted);
        let job = Job::new(2).with_heartbeat(&beat);
        let run = || {
            job.run(|_, _| {
                std::thread::sleep(Duration::from_millis(1));
                Ok(())
            })
        };
        assert!((0..10_000).any(|_| matches!(run(), Err(Error::Interrupted))));
    }

    #[test]
    fn a_panic_becomes_an_error() {
        let result = Job::new(2).run(|index, _| {
            assert!(index == 0, "a defect");
            Ok(())
        });
        assert!(matches!(result, Err(Error::Internal(message)) if message == "a defect"));
    }
}
