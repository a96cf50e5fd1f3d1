//! The settings of the simulator: accounts with their goals, credentials, and faults.
//!
//! All of it is JSON at `GET|PUT|PATCH /simulator/settings`; absent members take the defaults of
//! `cargo local`, unknown ones are refused so that a typing error does not pass for a rule.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::{fault_rule::FaultRule, instant, money};

/// Everything that can be set.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Settings {
    /// The ad accounts; a call names one by the headers `CustomerId` and `CustomerAccountId`.
    pub accounts: Vec<Account>,
    /// The `DeveloperToken` that is accepted, beside that of Microsoft's sandbox.
    pub developer_token: String,
    /// The identity platform: client, tokens and their lifetimes.
    pub oauth: OAuth,
    /// The form of a fault's JSON.
    pub fault_form: FaultForm,
    /// How long after its acceptance a row is reported and a conversion can be adjusted. Earlier
    /// adjustments come to nothing.
    pub visible_after_seconds: u32,
    /// How long after a declared click Microsoft knows it. Conversions sent earlier come to nothing.
    pub click_settles_after_seconds: u32,
    /// Whether a row is credited if no click with its id or hashes was declared.
    pub assume_clicks: bool,
    /// Whether a click that is too late or too old is an error of the row (5616, 5617) rather than
    /// a reason of the reports.
    pub refuse_by_click: bool,
    /// How long a goal with a `createdAt` refuses conversions (5615).
    pub young_goal_seconds: u32,
    /// How long ago an adjustment may have happened (5623); none: Microsoft publishes no limit.
    pub max_adjustment_age_seconds: Option<u32>,
    /// The fault rules.
    pub faults: Vec<FaultRule>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            accounts: vec![Account::default()],
            developer_token: "local-developer-token".to_owned(),
            oauth: OAuth::default(),
            fault_form: FaultForm::Bare,
            visible_after_seconds: 0,
            click_settles_after_seconds: 60 * 60,
            assume_clicks: true,
            refuse_by_click: false,
            young_goal_seconds: 2 * 60 * 60,
            max_adjustment_age_seconds: None,
            faults: Vec::new(),
        }
    }
}

impl Settings {
    pub(crate) fn visible_after(&self) -> Duration {
        Duration::seconds(self.visible_after_seconds.into())
    }
}

/// An ad account with its offline conversion goals.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Account {
    /// The manager account, header `CustomerId`.
    pub customer_id: String,
    /// The ad account, header `CustomerAccountId`.
    pub account_id: String,
    /// Billing currency: the currency of values for which neither row nor goal has one.
    pub currency_code: String,
    /// Account property `MSCLKIDAutoTaggingEnabled`.
    pub auto_tagging: bool,
    /// The goals.
    pub goals: Vec<Goal>,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            customer_id: "1234567".to_owned(),
            account_id: "7654321".to_owned(),
            currency_code: "USD".to_owned(),
            auto_tagging: true,
            goals: vec![
                Goal::new("1001", "Purchase", RevenueType::VariableValue, CountType::All),
                Goal::new("1002", "Qualified Lead", RevenueType::NoValue, CountType::Unique),
                Goal::new("1003", "Subscription Start", RevenueType::VariableValue, CountType::All),
            ],
        }
    }
}

/// An offline conversion goal. A row names it by `name`, case and spaces included.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Goal {
    /// Identity: when the name changes, the conversions remain those of the goal.
    pub id: String,
    /// The name that rows carry.
    pub name: String,
    /// Default value and currency.
    #[serde(default)]
    pub revenue: Revenue,
    /// Which conversions of a click count; the others are stored as well.
    #[serde(default)]
    pub count_type: CountType,
    /// Whether rows may be matched by hashed data alone.
    #[serde(default = "yes")]
    pub enhanced_conversions: bool,
    /// Whether rows must carry the credit and the model of an external attribution.
    #[serde(default)]
    pub externally_attributed: bool,
    /// Whether its conversions can be restated and retracted; if not, 5627.
    #[serde(default = "yes")]
    pub adjustable: bool,
    /// A paused goal accepts rows and attributes none of them.
    #[serde(default)]
    pub paused: bool,
    /// Conversion window: how long before its conversion a click may lie.
    #[serde(default = "thirty_days")]
    pub conversion_window_in_minutes: u32,
    /// When set, rows are refused for the first `youngGoalSeconds`.
    #[serde(default, with = "instant::optional")]
    pub created_at: Option<OffsetDateTime>,
}

impl Goal {
    /// An active goal with enhanced conversions, a window of 30 days and no default value.
    pub fn new(id: &str, name: &str, revenue: RevenueType, count_type: CountType) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            revenue: Revenue { r#type: revenue, ..Revenue::default() },
            count_type,
            enhanced_conversions: true,
            externally_attributed: false,
            adjustable: true,
            paused: false,
            conversion_window_in_minutes: thirty_days(),
            created_at: None,
        }
    }
}

fn yes() -> bool {
    true
}

fn thirty_days() -> u32 {
    43_200
}

/// The value of a conversion whose row has none.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Revenue {
    /// Kind of the goal's value.
    pub r#type: RevenueType,
    /// Default value.
    #[serde(serialize_with = "money::serialize", deserialize_with = "money::deserialize")]
    pub value: Option<Decimal>,
    /// Default currency; none: the account's.
    pub currency_code: Option<String>,
}

/// `Revenue.Type` of a goal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RevenueType {
    /// Every conversion is worth the same, unless its row says otherwise.
    FixedValue,
    /// Each row carries its value.
    #[default]
    VariableValue,
    /// Conversions are counted, not valued.
    NoValue,
}

/// `CountType` of a goal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CountType {
    /// Each conversion of a click counts.
    #[default]
    All,
    /// Only a click's first one counts.
    Unique,
}

/// Microsoft's fault object as it is, or inside `{"ApplicationFault": …}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FaultForm {
    /// The object itself.
    #[default]
    Bare,
    /// Wrapped in `ApplicationFault`.
    Wrapped,
}

/// Settings of the identity platform.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct OAuth {
    /// The registered application.
    pub client_id: String,
    /// When set, the form's `client_secret` must equal it; none: the form's secret is ignored.
    pub client_secret: Option<String>,
    /// The first refresh token. Those that a refresh issues are this text, a dot and a number.
    pub refresh_token: String,
    /// Lifetime of an access token; 3,599 is the platform's default.
    pub token_lifetime_seconds: u32,
    /// Lifetime of an unused refresh token; 90 days is the platform's.
    pub refresh_token_lifetime_seconds: u32,
    /// What a refresh does to the refresh token.
    pub refresh_tokens: RefreshTokens,
}

impl Default for OAuth {
    fn default() -> Self {
        Self {
            client_id: "local-client".to_owned(),
            client_secret: None,
            refresh_token: "local-refresh-token".to_owned(),
            token_lifetime_seconds: 3_599,
            refresh_token_lifetime_seconds: 90 * 24 * 60 * 60,
            refresh_tokens: RefreshTokens::Rotate,
        }
    }
}

/// What a refresh does to the refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RefreshTokens {
    /// It stays the same.
    Keep,
    /// Each refresh issues a new one; older ones stay valid, as at the platform.
    Rotate,
    /// Each refresh issues a new one; older ones are refused from then on.
    RotateAndRevoke,
}
