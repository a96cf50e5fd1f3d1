//! What a secret stores about its rotation.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The function that rotates a secret, and the rules it was configured with.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct RotationConfiguration {
    /// Name or ARN of the function, as it was given.
    pub(super) function: String,
    /// `RotationRules` as they were given; null if there are none.
    pub(super) rules: Value,
}
