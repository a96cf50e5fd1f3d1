//! Clicks and ties of a local AWS.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use test_support::rows::id;
use tracklayer_core::person::click_id::ClickId;
use tracklayer_core::reconcile::attribution::{TieKind, TiedBy};
use tracklayer_edge::ports::{Captures as _, Clock as _};

use super::rig::Rig;

/// An hour ago, in milliseconds.
const AGO: i64 = 3_600_000;

impl Rig {
    /// A click of an hour ago.
    pub async fn click(&self, reference: &str, n: i64, cookie: &str) {
        self.click_at(reference, n, cookie, 0).await;
    }

    /// A click of so many milliseconds after that.
    pub async fn click_at(&self, reference: &str, n: i64, cookie: &str, ms: i64) {
        let click = ClickId::parse(&format!("{n:032x}")).expect("a click id");
        let details = vec![("cookie", cookie.to_owned())];
        let at = self.sweep.clock.now_ms() - AGO + ms;
        let reference = id(reference);
        let add = self.sweep.clicks.add_click(&reference, &click, at, details);
        add.await.expect("a click");
    }

    /// A tie of a record of an hour ago.
    pub async fn tie(&self, kind: TieKind, record: &str, reference: &str, by: TiedBy) {
        let at = self.sweep.clock.now_ms() - AGO;
        let (record, reference) = (id(record), id(reference));
        let tie = self.sweep.clicks.add_tie(kind, &record, by, &reference, at, Vec::new());
        tie.await.expect("tied");
    }

    /// The partitions in which clicks and ties are left.
    pub async fn left(&self) -> Vec<String> {
        let scan = self.dynamo.scan().table_name("Clicks").send().await.expect("a scan");
        let pk = |item: &HashMap<String, AttributeValue>| item["pk"].as_s().expect("text").clone();
        let mut left: Vec<String> = scan.items().iter().map(pk).collect();
        left.sort_unstable();
        left
    }
}
