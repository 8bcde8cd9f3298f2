//! The kernels that touch every row, and the one place that picks the instruction set.
//!
//! A kernel is a plain loop that the compiler turns into vector code. It is compiled once per instruction set
//! (AVX-512, AVX2, and what the target has without asking: SSE2, NEON), and the widest that the processor has
//! is called. That keeps one text for all of them, and the same results: the kernels only compare and count
//! integers, or do arithmetic whose every step is rounded alike everywhere.
#![allow(unsafe_code)]

use super::rank::Rank;

/// A loop worth compiling for each instruction set.
///
/// `run` must be `#[inline(always)]`, or it is compiled for the baseline only.
pub(super) trait Kernel {
    /// What it gives.
    type Output;

    /// The loop.
    fn run(self) -> Self::Output;
}

/// Runs a kernel with the widest vectors that this processor has.
pub(super) fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
        {
            // SAFETY: the four features that the function is compiled for were detected just above.
            return unsafe { run_avx512(kernel) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the feature that the function is compiled for was detected just above.
            return unsafe { run_avx2(kernel) };
        }
    }
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

/// Rows that are compared before anything is done about one of them.
const STRIDE: u32 = 64;

/// Writes the offsets of the values that may reach the bound, NaN among them, into `hits`, ascending, and
/// gives their number.
///
/// A stride without any (the common case: few rows are wanted) costs one comparison a value; in the others
/// each offset is written and kept or overwritten by the next, without a branch to mispredict.
pub(super) fn reaching<T: Rank>(values: &[T], bound: T::Bound, largest: bool, hits: &mut [u32]) -> usize {
    debug_assert!(hits.len() >= values.len());
    if largest {
        dispatch(Reaching::<T, true> { values, bound, hits })
    } else {
        dispatch(Reaching::<T, false> { values, bound, hits })
    }
}

struct Reaching<'a, T: Rank, const LARGEST: bool> {
    values: &'a [T],
    bound: T::Bound,
    hits: &'a mut [u32],
}

impl<T: Rank, const LARGEST: bool> Kernel for Reaching<'_, T, LARGEST> {
    type Output = usize;

    #[inline(always)]
    fn run(self) -> usize {
        let Self { values, bound, hits } = self;
        let mut found = 0;
        let mut offset = 0u32;
        for stride in values.chunks(STRIDE as usize) {
            let any = stride.iter().fold(false, |any, value| any | value.may_reach::<LARGEST>(bound));
            if any {
                for (value, at) in stride.iter().zip(offset..) {
                    hits[found] = at;
                    found += usize::from(value.may_reach::<LARGEST>(bound));
                }
            }
            offset += STRIDE;
        }
        found
    }
}
