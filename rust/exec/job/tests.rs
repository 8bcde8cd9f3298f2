//! Tests of `job`.

use super::*;

#[test]
fn waiting_for_a_lock_ends_with_the_job() {
    let mutex = Mutex::new(());
    let held = mutex.lock().unwrap();
    let stop = |_| Err(Error::Interrupted);
    let waiting = Job::new(1).with_heartbeat(&stop);
    assert!(matches!(waiting.lock(&mutex), Err(Error::Interrupted)));
    drop(held);
    assert!(waiting.lock(&mutex).is_ok());
}

#[test]
fn threads_that_cannot_be_started_leave_their_work_to_others() {
    for there in [1, 2, 6, 7] {
        threads::tests::MAY_START.set(there);
        let numbers = Job::new(7).run(|number, _| Ok(number));
        threads::tests::MAY_START.set(usize::MAX);
        assert_eq!(numbers.unwrap(), [0, 1, 2, 3, 4, 5, 6]);
    }
    threads::tests::MAY_START.set(0);
    let none = Job::new(7).run(|number, _| Ok(number));
    threads::tests::MAY_START.set(usize::MAX);
    assert!(matches!(none, Err(Error::Memory(said)) if said.contains("ulimit -u")));
}

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

/// Nobody waits for one that panicked, and its message is told whatever the others say.
#[test]
fn a_panic_stops_the_others_and_becomes_an_error() {
    let result = Job::new(3).run(|index, state| -> Result<()> {
        assert!(index < 2, "a defect");
        loop {
            state.advance(0).map_err(|_| Error::Value("what followed".into()))?;
            std::thread::yield_now();
        }
    });
    assert!(matches!(result, Err(Error::Internal(message)) if message == "a defect"));
}

#[test]
fn work_aside_is_no_progress_and_nested_work_stops_with_the_other() {
    let seen = std::cell::Cell::new(0);
    let note = |done| {
        seen.set(done);
        Ok(())
    };
    let long = |state: &State| {
        state.advance(1000)?;
        std::thread::sleep(3 * HEARTBEAT);
        state.check()
    };
    let job = Job::new(1).with_heartbeat(&note);
    job.run(|_, state| state.advance(7)).unwrap();
    job.aside().run(|_, state| long(state)).unwrap();
    assert_eq!(seen.get(), 7);
    job.run(|_, state| long(state)).unwrap();
    assert_eq!(seen.get(), 1007);
    // The other job is to stop, and so what its thread waits for.
    let stopping = |_| Err(Error::Interrupted);
    let stopped = Job::new(1).with_heartbeat(&stopping).run(|_, _| {
        let nested = Job::nested().run(|_, state| {
            loop {
                state.check()?;
                std::thread::yield_now();
            }
        });
        assert!(matches!(nested, Err::<Vec<()>, _>(Error::Interrupted)));
        nested.map(drop)
    });
    assert!(matches!(stopped, Err(Error::Interrupted)));
}
