//! What the functions need of the outside, in traits of few methods, and the plain data that these
//! carry.
//!
//! The adapters of this crate implement them for AWS and Microsoft; a simulation implements them in
//! memory and runs the same functions. [`Ports`] names one set of implementations.

#![expect(async_fn_in_trait, reason = "every caller knows the implementation; nothing is spawned")]

mod account;
mod audit;
mod batches;
mod claims;
mod clicks;
mod clock;
mod erasure;
mod index;
mod keys;
mod lookups;
mod microsoft;
mod orders;
mod orphans;
mod queue;
mod rotation;
mod rows;
mod secrets;
mod telemetry;
mod tokens;

pub use account::{AccountItem, AccountItems, CheckFailure, GoalCheck, GoalChecks, Refusals};
pub use audit::{AuditState, Audited, Place, RowPage, Unreadable};
pub use batches::{Batches, Found, Written};
pub use claims::{Claims, Pointer, claim_of};
pub use clicks::{Captures, Clicks, Details, TakenBack};
pub use clock::Clock;
pub use erasure::{
    ClickTrace, ErasureItem, Erasures, Progress, Removed, TieTrace, TracePage, Traces,
};
pub use index::{Counted, Cursor, DueEntry, DuePage, Index, Tally};
pub use keys::{IngestKey, KeyError, Keys, Right};
pub use lookups::{
    Census, ClickLookups, LedgerLookups, OpenEntry, OpenPage, SightingPage, TableSize,
};
pub use microsoft::{Answer, Microsoft};
pub use orders::Orders;
pub use orphans::Orphans;
pub use queue::{Deferral, QueueError, Signals};
pub use rotation::{Document, Labels, SecretVersions};
pub use rows::{LedgerError, Partition, Rows};
pub(crate) use secrets::shape_of;
pub use secrets::{AccountSecret, Secret, SecretError, Secrets, Versioned};
pub use telemetry::{Metric, Telemetry};
pub use tokens::{AuthError, Consents, Refusal, Tokens};

/// One set of implementations.
pub trait Ports {
    /// The clock.
    type Clock: Clock;
    /// The ledger.
    type Ledger: Rows + Orphans + Batches + Claims + Orders + AccountItems + Index;
    /// The queue of signals.
    type Queue: Signals;
    /// The captured clicks.
    type Clicks: Clicks;
    /// The ingest keys.
    type Keys: Keys;
    /// The accounts' credentials.
    type Secrets: Secrets;
    /// The access tokens.
    type Auth: Tokens;
    /// Microsoft.
    type Microsoft: Microsoft;
    /// Lines and metrics.
    type Telemetry: Telemetry;
}
