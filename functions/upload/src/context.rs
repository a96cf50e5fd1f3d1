//! What the function needs of the outside.

use tracklayer_core::{ledger::observed::Environment, mapping::Mapping, reconcile::decide::Policy};
use tracklayer_edge::{live::Live, ports::Ports};

/// The function with its ports.
pub struct Upload<P: Ports = Live> {
    /// Which goals and accounts there are.
    pub mapping: Mapping,
    /// The waits of this deployment.
    pub policy: Policy,
    /// Receives after which the queue gives a message up.
    pub max_receives: u32,
    /// Which of Microsoft's worlds it uploads to.
    pub environment: Environment,
    /// The clock.
    pub clock: P::Clock,
    /// Where originals find their clicks.
    pub clicks: P::Clicks,
    /// Where the rows are.
    pub ledger: P::Ledger,
    /// Where the messages come from.
    pub queue: P::Queue,
    /// The accounts' credentials.
    pub secrets: P::Secrets,
    /// Their access tokens.
    pub auth: P::Auth,
    /// Microsoft.
    pub microsoft: P::Microsoft,
    /// Where lines and metrics go.
    pub telemetry: P::Telemetry,
}
