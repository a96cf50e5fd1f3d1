//! Why personal data of an event can't be used.

/// Why personal data can't be hashed. Never carries the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// No e-mail address even after normalising.
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
    /// The hash of an empty field, or of a word such as `null` that stands for one.
    #[error("is the hash of an empty field")]
    Nobody,
    /// Not 64 hex digits.
    #[error("is not a SHA-256 hash of 64 hex digits")]
    Hash,
}
