//! Loops compiled once per instruction set, and the one place that picks among them.
//!
//! A kernel is a plain loop that the compiler turns into vector code. It is compiled for AVX-512, for AVX2 and
//! for what the target has without asking (SSE2, NEON), and the widest that the processor has is called. That
//! keeps one text for all of them, and the same results: kernels compare and count integers, or do arithmetic
//! whose every step is rounded alike everywhere.
//!
//! Here, and in `io/map.rs`, is all the unsafe code there is.
#![allow(unsafe_code)]

/// A loop worth compiling for each instruction set.
///
/// `run` must be `#[inline(always)]`, and so must what it calls, or it is compiled for the baseline only.
pub(crate) trait Kernel {
    /// What it gives.
    type Output;

    /// The loop.
    fn run(self) -> Self::Output;
}

/// Runs a kernel with the widest vectors that this processor has.
pub(crate) fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    {
        let bits = is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt");
        if bits
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
        {
            // SAFETY: every feature that the function is compiled for was detected just above.
            return unsafe { run_avx512(kernel) };
        }
        if bits && is_x86_feature_detected!("avx2") {
            // SAFETY: every feature that the function is compiled for was detected just above.
            return unsafe { run_avx2(kernel) };
        }
    }
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,lzcnt,popcnt")]
fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

/// Asks the processor for values that a kernel reads soon. It does so by itself, but not as far ahead as fast memory needs.
#[inline(always)]
pub(crate) fn prefetch<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for at in (0..size_of_val(values)).step_by(64) {
        // Proof: within the values; a step is one of their bytes.
        let byte = values.as_ptr().cast::<i8>().wrapping_add(at);
        // SAFETY: SSE is a part of every x86-64, and a prefetch is a hint that changes no value and faults nowhere.
        unsafe { std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(byte) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}
