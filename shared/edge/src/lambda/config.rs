//! Configuration from environment variables, read once at INIT.

use std::env;

use tracklayer_core::{ledger::observed::Environment, mapping::Mapping, reconcile::decide::Policy};

/// Why a function can't start: a variable that is missing or can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("the variable {0} is not set")]
    Missing(&'static str),
    #[error("the variable {name} must be {rule}")]
    Invalid { name: &'static str, rule: &'static str },
    #[error("TRACKLAYER_MAPPING: {0}")]
    Mapping(String),
    #[error("no HTTP client: {0}")]
    Http(#[from] reqwest::Error),
    #[error("Lambda: {0}")]
    Lambda(lambda_runtime::Error),
}

/// The text of a variable.
///
/// # Errors
/// If it is not set or empty.
#[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
pub fn text(name: &'static str) -> Result<String, ConfigError> {
    env::var(name).ok().filter(|value| !value.is_empty()).ok_or(ConfigError::Missing(name))
}

/// A number, or `default` where the variable is not set.
pub fn number(name: &'static str, default: u32) -> Result<u32, ConfigError> {
    let rule = "a whole number, not negative";
    let Ok(value) = text(name) else { return Ok(default) };
    value.parse().map_err(|_| ConfigError::Invalid { name, rule })
}

/// The waits of this deployment (`TRACKLAYER_SETTLE_DELAY_SECONDS`, `…_RUN_MARGIN_SECONDS`,
/// `…_MIN_CLICK_AGE_SECONDS`, `…_HOUR_SECONDS`).
pub fn policy() -> Result<Policy, ConfigError> {
    Ok(Policy {
        settle_delay: i64::from(number("TRACKLAYER_SETTLE_DELAY_SECONDS", 12 * 3_600)?),
        run_margin: i64::from(number("TRACKLAYER_RUN_MARGIN_SECONDS", 15 * 60)?),
        min_click_age: i64::from(number("TRACKLAYER_MIN_CLICK_AGE_SECONDS", 3_600)?),
        hour: i64::from(number("TRACKLAYER_HOUR_SECONDS", 3_600)?),
    })
}

/// Days a row is kept after its conversion (`TRACKLAYER_RETENTION_DAYS`), never fewer than 100: it
/// can be sent and corrected for 90.
pub fn retention_days() -> Result<i64, ConfigError> {
    Ok(i64::from(number("TRACKLAYER_RETENTION_DAYS", 395)?).max(100))
}

/// Production unless `MSADS_ENVIRONMENT` says `sandbox`.
pub fn environment() -> Result<Environment, ConfigError> {
    match text("MSADS_ENVIRONMENT").as_deref() {
        Err(_) | Ok("production") => Ok(Environment::Production),
        Ok("sandbox") => Ok(Environment::Sandbox),
        Ok(_) => {
            Err(ConfigError::Invalid { name: "MSADS_ENVIRONMENT", rule: "production or sandbox" })
        }
    }
}

/// The mapping in the file that `TRACKLAYER_MAPPING` names, else the shipped one.
///
/// # Errors
/// If the file can't be read or is no mapping; the message names the place in it.
pub fn mapping() -> Result<Mapping, ConfigError> {
    let Ok(path) = text("TRACKLAYER_MAPPING") else {
        return Ok(Mapping::shipped());
    };
    let json = std::fs::read_to_string(&path)
        .map_err(|error| ConfigError::Mapping(format!("{path}: {error}")))?;
    Mapping::parse(&json).map_err(|error| ConfigError::Mapping(format!("{path}: {error}")))
}
