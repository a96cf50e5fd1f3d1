//! A batch of messages as rows to be worked on, and what becomes of each message.

use std::collections::BTreeMap;

use tracklayer_core::{
    ledger::{
        row::{Row, RowKey},
        signal::Signal,
    },
    reconcile::calls::SUSPECT_RECEIVES,
    time::EventTime,
};
use tracklayer_edge::ports::Deferral;

use crate::wire::{ItemFailure, SqsBatchResponse, SqsEvent, SqsRecord};

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Deleted: the row is settled or has a `due`.
    Done,
    /// It comes again after the queue's own visibility timeout.
    HandBack,
    /// It comes again after this many seconds.
    Later(i64),
    /// Refused: seen again at once, until the queue moves it to the dead letters.
    Refused,
}

/// One message of a row.
#[derive(Debug)]
pub struct Message {
    pub id: String,
    pub receipt_handle: String,
    pub receives: u32,
}

/// One row of the batch. All its messages share one decision and one fate.
#[derive(Debug)]
pub struct Work {
    pub key: RowKey,
    pub messages: Vec<Message>,
    /// When the newest of its messages was sent.
    pub sent_at: EventTime,
    /// The row as it is known to stand.
    pub row: Option<Row>,
    pub fate: Fate,
}

impl Work {
    /// The most receives of any of its messages.
    pub fn receives(&self) -> u32 {
        self.messages.iter().map(|message| message.receives).max().unwrap_or(1)
    }

    /// Whether it keeps coming back without a trace of an attempt: it may be what kills the run.
    pub fn is_suspect(&self) -> bool {
        let last = self.row.as_ref().and_then(|row| row.observed.last.as_ref());
        let untried = last.is_none_or(|attempt| attempt.at < self.sent_at);
        self.receives() >= SUSPECT_RECEIVES && untried
    }
}

/// The batch, sorted out before anything is read.
#[derive(Debug, Default)]
pub struct Batch {
    pub works: Vec<Work>,
    /// Messages that have a fate without a row.
    pub others: Vec<(Message, Fate)>,
}

impl Batch {
    /// Sorts messages: unreadable ones are refused, early ones come later, the rest by row.
    pub fn new(event: SqsEvent, now: EventTime) -> Self {
        let mut batch = Batch::default();
        let mut works: BTreeMap<RowKey, Work> = BTreeMap::new();
        for record in event.records {
            match sort(&record, now) {
                Ok(signal) => add(&mut works, signal.key(), record),
                Err(fate) => batch.others.push((Message::from(record), fate)),
            }
        }
        batch.works = works.into_values().collect();
        batch
    }

    /// Changes of visibility that the fates ask for.
    pub fn deferrals(&self) -> Vec<Deferral> {
        let hide = |(message, fate): (&Message, Fate)| match fate {
            Fate::Later(seconds) => {
                Some(Deferral { receipt_handle: message.receipt_handle.clone(), seconds })
            }
            Fate::Refused => {
                Some(Deferral { receipt_handle: message.receipt_handle.clone(), seconds: 0 })
            }
            Fate::Done | Fate::HandBack => None,
        };
        self.fates().filter_map(hide).collect()
    }

    /// The answer to Lambda: every message that is not done comes again.
    pub fn response(&self) -> SqsBatchResponse {
        let failed = self.fates().filter(|(_, fate)| *fate != Fate::Done);
        let batch_item_failures = failed
            .map(|(message, _)| ItemFailure { item_identifier: message.id.clone() })
            .collect();
        SqsBatchResponse { batch_item_failures }
    }

    fn fates(&self) -> impl Iterator<Item = (&Message, Fate)> {
        let of_rows = self
            .works
            .iter()
            .flat_map(|work| work.messages.iter().map(|message| (message, work.fate)));
        of_rows.chain(self.others.iter().map(|(message, fate)| (message, *fate)))
    }
}

fn sort(record: &SqsRecord, now: EventTime) -> Result<Signal, Fate> {
    let signal = Signal::parse(&record.body).map_err(|error| {
        tracing::error!(message = record.message_id, %error, "unreadable message");
        Fate::Refused
    })?;
    match signal.not_before {
        Some(time) if time.0 > now => Err(Fate::Later(time.0.seconds_since(now))),
        _ => Ok(signal),
    }
}

fn add(works: &mut BTreeMap<RowKey, Work>, key: RowKey, record: SqsRecord) {
    let sent_at = record.attributes.sent_at();
    let work = works.entry(key.clone()).or_insert_with(|| Work {
        key,
        messages: Vec::new(),
        sent_at,
        row: None,
        fate: Fate::HandBack,
    });
    work.sent_at = work.sent_at.max(sent_at);
    work.messages.push(record.into());
}

impl From<SqsRecord> for Message {
    fn from(record: SqsRecord) -> Self {
        Message {
            receives: record.attributes.receives(),
            id: record.message_id,
            receipt_handle: record.receipt_handle,
        }
    }
}

#[cfg(test)]
mod tests {
    use tracklayer_core::{
        event::{Event, parse_event},
        ledger::observed::{Attempt, AttemptOutcome, Kind},
        mapping::Mapping,
        reconcile::{
            attribution::Credit,
            decide::{AccountView, Policy},
            intake::{facts_of, place},
            note::Context,
        },
    };

    use super::*;

    fn row(now: EventTime) -> Row {
        let event = format!(
            r#"{{"event":"purchase","eventId":"1","source":"shop","occurredAt":"{now}","value":1,
                "currency":"EUR","msclkid":"f894f652ea334e739002f7167ab8f8e3"}}"#
        );
        let Ok(Event::Conversion(conversion)) = parse_event(&event, &Mapping::shipped(), now)
        else {
            panic!("a conversion");
        };
        let credit = Credit::own(conversion.msclkid.clone().expect("a click id"));
        let policy =
            Policy { settle_delay: 43_200, run_margin: 900, min_click_age: 0, hour: 3_600 };
        let context = Context { account: &AccountView::default(), now, policy: &policy };
        place(&conversion, facts_of(&conversion, &credit), None, None, &context, 395).0
    }

    /// A message of so many receives whose row was last tried so many seconds after it was sent.
    fn work(receives: u32, tried: Option<i64>) -> Work {
        let sent_at = EventTime::from_epoch(1_800_000_000);
        let mut row = row(sent_at);
        row.observed.last = tried.map(|seconds| Attempt {
            at: sent_at.plus_seconds(seconds),
            kind: Kind::Apply,
            outcome: AttemptOutcome::Unknown,
            code: None,
            error_code: None,
            tracking_id: None,
        });
        let message = Message { id: "m".to_owned(), receipt_handle: "r".to_owned(), receives };
        let (key, messages) = (row.key.clone(), vec![message]);
        Work { key, messages, sent_at, row: Some(row), fate: Fate::HandBack }
    }

    #[test]
    fn what_keeps_coming_back_without_an_attempt_is_suspect() {
        assert!(work(4, None).is_suspect());
        assert!(!work(3, None).is_suspect());
        assert!(!work(4, Some(0)).is_suspect(), "an outage leaves a note");
        assert!(work(4, Some(-1)).is_suspect(), "of an earlier message");
    }
}
