//! What became of the rows that Microsoft accepted: its report by goal, with each reason why rows
//! don't count in plain words.
//!
//! Accepted is not attributed: the reply to an Apply says nothing of it, this report does
//! (learn.microsoft.com/advertising/campaign-management-service/getofflineconversionreportbygoalids).

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::time::{DAY, EventTime, TextTime};

pub const REPORT: &str = "/CampaignManagement/v13/OfflineConversionReport/QueryByGoalIds";

/// Goals that one report may ask for.
pub const MAX_GOALS: usize = 20;

/// Days that one report may span; ours ends today.
pub const DAYS: i64 = 7;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReportRequest<'a> {
    start_date_utc: TextTime,
    end_date_utc: TextTime,
    goal_ids: &'a [&'a str],
    upload_channel_filter: &'static str,
}

impl<'a> ReportRequest<'a> {
    /// Asks about today and the days before, [`DAYS`] in all, in at most [`MAX_GOALS`] goals.
    pub fn new(now: EventTime, goal_ids: &'a [&'a str]) -> Self {
        let today = now.plus_seconds(-now.epoch().rem_euclid(DAY));
        ReportRequest {
            start_date_utc: today.plus_seconds(-(DAYS - 1) * DAY).into(),
            end_date_utc: now.into(),
            goal_ids,
            upload_channel_filter: "CampaignManagementAPI",
        }
    }
}

/// Body of the answer, as far as it is used.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReportAnswer {
    /// Must be there, if only as null: an answer to something else is no report.
    #[serde(deserialize_with = "Option::deserialize")]
    offline_goal_conversion_summaries: Option<Vec<Option<Summary>>>,
    partial_errors: Option<Vec<Option<GoalError>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Summary {
    goal_id: Option<String>,
    conversion_name: Option<String>,
    #[serde(deserialize_with = "long")]
    overall_success_count: u64,
    #[serde(deserialize_with = "long")]
    overall_unattributed_count: u64,
    overall_alerts: Option<Vec<Option<Alert>>>,
    daily_summaries: Option<Vec<Option<DaySummary>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DaySummary {
    upload_date: Option<String>,
    #[serde(deserialize_with = "long")]
    success_count: u64,
    #[serde(deserialize_with = "long")]
    unattributed_count: u64,
    alerts: Option<Vec<Option<Alert>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Alert {
    unattributed_reason: Option<String>,
    #[serde(deserialize_with = "long")]
    count: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GoalError {
    code: Option<i64>,
    error_code: Option<String>,
}

/// Microsoft writes long integers as texts.
fn long<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let written = serde_json::Value::deserialize(deserializer)?;
    let number = written.as_u64().or_else(|| written.as_str()?.parse().ok());
    number.ok_or_else(|| D::Error::custom("not a count"))
}

/// What became of one goal's rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GoalOutcome {
    /// The goal's name, or its number where Microsoft gives no name.
    pub goal: String,
    pub succeeded: u64,
    pub unattributed: u64,
    /// Why they don't, the most frequent reason first.
    pub reasons: Vec<ReasonCount>,
    /// The same rows by the day of their upload.
    pub days: Vec<DayOutcome>,
}

/// What became of the rows of one goal that Microsoft received on one day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DayOutcome {
    /// The day in UTC, as in 2026-04-24.
    pub day: String,
    /// Rows that count.
    pub succeeded: u64,
    /// Rows that don't.
    pub unattributed: u64,
    /// How many of them don't for which reason, as far as Microsoft says it of the day.
    #[serde(default)]
    pub reasons: BTreeMap<String, u64>,
}

impl DayOutcome {
    /// Rows that Microsoft accepted.
    pub fn accepted(&self) -> u64 {
        self.succeeded + self.unattributed
    }

    /// Rows that don't count for this reason.
    pub fn with_reason(&self, reason: &str) -> u64 {
        self.reasons.get(reason).copied().unwrap_or(0)
    }
}

/// How many rows came to nothing for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReasonCount {
    pub reason: String,
    pub count: u64,
    pub cause: &'static str,
    pub cure: &'static str,
}

impl GoalOutcome {
    /// Adds the days that a report made at `now` leaves out, if those that it lists have all of its
    /// rows: nothing came on the others. Otherwise they stay unknown.
    pub fn add_empty_days(&mut self, now: EventTime) {
        let listed: u64 = self.days.iter().map(DayOutcome::accepted).sum();
        if listed != self.succeeded + self.unattributed {
            return;
        }
        for ago in 0..DAYS {
            let day =
                now.plus_seconds(-ago * DAY).to_string().get(..10).unwrap_or_default().to_owned();
            if !self.days.iter().any(|it| it.day == day) {
                self.days.push(DayOutcome { day, ..DayOutcome::default() });
            }
        }
        self.days.sort_by(|a, b| a.day.cmp(&b.day));
    }
}

impl ReportAnswer {
    pub fn outcomes(&self) -> Vec<GoalOutcome> {
        let summaries = self.offline_goal_conversion_summaries.iter().flatten().flatten();
        summaries.map(Summary::outcome).collect()
    }

    /// The goals that Microsoft could not report on, each as code and symbol.
    pub fn errors(&self) -> Vec<String> {
        let errors = self.partial_errors.iter().flatten().flatten();
        let text = |error: &GoalError| {
            let symbol = error.error_code.as_deref().unwrap_or("-");
            format!("{} {symbol}", error.code.unwrap_or_default())
        };
        errors.map(text).collect()
    }
}

impl Summary {
    fn outcome(&self) -> GoalOutcome {
        let alerts = self.overall_alerts.iter().flatten().flatten();
        let mut reasons: Vec<ReasonCount> = alerts.map(Alert::explained).collect();
        reasons.sort_by(|a, b| (b.count, &a.reason).cmp(&(a.count, &b.reason)));
        let name = self.conversion_name.as_ref().or(self.goal_id.as_ref());
        let days = self.daily_summaries.iter().flatten().flatten();
        GoalOutcome {
            goal: name.cloned().unwrap_or_default(),
            succeeded: self.overall_success_count,
            unattributed: self.overall_unattributed_count,
            reasons,
            days: days.filter_map(DaySummary::outcome).collect(),
        }
    }
}

impl DaySummary {
    /// Nothing where the day can't be read.
    fn outcome(&self) -> Option<DayOutcome> {
        let day = self.upload_date.as_deref()?.get(..10)?.to_owned();
        let (succeeded, unattributed) = (self.success_count, self.unattributed_count);
        let mut reasons = BTreeMap::new();
        for alert in self.alerts.iter().flatten().flatten() {
            *reasons.entry(alert.name().to_owned()).or_default() += alert.count;
        }
        Some(DayOutcome { day, succeeded, unattributed, reasons })
    }
}

impl Alert {
    fn name(&self) -> &str {
        self.unattributed_reason.as_deref().unwrap_or("Unknown")
    }

    fn explained(&self) -> ReasonCount {
        let name = self.name();
        let (cause, cure) = explain(name);
        ReasonCount { reason: name.to_owned(), count: self.count, cause, cure }
    }
}

/// Cause and cure of a reason.
pub fn explain(name: &str) -> (&'static str, &'static str) {
    let known = REASONS.iter().find(|reason| reason.name == name);
    known.map_or((UNNAMED, LOOK_UP), |reason| (reason.cause, reason.cure))
}

/// Why a row that was accepted doesn't count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    pub name: &'static str,
    pub cause: &'static str,
    pub cure: &'static str,
}

const UNNAMED: &str = "Microsoft does not say why, or gives a reason that is new.";
const LOOK_UP: &str = "Look the reason up in Microsoft's documentation of unattributed reasons.";

const fn reason(name: &'static str, cause: &'static str, cure: &'static str) -> Reason {
    Reason { name, cause, cure }
}

/// Every reason that Microsoft documents
/// (learn.microsoft.com/advertising/campaign-management-service/offlineconversionunattributedreason).
#[rustfmt::skip] // A line for each reason, or three.
pub const REASONS: &[Reason] = &[
    reason("AccountMismatch",
        "The click was paid for by another ad account.",
        "Send the events of this website to the account that runs its ads."),
    reason("AdjustmentOriginalNotFound",
        "A correction came before Microsoft could see its conversion, or the conversion itself doesn't count.",
        "Raise TRACKLAYER_SETTLE_DELAY_SECONDS if there are more of these than conversions that don't count."),
    reason("ClickTimestampAfterConversion",
        "The click happened after the conversion.",
        "Check the source's clock, and that its times are not mere dates."),
    reason("ConversionAlreadyRetracted",
        "A correction came after the conversion had been taken back.",
        "Nothing; one that was repeated after an unclear answer shows up here."),
    reason("ConversionTimeExceedsMaxLookback",
        "The conversion is older than 90 days.", "Send conversions within 90 days; daily is best."),
    reason("ConversionTimeInFuture",
        "The conversion lies ahead of Microsoft's clock.", "Check the source's clock."),
    reason("DuplicateConversionKey",
        "The same row was sent again; the first one counts.",
        "Nothing; rows repeated after an unclear answer show up here. If it is frequent, look for another upload to the same goal."),
    reason("GoalNotFoundOrInactive",
        "The goal is paused, or was renamed or deleted.",
        "Activate it, and make its name equal the one in the mapping."),
    reason("HistoricalClickDataExpired",
        "A correction came more than 90 days after the click.",
        "Nothing can be done at Microsoft; the ledger keeps the money."),
    reason("MalformedData",
        "Microsoft could not read the row.", "Report it with the TrackingId of the upload."),
    reason("MissingMatchIdentifiers",
        "The row has no click id, and no click belongs to its hashed e-mail address or phone number.",
        "Nothing if many such customers never clicked an ad; otherwise capture the click id."),
    reason("NoMatchingClickFound",
        "Microsoft knows no such click, or did not yet: it wants an hour.",
        "Keep TRACKLAYER_MIN_CLICK_AGE_SECONDS at 3600 or more, and check that click ids come unchanged from the landing URL. A sandbox never knows clicks."),
    reason("OutsideGoalLookbackWindow",
        "The click is older than the goal's conversion window.",
        "Widen the goal's conversion window if such sales should count."),
    reason("Unknown", UNNAMED, LOOK_UP),
];
