use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tracklayer_core::{ledger::row::Row, reconcile::totals::Totals, time::EventTime};

use super::rows::LedgerError;

/// The item `audit` / `state`: one for the whole ledger, so that a pass goes on in the next run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuditState {
    pub revision: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<EventTime>,
    /// When the current pass began; absent between passes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<EventTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Place>,
    /// Rows and money of the current pass, or of the last one between passes.
    pub totals: Totals,
    /// Rows made due by it, and those that can't be read or erased.
    pub stuck: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    pub pk: String,
    pub sk: String,
}

/// Some rows, and where the next ones begin.
#[derive(Debug, Default)]
pub struct RowPage {
    pub rows: Vec<Row>,
    pub unreadable: Vec<Unreadable>,
    /// `None` after the last.
    pub next: Option<Place>,
}

/// A row that can't be read.
#[derive(Debug)]
pub struct Unreadable {
    /// Its attributes that are texts. Personal: never for logs.
    pub texts: BTreeSet<String>,
    pub pk: String,
    pub why: LedgerError,
}

/// All rows, for the audit.
///
/// Every method fails if the ledger is unavailable.
pub trait Audited {
    async fn audit_state(&self) -> Result<AuditState, LedgerError>;

    /// Writes how far the audit is, on condition that nobody did since `state` was read; raises
    /// its revision. Answers whether it did.
    async fn save_audit(&self, state: &AuditState) -> Result<bool, LedgerError>;

    /// Some rows from `after` on, found among at most `limit` items.
    async fn rows(&self, after: Option<&Place>, limit: i32) -> Result<RowPage, LedgerError>;
}
