//! How many keys of a window there are, in memory that has a limit.

use std::ops::RangeInclusive;

use crate::checked;
use crate::error::Result;

/// A window of fewer keys than this has a counter for each.
const COUNTED: u64 = 1 << 16;
/// Keys that are taken before they are sorted, and different ones that are held.
const MOST_HELD: usize = if cfg!(test) { 1 << 8 } else { 1 << 20 };

/// The keys of a window.
#[derive(Debug)]
pub(super) enum Tally {
    /// How often each is there, from the first key on.
    Counted { first: u64, counts: Vec<u64> },
    /// Those that came last, and of those before each with how often it is there, ascending.
    Held { fresh: Vec<u64>, held: Vec<(u64, u64)> },
    /// There are too many.
    TooMany,
}

impl Tally {
    pub(super) fn new(window: &RangeInclusive<u64>) -> Self {
        let first = *window.start();
        match window.end().checked_sub(first) {
            #[allow(clippy::cast_possible_truncation)] // few
            Some(more) if more < COUNTED => Self::Counted { first, counts: vec![0; more as usize + 1] },
            _ => Self::Held { fresh: Vec::new(), held: Vec::new() },
        }
    }

    /// Takes keys, which lie in the window.
    pub(super) fn extend(&mut self, keys: impl Iterator<Item = u64>) -> Result<()> {
        match self {
            Self::TooMany => {}
            Self::Counted { first, counts } => {
                for key in keys {
                    counts[checked::index(key - *first)?] += 1;
                }
            }
            Self::Held { fresh, .. } => {
                fresh.extend(keys);
                if fresh.len() >= MOST_HELD {
                    self.sort()?;
                }
            }
        }
        Ok(())
    }

    /// Puts the keys that came last among the others.
    fn sort(&mut self) -> Result<()> {
        let Self::Held { fresh, held } = self else { return Ok(()) }; // Proof: others have none that came last.
        fresh.sort_unstable();
        let found: Vec<(u64, u64)> =
            fresh.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as u64)).collect();
        fresh.clear();
        *held = merged(std::mem::take(held), found)?;
        if held.len() > MOST_HELD {
            *self = Self::TooMany;
        }
        Ok(())
    }

    /// Takes the keys of another tally of the same window.
    pub(super) fn merge(&mut self, mut other: Self) -> Result<()> {
        self.sort()?;
        other.sort()?;
        *self = match (std::mem::replace(self, Self::TooMany), other) {
            (Self::Counted { first, mut counts }, Self::Counted { counts: more, .. }) => {
                for (sum, count) in checked::zip(&mut counts, more)? {
                    *sum = checked::add(*sum, count)?;
                }
                Self::Counted { first, counts }
            }
            (Self::Held { held, .. }, Self::Held { held: more, .. }) => {
                Self::Held { fresh: Vec::new(), held: merged(held, more)? }
            }
            _ => Self::TooMany,
        };
        Ok(())
    }

    /// Returns the key at a place of the ascending ones; nothing beyond the last, or if there were too many. Nothing
    /// came since the last [`Tally::merge`].
    pub(super) fn key_at(&self, place: u64) -> Option<u64> {
        let mut left = place;
        let mut holds = |count: u64| {
            let holds = left < count;
            left -= if holds { 0 } else { count };
            holds
        };
        match self {
            Self::Counted { first, counts } => {
                (*first..=u64::MAX).zip(counts).find(|&(_, &count)| holds(count)).map(|(key, _)| key) // Proof: as many keys as counters.
            }
            Self::Held { held, .. } => held.iter().find(|&&(_, count)| holds(count)).map(|&(key, _)| key),
            Self::TooMany => None,
        }
    }
}

/// Joins two ascending runs of keys, and how often each is there.
fn merged(one: Vec<(u64, u64)>, other: Vec<(u64, u64)>) -> Result<Vec<(u64, u64)>> {
    if one.is_empty() || other.is_empty() {
        return Ok(if one.is_empty() { other } else { one });
    }
    let mut all = Vec::with_capacity(one.len().max(other.len()));
    let (mut one, mut other) = (one.into_iter().peekable(), other.into_iter().peekable());
    loop {
        let next = match (one.peek(), other.peek()) {
            (None, None) => return Ok(all),
            (Some(a), Some(b)) if a.0 == b.0 => {
                let sum = (a.0, checked::add(a.1, b.1)?);
                one.next();
                other.next();
                Some(sum)
            }
            (Some(a), Some(b)) if a.0 > b.0 => other.next(),
            (None, Some(_)) => other.next(),
            (Some(_), _) => one.next(),
        };
        all.extend(next);
    }
}
