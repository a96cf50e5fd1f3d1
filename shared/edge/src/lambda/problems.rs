//! Codes of requests that are refused as a whole. Callers key on them: never rename one.

use tracklayer_core::event::ErrorCode;

/// HTTP status, code, and when it is answered.
pub const PROBLEMS: &[(u16, &str, &str)] = &[
    (400, "invalid_json", "The body is not JSON, or not of the kind that the route takes."),
    (401, "unauthorized", "There is no ingest key, or none that is known."),
    (403, "forbidden", "The key has not got the right, or may not speak for the source."),
    (404, "not_found", "No event is known under this source and id."),
    (413, "body_too_large", "The body is larger than the route takes."),
    (413, "too_many_events", "The array has more than 500 events."),
    (415, "unsupported_media_type", "A content type is given and the route does not take it."),
    (503, "unavailable", "Not everything could be stored: send the whole request again."),
];

/// Whether callers can look this answer up: a status and code of [`PROBLEMS`], or 422 with the code
/// of a field's error.
pub(crate) fn is_documented(status: u16, code: &str) -> bool {
    let of_request = PROBLEMS.iter().any(|(known, word, _)| (*known, *word) == (status, code));
    of_request || (status == 422 && ErrorCode::ALL.iter().any(|known| known.as_str() == code))
}
