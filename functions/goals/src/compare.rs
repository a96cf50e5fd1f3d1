//! The account's goals against the mapping's.

use std::collections::{BTreeMap, BTreeSet};

use tracklayer_core::mapping::Account;
use tracklayer_core::microsoft::goals::{
    AUTO_TAGGING, AccountGoal, GoalFinding, Gravity, check_goal,
};
use tracklayer_core::time::{DAY, EventTime, MAX_AGE};
use tracklayer_edge::ports::{AccountItem, GoalCheck};

use crate::ask::Answers;

/// What a check at `now` found, with what earlier ones left; an hour lasts `hour` seconds.
pub fn compare(
    account: &Account, answers: &Answers, before: &AccountItem, now: EventTime, hour: i64,
) -> GoalCheck {
    let mut check = GoalCheck {
        checked_at: now,
        findings: untagged(answers).into_iter().collect(),
        goals_seen: answers.goals.len(),
        ..GoalCheck::default()
    };
    let goals: BTreeMap<&str, _> =
        account.goals().map(|(_, goal)| (goal.name.as_str(), goal)).collect();
    for (name, goal) in goals {
        let absent = before.absent_goals.get(name).copied();
        let found = check_goal(goal, &answers.goals, absent, now, hour);
        if found.iter().any(|finding| finding.gravity == Gravity::Holds) {
            check.held_goals.push(name.to_owned());
        }
        let mut there = answers.goals.iter().filter(|goal| goal.name.as_deref() == Some(name));
        let absent = if there.clone().next().is_some() { absent } else { Some(now) };
        if there.any(|goal| goal.is_enhanced_conversions_enabled == Some(false)) {
            check.goals_without_hashes.push(name.to_owned());
        }
        check.absent_goals.extend(absent.map(|at| (name.to_owned(), at)));
        check.findings.extend(found);
    }
    // Until this check rows began to wait for what the last one held.
    let held = before.held_goals.iter().chain(&check.held_goals);
    let waits = |at: EventTime| at.plus_seconds(MAX_AGE + DAY) > now;
    check.once_held.extend(before.once_held.clone().into_iter().filter(|(_, at)| waits(*at)));
    check.once_held.extend(held.map(|name| (name.clone(), now)));
    check
}

/// The numbers of the mapping's goals, as far as the account has them.
pub fn ids(account: &Account, answers: &Answers) -> Vec<String> {
    let wanted: BTreeSet<&str> = account.goals().map(|(_, goal)| goal.name.as_str()).collect();
    let is_wanted =
        |goal: &&AccountGoal| goal.name.as_deref().is_some_and(|name| wanted.contains(name));
    answers.goals.iter().filter(is_wanted).filter_map(|goal| goal.id.clone()).collect()
}

/// Without auto-tagging no landing page ever sees a click id.
fn untagged(answers: &Answers) -> Option<GoalFinding> {
    let problem = match &answers.auto_tagging {
        Ok(true) => return None,
        Ok(false) => format!("{AUTO_TAGGING} is off: no landing page gets one"),
        Err(why) => format!("{AUTO_TAGGING} could not be checked: {why}"),
    };
    Some(GoalFinding {
        goal: None,
        gravity: Gravity::Warns,
        problem,
        cure: "Auto-tagging (msclkid) must be on in the account's settings at Microsoft."
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use tracklayer_core::mapping::Mapping;

    use super::*;

    #[test]
    fn what_was_held_is_named_until_no_row_of_it_can_wait_any_more() {
        let mapping = Mapping::shipped();
        let main = mapping.account("main").expect("an account");
        let now = EventTime::from_epoch(1_800_000_000);
        let check = |before: &AccountItem, days: i64| {
            let answers = Answers { goals: Vec::new(), auto_tagging: Ok(true) };
            compare(main, &answers, before, now.plus_seconds(days * DAY), 3_600).once_held
        };
        let before = AccountItem { held_goals: vec!["Old".to_owned()], ..AccountItem::default() };
        let first = check(&before, 0);
        assert_eq!(first.get("Old"), Some(&now), "rows began to wait for it until now");
        let before = AccountItem { once_held: first, ..AccountItem::default() };
        assert_eq!(check(&before, 90).get("Old"), Some(&now));
        assert_eq!(check(&before, 91).get("Old"), None);
    }
}
