//! Dead letters and message move tasks.

use std::time::Duration;

use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::ListMessageMoveTasksResultEntry;

use crate::{Stand, arn, system};

#[tokio::test]
async fn a_message_dies_at_the_receive_after_the_last_and_comes_back_as_a_new_one() {
    let stand = Stand::start().await;
    let (work, dead) = stand.queue_with_grave().await;
    let id = stand.send(&work, "poison").await;
    let first = stand.receive(&work).await.remove(0);
    stand.show_again(&work, &first).await;
    assert!(stand.receive(&dead).await.is_empty(), "it moves at the next receive, not before");
    assert!(stand.receive(&work).await.is_empty());

    let letter = stand.receive(&dead).await.remove(0);
    assert_eq!(letter.message_id(), Some(id.as_str()));
    assert_eq!(system(&letter, "SentTimestamp"), system(&first, "SentTimestamp"));
    assert_eq!(system(&letter, "DeadLetterQueueSourceArn"), arn("work"));
    stand.show_again(&dead, &letter).await;

    tokio::time::sleep(Duration::from_millis(5)).await;
    stand.sqs.start_message_move_task().source_arn(arn("dead")).send().await.expect("started");
    let task = finished(&stand).await;
    assert_eq!(
        (task.status(), task.approximate_number_of_messages_moved()),
        (Some("COMPLETED"), 1)
    );
    let again = stand.receive(&work).await.remove(0);
    assert_ne!(again.message_id(), Some(id.as_str()));
    assert_ne!(system(&again, "SentTimestamp"), system(&first, "SentTimestamp"));
    assert_eq!(system(&again, "ApproximateReceiveCount"), "1");
    assert!(stand.receive(&dead).await.is_empty());
}

#[tokio::test]
async fn a_message_without_a_known_source_fails_the_task_and_stays() {
    let stand = Stand::start().await;
    let (_, dead) = stand.queue_with_grave().await;
    stand.send(&dead, "sent to the dead-letter queue by hand").await;
    stand.sqs.start_message_move_task().source_arn(arn("dead")).send().await.expect("started");
    let task = finished(&stand).await;
    assert_eq!(task.status(), Some("FAILED"));
    assert_eq!(task.failure_reason(), Some("CouldNotDetermineMessageSource"));
    assert_eq!(stand.receive(&dead).await.len(), 1);
}

#[tokio::test]
async fn one_task_at_a_time_at_its_rate_until_it_is_cancelled() {
    let stand = Stand::start().await;
    let (_, dead) = stand.queue_with_grave().await;
    let other = stand.queue("other", &[]).await;
    for body in ["a", "b", "c"] {
        stand.send(&dead, body).await;
    }
    let start = || {
        let start = stand.sqs.start_message_move_task().source_arn(arn("dead"));
        start.destination_arn(arn("other")).max_number_of_messages_per_second(1).send()
    };
    let task = start().await.expect("started").task_handle.expect("a handle");
    assert_eq!(start().await.expect_err("one is running").code(), Some("InvalidParameterValue"));
    assert_eq!(newest(&stand).await.task_handle(), Some(task.as_str()));

    let cancel = || stand.sqs.cancel_message_move_task().task_handle(&task).send();
    assert!(cancel().await.expect("cancelled").approximate_number_of_messages_moved() < 3);
    assert_eq!(finished(&stand).await.status(), Some("CANCELLED"));
    cancel().await.expect_err("it is over");
    let (left, moved) = (stand.receive(&dead).await.len(), stand.receive(&other).await.len());
    assert_eq!((left + moved, left > 0), (3, true), "nothing is lost");
}

#[tokio::test]
async fn only_dead_letter_queues_can_be_redriven_and_only_allowed_ones_named() {
    let stand = Stand::start().await;
    stand.queue("plain", &[]).await;
    let plain = stand.sqs.start_message_move_task().source_arn(arn("plain")).send().await;
    assert_eq!(plain.expect_err("no dead-letter queue").code(), Some("InvalidParameterValue"));
    let nobody = stand.sqs.start_message_move_task().source_arn(arn("nobody")).send().await;
    assert!(nobody.expect_err("no queue").into_service_error().is_resource_not_found_exception());

    stand.queue("closed", &[("RedriveAllowPolicy", r#"{"redrivePermission":"denyAll"}"#)]).await;
    for target in ["closed", "nobody"] {
        let policy =
            format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":"2"}}"#, arn(target));
        let create = stand
            .sqs
            .create_queue()
            .queue_name("source")
            .attributes("RedrivePolicy".into(), policy);
        assert_eq!(create.send().await.expect_err("refused").code(), Some("InvalidParameterValue"));
    }
}

async fn newest(stand: &Stand) -> ListMessageMoveTasksResultEntry {
    let tasks =
        stand.sqs.list_message_move_tasks().source_arn(arn("dead")).send().await.expect("listed");
    tasks.results()[0].clone()
}

async fn finished(stand: &Stand) -> ListMessageMoveTasksResultEntry {
    for _ in 0..300 {
        let task = newest(stand).await;
        if !matches!(task.status(), Some("RUNNING" | "CANCELLING")) {
            return task;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the task does not end")
}
