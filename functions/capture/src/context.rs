use tracklayer_edge::{live::Live, ports::Ports};

pub struct Capture<P: Ports = Live> {
    pub clock: P::Clock,
    pub clicks: P::Clicks,
    pub keys: P::Keys,
    pub telemetry: P::Telemetry,
}
