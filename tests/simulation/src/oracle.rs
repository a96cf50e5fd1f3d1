//! What must hold in the end: Microsoft counts exactly what the order log says, and whatever it
//! doesn't is explained by a reason that the design admits.

mod ended;
mod places;
mod whole;

use std::collections::BTreeMap;

pub use ended::check_sent;

use tracklayer_core::{
    ledger::{
        correction::{Correction, CorrectionRefusal, Effect},
        observed::RefusalReason,
        row::{Row, RowKey},
        signal::Signal,
    },
    microsoft::payload::OfflineConversion,
    reconcile::{
        decide::{AccountView, Action, next_action},
        state::{corrections, value_at_microsoft},
    },
    time::MAX_AGE,
};

use crate::{
    microsoft::{Counted, PIPELINE, Sent, decimal, thousandths},
    plan::{Change, Fix, GoalTrouble, Order},
    world::{Heard, Invocation, World, policy},
};

/// Something that must not happen and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule it breaks.
    pub rule: &'static str,
    /// The row, by source and id.
    pub row: String,
    /// What happened.
    pub what: String,
}

/// How often the admitted exceptions were needed.
pub type Exceptions = BTreeMap<&'static str, u32>;

/// What Microsoft knows the row's conversion by; nothing of an orphan.
#[must_use]
pub fn person_of(row: &Row) -> Option<String> {
    let json = serde_json::to_string(&OfflineConversion::new(row.facts.as_ref()?)).expect("JSON");
    let sent = serde_json::from_str::<Sent>(&json).expect("a row");
    Some(sent.addressed(row.account.as_str(), "").person())
}

/// The row of a message, by source and id.
#[must_use]
pub fn label_of(body: &str) -> String {
    Signal::parse(body).map_or_else(|_| "-".to_owned(), |signal| signal.key().label())
}

fn key_of(order: &Order) -> RowKey {
    RowKey {
        source: order.source.parse().expect("a source"),
        event_id: order.id.parse().expect("an id"),
        event: order.event.parse().expect("an event"),
    }
}

/// Whether the ledger has the original.
#[must_use]
pub fn is_recorded(world: &World, order: &Order) -> bool {
    let table = world.table.borrow();
    table.rows.get(&key_of(order)).is_some_and(|row| row.facts.is_some())
}

/// Whether the order's row has this correction.
#[must_use]
pub fn has_correction(world: &World, order: &Order, fix: &Fix) -> bool {
    let table = world.table.borrow();
    let row = table.rows.get(&key_of(order));
    row.is_some_and(|row| row.corrections.iter().any(|known| is(known, fix)))
}

/// What Microsoft knows the order by, once it is recorded.
#[must_use]
pub fn person_of_order(world: &World, order: &Order) -> Option<String> {
    let table = world.table.borrow();
    table.person_of(table.rows.get(&key_of(order))?)
}

/// Whether the original may be older than 90 days when it gets through the door.
#[must_use]
pub fn may_be_too_old(world: &World, order: &Order) -> bool {
    order.occurred + MAX_AGE < world.plan.calm_at + 86_400
}

/// Whether nobody has anything to do.
#[must_use]
pub fn is_quiet(world: &World) -> bool {
    world.posting.get() == 0
        && world.running.get() == 0
        && world.queue.borrow().messages.is_empty()
        && world.table.borrow().next_due().is_none()
        && !world.table.borrow().is_erasing()
}

/// Whether a row wants something and nothing drives it, not even a dead letter. The audit must not be
/// needed but for a lost message, or a request that died after the row and before the message and was
/// refused as too old when it was repeated.
#[must_use]
pub fn is_waiting_for_audit(world: &World) -> bool {
    let account = AccountView::default();
    let queue = world.queue.borrow();
    let has_letter = |row: &Row| queue.dead.iter().any(|m| label_of(&m.body) == row.key.label());
    let forgotten = |row: &Row| {
        let resting = row.observed.refusal.is_some() || row.observed.dead_at.is_some();
        let next = next_action(row, &account, world.now(), &policy());
        let wants = next != Action::InSync && !row.is_erased();
        !resting && row.open.is_none() && wants && !has_letter(row)
    };
    let table = world.table.borrow();
    let Some(row) = table.rows.values().find(|row| forgotten(row)) else { return false };
    let is_too_old = |row: &Row| {
        let time = row.facts.as_ref().map(|facts| facts.conversion_time.plus_seconds(MAX_AGE));
        row.observed_revision == 0 && time.is_some_and(|limit| limit < world.now())
    };
    if world.plan.faults.vanished == 0 && !is_too_old(row) {
        let what = format!("nothing drives it: {row:?}");
        world.violated("nothing is forgotten", row.key.label(), what);
    }
    true
}

/// What Microsoft counts now.
#[must_use]
pub fn at_microsoft(world: &World) -> Vec<String> {
    let mut microsoft = world.microsoft.borrow_mut();
    microsoft.pass(world.now_ms() / 1_000);
    microsoft.counted.iter().map(|counted| format!("{counted:?}")).collect()
}

/// A run that has ended by itself, without trouble with AWS, has written down what it heard.
pub fn check_heard(world: &World, invocation: &Invocation) {
    if invocation.hampered.get() {
        return;
    }
    let table = world.table.borrow();
    for (person, heard) in invocation.heard.borrow().iter() {
        let is = |row: &&Row| table.person_of(row).as_ref() == Some(person);
        let Some(row) = table.rows.values().find(is) else { continue };
        let noted = match heard {
            Heard::Taken => row.observed.accepted.is_some(),
            Heard::Perhaps => row.observed.accepted.is_some() || row.observed.apply_unknown,
        };
        if !noted {
            let what = format!("{} has heard: {heard:?}, which is not noted", invocation.name);
            world.violated("no outcome is thrown away", row.key.label(), what);
        }
    }
}

/// Looks at everything once the history is over.
pub fn judge(world: &World) -> Exceptions {
    let mut exceptions = Exceptions::new();
    world.microsoft.borrow_mut().pass(world.now_ms() / 1_000);
    for order in &world.plan.orders {
        let row = world.table.borrow().rows.get(&key_of(order)).cloned();
        let person = |row: &Row| world.table.borrow().person_of(row);
        match row.and_then(|row| Some((person(&row)?, row))) {
            None if may_be_too_old(world, order) => {
                *exceptions.entry("older than 90 days at the door").or_default() += 1;
            }
            None => world.violated("nothing is lost", label(order), "no row"),
            Some((person, row)) => Case { world, order, row, person }.judge(&mut exceptions),
        }
    }
    whole::check_strangers(world);
    whole::check_microsoft(world);
    whole::check_claims(world);
    ended::check_erasures(world);
    exceptions
}

fn label(order: &Order) -> String {
    format!("{}/{}", order.source, order.id)
}

/// One order, its row, and what Microsoft knows it by.
struct Case<'a> {
    world: &'a World,
    order: &'a Order,
    row: Row,
    person: String,
}

impl Case<'_> {
    fn judge(&self, exceptions: &mut Exceptions) {
        let mut admit = |what: &'static str| *exceptions.entry(what).or_default() += 1;
        let counted = self.counted();
        let observed = &self.row.observed;
        self.check_corrections();
        if observed.dead_at.is_some() && !self.row.is_erased() {
            return self.violated("every row is explained", "dead, though all was redriven");
        }
        let counted = match self.settle_places(counted, &mut admit) {
            Ok(counted) => counted,
            Err(broken) => return self.violated("nothing counts twice", &broken),
        };
        if counted.len() > 1 {
            return match self.is_admitted_double(&counted) {
                true => admit("twice: died before writing, refused by name, replaced in between"),
                false => self.violated("nothing counts twice", &format!("{counted:?}")),
            };
        }
        if self.row.is_erased() {
            return self.judge_ended(counted.first(), &mut admit);
        }
        match (&observed.accepted, &observed.refusal, counted.first()) {
            (Some(_), _, None) => self.violated("nothing is lost", "accepted, not counted"),
            (Some(_), None, Some(counted)) => self.compare(counted, &mut admit),
            (Some(_), Some(refusal), Some(counted)) => {
                self.check_standing(counted);
                self.explain(&refusal.reason, &mut admit);
            }
            (None, Some(refusal), counted) => {
                self.explain_missing(&refusal.reason, counted, &mut admit);
            }
            (None, None, _) => {
                self.violated("every row is explained", "neither accepted nor refused");
            }
        }
    }

    /// Every correction is in the row, once; in another currency it may have been refused.
    fn check_corrections(&self) {
        for fix in &self.order.corrections {
            let times = self.row.corrections.iter().filter(|known| is(known, fix)).count();
            if times > 1 || (times == 0 && !fix.other_currency) {
                let what = format!("the correction {} is there {times} times", fix.id);
                self.violated("every correction counts once", &what);
            }
        }
    }

    fn counted(&self) -> Vec<Counted> {
        let microsoft = self.world.microsoft.borrow();
        microsoft.counted.iter().filter(|known| known.person == self.person).cloned().collect()
    }

    fn violated(&self, rule: &'static str, what: &str) {
        let row = serde_json::to_string(&self.row.observed).unwrap_or_default();
        self.world.violated(rule, self.row.key.label(), format!("{what}; {row}"));
    }

    /// The one that is left over: its goal was replaced by another after a taken Apply of which
    /// nothing was written, and the next attempt was refused by name.
    fn is_admitted_double(&self, counted: &[Counted]) -> bool {
        let renamed = self.world.table.borrow().renamed.contains_key(&self.row.key);
        let replaced = matches!(self.world.plan.goal, GoalTrouble::Replaced { .. });
        renamed && replaced && counted.len() == 2 && self.world.is_untold(&counted[0].by)
    }

    fn explain(&self, reason: &RefusalReason, admit: &mut impl FnMut(&'static str)) {
        let moved = matches!(
            self.world.plan.goal,
            GoalTrouble::Renamed { .. } | GoalTrouble::Replaced { .. }
        );
        let facts = self.row.facts.as_ref();
        let late = facts
            .is_some_and(|facts| self.world.now() > facts.conversion_time.plus_seconds(MAX_AGE));
        match reason {
            RefusalReason::AcceptedElsewhere if self.is_left_behind() => {
                admit("a correction of what was accepted elsewhere");
            }
            RefusalReason::Microsoft { code: Some(5606), .. } if moved => {
                admit("a correction of a goal that has another name now");
            }
            RefusalReason::TooOldForMicrosoft if late => {
                admit("a correction that could not be sent within 90 days");
            }
            RefusalReason::Microsoft { code: Some(5623), .. } if late => {
                admit("a correction that could not be sent within 90 days");
            }
            other => self.violated("every row is explained", &format!("refused: {other}")),
        }
    }

    fn explain_missing(
        &self,
        reason: &RefusalReason,
        counted: Option<&Counted>,
        admit: &mut impl FnMut(&'static str),
    ) {
        let late =
            self.row.facts.as_ref().is_some_and(|facts| {
                self.world.now() > facts.conversion_time.plus_seconds(MAX_AGE)
            });
        match (reason, counted) {
            (RefusalReason::MayAlreadyCount, Some(_)) => {
                admit("may already count, and does");
            }
            (RefusalReason::Expired, Some(_)) if late && self.row.observed.apply_unknown => {
                admit("older than 90 days, after an attempt whose outcome is unknown");
            }
            (RefusalReason::MayAlreadyCount, None) => admit("may already count, but doesn't"),
            (RefusalReason::Expired, None) if late => {
                admit("older than 90 days before it was taken")
            }
            (RefusalReason::Microsoft { code: Some(5609), .. }, None) if late => {
                admit("older than 90 days before it was taken");
            }
            (RefusalReason::Expired | RefusalReason::Microsoft { .. }, Some(counted))
                if late && self.world.is_untold(&counted.by) =>
            {
                admit("older than 90 days, taken by a run that could not write");
            }
            (RefusalReason::Microsoft { .. }, None) if late => {
                admit("older than 90 days before it was taken");
            }
            (other, _) => self.violated("every row is explained", &format!("refused: {other}")),
        }
    }

    fn compare(&self, counted: &Counted, admit: &mut impl FnMut(&'static str)) {
        let (net, late) = self.net();
        if late {
            admit("a correction that came later than 90 days after the conversion");
        }
        let nothing = match net {
            Net::Value(net) => net <= 0,
            Net::NoValue { taken_back } => taken_back,
        };
        let expected = match net {
            Net::Value(net) => Some(net),
            Net::NoValue { .. } => None,
        };
        let retract_claimed = self.row.observed.retract_claimed.is_some();
        let right = match nothing || retract_claimed {
            true => counted.retracted,
            false => !counted.retracted && counted.value == expected && counted.has_currency(),
        };
        if right {
            if retract_claimed && !nothing {
                self.check_revived();
                admit("worth something again after a Retract was sent");
            }
            return;
        }
        match self.is_admitted_drop() {
            true => admit("sent at the 90-day limit, before its original showed"),
            false => {
                let says = expected.map_or_else(|| "-".to_owned(), decimal);
                let nothing = if nothing { "retracted" } else { "counted" };
                let what = format!("the log says {says} ({nothing}), Microsoft {counted:?}");
                self.violated("the money is right", &what);
            }
        }
    }

    /// Where a correction was refused, Microsoft still has what the row says it has – unless an
    /// adjustment is in doubt, or was dropped without a word.
    fn check_standing(&self, counted: &Counted) {
        let observed = &self.row.observed;
        let retracted = observed.adjusted.as_ref().is_some_and(|last| last.value.is_none());
        let stands = value_at_microsoft(&self.row);
        let stands = stands.map(|money| thousandths(&money.amount.decimal().to_string()));
        let right = counted.retracted == retracted && (retracted || counted.value == stands);
        if !right && !observed.unsettled && !self.is_admitted_drop() {
            let what = format!("the row says {stands:?}, Microsoft {counted:?}");
            self.violated("the money is as the row says", &what);
        }
    }

    fn check_revived(&self) {
        let shown = corrections(&self.row).map(|(_, effects)| effects).unwrap_or_default();
        let refused = Effect::Refused(CorrectionRefusal::AfterRetraction);
        let claimed = self.row.observed.retract_claimed.unwrap_or(0) as usize;
        let later = self.row.corrections.len() > claimed;
        if later && !shown.contains(&refused) {
            self.violated("every row is explained", "revived after a Retract, but not shown");
        }
    }

    /// An original that was accepted so late that its correction could not wait.
    fn is_admitted_drop(&self) -> bool {
        let dropped = self.world.microsoft.borrow();
        let is_dropped = dropped.dropped.iter().any(|(person, _)| *person == self.person);
        let (Some(facts), Some(accepted)) = (&self.row.facts, &self.row.observed.accepted) else {
            return false;
        };
        let limit = facts.conversion_time.plus_seconds(MAX_AGE - policy().run_margin - PIPELINE);
        is_dropped && accepted.at > limit
    }

    /// The net by the order log, folded here once more; and whether a correction came too late.
    fn net(&self) -> (Net, bool) {
        let mut fixes: Vec<&Fix> = self.order.corrections.iter().collect();
        fixes.sort_by_key(|fix| (fix.occurred, fix.source, fix.id.clone()));
        let mut late = false;
        let mut net = match self.order.value {
            Some(value) => Net::Value(value),
            None => Net::NoValue { taken_back: false },
        };
        for fix in fixes {
            if self.is_late(fix) {
                late = true;
                continue;
            }
            net = net.after(fix);
        }
        (net, late)
    }

    fn is_late(&self, fix: &Fix) -> bool {
        let recorded = self.row.corrections.iter().find(|known| is(known, fix));
        match recorded.and_then(|known| Some((known, known.refused?))) {
            Some((known, CorrectionRefusal::TooOldForMicrosoft)) => {
                let facts = self.row.facts.as_ref();
                facts.is_some_and(|facts| {
                    let limit = facts.conversion_time.plus_seconds(MAX_AGE);
                    known.recorded_at > limit || self.world.now() > limit
                })
            }
            _ => false,
        }
    }
}

fn is(known: &Correction, fix: &Fix) -> bool {
    known.source.as_str() == fix.source && known.event_id.as_str() == fix.id
}

/// What an order is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Net {
    Value(i64),
    NoValue { taken_back: bool },
}

impl Net {
    fn after(self, fix: &Fix) -> Net {
        match (self, fix.change) {
            (Net::Value(_), Change::Full) => Net::Value(0),
            (net @ Net::Value(_), _) if fix.other_currency => net,
            (Net::Value(net), Change::Amount(amount)) => Net::Value(net - amount),
            (Net::Value(_), Change::NewValue(value)) => Net::Value(value),
            (Net::NoValue { .. }, Change::Full) => Net::NoValue { taken_back: true },
            (net @ Net::NoValue { .. }, _) => net,
        }
    }
}
