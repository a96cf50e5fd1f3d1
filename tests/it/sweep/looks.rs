//! Rows that wait for a click.

use sweep::wire::Summary;
use tracklayer_core::ledger::{index::IndexClass, row::Row, wait::WaitReason};
use tracklayer_edge::aws::queue::Queue;

use super::rig::{Rig, row};
use super::waiting;

#[tokio::test]
async fn looks_for_clicks_come_after_waits_and_move_to_the_next_look() {
    let rig = Rig::start().await;
    let now = rig.now;
    let mut look = row("look", "purchase", now);
    look.recorded_at = now.plus_seconds(-6_100);
    let since = look.recorded_at;
    look.open =
        Some(IndexClass::Look.entry(since.plus_seconds(6_000), since, Some(WaitReason::NoClick)));
    rig.put(&look).await;
    rig.put(&waiting("wait", now, -5)).await;
    assert_eq!(rig.run().await, Summary { signalled: 2, ..Summary::default() });
    let open = rig.rows("look").await.remove(0).open.expect("open");
    assert_eq!((open.due, open.since), (since.plus_seconds(48_000), since));
    assert_eq!((open.class, open.reason), (IndexClass::Look, Some(WaitReason::NoClick)));
    let open = rig.rows("wait").await.remove(0).open.expect("open");
    assert_eq!((open.due, open.since), (now.plus_seconds(1_000), now.plus_seconds(-5)));
}

/// The next look may be weeks away.
#[tokio::test]
async fn a_look_whose_signal_is_not_sent_is_due_again_in_an_hour() {
    let mut rig = Rig::start().await;
    let mut look = row("look", "purchase", rig.now);
    let since = rig.now.plus_seconds(-48_000);
    look.recorded_at = since;
    look.open = Some(IndexClass::Look.entry(rig.now, since, Some(WaitReason::NoClick)));
    rig.put(&look).await;
    let nowhere = format!("{}-missing", rig.queue_url);
    let queue = std::mem::replace(&mut rig.sweep.queue, Queue::new(rig.sqs.clone(), nowhere));
    assert_eq!(rig.run().await, Summary { unsent: 1, ..Summary::default() });
    let due = |rows: Vec<Row>| rows[0].open.as_ref().map(|open| (open.due, open.since));
    assert_eq!(due(rig.rows("look").await), Some((rig.now.plus_seconds(1_000), since)));
    rig.sweep.queue = queue;
    rig.now = rig.now.plus_seconds(1_000);
    assert_eq!(rig.run().await, Summary { signalled: 1, ..Summary::default() });
    assert_eq!(due(rig.rows("look").await), Some((since.plus_seconds(240_000), since)));
}
