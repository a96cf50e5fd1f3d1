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
mod microsoft;
mod orders;
mod orphans;
mod outcomes;
mod queue;
mod rotation;
mod rows;
mod secrets;
mod telemetry;
mod tokens;

pub use account::{AccountItem, AccountItems, CheckFailure, GoalCheck, GoalChecks};
pub use audit::{AuditState, Audited, Place, RowPage, Unreadable};
pub use batches::{Batches, Found, Written};
pub use claims::{Claims, Pointer};
pub use clicks::{Captures, Clicks, Details};
pub use clock::Clock;
pub use erasure::{ClickTrace, ErasureItem, Erasures, Removed, TieTrace, TracePage, Traces};
pub use index::{Counted, Cursor, Index, OpenEntry, OpenPage};
pub use keys::{IngestKey, KeyError, Keys, Right};
pub use microsoft::{Answer, Microsoft};
pub use orders::Orders;
pub use orphans::Orphans;
pub use outcomes::{OutcomeHistory, Outcomes};
pub use queue::{Deferral, QueueError, Signals};
pub use rotation::{Document, Labels, SecretVersions};
pub use rows::{LedgerError, Partition, Rows};
pub(crate) use secrets::shape_of;
pub use secrets::{AccountSecret, Secret, SecretError, Secrets, Versioned};
pub use telemetry::{Counts, Metric, Telemetry};
pub use tokens::{AuthError, Consents, Tokens};

pub trait Ports {
    type Clock: Clock;
    type Ledger: Rows + Orphans + Batches + Claims + Orders + AccountItems + Index;
    type Queue: Signals;
    type Clicks: Clicks;
    type Keys: Keys;
    type Secrets: Secrets;
    type Auth: Tokens;
    type Microsoft: Microsoft;
    type Telemetry: Telemetry;
}
