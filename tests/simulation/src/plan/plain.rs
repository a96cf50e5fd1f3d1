//! A history to measure by.

use super::{ClickBy, Faults, GoalTrouble, HOUR, MINUTE, Order, Plan, START};
use crate::setting::Setting;

impl Plan {
    /// Twenty purchases that each bring their click, and nothing goes wrong.
    #[must_use]
    pub fn plain() -> Self {
        let order = |n: i64| Order {
            source: "shop",
            id: format!("o{n}"),
            event: "purchase",
            account: "main",
            click: ClickBy::Own(format!("{n:032x}")),
            occurred: START,
            value: Some(100_000),
            posts: vec![START + MINUTE],
            conflict: false,
            corrections: Vec::new(),
        };
        Plan {
            seed: 0,
            orders: (1..=20).map(order).collect(),
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
