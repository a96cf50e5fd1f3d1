//! Persons are erased by requests and by the audit, over the tables of a local AWS.

use std::{cell::Cell, collections::BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use sweep::{Sweep, wire::AuditSummary};
use test_support::rows::{MAIL, hash, id};
use tracklayer_core::ledger::row::Row;
use tracklayer_core::mapping::Mapping;
use tracklayer_core::reconcile::attribution::{TieKind, TiedBy};
use tracklayer_core::reconcile::erasure::{Erasure, Person, Scope};
use tracklayer_core::time::{DAY, EventTime};
use tracklayer_edge::flows::erase_person::{Eraser, MAX_COOKIES};
use tracklayer_edge::ports::{ErasureItem, Erasures as _, Removed};

use super::rig::{Rig, row};

mod stuck;

/// Seconds between two audits.
const PERIOD: i64 = 168_000;
/// Seconds of the policy's hour.
const HOUR: i64 = 1_000;

fn asked(kind: &str, value: &str, source: &str) -> Erasure {
    Erasure {
        person: Person::parse(kind, value).expect("a person"),
        scope: Scope { sources: vec![source.to_owned()], accounts: vec!["*".to_owned()] },
        by: "crm".to_owned(),
        asked_at: EventTime::from_epoch(0),
        references: BTreeSet::new(),
    }
}

fn removed(clicks: usize, ties: usize, rows: usize) -> Removed {
    Removed { clicks, ties, rows }
}

impl Rig {
    fn after(&self, seconds: i64) -> EventTime {
        self.now.plus_seconds(seconds)
    }

    /// A request at `seconds` from now, with time for so many pages.
    async fn ask_for(&self, erasure: &Erasure, seconds: i64, pages: usize) -> ErasureItem {
        let Sweep { ledger, clicks, mapping, telemetry, .. } = &self.sweep;
        let erasure = Erasure { asked_at: self.after(seconds), ..erasure.clone() };
        let eraser = Eraser { ledger, clicks, mapping, telemetry, now: erasure.asked_at };
        let mut item = eraser.begin(erasure).await.expect("noted");
        let left = Cell::new(pages);
        let has_time = || left.replace(left.get().saturating_sub(1)) > 0;
        eraser.delete_traces(&mut item, &has_time).await.expect("deleted");
        item
    }

    async fn ask(&self, erasure: &Erasure, seconds: i64) -> ErasureItem {
        self.ask_for(erasure, seconds, usize::MAX).await
    }

    async fn pass(&self, seconds: i64) -> AuditSummary {
        self.sweep.audit(&self.span(self.after(seconds)), 168).await.expect("an audit")
    }

    async fn noted(&self, seconds: i64) -> Vec<ErasureItem> {
        self.sweep.ledger.erasures(self.after(seconds)).await.expect("erasures").0
    }

    async fn sold(&self, event_id: &str, session: Option<&str>, lead: Option<&str>) {
        let mut row = row(event_id, "purchase", self.now);
        let references = &mut row.facts.references;
        (references.session, references.lead) = (session.map(id), lead.map(id));
        self.put(&row).await;
    }

    /// A sale of the lead `l` so many seconds from now.
    async fn sold_at(&self, event_id: &str, seconds: i64) {
        let mut row = row(event_id, "purchase", self.now);
        (row.facts.occurred_at, row.facts.references.lead) = (self.after(seconds), Some(id("l")));
        row.recorded_at = self.after(seconds + 3);
        self.put(&row).await;
    }

    /// A sale to the person with the hash [`MAIL`].
    async fn sold_to_mail(&self, event_id: &str, session: Option<&str>) {
        let mut row = row(event_id, "purchase", self.now);
        row.facts.references.session = session.map(id);
        row.facts.identity.email = hash(MAIL);
        self.put(&row).await;
    }

    async fn is_erased(&self, event_id: &str) -> bool {
        self.rows(event_id).await[0].is_erased()
    }

    /// Changes the one erasure there is.
    async fn change_erasure(&self, person: &str, expression: &str, value: Option<AttributeValue>) {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let update = self.dynamo.update_item().table_name("Conversions");
        let update = update.key("pk", text("erasure")).key("sk", text(&format!("{person} crm")));
        let values = value.map(|value| std::iter::once((":value".to_owned(), value)).collect());
        let update = update.update_expression(expression).set_expression_attribute_values(values);
        update.send().await.expect("changed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_the_audits_and_asking_again_tells_how_far_it_is() {
    let rig = Rig::start().await;
    let erasure = asked("lead", "l", "shop");
    rig.sold("1", None, Some("l")).await;
    let first = rig.ask(&erasure, -100).await;
    assert!(
        first.is_pending() && first.removed() == Removed::default() && !rig.is_erased("1").await
    );
    // In the very second in which the audit begins.
    assert!(rig.ask(&erasure, 0).await.is_pending());
    assert_eq!(rig.noted(0).await[0].pass_after, rig.after(-100));
    assert_eq!(rig.pass(0).await.audit_erased, 1);
    let again = rig.ask(&erasure, 100).await;
    assert_eq!((again.is_pending(), again.removed()), (false, removed(0, 0, 1)));
    assert_eq!(rig.pass(200).await.audited, 0, "no pass is begun for it");
    // What was written since is found by the next audit.
    rig.sold("2", None, Some("l")).await;
    assert!(!rig.ask(&erasure, 300).await.is_pending());
    assert_eq!(rig.pass(PERIOD).await.audit_erased, 1);
    assert!(rig.is_erased("2").await);
    let items = rig.noted(2 * PERIOD - 1).await;
    assert_eq!((items.len(), items[0].done_at), (1, Some(rig.now)), "kept for two more audits");
    assert_eq!(rig.noted(2 * PERIOD).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_for_in_another_extent_or_much_later_an_erasure_begins_anew() {
    let rig = Rig::start().await;
    rig.ask(&asked("lead", "l", "shop"), -1).await;
    rig.pass(0).await;
    assert!(!rig.ask(&asked("lead", "l", "shop"), 1).await.is_pending());
    assert!(rig.ask(&asked("lead", "l", "*"), 2).await.is_pending(), "all sources");
    rig.pass(3).await;
    assert!(!rig.ask(&asked("lead", "l", "*"), 4).await.is_pending());
    rig.tie(TieKind::Lead, "l", "s", TiedBy::Key).await;
    let item = rig.ask(&asked("lead", "l", "*"), 5).await;
    assert_eq!((item.pass_after, item.done_at), (rig.after(5), None), "one more visitor");
    assert_eq!(item.erasure.references, BTreeSet::from([id("s")]));
    rig.pass(6).await;
    assert!(!rig.ask(&asked("lead", "l", "*"), 5 + DAY).await.is_pending());
    assert!(
        rig.ask(&asked("lead", "l", "*"), 6 + DAY).await.is_pending(),
        "a day after it was done"
    );
    rig.pass(7 + DAY).await;
    // Forgotten, it is asked for as if for the first time.
    assert!(rig.ask(&asked("lead", "l", "*"), 7 + DAY + 2 * PERIOD).await.is_pending());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_done_erasure_leaves_later_sales_alone_until_it_is_asked_for_again() {
    let rig = Rig::start().await;
    let erasure = asked("lead", "l", "shop");
    rig.ask(&erasure, 0).await;
    rig.sold_at("told-late", 0).await;
    rig.sold_at("new", 50).await;
    rig.sold_at("newest", 101).await;
    assert_eq!(rig.pass(60).await.audit_erased, 1);
    assert!(rig.is_erased("told-late").await && !rig.is_erased("new").await);
    assert!(!rig.ask(&erasure, 100).await.is_pending());
    assert_eq!(rig.noted(100).await[0].pass_after, rig.now, "it is not begun anew");
    assert_eq!(rig.pass(60 + PERIOD).await.audit_erased, 1);
    assert!(rig.is_erased("new").await && !rig.is_erased("newest").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_leads_to_the_rows_of_its_visitors() {
    for (visitors, by) in [(1, TiedBy::Key), (101, TiedBy::Key), (5, TiedBy::Browser)] {
        let rig = Rig::start().await;
        for n in 0..visitors {
            rig.tie(TieKind::Lead, "l", &format!("s-{n}"), by).await;
        }
        let last = format!("s-{}", visitors - 1);
        rig.click(&last, 1, "cookie").await;
        rig.sold("led", Some(&last), None).await;
        rig.sold("other", Some("stranger"), None).await;
        // The ties are gone with the request; the erasure knows where they led.
        let first = rig.ask(&asked("lead", "l", "*"), 0).await;
        assert_eq!((first.is_pending(), first.removed()), (true, removed(1, visitors, 0)));
        assert_eq!(first.traces, BTreeSet::new());
        assert_eq!(rig.pass(1).await.audit_erased, 1);
        assert!(rig.is_erased("led").await && !rig.is_erased("other").await);
        let again = rig.ask(&asked("lead", "l", "*"), 2).await;
        assert_eq!((again.is_pending(), again.removed()), (false, removed(1, visitors, 1)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_whom_a_browser_tied_to_an_order_is_the_orders_only_where_that_is_believed() {
    for believed in [true, false] {
        let mut rig = Rig::start().await;
        let member = |value| format!("\"browserOrderTies\": {value}");
        let mapping = Mapping::SAMPLE.replace(&member(true), &member(believed));
        rig.sweep.mapping = Mapping::parse(&mapping).expect("a mapping");
        rig.tie(TieKind::Order, "o", "guesser", TiedBy::Browser).await;
        rig.tie(TieKind::Order, "o", "buyer", TiedBy::Key).await;
        for (n, session) in [(1, "guesser"), (2, "buyer")] {
            rig.click(session, n, "cookie").await;
            rig.sold(session, Some(session), None).await;
        }
        let found = if believed { 2 } else { 1 };
        assert_eq!(rig.ask(&asked("order", "o", "*"), 0).await.removed(), removed(found, 2, 0));
        assert_eq!(rig.pass(1).await.audit_erased, found);
        assert_eq!(rig.is_erased("guesser").await, believed);
        let left: &[&str] = if believed { &[] } else { &["session guesser"] };
        assert_eq!(rig.left().await, left);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_who_tied_an_order_are_not_the_person_even_when_three_of_their_ties_are_left() {
    let rig = Rig::start().await;
    rig.click("s-999", 1, "cookie").await;
    for n in 747..1_000 {
        rig.tie(TieKind::Order, "o", &format!("s-{n}"), TiedBy::Browser).await;
    }
    // The order, and one page of ties.
    let first = rig.ask_for(&asked("order", "o", "*"), 0, 3).await;
    assert_eq!(first.removed(), removed(0, 250, 0));
    let again = rig.ask(&asked("order", "o", "*"), 1).await;
    assert_eq!((again.removed(), again.erasure.references.len()), (removed(0, 253, 0), 0));
    assert_eq!(rig.left().await, ["session s-999"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_clicks_are_deleted_page_by_page_by_whoever_has_the_time() {
    let rig = Rig::start().await;
    for n in 0..600 {
        rig.click("s", n, "cookie").await;
    }
    // Each look at the clock, one for the work and one for the page, counts.
    let first = rig.ask_for(&asked("session", "s", "*"), 0, 2).await;
    assert_eq!(first.removed(), removed(250, 0, 0));
    rig.pass(1).await;
    assert_eq!(rig.left().await, Vec::<String>::new());
    let again = rig.ask(&asked("session", "s", "*"), 2).await;
    assert_eq!((again.is_pending(), again.removed()), (false, removed(600, 0, 0)));
}

/// Each capture without a cookie makes a new one.
#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_captures_under_one_session_do_not_stop_its_erasure() {
    let rig = Rig::start().await;
    let cookies: Vec<String> = (0..5_000).map(|n| format!("{n:032x}")).collect();
    for (cookie, n) in cookies.iter().zip(0..) {
        rig.click("s", n, cookie).await;
    }
    rig.sold("sale", Some("s"), None).await;
    // It is noted whatever the request has time for.
    let first = rig.ask_for(&asked("session", "s", "*"), 0, 2).await;
    assert_eq!((first.is_pending(), first.removed()), (true, removed(250, 0, 0)));
    assert_eq!(rig.pass(1).await.audit_erased, 1);
    let again = rig.ask(&asked("session", "s", "*"), 2).await;
    assert_eq!((again.is_pending(), again.removed()), (false, removed(5_000, 0, 1)));
    assert_eq!(again.cookies_left, 5_000 - MAX_COOKIES);
    assert_eq!(rig.left().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_session_the_clicks_of_its_cookies_go_and_nobody_elses() {
    let rig = Rig::start().await;
    let cookie = "c".repeat(32);
    rig.click("s", 1, &cookie).await;
    rig.click(&cookie, 2, &cookie).await;
    // Somebody's session id may be the same as the cookie's value.
    rig.click(&cookie, 3, &"d".repeat(32)).await;
    rig.click("other", 4, &cookie).await;
    let done = rig.ask(&asked("session", "s", "*"), 0).await;
    assert_eq!(done.removed(), removed(2, 0, 0));
    assert_eq!(rig.left().await, [format!("session {cookie}"), "session other".to_owned()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_cookies_are_followed_than_a_request_has_time_for_and_the_oldest_first() {
    let rig = Rig::start().await;
    let cookie = |n: usize| format!("{n:032x}");
    for n in 0..MAX_COOKIES + 5 {
        let number = i64::try_from(n).expect("small");
        rig.click_at("s", number, &cookie(n), number).await;
        rig.click(&cookie(n), number, &cookie(n)).await;
    }
    let done = rig.ask(&asked("session", "s", "*"), 0).await;
    assert_eq!(done.removed(), removed(2 * MAX_COOKIES + 5, 0, 0));
    assert_eq!(done.cookies_left, 5);
    let left = (MAX_COOKIES..MAX_COOKIES + 5).map(|n| format!("session {}", cookie(n)));
    assert_eq!(rig.left().await, left.collect::<Vec<_>>());
    assert_eq!(rig.ask(&asked("session", "s", "*"), 1).await.cookies_left, 5, "told again");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_sessions_cookies_go_with_it_but_not_those_of_a_session_of_the_same_name() {
    for person in ["session", "lead"] {
        let rig = Rig::start().await;
        let (own, shared) = ("c".repeat(32), "d".repeat(32));
        for (n, reference, cookie) in [
            (1, "s", &own),
            (2, "s", &shared),
            (3, &own, &own),
            (4, &shared, &shared),
            (5, &shared, &own),
        ] {
            rig.click(reference, n, cookie).await;
        }
        rig.tie(TieKind::Lead, "l", "s", TiedBy::Key).await;
        rig.sold("own", Some(&own), None).await;
        rig.sold("shared", Some(&shared), None).await;
        let erasure = asked(person, if person == "lead" { "l" } else { "s" }, "*");
        // The clicks are gone with the request; the erasure knows whose they were.
        assert!(rig.ask(&erasure, 0).await.is_pending(), "{person}");
        assert_eq!(rig.pass(1).await.audit_erased, 1, "{person}");
        assert!(rig.is_erased("own").await && !rig.is_erased("shared").await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_erases_who_is_to_be_erased_and_a_second_pass_changes_nothing() {
    let rig = Rig::start().await;
    rig.sold_to_mail("1", Some("s-1")).await;
    rig.sold_to_mail("2", Some("s-2")).await;
    rig.sold("3", Some("s-3"), None).await;
    for session in ["s-1", "s-2", "s-3"] {
        rig.click(session, 1, "cookie").await;
    }
    assert!(rig.ask(&asked("email", MAIL, "*"), -100).await.is_pending());

    let audit = rig.pass(0).await;
    assert_eq!((audit.audit_erased, audit.audit_finished), (2, true));
    let erased = [&rig.rows("1").await[0], &rig.rows("2").await[0]].map(Row::is_erased);
    assert_eq!((erased, rig.is_erased("3").await), ([true, true], false));
    let item = &rig.noted(0).await[0];
    assert_eq!((item.done_at, item.is_pending()), (Some(rig.now), false));
    assert_eq!(item.removed(), removed(2, 0, 2));
    assert_eq!(rig.left().await, ["session s-3"], "the click of somebody else");
    assert_eq!(rig.pass(1).await.audited, 0, "no pass is due, and none is waited for");

    let before = rig.rows("1").await;
    let later = rig.pass(PERIOD).await;
    assert_eq!((later.audited, later.audit_erased), (3, 0));
    assert_eq!(rig.rows("1").await, before);
}
