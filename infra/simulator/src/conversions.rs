//! `OfflineConversions/Apply`.
//!
//! <https://learn.microsoft.com/advertising/campaign-management-service/applyofflineconversions>

use crate::{
    errors::{ApiFault, BatchError},
    ledger::{Ledger, Subject, Worth},
    rows::{self, Findings, Row, Scene},
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
        let (subject, worth) = check(scene, row)?;
        ledger.accept(subject, worth, scene.now);
        Ok(())
    }))
}

fn check(scene: &Scene<'_>, row: &Row) -> Result<(Subject, Worth), Vec<BatchError>> {
    let mut findings = Findings::new();
    let subject = scene.subject(row, &mut findings);
    if subject.as_ref().is_some_and(|(_, goal)| scene.is_young(goal)) {
        findings.add(5615, "ConversionName");
    }
    let value = rows::value(row.conversion_value.as_deref(), "ConversionValue", &mut findings);
    let code = &row.conversion_currency_code;
    let currency = rows::currency(code, "ConversionCurrencyCode", &mut findings);
    let found = subject.map(|(subject, goal)| {
        let worth = Worth { value, currency };
        (subject, scene.with_defaults(goal, worth))
    });
    findings.result(found)
}

impl Scene<'_> {
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
