//! `--already-uploaded`: sales that were sent to Microsoft by other means, recorded as accepted.
//!
//! Each is written as `enqueue` would write it, with the same claims: its order, and the click and
//! second by which Microsoft knows it. So it is not sent again, whoever sends the event, and what is
//! refunded of it is corrected at Microsoft.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use tracklayer_core::event::{Conversion, ErrorCode, Event, EventError, parse_event};
use tracklayer_core::field::Field;
use tracklayer_core::id::AccountName;
use tracklayer_core::ledger::facts::{Click, ClickOrigin};
use tracklayer_core::ledger::observed::Destination;
use tracklayer_core::ledger::order::OrderOwner;
use tracklayer_core::ledger::row::Row;
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::reconcile::attribution::Credit;
use tracklayer_core::reconcile::decide::AccountView;
use tracklayer_core::reconcile::intake::{facts_of, sent_before};
use tracklayer_core::reconcile::note::Context;
use tracklayer_core::reconcile::orders::{Claimed, claimed};
use tracklayer_core::reconcile::orphans::{Original, take};
use tracklayer_core::reconcile::second::claim_of;
use tracklayer_edge::flows::originals;
use tracklayer_edge::ports::{
    Claims as _, LedgerError, Orders as _, Orphans as _, Rows as _, Secrets as _,
};

use crate::failure::Failure;
use crate::place::Ops;

/// Rows that are written at the same time.
const AT_ONCE: usize = 16;
/// How often something is tried anew when another writer was faster.
const ROUNDS: usize = 8;

/// Records sales as accepted.
pub struct Recorder {
    /// Where each account uploads to: who has taken these sales.
    destinations: BTreeMap<AccountName, Destination>,
    retention_days: i64,
}

/// What became of a sale.
enum Recorded {
    New,
    Known,
    Refused(EventError),
}

impl Recorder {
    /// Reads where the accounts upload to.
    pub async fn new(ops: &Ops) -> Result<Self, Failure> {
        let environment = ops.deployment.environment()?;
        let mut destinations = BTreeMap::new();
        for account in ops.mapping.accounts() {
            let name = account.name().clone();
            let secret = ops.secrets.account(&name).await.map_err(|error| {
                let message = format!("the secret of {name} can't be read: {error}");
                let help = "It says which ad account has the sales; these credentials need \
                            secretsmanager:GetSecretValue.";
                Failure::unreachable("no_secret", message, help)
            })?;
            let account_id = secret.value.account_id.clone();
            destinations.insert(name, Destination { environment, account_id });
        }
        Ok(Recorder { destinations, retention_days: ops.deployment.number("RetentionDays")? })
    }

    /// Records these events; answers like the API, with the status `recorded` for what is new.
    pub async fn results(&self, ops: &Ops, events: &[&str]) -> Result<Vec<Value>, Failure> {
        let sales: Vec<_> = events.iter().map(|event| sale(ops, event)).collect();
        // Sales that share an id or an order with an earlier one are written after it.
        let mut seen = BTreeSet::new();
        let is_first = |position: &usize| {
            let names: Vec<String> = sales[*position].iter().flat_map(names).collect();
            let all = names.len();
            names.into_iter().filter(|name| seen.insert(name.clone())).count() == all
        };
        let (first, later): (Vec<usize>, Vec<usize>) = (0..sales.len()).partition(is_first);
        let mut results = vec![Value::Null; sales.len()];
        for (positions, at_once) in [(first, AT_ONCE), (later, 1)] {
            let work = stream::iter(positions).map(|position| {
                let sale = &sales[position];
                async move { Ok::<_, LedgerError>((position, self.result(ops, sale).await?)) }
            });
            let done: Vec<_> = work.buffer_unordered(at_once).try_collect().await?;
            done.into_iter().for_each(|(position, result)| results[position] = result);
        }
        Ok(results)
    }

    async fn result(
        &self, ops: &Ops, sale: &Result<Conversion, EventError>,
    ) -> Result<Value, LedgerError> {
        let recorded = match sale {
            Ok(conversion) => self.record(ops, conversion).await?,
            Err(error) => Recorded::Refused(error.clone()),
        };
        Ok(match recorded {
            Recorded::New => json!({"status": "recorded"}),
            Recorded::Known => json!({"status": "duplicate"}),
            Recorded::Refused(error) => json!({"status": "rejected", "error": error}),
        })
    }

    /// In the order of `enqueue`, so that a run that is killed anywhere is repaired by the next one.
    async fn record(&self, ops: &Ops, sale: &Conversion) -> Result<Recorded, LedgerError> {
        let (now, key) = (ops.now(), sale.key.clone());
        let Some(by) = self.destinations.get(&sale.account) else {
            let error = EventError::whole(ErrorCode::UnknownAccount, "has no secret");
            return Ok(Recorded::Refused(error));
        };
        if let Some(row) = originals::row(&ops.ledger, &key, now).await? {
            return known(ops, sale, row).await;
        }
        if let Some(error) = claim(ops, sale).await? {
            return Ok(Recorded::Refused(error));
        }
        let facts = facts_of(sale, &credit(sale));
        let row = sent_before(sale, facts, by.clone(), now, self.retention_days);
        if let Some(row) = ops.ledger.insert(&row, now).await? {
            return known(ops, sale, row).await;
        }
        gather(ops, row).await?;
        Ok(Recorded::New)
    }
}

/// The event as a sale that Microsoft can have.
pub fn sale(ops: &Ops, event: &str) -> Result<Conversion, EventError> {
    let parsed = parse_event(event, &ops.mapping, ops.now()).event;
    let conversion = match parsed.map_err(|rejection| rejection.error)? {
        Event::Conversion(conversion) => conversion,
        Event::Correction(_) | Event::Ignored(_) => {
            let message = "is no sale, and only sales are recorded as uploaded already";
            return Err(EventError::at(ErrorCode::UnknownEvent, Field::Event, message));
        }
    };
    if !facts_of(&conversion, &credit(&conversion)).identity.is_matchable() {
        let message = "must have the msclkid or the hashes with which it was uploaded: corrections \
                       name it to Microsoft by them";
        return Err(EventError::whole(ErrorCode::NoIdentifier, message));
    }
    Ok(conversion)
}

/// Only what was uploaded counts: no other click is looked for.
fn credit(sale: &Conversion) -> Credit {
    let click_id = sale.msclkid.clone().ok_or(WaitReason::NoClick)?;
    Ok((click_id, Click { clicked_at: None, from: ClickOrigin::Event, reference: None }))
}

/// What a sale claims: of two that share any of it, the first one of the file has it.
fn names(sale: &Conversion) -> Vec<String> {
    let order = sale.order.iter().map(|order| order.pk());
    order.chain([sale.key.pk()]).chain(second_of(sale)).collect()
}

/// The click (or person) and second by which Microsoft knows the sale.
fn second_of(sale: &Conversion) -> Option<String> {
    let facts = facts_of(sale, &credit(sale));
    claim_of(&sale.account, &facts.identity, facts.conversion_time)
}

/// An event of this id is here.
async fn known(ops: &Ops, sale: &Conversion, row: Row) -> Result<Recorded, LedgerError> {
    let refused =
        |message: &str| Ok(Recorded::Refused(EventError::whole(ErrorCode::Conflict, message)));
    if row.account != sale.account || row.facts.fingerprint != sale.fingerprint() {
        return refused("this id is known with other content");
    }
    if row.observed.accepted.is_none() {
        return refused("this event is here, but not accepted: it is sent from here, see explain");
    }
    gather(ops, row).await?;
    Ok(Recorded::Known)
}

/// Claims the order, then the click and second. Answers why that can't be, if it can't.
async fn claim(ops: &Ops, sale: &Conversion) -> Result<Option<EventError>, LedgerError> {
    if let Some(error) = claim_order(ops, sale).await? {
        return Ok(Some(error));
    }
    let Some(claim) = second_of(sale) else { return Ok(None) };
    let is_ours = ops.ledger.claim(&claim, &sale.key, ops.now()).await?;
    let message = "another sale has this click and second: Microsoft counts only one of them";
    Ok((!is_ours).then(|| EventError::whole(ErrorCode::Conflict, message)))
}

async fn claim_order(ops: &Ops, sale: &Conversion) -> Result<Option<EventError>, LedgerError> {
    let Some(order) = &sale.order else { return Ok(None) };
    let (owner, now) = (OrderOwner::Row(sale.key.clone()), ops.now());
    let refused = |message| Ok(Some(EventError::at(ErrorCode::SameOrder, Field::OrderId, message)));
    for _ in 0..ROUNDS {
        let Some(claim) = ops.ledger.claim_order(order, &owner, now).await? else {
            return Ok(None);
        };
        let rows = match &claim.owner {
            OrderOwner::Row(key) if claim.owner != owner => {
                ops.ledger.partition(&key.partition_key(), now).await?.rows
            }
            _ => Vec::new(),
        };
        match claimed(order, &claim, &owner, &rows, now) {
            Claimed::Counted(_) => return refused("another event of this order is here"),
            Claimed::Denied => return refused("an event of this order denied consent"),
            Claimed::InProgress => return Err(LedgerError::Conflict),
            Claimed::Abandoned => {
                if ops.ledger.take_over_order(order, &claim, &owner, now).await? {
                    return Ok(None);
                }
            }
        }
    }
    Err(LedgerError::Conflict)
}

/// Has the row take the corrections that came before it.
async fn gather(ops: &Ops, mut row: Row) -> Result<(), LedgerError> {
    let view = AccountView::default();
    let context = Context { account: &view, now: ops.now(), policy: &ops.policy };
    for _ in 0..ROUNDS {
        let key = row.key.clone();
        let found = ops.ledger.partition(&key.partition_key(), context.now).await?;
        let moved = found
            .orphan
            .as_ref()
            .and_then(|it| Some((it, take(Original::own(&row), it, &context)?)));
        let Some((orphan, moved)) = moved else { return Ok(()) };
        if ops.ledger.move_corrections(orphan, &row, &moved).await? {
            return Ok(());
        }
        let current = originals::row(&ops.ledger, &key, context.now).await?;
        row = current.ok_or(LedgerError::Conflict)?;
    }
    Err(LedgerError::Conflict)
}
