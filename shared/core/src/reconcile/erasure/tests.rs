//! An erased row is never sent again, and an erasure names all that Microsoft may have.

use proptest::prelude::*;

use super::*;
use crate::ledger::correction::{CorrectionRefusal, Effect};
use crate::ledger::observed::{Adjustment, Kind};
use crate::microsoft::reply::MicrosoftError;
use crate::reconcile::decide::{AccountView, Action, is_about_to_expire};
use crate::reconcile::intake::append;
use crate::reconcile::note::Note;
use crate::reconcile::redrive::{Redrive, redrive};
use crate::reconcile::state::{State, corrections, held_by_microsoft, state, value_at_microsoft};
use crate::reconcile::tests::*;
use crate::time::DAY;

fn id(text: &str) -> RecordId {
    text.parse().expect("an id")
}

fn asked(person: Person) -> Erasure {
    let all = || vec!["*".to_owned()];
    Erasure {
        person,
        scope: Scope { sources: all(), accounts: all() },
        by: "crm".to_owned(),
        asked_at: time(0),
        references: BTreeSet::new(),
    }
}

fn erased(row: &Row) -> Row {
    erase(row, time(0)).expect("something to erase")
}

fn refused(reason: &str) -> (State, Option<String>) {
    (State::Refused, Some(reason.to_owned()))
}

#[test]
fn a_person_is_found_by_any_name_the_row_knows_until_it_is_erased() {
    let row = row_at(-DAY);
    for (kind, value) in
        [("session", "s"), ("lead", "l"), ("cart", "c"), ("order", "o"), ("email", MAIL)]
    {
        let person = Person::parse(kind, value).expect("a person");
        assert!(asked(person.clone()).means(&row), "{kind}");
        assert!(!asked(person).means(&erased(&row)), "erased already: {kind}");
    }
    let texts = BTreeSet::from(["o".to_owned()]);
    assert!(asked(Person::Record(TieKind::Order, id("o"))).may_mean(&texts));
    assert!(!asked(Person::Record(TieKind::Lead, id("l"))).may_mean(&texts));
    let led = Erasure {
        references: BTreeSet::from([id("o")]),
        ..asked(Person::Record(TieKind::Lead, id("l")))
    };
    assert!(led.may_mean(&texts));
}

#[test]
fn a_row_says_where_its_clicks_and_ties_are_until_it_is_erased() {
    let row = row_at(-DAY);
    let texts =
        |row: &Row| Trace::in_facts(&row.facts).map(|it| it.to_string()).collect::<Vec<_>>();
    assert_eq!(texts(&row), ["session s", "lead l", "cart c", "order o"]);
    assert!(texts(&erased(&row)).is_empty());
}

#[test]
fn a_trace_is_read_as_it_is_stored_and_in_the_order_of_work() {
    let texts = ["cart c", "order o", "session s", "cookie k", "ties lead l"];
    let traces: BTreeSet<Trace> = texts.iter().rev().filter_map(|it| it.parse().ok()).collect();
    assert_eq!(traces.iter().map(Trace::to_string).collect::<Vec<_>>(), texts);
    for text in ["", "session", "session two words", "ties", "ties x y", &format!("email {MAIL}")] {
        assert_eq!(text.parse::<Trace>(), Err(UnknownName), "{text}");
    }
}

#[test]
fn a_row_that_was_never_tried_ends_without_a_doubt() {
    let row = erased(&row_at(-DAY));
    assert_eq!(state(&row), refused("identity_erased"));
    assert_eq!(held_by_microsoft(&row), None);
}

#[test]
fn a_claim_without_outcome_may_count_already() {
    let claimed = noted(&row_at(-DAY), &Note::ClaimedApply, time(-9));
    let unanswered = noted(&claimed, &Note::Unknown(Kind::Apply, call(), None), time(-8));
    for row in [&claimed, &unanswered] {
        let row = erased(row);
        assert_eq!(state(&row), refused("may_already_count"));
        assert_eq!(held_by_microsoft(&row), Some("unknown"));
    }
    let not_taken = noted(&claimed, &Note::NotTaken(Kind::Apply, call(), None), time(-8));
    assert_eq!(state(&erased(&not_taken)), refused("identity_erased"));
    let retract = Note::ClaimedAdjustment(Adjustment::Retract, time(-9));
    let row = erased(&noted(&accepted(row_at(-DAY)), &retract, time(-9)));
    assert_eq!(state(&row), refused("may_already_count"));
    assert_eq!(held_by_microsoft(&row), Some("unknown"));
}

#[test]
fn corrections_that_were_sent_count_and_others_are_refused_but_part_of_the_net() {
    let view = AccountView::default();
    let mut row = accepted(row_at(-DAY));
    row = append(&row, refund("sent", Some("2"), time(-8)), &context(&view, time(-8)));
    let Action::Adjust(adjustment, at) = context(&view, time(DAY)).next(&row) else {
        panic!("an adjustment")
    };
    row = noted(&row, &Note::ClaimedAdjustment(adjustment, at), time(DAY));
    row = noted(&row, &Note::Accepted(Kind::Restate, call()), time(DAY));
    row = append(&row, refund("waits", Some("1"), time(-7)), &context(&view, time(DAY)));
    row = erased(&row);
    row = append(&row, refund("late", Some("1"), time(-6)), &context(&view, time(DAY)));
    let erased = Effect::Refused(CorrectionRefusal::IdentityErased);
    let (folded, effects) = corrections(&row);
    assert_eq!(effects, [Effect::Counted, erased, erased]);
    assert_eq!(folded.net.expect("a value").to_string(), "5.5");
    assert_eq!(value_at_microsoft(&row).expect("a value").amount.to_string(), "7.5");
    assert_eq!(state(&row), refused("identity_erased"));
    assert_eq!((row.open.clone(), is_about_to_expire(&row, time(89 * DAY))), (None, false));
}

/// One step of a row's history.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A worker looks at it, claims and sends.
    Send,
    /// Microsoft takes what is under way, or refuses it, or it never gets there.
    Arrive(Arrival),
    /// The worker notes what it knows; or dies.
    Note { lost: bool },
    /// A refund of one, or of everything.
    Refund { all: bool },
    /// An operator redrives it.
    Redrive,
    /// So many hours go by.
    Wait(i64),
    /// The person is erased.
    Erase,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Arrival {
    Taken,
    TakenWithoutAnswer,
    Refused,
    Never,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    use Arrival::{Never, Refused, Taken, TakenWithoutAnswer};
    let arrival = prop_oneof![
        4 => Just(Taken),
        1 => Just(TakenWithoutAnswer),
        1 => Just(Refused),
        1 => Just(Never)
    ];
    let step = prop_oneof![
        4 => Just(Step::Send),
        4 => arrival.prop_map(Step::Arrive),
        4 => prop::bool::weighted(0.2).prop_map(|lost| Step::Note { lost }),
        2 => prop::bool::weighted(0.2).prop_map(|all| Step::Refund { all }),
        1 => Just(Step::Redrive),
        3 => (1_i64..30).prop_map(Step::Wait),
        1 => Just(Step::Erase),
    ];
    prop::collection::vec(step, 1..40)
}

/// A row, what is under way, and what Microsoft has.
struct World {
    row: Row,
    now: EventTime,
    refunds: usize,
    under_way: Option<(Row, Kind, Option<Arrival>)>,
    microsoft: Option<State>,
}

impl World {
    fn take(&mut self, step: Step) {
        match step {
            Step::Send => self.send(),
            Step::Arrive(arrival) => self.arrive(arrival),
            Step::Note { lost } => self.note(lost),
            Step::Refund { all } => {
                self.refunds += 1;
                let amount = if all { None } else { Some("1") };
                let refund = refund(&format!("r{}", self.refunds), amount, self.now);
                let view = AccountView::default();
                self.row = append(&self.row, refund, &context(&view, self.now));
            }
            Step::Redrive => {
                if let Redrive::Lift(goal) = redrive(&self.row, self.now, None) {
                    self.row = noted(&self.row, &Note::Redriven(goal), self.now);
                }
            }
            Step::Wait(hours) => self.now = self.now.plus_seconds(hours * 3_600),
            Step::Erase => self.row = erase(&self.row, self.now).unwrap_or(self.row.clone()),
        }
    }

    fn send(&mut self) {
        if self.under_way.is_some() {
            return;
        }
        let view = AccountView::default();
        let (kind, note) = match context(&view, self.now).next(&self.row) {
            Action::Apply => (Kind::Apply, Note::ClaimedApply),
            Action::Adjust(adjustment, at) => {
                (adjustment.kind(), Note::ClaimedAdjustment(adjustment, at))
            }
            _ => return,
        };
        assert!(!self.row.is_erased(), "an erased row is sent");
        self.row = noted(&self.row, &note, self.now);
        self.under_way = Some((self.row.clone(), kind, None));
    }

    fn arrive(&mut self, arrival: Arrival) {
        let Some((_, kind, arrived @ None)) = &mut self.under_way else { return };
        *arrived = Some(arrival);
        if matches!(arrival, Arrival::Refused | Arrival::Never) {
            return;
        }
        self.microsoft = Some(match kind {
            Kind::Apply => self.microsoft.unwrap_or(State::Accepted),
            Kind::Restate => State::Restated,
            Kind::Retract => State::Retracted,
        });
    }

    fn note(&mut self, lost: bool) {
        let Some((seen, kind, Some(arrival))) = self.under_way.take() else { return };
        let note = match arrival {
            Arrival::Taken => Note::Accepted(kind, call()),
            Arrival::TakenWithoutAnswer => Note::Unknown(kind, call(), None),
            Arrival::Refused => Note::Failed(kind, call(), MicrosoftError::new(Some(9_999), None)),
            Arrival::Never => Note::NotTaken(kind, call(), None),
        };
        if !lost {
            self.write(&note, &seen);
        }
    }

    fn write(&mut self, note: &Note, seen: &Row) {
        let view = AccountView::default();
        let context = context(&view, self.now);
        let unmoved = seen.desired_revision == self.row.desired_revision
            && seen.observed_revision == self.row.observed_revision;
        let write = match unmoved {
            true => Some(note.write(&self.row, None, &context)),
            false => note.again(seen, &self.row, &context),
        };
        if let Some(write) = write {
            self.row = write.applied_to(&self.row);
        }
    }

    /// What an erasure says of it.
    fn check(&self) -> Result<(), TestCaseError> {
        let row = erase(&self.row, self.now).unwrap_or(self.row.clone());
        let told = held_by_microsoft(&row);
        if told != Some("unknown") {
            prop_assert_eq!(told, self.microsoft.map(State::as_str), "of {:#?}", row.observed);
        }
        if told == Some("unknown") {
            prop_assert_eq!(state(&row), refused("may_already_count"));
        }
        prop_assert!(row.open.is_none());
        for later in [0, 1, 20, 100] {
            let view = AccountView::default();
            let action = context(&view, self.now.plus_seconds(later * DAY)).next(&row);
            prop_assert!(matches!(action, Action::Refuse(_) | Action::InSync), "{action:?}");
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn whatever_happened_an_erasure_names_what_microsoft_may_have_and_nothing_is_sent(
        steps in steps()
    ) {
        let row = row_at(0);
        let mut world = World { row, now: time(1), refunds: 0, under_way: None, microsoft: None };
        for step in steps {
            world.take(step);
            world.check()?;
        }
    }
}
