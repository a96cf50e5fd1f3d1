//! Several notices of one order: a shop delivers its webhook again under a new id, a CRM reports the
//! sale under its own, with other things known, another value, or at another time.

use super::{Change, DAY, Draw, Ending, Fix, HOUR, How, Learns, MINUTE, Names, Order, START};
use crate::{random::Random, setting::Setting};

/// Adds notices to some orders of some histories.
pub(super) fn draw(span: i64, orders: &mut Vec<Order>, setting: &mut Setting, random: &mut Random) {
    if !random.chance(4_000) {
        return;
    }
    setting.own_orders = random.chance(2_000);
    let mut notices = Vec::new();
    for at in 0..orders.len() {
        let is_shared = orders.iter().filter(|known| known.is_same(&orders[at])).count() > 1;
        let is_old = orders[at].occurred < START - 60 * DAY;
        if is_shared || is_old || !random.chance(5_000) {
            continue;
        }
        let first = &mut orders[at];
        (first.conflict, first.forgets) = (false, random.chance(1_500));
        first.names.order.get_or_insert_with(|| format!("g{at}"));
        if random.chance(3_000) {
            first.names = Names { order: first.names.order.clone(), ..Names::default() };
        }
        for n in 0..random.pick(&[1, 1, 2, 3]) {
            notices.push(notice(first, n, span, random));
        }
    }
    orders.extend(notices);
    if random.chance(800) {
        orders.iter_mut().for_each(|order| crowd(order, random));
    }
}

/// Lets sources learn the numbers of some orders late, before or after somebody else names them.
/// None of an order that is denied: what is denied is its number, which they don't know yet.
pub(super) fn learn(orders: &mut [Order], endings: &[Ending], random: &mut Random) {
    if !random.chance(4_000) {
        return;
    }
    let denied = |order: &Order| {
        let is_it =
            |how: &How| matches!(how, How::Denied(it) if it.names.order == order.names.order);
        endings.iter().any(|ending| is_it(&ending.how))
    };
    for order in orders.iter_mut().filter(|order| order.names.order.is_some()) {
        if order.occurred < START - 60 * DAY || denied(order) || !random.chance(4_000) {
            continue;
        }
        let after = random.pick(&[1, MINUTE, 10 * MINUTE, 2 * HOUR, DAY, 2 * DAY]);
        let learns = Learns { at: order.posts[0] + after, click: random.chance(6_000) };
        (order.learns, order.forgets) = (Some(learns), false);
        if random.chance(5_000) {
            order.names.email = None;
        }
        let Names { click, session, lead, cart, email, .. } = order.at_first().names;
        if [click, session, lead, cart, email].iter().all(Option::is_none) {
            // Something must name its person.
            order.names.cart = Some(format!("cart-{}", order.id));
        }
    }
}

/// Corrections that one order takes, but not two notices of it together; most come before it.
fn crowd(order: &mut Order, random: &mut Random) {
    for n in 0..random.between(26, 40) {
        let after = random.pick(&[-MINUTE, -5 * MINUTE, -20 * MINUTE, HOUR]);
        let posted = (order.posts[0] + after).max(START);
        order.corrections.push(Fix {
            source: order.source,
            id: format!("{}-{}-f{}", order.id, order.event, 100 + n),
            occurred: posted,
            ms: random.between(0, 999),
            change: Change::Amount(random.between(1, 2_000)),
            posts: vec![posted],
            names_event: true,
            other_currency: false,
            misdirected: false,
            meddles: false,
        });
    }
}

/// Another notice of the same order.
fn notice(first: &Order, n: i64, span: i64, random: &mut Random) -> Order {
    let apart = random.pick(&[0, 0, 0, 1, -1, -600, 2 * HOUR, -6 * DAY, -8 * DAY, 8 * DAY]);
    let occurred = first.occurred + apart;
    let after = [0, 0, 0, 1, -1, 30, -30, 5 * MINUTE, -20 * MINUTE, 3 * HOUR, DAY];
    let posted = (first.posts[0] + random.pick(&after)).max(occurred).max(START);
    let event = match first.event {
        _ if random.chance(500) => "qualified_lead",
        "purchase" | "phone_sale" => random.pick(&["purchase", "purchase", "phone_sale"]),
        event => event,
    };
    let other = random.between(1, 200_000);
    let value = if random.chance(7_000) { first.value.unwrap_or(other) } else { other };
    let id = format!("{}n{n}", first.id);
    let names = names(&first.names, &id, random);
    let mut draw = Draw { random, span, visits: Vec::new() };
    let mut notice = Order {
        source: draw.random.pick(&["shop", "crm"]),
        id,
        event,
        account: first.account,
        names,
        occurred,
        value: (event != "qualified_lead").then_some(value),
        posts: draw.posts(posted),
        conflict: false,
        forgets: draw.random.chance(1_500),
        learns: None,
        corrections: Vec::new(),
    };
    notice.corrections = draw.fixes(&notice, posted);
    if let (Some(known), true) = (first.corrections.first(), random.chance(3_000)) {
        for fix in notice.corrections.iter_mut().filter(|fix| known.occurred <= fix.posts[0]) {
            (fix.occurred, fix.ms) = (known.occurred, known.ms);
        }
    }
    notice
}

/// What it says of the person: nothing, the same, or more.
fn names(first: &Names, id: &str, random: &mut Random) -> Names {
    let hex: String = id.bytes().map(|byte| format!("{byte:02x}")).collect();
    let click = match random.below(4) {
        0 => Some(format!("{hex:0>32}")),
        1 => first.click.clone(),
        _ => None,
    };
    let same =
        |name: &Option<String>, random: &mut Random| name.clone().filter(|_| random.chance(5_000));
    Names {
        click,
        session: same(&first.session, random),
        lead: same(&first.lead, random),
        cart: same(&first.cart, random),
        order: first.order.clone(),
        email: random.chance(3_000).then(|| format!("{id}@example.com")),
        granted: random.chance(2_000),
    }
}
