//! What a run reports: one log line per batch and one per call, metrics per account.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use tracklayer_core::id::AccountName;
use tracklayer_core::ledger::observed::{Kind, RefusalReason};
use tracklayer_core::ledger::row::RowKey;
use tracklayer_core::microsoft::errors::ErrorClass;
use tracklayer_core::microsoft::reply::{MicrosoftError, Reply, RowOutcome};
use tracklayer_core::reconcile::calls::CAREFUL_FROM;
use tracklayer_core::reconcile::note::Note;
use tracklayer_core::time::{DAY, EventTime};
use tracklayer_edge::ports::{Metric, Telemetry};

use crate::batch::{Batch, Disposition, Work};
use crate::send::Call;

#[cfg(test)]
pub(crate) mod tests;

/// Rows of one error that a line names; the rest is counted, and found by `status`.
const NAMED_ROWS: usize = 100;

#[derive(Debug, Default)]
pub struct Report {
    counts: BTreeMap<AccountName, BTreeMap<&'static str, usize>>,
    secret_ages: BTreeMap<AccountName, i64>,
    /// Causes reported already: one line per cause, not one per call.
    reported: BTreeSet<(AccountName, String)>,
}

pub struct CallLine<'a> {
    pub call: &'a Call,
    /// The path of the API that it went to.
    pub path: &'static str,
    pub works: &'a [Work],
    pub reply: &'a Reply,
    pub tracking_id: Option<&'a str>,
    pub duration: Duration,
}

impl Report {
    /// Counts one of `name`.
    pub fn count(&mut self, account: &AccountName, name: &'static str) {
        self.count_many(account, name, 1);
    }

    /// Counts so many of `name`.
    pub fn count_many(&mut self, account: &AccountName, name: &'static str, many: usize) {
        *self.counts.entry(account.clone()).or_default().entry(name).or_default() += many;
    }

    /// Notes how old the secret is: a dead rotation shows in it.
    pub fn secret_age(&mut self, account: &AccountName, created: Option<i64>, now: EventTime) {
        let Some(created) = created else { return };
        self.secret_ages.insert(account.clone(), now.epoch().saturating_sub(created));
    }

    /// Counts what was noted about a row.
    pub fn noted(&mut self, work: &Work, note: &Note, now: EventTime) {
        let Some(row) = &work.row else { return };
        let name = match note {
            Note::Accepted(Kind::Apply, _) => "Accepted",
            Note::Accepted(Kind::Restate, _) => "Restated",
            Note::Accepted(Kind::Retract, _) => "Retracted",
            Note::Refused(RefusalReason::Unmatched) => "Unmatched",
            // Its correction was taken at the door and can't be sent any more.
            Note::Refused(RefusalReason::TooOldForMicrosoft) => "CorrectionLost",
            Note::Failed(..) | Note::Refused(_) => "Refused",
            Note::Unknown(..) => "Unknown",
            Note::NotTaken(..) => return self.stands_still(work, now),
            Note::Waits(..) | Note::Postponed(..) => "Waiting",
            _ => return,
        };
        if let Note::Refused(reason) = note {
            tracing::warn!(record = work.key.label(), %reason, "refused before it was sent");
        }
        self.count(&row.account, name);
        if matches!(note, Note::Unknown(..)) {
            self.stands_still(work, now);
        }
        if name == "CorrectionLost" {
            // An alarm takes the one from the other, and has no value where one is missing.
            self.count_many(&row.account, "OriginalNeverCame", 0);
        }
    }

    /// Counts a row whose corrections Microsoft has not taken for long, however rarely it is tried: an
    /// original becomes a dead letter then, a correction is tried until its last day.
    fn stands_still(&mut self, work: &Work, now: EventTime) {
        let Some(row) = work.row.as_ref().filter(|row| row.observed.tries >= CAREFUL_FROM) else {
            return;
        };
        let newest = row.corrections.iter().map(|correction| correction.recorded_at).max();
        if newest.is_some_and(|newest| now.seconds_since(newest) > DAY) {
            self.count(&row.account, "Stuck");
            let (record, tries) = (work.key.label(), row.observed.tries);
            tracing::error!(record, tries, "Microsoft does not take its corrections");
        }
    }

    /// An adjustment is sent at the last moment, before its settle delay is over.
    pub fn rushed(&mut self, account: &AccountName, key: &RowKey) {
        self.count(account, "AboutToExpire");
        tracing::warn!(
            record = key.label(),
            "adjusted before its settle delay: Microsoft takes nothing later, and may drop this one"
        );
    }

    pub fn refused_account(&mut self, account: &AccountName, error: &MicrosoftError) {
        let (cause, cure) = advice(error);
        self.account_trouble(
            account,
            format!("Microsoft answers {}: {cause} {cure}", error_text(error)),
        );
    }

    /// An account's error on single rows is counted as one on the call is, once, so that it alerts.
    pub fn trouble_of_rows(&mut self, account: &AccountName, notes: &[Note]) {
        let of_account = |note: &'_ Note| match note {
            Note::Unknown(.., Some(error)) => {
                matches!(error.class, ErrorClass::Token | ErrorClass::Account)
                    .then(|| error.clone())
            }
            _ => None,
        };
        if let Some(error) = notes.iter().find_map(of_account) {
            self.refused_account(account, &error);
        }
    }

    /// Nothing of the account is sent, for this.
    pub fn account_trouble(&mut self, account: &AccountName, cause: String) {
        self.count(account, "AuthFailed");
        if self.reported.insert((account.clone(), cause.clone())) {
            let account = account.as_str();
            tracing::error!(account, cause, "account can't be used, nothing of it is sent");
        }
    }

    pub fn call(&mut self, line: &CallLine<'_>, telemetry: &impl Telemetry) {
        self.count(&line.call.account, "MicrosoftCalls");
        self.unknown_codes(line);
        let (failed, failed_count) = failed_rows(line);
        let members = json!({
            "account": line.call.account,
            "kind": line.path.trim_start_matches("/CampaignManagement/v13/"),
            "rows": line.call.rows.len(),
            "goals": goals(line),
            "records": records(line),
            "trackingId": line.tracking_id,
            "durationMs": u64::try_from(line.duration.as_millis()).unwrap_or(u64::MAX),
            "outcome": outcome(line.reply),
            "failed": failed,
            "failedCount": failed_count,
            "errors": explained_errors(line),
        });
        if let Value::Object(members) = members {
            telemetry.line("call to Microsoft", members);
        }
    }

    /// A code that this software has no line for is kept in its rows; somebody must look it up.
    fn unknown_codes(&mut self, line: &CallLine<'_>) {
        let unknown = errors(line).into_iter().filter(|(_, (error, _))| error.entry().is_none());
        for (code, _) in unknown {
            self.count(&line.call.account, "UnknownCode");
            if self.reported.insert((line.call.account.clone(), code.clone())) {
                let account = line.call.account.as_str();
                tracing::error!(account, code, "error code unknown to this software");
            }
        }
    }

    /// The line of the batch, and the metrics.
    pub fn finish(self, batch: &Batch, telemetry: &impl Telemetry) {
        tracing::info!(
            rows = batch.works.len(),
            done = batch.count(|it| it == Disposition::Done),
            returned = batch.count(|it| it == Disposition::Return),
            deferred = batch.count(|it| matches!(it, Disposition::Defer(_))),
            refused = batch.count(|it| it == Disposition::DeadLetter),
            "batch"
        );
        let accounts: BTreeSet<_> = self.counts.keys().chain(self.secret_ages.keys()).collect();
        for account in accounts {
            let counts = self.counts.get(account).into_iter().flatten();
            let mut metrics: Vec<Metric> =
                counts.map(|(name, count)| Metric::count(name, *count)).collect();
            metrics.extend(self.secret_ages.get(account).map(|age| Metric::secret_age(*age)));
            telemetry.emit(account.as_str(), &metrics);
        }
    }
}

fn outcome(reply: &Reply) -> String {
    match reply {
        Reply::Rows(rows) if rows.iter().all(|row| *row == RowOutcome::Accepted) => {
            "accepted".to_owned()
        }
        Reply::Rows(_) => "partly refused".to_owned(),
        Reply::Fault(error) => format!("fault {}", error_text(error)),
        Reply::Unknown(why, None) => format!("unknown: {why}"),
        Reply::Unknown(why, Some(error)) => format!("unknown: {why}, {}", error_text(error)),
    }
}

fn error_text(error: &MicrosoftError) -> String {
    let code = error.code.map_or_else(|| "-".to_owned(), |code| code.to_string());
    format!("{code} {}", error.symbol.as_deref().unwrap_or("-"))
}

/// Goal names with the number of rows, as JSON.
fn goals(line: &CallLine<'_>) -> Value {
    let mut goals: BTreeMap<&str, usize> = BTreeMap::new();
    for load in &line.call.rows {
        let row = line.works[load.index].row.as_ref();
        *goals.entry(row.map_or("-", |row| row.facts.goal.as_str())).or_default() += 1;
    }
    json!(goals)
}

/// `source/eventId` of what was sent: the way from Microsoft's `TrackingId` to the order log. One text,
/// because CloudWatch makes a field of each member of a list, and no more than 200 fields of a line.
fn records(line: &CallLine<'_>) -> String {
    let labels = line.call.rows.iter().map(|load| line.works[load.index].key.label());
    labels.collect::<Vec<_>>().join(" ")
}

/// `source/eventId`, code and symbol of the rows that failed, as one text, and how many there are.
/// After a call that failed as a whole that is all of them.
fn failed_rows(line: &CallLine<'_>) -> (String, usize) {
    let label = |place: usize| line.works[line.call.rows[place].index].key.label();
    let mut failed = Vec::new();
    for (text, (_, places)) in errors(line) {
        failed.extend(places.into_iter().map(|place| format!("{} {text}", label(place))));
    }
    let count = failed.len();
    failed.truncate(NAMED_ROWS);
    (failed.join(", "), count)
}

/// Each error once, under its text, with the places of its rows in the call.
fn errors<'a>(line: &CallLine<'a>) -> BTreeMap<String, (&'a MicrosoftError, Vec<usize>)> {
    let of_rows: Vec<Option<&MicrosoftError>> = match line.reply {
        Reply::Rows(outcomes) => outcomes.iter().map(RowOutcome::error).collect(),
        Reply::Fault(error) | Reply::Unknown(_, Some(error)) => {
            vec![Some(error); line.call.rows.len()]
        }
        Reply::Unknown(_, None) => Vec::new(),
    };
    let mut errors = BTreeMap::new();
    for (place, error) in of_rows.into_iter().enumerate() {
        let Some(error) = error else { continue };
        let (_, places) = errors.entry(error_text(error)).or_insert((error, Vec::new()));
        places.push(place);
    }
    errors
}

/// Each error once, with what it means, what helps and the number of its rows, as JSON.
fn explained_errors(line: &CallLine<'_>) -> Value {
    let explained = |(error, places): (&MicrosoftError, Vec<usize>)| {
        let (cause, cure) = advice(error);
        json!({"code": error.code, "errorCode": error.symbol, "class": error.class.as_str(),
            "cause": cause, "cure": cure, "rows": places.len()})
    };
    errors(line).into_values().map(explained).collect()
}

/// Cause and cure of the table.
fn advice(error: &MicrosoftError) -> (&'static str, &'static str) {
    error.entry().map_or(
        ("This software doesn't know the code.", "Look it up at Microsoft; the row is kept."),
        |entry| (entry.cause, entry.cure),
    )
}
