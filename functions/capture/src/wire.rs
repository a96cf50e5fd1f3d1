//! The body that the page sends.

use tracklayer_core::event::{ErrorCode, EventError, Landing};
use tracklayer_core::field::Field;
use tracklayer_core::id::RecordId;
use tracklayer_core::reconcile::attribution::TieKind;
use tracklayer_edge::lambda::http_api::Problem;

/// Reads a body.
pub fn landing(text: &str) -> Result<Landing, Problem> {
    let refused = || Problem::new(400, "invalid_json", "the body is not a JSON object");
    Landing::parse(text).ok_or_else(refused)
}

/// The records that the visitor is tied to.
pub fn ties(landing: &Landing) -> impl Iterator<Item = (TieKind, &RecordId)> {
    TieKind::ALL.into_iter().filter_map(|kind| Some((kind, kind.id_in(&landing.references)?)))
}

/// Whether a text has the form of the random values that capture and the snippet make.
pub(crate) fn is_32_hex(text: &str) -> bool {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == 32 && text.bytes().all(is_hex)
}

/// Why there is nothing to store, if there is nothing: the first of what can't be used.
pub fn problem(landing: &Landing) -> Option<Problem> {
    if landing.click_id.is_some() || ties(landing).next().is_some() {
        return None;
    }
    let is_wanted = |ignored: &&EventError| {
        let wanted = [Field::Msclkid, Field::LeadId, Field::CartId, Field::OrderId];
        wanted.iter().any(|field| Some(field.as_str()) == ignored.field)
    };
    let click_id = Field::Msclkid.as_str();
    let (field, code, message) = match landing.ignored.iter().find(is_wanted) {
        None => {
            let message = "msclkid, or one of leadId, cartId, orderId, must be there";
            (click_id, ErrorCode::MissingField, message)
        }
        Some(EventError { field: Some(field), message, .. }) if *field != click_id => {
            (*field, ErrorCode::InvalidId, message.as_str())
        }
        Some(ignored) => (click_id, ErrorCode::InvalidClickId, ignored.message.as_str()),
    };
    Some(Problem { field: Some(field), ..Problem::new(422, code.as_str(), message) })
}
