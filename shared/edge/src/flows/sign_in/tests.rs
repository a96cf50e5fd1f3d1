use std::{cell::RefCell, future::Future};

use tracklayer_core::time::EventTime;

use super::*;
use crate::ports::{AccountItem, LedgerError};

/// All ports in one: versions of the secret that are read one after the other, and which versions
/// the identity service accepts.
#[derive(Default)]
struct World {
    versions: RefCell<Vec<&'static str>>,
    accepted: &'static [&'static str],
    looping: bool,
    /// What happened, in order.
    log: RefCell<Vec<String>>,
}

impl World {
    fn note(&self, line: impl Into<String>) {
        self.log.borrow_mut().push(line.into());
    }
}

impl Clock for World {
    fn now_ms(&self) -> i64 {
        0
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

impl Secrets for World {
    async fn account(&self, _: &AccountName) -> Result<Versioned<AccountSecret>, SecretError> {
        let version = self.versions.borrow()[0].to_owned();
        let value = serde_json::from_str(
            r#"{"client_id":"c","refresh_token":"r","developer_token":"d","customer_id":"1","account_id":"2"}"#,
        );
        Ok(Versioned { value: value.expect("a secret"), version, created: None })
    }

    /// What is cached is read anew, and may be newer.
    async fn forget(&self, _: &AccountName) {
        let mut versions = self.versions.borrow_mut();
        if versions.len() > 1 {
            versions.remove(0);
        }
    }
}

impl Tokens for World {
    async fn token(
        &self, _: &AccountName, secret: &Versioned<AccountSecret>,
    ) -> Result<Secret, AuthError> {
        self.note(format!("asked with {}", secret.version));
        if self.accepted.contains(&secret.version.as_str()) {
            return Ok(Secret::from(format!("token of {}", secret.version)));
        }
        let class = if self.looping { TokenClass::Looping } else { TokenClass::Consent };
        Err(AuthError { class, error: "refused".to_owned(), cure: Some("a cure") })
    }

    async fn forget(&self, _: &AccountName) {
        self.note("token forgotten");
    }
}

impl AccountItems for World {
    async fn account_item(&self, _: &AccountName) -> Result<AccountItem, LedgerError> {
        Ok(AccountItem::default())
    }

    async fn pause(&self, _: &AccountName, until: EventTime) -> Result<(), LedgerError> {
        self.note(format!("paused until {}", until.epoch()));
        Ok(())
    }

    async fn refuse_secret(&self, _: &AccountName, version: &str) -> Result<(), LedgerError> {
        self.note(format!("{version} noted as refused"));
        Ok(())
    }
}

fn wait<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(future)
}

fn sign_in(world: &World, left: u64) -> SignIn<'_, World, World, World, World> {
    let deadline = Deadline::at_epoch_ms(left, world);
    SignIn {
        secrets: world,
        tokens: world,
        ledger: world,
        clock: world,
        deadline,
        question: LONGEST_QUESTION,
        pause: 900,
    }
}

fn signed_in(world: &World, left: u64, refused: Option<&str>) -> Result<Session, SignInError> {
    let (account, sign_in) = ("main".parse().expect("an account"), sign_in(world, left));
    wait(async {
        let secret = sign_in.secret(&account, refused).await?;
        sign_in.sign_in(&account, secret, refused).await
    })
}

fn world(versions: &[&'static str], accepted: &'static [&'static str]) -> World {
    World { versions: RefCell::new(versions.to_vec()), accepted, ..World::default() }
}

#[test]
fn a_version_that_was_refused_is_read_anew_and_not_asked_with_again() {
    let same = world(&["v1"], &["v1"]);
    let error = signed_in(&same, 60_000, Some("v1")).expect_err("refused before");
    assert!(matches!(error, SignInError::RefusedBefore) && error.cure().is_some());
    assert!(same.log.borrow().is_empty(), "nobody is asked");
    let repaired = world(&["v1", "v2"], &["v2"]);
    let session = signed_in(&repaired, 60_000, Some("v1")).expect("repaired");
    assert_eq!(session.secret.version, "v2");
    assert_eq!(*repaired.log.borrow(), ["asked with v2"]);
}

#[test]
fn a_refusal_counts_only_if_nobody_has_written_a_newer_version() {
    let rotated = world(&["v1", "v2"], &["v2"]);
    let session = signed_in(&rotated, 60_000, None).expect("the newer one");
    assert_eq!(session.token.expose(), "token of v2");
    assert_eq!(*rotated.log.borrow(), ["asked with v1", "asked with v2"], "nothing is noted");
    let refused = world(&["v1"], &[]);
    assert!(signed_in(&refused, 60_000, None).is_err());
    assert_eq!(*refused.log.borrow(), ["asked with v1", "v1 noted as refused"]);
}

#[test]
fn an_identity_service_that_is_asked_too_often_is_left_alone() {
    let looping = World { looping: true, ..world(&["v1"], &[]) };
    assert!(signed_in(&looping, 60_000, None).is_err());
    assert_eq!(*looping.log.borrow(), ["asked with v1", "paused until 900"]);
}

#[test]
fn nobody_is_asked_who_could_answer_too_late() {
    let world = world(&["v1"], &["v1"]);
    assert!(matches!(signed_in(&world, 9_999, None), Err(SignInError::NoTime)));
    assert!(world.log.borrow().is_empty());
}

#[test]
fn a_session_is_renewed_with_the_secret_of_now() {
    let world = world(&["v1", "v2"], &["v1", "v2"]);
    let mut session = signed_in(&world, 60_000, None).expect("signed in");
    wait(sign_in(&world, 60_000).renew(&mut session)).expect("renewed");
    assert_eq!((session.secret.version.as_str(), session.is_renewed), ("v2", true));
    assert_eq!(*world.log.borrow(), ["asked with v1", "token forgotten", "asked with v2"]);
}
