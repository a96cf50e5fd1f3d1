//! One order: its row, and what Microsoft counts of it.

use tracklayer_core::ledger::correction::{Correction, CorrectionRefusal, Effect, MAX_CORRECTIONS};
use tracklayer_core::ledger::observed::RefusalReason;
use tracklayer_core::ledger::row::Row;
use tracklayer_core::reconcile::state::{corrections, value_at_microsoft};

use super::{Exceptions, group, is, may_be_too_old, net::Net, whole};
use crate::decimal::{decimal, thousandths};
use crate::microsoft::{Counted, Drop, PIPELINE};
use crate::plan::{GoalTrouble, Order};
use crate::world::{World, policy};

/// One order, its row, and what Microsoft may know it by.
pub(super) struct Case<'a> {
    pub(super) world: &'a World,
    pub(super) order: &'a Order,
    pub(super) row: Row,
    /// The row before its person ended.
    pub(super) whole: Row,
    persons: Vec<String>,
}

impl<'a> Case<'a> {
    pub(super) fn new(world: &'a World, order: &'a Order, row: Row) -> Self {
        let table = world.table.borrow();
        let persons = table.persons_of(&row.key);
        let whole = table.whole(&row);
        Case { world, order, row, whole, persons }
    }

    pub(super) fn judge(&self, exceptions: &mut Exceptions) {
        let mut admit = |what: &'static str| *exceptions.entry(what).or_default() += 1;
        let observed = &self.row.observed;
        self.check_corrections();
        if observed.dead_at.is_some() && !self.row.is_erased() {
            return self.violated("every row is explained", "dead, though all was redriven");
        }
        let counted = self.counted();
        if counted.len() > 1 {
            return self.violated("nothing counts twice", &format!("{counted:?}"));
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

    /// Every correction is in the row, once, and nowhere else; in another currency it may have been
    /// refused, and so may be what a full row has no room for.
    fn check_corrections(&self) {
        let table = self.world.table.borrow();
        let is_full = self.row.corrections.len() == MAX_CORRECTIONS;
        for (notice, fix) in group::fixes(self.world, self.order) {
            let times = self.row.corrections.iter().filter(|known| is(known, fix)).count();
            let is_free = fix.other_currency || may_be_too_old(self.world, notice);
            if times > 1 || (times == 0 && !is_free && !is_full) {
                let what = format!("the correction {} is there {times} times", fix.id);
                self.violated("every correction counts once", &what);
            }
            let mut waiting = table.orphans.values().flat_map(|orphan| &orphan.corrections);
            let waits = |known: &Correction| {
                is(known, fix) && (times > 0 || !is_full || known.refused.is_none())
            };
            if waiting.any(waits) && !is_free {
                let what = format!("the correction {} still waits", fix.id);
                self.violated("every correction counts once", &what);
            }
        }
    }

    fn counted(&self) -> Vec<Counted> {
        let microsoft = self.world.microsoft.borrow();
        let own = |known: &&Counted| self.persons.contains(&known.person);
        microsoft.counted.iter().filter(own).cloned().collect()
    }

    pub(super) fn violated(&self, rule: &'static str, what: &str) {
        let row = serde_json::to_string(&self.row.observed).unwrap_or_default();
        self.world.violated(rule, self.row.key.label(), format!("{what}; {row}"));
    }

    /// Why a correction was refused of what Microsoft has.
    fn explain(&self, reason: &RefusalReason, admit: &mut impl FnMut(&'static str)) {
        let moved = matches!(
            self.world.plan.goal,
            GoalTrouble::Renamed { .. } | GoalTrouble::Replaced { .. }
        );
        let late = self.world.now() > self.row.correction_limit();
        match reason {
            RefusalReason::AcceptedElsewhere if self.is_left_behind() => {
                admit("a correction of what was accepted elsewhere");
            }
            RefusalReason::Microsoft { code: Some(5606), .. } if moved => {
                admit("a correction of a goal that has another name now");
            }
            RefusalReason::TooOldForMicrosoft
            | RefusalReason::Microsoft { code: Some(5623), .. }
                if late =>
            {
                admit("a correction that could not be sent within 90 days");
            }
            other => self.violated("every row is explained", &format!("refused: {other}")),
        }
    }

    /// Why Microsoft has not, or may not have, taken the original.
    fn explain_missing(
        &self, reason: &RefusalReason, counted: Option<&Counted>,
        admit: &mut impl FnMut(&'static str),
    ) {
        let late = self.world.now() > self.row.limit();
        let known = &self.row.observed;
        match (reason, counted) {
            (RefusalReason::MayAlreadyCount, Some(_)) if known.may_count() => {
                admit("may already count, and does");
            }
            (RefusalReason::MayAlreadyCount, None) if known.may_count() => {
                admit("may already count, but doesn't");
            }
            (RefusalReason::AcceptedElsewhere, _) if known.may_count() && self.has_moved() => {
                admit("may already count elsewhere");
            }
            (RefusalReason::Expired, None) if late => {
                admit("older than 90 days before it was taken");
            }
            (RefusalReason::Microsoft { code: Some(5609), .. }, None) if late => {
                admit("older than 90 days before it was taken");
            }
            (RefusalReason::Microsoft { .. }, None) if late => {
                admit("refused until it was older than 90 days");
            }
            (RefusalReason::Unmatched, None) if !self.row.facts.identity.is_matchable() => {
                admit("nobody was recognised");
            }
            (other, _) => self.violated("every row is explained", &format!("refused: {other}")),
        }
    }

    fn compare(&self, counted: &Counted, admit: &mut impl FnMut(&'static str)) {
        let (net, late) = Net::of(self.world, self.order, &self.whole);
        if late {
            admit("a correction that came later than 90 days after the conversion or its click");
        }
        let nothing = net.is_nothing(self.order.value);
        let retracted = self.row.observed.is_retract_claimed();
        let right = match nothing || retracted {
            true => counted.retracted,
            false => !counted.retracted && counted.value == net.value() && counted.has_currency(),
        };
        if right && retracted && !nothing {
            self.check_revived();
            admit("worth something again after a Retract was sent");
        } else if !right && self.is_admitted_loss() {
            admit("lost without an error near the last useful moment");
        } else if !right {
            let says = net.value().map_or_else(|| "-".to_owned(), decimal);
            let nothing = if nothing { "retracted" } else { "counted" };
            let what = format!("the log says {says} ({nothing}), Microsoft {counted:?}");
            self.violated("the money is right", &what);
        }
    }

    /// Where a correction was refused, Microsoft still has what the row says it has – unless an
    /// adjustment is in doubt, or was dropped without a word.
    pub(super) fn check_standing(&self, counted: &Counted) {
        let observed = &self.row.observed;
        let retracted = observed.adjusted.as_ref().is_some_and(|last| last.value.is_none());
        let stands = value_at_microsoft(&self.row);
        let stands = stands.map(|money| thousandths(&money.amount.decimal().to_string()));
        let right = counted.retracted == retracted && (retracted || counted.value == stands);
        if !right && !observed.unsettled && !self.is_admitted_loss() {
            let what = format!("the row says {stands:?}, Microsoft {counted:?}");
            self.violated("the money is as the row says", &what);
        }
    }

    fn check_revived(&self) {
        let (_, shown) = corrections(&self.row);
        let refused = Effect::Refused(CorrectionRefusal::AfterRetraction);
        let claimed = self.row.observed.claim.as_ref().map_or(0, |claim| claim.corrections);
        if self.row.corrections.len() > claimed && !shown.contains(&refused) {
            self.violated("every row is explained", "revived after a Retract, but not shown");
        }
    }

    /// Microsoft has not what was sent last, without an error, and nobody could know better: the
    /// original was accepted so late that its correction could not wait, its click is older than
    /// anybody has seen it, or two adjustments followed each other fast near the end.
    fn is_admitted_loss(&self) -> bool {
        let microsoft = self.world.microsoft.borrow();
        if microsoft.reordered.iter().any(|person| self.persons.contains(person)) {
            return whole::is_hurried(&self.world.table.borrow(), &self.row.key);
        }
        let is_own = |(person, _): &&(String, Drop)| self.persons.contains(person);
        microsoft.dropped.iter().filter(is_own).any(|(_, why)| match why {
            Drop::Unseen => self.is_accepted_late(),
            Drop::OldClick => self.has_older_click(),
        })
    }

    fn is_accepted_late(&self) -> bool {
        let late = self.whole.correction_limit().plus_seconds(-policy().run_margin - PIPELINE);
        self.row.observed.accepted.as_ref().is_some_and(|accepted| accepted.at > late)
    }

    fn has_older_click(&self) -> bool {
        let facts = &self.whole.facts;
        let known = facts.click.as_ref().and_then(|click| click.clicked_at);
        let click_id = facts.click_id().map(|id| id.as_str().to_lowercase());
        let truth = click_id.and_then(|id| self.world.plan.clicked.get(&id));
        truth.is_some_and(|truth| known.is_none_or(|known| *truth < known.epoch()))
    }
}
