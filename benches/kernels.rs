//! Times the kernels of selection, each after its answer was compared with that of a plain loop.
//!
//! ```text
//! cargo bench
//! ```

#![allow(missing_docs, clippy::unwrap_used, clippy::cast_possible_truncation, clippy::cast_precision_loss)]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use dsdm::exec::job::Job;
use dsdm::select::bench_api::{BenchCandidates, RandomBits, philox, scan};

/// Rows of a block of the pass. Their scores stay in the cache.
const BLOCK: usize = 1 << 14;
/// Blocks that are scanned in turn. With fewer, the branch predictor would learn where the hits are.
const BLOCKS: usize = 64;
/// Entries that are cut and ordered.
const ENTRIES: usize = 1 << 20;

/// Returns scores in about a normal distribution: sums of uniform numbers.
fn scores(len: usize) -> Vec<f32> {
    let uniform = |row: u64, draw: u64| (philox(draw, row) >> 40) as f32 / (1 << 24) as f32;
    (0..len as u64).map(|row| (0..6).map(|draw| uniform(row, draw) - 0.5).sum()).collect()
}

fn scanning(c: &mut Criterion) {
    let scores = scores(BLOCKS * BLOCK);
    let (mut hits, mut picked) = (vec![0; BLOCK], vec![0.0; BLOCK]);
    let mut group = c.benchmark_group("scan");
    group.throughput(Throughput::Bytes(4 * scores.len() as u64));
    for (name, bound) in [("none in 16,384", 4.0), ("1 in 1,000", 2.2), ("1 in 30", 1.3), ("1 in 4", 0.48)] {
        for scores in scores.chunks(BLOCK) {
            let count = scan(scores, bound, &mut hits, &mut picked);
            let expected: Vec<usize> = (0..BLOCK).filter(|&row| scores[row] >= bound).collect();
            assert!(hits[..count].iter().map(|&hit| hit as usize).eq(expected.iter().copied()));
            let right = |(&value, &row): (&f32, &usize)| value.to_bits() == scores[row].to_bits();
            assert!(picked[..count].iter().zip(&expected).all(right));
        }
        let mut scan_all = || -> usize {
            scores.chunks(BLOCK).map(|scores| scan(black_box(scores), bound, &mut hits, &mut picked)).sum()
        };
        group.bench_function(name, |b| b.iter(&mut scan_all));
    }
}

fn cutting_and_ordering(c: &mut Criterion) {
    let scores = scores(ENTRIES);
    let mut sorted: Vec<usize> = (0..ENTRIES).collect();
    sorted.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let job = Job::new(1);
    let k = ENTRIES / 3;
    assert_eq!(BenchCandidates::of(&scores).unwrap().cut(k, &job).unwrap(), sorted[k - 1] as u64);
    let mut rows = vec![0; ENTRIES];
    let collected = BenchCandidates::of(&scores).unwrap();
    collected.order(&mut rows, &job).unwrap();
    assert!(rows.iter().zip(&sorted).all(|(&row, &expected)| row.cast_unsigned() == expected as u64));
    let mut group = c.benchmark_group("entries");
    group.throughput(Throughput::Elements(ENTRIES as u64));
    group.bench_function("cut to a third", |b| {
        b.iter_batched(
            || BenchCandidates::of(&scores).unwrap(),
            |mut all| all.cut(k, &job).unwrap(),
            BatchSize::LargeInput,
        );
    });
    group.bench_function("order", |b| b.iter(|| collected.order(black_box(&mut rows), &job).unwrap()));
}

fn drawing(c: &mut Criterion) {
    let mut bits = RandomBits::default();
    let rows = 0..BLOCK as u64;
    let mut group = c.benchmark_group("random bits");
    group.throughput(Throughput::Elements(BLOCK as u64));
    bits.philox(7, &rows).unwrap();
    assert!(rows.clone().all(|row| bits.get(row as usize) == philox(7, row)));
    group.bench_function("philox", |b| b.iter(|| bits.philox(black_box(7), &rows).unwrap()));
    // numpy.random.PCG64(42): its state, and random_raw(3).
    let state = 274_674_114_334_540_486_603_088_602_300_644_985_544;
    let increment = 332_724_090_758_049_132_448_979_897_138_935_081_983;
    bits.pcg64(state, increment, &rows).unwrap();
    let drawn = [14_276_969_152_011_380_360, 8_095_878_257_575_067_585, 15_838_336_090_824_644_132];
    assert!((0..3).all(|at| bits.get(at) == drawn[at]));
    group.bench_function("pcg64", |b| b.iter(|| bits.pcg64(black_box(state), increment, &rows).unwrap()));
}

fn bounding(c: &mut Criterion) {
    let scores = scores(BLOCK);
    let mut bits = RandomBits::default();
    bits.philox(7, &(0..BLOCK as u64)).unwrap();
    let mut hits = vec![0; BLOCK];
    let least = 7.0;
    let key = |row: usize| {
        let p = (bits.get(row) as f64 + 0.5) * 2f64.powi(-64);
        f64::from(scores[row]) - (-(-p).ln_1p()).ln()
    };
    let count = bits.gumbel_prefilter(&scores, least, &mut hits);
    let reach: Vec<u32> = (0..BLOCK as u32).filter(|&row| key(row as usize) >= least).collect();
    assert!(!reach.is_empty() && reach.iter().all(|row| hits[..count].contains(row)));
    assert!(hits[..count].iter().all(|&row| key(row as usize) >= least - 0.1));
    let mut group = c.benchmark_group("gumbel prefilter");
    group.throughput(Throughput::Elements(BLOCK as u64));
    group.bench_function("1 in 1,000", |b| {
        b.iter(|| bits.gumbel_prefilter(black_box(&scores), least, &mut hits));
    });
}

criterion_group!(kernels, scanning, cutting_and_ordering, drawing, bounding);
criterion_main!(kernels);
