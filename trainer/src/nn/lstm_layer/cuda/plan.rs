//! Where the kernels of a layer keep its weights, and how a batch is shared out.

/// Registers of a multiprocessor, and the most that a thread can have: the same on every GPU since 2012.
const REGISTERS: usize = 65_536;
const REGISTERS_OF_A_THREAD: usize = 255;
/// Threads of a block, at most.
const THREADS: usize = 1024;
/// Sequences that a block takes, at most: a thread holds a sum for each.
const SEQUENCES: usize = 4;

/// What the kernels are compiled for. See `recurrence.cu`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Plan {
    pub(super) hidden: usize,
    /// Sequences of a block.
    pub(super) sequences: usize,
    /// Weights of a thread in registers.
    pub(super) registers: usize,
    /// Weights of a thread in shared memory.
    pub(super) shared: usize,
}

impl Plan {
    /// For `batch` sequences on a GPU of `multiprocessors` that lets a block have `shared_bytes` of shared
    /// memory; `None` where the kernels do not serve a layer of `hidden` values.
    pub(super) fn new(
        hidden: usize,
        batch: usize,
        multiprocessors: usize,
        shared_bytes: usize,
    ) -> Option<Self> {
        let threads = 4 * hidden;
        if hidden == 0 || !hidden.is_multiple_of(4) || threads > THREADS {
            return None;
        }
        let sequences = batch.div_ceil(multiprocessors.max(1)).clamp(1, SEQUENCES);
        // What a thread needs besides its weights, as `ptxas -v` shows it: with more, weights spill.
        let other = 44 + 8 * sequences;
        let free = (REGISTERS / threads).min(REGISTERS_OF_A_THREAD).saturating_sub(other);
        let registers = free.min(hidden) / 4 * 4;
        let mut plan = Self { hidden, sequences, registers, shared: 0 };
        let room = shared_bytes.checked_sub(plan.shared_bytes())? / (4 * threads);
        plan.shared = room.min(hidden - registers) / 4 * 4;
        Some(plan)
    }

    /// Threads of a block.
    pub(super) fn threads(&self) -> usize {
        4 * self.hidden
    }

    /// Shared memory of a block, for whichever of the kernels needs more.
    pub(super) fn shared_bytes(&self) -> usize {
        4 * self.threads() * (self.shared + 2 * self.sequences)
    }

    /// What the compiler is told.
    pub(super) fn definitions(&self) -> Vec<String> {
        let Self { hidden, sequences, registers, shared } = self;
        [("HIDDEN", hidden), ("SEQUENCES", sequences), ("REGISTERS", registers), ("SHARED", shared)]
            .map(|(name, value)| format!("-D{name}={value}"))
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Multiprocessors, and bytes of shared memory: H100 and H200; RTX 4090; a Tesla T4.
    const GPUS: [(usize, usize); 3] = [(132, 232_448), (128, 101_376), (40, 65_536)];

    #[test]
    fn the_published_layer_stays_on_the_multiprocessor() {
        let plan = Plan::new(128, 32, 132, 232_448).unwrap();
        assert_eq!((plan.sequences, plan.registers + plan.shared), (1, 128), "{plan:?}");
        let told = plan.definitions();
        assert_eq!(told, ["-DHIDDEN=128", "-DSEQUENCES=1", "-DREGISTERS=76", "-DSHARED=52"]);
    }

    #[test]
    fn what_is_planned_is_there() {
        for (multiprocessors, bytes) in GPUS {
            for hidden in (4..=256).step_by(4) {
                for batch in [1, 32, 133, 4096] {
                    let plan = Plan::new(hidden, batch, multiprocessors, bytes).unwrap();
                    assert!(plan.shared_bytes() <= bytes, "{plan:?}");
                    assert!(plan.registers + plan.shared <= hidden, "{plan:?}");
                    assert!(plan.registers * plan.threads() < REGISTERS, "{plan:?}");
                    assert!((1..=SEQUENCES).contains(&plan.sequences), "{plan:?}");
                    assert_eq!((plan.registers % 4, plan.shared % 4), (0, 0), "{plan:?}");
                }
            }
        }
    }

    #[test]
    fn layers_that_are_not_served_are_told_apart() {
        for hidden in [0, 3, 30, 260, 512] {
            assert_eq!(Plan::new(hidden, 8, 132, 232_448), None, "{hidden}");
        }
        assert_eq!(Plan::new(256, 8, 132, 4_000), None);
    }
}
