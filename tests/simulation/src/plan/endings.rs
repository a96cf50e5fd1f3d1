//! Persons of whom nothing more may be sent: they withdraw consent, deny it, or are erased.

use tracklayer_core::reconcile::erasure::Person;

use super::{ClickBy, DAY, HOUR, MINUTE, Order};
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
    Denied(Order),
    /// The consent of a session is withdrawn, and its click goes.
    Withdrawn(String),
    /// The person is erased.
    Erased(Person),
}

/// Draws them: none at all in most histories.
pub fn draw(orders: &[Order], random: &mut Random) -> Vec<Ending> {
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
    let how = match &order.click {
        ClickBy::Session(session, _) if !denied => of_session(session, random),
        ClickBy::Email(address) if !denied => {
            let hash = tracklayer_core::person::identity::hash_email(address).expect("an address");
            How::Erased(Person::Email(hash))
        }
        _ => How::Denied(order.clone()),
    };
    Ending { at, amid: random.chance(5_000).then(|| order.clone()), how }
}

fn of_session(session: &str, random: &mut Random) -> How {
    match random.below(3) {
        0..2 => How::Withdrawn(session.to_owned()),
        _ => How::Erased(Person::Session(session.parse().expect("a session"))),
    }
}
