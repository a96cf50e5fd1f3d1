//! `OfflineConversions/Apply`.
//!
//! A row without errors can still come to nothing: [`Scene::credit`] says why.
//!
//! <https://learn.microsoft.com/advertising/campaign-management-service/applyofflineconversions>

use crate::{
    errors::{ApiFault, BatchError},
    ledger::{Credit, Ledger, PAUSED, Subject, Worth},
    rows::{self, Findings, MAX_AGE, Row, Scene},
    settings::Goal,
};

/// Member of the request that holds the rows.
pub(crate) const LIST: &str = "OfflineConversions";

/// Accepts the rows without errors; returns those of the others.
pub(crate) fn apply(
    scene: &Scene<'_>,
    body: &[u8],
    ledger: &mut Ledger,
) -> Result<Vec<BatchError>, ApiFault> {
    let rows = rows::read_list(body, LIST)?;
    Ok(rows::for_each(scene, LIST, &rows, |row| {
        let (subject, worth, credit) = check(scene, row)?;
        ledger.accept(subject, worth, credit, scene.now);
        Ok(())
    }))
}

fn check(scene: &Scene<'_>, row: &Row) -> Result<(Subject, Worth, Credit), Vec<BatchError>> {
    let mut findings = Findings::new();
    let subject = scene.subject(row, &mut findings);
    if subject.as_ref().is_some_and(|(_, goal)| scene.is_young(goal)) {
        findings.add(5615, "ConversionName");
    }
    let value = rows::value(row.conversion_value.as_deref(), "ConversionValue", &mut findings);
    let code = &row.conversion_currency_code;
    let currency = rows::currency(code, "ConversionCurrencyCode", &mut findings);
    let found = subject.map(|(subject, goal)| {
        let credit = scene.credit(&subject, goal);
        if scene.settings.refuse_by_click {
            refuse(credit, &mut findings);
        }
        (subject, scene.with_defaults(goal, Worth { value, currency }), credit)
    });
    findings.result(found)
}

/// Microsoft documents two of the reasons as errors of the row, too.
fn refuse(credit: Credit, findings: &mut Findings) {
    match credit {
        Err("ClickTimestampAfterConversion") => findings.add(5616, "ConversionTime"),
        Err("OutsideGoalLookbackWindow") => findings.add(5617, "MicrosoftClickId"),
        _ => {}
    }
}

impl Scene<'_> {
    /// What a conversion is credited to. Its age counts when Microsoft comes to it.
    fn credit(&self, subject: &Subject, goal: &Goal) -> Credit {
        if goal.paused {
            return Err(PAUSED);
        }
        if self.now + self.settings.visible_after() - subject.key.at > MAX_AGE {
            return Err("ConversionTimeExceedsMaxLookback");
        }
        self.clicks.credit(self, subject, goal)
    }

    fn is_young(&self, goal: &Goal) -> bool {
        let age = goal.created_at.map(|created_at| self.now - created_at);
        age.is_some_and(|age| age.whole_seconds() < self.settings.young_goal_seconds.into())
    }

    /// A row's own value and currency override the goal's. A value without any currency is booked
    /// in the account's; without a value there is no currency either.
    fn with_defaults(&self, goal: &Goal, sent: Worth) -> Worth {
        let value = sent.value.or(goal.revenue.value);
        let of_goal = || goal.revenue.currency_code.clone();
        let of_account = || self.account.currency_code.clone();
        let currency = sent.currency.or_else(of_goal).unwrap_or_else(of_account);
        Worth { value, currency: value.is_some().then_some(currency) }
    }
}
