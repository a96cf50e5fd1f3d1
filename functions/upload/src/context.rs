//! What the function needs of the outside.

use tracklayer_core::{ledger::observed::Environment, mapping::Mapping, reconcile::decide::Policy};
use tracklayer_edge::{live::Live, ports::Ports};

pub struct Upload<P: Ports = Live> {
    pub mapping: Mapping,
    pub policy: Policy,
    pub max_receives: u32,
    pub environment: Environment,
    pub clock: P::Clock,
    pub clicks: P::Clicks,
    pub ledger: P::Ledger,
    pub queue: P::Queue,
    pub secrets: P::Secrets,
    pub auth: P::Auth,
    pub microsoft: P::Microsoft,
    pub telemetry: P::Telemetry,
}
