//! Folds corrections into what a conversion is worth now.
//!
//! Corrections are a set keyed by their own event id, folded in the order they occurred (same
//! second: by source, then id), so that any order of arrival ends in the same net.

use rust_decimal::Decimal;

use crate::{
    id::AccountName,
    money::{Amount, Money},
    observed::Observed,
    record::{Correction, CorrectionRefusal, Facts},
};

/// What a conversion should be worth at Microsoft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Worth {
    /// What the original said; a goal without value stays here until everything is taken back.
    Original,
    /// Another value, above nothing.
    Net(Money),
    /// Nothing is left.
    Nothing,
}

/// What one correction came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is part of the net.
    Counted,
    /// It changes nothing, e.g. a partial refund on a goal without value.
    NoEffect,
    /// It is not part of the net.
    Refused(CorrectionRefusal),
}

/// The result of folding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folded {
    /// What should stand at Microsoft.
    pub worth: Worth,
    /// One effect per correction, in the order they stand in the row.
    pub effects: Vec<Effect>,
    /// The net as the order log sees it, also when Microsoft can't be told; absent without value.
    pub net: Option<Decimal>,
}

/// Folds `corrections` of a conversion with these `facts`. Which of them Microsoft was never told of,
/// because the person was erased, is said by [`crate::state::corrections`].
#[must_use]
pub fn fold(account: &AccountName, facts: &Facts, corrections: &[Correction]) -> Folded {
    let mut order: Vec<usize> = (0..corrections.len()).collect();
    order.sort_by_key(|&i| {
        let c = &corrections[i];
        (c.occurred_at, c.source.as_str(), c.event_id.as_str())
    });
    let mut effects = vec![Effect::NoEffect; corrections.len()];
    let mut ledger = Running::of(facts);
    for position in order {
        effects[position] = effect_of(account, facts, &corrections[position], &mut ledger);
    }
    Folded { worth: ledger.worth(facts), effects, net: ledger.net }
}

fn effect_of(
    account: &AccountName,
    facts: &Facts,
    correction: &Correction,
    running: &mut Running,
) -> Effect {
    // The money of somebody who was erased is still money: only Microsoft isn't told of it.
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
        _ => running.take(correction),
    }
}

/// The value while folding; it may fall below zero on the way and come back.
struct Running {
    net: Option<Decimal>,
    all_taken_back: bool,
    touched: bool,
}

impl Running {
    fn of(facts: &Facts) -> Self {
        let net = facts.money.as_ref().map(|money| money.amount.decimal());
        Running { net, all_taken_back: false, touched: false }
    }

    fn take(&mut self, correction: &Correction) -> Effect {
        let change = &correction.change;
        match (&change.amount, &change.new_value, self.net.as_mut()) {
            (Some(amount), _, Some(net)) => *net -= amount.decimal(),
            (None, Some(value), Some(net)) => *net = value.decimal(),
            (None, None, net) => {
                if let Some(net) = net {
                    *net = Decimal::ZERO;
                }
                self.all_taken_back = true;
            }
            // A goal without value has nothing that a part could be taken from.
            (_, _, None) => return Effect::NoEffect,
        }
        self.touched = true;
        Effect::Counted
    }

    fn worth(&self, facts: &Facts) -> Worth {
        match (&facts.money, self.net) {
            _ if !self.touched => Worth::Original,
            (Some(_), Some(net)) if net <= Decimal::ZERO => Worth::Nothing,
            (Some(original), Some(net)) => match Amount::try_from_decimal(net) {
                Ok(amount) if amount == original.amount => Worth::Original,
                Ok(amount) => Worth::Net(Money { amount, currency: original.currency }),
                // Cannot happen: every step stays within the limits of an amount.
                Err(_) => Worth::Original,
            },
            _ if self.all_taken_back => Worth::Nothing,
            _ => Worth::Original,
        }
    }
}

/// Marks the corrections that came after a Retract was claimed and would have revived the
/// conversion: Microsoft takes nothing after a Retract.
#[must_use]
pub fn effects_shown(folded: &Folded, observed: &Observed) -> Vec<Effect> {
    let revived = observed.retract_claimed.filter(|_| folded.worth != Worth::Nothing);
    let show = |(position, effect): (usize, &Effect)| match revived {
        Some(known) if *effect == Effect::Counted && position >= known as usize => {
            Effect::Refused(CorrectionRefusal::AfterRetraction)
        }
        _ => *effect,
    };
    folded.effects.iter().enumerate().map(show).collect()
}
