//! One cut that is searched for: between which entries it lies, and what it is in the end.

use super::histogram::{KeyHistogram, NextStep};
use super::place::Cut;
use crate::checked::impossible;
use crate::error::Result;

/// The search for the entry with which a sum is reached.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lane {
    /// The sum; 0 is reached with no entry.
    pub(super) target: u64,
    /// The first entry that it may be, and the last.
    pub(super) between: (Cut, Cut),
    /// What was found.
    pub(super) outcome: Option<Outcome>,
}

/// What a search found.
#[derive(Debug, Clone, Copy)]
pub(super) enum Outcome {
    /// The sum is reached.
    Reached {
        /// With this entry ...
        cut: Cut,
        /// ... of this weight ...
        weight: u64,
        /// ... behind entries that add up to this ...
        before: u64,
        /// ... and of which this is the worst.
        previous: Option<Cut>,
    },
    /// All entries add up to less.
    NotReached {
        /// To this.
        total: u64,
        /// How many there are.
        rows: u64,
        /// The worst of them.
        last: Option<Cut>,
    },
}

impl Lane {
    /// Begins between two entries.
    pub(super) fn new(target: u64, between: (Cut, Cut)) -> Self {
        Self { target, between, outcome: None }
    }

    /// Returns whether it is still searched for.
    pub(super) fn is_open(&self) -> bool {
        self.target > 0 && self.outcome.is_none()
    }

    /// Draws what follows from a pass: an outcome, or entries closer to each other. `kept` are the entries between those
    /// of before with their weights, ascending, if they were kept. `last_key` is the greatest sort key of an entry.
    pub(super) fn narrow(
        &mut self,
        counted: &KeyHistogram,
        kept: Option<impl Iterator<Item = (Cut, u64)>>,
        last_key: u64,
    ) -> Result<()> {
        let (low, high) = match counted.find(self.target)? {
            NextStep::Within(low, high) if low.sort_key <= last_key => {
                (low, high.min(Cut { sort_key: last_key, row: u64::MAX }))
            }
            NextStep::Within(..) | NextStep::NotReached => {
                let (total, rows, last) = (counted.total(), counted.rows(), counted.last());
                self.outcome = Some(Outcome::NotReached { total, rows, last });
                return Ok(());
            }
        };
        let is_inside = self.between.0 <= low && high <= self.between.1;
        match kept {
            Some(kept) if is_inside => self.outcome = Some(self.reached(counted, kept)?),
            _ => self.between = (low, high),
        }
        Ok(())
    }

    /// Returns the entry with which the sum is reached.
    fn reached(&self, counted: &KeyHistogram, kept: impl Iterator<Item = (Cut, u64)>) -> Result<Outcome> {
        let (mut before, mut previous) = counted.before();
        for (cut, weight) in kept {
            // Proof: a sum that saturates has reached every target.
            let sum = before.saturating_add(weight);
            if sum >= self.target {
                return Ok(Outcome::Reached { cut, weight, before, previous });
            }
            (before, previous) = (sum, Some(cut));
        }
        Err(impossible("fewer entries were kept than counted"))
    }
}
