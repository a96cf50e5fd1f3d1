//! Rows and whole calls that got an error, for the page: what, when, why, and what helps.
//!
//! Row errors that a fault rule adds are among them; answers that a rule gives instead of processing
//! a call are not.

use time::OffsetDateTime;
use tracklayer_core::microsoft::errors::look_up;

use crate::calls::Call;
use crate::errors::{ApiFault, BatchError, message, symbol};
use crate::rows::{Row, filled};
use crate::scene::Scene;

/// Everything refused so far, in the order of arrival.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    pub(crate) rows: Vec<RefusedRow>,
    pub(crate) calls: Vec<RefusedCall>,
}

/// A row with one of its errors.
#[derive(Debug)]
pub(crate) struct RefusedRow {
    pub(crate) at: OffsetDateTime,
    pub(crate) account: String,
    /// `Conversion`, or the kind of the adjustment as it was sent.
    pub(crate) what: String,
    pub(crate) goal: Option<String>,
    pub(crate) conversion_time: Option<String>,
    pub(crate) click_id: Option<String>,
    pub(crate) error: Explained,
}

/// A call that failed as a whole: none of its rows was processed.
#[derive(Debug)]
pub(crate) struct RefusedCall {
    pub(crate) at: OffsetDateTime,
    pub(crate) account: Option<String>,
    pub(crate) path: String,
    pub(crate) rows: Option<usize>,
    pub(crate) error: Explained,
}

/// An error in words.
#[derive(Debug)]
pub(crate) struct Explained {
    pub(crate) why: String,
    pub(crate) cure: &'static str,
}

impl Refusals {
    /// Records the rows of a call that got these errors.
    pub(crate) fn rows(&mut self, scene: &Scene<'_>, rows: &[Option<Row>], errors: &[BatchError]) {
        for error in errors {
            let index = error.index.and_then(|index| usize::try_from(index).ok());
            let row = index.and_then(|index| rows.get(index)?.as_ref());
            let text = |member: fn(&Row) -> &Option<String>| {
                row.and_then(|row| filled(member(row))).map(str::to_owned)
            };
            self.rows.push(RefusedRow {
                at: scene.now,
                account: scene.account.account_id.clone(),
                what: text(|row| &row.adjustment_type).unwrap_or_else(|| "Conversion".to_owned()),
                goal: text(|row| &row.conversion_name),
                conversion_time: text(|row| &row.conversion_time),
                click_id: text(|row| &row.microsoft_click_id),
                error: Explained::new(error.code, &error.error_code, &error.message),
            });
        }
    }

    /// Records a call that failed as a whole.
    pub(crate) fn call(&mut self, call: &Call, fault: &ApiFault) {
        let code = fault.code;
        self.calls.push(RefusedCall {
            at: call.at,
            account: call.account.clone(),
            path: call.path.clone(),
            rows: call.rows,
            error: Explained::new(code, symbol(code), message(code)),
        });
    }
}

impl Explained {
    /// What helps is quoted from the table that the upload uses.
    fn new(code: i64, symbol: &str, message: &str) -> Self {
        let unknown = "Ask whoever runs the upload: nothing is known of this error.";
        let cure = look_up(Some(code), Some(symbol)).map_or(unknown, |entry| entry.cure);
        Self { why: format!("{message} ({symbol}, {code})"), cure }
    }
}
