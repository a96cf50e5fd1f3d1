//! A history to measure by.

use std::collections::BTreeMap;

use super::{Faults, GoalTrouble, HOUR, MINUTE, Names, Order, Plan, START};
use crate::setting::Setting;

impl Plan {
    /// Five notices of one order at the same moment, stored by runs that are slow and often die.
    #[must_use]
    pub fn contended(seed: u64) -> Self {
        let plain = Plan::plain();
        let mut orders = plain.orders[..5].to_vec();
        orders.iter_mut().for_each(|order| order.names.order = Some("1001".to_owned()));
        let faults = Faults { crash: 1_500, slow: 3_000, ..Faults::default() };
        Plan { seed, orders, faults, ..plain }
    }

    /// Twenty purchases that each bring their click, and nothing goes wrong.
    #[must_use]
    pub fn plain() -> Self {
        let order = |n: i64| Order {
            source: "shop",
            id: format!("o{n}"),
            event: "purchase",
            account: "main",
            names: Names { click: Some(format!("{n:032x}")), ..Names::default() },
            occurred: START,
            value: Some(100_000),
            posts: vec![START + MINUTE],
            conflict: false,
            forgets: false,
            learns: None,
            corrections: Vec::new(),
        };
        Plan {
            seed: 0,
            orders: (1..=20).map(order).collect(),
            visits: Vec::new(),
            clicked: BTreeMap::new(),
            faults: Faults::default(),
            workers: 2,
            goal: GoalTrouble::None,
            outages: Vec::new(),
            early_redrives: Vec::new(),
            calm_at: START + 6 * HOUR,
            goal_in_key: false,
            arrays: 0,
            setting: Setting::default(),
            endings: Vec::new(),
            mutation: None,
        }
    }
}
