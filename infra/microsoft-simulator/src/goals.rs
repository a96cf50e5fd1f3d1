//! `ConversionGoals/QueryByIds` and `AccountProperties/Query`, from the account's settings.
//!
//! <https://learn.microsoft.com/advertising/campaign-management-service/getconversiongoalsbyids>,
//! <https://learn.microsoft.com/advertising/campaign-management-service/getaccountproperties>

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::errors::{ApiFault, BatchError};
use crate::limits::MAX_GOAL_IDS;
use crate::reply::Reply;
use crate::settings::{Account, CountType, Goal, Revenue, RevenueType};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GoalsRequest {
    conversion_goal_ids: Option<Vec<String>>,
    conversion_goal_types: Option<String>,
    return_additional_fields: Option<String>,
}

/// All goals of the account, or those with the requested ids, in the order of the request; unknown
/// ids and goals of another type are answered with null and an error.
pub(crate) fn query(account: &Account, body: &[u8]) -> Result<Reply, ApiFault> {
    let request: GoalsRequest = read(body)?;
    let types = request.conversion_goal_types.filter(|types| !types.is_empty());
    let types = types.ok_or_else(|| ApiFault::new(400, 5329))?;
    let ids = request.conversion_goal_ids.unwrap_or_default();
    if ids.len() > MAX_GOAL_IDS {
        return Err(ApiFault::new(400, 5318));
    }
    if ids.iter().collect::<HashSet<_>>().len() < ids.len() {
        return Err(ApiFault::new(400, 5315));
    }
    let additional = request.return_additional_fields.unwrap_or_default();
    let wanted = types.contains("OfflineConversion");
    let by_id = |id: &String| {
        let goal = account.goals.iter().find(|goal| goal.id == *id).ok_or(5314)?;
        if wanted { Ok(goal) } else { Err(5347) }
    };
    let found: Vec<Result<&Goal, i64>> = if ids.is_empty() {
        account.goals.iter().filter(|_| wanted).map(Ok).collect()
    } else {
        ids.iter().map(by_id).collect()
    };
    let goals: Vec<_> =
        found.iter().map(|goal| goal.ok().map(|goal| written(goal, &additional))).collect();
    let refused = found.iter().enumerate().filter_map(|(index, goal)| Some((index, goal.err()?)));
    let error = |(index, code)| BatchError::numbered(code, "").at("ConversionGoalIds", index);
    let errors: Vec<_> = refused.map(error).collect();
    Ok(answer(&goals, &errors))
}

fn answer(goals: &[Option<GoalJson<'_>>], errors: &[BatchError]) -> Reply {
    Reply::ok(&GoalsAnswer { conversion_goals: goals, partial_errors: errors })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GoalsAnswer<'a> {
    conversion_goals: &'a [Option<GoalJson<'a>>],
    partial_errors: &'a [BatchError],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GoalJson<'a> {
    id: &'a str,
    name: &'a str,
    r#type: &'static str,
    status: &'static str,
    scope: &'static str,
    count_type: CountType,
    conversion_window_in_minutes: u32,
    revenue: RevenueJson<'a>,
    exclude_from_bidding: bool,
    tracking_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_enhanced_conversions_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_externally_attributed: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RevenueJson<'a> {
    r#type: RevenueType,
    #[serde(serialize_with = "crate::money::serialize")]
    value: Option<rust_decimal::Decimal>,
    currency_code: Option<&'a str>,
}

fn written<'a>(goal: &'a Goal, additional: &str) -> GoalJson<'a> {
    GoalJson {
        id: &goal.id,
        name: &goal.name,
        r#type: "OfflineConversion",
        status: if goal.paused { "Paused" } else { "Active" },
        scope: "Account",
        count_type: goal.count_type,
        conversion_window_in_minutes: goal.conversion_window_in_minutes,
        revenue: revenue(&goal.revenue),
        exclude_from_bidding: false,
        tracking_status: "TagUnverified",
        is_enhanced_conversions_enabled: additional
            .contains("IsEnhancedConversionsEnabled")
            .then_some(goal.enhanced_conversions),
        is_externally_attributed: additional
            .contains("IsExternallyAttributed")
            .then_some(goal.externally_attributed),
    }
}

fn revenue(revenue: &Revenue) -> RevenueJson<'_> {
    RevenueJson {
        r#type: revenue.r#type,
        value: revenue.value,
        currency_code: revenue.currency_code.as_deref(),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PropertiesRequest {
    account_property_names: Vec<String>,
}

/// Answers for auto-tagging, the only property that is known here; others are left out.
pub(crate) fn properties(account: &Account, body: &[u8]) -> Result<Reply, ApiFault> {
    const AUTO_TAGGING: &str = "MSCLKIDAutoTaggingEnabled";
    let request: PropertiesRequest = read(body)?;
    let known = request.account_property_names.iter().filter(|name| *name == AUTO_TAGGING);
    let property = |name| json!({ "Name": name, "Value": account.auto_tagging.to_string() });
    let properties: Vec<Value> = known.map(property).collect();
    let body = json!({ "AccountProperties": properties, "PartialErrors": [] });
    Ok(Reply::json(200, &body))
}

/// Reads the body of a request; fault 100 if that fails.
pub(crate) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ApiFault> {
    serde_json::from_slice(body).map_err(|error| ApiFault::because(400, 100, error.to_string()))
}
