//! The command line of `find`.

use clap::{Args, Subcommand};
use tracklayer_core::id::{RecordId, Source};
use tracklayer_core::person::click_id::ClickId;

/// What is looked for.
#[derive(Debug, Subcommand)]
pub enum What {
    /// The records under an event's id
    Event {
        /// Who sent the event
        source: Source,
        /// The source's id of it
        event_id: RecordId,
    },
    /// The conversion that counts for an order, and the clicks that the order is linked to
    Order {
        /// The order's number, as events have it in orderId
        number: String,
        /// The source whose order numbers are its own (ownOrders in the mapping)
        #[arg(long)]
        source: Option<Source>,
        #[command(flatten)]
        rows: Rows,
    },
    /// The clicks that a lead is linked to
    Lead {
        /// As pages and events have it in leadId
        id: RecordId,
        #[command(flatten)]
        rows: Rows,
    },
    /// The clicks that a cart is linked to
    Cart {
        /// As pages and events have it in cartId
        id: RecordId,
        #[command(flatten)]
        rows: Rows,
    },
    /// The clicks of a session
    Session {
        /// As pages and events have it in sessionId, or the value of the cookie tl_ref
        id: RecordId,
        #[command(flatten)]
        rows: Rows,
    },
    /// Where a click id was seen, and the conversions that are credited to it
    ///
    /// Reads both tables whole, about two US cents per million clicks or rows; with --session only
    /// that session's clicks.
    Click {
        /// msclkid
        id: ClickId,
        /// Look among the clicks of this session only
        #[arg(long, value_name = "ID")]
        session: Option<RecordId>,
    },
}

/// Whether rows are looked for that have no key by what is asked.
#[derive(Clone, Copy, Debug, Args)]
pub struct Rows {
    /// Also look for the conversions that name it: reads the whole ledger, about two US cents per
    /// million rows
    #[arg(long = "rows")]
    pub wanted: bool,
}
