//! `OfflineConversionAdjustments/Apply`.
//!
//! A row without errors can still come to nothing, which the answer does not show: its original is
//! unknown, not visible yet, or retracted, or its click is older than 90 days.
//! `GET /simulator/unattributed` lists such rows.
//!
//! <https://learn.microsoft.com/advertising/campaign-management-service/applyofflineconversionadjustments>

use time::{Duration, OffsetDateTime};

use crate::errors::{ApiFault, BatchError};
use crate::ledger::{Change, Ledger, Worth};
use crate::rows::{Findings, Row, filled};
use crate::scene::Scene;
use crate::subject::Subject;
use crate::{instant, rows};

/// Member of the request that holds the rows.
pub(crate) const LIST: &str = "OfflineConversionAdjustments";

/// Applies the rows without errors; returns the errors of the others.
pub(crate) fn apply(
    scene: &Scene<'_>, body: &[u8], ledger: &mut Ledger,
) -> Result<Vec<BatchError>, ApiFault> {
    let rows = rows::read_list(body, LIST)?;
    let visible_after = scene.settings.visible_after();
    let errors = rows::for_each(scene, LIST, &rows, |row| {
        let (subject, change) = check(scene, row)?;
        ledger.adjust(&subject, change, visible_after, scene.now);
        Ok(())
    });
    ledger.refusals.rows(scene, &rows, &errors);
    Ok(errors)
}

fn check(scene: &Scene<'_>, row: &Row) -> Result<(Subject, Change), Vec<BatchError>> {
    let mut findings = Findings::new();
    let subject = scene.subject(row, &mut findings);
    if subject.as_ref().is_some_and(|(_, goal)| !goal.adjustable) {
        findings.add(5627, "ConversionName");
    }
    let subject = subject.map(|(subject, _)| subject);
    let conversion_time = subject.as_ref().map(|subject| subject.key.at);
    check_time(scene, row, conversion_time, &mut findings);
    let change = change(row, &mut findings);
    findings.result(subject.zip(change))
}

fn check_time(
    scene: &Scene<'_>, row: &Row, conversion_time: Option<OffsetDateTime>, findings: &mut Findings,
) {
    let Some(text) = filled(&row.adjustment_time) else {
        return findings.add(5619, "AdjustmentTime");
    };
    let Some(at) = instant::parse(text) else {
        return findings.add(5621, "AdjustmentTime");
    };
    if conversion_time.is_some_and(|conversion_time| at < conversion_time) {
        findings.add(5620, "AdjustmentTime");
    }
    if at > scene.now {
        findings.add(5622, "AdjustmentTime");
    }
    let max_age = scene.settings.max_adjustment_age_seconds;
    if max_age.is_some_and(|seconds| scene.now - at > Duration::seconds(seconds.into())) {
        findings.add(5623, "AdjustmentTime");
    }
}

fn change(row: &Row, findings: &mut Findings) -> Option<Change> {
    match row.adjustment_type.as_deref() {
        Some("Restate") => Some(Change::Restate(restated(row, findings))),
        Some("Retract") => {
            if row.adjustment_value.is_some() {
                findings.add(5624, "AdjustmentValue");
            }
            Some(Change::Retract)
        }
        _ => {
            findings.add(5618, "AdjustmentType");
            None
        }
    }
}

fn restated(row: &Row, findings: &mut Findings) -> Worth {
    if row.adjustment_value.is_none() {
        findings.add(5625, "AdjustmentValue");
    }
    if filled(&row.adjustment_currency_code).is_none() {
        findings.add(5626, "AdjustmentCurrencyCode");
    }
    let code = &row.adjustment_currency_code;
    Worth {
        value: rows::value(row.adjustment_value.as_deref(), "AdjustmentValue", findings),
        currency: rows::currency(code, "AdjustmentCurrencyCode", findings),
    }
}
