//! The one decision: what a row needs now.
//!
//! A pure function of the row, its account, the time and the policy. Whoever holds a signal – new,
//! repeated, late or redriven – asks it again, so no signal can do harm.

use crate::id::GoalName;
use crate::ledger::correction::{Worth, fold};
use crate::ledger::facts::Facts;
use crate::ledger::index::IndexClass;
use crate::ledger::observed::{Acceptance, Adjustment, Destination, Kind, Observed, RefusalReason};
use crate::ledger::row::Row;
use crate::ledger::wait::WaitReason;
use crate::money::Money;
use crate::time::{DAY, EventTime};

/// The waits of this deployment, in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// From acceptance to the first correction. Microsoft shows a conversion after up to 6 hours
    /// and drops, without an error, an adjustment whose original it can't see yet.
    pub settle_delay: i64,
    /// Longer than any run of the function, a frozen one included.
    pub run_margin: i64,
    /// From click to upload; younger clicks may not be found by Microsoft.
    pub min_click_age: i64,
    /// What an hour of waiting lasts (3,600; shorter for trying).
    pub hour: i64,
}

/// When a click is looked for after the row was recorded, in hours.
const LOOKS: [i64; 5] = [1, 6, 48, 240, 960];

impl Policy {
    /// Two claims of adjustments of one row lie at least this far apart.
    pub fn spacing(&self) -> i64 {
        self.settle_delay + self.run_margin
    }

    /// How long a claim without an outcome keeps other runs, and its message in the queue: longer than
    /// any run, shorter than the time after which the message is received again.
    pub fn claim_rest(&self) -> i64 {
        self.run_margin * 2 / 3
    }

    /// When a click is next looked for, for a row that was recorded at `since` and can be sent until
    /// `limit`: after 1 h, 6 h, 2 d, 10 d and 40 d, and a last time a day before the limit. `None`
    /// after that.
    pub fn next_look(
        &self, since: EventTime, limit: EventTime, now: EventTime,
    ) -> Option<EventTime> {
        let last = limit.plus_seconds(-24 * self.hour);
        let next = LOOKS.iter().map(|hours| since.plus_seconds(hours * self.hour));
        let next = next.into_iter().find(|at| *at > now).unwrap_or(last).min(last);
        (next > now).then_some(next)
    }
}

/// What the decision must know of the account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountView {
    /// Where it uploads to now; unknown to functions that may not read its secret.
    pub destination: Option<Destination>,
    /// A check found fault with the account.
    pub held: bool,
    /// Goals in which a check found fault.
    pub held_goals: Vec<GoalName>,
    /// Goals that take no hashes, as the last check found.
    pub goals_without_hashes: Vec<GoalName>,
}

impl AccountView {
    /// Whether Microsoft can match a row with these facts: by its click, or by hashes where its goal
    /// takes them.
    pub fn can_match(&self, facts: &Facts) -> bool {
        let identity = &facts.identity;
        let takes_hashes = !self.goals_without_hashes.contains(&facts.goal);
        let clicked = facts.click_id().is_some();
        clicked || (identity.has_hashes() && takes_hashes)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Apply,
    /// Claim and send this correction, with this AdjustmentTime.
    Adjust(Adjustment, EventTime),
    WaitUntil(EventTime, WaitReason),
    Refuse(RefusalReason),
    InSync,
}

/// Decides what `row` needs at `now`.
///
/// A row without acceptance is applied, with its original value; an accepted one is compared with
/// its net and restated or retracted. Before anything is decided on an original that was never sent,
/// its click must have been looked for anew ([`super::attribution`]).
pub fn next_action(row: &Row, account: &AccountView, now: EventTime, policy: &Policy) -> Action {
    if row.is_erased() {
        return after_erasure(row);
    }
    if let Some(refusal) = &row.observed.refusal {
        return Action::Refuse(refusal.reason.clone());
    }
    match &row.observed.accepted {
        None => before_acceptance(row, account, now, policy),
        Some(accepted) if is_other(&accepted.by, account) => {
            Action::Refuse(RefusalReason::AcceptedElsewhere)
        }
        Some(accepted) => after_acceptance(row, accepted, account, now, policy),
    }
}

/// Nothing can be said about it to Microsoft any more. Where the original was taken, the row's
/// corrections show what Microsoft does not know.
fn after_erasure(row: &Row) -> Action {
    match row.observed.accepted {
        None if row.observed.may_count() => Action::Refuse(RefusalReason::MayAlreadyCount),
        None => Action::Refuse(RefusalReason::IdentityErased),
        Some(_) => Action::InSync,
    }
}

/// Until when another run may be sending `row`, or noting what became of it; `None` if nobody is.
///
/// SQS may deliver a message twice. If the attempt is refused, its message becomes the dead-letter
/// message, so another run that has received it must not delete it before.
pub fn busy_until(row: &Row, now: EventTime, policy: &Policy) -> Option<EventTime> {
    let over = row.observed.attempting()?.plus_seconds(policy.claim_rest());
    (over > now).then_some(over)
}

fn is_other(destination: &Destination, account: &AccountView) -> bool {
    account.destination.as_ref().is_some_and(|here| here != destination)
}

fn before_acceptance(row: &Row, account: &AccountView, now: EventTime, policy: &Policy) -> Action {
    let (facts, observed) = (&row.facts, &row.observed);
    let attempt_over = observed.applying.map(|at| at.plus_seconds(policy.claim_rest()));
    if let Some(over) = attempt_over.filter(|over| *over > now) {
        return Action::WaitUntil(over, WaitReason::AttemptRunning);
    }
    if now > row.limit() {
        return Action::Refuse(end_of(row));
    }
    // An attempt without an answer may count where it was sent: it must not count here as well.
    if observed.may_count() && observed.sent_to.as_ref().is_some_and(|to| is_other(to, account)) {
        return Action::Refuse(RefusalReason::AcceptedElsewhere);
    }
    // What may have been sent is repeated as it is, whatever its goal takes now.
    let may_repeat = observed.may_count() && facts.identity.is_matchable();
    if !account.can_match(facts) && !may_repeat {
        return look(row, now, policy);
    }
    if let Some(reason) = held(facts, account) {
        return Action::WaitUntil(now.plus_seconds(policy.hour), reason);
    }
    let clicked_at = facts.click.as_ref().and_then(|click| click.clicked_at);
    let ripe = clicked_at.unwrap_or(facts.conversion_time).plus_seconds(policy.min_click_age);
    let waits = [
        postponed(observed),
        Some((ripe, WaitReason::ClickTooYoung)),
        Some((facts.conversion_time, WaitReason::TimeInFuture)),
    ];
    latest_after(now, waits).unwrap_or(Action::Apply)
}

/// How a row ends that was not taken in time.
fn end_of(row: &Row) -> RefusalReason {
    if row.observed.may_count() {
        RefusalReason::MayAlreadyCount
    } else if row.facts.identity.is_matchable() {
        RefusalReason::Expired
    } else {
        RefusalReason::Unmatched
    }
}

/// Nobody is recognised: a click is looked for later, or it was looked for a last time.
fn look(row: &Row, now: EventTime, policy: &Policy) -> Action {
    let known = row.open.as_ref().and_then(|open| open.reason);
    let reason = known.filter(|reason| reason.is_for_click()).unwrap_or(WaitReason::NoClick);
    match policy.next_look(row.recorded_at, row.limit(), now) {
        Some(next) => Action::WaitUntil(next, reason),
        None => Action::Refuse(end_of(row)),
    }
}

fn held(facts: &Facts, account: &AccountView) -> Option<WaitReason> {
    if account.held {
        return Some(WaitReason::AccountHeld);
    }
    account.held_goals.contains(&facts.goal).then_some(WaitReason::GoalHeld)
}

fn postponed(observed: &Observed) -> Option<(EventTime, WaitReason)> {
    observed.postponed.map(|postponed| (postponed.until, postponed.reason))
}

fn latest_after<const N: usize>(
    now: EventTime, waits: [Option<(EventTime, WaitReason)>; N],
) -> Option<Action> {
    let latest = waits.into_iter().flatten().max_by_key(|(until, _)| *until)?;
    (latest.0 > now).then_some(Action::WaitUntil(latest.0, latest.1))
}

fn after_acceptance(
    row: &Row, accepted: &Acceptance, account: &AccountView, now: EventTime, policy: &Policy,
) -> Action {
    let Some(adjustment) = wanted(row) else {
        return Action::InSync;
    };
    if now > row.correction_limit() {
        return Action::Refuse(RefusalReason::TooOldForMicrosoft);
    }
    if let Some(reason) = held(&row.facts, account) {
        return Action::WaitUntil(now.plus_seconds(policy.hour), reason);
    }
    let time = adjustment_time(&row.observed, &row.facts, now);
    let waits = [
        Some((settled(row, accepted, policy), WaitReason::SettleDelay)),
        spaced(row, now, policy),
        postponed(&row.observed),
        Some((time, WaitReason::BetweenAdjustments)),
    ];
    latest_after(now, waits).unwrap_or(Action::Adjust(adjustment, time))
}

/// The adjustment that would make Microsoft's state the wanted one; none if it is already. While an
/// outcome is unknown nothing counts as being there.
fn wanted(row: &Row) -> Option<Adjustment> {
    let (observed, facts) = (&row.observed, &row.facts);
    let standing = (!observed.unsettled).then(|| standing(observed, facts));
    let worth = if observed.is_retract_claimed() {
        Worth::Nothing
    } else {
        fold(&row.account, facts, &row.corrections).worth
    };
    if standing.as_ref() == Some(&worth) {
        return None;
    }
    match (worth, &facts.money) {
        (Worth::Nothing, _) => Some(Adjustment::Retract),
        (Worth::Net(net), _) => Some(Adjustment::Restate(net)),
        (Worth::Original, Some(money)) => Some(Adjustment::Restate(*money)),
        // A goal without value has nothing to restate.
        (Worth::Original, None) => None,
    }
}

/// What is sent once `row` has waited, as far as the row itself can say; `None` when Microsoft has
/// what the row wants. Refusals are not looked at.
pub fn after_wait(row: &Row) -> Option<Kind> {
    match row.observed.accepted {
        None => Some(Kind::Apply),
        Some(_) => wanted(row).map(|adjustment| adjustment.kind()),
    }
}

/// What Microsoft has, as far as known.
fn standing(observed: &Observed, facts: &Facts) -> Worth {
    match (&observed.adjusted, &facts.money) {
        (None, _) => Worth::Original,
        (Some(adjusted), Some(original)) => match &adjusted.value {
            None => Worth::Nothing,
            Some(value) if *value == original.amount => Worth::Original,
            Some(value) => Worth::Net(Money { amount: *value, currency: original.currency }),
        },
        (Some(_), None) => Worth::Nothing,
    }
}

/// The latest moment at which an adjustment is sent: a run's length before Microsoft would drop it.
fn last_call(row: &Row, policy: &Policy) -> EventTime {
    row.correction_limit().plus_seconds(-policy.run_margin)
}

/// One settle delay after acceptance, but never so late that Microsoft would drop it.
fn settled(row: &Row, accepted: &Acceptance, policy: &Policy) -> EventTime {
    accepted.at.plus_seconds(policy.settle_delay).min(last_call(row, policy))
}

/// No two claims are closer than this, whatever became of the first: a late one must not arrive
/// after a newer one. Near the end the length of a run is enough.
fn spaced(row: &Row, now: EventTime, policy: &Policy) -> Option<(EventTime, WaitReason)> {
    let claim = row.observed.claim.as_ref()?;
    let may_be_running = now < claim.at.plus_seconds(policy.run_margin);
    let reason = if claim.unanswered || (row.observed.unsettled && !may_be_running) {
        WaitReason::RepeatAfterUnknown
    } else {
        WaitReason::BetweenAdjustments
    };
    let full = claim.at.plus_seconds(policy.spacing());
    let short = claim.at.plus_seconds(policy.run_margin);
    let until = if full > last_call(row, policy) { short } else { full };
    Some((until, reason))
}

/// The moment of the claim, raised above the conversion and the last adjustment: Microsoft orders
/// adjustments by it and refuses one that is not later than the conversion.
fn adjustment_time(observed: &Observed, facts: &Facts, now: EventTime) -> EventTime {
    let after_conversion = facts.conversion_time.plus_seconds(1);
    let after_last = observed.claim.as_ref().map(|claim| claim.adjustment_time.plus_seconds(1));
    now.max(after_conversion).max(after_last.unwrap_or(now))
}

/// An audit a week sees every row at least once within its last days.
const LAST_DAYS: i64 = 8 * DAY;

/// Whether the row can soon be sent no more, and Microsoft doesn't have what it wants. Refused rows
/// are left out: they are counted as such; and those for which a click is still looked for, also
/// where they have hashes that their goal doesn't take: most buyers have clicked no ad.
pub fn is_about_to_expire(row: &Row, now: EventTime) -> bool {
    let is_looked_for = row.open.as_ref().is_some_and(|open| open.class == IndexClass::Look);
    let wants_something =
        !row.is_erased() && row.observed.refusal.is_none() && after_wait(row).is_some();
    let limit = if row.observed.accepted.is_some() { row.correction_limit() } else { row.limit() };
    let in_last_days = limit.plus_seconds(-LAST_DAYS) < now && now <= limit;
    wants_something && row.facts.identity.is_matchable() && !is_looked_for && in_last_days
}

/// Whether an adjustment sent now is sent before its settle delay is over, because Microsoft would
/// drop it afterwards: it may be dropped as well if the original can't be seen yet.
pub fn is_rushed(row: &Row, now: EventTime, policy: &Policy) -> bool {
    let settled = |accepted: &Acceptance| accepted.at.plus_seconds(policy.settle_delay);
    row.observed.accepted.as_ref().is_some_and(|accepted| settled(accepted) > now)
}
