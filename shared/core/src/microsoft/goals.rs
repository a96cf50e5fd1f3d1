//! Checks the mapping's goals against those of the ad account.
//!
//! Microsoft answers a wrong goal name per row, or not at all; a check before anything is sent says
//! so once, with the cure. Members of a goal:
//! learn.microsoft.com/advertising/campaign-management-service/offlineconversiongoal.

use serde::{Deserialize, Serialize};
use strsim::levenshtein;

use crate::mapping::{CountType, GoalRule, Revenue};
use crate::time::EventTime;

/// A goal as Microsoft describes it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AccountGoal {
    /// Its number: what the report of its outcome asks by.
    pub id: Option<String>,
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
    pub revenue: Option<AccountRevenue>,
    /// How long after a click a conversion of it counts.
    pub conversion_window_in_minutes: Option<i64>,
}

/// How a goal's value is set.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AccountRevenue {
    /// `FixedValue`, `VariableValue` or `NoValue`.
    #[serde(rename = "Type")]
    pub kind: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gravity {
    /// Rows of the goal wait until it is repaired.
    Holds,
    /// Rows go, but something is not as it should be. Also what a later version calls otherwise:
    /// what holds is said by the list of held goals alone.
    #[serde(other)]
    Warns,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GoalFinding {
    /// The goal's name in the mapping; absent for the account as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    pub gravity: Gravity,
    pub problem: String,
    pub cure: String,
}

/// What a finding about auto-tagging begins with: it is the only one about an account whose check got
/// through.
pub const AUTO_TAGGING: &str = "auto-tagging of the click id";
/// The words that findings about a goal's hashes hold, and no other.
pub const ENHANCED: &str = "enhanced conversions";

/// A goal takes rows this many of the policy's hours after it was made
/// (learn.microsoft.com/advertising/campaign-management-service/applyofflineconversions).
pub const GOAL_AGE_HOURS: i64 = 2;

/// Checks one goal of the mapping against those of the account. `absent_before` is when an earlier
/// check found no goal of this name, `hour` the length of a policy's hour: only then its age is
/// known to be less than the time since.
pub fn check_goal(
    wanted: &GoalRule, found: &[AccountGoal], absent_before: Option<EventTime>, now: EventTime,
    hour: i64,
) -> Vec<GoalFinding> {
    let name = wanted.name.as_str();
    let named: Vec<&AccountGoal> =
        found.iter().filter(|goal| goal.name.as_deref() == Some(name)).collect();
    let Some(goal) = named.iter().find(|goal| is_offline(goal)).or(named.first()) else {
        return vec![missing(name, found)];
    };
    let is_young = absent_before.is_some_and(|at| at.plus_seconds(GOAL_AGE_HOURS * hour) > now);
    let holds = what_holds(goal, is_young).map(|fault| (Gravity::Holds, fault));
    let warns = what_warns(wanted, goal).map(|fault| (Gravity::Warns, fault));
    let faults = holds.into_iter().chain(warns).filter(|(_, (is_there, ..))| *is_there);
    faults.map(|(gravity, (_, problem, cure))| finding(name, gravity, problem, cure)).collect()
}

fn finding(goal: &str, gravity: Gravity, problem: String, cure: &str) -> GoalFinding {
    GoalFinding { goal: Some(goal.to_owned()), gravity, problem, cure: cure.to_owned() }
}

/// Something that may be wrong with a goal: whether it is, what it is, and what helps.
type Fault = (bool, String, &'static str);

fn what_holds(goal: &AccountGoal, is_young: bool) -> [Fault; 4] {
    let kind = goal.kind.as_deref().unwrap_or("unknown");
    let is_paused = goal.status.as_deref().is_some_and(|status| status != "Active");
    let is_external = goal.is_externally_attributed == Some(true);
    [
        (
            !is_offline(goal),
            format!("it is of the type {kind}"),
            "Create an offline conversion goal of this name.",
        ),
        (is_paused, "it is paused and doesn't count".to_owned(), "Activate it at Microsoft."),
        (
            is_young,
            "it is younger than two hours".to_owned(),
            "Nothing; its rows are sent when it is old enough.",
        ),
        (
            is_external,
            "it wants externally attributed conversions".to_owned(),
            "Use a goal that is not externally attributed.",
        ),
    ]
}

fn what_warns(wanted: &GoalRule, goal: &AccountGoal) -> [Fault; 6] {
    let enhanced = goal.is_enhanced_conversions_enabled.filter(|_| wanted.enhanced);
    let revenue = match wanted.revenue {
        Revenue::VariableValue => "VariableValue",
        Revenue::NoValue => "NoValue",
        Revenue::FixedValue => "FixedValue",
    };
    let revenue_there = goal.revenue.as_ref().and_then(|it| it.kind.as_deref()).unwrap_or(revenue);
    let count = match wanted.count_type {
        CountType::All => "All",
        CountType::Unique => "Unique",
    };
    let count_there = goal.count_type.as_deref().unwrap_or(count);
    // Whatever the mapping says: of sales with values, every one should count.
    let has_values = wanted.revenue != Revenue::NoValue;
    let loses_sales = goal.count_type.as_deref() == Some("Unique") && has_values;
    let count_cure = "Set the count type at Microsoft, or correct the mapping.";
    let window = goal.conversion_window_in_minutes.unwrap_or(DEFAULT_WINDOW_MINUTES);
    [
        (
            wanted.enhanced && goal.is_enhanced_conversions_enabled.is_none(),
            format!("Microsoft does not say whether {ENHANCED} are on"),
            "Look it up at Microsoft: hashes are sent, as the mapping says. If they are off, set enhancedConversions to false there.",
        ),
        (
            enhanced == Some(false),
            format!("hashes should go along, but {ENHANCED} are off"),
            "Turn enhanced conversions on for it, or set enhancedConversions to false in the mapping. Until then no hashes are sent, and rows that have nothing else wait for a click.",
        ),
        (
            revenue_there != revenue,
            format!("its value is {revenue_there} at Microsoft and {revenue} in the mapping"),
            "Make them equal.",
        ),
        (
            loses_sales,
            "it counts only the first conversion of a click: repeated purchases are lost"
                .to_owned(),
            count_cure,
        ),
        (
            !loses_sales && count_there != count,
            format!("it counts {count_there} at Microsoft and {count} in the mapping"),
            count_cure,
        ),
        (
            window < DEFAULT_WINDOW_MINUTES,
            format!(
                "sales later than {} hours after their click don't count",
                window.div_euclid(60)
            ),
            "Widen its conversion window if such sales should count.",
        ),
    ]
}

/// Microsoft's default is 30 days; anything shorter was set by somebody
/// (learn.microsoft.com/advertising/campaign-management-service/conversiongoal).
const DEFAULT_WINDOW_MINUTES: i64 = 43_200;

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
            format!(
                "Did you mean \"{other}\"? Make both names equal, case and spaces included. A goal of \
                 another type is not seen here, even if it has the name."
            )
        }
        None => "Create an offline conversion goal of exactly this name. A goal of another type \
                 is not seen here, even if it has the name: names are unique, so give that one \
                 another."
            .to_owned(),
    };
    finding(name, Gravity::Holds, "the account has no goal of this name".to_owned(), &cure)
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
            per_order: crate::mapping::PerOrder::One,
        }
    }

    fn goal(name: &str) -> AccountGoal {
        let json = format!(
            r#"{{"Id":"1","Name":"{name}","Type":"OfflineConversion","Status":"Active","CountType":"All","ConversionWindowInMinutes":43200,
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
        for others in [&[goal("purchases ")][..], &[]] {
            let cure = &check(others, None)[0].cure;
            assert!(cure.contains("of another type is not seen here"), "{cure}");
        }
    }

    #[test]
    fn silence_about_enhanced_conversions_is_a_finding_where_hashes_go() {
        let silent = AccountGoal { is_enhanced_conversions_enabled: None, ..goal("Purchase") };
        assert_eq!(check(std::slice::from_ref(&silent), None)[0].gravity, Gravity::Warns);
        let plain = GoalRule { enhanced: false, ..wanted() };
        assert_eq!(check_goal(&plain, &[silent], None, EventTime::from_epoch(0), HOUR), []);
    }

    #[test]
    fn a_goal_is_young_only_if_it_was_absent_before() {
        assert_eq!(check(&[goal("Purchase")], Some(2 * HOUR)), []);
        let found = check(&[goal("Purchase")], Some(2 * HOUR - 1));
        assert_eq!(found[0].gravity, Gravity::Holds);
    }

    #[test]
    fn unique_on_a_goal_with_values_is_found_even_if_the_mapping_says_so() {
        let mut there = goal("Purchase");
        there.count_type = Some("Unique".to_owned());
        let unique = GoalRule { count_type: CountType::Unique, ..wanted() };
        let found = |rule: &GoalRule| {
            check_goal(rule, &[there.clone()], None, EventTime::from_epoch(0), HOUR).len()
        };
        assert_eq!((found(&unique), found(&wanted())), (1, 1));
        let lead = GoalRule { revenue: Revenue::NoValue, ..unique };
        let mut there = there.clone();
        there.revenue = Some(AccountRevenue { kind: Some("NoValue".to_owned()) });
        assert_eq!(check_goal(&lead, &[there], None, EventTime::from_epoch(0), HOUR), []);
    }

    #[test]
    fn settings_that_lose_money_are_found() {
        let mut other = goal("Purchase");
        other.count_type = Some("Unique".to_owned());
        other.is_enhanced_conversions_enabled = Some(false);
        other.revenue = Some(AccountRevenue { kind: Some("NoValue".to_owned()) });
        other.conversion_window_in_minutes = Some(43_199);
        let found = check(&[other.clone()], None);
        assert_eq!(found.len(), 4);
        assert!(found.iter().all(|finding| finding.gravity == Gravity::Warns));
        other.status = Some("Paused".to_owned());
        other.kind = Some("Event".to_owned());
        let holds = |finding: &&GoalFinding| finding.gravity == Gravity::Holds;
        assert_eq!(check(&[other], None).iter().filter(holds).count(), 2);
    }
}
