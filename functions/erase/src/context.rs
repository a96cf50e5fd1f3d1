use tracklayer_core::mapping::Mapping;
use tracklayer_edge::{live::Live, ports::Ports};

pub struct Erase<P: Ports = Live> {
    pub keys: P::Keys,
    pub clicks: P::Clicks,
    pub ledger: P::Ledger,
    pub mapping: Mapping,
    pub clock: P::Clock,
    pub telemetry: P::Telemetry,
}
