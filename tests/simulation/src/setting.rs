//! Where conversions go: the ad accounts with their own goal names, whether goals are checked, and
//! a change of Microsoft's environment or of the ad account's number in between.

use tracklayer_core::{ledger::observed::Environment, mapping::Mapping};

use crate::random::Random;

/// What a history's deployment looks like.
#[derive(Clone, Debug, Default)]
pub struct Setting {
    /// Whether there is the account `eu` beside `main`, with goal names of its own.
    pub two_accounts: bool,
    /// Whether the function `goals` checks.
    pub checks: bool,
    /// Whether the order numbers of `crm` are its own.
    pub own_orders: bool,
    /// When conversions begin to go somewhere else.
    pub moves: Option<Move>,
    /// Whether functions run whenever they are scheduled, also where they would find nothing, and what
    /// they count is kept; batches are as large as AWS makes them.
    pub all_runs: bool,
}

/// A change of the place that conversions go to.
#[derive(Clone, Copy, Debug)]
pub struct Move {
    /// From this second on.
    pub at: i64,
    /// What changes.
    pub to: MoveTo,
}

/// What changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveTo {
    /// The ad account's number in the secret of `main`.
    Number,
    /// It was the sandbox before.
    Production,
}

/// The goals of both accounts, by the name in `main`.
const GOALS: [(&str, &str); 3] = [
    ("Purchase", "Kauf"),
    ("Qualified Lead", "Anfrage"),
    ("Subscription Start", "Subscription Start"),
];

impl Setting {
    /// Draws one; a move happens within `span` seconds after `start`.
    pub fn draw(random: &mut Random, start: i64, span: i64) -> Self {
        let to = random.pick(&[MoveTo::Number, MoveTo::Production]);
        let at = start + random.between(0, span);
        Setting {
            two_accounts: random.chance(3_000),
            checks: random.chance(5_000),
            own_orders: false,
            moves: random.chance(2_000).then_some(Move { at, to }),
            all_runs: false,
        }
    }

    /// The names of the accounts.
    pub fn accounts(&self) -> &'static [&'static str] {
        if self.two_accounts { &["main", "eu"] } else { &["main"] }
    }

    /// The mapping, with this goal name for purchases of `main`. Every start of a subscription counts,
    /// also of one contract.
    pub fn mapping(&self, purchase: &str) -> Mapping {
        let eu =
            r#""accounts": {"eu": {"goals": {"purchase": "Kauf", "qualified_lead": "Anfrage"}},"#;
        let accounts = if self.two_accounts { eu } else { r#""accounts": {"# };
        let json = Mapping::SAMPLE.replace("\"Purchase\"", &format!("\"{purchase}\""));
        let many = r#""Subscription Start", "perOrder": "many""#;
        let json = json.replace(r#""Subscription Start""#, many);
        let own = if self.own_orders { r#"{"ownOrders": ["crm"],"# } else { "{" };
        let json = json.replacen('{', own, 1);
        Mapping::parse(&json.replace(r#""accounts": {"#, accounts)).expect("a mapping")
    }

    /// The environment of functions that are started at this second.
    pub fn environment(&self, second: i64) -> Environment {
        let sandbox = |moves: Move| moves.to == MoveTo::Production && second < moves.at;
        match self.moves.is_some_and(sandbox) {
            true => Environment::Sandbox,
            false => Environment::Production,
        }
    }

    /// The account's number in its secret at this second.
    pub fn account_id(&self, account: &str, second: i64) -> &'static str {
        let moved = |moves: Move| moves.to == MoveTo::Number && moves.at <= second;
        match account {
            "eu" => "3",
            _ if self.moves.is_some_and(moved) => "22",
            _ => "2",
        }
    }

    /// Where the account's conversions go at this second.
    pub fn place(&self, account: &str, second: i64) -> String {
        place(self.environment(second), self.account_id(account, second))
    }

    /// Every place that they ever go to, with the goals' names there.
    pub fn goals(&self) -> Vec<(String, &'static str)> {
        let mut goals = Vec::new();
        for account in self.accounts() {
            let mut places = vec![self.place(account, 0), self.place(account, i64::MAX)];
            places.dedup();
            for place in places {
                let name = |(main, eu): &(&'static str, &'static str)| match *account {
                    "eu" => *eu,
                    _ => *main,
                };
                goals.extend(GOALS.iter().map(|pair| (place.clone(), name(pair))));
            }
        }
        goals
    }
}

/// An environment and an ad account's number in it.
pub fn place(environment: Environment, account_id: &str) -> String {
    format!("{environment:?}/{account_id}")
}

/// Our name of the account with this number.
pub fn account_of(account_id: &str) -> &'static str {
    if account_id == "3" { "eu" } else { "main" }
}
