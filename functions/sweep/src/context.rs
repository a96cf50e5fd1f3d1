use tracklayer_core::{mapping::Mapping, reconcile::decide::Policy};
use tracklayer_edge::{live::Live, ports::Ports};

pub struct Sweep<P: Ports = Live> {
    pub policy: Policy,
    pub mapping: Mapping,
    pub ledger: P::Ledger,
    pub clicks: P::Clicks,
    pub queue: P::Queue,
    pub clock: P::Clock,
    pub telemetry: P::Telemetry,
}
