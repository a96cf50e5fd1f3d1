//! The smallest plan that still breaks the same rule.

use crate::plan::{Faults, GoalTrouble, Plan};
use crate::run;

/// Takes away orders, visits, corrections, repetitions and faults, one after the other, as long as the same
/// rule is broken without them.
#[must_use]
pub fn shrink(plan: &Plan) -> Plan {
    let Some(rule) = broken(plan) else { return plan.clone() };
    let mut plan = plan.clone();
    loop {
        let smaller = smaller(&plan).into_iter().find(|less| broken(less) == Some(rule));
        match smaller {
            Some(less) => plan = less,
            None => return plan,
        }
    }
}

fn broken(plan: &Plan) -> Option<&'static str> {
    run(plan.clone(), false).violations.first().map(|violation| violation.rule)
}

fn smaller(plan: &Plan) -> Vec<Plan> {
    let mut list = Vec::new();
    let mut add = |change: &dyn Fn(&mut Plan)| {
        let mut less = plan.clone();
        change(&mut less);
        list.push(less);
    };
    for at in 0..plan.orders.len() {
        add(&|plan| drop(plan.orders.remove(at)));
        for fix in 0..plan.orders[at].corrections.len() {
            add(&|plan| drop(plan.orders[at].corrections.remove(fix)));
            if plan.orders[at].corrections[fix].meddles {
                add(&|plan| plan.orders[at].corrections[fix].meddles = false);
            }
            if plan.orders[at].corrections[fix].posts.len() > 1 {
                add(&|plan| plan.orders[at].corrections[fix].posts.truncate(1));
            }
        }
        if plan.orders[at].posts.len() > 1 {
            add(&|plan| plan.orders[at].posts.truncate(1));
        }
        if plan.orders[at].forgets {
            add(&|plan| plan.orders[at].forgets = false);
        }
        if plan.orders[at].learns.is_some() {
            add(&|plan| plan.orders[at].learns = None);
        }
        if plan.orders[at].conflict {
            add(&|plan| plan.orders[at].conflict = false);
        }
    }
    for at in 0..plan.visits.len() {
        add(&|plan| drop(plan.visits.remove(at)));
    }
    for at in 0..plan.endings.len() {
        add(&|plan| drop(plan.endings.remove(at)));
        if plan.endings[at].amid.is_some() {
            add(&|plan| plan.endings[at].amid = None);
        }
    }
    for at in 0..plan.outages.len() {
        add(&|plan| {
            plan.outages.remove(at);
        });
    }
    for at in 0..plan.early_redrives.len() {
        add(&|plan| {
            plan.early_redrives.remove(at);
        });
    }
    if plan.goal != GoalTrouble::None {
        add(&|plan| plan.goal = GoalTrouble::None);
    }
    if plan.setting.checks {
        add(&|plan| plan.setting.checks = false);
    }
    if plan.setting.own_orders {
        add(&|plan| plan.setting.own_orders = false);
    }
    if plan.setting.moves.is_some() {
        add(&|plan| plan.setting.moves = None);
    }
    if plan.setting.two_accounts {
        add(&|plan| {
            plan.setting.two_accounts = false;
            plan.orders.iter_mut().for_each(|order| order.account = "main");
        });
    }
    if plan.workers > 1 {
        add(&|plan| plan.workers -= 1);
    }
    for fault in FAULTS {
        if fault(&mut plan.faults.clone()) != &0 {
            add(&|plan| *fault(&mut plan.faults) = 0);
        }
    }
    if plan.faults.skew != 0 {
        add(&|plan| plan.faults.skew = 0);
    }
    list
}

type Fault = fn(&mut Faults) -> &mut u32;

const FAULTS: [Fault; 20] = [
    |faults| &mut faults.crash,
    |faults| &mut faults.slow,
    |faults| &mut faults.freeze,
    |faults| &mut faults.not_done,
    |faults| &mut faults.done_unheard,
    |faults| &mut faults.done_twice,
    |faults| &mut faults.unprocessed,
    |faults| &mut faults.duplicate,
    |faults| &mut faults.vanished,
    |faults| &mut faults.undeleted,
    |faults| &mut faults.unreachable,
    |faults| &mut faults.request_lost,
    |faults| &mut faults.answer_lost,
    |faults| &mut faults.answer_slow,
    |faults| &mut faults.request_late,
    |faults| &mut faults.throttled,
    |faults| &mut faults.token_refused,
    |faults| &mut faults.row_refused,
    |faults| &mut faults.poison,
    |faults| &mut faults.overlap,
];
