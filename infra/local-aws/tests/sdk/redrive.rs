//! Dead-letter queues and message move tasks.

use std::time::{Duration, Instant};

use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::ListMessageMoveTasksResultEntry;

use crate::{Rig, arn, system};

#[tokio::test]
async fn a_message_dies_at_the_receive_after_the_last_and_comes_back_as_a_new_one() {
    let rig = Rig::start().await;
    let (work, dead) = rig.queue_with_dead_letter_queue().await;
    let id = rig.send(&work, "poison").await;
    let first = rig.receive(&work).await.remove(0);
    rig.show_again(&work, &first).await;
    assert!(rig.receive(&dead).await.is_empty(), "it moves at the next receive, not before");
    assert!(rig.receive(&work).await.is_empty());

    let dead_letter = rig.receive(&dead).await.remove(0);
    assert_eq!(dead_letter.message_id(), Some(id.as_str()));
    assert_eq!(system(&dead_letter, "SentTimestamp"), system(&first, "SentTimestamp"));
    assert_eq!(system(&dead_letter, "DeadLetterQueueSourceArn"), arn("work"));
    rig.show_again(&dead, &dead_letter).await;

    tokio::time::sleep(Duration::from_millis(5)).await;
    rig.sqs.start_message_move_task().source_arn(arn("dead")).send().await.expect("started");
    let task = finished(&rig).await;
    assert_eq!(
        (task.status(), task.approximate_number_of_messages_moved()),
        (Some("COMPLETED"), 1)
    );
    let again = rig.receive(&work).await.remove(0);
    assert_ne!(again.message_id(), Some(id.as_str()));
    assert_ne!(system(&again, "SentTimestamp"), system(&first, "SentTimestamp"));
    assert_eq!(system(&again, "ApproximateReceiveCount"), "1");
    assert!(rig.receive(&dead).await.is_empty());
}

#[tokio::test]
async fn a_message_without_a_known_source_fails_the_task_and_stays() {
    let rig = Rig::start().await;
    let (_, dead) = rig.queue_with_dead_letter_queue().await;
    rig.send(&dead, "sent to the dead-letter queue by hand").await;
    rig.sqs.start_message_move_task().source_arn(arn("dead")).send().await.expect("started");
    let task = finished(&rig).await;
    assert_eq!(task.status(), Some("FAILED"));
    assert_eq!(task.failure_reason(), Some("CouldNotDetermineMessageSource"));
    assert_eq!(rig.receive(&dead).await.len(), 1);
}

#[tokio::test]
async fn a_task_runs_alone_at_its_rate_and_moves_to_the_queue_it_names() {
    let rig = Rig::start().await;
    let (_, dead) = rig.queue_with_dead_letter_queue().await;
    let other = rig.queue("other", &[]).await;
    for body in ["a", "b"] {
        rig.send(&dead, body).await;
    }
    let start = || {
        let start = rig.sqs.start_message_move_task().source_arn(arn("dead"));
        start.destination_arn(arn("other")).max_number_of_messages_per_second(1).send()
    };
    let started = Instant::now();
    let task = start().await.expect("started").task_handle.expect("a handle");
    assert_eq!(start().await.expect_err("one is running").code(), Some("InvalidParameterValue"));
    assert_eq!(newest(&rig).await.task_handle(), Some(task.as_str()));

    assert_eq!(finished(&rig).await.status(), Some("COMPLETED"));
    assert!(started.elapsed() >= Duration::from_secs(1), "two messages, one a second");
    let (left, moved) = (rig.receive(&dead).await.len(), rig.receive(&other).await.len());
    assert_eq!((left, moved), (0, 2));
    let cancel = rig.sqs.cancel_message_move_task().task_handle(&task).send().await;
    assert_eq!(cancel.expect_err("unsupported").code(), Some("UnknownOperationException"));
}

#[tokio::test]
async fn only_dead_letter_queues_can_be_redriven_and_only_allowed_ones_named() {
    let rig = Rig::start().await;
    rig.queue("plain", &[]).await;
    let plain = rig.sqs.start_message_move_task().source_arn(arn("plain")).send().await;
    assert_eq!(plain.expect_err("no dead-letter queue").code(), Some("InvalidParameterValue"));
    let nobody = rig.sqs.start_message_move_task().source_arn(arn("nobody")).send().await;
    assert!(nobody.expect_err("no queue").into_service_error().is_resource_not_found_exception());

    rig.queue("closed", &[("RedriveAllowPolicy", r#"{"redrivePermission":"denyAll"}"#)]).await;
    for target in ["closed", "nobody"] {
        let policy =
            format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":"2"}}"#, arn(target));
        let create =
            rig.sqs.create_queue().queue_name("source").attributes("RedrivePolicy".into(), policy);
        assert_eq!(create.send().await.expect_err("refused").code(), Some("InvalidParameterValue"));
    }
}

async fn newest(rig: &Rig) -> ListMessageMoveTasksResultEntry {
    let tasks =
        rig.sqs.list_message_move_tasks().source_arn(arn("dead")).send().await.expect("listed");
    tasks.results()[0].clone()
}

async fn finished(rig: &Rig) -> ListMessageMoveTasksResultEntry {
    for _ in 0..300 {
        let task = newest(rig).await;
        if task.status() != Some("RUNNING") {
            return task;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the task does not end")
}
