//! The one decision: what a row needs now.
//!
//! A pure function of the row, its account, the time and the policy. Whoever holds a signal – new,
//! repeated, late or redriven – asks it again, so no signal can do harm.

use crate::{
    id::GoalName,
    ledger::{
        correction::{Worth, fold},
        facts::Facts,
        observed::{Acceptance, Destination, Kind, Observed, RefusalReason},
        row::Row,
        wait::WaitReason,
    },
    mapping::Account,
    money::Money,
    time::{DAY, EventTime, MAX_AGE},
};

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
    /// What an hour of back-off lasts (3,600; shorter for trying).
    pub hour: i64,
}

impl Policy {
    /// How long a row waits that waits for the same thing the `waits`-th time: 1 h, 6 h, then 24 h.
    #[must_use]
    pub fn back_off(&self, waits: u32) -> i64 {
        self.hour * [1, 6, 24][waits.min(2) as usize]
    }

    /// Two claims of one row lie at least this far apart.
    #[must_use]
    pub fn spacing(&self) -> i64 {
        self.settle_delay + self.run_margin
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
    pub held_goals: Vec<String>,
    /// Goals that take no hashes, as the mapping says or the last check found.
    pub plain_goals: Vec<String>,
}

impl AccountView {
    /// What its mapping says of an account; no more is known to functions that read no item of it.
    #[must_use]
    pub fn mapped(account: &Account) -> Self {
        let plain_goals = account.plain_goals().map(ToString::to_string).collect();
        AccountView { plain_goals, ..AccountView::default() }
    }

    /// Whether Microsoft can match a row with these facts: by its click, or by hashes where its goal
    /// takes them.
    #[must_use]
    pub fn can_match(&self, facts: &Facts) -> bool {
        let identity = &facts.identity;
        identity.click_id.is_some() || (identity.is_matchable() && self.takes_hashes(&facts.goal))
    }

    /// Whether hashes go along to this goal. Elsewhere Microsoft drops them, or refuses a row that
    /// has nothing else.
    #[must_use]
    pub fn takes_hashes(&self, goal: &GoalName) -> bool {
        !self.plain_goals.iter().any(|plain| plain == goal.as_str())
    }
}

/// A correction as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Adjustment {
    /// The absolute net.
    Restate(Money),
    /// Doesn't count any more.
    Retract,
}

impl Adjustment {
    /// Its name.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Adjustment::Restate(_) => Kind::Restate,
            Adjustment::Retract => Kind::Retract,
        }
    }
}

/// What a row needs now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send the original.
    Apply,
    /// Claim and send this correction, with this AdjustmentTime.
    Adjust(Adjustment, EventTime),
    /// Nothing before this time.
    WaitUntil(EventTime, WaitReason),
    /// It can't be sent.
    Refuse(RefusalReason),
    /// Microsoft has what the row wants.
    InSync,
}

/// Decides.
#[must_use]
pub fn next_action(row: &Row, account: &AccountView, now: EventTime, policy: &Policy) -> Action {
    if row.is_erased() {
        return after_erasure(row);
    }
    if let Some(refusal) = &row.observed.refusal {
        return Action::Refuse(refusal.reason.clone());
    }
    let Some(facts) = &row.facts else {
        let reason = WaitReason::OriginalMissing;
        let again = now.plus_seconds(policy.back_off(waited_for(row, reason)));
        return Action::WaitUntil(again, reason);
    };
    match &row.observed.accepted {
        None => before_acceptance(row, facts, account, now, policy),
        Some(accepted) if is_elsewhere(accepted, account) => {
            Action::Refuse(RefusalReason::AcceptedElsewhere)
        }
        Some(accepted) => after_acceptance(row, facts, accepted, account, now, policy),
    }
}

/// Nothing can be said about it to Microsoft any more. Where the original was taken, the row's
/// corrections show what Microsoft was not told.
fn after_erasure(row: &Row) -> Action {
    match row.observed.accepted {
        None => Action::Refuse(RefusalReason::IdentityErased),
        Some(_) => Action::InSync,
    }
}

fn is_elsewhere(accepted: &Acceptance, account: &AccountView) -> bool {
    account.destination.as_ref().is_some_and(|here| *here != accepted.by)
}

/// The last moment at which Microsoft takes anything about this conversion.
fn limit(facts: &Facts) -> EventTime {
    facts.conversion_time.plus_seconds(MAX_AGE)
}

fn before_acceptance(
    row: &Row,
    facts: &Facts,
    account: &AccountView,
    now: EventTime,
    policy: &Policy,
) -> Action {
    if now > limit(facts) {
        // After an attempt without answer nobody knows that it doesn't count.
        return Action::Refuse(match row.observed.apply_unknown {
            true => RefusalReason::MayAlreadyCount,
            false => RefusalReason::Expired,
        });
    }
    // What may have been sent is repeated as it is, whatever the goal takes now.
    let may_repeat = row.observed.apply_unknown && facts.identity.is_matchable();
    if !account.can_match(facts) && !may_repeat {
        let known = row.open.as_ref().and_then(|open| open.reason);
        let reason = known.filter(|reason| reason.is_for_click()).unwrap_or(WaitReason::NoClick);
        return wait_again(row, facts, reason, now, policy);
    }
    if let Some(reason) = held(facts, account) {
        return wait_again(row, facts, reason, now, policy);
    }
    let young = facts.click.as_ref().and_then(|click| click.clicked_at);
    let ripe = young.unwrap_or(facts.conversion_time).plus_seconds(policy.min_click_age);
    let waits = [
        postponed(&row.observed),
        Some((ripe, WaitReason::ClickTooYoung)),
        Some((facts.conversion_time, WaitReason::TimeInFuture)),
    ];
    latest_after(now, waits).unwrap_or(Action::Apply)
}

/// A wait without a moment of its own: looked at again later each time, a last time just past the
/// limit, so that it ends as expired instead of being forgotten.
fn wait_again(
    row: &Row,
    facts: &Facts,
    reason: WaitReason,
    now: EventTime,
    policy: &Policy,
) -> Action {
    let again = now.plus_seconds(policy.back_off(waited_for(row, reason)));
    Action::WaitUntil(again.min(limit(facts).plus_seconds(1)), reason)
}

/// How often it has waited for just this: waits for something else don't make the next look later.
fn waited_for(row: &Row, reason: WaitReason) -> u32 {
    let same = row.open.as_ref().is_some_and(|open| open.reason == Some(reason));
    if same { row.waits } else { 0 }
}

fn held(facts: &Facts, account: &AccountView) -> Option<WaitReason> {
    if account.held {
        return Some(WaitReason::AccountHeld);
    }
    let goal = facts.goal.as_str();
    account.held_goals.iter().any(|held| held == goal).then_some(WaitReason::GoalHeld)
}

fn postponed(observed: &Observed) -> Option<(EventTime, WaitReason)> {
    observed.postponed.map(|postponed| (postponed.until, postponed.reason))
}

fn latest_after<const N: usize>(
    now: EventTime,
    waits: [Option<(EventTime, WaitReason)>; N],
) -> Option<Action> {
    let latest = waits.into_iter().flatten().max_by_key(|(until, _)| *until)?;
    (latest.0 > now).then_some(Action::WaitUntil(latest.0, latest.1))
}

fn after_acceptance(
    row: &Row,
    facts: &Facts,
    accepted: &Acceptance,
    account: &AccountView,
    now: EventTime,
    policy: &Policy,
) -> Action {
    let Some(adjustment) = wanted(row, facts) else {
        return Action::InSync;
    };
    if now > limit(facts) {
        return Action::Refuse(RefusalReason::TooOldForMicrosoft);
    }
    if let Some(reason) = held(facts, account) {
        return wait_again(row, facts, reason, now, policy);
    }
    let time = adjustment_time(&row.observed, facts, now);
    let waits = [
        Some((settled(facts, accepted, policy), WaitReason::SettleDelay)),
        spaced(&row.observed, policy),
        postponed(&row.observed),
        Some((time, WaitReason::BetweenAdjustments)),
    ];
    latest_after(now, waits).unwrap_or(Action::Adjust(adjustment, time))
}

/// The adjustment that would make Microsoft's state the wanted one; none if it is already.
///
/// After a claimed Retract only a Retract can be sent: Microsoft takes no second adjustment after
/// one (`ConversionAlreadyRetracted`). While an outcome is unknown nothing counts as standing.
fn wanted(row: &Row, facts: &Facts) -> Option<Adjustment> {
    let observed = &row.observed;
    let standing = if observed.unsettled { None } else { Some(standing(observed, facts)) };
    let worth = match observed.retract_claimed {
        Some(_) => Worth::Nothing,
        None => fold(&row.account, facts, &row.corrections).worth,
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

/// What is sent once `row` has waited, as far as the row itself can say; `None` if nothing is: for
/// an orphan, or when Microsoft has what the row wants. Refusals are not looked at.
#[must_use]
pub fn after_wait(row: &Row) -> Option<Kind> {
    let facts = row.facts.as_ref()?;
    match row.observed.accepted {
        None => Some(Kind::Apply),
        Some(_) => wanted(row, facts).map(|adjustment| adjustment.kind()),
    }
}

/// What stands at Microsoft, as far as known.
pub(crate) fn standing(observed: &Observed, facts: &Facts) -> Worth {
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

/// One settle delay after acceptance, but never so late that Microsoft would refuse it.
fn settled(facts: &Facts, accepted: &Acceptance, policy: &Policy) -> EventTime {
    let last_call = limit(facts).plus_seconds(-policy.run_margin);
    accepted.at.plus_seconds(policy.settle_delay).min(last_call)
}

/// No two claims closer than this, whatever became of the first: a late one must not land after a
/// newer one.
fn spaced(observed: &Observed, policy: &Policy) -> Option<(EventTime, WaitReason)> {
    let claim = observed.claim.as_ref()?;
    let reason = match observed.unsettled {
        true => WaitReason::RepeatAfterUnknown,
        false => WaitReason::BetweenAdjustments,
    };
    Some((claim.at.plus_seconds(policy.spacing()), reason))
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
/// are left out: they are counted as such; and those by which nobody was ever recognised: most
/// buyers have clicked no ad.
#[must_use]
pub fn is_about_to_expire(row: &Row, now: EventTime) -> bool {
    let wants_something =
        !row.is_erased() && row.observed.refusal.is_none() && after_wait(row).is_some();
    let known = |facts: &&Facts| facts.identity.is_matchable();
    let in_last_days = |facts: &Facts| {
        let limit = limit(facts);
        limit.plus_seconds(-LAST_DAYS) < now && now <= limit
    };
    wants_something && row.facts.as_ref().filter(known).is_some_and(in_last_days)
}

/// Whether an adjustment sent now goes before its settle delay is over, because Microsoft would
/// refuse it afterwards: it may be dropped, without an error, if the original can't be seen yet.
#[must_use]
pub fn is_rushed(row: &Row, now: EventTime, policy: &Policy) -> bool {
    let settled = |accepted: &Acceptance| accepted.at.plus_seconds(policy.settle_delay);
    row.observed.accepted.as_ref().is_some_and(|accepted| settled(accepted) > now)
}
