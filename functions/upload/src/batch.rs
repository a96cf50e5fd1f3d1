//! A batch of messages as rows to be worked on, and what becomes of each message.

use std::collections::BTreeMap;

use tracklayer_core::ledger::facts::Facts;
use tracklayer_core::ledger::row::{Row, RowKey};
use tracklayer_core::ledger::signal::Signal;
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::reconcile::calls::CAREFUL_FROM;
use tracklayer_core::reconcile::decide::{Policy, busy_until};
use tracklayer_core::time::EventTime;
use tracklayer_edge::ports::Deferral;

use crate::wire::{ItemFailure, SqsBatchResponse, SqsEvent, SqsRecord};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Deleted: the row is settled or has a `due`.
    Done,
    /// A batch item failure: it is received again after the queue's own visibility timeout.
    Return,
    /// A batch item failure that is received again after this many seconds.
    Defer(i64),
    /// Refused: seen again at once, until the queue moves it to the dead-letter queue.
    DeadLetter,
}

#[derive(Debug)]
pub struct Message {
    pub id: String,
    pub receipt_handle: String,
    pub receives: u32,
}

/// One row of the batch. All its messages share one decision and one disposition.
#[derive(Debug)]
pub struct Work {
    pub key: RowKey,
    pub messages: Vec<Message>,
    /// When the newest of its messages was sent.
    pub sent_at: EventTime,
    /// The row as it is known to be.
    pub row: Option<Row>,
    /// Its facts with what was found when its click was looked for anew. Not written yet.
    pub found: Option<Box<Facts>>,
    /// Why no click was found.
    pub missing: Option<WaitReason>,
    pub disposition: Disposition,
    /// Done because its row is driven without this message, as far as this run has read.
    pub is_left: bool,
}

impl Work {
    /// The most receives of any of its messages.
    pub fn receives(&self) -> u32 {
        self.messages.iter().map(|message| message.receives).max().unwrap_or(1)
    }

    /// The row with what was found of its click.
    pub fn candidate(&self) -> Option<Row> {
        let row = self.row.clone()?;
        Some(match &self.found {
            Some(facts) => Row { facts: (**facts).clone(), ..row },
            None => row,
        })
    }

    /// The message of a row that waits in the index, or that Microsoft has taken, is not returned
    /// for trouble: its `due` brings it again, once the end of the run has written that it is left
    /// to it. While a run is at the row it is deferred: that run may have received the same message.
    /// That of a refused or dead row is returned: it becomes a dead-letter message. What is settled or
    /// refused stays so.
    pub fn set_aside(&mut self, disposition: Disposition, now: EventTime, policy: &Policy) {
        if matches!(self.disposition, Disposition::Done | Disposition::DeadLetter) {
            return;
        }
        let rests = |row: &Row| row.observed.refusal.is_some() || row.observed.dead_at.is_some();
        let waits = |row: &Row| row.open.is_some() && self.found.is_none();
        let is_driven = |row: &Row| !rests(row) && (waits(row) || row.observed.accepted.is_some());
        let driven = self.row.as_ref().filter(|row| is_driven(row));
        self.disposition = match driven.map(|row| busy_until(row, now, policy)) {
            None => disposition,
            Some(None) => {
                self.is_left = true;
                Disposition::Done
            }
            Some(Some(over)) => Disposition::Defer(over.seconds_since(now)),
        };
    }
}

/// The batch, sorted out before anything is read.
#[derive(Debug, Default)]
pub struct Batch {
    /// Rows that were tried seldom, then those that were tried often.
    pub works: Vec<Work>,
    /// Where the latter begin. Their order changes with each try, so that one that spoils a run
    /// does not always meet the same neighbours.
    pub tried_often_from: usize,
    /// Messages that have a disposition without a row.
    pub others: Vec<(Message, Disposition)>,
}

impl Batch {
    /// Sorts messages: unreadable ones are refused, early ones deferred, the rest grouped by row.
    pub fn new(event: SqsEvent, now: EventTime) -> Self {
        let mut batch = Batch::default();
        let mut works: BTreeMap<RowKey, Work> = BTreeMap::new();
        for record in event.records {
            match sort(&record, now) {
                Ok(signal) => add(&mut works, signal.key, record),
                Err(disposition) => batch.others.push((Message::from(record), disposition)),
            }
        }
        let (mut often, seldom): (Vec<Work>, Vec<Work>) =
            works.into_values().partition(|work| work.receives() >= CAREFUL_FROM);
        often.sort_by_cached_key(|work| work.key.shuffled(work.receives()));
        batch.works = seldom;
        batch.tried_often_from = batch.works.len();
        batch.works.extend(often);
        batch
    }

    /// Changes of visibility that the dispositions ask for.
    pub fn deferrals(&self) -> Vec<Deferral> {
        let deferral = |(message, disposition): (&Message, Disposition)| {
            let seconds = match disposition {
                Disposition::Defer(seconds) => seconds,
                Disposition::DeadLetter => 0,
                Disposition::Done | Disposition::Return => return None,
            };
            Some(Deferral { receipt_handle: message.receipt_handle.clone(), seconds })
        };
        self.dispositions().filter_map(deferral).collect()
    }

    /// The answer to Lambda: every message that is not done is a batch item failure.
    pub fn response(&self) -> SqsBatchResponse {
        let failed =
            self.dispositions().filter(|(_, disposition)| *disposition != Disposition::Done);
        let batch_item_failures = failed
            .map(|(message, _)| ItemFailure { item_identifier: message.id.clone() })
            .collect();
        SqsBatchResponse { batch_item_failures }
    }

    /// How many rows, and messages without a row, have such a disposition.
    pub fn count(&self, wanted: impl Fn(Disposition) -> bool) -> usize {
        let rows = self.works.iter().filter(|work| wanted(work.disposition)).count();
        rows + self.others.iter().filter(|(_, disposition)| wanted(*disposition)).count()
    }

    fn dispositions(&self) -> impl Iterator<Item = (&Message, Disposition)> {
        let of_rows = self
            .works
            .iter()
            .flat_map(|work| work.messages.iter().map(|message| (message, work.disposition)));
        of_rows.chain(self.others.iter().map(|(message, disposition)| (message, *disposition)))
    }
}

fn sort(record: &SqsRecord, now: EventTime) -> Result<Signal, Disposition> {
    let signal = Signal::parse(&record.body).map_err(|error| {
        tracing::error!(message = record.message_id, %error, "unreadable message");
        Disposition::DeadLetter
    })?;
    match signal.not_before {
        Some(time) if time.0 > now => Err(Disposition::Defer(time.0.seconds_since(now))),
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
        found: None,
        missing: None,
        disposition: Disposition::Return,
        is_left: false,
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
pub(crate) mod tests {
    use test_support::rows::{accepted_row, facts, key_of, open, row, sold};
    use tracklayer_core::ledger::index::IndexClass;
    use tracklayer_core::ledger::observed::{Claim, Refusal, RefusalReason};

    use super::*;

    /// A message of so many receives for the purchase of this id.
    pub(crate) fn record(event_id: &str, receives: u32) -> SqsRecord {
        let body = serde_json::to_string(&Signal::of(&key_of(event_id, "purchase"), None));
        let record = serde_json::json!({"messageId": event_id, "receiptHandle": event_id,
            "body": body.expect("JSON"), "attributes": {"SentTimestamp": "0",
                "ApproximateReceiveCount": receives.to_string()}});
        serde_json::from_value(record).expect("a record")
    }

    pub(crate) fn batch(records: Vec<SqsRecord>) -> Batch {
        Batch::new(SqsEvent { records }, sold())
    }

    #[test]
    fn what_was_tried_often_comes_last_in_an_order_that_changes_with_each_try() {
        let order = |receives: u32| {
            let often = (0..20).map(|n| record(&format!("often-{n}"), receives));
            let batch = batch(often.chain([record("seldom", 3)]).collect());
            let ids: Vec<String> =
                batch.works.iter().map(|work| work.key.event_id.to_string()).collect();
            assert_eq!((ids[0].as_str(), batch.tried_often_from), ("seldom", 1));
            ids
        };
        assert_eq!(order(4), order(4));
        let firsts: std::collections::BTreeSet<String> =
            (4..12).map(|receives| order(receives)[1].clone()).collect();
        assert!(firsts.len() > 3, "{firsts:?}");
    }

    #[test]
    fn messages_of_one_row_count_as_often_as_the_one_received_most() {
        let batch = batch(vec![record("1", 1), record("1", 4)]);
        assert_eq!((batch.works.len(), batch.tried_often_from), (1, 0));
        assert_eq!(batch.response().batch_item_failures.len(), 2);
    }

    #[test]
    fn an_early_message_is_deferred_without_a_row_and_an_unreadable_one_refused() {
        let early = Signal::new(&row(), Some(sold().plus_seconds(90)));
        let mut records = vec![record("1", 1), record("2", 1)];
        records[0].body = serde_json::to_string(&early).expect("JSON");
        records[1].body = "{}".to_owned();
        let batch = batch(records);
        assert!(batch.works.is_empty());
        let seconds: Vec<i64> = batch.deferrals().iter().map(|it| it.seconds).collect();
        assert_eq!(seconds, [90, 0]);
    }

    const POLICY: Policy =
        Policy { settle_delay: 43_200, run_margin: 900, min_click_age: 3_600, hour: 3_600 };

    fn set_aside(row: Row, found: bool) -> Disposition {
        let mut work = batch(vec![record("1", 1)]).works.remove(0);
        work.row = Some(row);
        work.found = found.then(|| Box::new(facts()));
        work.set_aside(Disposition::Return, sold().plus_seconds(60), &POLICY);
        work.disposition
    }

    #[test]
    fn a_message_is_not_returned_for_trouble_where_a_due_drives_its_row() {
        let waits = || Row { open: open(IndexClass::Wait, 60, None), ..row() };
        let looks = || Row { open: open(IndexClass::Look, 60, None), ..row() };
        assert_eq!(set_aside(row(), false), Disposition::Return);
        assert_eq!(set_aside(waits(), false), Disposition::Done);
        assert_eq!(set_aside(looks(), false), Disposition::Done, "its due is moved nearer yet");
        assert_eq!(set_aside(looks(), true), Disposition::Return, "its click was found");
        assert_eq!(set_aside(accepted_row(Vec::new()), false), Disposition::Done);
    }

    /// The run that has claimed it may have received the same message.
    #[test]
    fn while_another_run_is_at_a_row_its_message_is_kept() {
        let mut row = accepted_row(Vec::new());
        let claim = Claim {
            at: sold(),
            value: None,
            adjustment_time: sold(),
            corrections: 0,
            unanswered: false,
            after_unsettled: false,
            before: None,
        };
        (row.observed.claim, row.observed.unsettled) = (Some(claim), true);
        assert_eq!(set_aside(row.clone(), false), Disposition::Defer(540));
        row.observed.claim.as_mut().expect("a claim").unanswered = true;
        assert_eq!(set_aside(row, false), Disposition::Done, "its outcome is known to be unknown");
        let mut original = Row { open: open(IndexClass::Wait, 60, None), ..self::row() };
        original.observed.applying = Some(sold());
        assert_eq!(set_aside(original, false), Disposition::Defer(540));
    }

    #[test]
    fn only_what_is_left_to_its_due_is_written_once_more() {
        let is_left = |row: Row| {
            let mut work = batch(vec![record("1", 1)]).works.remove(0);
            work.row = Some(row);
            work.set_aside(Disposition::Return, sold(), &POLICY);
            work.is_left
        };
        assert!(is_left(accepted_row(Vec::new())));
        assert!(!is_left(row()), "its message is returned");
        let mut claimed = Row { open: open(IndexClass::Wait, 60, None), ..row() };
        claimed.observed.applying = Some(sold());
        assert!(!is_left(claimed), "its message is deferred");
    }

    #[test]
    fn the_message_of_a_refused_or_dead_row_is_returned_until_it_is_a_dead_letter() {
        let listed = |class| Row { open: open(class, 0, None), ..row() };
        let mut refused = listed(IndexClass::Refused);
        let reason = RefusalReason::AcceptedElsewhere;
        refused.observed.refusal = Some(Refusal { at: sold(), reason });
        assert_eq!(set_aside(refused, false), Disposition::Return);
        let mut dead = listed(IndexClass::Dead);
        dead.observed.dead_at = Some(sold());
        assert_eq!(set_aside(dead, false), Disposition::Return);
    }
}
