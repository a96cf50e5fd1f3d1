//! Persons of whom nothing more may be sent: they withdraw consent, deny it, or are erased.

use tracklayer_core::id::RecordId;
use tracklayer_core::person::identity::hash_email;
use tracklayer_core::reconcile::attribution::TieKind;
use tracklayer_core::reconcile::erasure::Person;

use super::{DAY, HOUR, MINUTE, Names, Order, cookie_of};
use crate::random::Random;

/// The end of a person.
#[derive(Clone, Debug)]
pub struct Ending {
    /// When.
    pub at: i64,
    /// Whether it waits for a moment at which this order is being sent.
    pub amid: Option<Order>,
    /// How.
    pub how: How,
}

/// How a person ends.
#[derive(Clone, Debug)]
pub enum How {
    /// The order's event is sent again with its consent denied.
    Denied(Box<Order>),
    /// Consent is withdrawn.
    Withdrawn {
        /// The session that the page names.
        session: Option<String>,
        /// The visitor's cookie.
        cookie: String,
        /// The records that it names.
        records: Vec<(TieKind, String)>,
        /// Whether it comes with an ingest key.
        keyed: bool,
    },
    /// The person is erased.
    Erased(Person),
}

/// Draws them: none at all in most histories.
pub(super) fn draw(orders: &[Order], random: &mut Random) -> Vec<Ending> {
    if !random.chance(3_000) {
        return Vec::new();
    }
    let mut endings = Vec::new();
    for order in orders {
        if random.chance(5_000) {
            endings.push(ending(order, random));
        }
    }
    endings
}

fn ending(order: &Order, random: &mut Random) -> Ending {
    let after = random.pick(&[-HOUR, 0, MINUTE, 20 * MINUTE, 3 * HOUR, 20 * HOUR, 3 * DAY]);
    let at = order.posts[0] + after + random.between(0, HOUR);
    let denied = random.chance(3_000);
    let mut ways = ways(&order.names, random);
    let how = match ways.is_empty() || denied {
        true => How::Denied(Box::new(order.clone())),
        false => ways.swap_remove(random.below(ways.len())),
    };
    Ending { at, amid: random.chance(5_000).then(|| order.clone()), how }
}

/// How the person of an order can end by what the order names.
fn ways(names: &Names, random: &mut Random) -> Vec<How> {
    let records = [
        (TieKind::Lead, &names.lead),
        (TieKind::Cart, &names.cart),
        (TieKind::Order, &names.order),
    ];
    let records = records.map(|(kind, id)| id.as_ref().map(|id| (kind, id.clone())));
    let records: Vec<_> = records.into_iter().flatten().collect();
    let id = |id: &str| RecordId::parse(id).expect("an id");
    let mut ways = Vec::new();
    for (kind, record) in &records {
        ways.push(How::Erased(Person::Record(*kind, id(record))));
    }
    if let Some(session) = &names.session {
        let cookie = cookie_of(session);
        let session = Some(session.clone());
        let (records, keyed) = (records.clone(), random.chance(2_000));
        ways.push(How::Withdrawn { session: session.clone(), cookie, records, keyed });
        ways.extend(session.map(|session| How::Erased(Person::Session(id(&session)))));
    }
    if let Some(email) = &names.email {
        ways.push(How::Erased(Person::Email(hash_email(email).expect("an address"))));
    }
    ways
}
