use std::time::Duration;

use serde::Serialize;

use super::secrets::{AccountSecret, Secret};

#[derive(Clone, Debug)]
pub enum Answer {
    Http {
        status: u16,
        body: Vec<u8>,
        tracking_id: Option<String>,
    },
    /// No connection was made: certainly nothing was carried out.
    NotSent(String),
    /// The request may have been carried out.
    Lost(String),
}

pub trait Microsoft {
    /// Posts `body` to `path` with the headers that Microsoft documents; gives up after `timeout`.
    async fn post(
        &self, path: &str, body: &impl Serialize, token: &Secret, secret: &AccountSecret,
        timeout: Duration,
    ) -> Answer;
}
