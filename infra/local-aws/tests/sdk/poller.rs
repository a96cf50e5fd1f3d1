//! What the event source mapping uses in the same process.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::{Rig, handle};

const NOW: Duration = Duration::ZERO;

#[tokio::test]
async fn a_returned_message_comes_again_unless_its_visibility_was_changed() {
    let rig = Rig::start().await;
    let queue = rig.queue("work", &[]).await;
    rig.send(&queue, "a").await;
    rig.send(&queue, "b").await;
    let queues = rig.aws.queues();
    let received = queues.receive("work", 10, NOW).await.expect("received");
    let [a, b] = &received[..] else { panic!("two messages") };
    assert_eq!(a.attributes["ApproximateReceiveCount"], "1");

    let change = rig.sqs.change_message_visibility().queue_url(&queue).visibility_timeout(600);
    change.receipt_handle(&b.receipt_handle).send().await.expect("changed");
    for (message, returns) in [(a, true), (b, false)] {
        let returned = queues.return_after_unless_changed(
            "work",
            &message.receipt_handle,
            Duration::from_millis(500),
        );
        assert_eq!(returned.expect("known"), returns);
    }
    assert!(queues.receive("work", 10, NOW).await.expect("received").is_empty());
    let again = queues.receive("work", 10, Duration::from_secs(5)).await.expect("received");
    assert_eq!((again.len(), again[0].body.as_str()), (1, "a"));

    queues.delete("work", &a.receipt_handle).expect("an old handle is no error");
    assert!(
        queues.return_after_unless_changed("work", &again[0].receipt_handle, NOW).expect("known"),
        "and deletes nothing"
    );
}

#[tokio::test]
async fn disorder_repeats_and_shuffles_but_loses_nothing() {
    let rig = Rig::start().await;
    let queue = rig.queue("work", &[]).await;
    rig.aws.queues().set_disorder("work", Some(7)).expect("a queue");
    for number in 100..150 {
        rig.send(&queue, &number.to_string()).await;
    }
    let mut bodies = Vec::new();
    loop {
        let received = rig.receive(&queue).await;
        if received.is_empty() {
            break;
        }
        for message in received {
            bodies.push(message.body().expect("a body").to_owned());
            let delete =
                rig.sqs.delete_message().queue_url(&queue).receipt_handle(handle(&message));
            delete.send().await.expect("deleted");
        }
    }
    let distinct: BTreeSet<_> = bodies.iter().collect();
    assert_eq!(distinct.len(), 50);
    assert!(bodies.len() > 50, "some came twice");
    assert!(!bodies.is_sorted());
}
