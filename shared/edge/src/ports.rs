//! What the functions need of the outside, in traits of few methods.
//!
//! The adapters of this crate implement them for AWS and Microsoft; a simulation implements them in
//! memory and runs the same functions. [`Ports`] names one set of implementations, [`Live`] the
//! real one.

#![expect(async_fn_in_trait, reason = "every caller knows the implementation; nothing is spawned")]

mod erasure;
mod rotation;

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::Duration,
};

use serde::Serialize;
use serde_json::{Map, Value};
use tracklayer_core::{
    id::{AccountName, RecordId, Source},
    ledger::{
        facts::References,
        row::{Row, RowKey},
        signal::Signal,
    },
    microsoft::goals::GoalFinding,
    person::{click_id::ClickId, identity::Identity},
    reconcile::{erasure::Person, intake::ClickSearch, note::Write},
    time::EventTime,
};

use crate::{
    keys::{IngestKey, KeyError},
    ledger::{
        AccountItem, AuditState, Cursor, DueEntry, DuePage, Found, GoalCheck, LedgerError, Place,
        Pointer, RowPage, Tally, Written, claim_of,
    },
    microsoft::{Answer, AuthError},
    queue::{Hide, QueueError},
    secrets::{AccountSecret, Secret, SecretError, Versioned},
    telemetry::Metric,
};

pub use erasure::{Erasures, Forgets, Removed};
pub use rotation::{Consents, Refusals, Vault};

/// One set of implementations.
pub trait Ports {
    /// The clock.
    type Clock: Clock;
    /// The ledger.
    type Ledger: Rows + Batches + Claims + AccountItems + Index;
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

/// AWS and Microsoft.
pub struct Live;

impl Ports for Live {
    type Clock = crate::clock::SystemClock;
    type Ledger = crate::ledger::Ledger;
    type Queue = crate::queue::Queue;
    type Clicks = crate::clicks::Clicks;
    type Keys = crate::keys::Keys;
    type Secrets = crate::secrets::Secrets;
    type Auth = crate::microsoft::Auth;
    type Microsoft = crate::microsoft::Client;
    type Telemetry = crate::telemetry::StandardOutput;
}

/// Tells the time.
pub trait Clock {
    /// Milliseconds since 1970. May be set, back as well.
    fn now_ms(&self) -> i64;

    /// Time since some fixed moment. Only ever goes on.
    fn monotonic(&self) -> Duration;

    /// Now, in whole seconds.
    fn now(&self) -> EventTime {
        EventTime::from_epoch(self.now_ms().div_euclid(1_000))
    }
}

/// Rows, by whoever changes what is desired.
pub trait Rows {
    /// Writes a new row; the first writer wins. Answers with the row that was there already.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    async fn insert(&self, row: &Row, now: EventTime) -> Result<Option<Row>, LedgerError>;

    /// Writes the desired side of `after` – facts, corrections, index entry – on condition that
    /// both revisions are still those of `before`. Answers whether they were.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    async fn change(&self, before: &Row, after: &Row) -> Result<bool, LedgerError>;

    /// All rows under one source event id; corrections' pointers are left out.
    ///
    /// # Errors
    /// If the ledger is unavailable or a row can't be read.
    async fn partition(
        &self,
        source: &Source,
        event_id: &RecordId,
        now: EventTime,
    ) -> Result<Vec<Row>, LedgerError>;

    /// Writes the original `after`, which has taken over the orphan's corrections, and removes the
    /// orphan: both or neither, on condition that both still are as they were read. Answers whether
    /// they were.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    async fn hand_over(&self, before: &Row, after: &Row, orphan: &Row)
    -> Result<bool, LedgerError>;
}

/// Many rows at once, by whoever learns something of Microsoft.
pub trait Batches {
    /// Reads rows and account items consistently. Keys must be unique: DynamoDB refuses the whole
    /// request otherwise. A key without a row in the answer is missing, unreadable or was not
    /// processed: nothing may be concluded from it.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    async fn read(&self, keys: &[RowKey], accounts: &[AccountName]) -> Result<Found, LedgerError>;

    /// Carries out `writes`, each on its own conditions; one outcome per write, in order.
    async fn write(&self, writes: &[Write]) -> Vec<Written>;
}

/// Items that make something unique.
pub trait Claims {
    /// Claims `claim` (see [`claim_of`]); true if `owner` has it now.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    async fn claim(&self, claim: &str, owner: &RowKey, now: EventTime)
    -> Result<bool, LedgerError>;

    /// Makes `pointer` the one meaning of the correction `own`; answers with the one there was.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    async fn point(&self, own: &RowKey, pointer: &Pointer) -> Result<Option<Pointer>, LedgerError>;

    /// The pointer of the correction `own`, if it has one.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    async fn pointer(&self, own: &RowKey) -> Result<Option<Pointer>, LedgerError>;

    /// Gives `claim` back if `owner` has it.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    async fn release(&self, claim: &str, owner: &RowKey) -> Result<(), LedgerError>;

    /// Claims a second in which Microsoft would not drop the conversion as a duplicate; answers with
    /// it. The first ones from `time` + `from` on are tried, then others of the hour after `time`:
    /// a day's orders that are all stamped midnight must not queue up behind each other.
    ///
    /// # Errors
    /// If the ledger is unavailable, or no free second is found.
    async fn claim_second(
        &self,
        account: &AccountName,
        identity: &Identity,
        time: EventTime,
        owner: &RowKey,
        now: EventTime,
        from: i64,
    ) -> Result<EventTime, LedgerError> {
        for attempt in 0..SECONDS_TRIED {
            let shifted = time.plus_seconds(shift(owner, from, attempt));
            let Some(claim) = claim_of(account, identity, shifted) else { return Ok(time) };
            if self.claim(&claim, owner, now).await? {
                return Ok(shifted);
            }
        }
        Err(LedgerError::Unavailable("no free second within an hour".to_owned()))
    }
}

/// Seconds that are tried for one conversion; of an hour half full, 64 all taken is no chance.
const SECONDS_TRIED: i64 = 68;
/// Of these, the ones in a row.
const IN_A_ROW: i64 = 4;

/// The shift of an attempt: small while few share the second, then anywhere in the hour, the same
/// for the same row.
fn shift(owner: &RowKey, from: i64, attempt: i64) -> i64 {
    if attempt < IN_A_ROW {
        return from + attempt;
    }
    let mut hasher = DefaultHasher::new();
    (owner, attempt).hash(&mut hasher);
    i64::try_from(hasher.finish() % 3_600).unwrap_or(0)
}

/// What all workers must know of an ad account.
pub trait AccountItems {
    /// Makes all workers pause calls for `account` until then.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    async fn pause(&self, account: &AccountName, until: EventTime) -> Result<(), LedgerError>;

    /// Notes that a batch hands the account's rows back without a call.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    async fn trouble(&self, account: &AccountName, at: EventTime) -> Result<(), LedgerError>;

    /// Notes that the identity service refused this version of the account's secret.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    async fn refuse_secret(&self, account: &AccountName, version: &str) -> Result<(), LedgerError>;
}

/// The index of open rows. It lags behind the rows.
pub trait Index {
    /// One page of the entries of one index key that are due, oldest first. An entry that can't be
    /// read is logged and left out; the pages after it are still reached.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    async fn due(
        &self,
        class: &str,
        now: EventTime,
        limit: i32,
        from: Option<Cursor>,
    ) -> Result<DuePage, LedgerError>;

    /// Counts the entries of one index key by account, on at most `pages` pages (1 MB each).
    ///
    /// # Errors
    /// If the ledger is unavailable.
    async fn tally(&self, class: &str, pages: usize) -> Result<Tally, LedgerError>;

    /// Moves `due` of an entry's row, on condition that it is still in the same class and due when
    /// it was: nobody has moved it, and nobody has refused it or settled it, since the index was
    /// read. Answers whether it did. Raises no revision: nothing about the row has changed.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    async fn postpone(&self, seen: &DueEntry, until: EventTime) -> Result<bool, LedgerError>;

    /// Moves an entry's row into the class `wait`, due then, on the same condition: what kept it in
    /// its own class is over, and nobody looks for it there any more. Raises no revision.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    async fn let_go(&self, seen: &DueEntry, due: EventTime) -> Result<bool, LedgerError>;
}

/// What the check of the goals leaves for all workers.
pub trait GoalChecks {
    /// What is known of an account.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    async fn account_item(&self, account: &AccountName) -> Result<AccountItem, LedgerError>;

    /// Keeps the result of a check, which also ends a hold of the account; not if one that began
    /// later is kept already.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    async fn save_check(&self, account: &AccountName, check: &GoalCheck)
    -> Result<(), LedgerError>;

    /// Notes since when no check could use the account and for what, and whether its rows wait for
    /// that. What was found of its goals before stays.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    async fn fail_check(
        &self,
        account: &AccountName,
        since: EventTime,
        held: bool,
        finding: &GoalFinding,
    ) -> Result<(), LedgerError>;
}

/// All rows, for the audit.
pub trait Audited {
    /// Where the audit stands.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    async fn audit_state(&self) -> Result<AuditState, LedgerError>;

    /// Writes where the audit stands, on condition that nobody did since `state` was read; raises
    /// its revision. Answers whether it did.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    async fn save_audit(&self, state: &AuditState) -> Result<bool, LedgerError>;

    /// Some rows from `after` on, found among at most `limit` items.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    async fn rows(&self, after: Option<&Place>, limit: i32) -> Result<RowPage, LedgerError>;
}

/// The queue of signals.
pub trait Signals {
    /// Sends `signals`; one result each, in order. `jitter` delays messages by up to that many
    /// seconds, spread evenly.
    async fn send(
        &self,
        signals: &[Signal],
        now: EventTime,
        jitter: i64,
    ) -> Vec<Result<(), QueueError>>;

    /// Changes when messages are seen again. What fails is only logged: the message then comes
    /// after the queue's own visibility timeout.
    async fn hide(&self, messages: &[Hide]);
}

/// The captured clicks.
pub trait Clicks {
    /// The click for a conversion at `time`: the event's own click id, else by the session, else by
    /// the ties of lead, cart and order, in this order.
    ///
    /// # Errors
    /// If the clicks are unavailable.
    async fn search(
        &self,
        own: Option<&ClickId>,
        references: &References,
        time: EventTime,
        now: EventTime,
        browser_order_ties: bool,
    ) -> Result<ClickSearch, LedgerError>;

    /// Whether a click that was found in the second `at` under `reference` has not been deleted
    /// since: consent may have been withdrawn. One that is as old as clicks get counts as there.
    ///
    /// # Errors
    /// If the clicks are unavailable.
    async fn is_there(
        &self,
        reference: &RecordId,
        click_id: &ClickId,
        at: EventTime,
        now: EventTime,
    ) -> Result<bool, LedgerError>;

    /// When the consent of `person` was last withdrawn, by one or the other.
    ///
    /// # Errors
    /// If the clicks are unavailable.
    async fn withdrawn_at(
        &self,
        person: &Person,
        by: WithdrawnBy,
    ) -> Result<Option<EventTime>, LedgerError>;

    /// The references that somebody with an ingest key has tied to `record`: these visitors are no
    /// strangers who tied themselves to it.
    ///
    /// # Errors
    /// If the clicks are unavailable.
    async fn tied_by_key(
        &self,
        record: &Person,
        now: EventTime,
    ) -> Result<Vec<RecordId>, LedgerError>;
}

/// Who withdrew consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithdrawnBy {
    /// Somebody with an ingest key, for whoever's clicks there are.
    Key,
    /// A visitor who had clicks in the session. Perhaps not the only one.
    Visitor,
}

/// The ingest keys.
pub trait Keys {
    /// The key of an `Authorization: Bearer …` header.
    ///
    /// # Errors
    /// If there is none, it is unknown, or the keys can't be read.
    async fn check(&self, authorization: Option<&str>) -> Result<IngestKey, KeyError>;
}

/// The accounts' credentials.
pub trait Secrets {
    /// The credentials of `account`.
    ///
    /// # Errors
    /// If the secret can't be read or lacks a member.
    async fn account(&self, account: &AccountName)
    -> Result<Versioned<AccountSecret>, SecretError>;

    /// Forgets the credentials of `account`, so that a version written meanwhile is seen.
    async fn forget(&self, account: &AccountName);
}

/// The access tokens.
pub trait Tokens {
    /// The access token of `account`, fetched with its secret if need be.
    ///
    /// # Errors
    /// If the identity service refuses or does not answer.
    async fn token(
        &self,
        account: &AccountName,
        secret: &Versioned<AccountSecret>,
    ) -> Result<Secret, AuthError>;

    /// Forgets the token of `account`, because Microsoft refused it.
    async fn forget(&self, account: &AccountName);
}

/// Microsoft.
pub trait Microsoft {
    /// Posts `body` to `path` with the headers that Microsoft documents; gives up after `timeout`.
    async fn post(
        &self,
        path: &str,
        body: &impl Serialize,
        token: &Secret,
        secret: &AccountSecret,
        timeout: Duration,
    ) -> Answer;
}

/// Lines and metrics.
pub trait Telemetry {
    /// Writes a log line with members that are JSON themselves, as `tracing` can't.
    fn line(&self, message: &str, members: Map<String, Value>);

    /// Writes one line with these metrics of `account`; nothing if there are none.
    fn emit(&self, account: &str, metrics: &[Metric]);
}
