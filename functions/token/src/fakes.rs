//! Secrets Manager and the identity service in memory. Every call waits once before it does its
//! work, so that a test can let two steps take turns; and it can be the last one of its process.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tracklayer_core::id::AccountName;
use tracklayer_core::microsoft::token_errors::TokenClass;
use tracklayer_core::time::EventTime;
use tracklayer_edge::ports::{
    AccountItem, AccountItems, AccountSecret, AuthError, Consents, Document, Labels, LedgerError,
    Secret, SecretError, SecretVersions,
};

use crate::wire::{Event, Outcome, Step};
use crate::{Token, TokenError};

pub const SECRET: &str = "arn:of:tracklayer/main-AbCdEf";
pub const STEPS: [Step; 4] =
    [Step::CreateSecret, Step::SetSecret, Step::TestSecret, Step::FinishSecret];

/// What Microsoft does to refresh tokens at each use.
#[derive(Clone, Copy, PartialEq)]
pub enum Mode {
    Keep,
    Rotate,
    RotateAndRevoke,
}

#[derive(Default)]
pub struct Store {
    pub versions: BTreeMap<String, Document>,
    /// Versions whose contents are no JSON object.
    malformed: BTreeSet<String>,
    pub labels: Labels,
    made: usize,
    /// Newest and oldest valid number of each consent's tokens: `<consent>.<number>`.
    tokens: BTreeMap<String, (u64, u64)>,
    pub exchanges: usize,
    /// Refused versions by account.
    pub refused: BTreeMap<String, String>,
}

pub struct World {
    pub store: RefCell<Store>,
    pub mode: Mode,
    /// Calls until the process dies, right after the last one had its effect.
    pub life: Cell<Option<usize>>,
    pub down: Cell<bool>,
}

pub type Function<'a> = Token<&'a World, &'a World, &'a World>;

impl World {
    /// A secret whose version `c1` is current, with the consent `r`.
    pub fn new(mode: Mode) -> World {
        let world = World {
            store: RefCell::default(),
            mode,
            life: Cell::new(None),
            down: Cell::new(false),
        };
        world.write("c1", "r");
        world
    }

    pub fn function(&self) -> Function<'_> {
        Token { versions: self, consents: self, refusals: self }
    }

    /// A person writes a new version, as `PutSecretValue` does.
    pub fn write(&self, version: &str, consent: &str) {
        let text = format!(
            r#"{{"account_id":"7","client_id":"app","customer_id":"1","developer_token":"d","note":"of {version}","refresh_token":"{consent}.0"}}"#
        );
        let document = Document::parse(SECRET, &text).expect("an object");
        let mut store = self.store.borrow_mut();
        store.versions.insert(version.to_owned(), document);
        store.labels.current = Some(version.to_owned());
        store.tokens.insert(consent.to_owned(), (0, 0));
    }

    /// As Secrets Manager does when a rotation starts: a version without contents is pending.
    pub fn begin(&self, rotation: &str) {
        self.store.borrow_mut().labels.pending = Some(rotation.to_owned());
    }

    /// As `PutSecretValue` with the label `AWSPENDING`; `copy` is the current contents.
    pub fn stage_by_hand(&self, version: &str, text: &str) {
        let mut store = self.store.borrow_mut();
        match Document::parse(SECRET, text) {
            Ok(document) => _ = store.versions.insert(version.to_owned(), document),
            Err(_) if text == "copy" => {
                let copy = store.versions["c1"].clone();
                store.versions.insert(version.to_owned(), copy);
            }
            Err(_) => _ = store.malformed.insert(version.to_owned()),
        }
        store.labels.pending = Some(version.to_owned());
    }

    pub fn revoke(&self, consent: &str) {
        self.store.borrow_mut().tokens.remove(consent);
    }

    pub fn labels(&self) -> (String, Option<String>) {
        let labels = self.store.borrow().labels.clone();
        (labels.current.expect("a current version"), labels.pending)
    }

    pub fn member(&self, version: &str, name: &str) -> String {
        let store = self.store.borrow();
        store.versions.get(version).and_then(|document| document.member(name)).unwrap_or_default()
    }

    pub fn current_token(&self) -> String {
        self.member(&self.labels().0, "refresh_token")
    }

    /// Whether Microsoft still takes the refresh token that everybody reads.
    pub fn is_alive(&self) -> bool {
        self.store.borrow().valid(&self.current_token()).is_some()
    }

    async fn call<T>(&self, act: impl FnOnce(&mut Store) -> T) -> T {
        yield_once().await;
        let value = act(&mut self.store.borrow_mut());
        if let Some(left) = self.life.get() {
            self.life.set(Some(left.saturating_sub(1)));
            if left <= 1 {
                std::future::pending::<()>().await;
            }
        }
        value
    }
}

impl Store {
    fn valid(&self, token: &str) -> Option<(String, u64)> {
        let (consent, number) = token.split_once('.')?;
        let number: u64 = number.parse().ok()?;
        let (_, oldest) = self.tokens.get(consent)?;
        (number >= *oldest).then(|| (consent.to_owned(), number))
    }

    fn exchange(&mut self, token: &str, mode: Mode) -> Option<String> {
        self.exchanges += 1;
        let (consent, given) = self.valid(token)?;
        let (newest, oldest) = self.tokens.get_mut(&consent)?;
        let number = if mode == Mode::Keep { given } else { *newest + 1 };
        *newest = number.max(*newest);
        if mode == Mode::RotateAndRevoke {
            *oldest = number;
        }
        Some(format!("{consent}.{number}"))
    }
}

impl SecretVersions for &World {
    async fn labels(&self, _: &str) -> Result<Labels, SecretError> {
        Ok(self.call(|store| store.labels.clone()).await)
    }

    async fn version(&self, _: &str, version: &str) -> Result<Option<Document>, SecretError> {
        let found = self.call(|store| {
            let malformed = store.malformed.contains(version);
            if malformed { Err(()) } else { Ok(store.versions.get(version).cloned()) }
        });
        found.await.map_err(|()| SecretError::Malformed(SECRET.to_owned(), "no JSON".to_owned()))
    }

    async fn stage(
        &self, _: &str, version: Option<&str>, document: &Document,
    ) -> Result<bool, SecretError> {
        let staged = self.call(|store| {
            store.made += 1;
            let version = version.map_or_else(|| format!("made-{}", store.made), str::to_owned);
            if store.versions.contains_key(&version) || store.malformed.contains(&version) {
                return false;
            }
            store.versions.insert(version.clone(), document.clone());
            store.labels.pending = Some(version);
            true
        });
        Ok(staged.await)
    }

    async fn promote(&self, _: &str, version: &str, from: &str) -> Result<(), SecretError> {
        let moved = self.call(|store| {
            let held = store.labels.current.as_deref() == Some(from);
            held.then(|| store.labels.current = Some(version.to_owned()))
        });
        moved.await.ok_or_else(|| refused("not held"))
    }

    async fn unstage(&self, _: &str, version: &str) -> Result<(), SecretError> {
        let moved = self.call(|store| {
            let held = store.labels.pending.as_deref() == Some(version);
            held.then(|| store.labels.pending = None)
        });
        moved.await.ok_or_else(|| refused("not held"))
    }
}

impl Consents for &World {
    async fn renew(&self, secret: &AccountSecret) -> Result<Secret, AuthError> {
        if self.down.get() {
            return Err(AuthError::unavailable("HTTP 503"));
        }
        let mode = self.mode;
        let token = self.call(|store| store.exchange(secret.refresh_token.expose(), mode)).await;
        token.map(Secret::from).ok_or_else(|| AuthError {
            class: TokenClass::Consent,
            error: "invalid_grant []".to_owned(),
            cure: Some("Give consent again."),
        })
    }
}

impl AccountItems for &World {
    async fn account_item(&self, account: &AccountName) -> Result<AccountItem, LedgerError> {
        let refused = self.call(|store| store.refused.get(account.as_str()).cloned());
        Ok(AccountItem { refused_secret_version: refused.await, ..AccountItem::default() })
    }

    async fn refuse_secret(&self, account: &AccountName, version: &str) -> Result<(), LedgerError> {
        let entry = (account.to_string(), version.to_owned());
        self.call(|store| store.refused.extend([entry])).await;
        Ok(())
    }

    async fn pause(&self, account: &AccountName, _: EventTime) -> Result<(), LedgerError> {
        panic!("a rotation pauses the account {account}")
    }
}

fn refused(why: &str) -> SecretError {
    SecretError::Unavailable(SECRET.to_owned(), why.to_owned())
}

async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|_| {
        if std::mem::replace(&mut yielded, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Runs to the end, or answers `None` if the process has died.
pub fn run<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..1_000).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    })
}

/// Runs two at once; each `true` lets the second one go on by one call.
pub fn race<A, B>(
    first: impl Future<Output = A>, second: impl Future<Output = B>,
    mut turns: impl Iterator<Item = bool>,
) -> (A, B) {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let (mut left, mut right) = (None, None);
    let mut context = Context::from_waker(Waker::noop());
    while left.is_none() || right.is_none() {
        let turn = turns.next().unwrap_or(false);
        if right.is_none() && (turn || left.is_some()) {
            if let Poll::Ready(value) = second.as_mut().poll(&mut context) {
                right = Some(value);
            }
        } else if let Poll::Ready(value) = first.as_mut().poll(&mut context) {
            left = Some(value);
        }
    }
    (left.expect("done"), right.expect("done"))
}

pub fn event(step: Step, rotation: &str) -> Event {
    Event { step, secret_id: SECRET.to_owned(), rotation: rotation.to_owned() }
}

impl Function<'_> {
    /// One step of a rotation.
    pub async fn step(&self, step: Step, rotation: &str) -> Result<Outcome, TokenError> {
        self.handle(&event(step, rotation)).await.map(|answer| answer.outcome)
    }

    /// All steps, until one fails, as Secrets Manager takes them.
    pub async fn rotate(&self, rotation: &str) -> Result<Outcome, TokenError> {
        let mut last = Outcome::Nothing;
        for step in STEPS {
            last = self.step(step, rotation).await?;
        }
        Ok(last)
    }
}
