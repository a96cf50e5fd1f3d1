//! From a confirmed event to a row of the ledger.

use crate::event::Conversion;
use crate::ledger::correction::{Correction, CorrectionRefusal, Effect, MAX_CORRECTIONS, fold};
use crate::ledger::facts::{ClickOrigin, Facts};
use crate::ledger::index::{IndexClass, Open};
use crate::ledger::observed::{Acceptance, Destination, Observed, Refusal};
use crate::ledger::order::OrderKey;
use crate::ledger::row::Row;
use crate::ledger::wait::WaitReason;
use crate::person::identity::{Identity, Sha256Hash};
use crate::reconcile::attribution::Credit;
use crate::reconcile::decide::Action;
use crate::reconcile::note::{Context, next_entry, waiting};
use crate::time::{DAY, EventTime};

/// How a row gets on after it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dispatch {
    /// By a message, not before this time.
    Message(Option<EventTime>),
    /// By its `due`.
    Due,
    /// It is refused at once: nothing is left to do.
    Ended,
}

/// The facts of `conversion` with the click that was found.
///
/// Hashes are kept only where the mapping says that they are sent: Microsoft drops them beside a
/// click id where a goal has enhanced conversions off, and refuses a row that has nothing else.
pub fn facts_of(conversion: &Conversion, search: &Credit) -> Facts {
    let (click_id, click) = search.clone().ok().unzip();
    let hash = |hash: Option<Sha256Hash>| hash.filter(|_| conversion.goal.enhanced);
    let facts = Facts {
        fingerprint: conversion.fingerprint(),
        goal: conversion.goal.name.clone(),
        occurred_at: conversion.occurred_at,
        conversion_time: conversion.occurred_at,
        money: conversion.value,
        identity: Identity {
            click_id,
            email: hash(conversion.email),
            phone: hash(conversion.phone),
        },
        click,
        order: conversion.order.clone(),
        references: conversion.references.clone(),
        refused_clicks: Vec::new(),
        consent: conversion.consent,
        erased_at: None,
    };
    Facts { conversion_time: facts.earliest_time(), ..facts }
}

/// `facts` credited to what was found now; the key that they then have at Microsoft must be claimed
/// before they are written. It keeps its second where neither who converted nor the first second that
/// may be sent is another one.
pub fn credited_to(facts: &Facts, search: &Credit) -> Facts {
    let (click_id, click) = search.clone().ok().unzip();
    let identity = Identity { click_id, ..facts.identity.clone() };
    let credited = Facts { identity, click, ..facts.clone() };
    let earliest = credited.earliest_time();
    if credited.identity == facts.identity && earliest == facts.earliest_time() {
        return credited;
    }
    Facts { conversion_time: earliest, ..credited }
}

/// A new row with `facts`; its next step is in `open`, or else a message.
pub fn place(
    conversion: &Conversion, facts: Facts, missing: Option<WaitReason>, context: &Context<'_>,
    retention_days: i64,
) -> (Row, Dispatch) {
    let mut row = new_row(conversion, facts, context.now, retention_days);
    let unmatched = missing.filter(|_| !context.account.can_match(&row.facts));
    let dispatch = dispatch(&mut row, unmatched, context);
    (row, dispatch)
}

/// A new row of a conversion that `by` has got already, by other means and with exactly these
/// `facts`, whose key must be claimed. It is never sent, and nothing drives it until a correction
/// comes: that waits as if Microsoft had taken the conversion `now`, for nobody knows when it did.
pub fn sent_before(
    conversion: &Conversion, facts: Facts, by: Destination, now: EventTime, retention_days: i64,
) -> Row {
    let accepted = Some(Acceptance { at: now, by, tracking_id: None });
    let observed = Observed { accepted, ..Observed::default() };
    let row = new_row(conversion, facts, now, retention_days);
    Row { observed_revision: 1, observed, ..row }
}

fn new_row(conversion: &Conversion, facts: Facts, now: EventTime, retention_days: i64) -> Row {
    let ttl = facts.conversion_time.plus_seconds(retention_days * DAY);
    Row {
        key: conversion.key.clone(),
        account: conversion.account.clone(),
        facts,
        corrections: Vec::new(),
        desired_revision: 1,
        observed_revision: 0,
        observed: Observed::default(),
        open: None,
        recorded_at: now,
        ttl,
    }
}

/// Sets the row's `open`, or its refusal, to what the decision asks for.
fn dispatch(row: &mut Row, missing: Option<WaitReason>, context: &Context<'_>) -> Dispatch {
    match context.next(row) {
        Action::WaitUntil(until, reason) if reason.is_queued() => Dispatch::Message(Some(until)),
        Action::WaitUntil(until, reason) => {
            let reason = missing.unwrap_or(reason);
            row.open = Some(waiting(row, until, reason, context.now));
            Dispatch::Due
        }
        Action::Refuse(reason) => {
            row.observed.refusal = Some(Refusal { at: context.now, reason });
            Dispatch::Ended
        }
        _ => Dispatch::Message(None),
    }
}

/// Whether what a repetition of its event, or another notice of its order, says better may be added
/// to `row`. One that has somebody may be on its way with that identity. One that has nobody can't be
/// sent without a write that conditions on its facts.
pub fn has_nobody(row: &Row) -> bool {
    let (facts, observed) = (&row.facts, &row.observed);
    let is_over = observed.refusal.is_some() || observed.dead_at.is_some() || row.is_erased();
    let is_sent = observed.accepted.is_some() || observed.may_count();
    let has_somebody = facts.click_id().is_some() || facts.identity.has_hashes();
    !(is_over || is_sent || has_somebody)
}

/// The facts of a `row` that [`has_nobody`], with what `conversion`, whose click was found in `search`,
/// says better: a click, hashes, references that it has not. Where its references led to the click,
/// they replace the row's, which led nowhere. `None` if there is nothing to add.
///
/// Where the facts then name somebody, their key at Microsoft must be claimed before they are written.
pub fn improved(row: &Row, conversion: &Conversion, search: &Credit) -> Option<Facts> {
    let facts = &row.facts;
    let new = facts_of(conversion, search);
    let mut better = facts.clone();
    let known = better.references.clone();
    let led = new.click.as_ref().is_some_and(|click| click.from != ClickOrigin::Event);
    better.references = if led { new.references.or(known) } else { known.or(new.references) };
    if new.identity.is_matchable() {
        (better.identity, better.click) = (new.identity, new.click);
        better.conversion_time = better.earliest_time();
    }
    (better != *facts).then_some(better)
}

/// `row` with the order that a repetition of its event names.
pub fn with_order(row: &Row, order: &OrderKey) -> Row {
    let facts = Facts { order: Some(order.clone()), ..row.facts.clone() };
    Row { facts, desired_revision: row.desired_revision + 1, ..row.clone() }
}

/// `row` with [`improved`] facts, due at once.
pub fn with_improved(row: &Row, facts: Facts, now: EventTime) -> Row {
    let open = if facts.click_id().is_some() || facts.identity.has_hashes() {
        IndexClass::Wait.entry(now, now, None)
    } else {
        let reason = row.open.as_ref().and_then(|open| open.reason).unwrap_or(WaitReason::NoClick);
        IndexClass::Look.entry(now, row.recorded_at, Some(reason))
    };
    let desired_revision = row.desired_revision + 1;
    Row { facts, desired_revision, open: Some(open), ..row.clone() }
}

/// Whether `corrections` have this one already.
pub fn has(corrections: &[Correction], correction: &Correction) -> bool {
    corrections.iter().any(|known| known.is(correction))
}

/// Why a correction can't be recorded with this original.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    Currency,
    Account,
    /// The original has as many as it takes.
    TooMany,
}

/// Checks a correction against the original it names.
///
/// # Errors
/// If it doesn't fit.
pub fn check(row: &Row, correction: &Correction) -> Result<(), Unfit> {
    if row.corrections.len() >= MAX_CORRECTIONS {
        return Err(Unfit::TooMany);
    }
    let folded = fold(&row.account, &row.facts, std::slice::from_ref(correction));
    match folded.effects.first() {
        Some(Effect::Refused(CorrectionRefusal::CurrencyMismatch)) => Err(Unfit::Currency),
        Some(Effect::Refused(CorrectionRefusal::AccountMismatch)) => Err(Unfit::Account),
        _ => Ok(()),
    }
}

/// `row` with `correction` in it and the `due` at which it is looked at; no message is needed for it.
///
/// A refused or dead row only records it: those are woken by a redrive. A correction that comes
/// after the last useful moment, or after the person was erased, is recorded as refused. Until the
/// original is accepted that moment counts from the conversion alone: it may still be credited to
/// another click.
pub fn append(row: &Row, mut correction: Correction, context: &Context<'_>) -> Row {
    let mut after = row.clone();
    let is_credited = row.observed.accepted.is_some();
    let limit = if is_credited { row.correction_limit() } else { row.limit() };
    if row.is_erased() {
        correction.refused = Some(CorrectionRefusal::IdentityErased);
    } else if context.now > limit {
        correction.refused = Some(CorrectionRefusal::TooOldForMicrosoft);
    }
    after.corrections.push(correction);
    after.desired_revision += 1;
    let resting = row.observed.refusal.is_some() || row.observed.dead_at.is_some();
    if !resting && !row.is_erased() {
        after.open = due_for(row, &after, context);
    }
    after
}

fn due_for(row: &Row, after: &Row, context: &Context<'_>) -> Option<Open> {
    if row.observed.accepted.is_some() {
        return next_entry(after, context);
    }
    if row.open.is_some() {
        return row.open.clone();
    }
    // Its original is about to be sent: if its message is lost, this brings it back.
    let due = context.now.plus_seconds(context.policy.hour);
    Some(waiting(row, due, WaitReason::SettleDelay, context.now))
}
