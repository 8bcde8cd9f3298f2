//! Entries cut to the k best and ordered: a sample sort whose buckets fit the second-level cache.
//!
//! Splitters drawn from the entries part them into buckets of nearly equal size, whatever their distribution:
//! entries are distinct, as each holds its row. Threads fill their own buckets, then sort one bucket each and
//! write its rows where they belong.

use std::sync::{Mutex, PoisonError};

use super::Order;
use super::entry::{Entry, Row};
use crate::error::{Error, Result};
use crate::parallel::Job;

/// Entries that one bucket should have.
const BUCKET: usize = 1 << 13;
/// The most buckets: their write positions must fit the caches.
const MOST_BUCKETS: usize = 1 << 12;
/// Sampled entries per bucket.
const OVERSAMPLING: usize = 16;

/// The rows of the `k` best entries, in the order asked for. Fails if there are fewer than `k`.
pub(super) fn rows<E: Entry>(segments: Vec<Vec<E>>, k: u64, order: Order, job: &Job<'_>) -> Result<Vec<i64>> {
    let k = to_usize(k)?;
    match order {
        Order::BestFirst => best_first(segments, k, job),
        Order::BestLast => {
            let mut rows = best_first(segments, k, job)?;
            rows.reverse();
            Ok(rows)
        }
        Order::Row => {
            let (segments, _) = cut(segments, k as u64, job)?;
            best_first(as_rows(segments), k, job)
        }
    }
}

/// Entries that are ranked by their row alone.
fn as_rows<E: Entry>(segments: Vec<Vec<E>>) -> Vec<Vec<Row>> {
    segments
        .into_iter()
        .map(|segment| segment.into_iter().map(|entry| Row::new(0, entry.row())).collect())
        .collect()
}

fn best_first<E: Entry>(segments: Vec<Vec<E>>, k: usize, job: &Job<'_>) -> Result<Vec<i64>> {
    let mut rows = Vec::new();
    rows.try_reserve_exact(k).map_err(|_| Error::Memory(format!("no memory for {k} row indices")))?;
    let buckets = partition(segments, job)?;
    rows.resize(k, 0);
    let pairs = Mutex::new(share(buckets, &mut rows).into_iter());
    job.run(|_, state| {
        let mut entries = Vec::new();
        loop {
            let Some((bucket, out)) = pairs.lock().unwrap_or_else(PoisonError::into_inner).next() else {
                return Ok(());
            };
            state.check()?;
            entries.clear();
            for part in &bucket {
                entries.extend_from_slice(part);
            }
            drop(bucket);
            entries.sort_unstable();
            for (row, entry) in out.iter_mut().zip(&entries) {
                *row = entry.row().cast_signed();
            }
        }
    })?;
    Ok(rows)
}

/// Cuts to the `k` best entries (`k` > 0); gives them in no order, and the worst of them.
pub(super) fn cut<E: Entry>(segments: Vec<Vec<E>>, k: u64, job: &Job<'_>) -> Result<(Vec<Vec<E>>, E)> {
    let k = to_usize(k)?;
    let count: usize = segments.iter().map(Vec::len).sum();
    if count <= k {
        let worst = segments.iter().flatten().copied().max().unwrap_or(E::WORST);
        return Ok((segments, worst));
    }
    let mut kept = Vec::new();
    let mut room = k;
    for bucket in partition(segments, job)? {
        let len: usize = bucket.iter().map(Vec::len).sum();
        if len <= room {
            room -= len;
            kept.extend(bucket);
            continue;
        }
        let mut last = bucket.concat();
        last.select_nth_unstable(room);
        last.truncate(room);
        kept.push(last);
        break;
    }
    let worst = kept.iter().rev().flatten().copied().max().unwrap_or(E::WORST);
    Ok((kept, worst))
}

/// One bucket: a part from each thread.
type Bucket<E> = Vec<Vec<E>>;

/// Pairs the buckets with the slices of `rows` that they fill; the last is cut short, the rest are dropped.
fn share<E>(buckets: Vec<Bucket<E>>, mut rows: &mut [i64]) -> Vec<(Bucket<E>, &mut [i64])> {
    let mut pairs = Vec::with_capacity(buckets.len());
    for bucket in buckets {
        if rows.is_empty() {
            break;
        }
        let len = bucket.iter().map(Vec::len).sum::<usize>().min(rows.len());
        let (mine, rest) = rows.split_at_mut(len);
        pairs.push((bucket, mine));
        rows = rest;
    }
    pairs
}

/// Parts the entries into buckets, each bucket's entries better than the next one's.
fn partition<E: Entry>(segments: Vec<Vec<E>>, job: &Job<'_>) -> Result<Vec<Bucket<E>>> {
    let count: usize = segments.iter().map(Vec::len).sum();
    let buckets = (count / BUCKET).clamp(1, MOST_BUCKETS);
    if buckets == 1 {
        return Ok(vec![segments]);
    }
    let splitters = splitters(&segments, count, buckets);
    let segments = Mutex::new(segments);
    let next = || segments.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let parts = job.run(|_, state| {
        let mut parts: Vec<Vec<E>> = Vec::new();
        parts.resize_with(buckets, Vec::new);
        while let Some(segment) = next() {
            state.check()?;
            for entry in segment {
                parts[splitters.partition_point(|splitter| *splitter <= entry)].push(entry);
            }
        }
        Ok(parts)
    })?;
    let mut whole: Vec<Bucket<E>> = Vec::new();
    whole.resize_with(buckets, Vec::new);
    for part in parts {
        for (bucket, part) in whole.iter_mut().zip(part) {
            bucket.push(part);
        }
    }
    Ok(whole)
}

/// `buckets - 1` ascending entries that part all of them about evenly.
fn splitters<E: Entry>(segments: &[Vec<E>], count: usize, buckets: usize) -> Vec<E> {
    let step = (count / (buckets * OVERSAMPLING)).max(1);
    let mut sample: Vec<E> =
        segments.iter().flat_map(|segment| segment.iter().step_by(step)).copied().collect();
    sample.sort_unstable();
    (1..buckets).map(|bucket| sample[bucket * sample.len() / buckets]).collect()
}

fn to_usize(k: u64) -> Result<usize> {
    usize::try_from(k).map_err(|_| Error::Memory(format!("no memory for {k} row indices")))
}
