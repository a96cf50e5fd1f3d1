//! Deliberate mistakes in what is read and written.

use tracklayer_core::ledger::index::{IndexClass, Open};
use tracklayer_core::ledger::observed::{Acceptance, Destination, Observed};
use tracklayer_core::ledger::order::OrderOwner;
use tracklayer_core::ledger::row::Row;
use tracklayer_core::reconcile::note::Write;
use tracklayer_core::time::EventTime;
use tracklayer_edge::ports::{Clock as _, Found, Written};

use super::Port;
use crate::{mutation::Mutation, world::policy};

impl Port {
    /// A deliberate mistake about a write; `Some`: it is not carried out at all.
    pub(super) fn mistake(&self, write: &mut Write, current: Option<&Row>) -> Option<Written> {
        let current = current?;
        if self.mutated(Mutation::OneRevision) {
            write.if_desired = current.desired_revision;
        }
        let waits = write.open.as_ref().is_some_and(|open| open.class == IndexClass::Wait);
        if self.mutated(Mutation::NoDue) && waits {
            write.open = None;
        }
        let is_look = |open: &&Open| open.class == IndexClass::Look;
        let both = write.open.as_ref().filter(is_look).zip(current.open.as_ref().filter(is_look));
        if self.mutated(Mutation::LookLost) && both.is_some_and(|(new, old)| new.due < old.due) {
            return Some(Written::Done);
        }
        if let (true, Some(facts)) =
            (self.mutated(Mutation::RefusedClickAgain), write.facts.as_mut())
        {
            facts.refused_clicks.clear();
        }
        let left = write.observed.as_ref().map(|observed| observed.left_at);
        if self.mutated(Mutation::WaitUnseen)
            && left.is_some_and(|at| at > current.observed.left_at)
        {
            write.observed = None;
        }
        let here = self.here(current);
        let (old, observed) = (&current.observed, write.observed.as_mut()?);
        // What was misread of the claim is not written.
        if self.mutated(Mutation::SharedDeleted) && observed.attempts == old.attempts {
            let same = old.claim.as_ref().zip(observed.claim.as_mut());
            if let Some((old, new)) = same.filter(|(old, new)| old.at == new.at) {
                new.unanswered = old.unanswered;
            }
        }
        let claims = observed.applying.is_some() && observed.applying != old.applying;
        if self.mutated(Mutation::ApplyUnclaimed) && claims {
            return Some(Written::Done);
        }
        if self.mutated(Mutation::DeadUnwritten) && observed.dead_at.is_some() {
            return Some(Written::Done);
        }
        if self.mutated(Mutation::UnknownIsNotTaken) {
            take_back_unknown(old, observed);
        }
        let freed = old.applying.is_some() && !observed.may_count();
        if self.mutated(Mutation::NotTakenIsTaken) && freed && observed.refusal.is_none() {
            let taken = Acceptance { at: self.now(), by: here, tracking_id: None };
            observed.accepted.get_or_insert(taken);
        }
        if self.mutated(Mutation::RetractForgotten)
            && observed.claim.as_ref().is_some_and(|claim| claim.value.is_none())
            && old.is_retract_claimed()
        {
            observed.claim = None;
        }
        if self.mutated(Mutation::NoClaim) {
            observed.claim.clone_from(&old.claim);
        }
        let accepts = observed.accepted.is_some() && old.accepted.is_none();
        // Only a row that another one has written since it was read is written this way.
        let second = old.attempts > 0 || old.refusal.is_some();
        (self.mutated(Mutation::AcceptedDropped) && accepts && second)
            .then_some(Written::Conflict(None))
    }

    /// Whether a row that is there passes for one that another event's order is free for: it takes over
    /// what came with the number, and the number itself is not written.
    pub(super) fn joins_late(&self, owner: &OrderOwner) -> bool {
        let OrderOwner::Row(key) = owner else { return false };
        let table = self.world().table.borrow();
        let is_late = table.rows.contains_key(key) && !table.has_order(key);
        is_late && self.mutated(Mutation::LateNumberJoins)
    }

    /// Deliberate mistakes about what is read.
    pub(super) fn misremember(&self, found: &mut Found) {
        if self.mutated(Mutation::HoldIgnored) {
            found.accounts.values_mut().for_each(|item| item.held_goals.clear());
        }
        for row in found.rows.values_mut() {
            self.misremember_row(row);
        }
    }

    fn misremember_row(&self, row: &mut Row) {
        if self.mutated(Mutation::EndUnseen)
            && let Some((_, before)) = self.world().table.borrow().ended.get(&row.key)
        {
            row.facts.clone_from(&before.facts);
        }
        if self.mutated(Mutation::ClaimIgnored) {
            let rest = policy().claim_rest();
            row.observed.applying = row.observed.applying.map(|at| at.plus_seconds(-rest));
        }
        if let (true, Some(claim)) =
            (self.mutated(Mutation::SharedDeleted), row.observed.claim.as_mut())
        {
            claim.unanswered = true;
        }
        if self.mutated(Mutation::SentToForgotten) {
            row.observed.sent_to = None;
        }
        if self.mutated(Mutation::LeftOverSent) {
            row.observed.left_at = None;
        }
        if self.mutated(Mutation::MillisecondsDropped) {
            for correction in &mut row.corrections {
                correction.occurred_at = correction.occurred_at.second().into();
            }
        }
        if self.mutated(Mutation::IdentityChanged) {
            let over = |at: &EventTime| at.plus_seconds(policy().claim_rest()) <= self.now();
            row.observed.applying = row.observed.applying.filter(|at| !over(at));
            row.observed.apply_unknown = false;
        }
        if self.mutated(Mutation::ClickAgeIgnored)
            && let Some(click) =
                row.facts.click.as_mut().filter(|_| row.observed.accepted.is_some())
        {
            click.clicked_at = None;
        }
        let here = self.here(row);
        let Some(accepted) = row.observed.accepted.as_mut().filter(|it| it.by != here) else {
            return;
        };
        if self.mutated(Mutation::ElsewhereIsHere) {
            accepted.by = here;
        } else if self.mutated(Mutation::ElsewhereForgotten) {
            row.observed.accepted = None;
        }
    }

    fn here(&self, row: &Row) -> Destination {
        let second = self.world().now_ms() / 1_000;
        let setting = &self.world().plan.setting;
        let account_id = setting.account_id(row.account.as_str(), second).to_owned();
        Destination { environment: self.0.environment, account_id }
    }
}

/// An outcome that nobody knows passes for a refusal.
fn take_back_unknown(old: &Observed, observed: &mut Observed) {
    if observed.accepted.is_none() {
        observed.apply_unknown = false;
    }
    let unanswered = |known: &Observed| known.claim.as_ref().is_some_and(|claim| claim.unanswered);
    if unanswered(observed) && !unanswered(old) {
        let claim = observed.claim.take();
        observed.unsettled = claim.as_ref().is_some_and(|claim| claim.after_unsettled);
        observed.claim = claim.and_then(|claim| claim.before).map(|before| *before);
    }
}
