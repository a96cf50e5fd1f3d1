//! What the function reads and writes.

use tracklayer_edge::{live::Live, ports::Ports};

/// What the function needs.
pub struct Capture<P: Ports = Live> {
    /// The clock.
    pub clock: P::Clock,
    /// Where clicks and ties are kept.
    pub clicks: P::Clicks,
    /// Who may tie for others.
    pub keys: P::Keys,
    /// Where metrics go.
    pub telemetry: P::Telemetry,
}
