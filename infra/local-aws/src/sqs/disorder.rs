//! What a standard queue may do, done on purpose: messages out of order and more than once.

/// Sequence of choices, the same for the same seed.
pub(super) struct Disorder {
    state: u64,
}

/// Messages among which the next one is picked.
const WINDOW: usize = 100;
/// One delivery in so many leaves a copy behind.
const COPY_EVERY: u64 = 4;

impl Disorder {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed | 1 }
    }

    pub(super) fn pick(&mut self, visible: impl Iterator<Item = u64>) -> Option<u64> {
        let window: Vec<u64> = visible.take(WINDOW).collect();
        let count = u64::try_from(window.len()).ok().filter(|count| *count > 0)?;
        let index = usize::try_from(self.next() % count).ok()?;
        window.get(index).copied()
    }

    /// Whether the message that is being delivered stays in the queue a second time.
    pub(super) fn copies(&mut self) -> bool {
        self.next().is_multiple_of(COPY_EVERY)
    }

    /// xorshift64*: small, and good enough to shuffle.
    fn next(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }
}
