//! What is open or refused, by reason, with what helps.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use tracklayer_core::ledger::correction::{Correction, CorrectionRefusal, Effect};
use tracklayer_core::ledger::row::Row;
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::money::{Amount, Currency};
use tracklayer_core::reconcile::state;
use tracklayer_core::reconcile::state::State;
use tracklayer_core::time::EventTime;

use crate::explain::{self, without_links};

/// Ids that are named for each reason.
const EXAMPLES: usize = 3;

/// What is not done about a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Microsoft has not got it.
    Sale,
    /// Microsoft has it, but not what it is worth now.
    Correction,
}

impl What {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            What::Sale => "Sale",
            What::Correction => "Correction",
        }
    }
}

/// What has a reason in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReasonKey {
    /// Sales or corrections.
    pub what: What,
    /// Whether nothing happens to them until a person does something, if anything ever does.
    pub is_refused: bool,
    /// In the words of `status`.
    pub reason: String,
    /// The currency of their money, if they have any.
    pub currency: Option<&'static str>,
}

/// How many have a reason in common, and what helps.
#[derive(Clone, Debug)]
pub struct ReasonFigures {
    /// How many.
    pub number: u64,
    /// Of sales, what they are worth; of corrections, by how much Microsoft's value is wrong.
    pub money: Decimal,
    /// When the oldest of them came.
    pub oldest: EventTime,
    /// Why it is so.
    pub meaning: String,
    /// What helps.
    pub cure: String,
    /// Some of them, as `source/eventId`.
    pub examples: Vec<String>,
}

/// What is open or refused.
#[derive(Debug, Default)]
pub struct Reasons(BTreeMap<ReasonKey, ReasonFigures>);

impl Reasons {
    /// Those that wait, or those that are refused; the most money first within each currency.
    pub fn of(&self, is_refused: bool) -> Vec<(&ReasonKey, &ReasonFigures)> {
        let all = self.0.iter().filter(|(key, _)| key.is_refused == is_refused);
        let mut all: Vec<_> = all.collect();
        all.sort_by_key(|(key, it)| {
            (key.what, key.currency, std::cmp::Reverse((it.money, it.number)))
        });
        all
    }

    /// Adds what is open or refused of a row.
    pub fn add(&mut self, row: &Row) {
        let (state, reason) = state::state(row);
        let is_sent = row.observed.accepted.is_some();
        let lost = self.add_lost_corrections(row);
        let is_refused = match state {
            State::Accepted | State::Restated | State::Retracted => return,
            State::Queued | State::Waiting => false,
            // Its refusal is that of a correction, which is added already.
            State::Refused if lost && is_sent && row.observed.refusal.is_none() => return,
            State::Refused | State::Dead => true,
        };
        let what = if is_sent { What::Correction } else { What::Sale };
        let advice = explain::why(row).map_or_else(
            || (state.meaning().to_owned(), "Nothing.".to_owned()),
            |why| (plain(why.meaning), plain(why.cure)),
        );
        let reason = reason.unwrap_or_else(|| state.as_str().to_owned());
        let currency = row.facts.money.map(|money| Currency::as_str(money.currency));
        let key = ReasonKey { what, is_refused, reason, currency };
        let money = if is_sent { owed(row) } else { value(row) };
        self.count(key, money, row.recorded_at, advice, row.key.label());
    }

    /// Corrections that Microsoft will not hear of, each by its own reason. Answers whether there are
    /// any.
    fn add_lost_corrections(&mut self, row: &Row) -> bool {
        let mut any = false;
        for (correction, effect) in row.corrections.iter().zip(state::corrections(row).1) {
            let Effect::Refused(refusal) = effect else { continue };
            any = true;
            let key = ReasonKey {
                what: What::Correction,
                is_refused: true,
                reason: refusal.as_str().to_owned(),
                currency: currency_of(row, correction),
            };
            let money = amount_of(row, correction);
            let label = format!("{}/{}", correction.source, correction.event_id);
            self.count(key, money, correction.recorded_at, of_correction(refusal), label);
        }
        any
    }

    /// Adds corrections whose sale has not come.
    pub fn add_orphan(&mut self, since: EventTime, label: String) {
        let advice = WaitReason::OriginalMissing.advice();
        let key = ReasonKey {
            what: What::Correction,
            is_refused: false,
            reason: WaitReason::OriginalMissing.as_str().to_owned(),
            currency: None,
        };
        let advice = (plain(advice.meaning), plain(advice.cure));
        self.count(key, Decimal::ZERO, since, advice, label);
    }

    fn count(
        &mut self, key: ReasonKey, money: Decimal, since: EventTime, advice: (String, String),
        label: String,
    ) {
        let figures = self.0.entry(key).or_insert_with(|| ReasonFigures {
            number: 0,
            money: Decimal::ZERO,
            oldest: since,
            meaning: advice.0,
            cure: advice.1,
            examples: Vec::new(),
        });
        figures.number += 1;
        figures.money += money;
        figures.oldest = figures.oldest.min(since);
        if figures.examples.len() < EXAMPLES {
            figures.examples.push(label);
        }
    }
}

/// The texts are those of the pages in Markdown.
pub fn plain(text: &str) -> String {
    without_links(text).replace('`', "")
}

fn of_correction(refusal: CorrectionRefusal) -> (String, String) {
    let advice = refusal.advice();
    (plain(advice.meaning), plain(advice.cure))
}

fn currency_of(row: &Row, correction: &Correction) -> Option<&'static str> {
    let own = correction.change.currency.map(Currency::as_str);
    own.or(row.facts.money.map(|money| Currency::as_str(money.currency)))
}

/// What a correction is about: the amount given back, or by how much the value changes.
fn amount_of(row: &Row, correction: &Correction) -> Decimal {
    let change = &correction.change;
    match (change.amount, change.new_value) {
        (Some(amount), _) => amount.decimal(),
        (None, Some(value)) => (self::value(row) - value.decimal()).abs(),
        (None, None) => value(row),
    }
}

fn value(row: &Row) -> Decimal {
    row.facts.money.map_or(Decimal::ZERO, |money| money.amount.decimal())
}

/// By how much what Microsoft was told last differs from what the sale is worth.
fn owed(row: &Row) -> Decimal {
    let net = state::corrections(row).0.net.map_or(Decimal::ZERO, Amount::decimal);
    let told = state::value_at_microsoft(row).map(|money| money.amount.decimal());
    (net - told.unwrap_or_default()).abs()
}

#[cfg(test)]
mod tests {
    use tracklayer_core::ledger::observed::{Refusal, RefusalReason};

    use super::*;
    use crate::testing::{now, row};

    #[test]
    fn a_reason_has_its_money_its_cure_and_a_few_examples() {
        let mut refused = row();
        let reason = RefusalReason::Microsoft { code: Some(5606), symbol: None };
        refused.observed.refusal = Some(Refusal { at: now(), reason });
        let mut reasons = Reasons::default();
        (0..5).for_each(|_| reasons.add(&refused));
        reasons.add(&row());
        reasons.add_orphan(now(), "shop/9".to_owned());
        let of_refused = reasons.of(true);
        let (key, figures) = of_refused[0];
        assert_eq!((of_refused.len(), key.what, key.currency), (1, What::Sale, Some("EUR")));
        assert_eq!((figures.number, figures.money.to_string().as_str()), (5, "47.5"));
        assert_eq!(figures.examples, ["shop/1"; EXAMPLES]);
        assert!(figures.cure.len() > 9 && !figures.cure.contains('`'), "{}", figures.cure);
        let waiting: Vec<_> = reasons.of(false).iter().map(|(key, _)| key.reason.clone()).collect();
        assert_eq!(waiting, ["queued", "original_missing"]);
    }
}
