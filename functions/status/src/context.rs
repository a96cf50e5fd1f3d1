//! What the function reads and writes.

use tracklayer_core::reconcile::decide::Policy;
use tracklayer_edge::{live::Live, ports::Ports};

/// What the function needs.
pub struct Status<P: Ports = Live> {
    /// The waits of this deployment.
    pub policy: Policy,
    /// The clock.
    pub clock: P::Clock,
    /// Who may ask for what.
    pub keys: P::Keys,
    /// Where the rows are.
    pub ledger: P::Ledger,
    /// Where metrics go.
    pub telemetry: P::Telemetry,
}
