//! What the function reads and writes.

use tracklayer_core::reconcile::decide::Policy;
use tracklayer_edge::{live::Live, ports::Ports};

pub struct Status<P: Ports = Live> {
    pub policy: Policy,
    pub clock: P::Clock,
    pub keys: P::Keys,
    pub ledger: P::Ledger,
    /// Where metrics go.
    pub telemetry: P::Telemetry,
}
