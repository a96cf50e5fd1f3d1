//! What in an event leads to clicks: its session, and ties of its records.

use strum::{EnumString, IntoStaticStr};

use super::Sale;
use crate::id::RecordId;
use crate::ledger::facts::{ClickOrigin, References};
use crate::ledger::wait::WaitReason;
use crate::time::EventTime;

/// Ties of one record that are read, those made with a key first: not more, whatever strangers
/// store.
pub const TIES_READ: usize = 100;
/// The newest of those that count, of either maker.
pub const TIES_COUNTED: usize = 25;
/// An order that browsers tied from more references than this is not credited by them: order
/// numbers are guessable, and somebody is guessing.
pub const MAX_BROWSERS: usize = 3;

/// The kinds of records that a reference can be tied to, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum TieKind {
    Lead,
    Cart,
    Order,
}

impl TieKind {
    /// Every kind.
    pub const ALL: [TieKind; 3] = [TieKind::Lead, TieKind::Cart, TieKind::Order];

    /// Its word, as it is stored.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The record of this kind among the references.
    pub fn id_in(self, references: &References) -> Option<&RecordId> {
        match self {
            TieKind::Lead => references.lead.as_ref(),
            TieKind::Cart => references.cart.as_ref(),
            TieKind::Order => references.order.as_ref(),
        }
    }
}

/// Who made a tie, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TiedBy {
    Key,
    Browser,
}

/// A record of the event belongs to this reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tie {
    pub kind: TieKind,
    pub by: TiedBy,
    pub reference: RecordId,
    pub at: EventTime,
}

/// What in an event leads to clicks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// Its session, or the value of the visitor's cookie.
    Session,
    Tied(TieKind, TiedBy),
}

impl Hint {
    pub const STRONGEST_FIRST: [Hint; 7] = [
        Hint::Session,
        Hint::Tied(TieKind::Lead, TiedBy::Key),
        Hint::Tied(TieKind::Cart, TiedBy::Key),
        Hint::Tied(TieKind::Order, TiedBy::Key),
        Hint::Tied(TieKind::Lead, TiedBy::Browser),
        Hint::Tied(TieKind::Cart, TiedBy::Browser),
        Hint::Tied(TieKind::Order, TiedBy::Browser),
    ];

    /// The record whose ties have to be read to follow it.
    pub fn record<'a>(self, sale: &Sale<'a>) -> Option<(TieKind, &'a RecordId)> {
        let Hint::Tied(kind, _) = self else { return None };
        Some((kind, kind.id_in(sale.references)?))
    }

    pub(super) fn origin(self) -> ClickOrigin {
        match self {
            Hint::Session => ClickOrigin::Session,
            Hint::Tied(TieKind::Lead, _) => ClickOrigin::Lead,
            Hint::Tied(TieKind::Cart, _) => ClickOrigin::Cart,
            Hint::Tied(TieKind::Order, _) => ClickOrigin::Order,
        }
    }

    /// The references that it leads to, once the ties of its record are read.
    ///
    /// # Errors
    /// With [`WaitReason::AmbiguousClick`] if too many browsers claim the order.
    pub fn references<'a>(
        self, sale: &Sale<'a>, ties: &'a [Tie],
    ) -> Result<Vec<&'a RecordId>, WaitReason> {
        let Hint::Tied(kind, by) = self else {
            return Ok(sale.references.session.iter().collect());
        };
        if self.record(sale).is_none() {
            return Ok(Vec::new());
        }
        let mut ties = counted(kind, by, ties, sale.browser_order_ties)?;
        ties.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.reference.cmp(&b.reference)));
        Ok(ties.into_iter().take(TIES_COUNTED).map(|tie| &tie.reference).collect())
    }
}

/// The ties of this kind and maker that say something.
fn counted(
    kind: TieKind, by: TiedBy, ties: &[Tie], browser_order_ties: bool,
) -> Result<Vec<&Tie>, WaitReason> {
    let is_guessable = (kind, by) == (TieKind::Order, TiedBy::Browser);
    if is_guessable && !browser_order_ties {
        return Ok(Vec::new());
    }
    let ties: Vec<&Tie> = ties.iter().filter(|tie| (tie.kind, tie.by) == (kind, by)).collect();
    if is_guessable && ties.len() > MAX_BROWSERS {
        return Err(WaitReason::AmbiguousClick);
    }
    Ok(ties)
}
