//! Delivers messages out of order and more than once, as a standard queue may do.

/// A sequence of random choices, the same for the same seed.
pub(super) struct Disorder {
    state: u64,
}

/// The next message is picked among this many.
const WINDOW: usize = 100;
/// On average one of this many deliveries leaves a copy in the queue.
const COPY_EVERY: u64 = 4;

impl Disorder {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed | 1 }
    }

    /// Picks one of the visible messages.
    pub(super) fn pick(&mut self, visible: impl Iterator<Item = u64>) -> Option<u64> {
        let window: Vec<u64> = visible.take(WINDOW).collect();
        let count = u64::try_from(window.len()).ok().filter(|count| *count > 0)?;
        let index = usize::try_from(self.next() % count).ok()?;
        window.get(index).copied()
    }

    /// Whether the delivery leaves a copy of its message in the queue.
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
