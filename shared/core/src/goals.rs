//! Checks the mapping's goals against those of the ad account.
//!
//! Microsoft answers a wrong goal name per row, or not at all; a check before anything is sent says
//! so once, with the cure. Members of a goal:
//! learn.microsoft.com/advertising/campaign-management-service/offlineconversiongoal.

use serde::{Deserialize, Serialize};
use strsim::levenshtein;

use crate::{
    mapping::{CountType, GoalRule, Revenue},
    time::EventTime,
};

/// A goal as Microsoft describes it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AccountGoal {
    /// Its number: what the report of its outcome asks by.
    pub id: Option<String>,
    /// Its exact name.
    pub name: Option<String>,
    /// `OfflineConversion`, or another type.
    #[serde(rename = "Type")]
    pub kind: Option<String>,
    /// `Active` or `Paused`.
    pub status: Option<String>,
    /// `All` or `Unique`.
    pub count_type: Option<String>,
    /// Whether it takes hashes; only there when asked for.
    pub is_enhanced_conversions_enabled: Option<bool>,
    /// Whether it wants externally attributed conversions; only there when asked for.
    pub is_externally_attributed: Option<bool>,
    /// How its value is set.
    pub revenue: Option<AccountRevenue>,
}

/// How a goal's value is set.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AccountRevenue {
    /// `FixedValue`, `VariableValue` or `NoValue`.
    #[serde(rename = "Type")]
    pub kind: Option<String>,
}

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Gravity {
    /// Rows of the goal wait until it is repaired.
    Holds,
    /// Rows go, but something is not as it should be.
    Warns,
}

/// Something the check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GoalFinding {
    /// The goal's name in the mapping; absent for the account as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// How grave it is.
    pub gravity: Gravity,
    /// What is wrong.
    pub problem: String,
    /// What helps.
    pub cure: String,
}

/// A goal takes rows this many of the policy's hours after it was made
/// (learn.microsoft.com/advertising/campaign-management-service/applyofflineconversions).
pub const GOAL_AGE_HOURS: i64 = 2;

/// Checks one goal of the mapping against those of the account. `absent_before` is when an earlier
/// check found no goal of this name, `hour` the length of a policy's hour: only then its age is
/// known to be less than the time since.
#[must_use]
pub fn check_goal(
    wanted: &GoalRule,
    found: &[AccountGoal],
    absent_before: Option<EventTime>,
    now: EventTime,
    hour: i64,
) -> Vec<GoalFinding> {
    let name = wanted.name.as_str();
    let named: Vec<&AccountGoal> =
        found.iter().filter(|goal| goal.name.as_deref() == Some(name)).collect();
    let Some(goal) = named.iter().find(|goal| is_offline(goal)).or(named.first()) else {
        return vec![missing(name, found)];
    };
    let mut findings = Vec::new();
    let mut add = |gravity, problem: String, cure: &str| {
        findings.push(GoalFinding {
            goal: Some(name.to_owned()),
            gravity,
            problem,
            cure: cure.to_owned(),
        });
    };
    if !is_offline(goal) {
        let kind = goal.kind.as_deref().unwrap_or("unknown");
        add(
            Gravity::Holds,
            format!("it is of the type {kind}"),
            "Create an offline conversion goal of this name.",
        );
    }
    if goal.status.as_deref().is_some_and(|status| status != "Active") {
        add(
            Gravity::Holds,
            "it is paused and doesn't count".to_owned(),
            "Activate it at Microsoft.",
        );
    }
    if absent_before.is_some_and(|at| at.plus_seconds(GOAL_AGE_HOURS * hour) > now) {
        add(
            Gravity::Holds,
            "it is younger than two hours".to_owned(),
            "Nothing; its rows go when it is old enough.",
        );
    }
    if wanted.enhanced && goal.is_enhanced_conversions_enabled == Some(false) {
        add(
            Gravity::Warns,
            "hashes are sent, but enhanced conversions are off".to_owned(),
            "Turn enhanced conversions on for it, or set enhancedConversions to false in the mapping.",
        );
    }
    if goal.is_externally_attributed == Some(true) {
        add(
            Gravity::Holds,
            "it wants externally attributed conversions".to_owned(),
            "Use a goal that is not externally attributed.",
        );
    }
    check_settings(wanted, goal, &mut add);
    findings
}

fn check_settings(
    wanted: &GoalRule,
    goal: &AccountGoal,
    add: &mut impl FnMut(Gravity, String, &str),
) {
    let revenue = match wanted.revenue {
        Revenue::VariableValue => "VariableValue",
        Revenue::NoValue => "NoValue",
        Revenue::FixedValue => "FixedValue",
    };
    let there = goal.revenue.as_ref().and_then(|revenue| revenue.kind.as_deref());
    if let Some(there) = there.filter(|there| *there != revenue) {
        add(
            Gravity::Warns,
            format!("its value is {there} at Microsoft and {revenue} in the mapping"),
            "Make them equal.",
        );
    }
    let count = match wanted.count_type {
        CountType::All => "All",
        CountType::Unique => "Unique",
    };
    if let Some(there) = goal.count_type.as_deref().filter(|there| *there != count) {
        let problem = match there {
            "Unique" => {
                "it counts only the first conversion of a click: repeated purchases are lost"
                    .to_owned()
            }
            _ => format!("it counts {there} at Microsoft and {count} in the mapping"),
        };
        add(Gravity::Warns, problem, "Set the count type at Microsoft, or correct the mapping.");
    }
}

fn is_offline(goal: &AccountGoal) -> bool {
    goal.kind.as_deref().is_none_or(|kind| kind == "OfflineConversion")
}

fn missing(name: &str, found: &[AccountGoal]) -> GoalFinding {
    let nearest = found
        .iter()
        .filter_map(|goal| goal.name.as_deref())
        .map(|other| (levenshtein(&name.to_lowercase(), &other.to_lowercase()), other))
        .min()
        .filter(|(distance, _)| *distance <= name.chars().count().div_ceil(2));
    let cure = match nearest {
        Some((_, other)) => {
            format!("Did you mean \"{other}\"? Make both names equal, case and spaces included.")
        }
        None => "Create an offline conversion goal of exactly this name.".to_owned(),
    };
    GoalFinding {
        goal: Some(name.to_owned()),
        gravity: Gravity::Holds,
        problem: "the account has no goal of this name".to_owned(),
        cure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600;

    fn wanted() -> GoalRule {
        GoalRule {
            name: "Purchase".parse().expect("a name"),
            revenue: Revenue::VariableValue,
            count_type: CountType::All,
            enhanced: true,
        }
    }

    fn goal(name: &str) -> AccountGoal {
        let json = format!(
            r#"{{"Id":"1","Name":"{name}","Type":"OfflineConversion","Status":"Active","CountType":"All",
                "IsEnhancedConversionsEnabled":true,"IsExternallyAttributed":false,
                "Revenue":{{"Type":"VariableValue","Value":null,"CurrencyCode":null}}}}"#
        );
        serde_json::from_str(&json).expect("a goal")
    }

    fn check(found: &[AccountGoal], absent_before: Option<i64>) -> Vec<GoalFinding> {
        let now = EventTime::from_epoch(1_800_000_000);
        let absent_before = absent_before.map(|seconds| now.plus_seconds(-seconds));
        check_goal(&wanted(), found, absent_before, now, HOUR)
    }

    #[test]
    fn a_goal_as_declared_has_no_finding() {
        assert_eq!(check(&[goal("Other"), goal("Purchase")], None), []);
    }

    #[test]
    fn a_missing_goal_holds_and_hints_at_the_nearest_name() {
        let found = check(&[goal("Leads"), goal("purchases ")], None);
        assert_eq!((found.len(), found[0].gravity), (1, Gravity::Holds));
        assert!(found[0].cure.contains("\"purchases \""), "{}", found[0].cure);
        assert!(check(&[goal("Newsletter")], None)[0].cure.starts_with("Create"));
    }

    #[test]
    fn a_goal_is_young_only_if_it_was_absent_before() {
        assert_eq!(check(&[goal("Purchase")], Some(2 * HOUR)), []);
        let found = check(&[goal("Purchase")], Some(2 * HOUR - 1));
        assert_eq!(found[0].gravity, Gravity::Holds);
    }

    #[test]
    fn settings_that_lose_money_are_found() {
        let mut other = goal("Purchase");
        other.count_type = Some("Unique".to_owned());
        other.is_enhanced_conversions_enabled = Some(false);
        other.revenue = Some(AccountRevenue { kind: Some("NoValue".to_owned()) });
        let found = check(&[other.clone()], None);
        assert_eq!(found.len(), 3);
        assert!(found.iter().all(|finding| finding.gravity == Gravity::Warns));
        other.status = Some("Paused".to_owned());
        other.kind = Some("Event".to_owned());
        let holds = |finding: &&GoalFinding| finding.gravity == Gravity::Holds;
        assert_eq!(check(&[other], None).iter().filter(holds).count(), 2);
    }
}
