//! What the function reads and writes.

use tracklayer_core::{mapping::Mapping, reconcile::decide::Policy};
use tracklayer_edge::{live::Live, ports::Ports};

pub struct Enqueue<P: Ports = Live> {
    pub mapping: Mapping,
    pub policy: Policy,
    pub retention_days: i64,
    pub clock: P::Clock,
    pub keys: P::Keys,
    pub clicks: P::Clicks,
    pub ledger: P::Ledger,
    pub queue: P::Queue,
    pub telemetry: P::Telemetry,
}
