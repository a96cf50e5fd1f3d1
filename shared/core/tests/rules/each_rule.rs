//! One property per rule of reconciliation, over rows that any sequence of corrections, attempts
//! and outcomes can lead to.

use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value, to_value};
use tracklayer_core::{
    ledger::{
        correction::fold,
        observed::{Kind, Postponed, RefusalReason},
        row::Row,
        wait::WaitReason,
    },
    microsoft::{
        errors::ErrorClass,
        payload::{OfflineConversion, OfflineConversionAdjustment},
        reply::MicrosoftError,
    },
    reconcile::{
        decide::{Action, Adjustment, next_action},
        intake::append,
        note::Note,
    },
    time::{EventTime, MAX_AGE},
};

use crate::support::*;

/// How the attempt that a row asks for ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Accepted,
    Failed,
    Later,
    Unknown,
    HandedBack,
    Killed,
}

#[derive(Clone, Debug)]
enum Step {
    Refund(i64),
    Restatement(i64),
    Full,
    Attempt(End),
    Pass(i64),
    Redrive,
}

fn step() -> impl Strategy<Value = Step> {
    let end = prop_oneof![
        4 => Just(End::Accepted),
        1 => Just(End::Failed),
        1 => Just(End::Later),
        1 => Just(End::Unknown),
        1 => Just(End::HandedBack),
        1 => Just(End::Killed),
    ];
    prop_oneof![
        2 => (1_i64..150_000).prop_map(Step::Refund),
        1 => (0_i64..200_000).prop_map(Step::Restatement),
        1 => Just(Step::Full),
        8 => end.prop_map(Step::Attempt),
        4 => (0_i64..2 * DAY).prop_map(Step::Pass),
        1 => Just(Step::Redrive),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 0..40)
}

/// A row on its way, with the attempts that were made of it.
struct Story {
    row: Row,
    now: EventTime,
    bench: Bench,
    sent: Vec<(EventTime, Value)>,
}

impl Story {
    fn new() -> Self {
        Story { row: row(), now: after(2 * HOUR), bench: Bench::new(), sent: Vec::new() }
    }

    fn take(&mut self, number: usize, step: &Step) {
        let happened = number as i64;
        let name = format!("c-{number}");
        let text = |thousandths: i64| Decimal::new(thousandths, 3).to_string();
        match step {
            Step::Refund(part) => self.correct(refund(&name, happened, &text(*part))),
            Step::Restatement(value) => self.correct(restatement(&name, happened, &text(*value))),
            Step::Full => self.correct(full(&name, happened)),
            Step::Pass(seconds) => self.now = self.now.plus_seconds(*seconds),
            Step::Redrive if self.row.observed.refusal.is_some() => self.note(&Note::Taken(None)),
            Step::Redrive => {}
            Step::Attempt(end) => self.attempt(*end),
        }
    }

    fn correct(&mut self, correction: tracklayer_core::ledger::correction::Correction) {
        self.row = append(&self.row, correction, &self.bench.context(self.now));
    }

    fn next(&self) -> Action {
        next_action(&self.row, &self.bench.account, self.now, &self.bench.policy)
    }

    fn note(&mut self, note: &Note) {
        let write = note.write(&self.row, &self.bench.context(self.now));
        assert!(carry_out(&mut self.row, &write));
    }

    fn attempt(&mut self, end: End) {
        let facts = self.row.facts.clone().expect("facts");
        let (kind, payload) = match self.next() {
            Action::Apply => (Kind::Apply, to_value(OfflineConversion::new(&facts))),
            Action::Adjust(adjustment, time) => {
                self.note(&Note::Claimed(adjustment.clone(), time));
                let payload = OfflineConversionAdjustment::new(&facts, &adjustment, time);
                (adjustment.kind(), to_value(payload))
            }
            Action::Refuse(reason) if self.row.observed.refusal.is_none() => {
                return self.note(&Note::Refused(reason));
            }
            _ => return,
        };
        self.sent.push((self.now, payload.expect("JSON")));
        if let Some(note) = outcome(end, kind, self.now) {
            self.note(&note);
        }
    }
}

fn outcome(end: End, kind: Kind, now: EventTime) -> Option<Note> {
    let error = |code, class| MicrosoftError { code: Some(code), symbol: None, class };
    let until = Postponed { until: now.plus_seconds(HOUR), reason: WaitReason::GoalTooRecent };
    Some(match end {
        End::Accepted => Note::Accepted(kind, mark()),
        End::Failed => Note::Failed(kind, mark(), error(5610, ErrorClass::Final)),
        End::Later => Note::Postponed(kind, mark(), error(5615, ErrorClass::Unknown), until),
        End::Unknown => Note::Unknown(kind, mark(), None),
        End::HandedBack => Note::HandedBack(kind, mark(), error(106, ErrorClass::Account)),
        End::Killed => return None,
    })
}

/// Takes the steps, and looks at the row before and after each.
fn follow(steps: &[Step], mut look: impl FnMut(&Story)) -> Story {
    let mut story = Story::new();
    for (number, step) in steps.iter().enumerate() {
        look(&story);
        story.take(number, step);
    }
    look(&story);
    story
}

fn adjustments(story: &Story) -> Vec<&(EventTime, Value)> {
    story.sent.iter().filter(|(_, sent)| sent.get("AdjustmentType").is_some()).collect()
}

fn moment(sent: &Value) -> EventTime {
    time(sent["AdjustmentTime"].as_str().expect("a time"))
}

proptest! {
    #[test]
    fn an_apply_carries_the_original_value_and_is_always_the_same(steps in steps()) {
        let story = follow(&steps, |_| {});
        let original = to_value(OfflineConversion::new(&facts())).expect("JSON");
        for (_, sent) in story.sent.iter().filter(|(_, s)| s.get("ConversionValue").is_some()) {
            prop_assert_eq!(sent, &original);
            prop_assert_eq!(sent["ConversionValue"].to_string(), "129.95");
        }
    }

    #[test]
    fn an_adjustment_is_the_net_or_a_retract_without_value(steps in steps()) {
        follow(&steps, |story| {
            let row = &story.row;
            let net = fold(&row.account, &facts(), &row.corrections).net.expect("a value");
            match story.next() {
                Action::Adjust(Adjustment::Restate(money), _) => {
                    assert_eq!((money.amount.decimal(), money.currency), (net, currency("USD")));
                    assert!(net > Decimal::ZERO);
                }
                Action::Adjust(Adjustment::Retract, time) => {
                    assert!(net <= Decimal::ZERO || row.observed.retract_claimed.is_some());
                    let (facts, retract) = (facts(), Adjustment::Retract);
                    let payload = OfflineConversionAdjustment::new(&facts, &retract, time);
                    assert_eq!(to_value(payload).expect("JSON").get("AdjustmentValue"), None);
                }
                _ => {}
            }
        });
    }

    #[test]
    fn after_a_claimed_retract_only_a_retract_is_sent(steps in steps()) {
        let story = follow(&steps, |_| {});
        let kinds: Vec<_> = adjustments(&story).iter().map(|(_, sent)| sent["AdjustmentType"].clone()).collect();
        let first = kinds.iter().position(|kind| kind == "Retract").unwrap_or(kinds.len());
        prop_assert!(kinds[first..].iter().all(|kind| kind == "Retract"), "{:?}", kinds);
    }

    #[test]
    fn facts_stay_whatever_is_learned_or_corrected(steps in steps()) {
        follow(&steps, |story| assert_eq!(story.row.facts, Some(facts())));
    }

    #[test]
    fn corrections_raise_desired_only_and_outcomes_observed_only(steps in steps()) {
        let mut last: Option<Row> = None;
        follow(&steps, |story| {
            let row = &story.row;
            if let Some(last) = last.replace(row.clone()) {
                assert_eq!(row.desired_revision != last.desired_revision, row.corrections != last.corrections);
                assert_eq!(row.observed_revision != last.observed_revision, row.observed != last.observed);
            }
        });
    }

    #[test]
    fn adjustments_lie_apart_and_their_times_rise(steps in steps()) {
        let story = follow(&steps, |_| {});
        let spacing = story.bench.policy.spacing();
        let sent = adjustments(&story);
        for pair in sent.windows(2) {
            prop_assert!(pair[1].0.seconds_since(pair[0].0) >= spacing);
            prop_assert!(moment(&pair[1].1) > moment(&pair[0].1));
        }
        for (at, payload) in sent {
            prop_assert!(moment(payload) > sold() && moment(payload) <= *at);
        }
    }

    #[test]
    fn nothing_is_in_sync_after_an_unknown_adjustment_until_a_later_one_was_taken(steps in steps()) {
        follow(&steps, |story| {
            if story.row.observed.unsettled {
                assert_ne!(story.next(), Action::InSync);
            }
        });
    }

    #[test]
    fn the_settle_delay_ends_only_early_at_the_last_moment(steps in steps()) {
        follow(&steps, |story| {
            let Some(accepted) = &story.row.observed.accepted else { return };
            let policy = &story.bench.policy;
            let settled = accepted.at.plus_seconds(policy.settle_delay);
            let last = sold().plus_seconds(MAX_AGE - policy.run_margin);
            if matches!(story.next(), Action::Adjust(..)) {
                assert!(story.now >= settled.min(last));
            }
        });
    }

    #[test]
    fn a_row_of_another_environment_or_account_is_refused_and_never_in_sync(steps in steps()) {
        follow(&steps, |story| {
            let mut row = story.row.clone();
            row.observed.refusal = None;
            let Some(accepted) = &mut row.observed.accepted else { return };
            accepted.by = sandbox();
            let action = next_action(&row, &story.bench.account, story.now, &story.bench.policy);
            assert_eq!(action, Action::Refuse(RefusalReason::AcceptedElsewhere));
        });
    }

    #[test]
    fn nothing_is_sent_twice_without_cause(steps in steps()) {
        let story = follow(&steps, |_| {});
        let attempts = steps.iter().filter(|step| matches!(step, Step::Attempt(_))).count();
        prop_assert!(story.sent.len() <= attempts);
        // Accepted once, an original is never sent again; a correction only for something new, for
        // an outcome that was not heard, or when it was refused and taken up again.
        let clean = steps.iter().all(|step| {
            !matches!(step, Step::Attempt(End::Failed | End::Later | End::Unknown | End::HandedBack | End::Killed))
        });
        let corrections = story.row.corrections.len();
        prop_assert!(!clean || story.sent.len() <= 1 + corrections);
    }

    #[test]
    fn what_is_written_twice_is_written_once(steps in steps()) {
        follow(&steps, |story| {
            let again = match story.next() {
                Action::WaitUntil(until, reason) => Note::Waits(until, reason),
                Action::InSync => Note::InSync,
                Action::Refuse(reason) => Note::Refused(reason),
                _ => return,
            };
            let context = story.bench.context(story.now);
            let mut row = story.row.clone();
            assert!(carry_out(&mut row, &again.write(&story.row, &context)));
            let mut twice = row.clone();
            assert!(carry_out(&mut twice, &again.write(&row, &context)));
            assert_eq!((twice.observed, twice.facts), (row.observed, row.facts));
        });
    }
}
