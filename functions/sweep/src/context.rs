//! What the function reads and writes.

use tracklayer_core::{mapping::Mapping, reconcile::decide::Policy};
use tracklayer_edge::{live::Live, ports::Ports};

/// What the function needs.
pub struct Sweep<P: Ports = Live> {
    /// The waits of this deployment.
    pub policy: Policy,
    /// Whose accounts are reported on even if nothing of them waits.
    pub mapping: Mapping,
    /// Where rows wait.
    pub ledger: P::Ledger,
    /// Where the clicks of erased persons are.
    pub clicks: P::Clicks,
    /// Where upload gets its work from.
    pub queue: P::Queue,
    /// The clock.
    pub clock: P::Clock,
    /// Where metrics go.
    pub telemetry: P::Telemetry,
}
