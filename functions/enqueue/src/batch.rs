//! The events of one request, in an order in which each finds what it needs.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use serde_json::value::RawValue;
use tracklayer_core::event::{Conversion, Event, Parsed, parse_event};
use tracklayer_core::id::AccountName;
use tracklayer_core::ledger::order::OrderKey;
use tracklayer_core::ledger::row::RowKey;
use tracklayer_edge::lambda::deadline::Deadline;
use tracklayer_edge::ports::{
    Clock as _, Erasures, IngestKey, Ports, Signals as _, Telemetry as _,
};

use crate::call::Call;
use crate::context::Enqueue;
use crate::denials::{Denials, is_denial};
use crate::wire::EventAnswer;

/// Events that are worked on at the same time, so that their requests to AWS are made together, and
/// whose signals are sent together; after each such group the time is looked at.
const TOGETHER: usize = 100;
/// No new group with less time left.
const RESERVE: Duration = Duration::from_secs(6);

/// What became of the events of a request.
pub(crate) struct Stored {
    /// One for each event, in their order.
    pub answers: Vec<EventAnswer>,
    /// Corrections that can have no effect, as the log names them, each with its account.
    pub lost: Vec<(AccountName, String)>,
}

impl<P: Ports> Enqueue<P>
where
    P::Ledger: Erasures,
{
    /// Stores all events and answers in their order; `None` if one of them, or its signal, could not
    /// be stored: the caller sends everything again then. A request that is too much for one run ends
    /// in time to say so. What was stored is a duplicate then.
    pub(crate) async fn store_all(
        &self, events: &[&RawValue], key: &IngestKey, deadline: Deadline,
    ) -> Option<Stored> {
        let now = self.clock.now();
        let parsed: Vec<_> =
            events.iter().map(|event| parse_event(event.get(), &self.mapping, now)).collect();
        let call = Call::new(self, key, now, Denials::among(&parsed, key));
        let mut answers: BTreeMap<usize, EventAnswer> = BTreeMap::new();
        for (wave, at_once) in waves(&parsed) {
            for group in wave.chunks(TOGETHER) {
                if !deadline.allows(RESERVE, &self.clock) {
                    tracing::warn!(events = events.len(), stored = answers.len(), "out of time");
                    return None;
                }
                answers.extend(call.store_group(group, at_once, &parsed).await);
                if !call.send_signals().await {
                    return None;
                }
            }
        }
        (answers.len() == events.len())
            .then(|| Stored { answers: answers.into_values().collect(), lost: call.into_lost() })
    }
}

impl<P: Ports> Call<'_, P>
where
    P::Ledger: Erasures,
{
    /// The answers of those that were stored.
    async fn store_group(
        &self, group: &[usize], at_once: usize, parsed: &[Parsed],
    ) -> Vec<(usize, EventAnswer)> {
        let work = stream::iter(group).map(|&position| async move {
            let answer = match &parsed[position].event {
                Ok(event) => self.store(event).await?,
                Err(rejection) => rejection.clone().into(),
            };
            let warnings = parsed[position].warnings.clone();
            Some((position, EventAnswer { warnings, ..answer }))
        });
        let answers: Vec<_> = work.buffer_unordered(at_once).collect().await;
        answers.into_iter().flatten().collect()
    }

    /// The event's answer, with the account that it is about, whatever becomes of it. `None`: it could
    /// not be stored.
    async fn store(&self, event: &Event) -> Option<EventAnswer> {
        let (answer, account) = match event {
            Event::Conversion(it) => (self.store_conversion(it).await, Some(&it.account)),
            Event::Correction(it) => (self.store_correction(it).await, self.account_named(it)),
            Event::Ignored(it) => (self.ignore(it).await, it.account.as_ref()),
        };
        match answer {
            Ok(answer) => {
                let account = answer.account.clone().or_else(|| account.cloned());
                Some(EventAnswer { account, ..answer })
            }
            Err(error) => {
                tracing::error!(%error, record = event.id().label(), "event not stored");
                self.enqueue.telemetry.stuck(error.unreadable());
                None
            }
        }
    }

    /// Whether all signals were sent. What was not is repaired by the caller's retry.
    async fn send_signals(&self) -> bool {
        let mut sent = true;
        for result in self.enqueue.queue.send(&self.drain_signals(), self.now, 0).await {
            if let Err(error) = result {
                tracing::error!(%error, "signal not sent");
                sent = false;
            }
        }
        sent
    }
}

/// The order in which the events of an array are stored: originals, many at a time, but each in a later
/// wave than earlier ones that share its id or order, so that the first of them counts; then denials and
/// corrections, which find their originals.
fn waves(parsed: &[Parsed]) -> Vec<(Vec<usize>, usize)> {
    let mut seen = Seen::default();
    let mut originals = vec![Vec::new()];
    let (mut denials, mut corrections) = (Vec::new(), Vec::new());
    for (position, parsed) in parsed.iter().enumerate() {
        match &parsed.event {
            Ok(Event::Correction(_)) => corrections.push(position),
            Ok(Event::Ignored(ignored)) if is_denial(ignored) => denials.push(position),
            Ok(Event::Conversion(conversion)) => {
                let wave = seen.wave_of(conversion);
                originals.resize_with(originals.len().max(wave + 1), Vec::new);
                originals[wave].push(position);
            }
            _ => originals[0].push(position),
        }
    }
    let originals = originals.into_iter().map(|wave| (wave, TOGETHER));
    originals.chain([(denials, TOGETHER), (corrections, 1)]).collect()
}

/// The next wave in which an id or an order may come.
#[derive(Default)]
struct Seen<'a> {
    ids: BTreeMap<&'a RowKey, usize>,
    orders: BTreeMap<&'a OrderKey, usize>,
}

impl<'a> Seen<'a> {
    fn wave_of(&mut self, conversion: &'a Conversion) -> usize {
        let by_id = self.ids.entry(&conversion.key).or_default();
        let by_order = conversion.order.as_ref().map(|order| self.orders.entry(order).or_default());
        let wave = (*by_id).max(by_order.as_deref().copied().unwrap_or_default());
        *by_id = wave + 1;
        by_order.into_iter().for_each(|by_order| *by_order = wave + 1);
        wave
    }
}

#[cfg(test)]
mod tests {
    use tracklayer_core::mapping::Mapping;
    use tracklayer_core::time::EventTime;

    use super::*;

    fn sale(id: &str, order: &str) -> String {
        format!(
            r#"{{"event":"purchase","eventId":"{id}","source":"shop","value":1,"currency":"USD",
                "occurredAt":"2026-04-24T11:42:13Z","email":"a@example.com","orderId":"{order}"}}"#
        )
    }

    #[test]
    fn events_that_share_an_id_or_an_order_are_in_waves_one_after_the_other() {
        let now = EventTime::parse_rfc3339("2026-04-24T12:00:00Z").expect("a time");
        let refund = r#"{"event":"refund","eventId":"r","source":"shop","original":{"eventId":"a"},
            "occurredAt":"2026-04-24T11:50:00Z"}"#;
        let view = r#"{"event":"page_view","eventId":"v","source":"shop"}"#;
        let sales = [("a", "1"), ("b", "1"), ("a", "2"), ("c", "2"), ("d", "3"), ("a", "")];
        let mut events: Vec<String> = sales.map(|(id, order)| sale(id, order)).to_vec();
        events.insert(0, refund.to_owned());
        events.insert(3, view.to_owned());
        events.push("no event".to_owned());
        let parsed: Vec<Parsed> =
            events.iter().map(|event| parse_event(event, &Mapping::sample(), now)).collect();
        let expected = [
            // The first of each, the view, another order, and what is none.
            (vec![1, 3, 6, 8], TOGETHER),
            (vec![2, 4], TOGETHER),
            (vec![5, 7], TOGETHER),
            (vec![], TOGETHER),
            (vec![0], 1),
        ];
        assert_eq!(waves(&parsed), expected);
    }
}
