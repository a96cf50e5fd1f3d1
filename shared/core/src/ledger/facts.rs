//! The original conversion of a row: what the source confirmed, and who converted.

use serde::{Deserialize, Serialize};

use crate::id::{GoalName, RecordId};
use crate::ledger::order::OrderKey;
use crate::money::Money;
use crate::person::click_id::ClickId;
use crate::person::consent::Consent;
use crate::person::identity::Identity;
use crate::time::EventTime;

/// The original conversion. What the source said is fixed when the row is written; identity, click and
/// `conversion_time` with the first claim (exceptions: invariant 4 in `shared/README.md`).
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// SHA-256 over the parsed event, which distinguishes a repetition from a conflict.
    pub fingerprint: String,
    pub goal: GoalName,
    pub occurred_at: EventTime,
    /// What is sent to Microsoft: [`Facts::earliest_time`], or a later second if that key was taken.
    pub conversion_time: EventTime,
    /// The original value; absent on goals without value.
    pub money: Option<Money>,
    /// Click id and hashes, sent whole or not at all.
    pub identity: Identity,
    pub click: Option<Click>,
    /// The order that it speaks for, where its goal counts one conversion per order.
    pub order: Option<OrderKey>,
    /// The records it may find a click by later.
    pub references: References,
    /// Click ids that Microsoft refused because they are later than the conversion (5616). They are
    /// never credited again.
    pub refused_clicks: Vec<ClickId>,
    /// What the event said of the person's consent.
    pub consent: Consent,
    /// When the person was erased or denied consent: identity, click, order, references and
    /// fingerprint are gone since.
    pub erased_at: Option<EventTime>,
}

impl Facts {
    /// The click id to be sent: the credited one, unless Microsoft has refused it.
    pub fn click_id(&self) -> Option<&ClickId> {
        self.identity.click_id.as_ref().filter(|id| !self.refused_clicks.contains(id))
    }

    /// The first second that may be sent as the conversion's time: when it happened, or the second
    /// after its click was first seen, if that is later. The click may be a few minutes later than the
    /// event says (a clock is behind), and Microsoft refuses a conversion earlier than its click (5616)
    /// or never counts it. A click of the same second counts as earlier.
    pub fn earliest_time(&self) -> EventTime {
        let clicked_at = self.click.as_ref().and_then(|click| click.clicked_at);
        let later = clicked_at.filter(|at| *at > self.occurred_at);
        // A click's time is kept without its fraction: hence the second after it.
        later.map_or(self.occurred_at, |at| at.plus_seconds(1))
    }
}

/// The click a conversion is credited to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Click {
    /// When it was captured; unknown if the event brought a click id that was never captured.
    pub clicked_at: Option<EventTime>,
    pub from: ClickOrigin,
    /// The reference under which it is stored, where that is not the event's own session.
    pub reference: Option<RecordId>,
}

impl Click {
    /// One that the event brought and nobody has seen.
    pub const BROUGHT: Click =
        Click { clicked_at: None, from: ClickOrigin::Event, reference: None };
}

/// What led to a click, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClickOrigin {
    Event,
    /// The session's latest click before the conversion.
    Session,
    Lead,
    Cart,
    Order,
    /// A word that a later version wrote: after a roll-back its rows stay readable. Such a click is
    /// taken for one that was found: it is looked for anew before it is sent.
    #[serde(other)]
    Other,
}

/// Records of the source by which a click can be found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// The visitor's session, or the cookie's value.
    pub session: Option<RecordId>,
    pub lead: Option<RecordId>,
    pub cart: Option<RecordId>,
    pub order: Option<RecordId>,
}

impl References {
    /// Whether a click could be found by any of them.
    pub fn is_empty(&self) -> bool {
        *self == References::default()
    }

    /// These, and of `others` those that are missing here.
    pub fn or(self, others: References) -> References {
        References {
            session: self.session.or(others.session),
            lead: self.lead.or(others.lead),
            cart: self.cart.or(others.cart),
            order: self.order.or(others.order),
        }
    }
}

/// The identity in Microsoft's duplicate key: the click id, in lower case, or else the hashes.
pub fn click_or_hashes(identity: &Identity) -> Option<String> {
    if let Some(click_id) = &identity.click_id {
        return Some(ClickId::key(click_id));
    }
    let hex = |hash: &Option<_>| {
        hash.as_ref().map_or_else(String::new, crate::person::identity::Sha256Hash::hex)
    };
    identity.is_matchable().then(|| format!("{}/{}", hex(&identity.email), hex(&identity.phone)))
}
