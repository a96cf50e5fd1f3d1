//! How many systems run at the same time.

use std::{sync::LazyLock, thread::available_parallelism};

use tokio::sync::{Semaphore, SemaphorePermit};

/// One place a core, and two at least: a system mostly waits. With more of them than that, waits
/// that must end within seconds would not.
static COUNT: LazyLock<u32> = LazyLock::new(|| {
    available_parallelism().map_or(2, |cores| cores.get().try_into().unwrap_or(2)).max(2)
});
static PLACES: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(*COUNT as usize));

/// The right to run a system; the next test gets it when this value is dropped. Who waits longest
/// is served first.
#[derive(Debug)]
pub struct Place {
    _permit: SemaphorePermit<'static>,
}

impl Place {
    /// Waits for one place.
    pub async fn take() -> Place {
        Place::take_many(1).await
    }

    /// Waits for all places: no other system runs meanwhile.
    pub async fn take_all() -> Place {
        Place::take_many(*COUNT).await
    }

    async fn take_many(count: u32) -> Place {
        Place { _permit: PLACES.acquire_many(count).await.expect("never closed") }
    }
}
