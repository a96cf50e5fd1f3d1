//! What the function needs.

use tracklayer_core::reconcile::decide::Policy;
use tracklayer_edge::{live::Live, ports::Ports};

/// What the function needs.
pub struct Status<P: Ports = Live> {
    /// The waits of this deployment.
    pub policy: Policy,
    /// Who may ask.
    pub keys: P::Keys,
    /// Where the records are.
    pub ledger: P::Ledger,
    /// The clock.
    pub clock: P::Clock,
}
