//! Queue, keys, secrets, tokens and telemetry.

use serde_json::{Map, Value};
use tracklayer_core::{
    id::AccountName, ledger::signal::Signal, microsoft::token_errors::look_up_token,
    time::EventTime,
};
use tracklayer_edge::aws::queue::delay;
use tracklayer_edge::ports::{
    AccountSecret, AuthError, Deferral, IngestKey, KeyError, Keys, Metric, QueueError, Secret,
    SecretError, Secrets, Signals, Telemetry, Tokens, Versioned,
};

use super::{Lost, Port};
use crate::{mutation::Mutation, plan::OutageOf};

impl Signals for Port {
    async fn send(
        &self, signals: &[Signal], now: EventTime, jitter: i64,
    ) -> Vec<Result<(), QueueError>> {
        let out = self.world().is_out(OutageOf::Queue);
        let send = |world: &crate::world::World| {
            let mut queue = world.queue.borrow_mut();
            for (position, signal) in signals.iter().enumerate() {
                let body = serde_json::to_string(signal).expect("JSON");
                // SQS is told whole seconds, and at most so many.
                let seconds = delay(signal, now, jitter, position);
                let vanishes = world.fault(|faults| faults.vanished);
                if !vanishes {
                    queue.send(body, seconds * 1_000, world.now_ms());
                }
                self.0.looks.borrow_mut().remove(&signal.key);
                let label = signal.key.label();
                world.tell([label], || {
                    format!("{} sends a signal (+{seconds} s, vanishes: {vanishes})", self.0.name)
                });
            }
        };
        let result = |sent: bool| match sent {
            true => Ok(()),
            false => Err(QueueError("simulated".to_owned())),
        };
        let sent = self.request(out, send).await.is_ok();
        signals.iter().map(|_| result(sent)).collect()
    }

    async fn defer(&self, messages: &[Deferral]) {
        if messages.is_empty() {
            return;
        }
        let out = self.world().is_out(OutageOf::Queue);
        let hide = |world: &crate::world::World| {
            let mut queue = world.queue.borrow_mut();
            for message in messages {
                queue.hide(&message.receipt_handle, message.seconds, world.now_ms());
            }
        };
        let _ = self.request(out, hide).await;
    }
}

impl Keys for Port {
    async fn check(&self, _authorization: Option<&str>) -> Result<IngestKey, KeyError> {
        let key = serde_json::json!({"name": "all", "sha256": "0".repeat(64), "sources": ["*"],
            "accounts": ["*"], "rights": ["read", "write", "erase"]});
        Ok(serde_json::from_value(key).expect("a key"))
    }
}

impl Secrets for Port {
    async fn account(
        &self, account: &AccountName,
    ) -> Result<Versioned<AccountSecret>, SecretError> {
        let version = self.world().secret.get();
        let read = |_: &crate::world::World| format!("v{version}");
        let version = self.request(false, read).await.map_err(|Lost| {
            SecretError::Unavailable(account.to_string(), "simulated".to_owned())
        })?;
        let world = self.world();
        let name = if self.mutated(Mutation::OneAccount) { "main" } else { account.as_str() };
        let id = world.plan.setting.account_id(name, world.now_ms() / 1_000);
        let value = serde_json::from_value(serde_json::json!({"client_id": "c",
            "refresh_token": "r", "developer_token": "d", "customer_id": "1", "account_id": id}));
        Ok(Versioned { value: value.expect("a secret"), version, created: None })
    }

    async fn forget(&self, _account: &AccountName) {}
}

impl Tokens for Port {
    async fn token(
        &self, _account: &AccountName, secret: &Versioned<AccountSecret>,
    ) -> Result<Secret, AuthError> {
        self.0.step().await;
        let current = format!("v{}", self.world().secret.get());
        // The consent is given again at the end of its outage, as a new version.
        if self.world().is_out(OutageOf::Consent) || secret.version != current {
            return Err(AuthError::of(
                look_up_token(400, "invalid_grant", &[]),
                "invalid_grant".to_owned(),
            ));
        }
        if self.world().fault(|faults| faults.unreachable) {
            return Err(AuthError::unavailable("simulated"));
        }
        Ok(Secret::from("token".to_owned()))
    }

    async fn forget(&self, _account: &AccountName) {}
}

impl Telemetry for Port {
    fn line(&self, _message: &str, _members: Map<String, Value>) {}

    fn emit(&self, account: &str, metrics: &[Metric]) {
        for metric in metrics {
            self.world().measured(metric.name, account, metric.value);
        }
    }
}
