//! Corrections of a conversion, folded into what it is worth now.
//!
//! Corrections are a set keyed by their own event id, folded in the order they occurred, so that any
//! order of arrival ends in the same net.

use std::{cmp::Ordering, fmt};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;
use strum::IntoStaticStr;

use crate::id::{AccountName, EventName, RecordId, Source, compare_naturally};
use crate::ledger::facts::Facts;
use crate::ledger::key::PartitionKey;
use crate::ledger::observed::Observed;
use crate::money::{Amount, Currency, Money};
use crate::time::{EventTime, Moment};

/// Corrections that one row takes; more are rejected (`invalid_original`). Of those that waited for
/// their original more end as `too_many_corrections`.
pub const MAX_CORRECTIONS: usize = 50;

/// A refund, restatement or cancellation of the original.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Correction {
    pub source: Source,
    pub event_id: RecordId,
    /// When it happened, in milliseconds since 1970: the order in which corrections are folded.
    #[serde(rename = "occurredAtMs")]
    pub occurred_at: Moment,
    pub recorded_at: EventTime,
    /// The original's event, if the source named it: then no sibling under the same id will do.
    pub original_event: Option<EventName>,
    /// The account it was meant for, if the source named one.
    pub account: Option<AccountName>,
    #[serde(flatten)]
    pub change: Change,
    /// Refused when it was recorded, and why.
    pub refused: Option<CorrectionRefusal>,
}

impl Correction {
    /// Its source and its own id.
    pub fn id(&self) -> PartitionKey {
        PartitionKey { source: self.source.clone(), event_id: self.event_id.clone() }
    }

    /// Whether both are the same correction, whatever they say.
    pub fn is(&self, other: &Correction) -> bool {
        self.source == other.source && self.event_id == other.event_id
    }
}

/// What a log says of it: its id and its money.
impl fmt::Display for Correction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Change { amount, new_value, currency } = self.change;
        write!(f, "{}/{} ", self.source, self.event_id)?;
        match (amount, new_value) {
            (Some(amount), _) => write!(f, "refund {amount}")?,
            (None, Some(value)) => write!(f, "new value {value}")?,
            (None, None) => f.write_str("full refund")?,
        }
        currency.map_or(Ok(()), |currency| write!(f, " {currency}"))
    }
}

/// What a correction changes. All absent: everything is taken back.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Change {
    pub amount: Option<Amount>,
    /// This is what the conversion is worth now.
    pub new_value: Option<Amount>,
    /// The currency of the amount or of the new value.
    pub currency: Option<Currency>,
}

impl Change {
    /// The amount or the new value, with its currency.
    pub fn money(&self) -> Option<Money> {
        let amount = self.amount.or(self.new_value);
        amount.zip(self.currency).map(|(amount, currency)| Money { amount, currency })
    }
}

/// Why a correction has no effect at Microsoft.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum CorrectionRefusal {
    /// It came after a Retract was sent; Microsoft takes nothing after that.
    AfterRetraction,
    /// It came later than 90 days after the conversion.
    TooOldForMicrosoft,
    /// It is in another currency than the original.
    CurrencyMismatch,
    /// It names another account than the original's.
    AccountMismatch,
    /// The person was erased, and with it what names the conversion to Microsoft.
    IdentityErased,
    /// It waited for its original, which by now has as many corrections as a row takes.
    TooManyCorrections,
    /// A word that a later version wrote: after a roll-back its rows stay readable.
    #[serde(other)]
    Other,
}

impl CorrectionRefusal {
    /// The code that `status` shows.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What a conversion should be worth at Microsoft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Worth {
    /// What the original said; a goal without value stays here until everything is taken back.
    Original,
    Net(Money),
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Counted,
    /// It changes nothing, e.g. a partial refund on a goal without value.
    NoEffect,
    /// It is not part of the net.
    Refused(CorrectionRefusal),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folded {
    pub worth: Worth,
    /// One effect per correction, in the order of the row's corrections.
    pub effects: Vec<Effect>,
    /// What is left as it would be sent: nothing is ever less than 0. Also when Microsoft takes no more
    /// of it; absent without value.
    pub net: Option<Amount>,
}

/// Folds `corrections` of a conversion with these `facts` in the order they occurred: by
/// milliseconds, then by source, then by id with its digits compared as numbers.
pub fn fold(account: &AccountName, facts: &Facts, corrections: &[Correction]) -> Folded {
    let mut order: Vec<usize> = (0..corrections.len()).collect();
    order.sort_by(|&a, &b| occurrence(&corrections[a], &corrections[b]));
    let mut effects = vec![Effect::NoEffect; corrections.len()];
    let mut running = Running::of(facts);
    for position in order {
        effects[position] = effect_of(account, facts, &corrections[position], &mut running);
    }
    let worth = running.worth(facts);
    let net = facts.money.map(|original| match &worth {
        Worth::Original => original.amount,
        Worth::Net(money) => money.amount,
        Worth::Nothing => Amount::ZERO,
    });
    Folded { worth, effects, net }
}

fn occurrence(a: &Correction, b: &Correction) -> Ordering {
    let ids = || compare_naturally(a.event_id.as_str(), b.event_id.as_str());
    a.occurred_at.cmp(&b.occurred_at).then_with(|| a.source.cmp(&b.source)).then_with(ids)
}

fn effect_of(
    account: &AccountName, facts: &Facts, correction: &Correction, running: &mut Running,
) -> Effect {
    // The money of somebody who was erased is still money: only Microsoft does not hear of it.
    let refused = correction.refused.filter(|it| *it != CorrectionRefusal::IdentityErased);
    if let Some(refusal) = refused {
        return Effect::Refused(refusal);
    }
    if correction.account.as_ref().is_some_and(|named| named != account) {
        return Effect::Refused(CorrectionRefusal::AccountMismatch);
    }
    let original = facts.money.as_ref().map(|money| &money.currency);
    match (&correction.change.currency, original) {
        (Some(given), Some(original)) if given != original => {
            Effect::Refused(CorrectionRefusal::CurrencyMismatch)
        }
        _ => running.apply(correction),
    }
}

/// The value while folding; it may fall below zero on the way and rise again.
struct Running {
    net: Option<Decimal>,
    all_taken_back: bool,
}

impl Running {
    fn of(facts: &Facts) -> Self {
        let net = facts.money.as_ref().map(|money| money.amount.decimal());
        Running { net, all_taken_back: false }
    }

    fn apply(&mut self, correction: &Correction) -> Effect {
        let change = &correction.change;
        match (&change.amount, &change.new_value, self.net.as_mut()) {
            (Some(amount), _, Some(net)) => *net -= amount.decimal(),
            (None, Some(value), Some(net)) => {
                *net = value.decimal();
                self.all_taken_back = false;
            }
            (None, None, net) => {
                if let Some(net) = net {
                    *net = Decimal::ZERO;
                }
                self.all_taken_back = true;
            }
            // A goal without value has nothing that a part could be taken from.
            (_, _, None) => return Effect::NoEffect,
        }
        Effect::Counted
    }

    /// A net below half of the currency's smallest unit counts as nothing. An original of 0 that
    /// stays at 0 keeps counting, unless everything was taken back.
    fn worth(&self, facts: &Facts) -> Worth {
        let (Some(original), Some(net)) = (&facts.money, self.net) else {
            return if self.all_taken_back { Worth::Nothing } else { Worth::Original };
        };
        if net == original.amount.decimal() && !self.all_taken_back {
            return Worth::Original;
        }
        if net < original.currency.half_of_smallest_unit() {
            let stays_free = original.amount == Amount::ZERO && !self.all_taken_back;
            return if stays_free { Worth::Original } else { Worth::Nothing };
        }
        match Amount::try_from_decimal(net) {
            Ok(amount) => Worth::Net(Money { amount, currency: original.currency }),
            // Cannot happen: every step stays within the limits of an amount.
            Err(_) => Worth::Original,
        }
    }
}

/// The effects with those refused that came after a Retract and would have revived the conversion:
/// Microsoft takes nothing after a Retract.
pub fn effects_shown(folded: &Folded, observed: &Observed) -> Vec<Effect> {
    let retraction = observed.claim.as_ref().filter(|_| observed.is_retracted_or_doubtful());
    let known = retraction
        .filter(|_| folded.worth != Worth::Nothing)
        .map_or(usize::MAX, |claim| claim.corrections);
    let show = |(position, effect): (usize, &Effect)| match effect {
        Effect::Counted if position >= known => Effect::Refused(CorrectionRefusal::AfterRetraction),
        effect => *effect,
    };
    folded.effects.iter().enumerate().map(show).collect()
}
