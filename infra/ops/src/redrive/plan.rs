//! Which of the refused and dead rows can be sent, and why others can't.

use std::collections::BTreeMap;

use tracklayer_core::{
    ledger::signal::Signal,
    reconcile::{
        decide::{AccountView, Action},
        note::Context,
        redrive::prospect,
    },
};

use crate::{
    backlog::{OpenRow, Sums},
    connect::Ops,
};

/// What a redrive does.
#[derive(Debug, Default)]
pub struct Plan {
    /// One for each row that can go.
    pub signals: Vec<Signal>,
    /// What these rows are worth.
    pub money: Sums,
    /// Rows that a redrive would leave where they are, by why.
    pub left: BTreeMap<String, usize>,
}

impl Plan {
    /// Asks the decision that upload takes what it would be for each row.
    ///
    /// It is asked without knowledge of the account: whether another ad account took a row is for
    /// upload to find out.
    pub fn of(ops: &Ops, open: &[OpenRow]) -> Self {
        let (account, mut plan) = (AccountView::default(), Plan::default());
        let context = Context { account: &account, now: ops.now(), policy: &ops.policy };
        for open in open {
            let Some(row) = &open.row else {
                plan.leave("it can't be read");
                continue;
            };
            let goal = ops.mapping.goal(&row.account, &row.key.event).map(|goal| &goal.name);
            match prospect(row, goal, &context) {
                None => plan.leave("it is neither refused nor dead any more"),
                Some(Action::Refuse(reason)) => plan.leave(&reason.to_string()),
                Some(_) => {
                    plan.signals.push(Signal::new(row, None));
                    plan.money.add(row.facts.money);
                }
            }
        }
        plan
    }

    fn leave(&mut self, why: &str) {
        *self.left.entry(why.to_owned()).or_default() += 1;
    }
}
