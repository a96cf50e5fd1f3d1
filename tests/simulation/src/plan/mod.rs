//! What happens in one history, drawn from its seed before anything runs: the order log, who clicked
//! what, what goes wrong and how often, and what the operator does. A plan is data, so that it can be
//! made smaller.

mod endings;
mod notices;
mod orders;
mod plain;
mod trouble;
mod visitors;

use std::collections::BTreeMap;

pub use endings::{Ending, How};
pub use orders::{Change, Fix, Learns, Names, Order};
pub use trouble::{Faults, GoalTrouble, Outage, OutageOf};
pub use visitors::{Visit, cookie_of};

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
    /// What pages report to capture, and who ties records.
    pub visits: Vec<Visit>,
    /// When clicks were made, as Microsoft knows it; of click ids that only events bring, unknown.
    pub clicked: BTreeMap<String, i64>,
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

impl Plan {
    /// The plan of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let calm_after = random.pick(&[1, 2, 4, 9]) * DAY;
        let span = calm_after / 2;
        let mut drawn = Draw { random: &mut random, span, visits: Vec::new() };
        let mut orders = drawn.orders();
        let mut faults = drawn.faults();
        let goal = drawn.goal();
        let mut outages = drawn.outages();
        let early_redrives = drawn.redrives();
        let mut visits = drawn.visits;
        // Of its own, so that a new kind of trouble leaves the rest of a history what it was.
        let own = |salt: u64| Random::new(seed ^ salt);
        let mut random_setting = own(0xacc0_0417);
        let mut setting = Setting::draw(&mut random_setting, START, calm_after);
        orders::share_out(&mut orders, &setting, &mut random_setting);
        let mut clicked = visits.iter().filter_map(Visit::own_click).collect();
        visitors::draw(span, &mut orders, &mut visits, &mut clicked, &mut own(0x0c11_c4ed));
        orders::within_one_second(&mut orders, &mut own(0x005e_c04d));
        notices::draw(span, &mut orders, &mut setting, &mut own(0x0dd_07de5));
        trouble::more(span, &mut faults, &mut outages, &mut own(0x0047_a6e5));
        trouble::clicks(span, &mut outages, &mut own(0x00c1_1c05));
        let endings = endings::draw(&orders, &mut own(0xe2a5_ed00));
        notices::learn(&mut orders, &endings, &mut own(0x001a_7e40));
        let posts = orders.iter().flat_map(Order::all_posts);
        let visited = visits.iter().map(|visit| visit.at);
        let ended = endings.iter().map(|ending| ending.at);
        let last = posts.chain(visited).chain(ended).max().unwrap_or(START);
        Plan {
            seed,
            orders,
            visits,
            clicked,
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

struct Draw<'a> {
    random: &'a mut Random,
    span: i64,
    visits: Vec<Visit>,
}
