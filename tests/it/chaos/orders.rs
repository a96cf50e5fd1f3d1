//! The order log of one run, drawn from its seed. Money is in cents.

use serde_json::{Value, json};
use simulation::random::Random;
use test_support::events::time;

/// One original with everything said about it.
#[derive(Clone, Debug)]
pub struct Order {
    pub id: String,
    pub event: &'static str,
    pub account: &'static str,
    pub click: Click,
    /// RFC 3339.
    pub occurred: String,
    /// Different for each order; none on a goal without value.
    pub value: Option<i64>,
    /// In the order in which they happened.
    pub fixes: Vec<Fix>,
}

/// What leads to the click.
#[derive(Clone, Debug)]
pub enum Click {
    /// The event brings it.
    Own(String),
    /// The session's, captured before.
    Session(String),
    /// The session's, tied to the lead only while the order waits for it.
    Lead(String),
    /// None: an address has to do.
    Email,
}

/// A correction.
#[derive(Clone, Debug)]
pub struct Fix {
    pub id: String,
    pub occurred: String,
    pub change: Change,
}

#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// So much is given back.
    Amount(i64),
    /// So much it is worth now.
    NewValue(i64),
    /// Everything is taken back.
    Full,
}

const ORDERS: i64 = 48;

/// Some dozen orders of the last minute.
pub fn draw(random: &mut Random) -> Vec<Order> {
    let mut orders: Vec<Order> = Vec::new();
    for number in 0..ORDERS {
        let twin = orders.last().filter(|twin| matches!(twin.click, Click::Own(_))).cloned();
        let mut order = order(random, number);
        // Another sale of the same click in the same second.
        if let Some(twin) = twin.filter(|_| order.value.is_some() && random.chance(2_000)) {
            (order.click, order.occurred) = (twin.click, twin.occurred);
            order.account = twin.account;
        }
        orders.push(order);
    }
    orders
}

fn order(random: &mut Random, number: i64) -> Order {
    let id = format!("order-{number}");
    let event = random.pick(&[
        "purchase",
        "purchase",
        "phone_sale",
        "subscription_start",
        "qualified_lead",
    ]);
    let click = match random.below(10) {
        0..6 => Click::Own(click_id(number)),
        6..8 => Click::Session(click_id(number)),
        8 => Click::Lead(click_id(number)),
        _ => Click::Email,
    };
    // The visitors of this run land now; their orders come later.
    let since = if matches!(click, Click::Own(_)) { random.between(-50, 0) } else { 2 };
    let has_value = event != "qualified_lead";
    // No two are the same, so that a conversion at Microsoft is known by its value.
    let value = has_value.then(|| 10_000 + number * 1_000 + random.between(1, 999));
    let fixes = fixes(random, &id, value);
    Order {
        event,
        account: random.pick(&["main", "main", "eu"]),
        // Without a value only its click tells it apart.
        click: if has_value { click } else { Click::Own(click_id(number)) },
        occurred: time(since),
        value,
        fixes,
        id,
    }
}

/// Its corrections: either they leave something, whatever order they become known in, or they leave
/// nothing and none of them gives anything back; what follows a Retract is another test's subject.
fn fixes(random: &mut Random, order: &str, value: Option<i64>) -> Vec<Fix> {
    let count = random.pick(&[0, 1, 1, 2, 3]);
    let all = random.chance(3_000);
    let change = |random: &mut Random, number| match value {
        None => Change::Full,
        Some(_) if all && number == 0 => Change::Full,
        Some(value) if all || random.chance(5_000) => Change::Amount(random.between(1, value / 10)),
        Some(value) => Change::NewValue(random.between(value / 2, 2 * value)),
    };
    (0..if value.is_none() { count.min(1) } else { count })
        .map(|number| Fix {
            id: format!("{order}-f{number}"),
            occurred: time(3 + number),
            change: change(random, number),
        })
        .collect()
}

/// A click id of its own for each number.
pub fn click_id(number: i64) -> String {
    format!("{number:08x}c4a05a9cad9544dd7e5006ab")
}

impl Order {
    /// Its event.
    pub fn event(&self) -> Value {
        let mut event = json!({"event": self.event, "eventId": self.id, "source": "shop",
            "account": self.account, "occurredAt": self.occurred});
        if let Some(value) = self.value {
            event["value"] = number(value);
            event["currency"] = json!("USD");
        }
        match &self.click {
            Click::Own(click) => event["msclkid"] = json!(click),
            Click::Session(click) => event["sessionId"] = json!(format!("s-{click}")),
            Click::Lead(click) => event["leadId"] = json!(format!("l-{click}")),
            Click::Email => event["email"] = json!(format!("{}@example.com", self.id)),
        }
        event
    }

    /// What Microsoft shows as its click.
    pub fn click_id(&self) -> Option<&str> {
        match &self.click {
            Click::Own(click) | Click::Session(click) | Click::Lead(click) => Some(click),
            Click::Email => None,
        }
    }

    /// What it is worth in the end; none where nothing of it is left.
    pub fn net(&self) -> Option<i64> {
        let after = |net: i64, fix: &Fix| match fix.change {
            Change::Amount(amount) => net - amount,
            Change::NewValue(value) => value,
            Change::Full => 0,
        };
        let net = self.fixes.iter().fold(self.value.unwrap_or(1), after);
        (net > 0).then_some(net)
    }
}

impl Fix {
    /// Its event; the original's event is named where it is not the usual one.
    pub fn event(&self, order: &Order) -> Value {
        let mut event = json!({"event": "refund", "eventId": self.id, "source": "shop",
            "account": order.account, "occurredAt": self.occurred,
            "original": {"eventId": order.id}});
        if order.event != "purchase" && order.event != "phone_sale" {
            event["original"]["event"] = json!(order.event);
        }
        let money = match self.change {
            Change::Amount(amount) => ("amount", amount),
            Change::NewValue(value) => ("newValue", value),
            Change::Full => return event,
        };
        event[money.0] = number(money.1);
        event["currency"] = json!("USD");
        event
    }
}

/// Cents as a JSON number with exactly these digits.
pub fn number(cents: i64) -> Value {
    let text = format!("{}.{:02}", cents / 100, cents % 100);
    serde_json::from_str(&text).expect("a number")
}
