//! Tests of `gumbel`.

#![allow(clippy::cast_precision_loss)] // small scores of few bits

use proptest::prelude::*;

use super::*;
use crate::scores::Values;

/// More than 2^32 rows are too many for a test, so this compares their wider entries with those of fewer rows.
#[test]
fn entries_of_every_width_give_the_same_rows() {
    let scores: Vec<f32> = (0..300_000u32).map(|row| (row * 7919 % 1000) as f32 / 100.0).collect();
    let source = Values::F32(&scores);
    for noise in [Noise::Philox { seed: 5 }, Noise::Numpy { state: 1 << 90, increment: 12_345 }] {
        for order in [Order::BestFirst, Order::BestLast, Order::Row] {
            let options = SelectOptions { order, ..SelectOptions::default() };
            let draw = GumbelDraw { source: &source, noise, temperature: 0.5, options: &options };
            let (mut short, mut wide) = (vec![0; 40_000], vec![1; 40_000]);
            draw.fill::<Key64Row32>(&mut short, &Job::new(2)).unwrap();
            draw.fill::<Key64Row64>(&mut wide, &Job::new(2)).unwrap();
            assert_eq!(short, wide);
        }
    }
}

/// Returns the rows by computing the key of every one, and sorting all.
fn sorted(scores: &[f64], noise: Noise, temperature: f64) -> Vec<i64> {
    let bits: Vec<u64> = match noise {
        Noise::Philox { seed } => {
            (0..scores.len() as u64).map(|row| Philox::new(seed, Philox::GUMBEL).bits(row)).collect()
        }
        Noise::Numpy { state, increment } => {
            let mut stream = Pcg64::new(state, increment);
            scores.iter().map(|_| stream.next()).collect()
        }
    };
    let mut all = vec![0.0; bits.len()];
    match noise {
        Noise::Philox { seed } => Philox::new(seed, Philox::GUMBEL).gumbel(&bits, &mut all),
        Noise::Numpy { state, increment } => {
            (&NumpyNoise::new(Pcg64::new(state, increment))).gumbel(&bits, &mut all);
        }
    }
    let keys: Vec<f64> = scores.iter().zip(&all).map(|(score, noise)| score / temperature + noise).collect();
    let mut rows: Vec<usize> = (0..scores.len()).filter(|&row| keys[row] > f64::NEG_INFINITY).collect();
    rows.sort_by(|&a, &b| keys[b].total_cmp(&keys[a]));
    rows.into_iter().map(|row| i64::try_from(row).unwrap()).collect()
}

#[test]
fn rows_are_those_of_a_sort_by_noisy_score() {
    let special = [f64::INFINITY, f64::NEG_INFINITY, -0.0];
    let score = |row: u32| match row % 97 {
        at @ 0..3 => special[at as usize],
        _ => f64::from(row * 7919 % 1000) / 100.0,
    };
    for noise in [Noise::Philox { seed: 11 }, Noise::Numpy { state: 3 << 90, increment: 12_345 }] {
        for (len, temperature) in [(1, 1.0), (5000, 0.1), (60_000, 3.0)] {
            let scores: Vec<f64> = (1..=len).map(score).collect();
            let expected = sorted(&scores, noise, temperature);
            for k in [expected.len() / 50, expected.len()] {
                let mut found = vec![-1; k];
                let options = SelectOptions::default();
                gumbel_top_k(&Values::F64(&scores), &mut found, noise, temperature, &options, &Job::new(2))
                    .unwrap();
                assert_eq!(found, expected[..k]);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn the_draw_of_parts_is_that_of_the_whole(
        bits in proptest::collection::vec(0u16..40, 2..6000), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..5),
        seed: u64, start in prop_oneof![Just(0), 0..5000_u64, Just((1 << 40) + 1023)],
        temperature in prop_oneof![Just(1e-3), Just(1.0), Just(50.0)],
    ) {
        let scores: Vec<f32> = bits.iter().map(|&bits| f32::from(bits) / 4.0).collect();
        let (noise, options, job) = (Noise::Philox { seed }, SelectOptions::default(), Job::new(2));
        let keys = |start: u64, scores: &[f32]| -> Vec<f64> {
            let philox = Philox::new(seed, Philox::GUMBEL);
            let rows = start..start + scores.len() as u64;
            let mut all = vec![0.0; scores.len()];
            philox.gumbel(&rows.map(|row| philox.bits(row)).collect::<Vec<_>>(), &mut all);
            scores.iter().zip(all).map(|(&score, noise)| f64::from(score) / temperature + noise).collect()
        };
        // All rows in the order of the whole's draw.
        let whole_keys = keys(start, &scores);
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(scores.len())).chain([0, scores.len()]).collect();
        ends.sort_unstable();
        for part in ends.windows(2) {
            let part = part[0]..part[1];
            let first = start + part.start as u64;
            let source = crate::scores::ArrayPart::new(Values::F32(&scores[part.clone()]), first).unwrap();
            let mut found = vec![-1; part.len()];
            gumbel_top_k(&source, &mut found, noise, temperature, &options, &job).unwrap();
            let mut expected: Vec<i64> = (0..part.len() as u64).map(u64::cast_signed).collect();
            expected.sort_by(|&a, &b| {
                let key = |row: i64| whole_keys[part.start + usize::try_from(row).unwrap()];
                key(b).total_cmp(&key(a)).then(a.cmp(&b))
            });
            prop_assert_eq!(found, expected);
        }
    }
}
