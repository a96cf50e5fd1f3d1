//! What the simulator stores: accepted conversions, and rows that were accepted but came to nothing.
//!
//! Microsoft does not document the following, so it is decided here. Restates apply in the order in
//! which they arrive, and each one that finds its conversion counts in `adjustments`, also a repeated
//! one. A retracted conversion has the value 0; its key stays used, so that its row sent again is a
//! duplicate. At a goal that counts one conversion of a click, the first one to arrive counts, and no
//! other takes its place when it is retracted.

use std::collections::{HashMap, HashSet};

use rust_decimal::Decimal;
use serde::Serialize;
use time::{Duration, OffsetDateTime};

use crate::limits::MAX_AGE;
use crate::reason::{Credit, Reason};
use crate::refusals::Refusals;
use crate::subject::{Identity, Key, Subject};
use crate::{instant, money};

/// A stored conversion; its JSON is a row of `GET /simulator/conversions`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Conversion {
    /// The ad account; not part of the JSON.
    #[serde(skip)]
    pub account: String,
    /// The goal's name at the time of acceptance.
    pub goal: String,
    /// As first sent; none for a row that was matched by hashed data alone.
    pub click_id: Option<String>,
    /// When it happened.
    #[serde(serialize_with = "instant::serialize")]
    pub conversion_time: OffsetDateTime,
    /// The value it was accepted with: the row's, else the goal's default.
    #[serde(serialize_with = "money::serialize")]
    pub original_value: Option<Decimal>,
    /// The value now; 0 when retracted.
    #[serde(serialize_with = "money::serialize")]
    pub value: Option<Decimal>,
    /// The currency of the value; none if there has never been a value.
    pub currency: Option<String>,
    /// Whether and how it was adjusted.
    pub state: ConversionState,
    /// Adjustments that were applied.
    pub adjustments: u32,
    /// Further rows with the same key, ignored whatever they carried.
    pub duplicates: u32,
    /// Whether it counts as a conversion of the goal: not once it is retracted, and never a click's
    /// second one if the goal counts one of a click.
    pub counts: bool,
    /// When it was sent; not part of the JSON.
    #[serde(skip)]
    pub accepted_at: OffsetDateTime,
    #[serde(skip)]
    pub(crate) goal_id: String,
    #[serde(skip)]
    clicked_at: Option<OffsetDateTime>,
}

/// Whether and how a conversion was adjusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ConversionState {
    /// It was not adjusted.
    Accepted,
    /// Its value was restated.
    Restated,
    /// It was retracted.
    Retracted,
}

/// A row that got no error at upload but came to nothing. Repeated rows are not among these; they
/// are counted at their conversion.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unattributed {
    /// When it was sent.
    #[serde(serialize_with = "instant::serialize")]
    pub at: OffsetDateTime,
    /// The ad account.
    pub account: String,
    /// The goal's name.
    pub goal: String,
    /// None for a row with hashed data alone.
    pub click_id: Option<String>,
    /// Time of the conversion that the row is about.
    #[serde(serialize_with = "instant::serialize")]
    pub conversion_time: OffsetDateTime,
    /// `Conversion`, `Restate` or `Retract`.
    pub row: &'static str,
    /// The unattributed reason of Microsoft's reports.
    pub reason: &'static str,
}

/// The outcome of a row, for the report by goal.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) at: OffsetDateTime,
    pub(crate) account: String,
    pub(crate) goal_id: String,
    /// None if the row counts.
    pub(crate) reason: Option<Reason>,
}

/// A value and its currency.
#[derive(Clone, Debug, Default)]
pub(crate) struct Worth {
    pub(crate) value: Option<Decimal>,
    pub(crate) currency: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) enum Change {
    Restate(Worth),
    Retract,
}

impl Change {
    fn name(&self) -> &'static str {
        match self {
            Self::Restate(_) => "Restate",
            Self::Retract => "Retract",
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    conversions: Vec<Conversion>,
    by_key: HashMap<Key, usize>,
    /// Account, goal and click of each conversion.
    credited: HashSet<(String, String, Identity)>,
    pub(crate) refusals: Refusals,
    unattributed: Vec<Unattributed>,
    outcomes: Vec<Outcome>,
}

impl Ledger {
    pub(crate) fn conversions(&self) -> &[Conversion] {
        &self.conversions
    }

    pub(crate) fn unattributed(&self) -> &[Unattributed] {
        &self.unattributed
    }

    pub(crate) fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// Stores a conversion that is credited. One with a known key is only counted as a duplicate.
    pub(crate) fn accept(
        &mut self, subject: Subject, worth: Worth, credit: Credit, now: OffsetDateTime,
    ) {
        if let Some(known) = self.known(&subject.key) {
            known.duplicates += 1;
            return self.note(&subject, Some("DuplicateConversionKey"), now);
        }
        let clicked_at = match credit {
            Ok(clicked_at) => clicked_at,
            Err(reason) => return self.lose(&subject, "Conversion", reason, now),
        };
        self.note(&subject, None, now);
        self.by_key.insert(subject.key.clone(), self.conversions.len());
        let key = &subject.key;
        let click = (key.account.clone(), key.goal_id.clone(), key.identity.clone());
        let is_first = self.credited.insert(click);
        self.conversions.push(Conversion {
            account: subject.key.account,
            goal: subject.goal,
            click_id: subject.click_id,
            conversion_time: subject.key.at,
            original_value: worth.value,
            value: worth.value,
            currency: worth.currency,
            state: ConversionState::Accepted,
            adjustments: 0,
            duplicates: 0,
            counts: is_first || !subject.counts_once,
            accepted_at: now,
            goal_id: subject.key.goal_id,
            clicked_at,
        });
    }

    /// Applies an adjustment to its conversion if that is visible by now, else records why the
    /// adjustment comes to nothing.
    pub(crate) fn adjust(
        &mut self, subject: &Subject, change: Change, visible_after: Duration, now: OffsetDateTime,
    ) {
        let visible = |known: &&mut Conversion| now - known.accepted_at >= visible_after;
        let row = change.name();
        let reason = match (subject.lost, self.known(&subject.key).filter(visible)) {
            (Some(reason), _) => reason,
            (_, None) => "AdjustmentOriginalNotFound",
            (_, Some(known)) if known.state == ConversionState::Retracted => {
                "ConversionAlreadyRetracted"
            }
            (_, Some(known)) if known.clicked_at.is_some_and(|at| now - at > MAX_AGE) => {
                "HistoricalClickDataExpired"
            }
            (_, Some(known)) => {
                known.change(change);
                return self.note(subject, None, now);
            }
        };
        self.lose(subject, row, reason, now);
    }

    fn known(&mut self, key: &Key) -> Option<&mut Conversion> {
        let index = *self.by_key.get(key)?;
        self.conversions.get_mut(index)
    }

    fn lose(&mut self, subject: &Subject, row: &'static str, reason: Reason, now: OffsetDateTime) {
        self.note(subject, Some(reason), now);
        self.unattributed.push(Unattributed {
            at: now,
            account: subject.key.account.clone(),
            goal: subject.goal.clone(),
            click_id: subject.click_id.clone(),
            conversion_time: subject.key.at,
            row,
            reason,
        });
    }

    fn note(&mut self, subject: &Subject, reason: Option<Reason>, now: OffsetDateTime) {
        let (account, goal_id) = (subject.key.account.clone(), subject.key.goal_id.clone());
        self.outcomes.push(Outcome { at: now, account, goal_id, reason });
    }
}

impl Conversion {
    fn change(&mut self, change: Change) {
        self.adjustments += 1;
        match change {
            Change::Restate(worth) => {
                self.state = ConversionState::Restated;
                self.value = worth.value;
                self.currency = worth.currency;
            }
            Change::Retract => {
                self.state = ConversionState::Retracted;
                self.counts = false;
                self.value = Some(Decimal::ZERO);
            }
        }
    }
}
