//! What the function reads and writes.

use tracklayer_core::{mapping::Mapping, reconcile::decide::Policy};
use tracklayer_edge::{live::Live, ports::Ports};

/// What the function needs.
pub struct Enqueue<P: Ports = Live> {
    /// Which events are conversions, and of which goals.
    pub mapping: Mapping,
    /// The waits of this deployment.
    pub policy: Policy,
    /// How many days rows are kept after their conversion.
    pub retention_days: i64,
    /// The clock.
    pub clock: P::Clock,
    /// Who may send what.
    pub keys: P::Keys,
    /// Where conversions find their clicks.
    pub clicks: P::Clicks,
    /// Where events go.
    pub ledger: P::Ledger,
    /// Where upload gets its work from.
    pub queue: P::Queue,
    /// Where metrics go.
    pub telemetry: P::Telemetry,
}
