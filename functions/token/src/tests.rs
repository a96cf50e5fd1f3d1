//! The steps against accidents: killed, repeated, at once, refused, overtaken by a person.

use crate::TokenError;
use crate::fakes::{Mode, STEPS, World, event, race, run};
use crate::wire::{Event, Outcome, Step};

const MODES: [Mode; 3] = [Mode::Keep, Mode::Rotate, Mode::RotateAndRevoke];

/// Whatever happened, the next rotation ends with a secret that works and no label left behind.
fn assert_heals(world: &World, case: &str) {
    world.life.set(None);
    let healed = run(world.function().rotate("next")).expect("alive");
    assert!(healed.is_ok(), "{case}: {healed:?}");
    assert_settled(world, case);
}

fn assert_settled(world: &World, case: &str) {
    let (current, pending) = world.labels();
    assert_eq!(pending, None, "{case}: current is {current}");
    assert!(world.is_alive(), "{case}: {current} holds {}", world.current_token());
    for (name, value) in [("client_id", "app"), ("developer_token", "d"), ("account_id", "7")] {
        assert_eq!(world.member(&current, name), value, "{case}: {name}");
    }
}

#[test]
fn a_refresh_token_is_not_kept_for_ever_but_moved_on_to_the_newer_one() {
    for (mode, token) in MODES.into_iter().zip(["r.0", "r.2", "r.2"]) {
        for begun in [false, true] {
            let world = World::new(mode);
            if begun {
                world.begin("t1");
            }
            assert_eq!(run(world.function().rotate("t1")).unwrap().unwrap(), Outcome::Finished);
            assert_settled(&world, token);
            assert_eq!(world.current_token(), token, "the one that came last");
            let current = world.labels().0;
            assert_ne!(current, "c1");
            assert_eq!(world.member(&current, "rotated_from"), "c1");
            assert_eq!(world.member(&current, "note"), "of c1", "other members stay");
        }
    }
}

#[test]
fn each_step_run_twice_changes_nothing_more() {
    for mode in MODES {
        let world = World::new(mode);
        for step in STEPS {
            run(world.function().step(step, "t1")).unwrap().unwrap();
            let before = world.labels();
            run(world.function().step(step, "t1")).unwrap().unwrap();
            if step != Step::TestSecret {
                assert_eq!(world.labels(), before, "{step:?}");
            }
        }
        let (labels, exchanges) = (world.labels(), world.store.borrow().exchanges);
        run(world.function().rotate("t1")).unwrap().unwrap();
        assert_eq!((world.labels(), world.store.borrow().exchanges), (labels, exchanges));
        assert_settled(&world, "twice");
    }
}

#[test]
fn killed_after_any_call_the_same_rotation_and_the_next_one_go_on() {
    // Between Microsoft's answer and the write a token that it drops at once is lost for good.
    for mode in [Mode::Keep, Mode::Rotate] {
        for same in [true, false] {
            for life in 1..60 {
                let world = World::new(mode);
                world.begin("t1");
                world.life.set(Some(life));
                let done = run(world.function().rotate("t1")).is_some();
                world.life.set(None);
                if same {
                    let again = run(world.function().rotate("t1")).expect("alive");
                    assert!(again.is_ok(), "{life}: {again:?}");
                    assert_settled(&world, "again");
                    assert_ne!(world.labels().0, "c1");
                }
                assert_heals(&world, &format!("killed after {life}"));
                if done {
                    break;
                }
                assert!(life < 59, "a rotation takes fewer calls");
            }
        }
    }
}

#[test]
fn a_token_that_a_killed_rotation_staged_is_the_one_that_is_used() {
    let world = World::new(Mode::RotateAndRevoke);
    run(world.function().step(Step::CreateSecret, "t1")).unwrap().unwrap();
    assert!(!world.is_alive(), "Microsoft takes only the staged one");
    assert_heals(&world, "the staged one");
    let (current, _) = world.labels();
    assert_eq!(world.member(&current, "rotated_from"), "c1");
}

#[test]
fn a_staged_token_that_is_refused_loses_its_label_and_the_current_one_is_used() {
    for step in [Step::CreateSecret, Step::TestSecret] {
        let world = World::new(Mode::Keep);
        run(world.function().step(Step::CreateSecret, "t1")).unwrap().unwrap();
        let staged = world.store.borrow().versions["t1"].clone().with("refresh_token", "gone.0");
        world.store.borrow_mut().versions.insert("t1".to_owned(), staged);
        if step == Step::TestSecret {
            let refused = run(world.function().step(step, "t1")).unwrap();
            assert!(matches!(refused, Err(TokenError::StagedRefused(_))), "{refused:?}");
            assert_eq!(world.labels(), ("c1".to_owned(), None));
            let again = run(world.function().step(step, "t1")).unwrap();
            assert!(matches!(again, Err(TokenError::GivenUp)), "{again:?}");
        }
        assert_heals(&world, "refused");
        assert_eq!(world.labels().0, "next");
    }
}

#[test]
fn a_refused_consent_is_an_error_that_changes_nothing() {
    let world = World::new(Mode::Rotate);
    world.begin("t1");
    world.revoke("r");
    let before = world.labels();
    for answer in ["invalid_grant []; Give consent again", "before; give consent again"] {
        let error = run(world.function().rotate("t1")).unwrap().expect_err("refused").to_string();
        assert!(error.contains(answer), "{error}");
        assert!(!error.contains("r.0"), "{error}");
        assert_eq!(world.labels(), before);
        assert_eq!(world.store.borrow().versions.len(), 1);
        // Whoever asks: not with this version again.
        assert_eq!(world.store.borrow().exchanges, 1);
        assert_eq!(world.store.borrow().refused["main"], "c1");
    }
    // A person consents; Secrets Manager goes on with the rotation it has begun.
    world.write("c2", "fresh");
    assert_eq!(run(world.function().rotate("t1")).unwrap().unwrap(), Outcome::Finished);
    assert_settled(&world, "after the new consent");
    assert!(world.current_token().starts_with("fresh."));
}

#[test]
fn an_identity_service_that_is_down_costs_nothing() {
    for step in [Step::CreateSecret, Step::TestSecret] {
        let world = World::new(Mode::Rotate);
        if step == Step::TestSecret {
            run(world.function().step(Step::CreateSecret, "t1")).unwrap().unwrap();
        }
        let before = world.labels();
        world.down.set(true);
        let failed = run(world.function().step(step, "t1")).unwrap();
        assert!(matches!(failed, Err(TokenError::Auth(_))), "{failed:?}");
        assert_eq!(world.labels(), before);
        world.down.set(false);
        assert_heals(&world, "up again");
    }
}

#[test]
fn a_consent_that_a_person_writes_at_any_moment_stays() {
    for mode in MODES {
        for moment in 0..60 {
            let world = World::new(mode);
            let operator = async {
                world.write("c2", "person");
            };
            let function = world.function();
            let turns = (0..).map(|turn| turn == moment);
            let (rotated, ()) = race(function.rotate("t1"), operator, turns);
            assert!(rotated.is_ok(), "{moment}: {rotated:?}");
            let (current, pending) = world.labels();
            // Written after all: it is the rotated one that was replaced.
            assert_eq!(pending, None, "{moment}");
            assert_eq!(world.member(&current, "note"), "of c2", "{moment}");
            assert!(world.current_token().starts_with("person."), "{moment}");
            assert_heals(&world, "after the person");
            assert!(world.current_token().starts_with("person."), "{moment}");
        }
    }
}

#[test]
fn two_rotations_at_once_in_any_order_overwrite_no_token_that_works() {
    let mut seed = 7_u64;
    for round in 0..2_400 {
        let mode = MODES[round % 3];
        let second = ["t1", "t2"][round / 3 % 2];
        let world = World::new(mode);
        if round % 5 == 0 {
            world.begin("t1");
        }
        let turns = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            seed >> 63 == 1
        });
        let function = world.function();
        let ends = race(function.rotate("t1"), function.rotate(second), turns);
        assert!(ends.0.is_ok() || ends.1.is_ok(), "{round}: {ends:?}");
        assert_heals(&world, &format!("round {round}: {ends:?}"));
    }
}

#[test]
fn a_trial_of_the_configuration_touches_nothing() {
    let world = World::new(Mode::RotateAndRevoke);
    world.begin("trial");
    let tried = run(world.function().step(Step::TestSecret, "trial")).unwrap().unwrap();
    assert_eq!((tried, world.store.borrow().exchanges), (Outcome::Nothing, 0));
    // The version may hold a copy, and the token in it is the one everybody uses.
    let copy = world.store.borrow().versions["c1"].clone();
    world.store.borrow_mut().versions.insert("trial".to_owned(), copy);
    let tried = run(world.function().step(Step::TestSecret, "trial")).unwrap().unwrap();
    assert_eq!((tried, world.store.borrow().exchanges), (Outcome::Nothing, 0));
    assert!(world.is_alive());
}

#[test]
fn a_secret_that_holds_no_account_is_left_alone() {
    let world = World::new(Mode::Keep);
    let keys = world.store.borrow().versions["c1"].clone().without("client_id");
    world.store.borrow_mut().versions.insert("c1".to_owned(), keys);
    let error = run(world.function().rotate("t1")).unwrap().expect_err("no account").to_string();
    assert!(error.contains("member client_id is missing"), "{error}");
    assert_eq!((world.labels(), world.store.borrow().exchanges), (("c1".to_owned(), None), 0));
}

#[test]
fn a_version_that_another_worker_saw_refused_is_not_asked_with_but_a_staged_one_is() {
    let world = World::new(Mode::RotateAndRevoke);
    run(world.function().step(Step::CreateSecret, "t1")).unwrap().unwrap();
    world.store.borrow_mut().refused.insert("main".to_owned(), "c1".to_owned());
    assert_heals(&world, "the staged one works");
    let current = world.labels().0;
    let exchanges = world.store.borrow().exchanges;
    world.store.borrow_mut().refused.insert("main".to_owned(), current);
    let refused = run(world.function().rotate("t9")).unwrap();
    assert!(matches!(refused, Err(TokenError::Refused)), "{refused:?}");
    assert_eq!(world.store.borrow().exchanges, exchanges);
}

#[test]
fn what_others_staged_by_mistake_ends_no_rotation() {
    for mode in MODES {
        for text in [r#"{"note":"x"}"#, r#"["no object"]"#, "not json", "copy"] {
            // Secrets Manager goes on with the version that it finds pending, or begins a new one.
            for rotation in ["foreign", "t1"] {
                let world = World::new(mode);
                world.stage_by_hand("foreign", text);
                let case = format!("{text} {rotation}");
                assert_eq!(
                    run(world.function().rotate(rotation)).unwrap().unwrap(),
                    Outcome::Finished,
                    "{case}"
                );
                assert_settled(&world, &case);
                assert!(!["c1", "foreign"].contains(&world.labels().0.as_str()), "{case}");
                assert_heals(&world, &case);
            }
        }
    }
}

#[test]
fn the_account_is_the_last_part_of_the_secrets_name() {
    let account = |id: &str| {
        let event = Event { secret_id: id.to_owned(), ..event(Step::CreateSecret, "t") };
        event.account().map(|account| account.to_string())
    };
    let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:";
    assert_eq!(account(&format!("{arn}tracklayer/main-AbCdEf")).as_deref(), Some("main"));
    assert_eq!(
        account(&format!("{arn}tracklayer-b/north-sea-a1B2c3")).as_deref(),
        Some("north-sea")
    );
    assert_eq!(account("tracklayer/north-sea").as_deref(), Some("north-sea"));
    assert_eq!(account(&format!("{arn}main-AbCdEf")), None);
    assert_eq!(account(&format!("{arn}tracklayer/main")), None);
}

#[test]
fn the_event_of_secrets_manager_is_read() {
    let json =
        r#"{"Step":"testSecret","SecretId":"arn:1","ClientRequestToken":"t","RotationToken":"x"}"#;
    let read: Event = serde_json::from_str(json).expect("an event");
    let known = event(Step::TestSecret, "t");
    assert_eq!((read.step, read.rotation), (known.step, known.rotation));
    assert!(serde_json::from_str::<Event>(&json.replace("test", "drop")).is_err());
}
