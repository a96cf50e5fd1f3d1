//! What the simulator keeps: accepted conversions, and rows that were taken but came to nothing.
//!
//! Undocumented at Microsoft and decided here: Restates apply in the order they arrive, each one
//! that finds its conversion counts in `adjustments` (a repeated one too); a retracted conversion
//! is worth 0; a retracted conversion's key stays used, so its row sent again is a duplicate; of a
//! click's conversions on a goal that counts one of them it is the first to arrive, which keeps that
//! place when it is retracted.

use std::collections::{HashMap, HashSet};

use rust_decimal::Decimal;
use serde::Serialize;
use time::{Duration, OffsetDateTime};

use crate::{instant, money, refusals::Refusals, rows::MAX_AGE};

/// Why a row came to nothing, in the words of Microsoft's reports.
pub(crate) type Reason = &'static str;

/// Every reason there is.
/// <https://learn.microsoft.com/advertising/campaign-management-service/offlineconversionunattributedreason>
pub(crate) const REASONS: [Reason; 14] = [
    "AccountMismatch",
    "AdjustmentOriginalNotFound",
    "ClickTimestampAfterConversion",
    "ConversionAlreadyRetracted",
    "ConversionTimeExceedsMaxLookback",
    "ConversionTimeInFuture",
    "DuplicateConversionKey",
    "GoalNotFoundOrInactive",
    "HistoricalClickDataExpired",
    "MalformedData",
    "MissingMatchIdentifiers",
    "NoMatchingClickFound",
    "OutsideGoalLookbackWindow",
    "Unknown",
];

/// When the click that a conversion is credited to happened, if that is known; or why there is none.
pub(crate) type Credit = Result<Option<OffsetDateTime>, Reason>;

/// Reason of every row of a paused goal.
pub(crate) const PAUSED: Reason = "GoalNotFoundOrInactive";

/// A conversion as the simulator keeps it; its JSON is a row of `GET /simulator/conversions`.
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
    /// Of the value; none when there has never been one.
    pub currency: Option<String>,
    /// What became of it.
    pub state: ConversionState,
    /// Adjustments that were applied.
    pub adjustments: u32,
    /// Further rows with the same key, ignored whatever they carried.
    pub duplicates: u32,
    /// Whether it is one of the goal's conversions: no longer once it is retracted, and never a
    /// click's second one where the goal counts one of a click.
    pub counts: bool,
    /// When it was sent; not part of the JSON.
    #[serde(skip)]
    pub accepted_at: OffsetDateTime,
    #[serde(skip)]
    pub(crate) goal_id: String,
    #[serde(skip)]
    clicked_at: Option<OffsetDateTime>,
}

/// What became of a conversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ConversionState {
    /// As it was sent.
    Accepted,
    /// Its value was restated.
    Restated,
    /// It was taken back.
    Retracted,
}

/// A row that got no error at upload and still came to nothing. Repeated rows are not among them:
/// their conversion counts them.
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
    /// Of the conversion concerned.
    #[serde(serialize_with = "instant::serialize")]
    pub conversion_time: OffsetDateTime,
    /// `Conversion`, `Restate` or `Retract`.
    pub row: &'static str,
    /// The unattributed reason of Microsoft's reports.
    pub reason: &'static str,
}

/// What became of a row, for the report by goal.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) at: OffsetDateTime,
    pub(crate) account: String,
    pub(crate) goal_id: String,
    /// None: it counts.
    pub(crate) reason: Option<Reason>,
}

/// What Microsoft recognises a conversion by. The goal by its id, so that a new name finds it too.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) account: String,
    pub(crate) identity: Identity,
    pub(crate) goal_id: String,
    pub(crate) at: OffsetDateTime,
}

/// A click id in lower case without dashes; without one the hashed e-mail and phone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Identity {
    Click(String),
    Hashes(Option<String>, Option<String>),
}

/// A row's conversion: how it is recognised, and how it is shown.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) key: Key,
    pub(crate) goal: String,
    pub(crate) click_id: Option<String>,
    /// Hashed e-mail and phone, where the goal takes them.
    pub(crate) hashes: Vec<String>,
    /// Whether the goal counts one conversion of a click only.
    pub(crate) counts_once: bool,
    /// Why it comes to nothing, whatever else is true of it.
    pub(crate) lost: Option<Reason>,
}

/// A value with the currency it is booked in.
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

    /// Keeps a conversion that is credited; one with a known key is ignored and counted.
    pub(crate) fn accept(
        &mut self,
        subject: Subject,
        worth: Worth,
        credit: Credit,
        now: OffsetDateTime,
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

    /// Applies an adjustment to a conversion that is visible by now, or records why it was lost.
    pub(crate) fn adjust(
        &mut self,
        subject: &Subject,
        change: Change,
        visible_after: Duration,
        now: OffsetDateTime,
    ) {
        let visible = |known: &&mut Conversion| now - known.accepted_at >= visible_after;
        let row = change.name();
        let lost = subject.lost;
        let reason = match (lost, self.known(&subject.key).filter(visible)) {
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
