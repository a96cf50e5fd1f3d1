//! Erasures and rows that can't be read or written: they keep no other one waiting.

use aws_sdk_dynamodb::types::AttributeValue;
use test_support::rows::MAIL;
use tracklayer_edge::ports::ErasureItem;

use super::{HOUR, asked};
use crate::sweep::rig::Rig;

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_cannot_be_read_keeps_no_other_waiting_and_is_done_once_it_can() {
    let rig = Rig::start().await;
    rig.sold_to_mail("with-session", Some("s")).await;
    rig.sold_to_mail("without", None).await;
    rig.sold("of-another", None, Some("l")).await;
    let erasures = [asked("email", MAIL, "*"), asked("lead", "l", "*")];
    for erasure in &erasures {
        rig.ask(erasure, -100).await;
    }
    let person = format!("email {MAIL}");
    let broken = Some(AttributeValue::Bool(true));
    rig.change_erasure(&person, "SET traces = :value", broken).await;
    let audit = rig.pass(0).await;
    assert_eq!((audit.audit_erased, audit.audit_stuck, audit.audit_finished), (1, 0, true));
    assert!(!rig.is_erased("with-session").await && !rig.is_erased("without").await);
    assert!(rig.ask(&erasures[1], 1).await.done_at.is_some(), "another person's is done");
    assert_eq!(rig.pass(HOUR).await.audited, 0, "not looked at in each run");
    rig.change_erasure(&person, "REMOVE traces", None).await;
    assert_eq!(rig.pass(HOUR + 1).await.audit_erased, 2);
    assert!(rig.is_erased("with-session").await && rig.is_erased("without").await);
    assert!(rig.noted(HOUR + 1).await.iter().all(|item| item.done_at.is_some()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_read_is_stuck_and_keeps_only_those_pending_whom_it_names() {
    let rig = Rig::start().await;
    rig.sold_to_mail("unreadable", None).await;
    rig.sold("fine", None, Some("l")).await;
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let update = rig.dynamo.update_item().table_name("Conversions");
    let update = update.key("pk", text("event shop unreadable")).key("sk", text("purchase"));
    let update = update.update_expression("SET v = :later");
    let update = update.expression_attribute_values(":later", AttributeValue::N("9".to_owned()));
    update.send().await.expect("changed");
    for erasure in [asked("email", MAIL, "*"), asked("lead", "l", "*")] {
        rig.ask(&erasure, -100).await;
    }
    let audit = rig.pass(0).await;
    assert_eq!((audit.audit_erased, audit.audit_stuck, audit.audit_finished), (1, 1, true));
    let done = |item: &ErasureItem| (item.erasure.person.kind(), item.done_at.is_some());
    let noted = rig.noted(0).await;
    assert_eq!(noted.iter().map(done).collect::<Vec<_>>(), [("email", false), ("lead", true)]);
}

/// DynamoDB refuses one row, which the audit meets among others.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_erased_is_stuck_and_is_tried_again_in_an_hour() {
    let rig = Rig::start().await;
    let sales = ["1", "2", "3"];
    for sale in sales {
        rig.sold_to_mail(sale, Some(sale)).await;
    }
    rig.sold("other", None, Some("l")).await;
    for erasure in [asked("email", MAIL, "*"), asked("lead", "l", "*")] {
        rig.ask(&erasure, -100).await;
    }
    // As often as the SDK tries it.
    rig.aws.refuse("DynamoDB_20120810.UpdateItem", 3);
    let audit = rig.pass(0).await;
    assert_eq!((audit.audit_erased, audit.audit_stuck, audit.audit_finished), (3, 1, true));
    let mut left = Vec::new();
    for sale in sales.into_iter().chain(["other"]) {
        left.extend((!rig.is_erased(sale).await).then_some(sale));
    }
    let [left] = left[..] else { panic!("{left:?}") };
    // The erasures of that row alone are pending.
    let refused = if left == "other" { "lead" } else { "email" };
    for item in rig.noted(0).await {
        assert_eq!(item.done_at.is_none(), item.erasure.person.kind() == refused, "{left}");
    }
    assert_eq!(rig.pass(HOUR).await.audited, 0, "each pass reads all rows");
    assert!(!rig.is_erased(left).await);
    let again = rig.pass(HOUR + 1).await;
    assert_eq!((again.audit_erased, again.audit_stuck), (1, 0));
    assert!(rig.is_erased(left).await);
    assert!(rig.noted(HOUR + 1).await.iter().all(|item| item.done_at.is_some()));
}
