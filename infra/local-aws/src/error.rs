//! Why a request is refused, and why the stand-in cannot be opened.

use std::borrow::Cow;

use serde_json::{Value, json};

/// An error as AWS words it: the type name that SDKs match on, and a message for people.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct AwsError {
    pub(crate) status: u16,
    pub(crate) kind: Cow<'static, str>,
    pub(crate) query_code: Option<&'static str>,
    pub(crate) message: String,
}

impl AwsError {
    /// A refusal (HTTP 400) of the given type.
    pub(crate) fn new(kind: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { status: 400, kind: kind.into(), query_code: None, message: message.into() }
    }

    /// An operation that this stand-in does not know, refused by name.
    pub(crate) fn unknown_operation(target: &str) -> Self {
        let target = if target.is_empty() { "A request without X-Amz-Target" } else { target };
        Self::new(
            "com.amazon.coral.service#UnknownOperationException",
            format!("{target} is not supported by this local stand-in for AWS"),
        )
    }

    /// A body that is not the JSON that the operation requires.
    pub(crate) fn serialization(error: &serde_json::Error) -> Self {
        Self::new("com.amazon.coral.service#SerializationException", error.to_string())
    }

    /// The stand-in itself failed, for example because the disk is full.
    pub(crate) fn internal(error: impl std::fmt::Display) -> Self {
        let mut internal = Self::new("InternalFailure", error.to_string());
        internal.status = 500;
        internal
    }

    /// The error's name without its namespace, such as `QueueDoesNotExist`.
    pub fn code(&self) -> &str {
        self.kind.rsplit_once('#').map_or(&*self.kind, |(_, name)| name)
    }

    /// The explanation for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn body(&self) -> Value {
        json!({ "__type": self.kind, "message": self.message })
    }
}

/// Why the stand-in could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data folder or the loopback port of the tables cannot be used.
    #[error("local AWS: {0}")]
    Io(#[from] std::io::Error),
    /// A database file cannot be opened or read.
    #[error("local AWS: {0}")]
    Storage(String),
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Storage(error.to_string())
    }
}
