//! What the function needs.

use tracklayer_core::mapping::Mapping;
use tracklayer_edge::{live::Live, ports::Ports};

/// What the function needs.
pub struct Erase<P: Ports = Live> {
    /// Who may erase.
    pub keys: P::Keys,
    /// Where clicks and ties are.
    pub clicks: P::Clicks,
    /// Where erasures and rows are.
    pub ledger: P::Ledger,
    /// Which says whether orders that browsers tied count.
    pub mapping: Mapping,
    /// The clock.
    pub clock: P::Clock,
    /// Where metrics go.
    pub telemetry: P::Telemetry,
}
