//! `OfflineConversions/Apply`.
//!
//! A row without errors can still come to nothing: `Scene::credit` returns the reason.
//!
//! <https://learn.microsoft.com/advertising/campaign-management-service/applyofflineconversions>

use rust_decimal::Decimal;

use crate::errors::{ApiFault, BatchError};
use crate::ledger::{Ledger, Worth};
use crate::limits::{MAX_AGE, MAX_MODEL};
use crate::money::Number;
use crate::reason::Credit;
use crate::rows::{Findings, Row, filled};
use crate::scene::Scene;
use crate::settings::Goal;
use crate::subject::Subject;
use crate::{money, rows};

/// Member of the request that holds the rows.
pub(crate) const LIST: &str = "OfflineConversions";

/// Accepts the rows without errors; returns those of the others.
pub(crate) fn apply(
    scene: &Scene<'_>, body: &[u8], ledger: &mut Ledger,
) -> Result<Vec<BatchError>, ApiFault> {
    let rows = rows::read_list(body, LIST)?;
    let errors = rows::for_each(scene, LIST, &rows, |row| {
        let (subject, worth, credit) = check(scene, row)?;
        ledger.accept(subject, worth, credit, scene.now);
        Ok(())
    });
    ledger.refusals.rows(scene, &rows, &errors);
    Ok(errors)
}

fn check(scene: &Scene<'_>, row: &Row) -> Result<(Subject, Worth, Credit), Vec<BatchError>> {
    let mut findings = Findings::new();
    let subject = scene.subject(row, &mut findings);
    if subject.as_ref().is_some_and(|(_, goal)| scene.is_young(goal)) {
        findings.add(5615, "ConversionName");
    }
    if let Some((_, goal)) = &subject {
        check_external(row, goal, &mut findings);
    }
    let value = rows::value(row.conversion_value.as_deref(), "ConversionValue", &mut findings);
    let code = &row.conversion_currency_code;
    let currency = rows::currency(code, "ConversionCurrencyCode", &mut findings);
    let found = subject.map(|(subject, goal)| {
        let credit = scene.credit(&subject, goal);
        if scene.settings.refuse_by_click {
            refuse_by_click(credit, &mut findings);
        }
        (subject, scene.with_defaults(goal, Worth { value, currency }), credit)
    });
    findings.result(found)
}

/// Goals that are attributed elsewhere need a credit and a model, all others refuse them.
fn check_external(row: &Row, goal: &Goal, findings: &mut Findings) {
    let credit = row.external_attribution_credit.as_deref();
    let model = filled(&row.external_attribution_model);
    match (goal.externally_attributed, credit, model) {
        (true, Some(credit), Some(model)) => {
            if model.chars().count() > MAX_MODEL {
                findings.add_symbol("ExternalAttributionModelTooLong", "ExternalAttributionModel");
            }
            let credit = match money::parse(credit) {
                Some(Number::Exact(credit)) => credit,
                _ => Decimal::ZERO,
            };
            if credit <= Decimal::ZERO || credit > Decimal::ONE {
                let symbol = "ExternalAttributionCreditValueInvalid";
                findings.add_symbol(symbol, "ExternalAttributionCredit");
            }
        }
        (true, ..) => findings
            .add_symbol("ExternalAttributionRequiredFieldEmpty", "ExternalAttributionCredit"),
        (false, None, None) => {}
        (false, ..) => {
            findings.add_symbol("GoalNotEligibleForExternalAttribution", "ConversionName");
        }
    }
}

/// Microsoft documents two of the reasons as errors of the row as well.
fn refuse_by_click(credit: Credit, findings: &mut Findings) {
    match credit {
        Err("ClickTimestampAfterConversion") => findings.add(5616, "ConversionTime"),
        Err("OutsideGoalLookbackWindow") => findings.add(5617, "MicrosoftClickId"),
        _ => {}
    }
}

impl Scene<'_> {
    /// What a conversion is credited to. Its age is that at the time when it becomes visible.
    fn credit(&self, subject: &Subject, goal: &Goal) -> Credit {
        if let Some(reason) = subject.lost {
            return Err(reason);
        }
        if self.now + self.settings.visible_after() - subject.key.at > MAX_AGE {
            return Err("ConversionTimeExceedsMaxLookback");
        }
        self.clicks.credit(subject, goal, self.settings, self.now)
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
