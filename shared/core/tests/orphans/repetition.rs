//! What a repetition says better is added to a row that has nobody yet, and to no other.

use tracklayer_core::event::Conversion;
use tracklayer_core::ledger::facts::{Click, ClickOrigin, Facts};
use tracklayer_core::ledger::index::IndexClass;
use tracklayer_core::ledger::observed::{
    Acceptance, Destination, Environment, Refusal, RefusalReason,
};
use tracklayer_core::ledger::row::Row;
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::person::click_id::ClickId;
use tracklayer_core::reconcile::erasure::erase;
use tracklayer_core::reconcile::intake;
use tracklayer_core::reconcile::intake::{facts_of, has_nobody, place, with_improved};

use crate::support::{CLICK, after, at, sale};

const MAIL: &str = r#","email":"john@contoso.com""#;

/// The row of a sale that brought nothing but these references.
fn nobody(references: &str) -> Row {
    let sale = sale("purchase", references);
    let none = Err(WaitReason::NoClick);
    let missing = Some(WaitReason::NoClick);
    at(10, |context| place(&sale, facts_of(&sale, &none), missing, context, 395).0)
}

/// What is added to the row, where no click is stored.
fn improved(row: &Row, told: &Conversion) -> Option<Facts> {
    let own = told.msclkid.clone().filter(|id| !row.facts.refused_clicks.contains(id));
    let search = own.map_or(Err(WaitReason::NoClick), |own| Ok((own, Click::BROUGHT)));
    intake::improved(row, told, &search).filter(|_| has_nobody(row))
}

fn with_click(more: &str) -> Conversion {
    sale("purchase", &format!(r#","msclkid":"{CLICK}"{more}"#))
}

fn somebody() -> Row {
    let facts = improved(&nobody(r#","orderId":"1""#), &with_click("")).expect("better");
    with_improved(&nobody(r#","orderId":"1""#), facts, after(20))
}

#[test]
fn a_click_id_hashes_and_missing_references_are_added_and_the_row_is_due() {
    let row = nobody(r#","orderId":"1""#);
    let told = with_click(&format!(r#"{MAIL},"orderId":"2","leadId":"l""#));
    let facts = improved(&row, &told).expect("better");
    assert_eq!(facts.click_id().map(ClickId::as_str), Some(CLICK));
    assert_eq!(facts.click.as_ref().map(|click| click.from), Some(ClickOrigin::Event));
    assert!(facts.identity.has_hashes());
    let references = &facts.references;
    let text = |id: &Option<_>| id.as_ref().map(ToString::to_string);
    assert_eq!(text(&references.order).as_deref(), Some("1"), "nothing is replaced");
    assert_eq!(text(&references.lead).as_deref(), Some("l"));

    let better = with_improved(&row, facts, after(20));
    assert_eq!(better.desired_revision, row.desired_revision + 1);
    assert_eq!(better.observed_revision, row.observed_revision);
    assert_eq!(better.open, Some(IndexClass::Wait.entry(after(20), after(20), None)));
}

#[test]
fn with_references_alone_the_row_goes_on_looking_at_once() {
    let row = nobody(r#","orderId":"1""#);
    let facts = improved(&row, &sale("purchase", r#","sessionId":"s""#)).expect("better");
    let open = with_improved(&row, facts, after(20)).open.expect("open");
    assert_eq!((open.class, open.due, open.since), (IndexClass::Look, after(20), after(10)));
    assert_eq!(open.reason, Some(WaitReason::NoClick));
}

/// Shops send their own server's session, which has no click; the CRM knows the visitor's.
#[test]
fn where_the_second_notice_leads_to_a_click_its_references_replace_those_that_led_nowhere() {
    let row = nobody(r#","sessionId":"php","orderId":"1""#);
    let told = sale("purchase", r#","sessionId":"visitor","leadId":"l""#);
    let search = Ok((
        ClickId::parse(CLICK).expect("a click id"),
        Click { clicked_at: Some(after(-600)), from: ClickOrigin::Session, reference: None },
    ));
    let facts = intake::improved(&row, &told, &search).expect("better");
    assert_eq!(facts.click_id().map(ClickId::as_str), Some(CLICK));
    let references = &facts.references;
    let text = |id: &Option<_>| id.as_ref().map(ToString::to_string);
    assert_eq!(text(&references.session).as_deref(), Some("visitor"));
    assert_eq!(text(&references.order).as_deref(), Some("1"));
    let none = Err(WaitReason::NoClick);
    let facts = intake::improved(&row, &told, &none).expect("a lead");
    assert_eq!(text(&facts.references.session).as_deref(), Some("php"));
}

/// The first notice says 10:00, the second brings a click of 10:03: Microsoft knows that it is later.
#[test]
fn a_click_that_is_later_than_the_first_notice_moves_the_time_that_is_sent() {
    let row = nobody(r#","orderId":"1""#);
    let search = Ok((
        ClickId::parse(CLICK).expect("a click id"),
        Click { clicked_at: Some(after(180)), from: ClickOrigin::Session, reference: None },
    ));
    let told = sale("purchase", r#","sessionId":"visitor""#);
    let facts = intake::improved(&row, &told, &search).expect("better");
    assert_eq!(facts.occurred_at, row.facts.occurred_at);
    assert_eq!(facts.conversion_time, facts.occurred_at.plus_seconds(181));
}

#[test]
fn nothing_new_changes_nothing() {
    let row = nobody(r#","orderId":"1""#);
    assert_eq!(improved(&row, &sale("purchase", r#","orderId":"1""#)), None);
    assert_eq!(improved(&row, &sale("purchase", r#","orderId":"9""#)), None);
}

#[test]
fn a_click_that_microsoft_refused_is_not_brought_back() {
    let mut row = somebody();
    row.facts.refused_clicks.extend(row.facts.identity.click_id.clone());
    assert_eq!(improved(&row, &with_click("")), None);
    let facts = improved(&row, &with_click(MAIL)).expect("hashes");
    assert_eq!((facts.click_id(), facts.identity.has_hashes()), (None, true));
}

#[test]
fn a_row_that_has_somebody_or_may_be_at_microsoft_or_is_over_is_left_alone() {
    let told = with_click(&format!(r#"{MAIL},"leadId":"l""#));
    assert_eq!(improved(&somebody(), &told), None);
    let changed = |change: &dyn Fn(&mut Row)| {
        let mut row = nobody(r#","orderId":"1""#);
        assert!(improved(&row, &told).is_some());
        change(&mut row);
        improved(&row, &told)
    };
    let by = Destination { environment: Environment::Production, account_id: "1".to_owned() };
    let accepted = Acceptance { at: after(30), by, tracking_id: None };
    let refusal = Refusal { at: after(30), reason: RefusalReason::Unmatched };
    assert_eq!(changed(&|row| row.observed.accepted = Some(accepted.clone())), None);
    assert_eq!(changed(&|row| row.observed.applying = Some(after(30))), None);
    assert_eq!(changed(&|row| row.observed.apply_unknown = true), None);
    assert_eq!(changed(&|row| row.observed.refusal = Some(refusal.clone())), None);
    assert_eq!(changed(&|row| row.observed.dead_at = Some(after(30))), None);
    assert_eq!(changed(&|row| *row = erase(row, after(30)).expect("erased")), None);
}
