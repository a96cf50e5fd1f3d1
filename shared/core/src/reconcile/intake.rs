//! From a confirmed event to a row of the ledger.

use crate::{
    event::{Conversion, Correction as CorrectionEvent, CorrectionKind},
    ledger::{
        correction::{Change, Correction, CorrectionRefusal, Effect, MAX_CORRECTIONS, fold},
        facts::Facts,
        index::{IndexClass, Open},
        observed::Observed,
        row::{Row, RowKey},
        wait::WaitReason,
    },
    person::identity::Identity,
    reconcile::{
        decide::{AccountView, Action},
        note::{Context, next_entry},
    },
    time::{EventTime, MAX_AGE},
};

pub use crate::reconcile::attribution::Credit as ClickSearch;

/// How a row gets on after it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dispatch {
    /// By a message, not before this time.
    Message(Option<EventTime>),
    /// By its `due`.
    Due,
}

/// The key of the row that `conversion` owns.
#[must_use]
pub fn key_of(conversion: &Conversion) -> RowKey {
    RowKey {
        source: conversion.source.clone(),
        event_id: conversion.event_id.clone(),
        event: conversion.event.clone(),
    }
}

/// The facts of `conversion` with the click that was found.
///
/// Hashes are kept whether the goal takes them or not: that is looked at when the row is sent, and
/// may have changed by then ([`without_hashes`]).
#[must_use]
pub fn facts_of(conversion: &Conversion, search: &ClickSearch) -> Facts {
    let (click_id, click) = search.click().unzip();
    Facts {
        fingerprint: conversion.fingerprint().to_string(),
        goal: conversion.goal.name.clone(),
        occurred_at: conversion.occurred_at,
        conversion_time: conversion.occurred_at,
        money: conversion.value,
        identity: Identity { click_id, email: conversion.email, phone: conversion.phone },
        bare: false,
        click,
        references: conversion.references.clone(),
        consent: Some(conversion.consent),
        erased_at: None,
    }
}

/// A new row with `facts`, or the orphan that waited for them; its next step is in `open`, or else
/// a message.
#[must_use]
pub fn place(
    conversion: &Conversion,
    facts: Facts,
    orphan: Option<&Row>,
    missing: Option<WaitReason>,
    context: &Context<'_>,
    retention_days: i64,
) -> (Row, Dispatch) {
    let ttl = facts.conversion_time.plus_seconds(retention_days * crate::time::DAY);
    let mut row = Row {
        key: key_of(conversion),
        account: conversion.account.clone(),
        facts: Some(facts),
        corrections: orphan.map(|row| row.corrections.clone()).unwrap_or_default(),
        desired_revision: orphan.map_or(1, |row| row.desired_revision + 1),
        observed_revision: orphan.map_or(0, |row| row.observed_revision),
        // An orphan that was given up stays refused until the signal sent now lifts that.
        observed: orphan.map(|row| row.observed.clone()).unwrap_or_default(),
        open: None,
        waits: 0,
        recorded_at: Some(context.now),
        ttl: Some(ttl),
    };
    let unmatched = missing.filter(|_| !can_match(&row, context));
    let dispatch = dispatch(&mut row, unmatched, context);
    (row, dispatch)
}

fn can_match(row: &Row, context: &Context<'_>) -> bool {
    row.facts.as_ref().is_some_and(|facts| context.account.can_match(facts))
}

/// Sets the row's `open` to what the decision asks for.
fn dispatch(row: &mut Row, missing: Option<WaitReason>, context: &Context<'_>) -> Dispatch {
    let Action::WaitUntil(until, reason) = context.next(row) else {
        return Dispatch::Message(None);
    };
    if reason == WaitReason::ClickTooYoung {
        return Dispatch::Message(Some(until));
    }
    let reason = missing.unwrap_or(reason);
    row.open = Some(IndexClass::of_wait(row, reason).entry(&row.key, until, Some(reason)));
    row.waits = 1;
    Dispatch::Due
}

/// A waiting row with the click that was found meanwhile. The key it now has at Microsoft must be
/// claimed before it is written.
#[must_use]
pub fn bind(row: &Row, search: &ClickSearch, conversion_time: EventTime) -> Row {
    let (click_id, click) = search.click().unzip();
    let mut bound = row.clone();
    bound.desired_revision += 1;
    if let Some(facts) = &mut bound.facts {
        facts.identity.click_id = click_id;
        facts.bare = false;
        facts.click = click;
        facts.conversion_time = conversion_time;
    }
    bound
}

/// A row whose click was deleted while it waited, without that click: as if none had been found. The
/// hashes stay; the key that the row then has at Microsoft must be claimed before it is written.
#[must_use]
pub fn unbind(row: &Row, context: &Context<'_>) -> Row {
    let mut unbound = row.clone();
    unbound.desired_revision += 1;
    if let Some(facts) = &mut unbound.facts {
        facts.identity.click_id = None;
        facts.bare = false;
        facts.click = None;
        facts.conversion_time = facts.occurred_at;
    }
    if !can_match(&unbound, context) {
        let reason = WaitReason::NoClick;
        let class = IndexClass::of_wait(&unbound, reason);
        unbound.open = Some(class.entry(&row.key, context.now, Some(reason)));
        unbound.waits = 0;
    }
    unbound
}

/// A row that is about to be sent, to be sent without the hashes that its goal doesn't take; `None`
/// if they go along, or stay behind already.
///
/// The click id is enough, and alone it is the row's key. What Microsoft took, or may have taken,
/// keeps its identity whatever the goal takes now: repetitions and corrections must name the same.
#[must_use]
pub fn without_hashes(row: &Row, account: &AccountView) -> Option<Row> {
    let facts = row.facts.as_ref()?;
    let perhaps_taken = row.observed.accepted.is_some() || row.observed.apply_unknown;
    let hashed = facts.identity.has_hashes() && !facts.bare;
    let bare = facts.identity.click_id.is_some() && !account.takes_hashes(&facts.goal);
    if perhaps_taken || !hashed || !bare {
        return None;
    }
    let mut after = row.clone();
    after.desired_revision += 1;
    after.facts = Some(Facts { bare: true, ..facts.clone() });
    Some(after)
}

/// A correction as it is recorded at `now`.
#[must_use]
pub fn recorded(event: &CorrectionEvent, now: EventTime) -> Correction {
    let change = match event.kind {
        CorrectionKind::Refund(money) => Change {
            amount: Some(money.amount),
            currency: Some(money.currency),
            ..Change::default()
        },
        CorrectionKind::Restatement(money) => Change {
            new_value: Some(money.amount),
            currency: Some(money.currency),
            ..Change::default()
        },
        CorrectionKind::Full => Change::default(),
    };
    Correction {
        source: event.source.clone(),
        event_id: event.event_id.clone(),
        occurred_at: event.occurred_at,
        recorded_at: now,
        names_event: event.original.event.is_some(),
        account: event.account.clone(),
        change,
        refused: None,
    }
}

/// Whether `row` has this correction already.
#[must_use]
pub fn has(row: &Row, correction: &Correction) -> bool {
    row.corrections
        .iter()
        .any(|known| known.source == correction.source && known.event_id == correction.event_id)
}

/// Why a correction can't be recorded with this original.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It is in another currency.
    Currency,
    /// It names another account.
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
    let Some(facts) = &row.facts else { return Ok(()) };
    let folded = fold(&row.account, facts, std::slice::from_ref(correction));
    match folded.effects.first() {
        Some(Effect::Refused(CorrectionRefusal::CurrencyMismatch)) => Err(Unfit::Currency),
        Some(Effect::Refused(CorrectionRefusal::AccountMismatch)) => Err(Unfit::Account),
        _ => Ok(()),
    }
}

/// `row` with `correction` in it and the `due` at which it goes; no message is needed for it.
///
/// A refused or dead row only records it: those are woken by a redrive. A correction that comes
/// later than 90 days after the conversion, or after the person was erased, is recorded as refused.
#[must_use]
pub fn append(row: &Row, mut correction: Correction, context: &Context<'_>) -> Row {
    let mut after = row.clone();
    let too_old = |facts: &Facts| context.now > facts.conversion_time.plus_seconds(MAX_AGE);
    if row.is_erased() {
        correction.refused = Some(CorrectionRefusal::IdentityErased);
    } else if row.facts.as_ref().is_some_and(too_old) {
        correction.refused = Some(CorrectionRefusal::TooOldForMicrosoft);
    }
    after.corrections.push(correction);
    after.desired_revision += 1;
    let resting = row.observed.refusal.is_some() || row.observed.dead_at.is_some();
    if !resting && !row.is_erased() {
        (after.open, after.waits) = due_for(row, &after, context);
    }
    after
}

fn due_for(row: &Row, after: &Row, context: &Context<'_>) -> (Option<Open>, u32) {
    if row.facts.is_none() || (row.observed.accepted.is_none() && row.open.is_some()) {
        return (row.open.clone(), row.waits);
    }
    if row.observed.accepted.is_some() {
        return next_entry(after, context);
    }
    // On its way: if its message is lost, this brings it back.
    let due = context.now.plus_seconds(context.policy.settle_delay);
    (Some(IndexClass::Wait.entry(&row.key, due, Some(WaitReason::SettleDelay))), 1)
}

/// The row that corrections wait in until their original comes.
#[must_use]
pub fn orphan(
    key: RowKey,
    event: &CorrectionEvent,
    account: &crate::id::AccountName,
    context: &Context<'_>,
) -> Row {
    let due = context.now.plus_seconds(context.policy.back_off(0));
    let open = IndexClass::Orphan.entry(&key, due, Some(WaitReason::OriginalMissing));
    Row {
        key,
        account: account.clone(),
        facts: None,
        corrections: vec![recorded(event, context.now)],
        desired_revision: 1,
        observed_revision: 0,
        observed: Observed::default(),
        open: Some(open),
        waits: 1,
        recorded_at: Some(context.now),
        ttl: None,
    }
}
