//! Errors of the identity service as data: what each means for the account, cause and cure.
//!
//! `error` decides; the AADSTS numbers beside it change and are for the log – but for those that
//! Microsoft documents as passing, and the one that says that it is asked too often
//! (learn.microsoft.com/entra/identity-platform/reference-error-codes,
//! learn.microsoft.com/advertising/guides/authentication-oauth).

/// What a refused token request means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenClass {
    /// A person must give consent again; asking again with the same secret is no use.
    Consent,
    /// The application, its secret or the request is wrong.
    Configuration,
    Retry,
    /// The service takes us for a loop: stop asking for a while.
    Looping,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenEntry {
    /// The member `error` of the answer, or another text where there is none.
    pub error: &'static str,
    /// AADSTS numbers that say this whatever `error` is; empty where `error` decides.
    pub numbers: &'static [i64],
    pub class: TokenClass,
    pub cause: &'static str,
    pub cure: &'static str,
}

const fn entry(
    error: &'static str, class: TokenClass, cause: &'static str, cure: &'static str,
) -> TokenEntry {
    TokenEntry { error, numbers: &[], class, cause, cure }
}

const CONSENT: &str =
    "Give consent again (infra/README.md): `tracklayer-ops connect` writes the new refresh token.";
const BUILT_WRONGLY: &str = "The token request was built wrongly.";
const REPORT: &str = "Report it; check client_id and tenant in the account's secret.";

/// An access token that Microsoft Advertising would refuse with 105.
pub const WITHOUT_SCOPE: TokenEntry = entry(
    "scope without msads.manage",
    TokenClass::Configuration,
    "The consent does not cover the permission to manage Microsoft Advertising.",
    "Give consent again (infra/README.md) with the scope msads.manage of this environment (production and sandbox have their own): `tracklayer-ops connect`.",
);

const PASSING: TokenEntry = TokenEntry {
    error: "temporarily_unavailable",
    numbers: &[50033, 50087, 70012, 90006, 90012, 90024, 90033, 90055, 90090],
    class: TokenClass::Retry,
    cause: "Trouble inside the identity service; the same with HTTP 429 and 5xx.",
    cure: "Nothing; it is retried.",
};

const UNKNOWN: TokenEntry = entry(
    "anything else",
    TokenClass::Configuration,
    "This software doesn't know the error.",
    "Look it up at Microsoft; check client_id, client_secret and tenant in the account's secret.",
);

/// Every error of the token endpoint that Microsoft documents.
#[rustfmt::skip] // A line for each error, or three.
pub const TOKEN_ERRORS: &[TokenEntry] = &[
    TokenEntry {
        error: "AADSTS50196",
        numbers: &[50196],
        class: TokenClass::Looping,
        cause: "The identity service finds itself asked again and again by one client.",
        cure: "Nothing; the account pauses and is asked again later. If it stays, look for another program that uses the same client_id.",
    },
    PASSING,
    entry("invalid_grant", TokenClass::Consent,
        "The refresh token expired after 90 days without use (700082), was revoked (50173), or its consent is missing (65001).",
        CONSENT),
    entry("interaction_required", TokenClass::Consent,
        "The user must confirm with a second factor (50076, 50079).", CONSENT),
    entry("invalid_client", TokenClass::Configuration,
        "The application's secret is wrong (7000215) or has expired (7000222).",
        "Make a new client secret in Entra and write it into the account's secret."),
    entry("unauthorized_client", TokenClass::Configuration,
        "The application is unknown there (700016).",
        "Correct client_id and tenant in the account's secret."),
    WITHOUT_SCOPE,
    entry("invalid_request", TokenClass::Configuration, BUILT_WRONGLY, REPORT),
    entry("invalid_scope", TokenClass::Configuration, BUILT_WRONGLY, REPORT),
    entry("invalid_resource", TokenClass::Configuration, BUILT_WRONGLY, REPORT),
    entry("unsupported_grant_type", TokenClass::Configuration, BUILT_WRONGLY, REPORT),
    UNKNOWN,
];

/// The line for an answer of this HTTP status with `error` and these AADSTS numbers. An error that
/// is not in the table needs a person.
pub fn look_up_token(status: u16, error: &str, numbers: &[i64]) -> &'static TokenEntry {
    let by_number = TOKEN_ERRORS
        .iter()
        .find(|entry| entry.numbers.iter().any(|number| numbers.contains(number)));
    match by_number {
        Some(entry) => entry,
        None if status >= 500 || status == 429 => &PASSING,
        None => TOKEN_ERRORS.iter().find(|entry| entry.error == error).unwrap_or(&UNKNOWN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_decides_but_for_numbers_that_pass_or_warn_of_a_loop() {
        for (status, error, numbers, class) in [
            (400, "invalid_grant", &[700_082][..], TokenClass::Consent),
            (400, "interaction_required", &[50_076], TokenClass::Consent),
            (401, "invalid_client", &[7_000_215], TokenClass::Configuration),
            (400, "unauthorized_client", &[700_016], TokenClass::Configuration),
            (400, "invalid_scope", &[], TokenClass::Configuration),
            (400, "something_new", &[1], TokenClass::Configuration),
            (400, "", &[], TokenClass::Configuration),
            (400, "temporarily_unavailable", &[], TokenClass::Retry),
            (400, "invalid_grant", &[90_033], TokenClass::Retry),
            (400, "invalid_request", &[50_196], TokenClass::Looping),
            (429, "invalid_grant", &[], TokenClass::Retry),
            (503, "invalid_client", &[], TokenClass::Retry),
        ] {
            assert_eq!(look_up_token(status, error, numbers).class, class, "{status} {error}");
        }
    }

    #[test]
    fn every_line_says_what_happened_and_what_helps() {
        for line in TOKEN_ERRORS {
            assert!(line.cause.ends_with('.') && line.cure.ends_with('.'), "{}", line.error);
            let found = look_up_token(400, line.error, line.numbers);
            assert_eq!(found, line);
        }
    }
}
