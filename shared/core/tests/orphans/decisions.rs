//! Each decision by itself.

use tracklayer_core::ledger::correction::{CorrectionRefusal, MAX_CORRECTIONS};
use tracklayer_core::ledger::orphan::{Orphan, StoredOrphan, parse_key};
use tracklayer_core::ledger::row::{PartitionKey, Row, RowKey};
use tracklayer_core::reconcile::intake::Unfit;
use tracklayer_core::reconcile::orphans::{
    Again, Aim, Look, Original, add, aim, look, look_again, take,
};
use tracklayer_core::reconcile::state::{State, lost_since, refusal_in_orphan, state_of_orphan};
use tracklayer_core::time::EventTime;

use crate::support::{DAY, HOUR, after, at, ids, original, orphan, orphan_key, refund};

#[test]
fn one_original_is_meant_if_no_event_or_its_own_is_named() {
    let (purchase, lead) = (original("purchase", 10), original("phone_sale", 10));
    let one = [Original::own(&purchase)];
    assert_eq!(aim(&refund("r", None), &one), Aim::Row(&purchase));
    assert_eq!(aim(&refund("r", Some("purchase")), &one), Aim::Row(&purchase));
    assert_eq!(aim(&refund("r", Some("phone_sale")), &one), Aim::Orphan, "a sibling came first");
    let two = [Original::own(&purchase), Original::own(&lead)];
    assert_eq!(aim(&refund("r", Some("phone_sale")), &two), Aim::Row(&lead));
    assert_eq!(aim(&refund("r", None), &two), Aim::Ambiguous);
    assert_eq!(aim(&refund("r", None), &[]), Aim::Orphan);
}

#[test]
fn an_orphan_is_looked_at_on_its_third_day_and_ends_on_its_fourteenth() {
    let first = orphan(&[refund("r1", None)], 0);
    let open = first.open.clone().expect("open");
    assert_eq!((open.due, open.since), (after(3 * DAY), after(0)));
    assert_eq!(at(3 * DAY - 1, |context| look(&first, &[], context)), Look::Nothing);
    let Look::Missing(missing) = at(3 * DAY, |context| look(&first, &[], context)) else {
        panic!("missing");
    };
    assert_eq!(missing.open.as_ref().expect("open").due, after(14 * DAY));
    assert_eq!(state_of_orphan(&missing), (State::Waiting, "original_missing"));
    let Look::Ended(ended) = at(14 * DAY, |context| look(&missing, &[], context)) else {
        panic!("ended");
    };
    assert_eq!((ended.open.clone(), ids(&ended.corrections)), (None, vec!["r1"]));
    assert_eq!(state_of_orphan(&ended), (State::Refused, "original_never_came"));
    assert_eq!(at(99 * DAY, |context| look(&ended, &[], context)), Look::Nothing);
    assert_eq!((first.revision, missing.revision, ended.revision), (1, 2, 3));
    let late = original("purchase", 20 * DAY);
    let moved = at(20 * DAY, |context| take(Original::own(&late), &ended, context)).expect("taken");
    assert_eq!(ids(&moved.row.corrections), ["r1"], "an original that comes later");
}

#[test]
fn a_late_correction_opens_an_ended_orphan_again_and_keeps_an_open_one_as_it_is() {
    let open = orphan(&[refund("r1", None)], 0);
    let one_more = |orphan: &Orphan, seconds| {
        let key = orphan_key();
        at(seconds, |context| add(&key, Some(orphan), refund("r2", None), None, context))
            .expect("room")
    };
    let later = one_more(&open, 2 * DAY);
    assert_eq!((later.open.clone(), later.ttl), (open.open.clone(), after(102 * DAY)));
    let ended = Orphan { open: None, ..open };
    let again = one_more(&ended, 20 * DAY).open.expect("open");
    assert_eq!((again.due, again.since), (after(23 * DAY), after(20 * DAY)));
}

#[test]
fn the_original_that_was_recorded_first_takes_what_names_no_event() {
    let (first, second) = (original("phone_sale", 10), original("purchase", 11));
    let waits = orphan(&[refund("r1", None), refund("r2", Some("purchase"))], 0);
    let rows = [second.clone(), first.clone()];
    let Look::Take(row, moved) =
        at(3 * DAY, |context| look(&waits, &Original::all_of(&rows), context))
    else {
        panic!("taken");
    };
    assert_eq!((row, ids(&moved.row.corrections)), (&first, vec!["r1"]));
    assert_eq!(ids(&moved.orphan.corrections), ["r2"]);
    let rows = [second, moved.row];
    let Look::Take(row, moved) =
        at(3 * DAY, |context| look(&moved.orphan, &Original::all_of(&rows), context))
    else {
        panic!("taken");
    };
    assert_eq!((row, ids(&moved.row.corrections)), (&rows[0], vec!["r2"]));
    assert_eq!((moved.orphan.corrections, moved.orphan.open), (vec![], None));
}

#[test]
fn an_original_takes_as_many_as_it_has_room_for() {
    let mut row = original("purchase", 10);
    row.corrections = (1..MAX_CORRECTIONS).map(|n| refund(&format!("x{n}"), None)).collect();
    let waits = orphan(&[refund("r1", None), refund("r2", None)], 0);
    let moved = at(60, |context| take(Original::own(&row), &waits, context)).expect("taken");
    assert_eq!(moved.row.corrections.len(), MAX_CORRECTIONS);
    assert_eq!(moved.row.desired_revision, row.desired_revision + 1);
    assert_eq!((ids(&moved.orphan.corrections), moved.orphan.revision), (vec!["r2"], 3));
    let full = orphan(&moved.row.corrections, 0);
    let key = orphan_key();
    let one_more = at(60, |context| add(&key, Some(&full), refund("r3", None), None, context));
    assert_eq!(one_more, Err(Unfit::TooMany));
}

#[test]
fn what_a_full_original_has_no_room_for_ends_and_no_other_original_takes_it() {
    let mut row = original("purchase", 10);
    row.corrections = (0..MAX_CORRECTIONS).map(|n| refund(&format!("x{n}"), None)).collect();
    let waits = orphan(&[refund("r1", None), refund("r2", Some("phone_sale"))], 0);
    let taken = at(60, |context| take(Original::own(&row), &waits, context)).expect("refused");
    assert_eq!(taken.row, Row { desired_revision: row.desired_revision + 1, ..row.clone() });
    assert_eq!(taken.lost, ["shop/r1 full refund: too_many_corrections"]);
    let left = taken.orphan;
    assert_eq!(ids(&left.corrections), ["r1", "r2"]);
    assert_eq!(refusal_in_orphan(&left, &left.corrections[0]), Some("too_many_corrections"));
    assert_eq!(refusal_in_orphan(&left, &left.corrections[1]), None);
    assert_eq!((&left.open, state_of_orphan(&left).0), (&waits.open, State::Waiting));
    assert_eq!(at(60, |context| take(Original::own(&row), &left, context)), None, "told once");

    let phone = original("phone_sale", 90);
    let rest = at(90, |context| take(Original::own(&phone), &left, context)).expect("taken");
    assert_eq!((ids(&rest.row.corrections), rest.lost), (vec!["r2"], vec![]));
    assert_eq!(ids(&rest.orphan.corrections), ["r1"], "it named no event and came too late");
    assert_eq!(rest.orphan.open, None, "nobody looks for an original any more");
    assert_eq!(state_of_orphan(&rest.orphan), (State::Refused, "too_many_corrections"));
    let stored = StoredOrphan::from(&rest.orphan);
    assert_eq!(Orphan::try_from(stored), Ok(rest.orphan));
}

#[test]
fn what_is_taken_too_late_is_recorded_as_lost() {
    let waits = orphan(&[refund("r1", None)], 80 * DAY);
    let row = original("purchase", 10);
    let moved = at(91 * DAY, |context| take(Original::own(&row), &waits, context)).expect("taken");
    let refused = moved.row.corrections[0].refused;
    assert_eq!(refused, Some(CorrectionRefusal::TooOldForMicrosoft));
    assert_eq!(moved.lost, ["shop/r1 full refund: too_old_for_microsoft"]);
    assert_eq!(lost_since(&moved.row, 1), Vec::<String>::new());
}

#[test]
fn a_correction_that_looks_again_goes_to_the_original_that_came_first() {
    let (purchase, lead) = (original("purchase", 11), original("phone_sale", 10));
    let (mine, other) = (refund("r1", None), refund("r2", Some("subscription_start")));
    let waits = orphan(&[mine.clone(), other], 0);
    let both = [Original::own(&purchase), Original::own(&lead)];
    at(60, |context| {
        assert_eq!(look_again(&mine, &[], Some(&waits), context), Again::Waits);
        assert_eq!(look_again(&mine, &both, None, context), Again::Gone);
        let Again::Take(row, moved) = look_again(&mine, &both, Some(&waits), context) else {
            panic!("taken");
        };
        assert_eq!((row, ids(&moved.orphan.corrections)), (&lead, vec!["r2"]));
        let both = [both[0], Original::own(&moved.row)];
        let again = look_again(&mine, &both, Some(&moved.orphan), context);
        assert_eq!(again, Again::Taken(&moved.row));
    });
}

#[test]
fn an_orphan_is_stored_and_read_whole() {
    let stored = r#"{"pk":"event shop 4711","sk":"~orphan","v":1,"account":"main",
        "corrections":[{"source":"shop","eventId":"r1","occurredAtMs":1800000060000,
            "recordedAt":1800000060,"originalEvent":"purchase"}],
        "revision":1,"recordedAt":1800000000,"open":"orphan#4","due":1800259200,
        "since":1800000000,"reason":"original_missing","ttl":1808640000}"#;
    let read: StoredOrphan = serde_json::from_str(stored).expect("an item");
    let read = Orphan::try_from(read).expect("an orphan");
    let mut expected = orphan(&[refund("r1", Some("purchase"))], 0);
    expected.account = "main".parse().ok();
    assert_eq!(read, expected);
    let again: serde_json::Value =
        serde_json::to_value(StoredOrphan::from(&read)).expect("an item");
    assert_eq!(again, serde_json::from_str::<serde_json::Value>(stored).expect("an item"));
    let later = stored.replace("\"v\":1", "\"v\":2");
    let later: StoredOrphan = serde_json::from_str(&later).expect("an item");
    assert!(Orphan::try_from(later).is_err(), "written by a later version");
    for (open, ttl) in [(None, 0), (expected.open.clone(), 100 * DAY + HOUR)] {
        let orphan = Orphan { open, ttl: EventTime::from_epoch(ttl), ..expected.clone() };
        assert_eq!(Orphan::try_from(StoredOrphan::from(&orphan)), Ok(orphan));
    }
}

#[test]
fn the_keys_of_rows_and_orphans_are_told_apart() {
    let key = orphan_key();
    assert_eq!(parse_key(&key.pk(), "~orphan"), Ok(key.clone()));
    assert!(parse_key(&key.pk(), "purchase").is_err());
    assert!(PartitionKey::parse("key 1").is_err());
    assert!(RowKey::parse(&key.pk(), "~orphan").is_err());
    assert_eq!(key.pk(), original("purchase", 10).key.pk());
}
