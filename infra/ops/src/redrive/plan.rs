//! Which of the refused and dead rows can be sent, and why others can't.

use std::collections::BTreeMap;

use tracklayer_core::id::AccountName;
use tracklayer_core::ledger::observed::Destination;
use tracklayer_core::ledger::row::Row;
use tracklayer_core::ledger::signal::Signal;
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::mapping::{Account, Mapping};
use tracklayer_core::reconcile::decide::{AccountView, Action, Policy};
use tracklayer_core::reconcile::note::Context;
use tracklayer_core::reconcile::redrive::prospect;
use tracklayer_core::time::EventTime;
use tracklayer_edge::ports::{AccountItems as _, Secrets as _};

use crate::backlog::{OpenRow, Sums};
use crate::failure::Failure;
use crate::place::Ops;

/// What is known of the accounts of the rows.
pub type Views = BTreeMap<AccountName, AccountView>;

/// What a redrive does. Of each row only its signal is kept.
#[derive(Debug, Default)]
pub struct Plan {
    /// One for each row that is sent again, with how long it is open.
    pub sent: Vec<(EventTime, Signal)>,
    /// What these rows are worth.
    pub money: Sums,
    /// One for each row that is no longer refused or dead then, but not sent now either.
    pub others: Vec<Signal>,
    /// How many these are, by what becomes of them.
    pub not_sent: BTreeMap<String, usize>,
    /// Rows that a redrive would leave where they are, by why.
    pub left: BTreeMap<String, usize>,
    /// Rows that could not be read.
    pub unread: usize,
}

/// What a redrive would do to a row.
#[derive(Debug, PartialEq, Eq)]
enum Prospect {
    Sent,
    NotSent(String),
    Left(String),
}

impl Plan {
    /// Asks the decision that upload takes what it would be for a row, with what upload knows of
    /// the accounts.
    pub fn add(
        &mut self, open: &OpenRow, views: &Views, mapping: &Mapping, policy: &Policy,
        now: EventTime,
    ) {
        let Some(row) = &open.row else {
            self.unread += 1;
            return self.leave("it can't be read".to_owned());
        };
        let unknown = AccountView::default();
        let account = views.get(&row.account).unwrap_or(&unknown);
        match of_row(row, mapping, &Context { account, now, policy }) {
            Prospect::Sent => {
                self.sent.push((open.entry.since, Signal::new(row, None)));
                self.money.add(row.facts.money);
            }
            Prospect::NotSent(why) => {
                self.others.push(Signal::new(row, None));
                *self.not_sent.entry(why).or_default() += 1;
            }
            Prospect::Left(why) => self.leave(why),
        }
    }

    fn leave(&mut self, why: String) {
        *self.left.entry(why).or_default() += 1;
    }

    /// What is open for longest comes first.
    pub fn sort(&mut self) {
        self.sent.sort_by(|(a, one), (b, other)| (a, &one.summary).cmp(&(b, &other.summary)));
    }

    /// Everything that is signalled.
    pub fn signals(&self) -> impl Iterator<Item = &Signal> {
        self.sent.iter().map(|(_, signal)| signal).chain(&self.others)
    }
}

fn of_row(row: &Row, mapping: &Mapping, context: &Context<'_>) -> Prospect {
    let goal = mapping.goal(&row.account, &row.key.event).map(|goal| &goal.name);
    match prospect(row, goal, context) {
        None => Prospect::Left("it is neither refused nor dead any more".to_owned()),
        Some(action) => of_action(&action),
    }
}

/// A row that is held or has no click is not sent by a redrive, but it waits by itself then.
fn of_action(action: &Action) -> Prospect {
    match action {
        Action::Refuse(reason) => Prospect::Left(reason.to_string()),
        Action::InSync => Prospect::NotSent("only its mark of death is removed".to_owned()),
        Action::WaitUntil(_, reason) if reason.is_for_click() => {
            Prospect::NotSent(format!("it waits again: {}", reason.as_str()))
        }
        Action::WaitUntil(_, reason @ (WaitReason::GoalHeld | WaitReason::AccountHeld)) => {
            let why = "it is sent by itself once the check is content";
            Prospect::NotSent(format!("{}: {why}", reason.as_str()))
        }
        Action::Apply | Action::Adjust(..) | Action::WaitUntil(..) => Prospect::Sent,
    }
}

/// What upload knows of the accounts. Where a secret can't be read, it is left to upload to find out
/// whether another ad account took a row.
pub async fn views(ops: &Ops) -> Result<Views, Failure> {
    let environment = ops.deployment.environment().ok();
    let mut views = Views::new();
    for name in ops.mapping.accounts().map(Account::name) {
        let mut view = ops.ledger.account_item(name).await?.view();
        if let (Some(environment), Ok(secret)) = (environment, ops.secrets.account(name).await) {
            let account_id = secret.value.account_id.clone();
            view.destination = Some(Destination { environment, account_id });
        }
        views.insert(name.clone(), view);
    }
    Ok(views)
}

#[cfg(test)]
mod tests {
    use tracklayer_core::ledger::observed::{Acceptance, Environment, RefusalReason};

    use super::*;
    use crate::testing::{POLICY, now, row};

    /// A purchase that the queue gave up.
    fn dead_row() -> Row {
        let mut row = row();
        row.observed.dead_at = Some(now());
        row
    }

    fn of(row: &Row, account: &AccountView, now: EventTime) -> Prospect {
        of_row(row, &Mapping::shipped(), &Context { account, now, policy: &POLICY })
    }

    #[test]
    fn a_held_row_is_not_said_to_be_sent() {
        let now = now();
        let row = dead_row();
        assert_eq!(of(&row, &AccountView::default(), now), Prospect::Sent);
        let held = AccountView { held: true, ..AccountView::default() };
        let held_goals = vec![row.facts.goal.clone()];
        let goal = AccountView { held_goals, ..AccountView::default() };
        for view in [held, goal] {
            assert!(matches!(of(&row, &view, now), Prospect::NotSent(_)), "{view:?}");
        }
    }

    #[test]
    fn what_another_ad_account_took_stays_where_it_is() {
        let now = now();
        let to = |id: &str| {
            let account_id = id.to_owned();
            Destination { environment: Environment::Production, account_id }
        };
        let mut row = dead_row();
        row.observed.accepted = Some(Acceptance { at: now, by: to("1"), tracking_id: None });
        let view = |id| AccountView { destination: Some(to(id)), ..AccountView::default() };
        let elsewhere = Prospect::Left(RefusalReason::AcceptedElsewhere.to_string());
        assert_eq!(of(&row, &view("2"), now), elsewhere);
        let in_sync = of(&row, &view("1"), now);
        assert_eq!(in_sync, Prospect::NotSent("only its mark of death is removed".to_owned()));
    }
}
