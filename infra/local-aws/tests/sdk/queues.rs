//! Sending, receiving, deleting, visibility, batches.

use std::time::{Duration, Instant};

use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry,
    MessageAttributeValue, SendMessageBatchRequestEntry,
};

use crate::{Rig, handle, system};

#[tokio::test]
async fn a_message_arrives_once_with_its_attributes_and_is_deleted() {
    let rig = Rig::start().await;
    let queue = rig.queue("work", &[]).await;
    let text = MessageAttributeValue::builder()
        .data_type("String")
        .string_value("v")
        .build()
        .expect("complete");
    let binary = MessageAttributeValue::builder()
        .data_type("Binary")
        .binary_value(Blob::new([0, 1]))
        .build()
        .expect("complete");
    let send = rig.sqs.send_message().queue_url(&queue).message_body("hello");
    // The SDK checks the MD5 of the body and refuses a wrong one.
    send.message_attributes("t", text).message_attributes("b", binary).send().await.expect("sent");

    let received = rig.receive(&queue).await;
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].body(), Some("hello"));
    assert_eq!(system(&received[0], "ApproximateReceiveCount"), "1");
    let attributes = received[0].message_attributes().expect("attributes");
    assert_eq!(attributes["b"].binary_value(), Some(&Blob::new([0, 1])));
    assert!(rig.receive(&queue).await.is_empty(), "it is in flight");

    for _ in 0..2 {
        let delete =
            rig.sqs.delete_message().queue_url(&queue).receipt_handle(handle(&received[0]));
        delete.send().await.expect("deleting twice is no error");
    }
    let counts =
        rig.sqs.get_queue_attributes().queue_url(&queue).attribute_names("All".into()).send().await;
    let counts = counts.expect("attributes").attributes.expect("some");
    assert_eq!(counts[&"ApproximateNumberOfMessagesNotVisible".into()], "0");
}

#[tokio::test]
async fn errors_have_the_names_that_the_sdk_knows() {
    let rig = Rig::start().await;
    let missing = rig.sqs.get_queue_url().queue_name("nobody").send().await.expect_err("missing");
    assert!(missing.into_service_error().is_queue_does_not_exist());

    let fifo = rig.sqs.create_queue().queue_name("a.fifo").send().await.expect_err("refused");
    assert!(fifo.message().is_some_and(|message| message.contains("FIFO")), "{fifo:?}");

    let queue = rig.queue("work", &[]).await;
    let other = rig.sqs.create_queue().queue_name("work").attributes("DelaySeconds".into(), "5");
    assert!(
        other
            .send()
            .await
            .expect_err("other attributes")
            .into_service_error()
            .is_queue_name_exists()
    );
    assert_eq!(rig.queue("work", &[]).await, queue, "the same request again is the same queue");

    let tag =
        rig.sqs.tag_queue().queue_url(&queue).tags("a", "b").send().await.expect_err("unsupported");
    assert_eq!(tag.code(), Some("UnknownOperationException"));
    assert!(tag.message().is_some_and(|message| message.contains("AmazonSQS.TagQueue")));
}

#[tokio::test]
async fn visibility_changes_only_in_flight_and_at_most_to_12_hours() {
    let rig = Rig::start().await;
    let queue = rig.queue("work", &[]).await;
    rig.send(&queue, "x").await;
    let message = rig.receive(&queue).await.remove(0);
    let change = |handle: &str, seconds| {
        let change = rig.sqs.change_message_visibility().queue_url(&queue);
        change.receipt_handle(handle).visibility_timeout(seconds).send()
    };

    let too_long = change(handle(&message), 43_201).await.expect_err("beyond 12 hours");
    assert_eq!(too_long.code(), Some("InvalidParameterValue"));
    change(handle(&message), 0).await.expect("visible at once");
    let late = change(handle(&message), 10).await.expect_err("no longer in flight");
    assert!(late.into_service_error().is_message_not_inflight());

    let again = rig.receive(&queue).await.remove(0);
    assert_eq!(again.message_id(), message.message_id());
    assert_eq!(system(&again, "ApproximateReceiveCount"), "2");
    change(handle(&message), 10).await.expect_err("the older handle no longer counts");
    change("nonsense", 10).await.expect_err("not a handle");
}

#[tokio::test]
async fn a_batch_fails_entry_by_entry() {
    let rig = Rig::start().await;
    let queue = rig.queue("work", &[("MaximumMessageSize", "1024")]).await;
    let entry = |id: &str, body: String| {
        SendMessageBatchRequestEntry::builder().id(id).message_body(body).build().expect("complete")
    };
    let batch = rig.sqs.send_message_batch().queue_url(&queue);
    let sent = batch
        .entries(entry("good", "x".into()))
        .entries(entry("big", "x".repeat(1025)))
        .send()
        .await;
    let sent = sent.expect("answered");
    assert_eq!(sent.successful()[0].id(), "good");
    assert_eq!((sent.failed()[0].id(), sent.failed()[0].code()), ("big", "InvalidParameterValue"));
    assert!(sent.failed()[0].sender_fault());

    let message = rig.receive(&queue).await.remove(0);
    let hide = |id: &str, handle: &str| {
        let entry =
            ChangeMessageVisibilityBatchRequestEntry::builder().id(id).receipt_handle(handle);
        entry.visibility_timeout(60).build().expect("complete")
    };
    let batch = rig.sqs.change_message_visibility_batch().queue_url(&queue);
    let changed =
        batch.entries(hide("a", handle(&message))).entries(hide("b", "nonsense")).send().await;
    let changed = changed.expect("answered");
    assert_eq!(
        (changed.successful().len(), changed.failed()[0].code()),
        (1, "ReceiptHandleIsInvalid")
    );

    let entry = DeleteMessageBatchRequestEntry::builder().id("a").receipt_handle(handle(&message));
    let batch =
        rig.sqs.delete_message_batch().queue_url(&queue).entries(entry.build().expect("complete"));
    assert_eq!(batch.send().await.expect("answered").successful().len(), 1);
}

#[tokio::test]
async fn a_long_poll_wakes_for_arrivals_and_for_ends_of_delays() {
    let rig = Rig::start().await;
    let queue = rig.queue("work", &[("ReceiveMessageWaitTimeSeconds", "10")]).await;
    let started = Instant::now();
    let (received, ()) = tokio::join!(rig.receive(&queue), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        rig.send(&queue, "now").await;
    });
    assert_eq!(received.len(), 1);
    assert!(started.elapsed() < Duration::from_secs(5));

    let send = rig.sqs.send_message().queue_url(&queue).message_body("later").delay_seconds(1);
    send.send().await.expect("sent");
    let received = rig.receive(&queue).await;
    assert_eq!(received[0].body(), Some("later"));
    assert!(started.elapsed() < Duration::from_secs(8));
}
