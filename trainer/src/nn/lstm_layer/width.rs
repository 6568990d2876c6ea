//! Which vectors are used.

use pulp::{Arch, WithSimd};

/// Runs `op` with the widest vectors that the processor has.
#[cfg(not(test))]
pub(super) fn dispatch<Op: WithSimd>(op: Op) -> Op::Output {
    Arch::new().dispatch(op)
}

/// The same, with narrower ones where a test asks for them on its thread.
#[cfg(test)]
pub(super) fn dispatch<Op: WithSimd>(op: Op) -> Op::Output {
    match NARROWER.get() {
        Some(Narrower::Scalar) => op.with_simd(pulp::Scalar),
        #[cfg(target_arch = "x86_64")]
        Some(Narrower::Avx2) => {
            let simd = pulp::x86::V3::try_new().expect("tests ask for it where it is there");
            pulp::Simd::vectorize(simd, op)
        }
        None => Arch::new().dispatch(op),
    }
}

/// Vectors narrower than the processor's.
#[cfg(test)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Narrower {
    /// One value at a time, as on processors that have none.
    Scalar,
    /// Eight values at a time.
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

#[cfg(test)]
thread_local! {
    static NARROWER: std::cell::Cell<Option<Narrower>> = const { std::cell::Cell::new(None) };
}

/// Runs `work` with narrower vectors on this thread; gives nothing where the processor lacks them.
#[cfg(test)]
pub(super) fn with_narrower<T>(narrower: Narrower, work: impl FnOnce() -> T) -> Option<T> {
    #[cfg(target_arch = "x86_64")]
    if narrower == Narrower::Avx2 && pulp::x86::V3::try_new().is_none() {
        return None;
    }
    NARROWER.set(Some(narrower));
    let result = work();
    NARROWER.set(None);
    Some(result)
}
