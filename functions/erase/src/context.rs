//! What the function reads and writes.

use tracklayer_core::mapping::Mapping;
use tracklayer_edge::{live::Live, ports::Ports};

/// What the function needs.
pub struct Erase<P: Ports = Live> {
    /// The clock.
    pub clock: P::Clock,
    /// Who may ask for it.
    pub keys: P::Keys,
    /// Where clicks and ties are.
    pub clicks: P::Clicks,
    /// Where the rows are.
    pub ledger: P::Ledger,
    /// Which says whether orders that browsers tied count.
    pub mapping: Mapping,
    /// Seconds between two audits.
    pub audit_period: i64,
}
