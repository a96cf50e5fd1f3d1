//! Why personal data of an event can't be used.

/// Why personal data can't be hashed. Never carries the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    #[error("is not an e-mail address")]
    Email,
    /// No number that can be written as E.164.
    #[error(
        "is no phone number that can exist; give it in international form such as +14255551234"
    )]
    Phone,
    /// Digits that begin with the country code, or are a national number that happens to.
    #[error(
        "may begin with its country code or not; give it in international form such as +14255551234"
    )]
    AmbiguousPhone,
    #[error("is the hash of an empty field")]
    Nobody,
    #[error("is not a SHA-256 hash of 64 hex digits")]
    Hash,
}
