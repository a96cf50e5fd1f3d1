//! What happens in one history, drawn from its seed before anything runs: the order log, what goes
//! wrong and how often, and what the operator does. A plan is data, so that it can be made smaller.

mod endings;
mod plain;
mod trouble;

pub use endings::{Ending, How};
pub use trouble::{Faults, GoalTrouble, Outage, OutageOf};

use crate::{mutation::Mutation, random::Random, setting::Setting};

/// The moment at which all histories begin: 2026-03-01T00:00:00Z.
pub const START: i64 = 1_772_323_200;
const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// One history.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where it comes from; also the seed of everything that is decided while it runs.
    pub seed: u64,
    /// What the sources will say.
    pub orders: Vec<Order>,
    /// What goes wrong.
    pub faults: Faults,
    /// Runs of upload at the same time.
    pub workers: usize,
    /// What happens to a goal's name.
    pub goal: GoalTrouble,
    /// Times of trouble with the world, each from and until.
    pub outages: Vec<Outage>,
    /// When the operator moves dead letters back, long before everything is repaired.
    pub early_redrives: Vec<i64>,
    /// When faults end.
    pub calm_at: i64,
    /// Whether the goal is part of Microsoft's duplicate key: its pages disagree.
    pub goal_in_key: bool,
    /// Requests that are arrays with other events, in cases of 10,000.
    pub arrays: u32,
    /// Where conversions go.
    pub setting: Setting,
    /// Persons who withdraw, deny or are erased.
    pub endings: Vec<Ending>,
    /// A deliberate mistake.
    pub mutation: Option<Mutation>,
}

/// An original and everything said about it.
#[derive(Clone, Debug)]
pub struct Order {
    /// Who says it.
    pub source: &'static str,
    /// The source's id.
    pub id: String,
    /// Its event.
    pub event: &'static str,
    /// Its account.
    pub account: &'static str,
    /// What leads to its click.
    pub click: ClickBy,
    /// When it happened.
    pub occurred: i64,
    /// Thousandths; absent on goals without value.
    pub value: Option<i64>,
    /// When it is posted, and posted again.
    pub posts: Vec<i64>,
    /// Whether the source once says something else under the same id.
    pub conflict: bool,
    /// Its corrections.
    pub corrections: Vec<Fix>,
}

/// What leads to a click.
#[derive(Clone, Debug)]
pub enum ClickBy {
    /// The event brings it.
    Own(String),
    /// The session's click, known from this second on.
    Session(String, i64),
    /// Only an address.
    Email(String),
}

/// A correction.
#[derive(Clone, Debug)]
pub struct Fix {
    /// Who says it.
    pub source: &'static str,
    /// Its own id.
    pub id: String,
    /// When it happened.
    pub occurred: i64,
    /// What it changes.
    pub change: Change,
    /// When it is posted, and posted again.
    pub posts: Vec<i64>,
    /// Whether it names its original's event.
    pub names_event: bool,
    /// Another currency than the original's.
    pub other_currency: bool,
    /// Whether it is posted once more with another original.
    pub misdirected: bool,
    /// Whether it waits for a moment at which its original is being sent or corrected.
    pub meddles: bool,
}

/// What a correction changes, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// This much is given back.
    Amount(i64),
    /// The new value.
    NewValue(i64),
    /// Everything is taken back.
    Full,
}

impl Plan {
    /// The plan of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let calm_after = random.pick(&[1, 2, 4, 9]) * DAY;
        let mut drawn = Draw { random: &mut random, span: calm_after / 2 };
        let mut orders = drawn.orders();
        let faults = drawn.faults();
        let goal = drawn.goal();
        let outages = drawn.outages();
        let early_redrives = drawn.redrives();
        // Of its own, so that a new kind of trouble leaves the rest of a history what it was.
        let mut random_setting = Random::new(seed ^ 0xacc0_0417);
        let setting = Setting::draw(&mut random_setting, START, calm_after);
        share_out(&mut orders, &setting, &mut random_setting);
        let endings = endings::draw(&orders, &mut Random::new(seed ^ 0xe2a5_ed00));
        let posts = orders.iter().flat_map(Order::all_posts);
        let last = posts.chain(endings.iter().map(|it| it.at)).max().unwrap_or(START);
        Plan {
            seed,
            orders,
            faults,
            workers: 2 + random.below(3),
            goal,
            outages,
            early_redrives,
            calm_at: last.max(START + calm_after) + 6 * HOUR,
            goal_in_key: random.chance(5_000),
            arrays: 2_500,
            setting,
            endings,
            mutation: None,
        }
    }
}

impl Order {
    /// Whether both have the same id.
    #[must_use]
    pub fn is_same(&self, other: &Order) -> bool {
        (self.source, &self.id) == (other.source, &other.id)
    }

    /// Everything that is said of it is said so much later.
    fn postpone(&mut self, seconds: i64) {
        self.posts.iter_mut().for_each(|at| *at += seconds);
        for fix in &mut self.corrections {
            fix.posts.iter_mut().for_each(|at| *at += seconds);
            fix.occurred = (fix.occurred + seconds).max(self.occurred).min(fix.posts[0]);
        }
    }

    /// When anything of it is posted.
    fn all_posts(&self) -> impl Iterator<Item = i64> + '_ {
        let of_fixes = self.corrections.iter().flat_map(|fix| fix.posts.iter());
        self.posts.iter().chain(of_fixes).copied()
    }
}

struct Draw<'a> {
    random: &'a mut Random,
    span: i64,
}

impl Draw<'_> {
    fn orders(&mut self) -> Vec<Order> {
        let count = self.random.between(1, 6);
        let mut orders: Vec<Order> = Vec::new();
        for n in 0..count {
            let twin = orders.get(self.random.below(orders.len())).cloned();
            let order = match twin.filter(|_| self.random.chance(2_500)) {
                Some(twin) => self.sibling(&twin, n, &orders),
                None => self.order(n),
            };
            orders.push(order);
        }
        name_events(&mut orders);
        orders
    }

    fn order(&mut self, n: i64) -> Order {
        let event = self.random.pick(&[
            "purchase",
            "purchase",
            "purchase",
            "phone_sale",
            "subscription_start",
            "qualified_lead",
        ]);
        let age = match self.random.chance(500) {
            true => 90 * DAY - self.random.between(HOUR, 3 * DAY),
            false => self.random.between(0, 3 * HOUR),
        };
        let posted = START + self.random.between(0, self.span);
        let occurred = posted - age;
        let click = self.click(n, occurred);
        let value = (event != "qualified_lead").then(|| self.random.between(1, 200_000));
        let mut order = Order {
            source: self.random.pick(&["shop", "crm"]),
            id: format!("o{n}"),
            event,
            account: "main",
            click,
            occurred,
            value,
            posts: self.posts(posted),
            conflict: self.random.chance(1_000),
            corrections: Vec::new(),
        };
        order.corrections = self.fixes(&order, posted);
        order
    }

    /// Another sale of the same person in the same second.
    fn sibling(&mut self, twin: &Order, n: i64, orders: &[Order]) -> Order {
        let mut order = self.order(n);
        order.click = match &twin.click {
            ClickBy::Session(_, known) => ClickBy::Session(session_of(twin), *known),
            other => other.clone(),
        };
        order.occurred = twin.occurred;
        order.postpone((twin.posts[0] - order.posts[0]).max(0));
        // Neither may be too old at the door: corrections wait for both.
        let is_old = twin.occurred < START - 80 * DAY;
        let is_taken =
            |known: &Order| known.is_same(twin) && (is_old || known.event == order.event);
        if self.random.chance(3_000) && !orders.iter().any(is_taken) {
            (order.source, order.id) = (twin.source, twin.id.clone());
        }
        order
    }

    fn click(&mut self, n: i64, occurred: i64) -> ClickBy {
        match self.random.below(10) {
            0..6 => ClickBy::Own(format!("{:032x}", 0xabcd_0000_i64 + n)),
            6..8 => {
                let late = self.random.chance(3_000);
                let known = if late { self.random.between(HOUR, 2 * DAY) } else { -HOUR };
                ClickBy::Session(format!("s{n}"), occurred + known)
            }
            _ => ClickBy::Email(format!("p{n}@example.com")),
        }
    }

    fn posts(&mut self, first: i64) -> Vec<i64> {
        let mut posts = vec![first];
        while self.random.chance(2_000) {
            posts.push(first + self.random.pick(&[1, 30, 20 * MINUTE, DAY]));
        }
        posts
    }

    fn fixes(&mut self, order: &Order, posted: i64) -> Vec<Fix> {
        let count = self.random.pick(&[0, 0, 1, 1, 2, 3, 5]);
        (0..count).map(|n| self.fix(order, posted, n)).collect()
    }

    fn fix(&mut self, order: &Order, posted: i64, n: i64) -> Fix {
        let spread = [0, MINUTE, HOUR, 14 * HOUR, 30 * HOUR, 4 * DAY];
        let after = self.random.pick(&spread) + self.random.between(0, 2 * HOUR);
        let early = self.random.chance(1_500);
        let first =
            if early { posted - self.random.between(1, 20 * MINUTE) } else { posted + after };
        let value = order.value.unwrap_or(100_000);
        let change = match self.random.below(10) {
            0..3 => Change::Amount(self.random.between(1, value.max(2))),
            3 => Change::Amount(value),
            4..8 => Change::NewValue(self.random.between(0, 2 * value)),
            _ => Change::Full,
        };
        let happened = first - self.random.pick(&[0, 1, MINUTE, HOUR]);
        let (low, high) = (order.occurred.min(first), first);
        Fix {
            source: self.random.pick(&[order.source, "erp"]),
            id: format!("{}-{}-f{n}", order.id, order.event),
            occurred: happened.clamp(low, high),
            change,
            posts: self.posts(first),
            names_event: self.random.chance(6_000),
            other_currency: self.random.chance(300),
            misdirected: self.random.chance(500),
            meddles: self.random.chance(3_000),
        }
    }

    /// Each kind of fault is often absent: a rare mixture finds what all of them at once hide.
    fn rate(&mut self, share: u32, rates: &[u32]) -> u32 {
        if self.random.chance(share) { self.random.pick(rates) } else { 0 }
    }

    fn faults(&mut self) -> Faults {
        if self.random.chance(600) {
            return Faults::default();
        }
        Faults {
            crash: self.rate(6_000, &[20, 100, 400, 1_500]),
            slow: self.rate(4_000, &[100, 500]),
            freeze: self.rate(3_000, &[20, 100]),
            not_done: self.rate(4_000, &[50, 300, 1_000]),
            done_unheard: self.rate(4_000, &[50, 300, 1_000]),
            done_twice: self.rate(4_000, &[50, 300, 1_000]),
            unprocessed: self.rate(2_000, &[100, 1_000]),
            duplicate: self.rate(5_000, &[300, 1_500, 4_000]),
            vanished: self.rate(1_500, &[300, 2_000]),
            undeleted: self.rate(4_000, &[300, 1_500]),
            unreachable: self.rate(2_000, &[500, 2_000]),
            request_lost: self.rate(3_000, &[500, 2_500]),
            answer_lost: self.rate(5_000, &[500, 2_500, 5_000]),
            request_late: self.rate(5_000, &[500, 2_500]),
            throttled: self.rate(3_000, &[500, 3_000]),
            token_refused: self.rate(2_000, &[500, 3_000]),
            row_refused: self.rate(3_000, &[300, 2_000]),
            poison: self.rate(2_000, &[300, 1_500]),
            skew: self.random.pick(&[0, 0, 2, 5]),
            overlap: self.rate(4_000, &[2_000, 8_000]),
        }
    }

    fn goal(&mut self) -> GoalTrouble {
        let at = START + self.random.between(0, self.span);
        let fixed = at + self.random.between(MINUTE, 20 * HOUR);
        match self.random.below(12) {
            0 => GoalTrouble::Typo { fixed },
            1 => GoalTrouble::Renamed { at, fixed },
            2 => GoalTrouble::RenamedBack { at, fixed },
            3 => GoalTrouble::Replaced { at, fixed },
            _ => GoalTrouble::None,
        }
    }

    fn outages(&mut self) -> Vec<Outage> {
        let mut outages = Vec::new();
        while self.random.chance(3_500) {
            let of = self.random.pick(&[
                OutageOf::Microsoft,
                OutageOf::MicrosoftAnswers,
                OutageOf::Consent,
                OutageOf::Access,
                OutageOf::Ledger,
                OutageOf::Queue,
            ]);
            let from = START + self.random.between(0, 2 * self.span);
            let long = self.random.pick(&[5 * MINUTE, HOUR, 5 * HOUR]);
            outages.push(Outage { of, from, until: from + self.random.between(1, long) });
        }
        outages
    }

    fn redrives(&mut self) -> Vec<i64> {
        let mut times = Vec::new();
        while self.random.chance(4_000) {
            times.push(START + self.random.between(HOUR, 2 * self.span + 5 * HOUR));
        }
        times
    }
}

/// Where one id has several originals, corrections say which they mean.
fn name_events(orders: &mut [Order]) {
    let ids: Vec<_> = orders.iter().map(|order| (order.source, order.id.clone())).collect();
    for order in orders {
        let same = ids.iter().filter(|(source, id)| (*source, id) == (order.source, &order.id));
        if same.count() > 1 {
            order.corrections.iter_mut().for_each(|fix| fix.names_event = true);
        }
    }
}

/// Gives each order an account. Under one id all are of the same: a source is one id-space.
fn share_out(orders: &mut [Order], setting: &Setting, random: &mut Random) {
    for at in 0..orders.len() {
        let known = orders[..at].iter().find(|known| known.is_same(&orders[at]));
        let drawn = random.pick(setting.accounts());
        orders[at].account = known.map_or(drawn, |known| known.account);
    }
}

fn session_of(order: &Order) -> String {
    match &order.click {
        ClickBy::Session(session, _) => session.clone(),
        ClickBy::Own(_) | ClickBy::Email(_) => order.id.clone(),
    }
}
