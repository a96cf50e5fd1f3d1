//! `OfflineConversionReport/QueryByGoalIds`: the outcome of the rows of some days, by goal.
//!
//! A row is reported once it is visible. Undocumented at Microsoft and decided here: corrections
//! count like conversions; every day of the range is listed; a goal with an error is left out.
//!
//! <https://learn.microsoft.com/advertising/campaign-management-service/getofflineconversionreportbygoalids>

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};
use time::{Date, OffsetDateTime, Time};

use crate::errors::{ApiFault, BatchError};
use crate::ledger::{Ledger, Outcome};
use crate::limits::{MAX_REPORT_GOALS, MAX_REPORT_RANGE};
use crate::reason::Reason;
use crate::reply::Reply;
use crate::scene::Scene;
use crate::settings::Goal;
use crate::{goals, instant};

/// The channel through which all rows arrive here.
const CHANNEL: &str = "CampaignManagementAPI";
const CHANNELS: [&str; 4] = ["BulkAPI", CHANNEL, "WebUpload", "Unknown"];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    start_date_utc: Option<String>,
    end_date_utc: Option<String>,
    goal_ids: Option<Vec<String>>,
    upload_channel_filter: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    offline_goal_conversion_summaries: Vec<Summary<'a>>,
    partial_errors: Vec<BatchError>,
}

/// 64-bit integers are texts in Microsoft's JSON, 32-bit ones are numbers.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Summary<'a> {
    goal_id: &'a str,
    conversion_name: &'a str,
    overall_success_count: String,
    overall_unattributed_count: String,
    overall_success_rate: f64,
    overall_alerts: Alerts,
    daily_summaries: Vec<Day<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Day<'a> {
    goal_id: &'a str,
    #[serde(serialize_with = "instant::serialize")]
    upload_date: OffsetDateTime,
    success_count: usize,
    unattributed_count: usize,
    success_rate: f64,
    alerts: Alerts,
}

/// The summaries of the requested goals, and an error for each goal that the account does not have.
pub(crate) fn query(scene: &Scene<'_>, body: &[u8], ledger: &Ledger) -> Result<Reply, ApiFault> {
    let request: Request = goals::read(body)?;
    let days = days(&request)?;
    let included = includes_channel(&request)?;
    let ids = request.goal_ids.unwrap_or_default();
    if ids.is_empty() {
        return Err(ApiFault::because(400, 202, "GoalIds"));
    }
    if ids.len() > MAX_REPORT_GOALS {
        return Err(ApiFault::because(400, 5318, "GoalIds"));
    }
    let visible = scene.now - scene.settings.visible_after();
    let of_account = |row: &&Outcome| row.account == scene.account.account_id && row.at <= visible;
    let rows = ledger.outcomes().iter().filter(|_| included).filter(of_account);
    let rows: Vec<&Outcome> = rows.collect();
    let (mut summaries, mut errors) = (Vec::new(), Vec::new());
    for (index, id) in ids.iter().enumerate() {
        match scene.account.goals.iter().find(|goal| goal.id == *id) {
            Some(goal) => summaries.push(summary(goal, &days, &rows)),
            None => errors.push(BatchError::numbered(5314, "").at("GoalIds", index)),
        }
    }
    Ok(Reply::ok(&Answer { offline_goal_conversion_summaries: summaries, partial_errors: errors }))
}

/// The days of the range, both ends included.
fn days(request: &Request) -> Result<Vec<Date>, ApiFault> {
    let read = |text: &Option<String>, name: &str| {
        let text = text.as_deref().ok_or_else(|| ApiFault::because(400, 206, name))?;
        instant::parse_utc(text).ok_or_else(|| ApiFault::because(400, 113, name))
    };
    let start = read(&request.start_date_utc, "StartDateUtc")?;
    let end = read(&request.end_date_utc, "EndDateUtc")?;
    if end < start || end - start > MAX_REPORT_RANGE {
        return Err(ApiFault::because(400, 204, "StartDateUtc, EndDateUtc"));
    }
    let following = |day: &Date| day.next_day();
    let days = std::iter::successors(Some(start.date()), following);
    Ok(days.take_while(|day| *day <= end.date()).collect())
}

/// Whether the filter, if there is one, includes the channel of all rows.
fn includes_channel(request: &Request) -> Result<bool, ApiFault> {
    let Some(filter) = request.upload_channel_filter.as_deref() else {
        return Ok(true);
    };
    let named: Vec<&str> = filter.split(',').map(str::trim).collect();
    if !named.iter().all(|name| CHANNELS.contains(name)) {
        return Err(ApiFault::because(400, 204, "UploadChannelFilter"));
    }
    Ok(named.contains(&CHANNEL))
}

fn summary<'a>(goal: &'a Goal, days: &[Date], rows: &[&Outcome]) -> Summary<'a> {
    let mut total = Counts::default();
    let daily = days.iter().map(|day| {
        let mut counts = Counts::default();
        for row in rows.iter().filter(|row| row.goal_id == goal.id && row.at.date() == *day) {
            counts.add(row.reason);
            total.add(row.reason);
        }
        Day {
            goal_id: &goal.id,
            upload_date: day.with_time(Time::MIDNIGHT).assume_utc(),
            success_count: counts.successes,
            unattributed_count: counts.unattributed(),
            success_rate: counts.rate(),
            alerts: counts.alerts,
        }
    });
    let daily_summaries = daily.collect();
    Summary {
        goal_id: &goal.id,
        conversion_name: &goal.name,
        overall_success_count: total.successes.to_string(),
        overall_unattributed_count: total.unattributed().to_string(),
        overall_success_rate: total.rate(),
        overall_alerts: total.alerts,
        daily_summaries,
    }
}

/// Numbers of rows by their outcome.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) successes: usize,
    alerts: Alerts,
}

impl Counts {
    pub(crate) fn add(&mut self, reason: Option<Reason>) {
        match reason {
            None => self.successes += 1,
            Some(reason) => *self.alerts.0.entry(reason).or_default() += 1,
        }
    }

    pub(crate) fn unattributed(&self) -> usize {
        self.alerts.0.values().sum()
    }

    /// Share of the successes among all rows, to six decimals.
    fn rate(&self) -> f64 {
        let all = self.successes + self.unattributed();
        let exact = self.successes as f64 / all.max(1) as f64;
        (exact * 1e6).round() / 1e6
    }
}

/// Rows by reason.
#[derive(Debug, Default)]
struct Alerts(BTreeMap<Reason, usize>);

impl Serialize for Alerts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Alert<'a> {
            unattributed_reason: &'a str,
            count: String,
        }
        let alert = |(reason, count): (&Reason, &usize)| Alert {
            unattributed_reason: reason,
            count: count.to_string(),
        };
        serializer.collect_seq(self.0.iter().map(alert))
    }
}
