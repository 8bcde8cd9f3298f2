//! A thread that brings finished work to the disk, so that neither the workers nor a Ctrl-C wait for the disk.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, mpsc};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::exec::job::{Job, State};
use crate::exec::locks::{self, lock};
use crate::exec::memory::check_free;
use crate::exec::threads::{check_room, no_thread, panic_message};

/// How often a waiting thread looks whether the job is to stop.
const LOOK_UP: Duration = Duration::from_millis(50);

type Task = Box<dyn FnOnce() -> Result<()> + Send>;

/// A thread that does tasks in their order. Dropped, it begins no other: one that waits for the disk is left to
/// end on its own.
pub(crate) struct Background {
    tasks: mpsc::Sender<Task>,
    shared: CancelToken,
}

/// Whether the result of a task is still wanted.
#[derive(Clone, Default)]
pub(crate) struct CancelToken(Arc<SyncState>);

#[derive(Default)]
struct SyncState {
    tally: Mutex<Tally>,
    moved: Condvar,
}

#[derive(Default)]
struct Tally {
    pending: u64,
    abandoned: bool,
    failed: bool,
    failure: Option<Error>,
}

impl Tally {
    fn check(&mut self) -> Result<()> {
        match self.failure.take() {
            Some(error) => Err(error),
            None if self.failed => Err(Error::Interrupted),
            None => Ok(()),
        }
    }
}

impl Background {
    /// Starts the thread.
    pub(crate) fn start() -> Result<Self> {
        let (tasks, received) = mpsc::channel::<Task>();
        let shared = CancelToken::default();
        let wanted = shared.clone();
        let work = move || {
            while let Ok(task) = received.recv() {
                let outcome =
                    wanted.step(|| Ok(())).and_then(|()| check_free("writing")).and_then(|()| caught(task));
                if wanted.ended(outcome).is_err() {
                    // Whoever waits finds the lock as this thread did.
                    return;
                }
            }
        };
        check_room().map_err(|e| no_thread(&e))?;
        std::thread::Builder::new().name("dsdm-sync".to_owned()).spawn(work).map_err(|e| no_thread(&e))?;
        Ok(Self { tasks, shared })
    }

    /// What tasks look at.
    pub(crate) fn wanted(&self) -> CancelToken {
        self.shared.clone()
    }

    /// Adds a task; fails with what one before it failed with.
    pub(crate) fn add(&self, task: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
        self.check()?;
        self.shared.tally()?.pending += 1;
        self.tasks
            .send(Box::new(task))
            .map_err(|_| Error::Internal("the thread for the disk ended".to_owned()))
    }

    /// Fails if a task failed.
    pub(crate) fn check(&self) -> Result<()> {
        self.shared.tally()?.check()
    }

    /// Waits a moment for the tasks, and tells whether there are any left that may still be done.
    pub(crate) fn is_busy(&self) -> Result<bool> {
        let tally = self.shared.tally()?;
        if tally.pending == 0 || tally.failed {
            return Ok(false);
        }
        drop(locks::wait(&self.shared.0.moved, tally, LOOK_UP)?);
        Ok(true)
    }

    /// Waits until every task is done.
    pub(crate) fn wait(&self, state: &State) -> Result<()> {
        self.wait_for(0, state)
    }

    /// Waits until no more tasks than these are to be done.
    pub(crate) fn wait_for(&self, most: u64, state: &State) -> Result<()> {
        loop {
            state.check()?;
            let mut tally = self.shared.tally()?;
            tally.check()?;
            if tally.pending <= most {
                return Ok(());
            }
            drop(locks::wait(&self.shared.0.moved, tally, LOOK_UP)?);
        }
    }
}

/// Does one thing that may wait for the disk. Where the job is to stop meanwhile, it is left to end on its own.
pub(crate) fn run_interruptibly<T: Send + 'static>(
    job: &Job<'_>,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let background = Background::start()?;
    let (tell, told) = mpsc::channel();
    background.add(move || {
        // Where nobody waits any more, what was made is dropped here.
        let _ = tell.send(work()?);
        Ok(())
    })?;
    job.run_on(1, |_, state| background.wait(state))?;
    told.recv().map_err(|_| Error::Internal("the thread for the disk told nothing".to_owned()))
}

impl Drop for Background {
    fn drop(&mut self) {
        // Where a thread failed with the lock, no step is taken either.
        if let Ok(mut tally) = self.shared.tally() {
            tally.abandoned = true;
        }
    }
}

impl CancelToken {
    fn tally(&self) -> Result<MutexGuard<'_, Tally>> {
        lock(&self.0.tally)
    }

    /// Does a short step, unless the work was abandoned or failed; it is not abandoned meanwhile.
    pub(crate) fn step(&self, step: impl FnOnce() -> Result<()>) -> Result<()> {
        let tally = self.tally()?;
        if tally.abandoned || tally.failed { Err(Error::Interrupted) } else { step() }
    }

    fn ended(&self, outcome: Result<()>) -> Result<()> {
        let mut tally = self.tally()?;
        tally.pending =
            tally.pending.checked_sub(1).ok_or_else(|| Error::Internal("a task ended twice".into()))?;
        if let Err(error) = outcome
            && !tally.failed
        {
            tally.failed = true;
            tally.failure = Some(error);
        }
        self.0.moved.notify_all();
        Ok(())
    }
}

/// Does a task; a panic of it is its failure, and those behind it are not begun.
fn caught(task: Task) -> Result<()> {
    // What it shares is behind locks, which tell that it failed.
    match catch_unwind(AssertUnwindSafe(task)) {
        Ok(outcome) => outcome,
        Err(panic) => Err(Error::Internal(panic_message(panic.as_ref()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_done_in_their_order() {
        let background = Background::start().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        for number in 0..100 {
            let seen = seen.clone();
            let task = move || {
                seen.lock().unwrap().push(number);
                Ok(())
            };
            background.add(task).unwrap();
        }
        Job::new(1).run(|_, state| background.wait(state)).unwrap();
        assert_eq!(*seen.lock().unwrap(), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn the_first_failure_is_told_once_and_ends_the_rest() {
        let background = Background::start().unwrap();
        background.add(|| Err(Error::Value("full".into()))).unwrap();
        let waited = Job::new(1).run(|_, state| background.wait(state));
        assert_eq!(waited.unwrap_err().to_string(), "full");
        assert!(matches!(background.add(|| Ok(())), Err(Error::Interrupted)));
        assert!(matches!(background.wanted().step(|| Ok(())), Err(Error::Interrupted)));
    }

    #[test]
    fn a_panic_is_a_failure_that_nobody_waits_behind() {
        let background = Background::start().unwrap();
        background.add(|| panic!("a defect")).unwrap();
        let waited = Job::new(1).run(|_, state| background.wait(state));
        assert!(matches!(waited, Err(Error::Internal(said)) if said == "a defect"));
        assert!(!background.is_busy().unwrap());
        let patient = run_interruptibly(&Job::new(1), || -> Result<()> { panic!("another") });
        assert!(matches!(patient, Err(Error::Internal(said)) if said == "another"));
    }

    /// A step holds the lock that says whether work is still wanted.
    #[test]
    fn a_panic_of_a_step_ends_the_wait_too() {
        let background = Background::start().unwrap();
        let wanted = background.wanted();
        background.add(move || wanted.step(|| panic!("a defect"))).unwrap();
        let outcome = Job::new(1).run(|_, state| background.wait(state));
        assert!(matches!(outcome, Err(Error::Internal(_))));
    }

    #[test]
    fn what_is_abandoned_takes_no_other_step() {
        let background = Background::start().unwrap();
        let wanted = background.wanted();
        let (go, gone) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        background
            .add(move || {
                tell.send(Ok(())).unwrap();
                gone.recv().unwrap();
                tell.send(wanted.step(|| Ok(()))).unwrap();
                Ok(())
            })
            .unwrap();
        told.recv().unwrap().unwrap();
        drop(background);
        go.send(()).unwrap();
        assert!(matches!(told.recv().unwrap(), Err(Error::Interrupted)));
    }

    #[test]
    fn a_stop_is_seen_while_a_task_waits() {
        let background = Background::start().unwrap();
        let (go, gone) = mpsc::channel::<()>();
        let task = move || {
            let _ = gone.recv();
            Ok(())
        };
        background.add(task).unwrap();
        let beat = |_: u64| Err(Error::Interrupted);
        let waited = Job::new(1).with_heartbeat(&beat).run(|_, state| background.wait(state));
        assert!(matches!(waited, Err(Error::Interrupted)));
        drop(go);
    }
}
