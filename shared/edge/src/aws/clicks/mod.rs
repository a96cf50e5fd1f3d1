//! Clicks and ties in DynamoDB.
//!
//! | item | pk | sk |
//! |---|---|---|
//! | click | `session <reference>` | `<13-digit ms> <msclkid>` |
//! | tie | `lead <id>`, `cart <id>`, `order <id>` | `key <reference>` or `web <reference>` |
//!
//! `key` sorts first: however many ties browsers make, those made with an ingest key are read.
//!
//! A *reference* is what a visitor is known by: the session id if the page sent one, else the
//! cookie's value. Ties are hints, all of them are kept: a stranger who ties orders in advance must
//! not lock out the buyer.

mod lookups;
mod read;
mod traces;
mod write;

use aws_sdk_dynamodb::Client;
use tracklayer_core::id::RecordId;
use tracklayer_core::reconcile::attribution::{Tie, TieKind, TiedBy};

use super::table::{Item, Table, text_of, time_of};

/// When a tie was made last, in seconds since 1970.
const TIED_AT: &str = "tiedAt";
/// The cookie with which a click came.
const COOKIE: &str = "cookie";

#[derive(Clone, Debug)]
pub struct Clicks {
    table: Table,
}

impl Clicks {
    /// The clicks in `table`.
    pub fn new(client: Client, table: String) -> Self {
        Clicks { table: Table::new(client, table) }
    }
}

fn session_pk(reference: &str) -> String {
    format!("session {reference}")
}

fn tie_pk(kind: TieKind, id: &RecordId) -> String {
    format!("{} {id}", kind.as_str())
}

fn tie_sk(by: TiedBy, reference: &RecordId) -> String {
    let by = match by {
        TiedBy::Key => "key",
        TiedBy::Browser => "web",
    };
    format!("{by} {reference}")
}

fn tie_in(item: &Item, kind: TieKind) -> Option<Tie> {
    let (by, reference) = text_of(item, "sk")?.split_once(' ')?;
    let by = if by == "key" { TiedBy::Key } else { TiedBy::Browser };
    let at = time_of(item, TIED_AT).unwrap_or_default();
    Some(Tie { kind, by, reference: reference.parse().ok()?, at })
}
