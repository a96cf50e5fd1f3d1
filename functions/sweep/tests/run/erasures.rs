//! Persons are erased by requests and by the audit, over the stand-in's tables.

use std::collections::BTreeSet;

use sweep::{signals::Span, wire::AuditSummary};
use tracklayer_core::{
    id::RecordId,
    ledger::row::Row,
    mapping::Mapping,
    person::{click_id::ClickId, identity::Sha256Hash},
    reconcile::{
        attribution::{TieKind, TiedBy},
        erasure::{Erasure, Person, Scope},
    },
    time::EventTime,
};
use tracklayer_edge::{
    flows::erase_person::{CarriedOut, Eraser},
    lambda::clock,
    ports::{Captures as _, ErasureItem, Erasures as _, Removed},
};

use crate::stand::{Stand, row};

/// Seconds between two audits.
const PERIOD: i64 = 168_000;

fn id(text: &str) -> RecordId {
    text.parse().expect("an id")
}

fn asked(kind: &str, value: &str, source: &str) -> Erasure {
    Erasure {
        person: Person::parse(kind, value).expect("a person"),
        scope: Scope { sources: vec![source.to_owned()], accounts: vec!["*".to_owned()] },
        by: "crm".to_owned(),
        asked_at: EventTime::from_epoch(0),
        references: BTreeSet::new(),
    }
}

impl Stand {
    fn after(&self, seconds: i64) -> EventTime {
        self.now.plus_seconds(seconds)
    }

    /// A request at `seconds` from now, with time for the ledger or without.
    async fn ask(&self, erasure: &Erasure, seconds: i64, has_time: bool) -> CarriedOut {
        let sweep = &self.sweep;
        let (ledger, clicks, mapping) = (&sweep.ledger, &sweep.clicks, &sweep.mapping);
        let erasure = Erasure { asked_at: self.after(seconds), ..erasure.clone() };
        let eraser = Eraser { ledger, clicks, mapping, now: erasure.asked_at };
        eraser.carry_out(erasure, || has_time, PERIOD).await.expect("carried out")
    }

    async fn pass(&self, seconds: i64) -> AuditSummary {
        let deadline_ms = u64::try_from(clock::now_ms() + 300_000).expect("after 1970");
        let span = Span { now: self.after(seconds), deadline_ms };
        self.sweep.audit(&span, 168).await.expect("an audit")
    }

    async fn noted(&self, seconds: i64) -> Vec<ErasureItem> {
        self.sweep.ledger.erasures(self.after(seconds)).await.expect("erasures")
    }

    async fn sold(&self, event_id: &str, session: Option<&str>, lead: Option<&str>) {
        let mut row = row(event_id, "purchase", self.now);
        let references = &mut row.facts.as_mut().expect("facts").references;
        (references.session, references.lead) = (session.map(id), lead.map(id));
        self.put(&row).await;
    }

    /// A sale of the lead `l` so many seconds from now.
    async fn sold_at(&self, event_id: &str, seconds: i64) {
        let mut row = row(event_id, "purchase", self.now);
        let facts = row.facts.as_mut().expect("facts");
        (facts.occurred_at, facts.references.lead) = (self.after(seconds), Some(id("l")));
        row.recorded_at = Some(self.after(seconds + 3));
        self.put(&row).await;
    }

    async fn is_erased(&self, event_id: &str) -> bool {
        self.rows(event_id).await[0].is_erased()
    }

    async fn click(&self, reference: &str, n: i64, cookie: &str) {
        let click = ClickId::parse(&format!("{n:032x}")).expect("a click id");
        let details = vec![("cookie", cookie.to_owned())];
        let at = clock::now_ms() - 3_600_000;
        self.sweep.clicks.add_click(&id(reference), &click, at, details).await.expect("a click");
    }

    async fn tie(&self, kind: TieKind, record: &str, reference: &str, by: TiedBy) {
        let (record, reference, at) = (id(record), id(reference), clock::now_ms());
        let tie = self.sweep.clicks.add_tie(kind, &record, by, &reference, at, Vec::new());
        tie.await.expect("tied");
    }

    /// The partitions in which clicks and ties are left.
    async fn left(&self) -> Vec<String> {
        let scan = self.dynamo.scan().table_name("Clicks").send().await.expect("a scan");
        let pk = |item: &std::collections::HashMap<_, aws_sdk_dynamodb::types::AttributeValue>| {
            item["pk"].as_s().expect("text").clone()
        };
        let mut left: Vec<String> = scan.items().iter().map(pk).collect();
        left.sort_unstable();
        left
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_again_never_starves_an_erasure() {
    let stand = Stand::start().await;
    let erasure = asked("lead", "l", "shop");
    stand.sold("1", None, Some("l")).await;
    assert!(stand.ask(&erasure, -100, false).await.pending);
    // In the very second in which the audit begins.
    assert!(stand.ask(&erasure, 0, false).await.pending);
    assert_eq!(stand.noted(0).await[0].requested_at, stand.after(-100));
    assert_eq!(stand.pass(0).await.audit_erased, 1);
    assert_eq!(stand.noted(0).await[0].done_at, Some(stand.now));

    let again = stand.ask(&erasure, 100, false).await;
    assert_eq!((again.pending, again.removed, again.rows.len()), (false, Removed::default(), 1));
    assert_eq!(stand.pass(200).await.audited, 0, "no pass is begun for it");
    // What was written since is found by whoever has the time: a request, or the next audit.
    for id in ["2", "3"] {
        stand.sold(id, None, Some("l")).await;
        let has_time = id == "2";
        let again = stand.ask(&erasure, 300, has_time).await;
        assert_eq!((again.pending, again.removed.rows), (false, usize::from(has_time)));
    }
    assert_eq!(stand.pass(PERIOD).await.audit_erased, 1);
    assert!(stand.is_erased("3").await);
    let items = stand.noted(300 + 2 * PERIOD - 1).await;
    assert_eq!((items.len(), items[0].done_at), (1, Some(stand.now)), "kept for two more audits");
    assert_eq!(stand.noted(300 + 2 * PERIOD).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_for_in_a_larger_extent_an_erasure_begins_anew() {
    let stand = Stand::start().await;
    assert!(!stand.ask(&asked("lead", "l", "shop"), 0, true).await.pending);
    assert!(!stand.ask(&asked("lead", "l", "shop"), 1, false).await.pending);
    assert!(stand.ask(&asked("lead", "l", "*"), 2, false).await.pending, "all sources");
    assert!(!stand.ask(&asked("lead", "l", "*"), 3, true).await.pending);
    stand.tie(TieKind::Lead, "l", "s", TiedBy::Key).await;
    assert!(stand.ask(&asked("lead", "l", "*"), 4, false).await.pending, "one more visitor");
    let item = &stand.noted(4).await[0];
    assert_eq!((item.requested_at, item.done_at), (stand.after(4), None));
    assert_eq!(item.erasure.references, BTreeSet::from([id("s")]));
    // Forgotten, it is asked for as if for the first time.
    assert!(!stand.ask(&asked("lead", "l", "*"), 5, true).await.pending);
    assert!(stand.ask(&asked("lead", "l", "*"), 5 + 2 * PERIOD, false).await.pending);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_done_erasure_leaves_later_sales_alone_until_it_is_asked_for_again() {
    let stand = Stand::start().await;
    let erasure = asked("lead", "l", "shop");
    assert!(!stand.ask(&erasure, 0, true).await.pending);
    stand.sold_at("told-late", 0).await;
    stand.sold_at("new", 50).await;
    stand.sold_at("newest", 101).await;
    assert_eq!(stand.pass(60).await.audit_erased, 1);
    assert!(stand.is_erased("told-late").await && !stand.is_erased("new").await);
    // As a request leaves it that has no time for the ledger.
    assert!(!stand.ask(&erasure, 100, false).await.pending);
    assert_eq!(stand.noted(100).await[0].requested_at, stand.now, "it is not begun anew");
    assert_eq!(stand.pass(60 + PERIOD).await.audit_erased, 1);
    assert!(stand.is_erased("new").await && !stand.is_erased("newest").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_leads_to_the_rows_of_its_visitors() {
    for visitors in [1, 101] {
        let stand = Stand::start().await;
        for n in 0..visitors {
            stand.tie(TieKind::Lead, "l", &format!("s-{n}"), TiedBy::Key).await;
        }
        let last = format!("s-{}", visitors - 1);
        stand.click(&last, 1, "cookie").await;
        stand.sold("led", Some(&last), None).await;
        stand.sold("other", Some("stranger"), None).await;
        let erasure = asked("lead", "l", "*");
        // The ties are gone with the first request; the erasure knows where they led.
        let first = stand.ask(&erasure, -100, false).await;
        let removed = Removed { clicks: 1, ties: visitors, rows: 0 };
        assert_eq!((first.pending, first.removed), (true, removed));
        let second = match visitors {
            1 => stand.ask(&erasure, -50, true).await.removed.rows,
            _ => stand.pass(0).await.audit_erased,
        };
        assert_eq!(second, 1);
        assert!(stand.is_erased("led").await && !stand.is_erased("other").await);
        assert_eq!(stand.ask(&erasure, 1, true).await.rows.len(), 1, "told when asked again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_visitors_of_one_record_are_found_by_a_request_too() {
    let stand = Stand::start().await;
    for n in 0..101 {
        stand.tie(TieKind::Cart, "c", &format!("s-{n}"), TiedBy::Key).await;
    }
    stand.sold("led", Some("s-7"), None).await;
    stand.sold("other", Some("stranger"), None).await;
    let done = stand.ask(&asked("cart", "c", "*"), 0, true).await;
    assert_eq!((done.pending, done.removed.rows), (false, 1));
    assert!(stand.is_erased("led").await && !stand.is_erased("other").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_whom_a_browser_tied_to_an_order_is_the_orders_only_where_that_is_believed() {
    for believed in [true, false] {
        let mut stand = Stand::start().await;
        let member = |value| format!("\"browserOrderTies\": {value}");
        let mapping = Mapping::SHIPPED.replace(&member(true), &member(believed));
        stand.sweep.mapping = Mapping::parse(&mapping).expect("a mapping");
        stand.tie(TieKind::Order, "o", "guesser", TiedBy::Browser).await;
        stand.tie(TieKind::Order, "o", "buyer", TiedBy::Key).await;
        for (n, session) in [(1, "guesser"), (2, "buyer")] {
            stand.click(session, n, "cookie").await;
            stand.sold(session, Some(session), None).await;
        }
        let done = stand.ask(&asked("order", "o", "*"), 0, true).await;
        let found = if believed { 2 } else { 1 };
        assert_eq!(done.removed, Removed { clicks: found, ties: 2, rows: found });
        assert_eq!(stand.is_erased("guesser").await, believed);
        let left: &[&str] = if believed { &[] } else { &["session guesser"] };
        assert_eq!(stand.left().await, left);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_session_the_clicks_of_its_cookies_go_and_nobody_elses() {
    let stand = Stand::start().await;
    let cookie = "c".repeat(32);
    stand.click("s", 1, &cookie).await;
    stand.click(&cookie, 2, &cookie).await;
    // Somebody's session id may be the same as the cookie's value.
    stand.click(&cookie, 3, &"d".repeat(32)).await;
    stand.click("other", 4, &cookie).await;
    let done = stand.ask(&asked("session", "s", "*"), 0, true).await;
    assert_eq!(done.removed, Removed { clicks: 2, ..Removed::default() });
    assert_eq!(stand.left().await, [format!("session {cookie}"), "session other".to_owned()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_sessions_cookies_go_with_it_but_not_those_of_a_session_of_the_same_name() {
    for person in ["session", "lead"] {
        let stand = Stand::start().await;
        let (own, shared) = ("c".repeat(32), "d".repeat(32));
        for (n, reference, cookie) in [
            (1, "s", &own),
            (2, "s", &shared),
            (3, &own, &own),
            (4, &shared, &shared),
            (5, &shared, &own),
        ] {
            stand.click(reference, n, cookie).await;
        }
        stand.tie(TieKind::Lead, "l", "s", TiedBy::Key).await;
        stand.sold("own", Some(&own), None).await;
        stand.sold("shared", Some(&shared), None).await;
        let erasure = asked(person, if person == "lead" { "l" } else { "s" }, "*");
        // The clicks are gone with the first request; the erasure knows whose they were.
        assert!(stand.ask(&erasure, 0, false).await.pending, "{person}");
        let again = stand.ask(&erasure, 1, true).await;
        assert_eq!((again.pending, again.removed.rows), (false, 1), "{person}");
        assert!(stand.is_erased("own").await && !stand.is_erased("shared").await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_erases_who_is_to_be_erased_and_a_second_pass_changes_nothing() {
    let stand = Stand::start().await;
    let ledger = &stand.sweep.ledger;
    let hash = "ec81f3ac7b2b19675bab9d54cf416f9f18cff87c97da5cca82c0f0891bc40602";
    for (event_id, session, email) in [("1", "s-1", true), ("2", "s-2", true), ("3", "s-3", false)]
    {
        let mut row = row(event_id, "purchase", stand.now);
        let facts = row.facts.as_mut().expect("facts");
        facts.references.session = Some(id(session));
        facts.identity.email = email.then(|| Sha256Hash::parse(hash).expect("a hash"));
        stand.put(&row).await;
        stand.click(session, 1, "cookie").await;
    }
    let erasure = Erasure { asked_at: stand.after(-100), ..asked("email", hash, "*") };
    ledger.begin_erasure(&erasure).await.expect("noted");

    let audit = stand.pass(0).await;
    assert_eq!((audit.audit_erased, audit.audit_finished), (2, true));
    let item = &ledger.erasures(stand.now).await.expect("erasures")[0];
    assert_eq!((item.done_at, item.rows.len()), (Some(stand.now), 2));
    let erased = [&stand.rows("1").await[0], &stand.rows("2").await[0]].map(Row::is_erased);
    assert_eq!((erased, stand.rows("3").await[0].is_erased()), ([true, true], false));
    assert_eq!(stand.left().await, ["session s-3"], "the click of somebody else");

    let again = stand.pass(1).await;
    assert_eq!(again.audited, 0, "no pass is due, and none is pending");
    let before = stand.rows("1").await;
    let later = stand.pass(PERIOD).await;
    assert_eq!((later.audited, later.audit_erased), (3, 0));
    assert_eq!(stand.rows("1").await, before);
}
