use tracklayer_core::reconcile::decide::Policy;
use tracklayer_edge::{live::Live, ports::Ports};

pub struct Status<P: Ports = Live> {
    pub policy: Policy,
    pub clock: P::Clock,
    pub keys: P::Keys,
    pub ledger: P::Ledger,
    pub telemetry: P::Telemetry,
}
