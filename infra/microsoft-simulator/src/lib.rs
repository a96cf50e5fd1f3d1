//! Stands in for Microsoft Advertising REST v13 on loopback: a development tool, never deployed.
//!
//! It answers the calls that this project makes – consent, token, conversions, adjustments, goals,
//! account properties, outcome by goal, accounts of a user – by the published rules, stores what it accepts, and can be told to
//! misbehave. The rules are on the pages around
//! <https://learn.microsoft.com/advertising/campaign-management-service/applyofflineconversions>. Where
//! Microsoft publishes nothing, the module or the README states what was decided.
//!
//! | module | what it holds |
//! |---|---|
//! | [`Simulator`] | the handle |
//! | `settings`, `limits` | accounts, goals and credentials; published limits |
//! | `fault_rule`, `faults` | how to misbehave, and which rules act on a call |
//! | `server`, `control`, `page` | HTTP: Microsoft's paths, `/simulator/…`, and a page for people |
//! | `state`, `calls` | one call from headers to reply, under one lock; the log of calls |
//! | `consent`, `oauth` | the page of a consent and its codes; tokens |
//! | `reply`, `errors` | the forms of Microsoft's answers; codes and symbols |
//! | `customers` | the user who consented, and the accounts it may use |
//! | `rows`, `scene`, `subject`, `reason` | what the two Apply operations share |
//! | `conversions`, `adjustments`, `ledger`, `goals`, `report` | the operations and what they store |
//! | `refusals` | rows and calls that got an error, for the page |
//! | `clicks` | the click history, and which click a conversion is credited to |
//! | `instant`, `money` | exact times and decimals to and from JSON |

mod adjustments;
mod calls;
mod clicks;
mod consent;
mod control;
mod conversions;
mod customers;
mod errors;
mod fault_rule;
mod faults;
mod goals;
mod instant;
mod ledger;
mod limits;
mod money;
mod oauth;
mod page;
mod reason;
mod refusals;
mod reply;
mod report;
mod rows;
mod scene;
mod server;
mod settings;
mod simulator;
mod state;
mod subject;

pub use calls::Call;
pub use clicks::Click;
pub use fault_rule::{AnswerBody, Fault, FaultRule, ForcedError, ThrottleAnswer};
pub use ledger::{Conversion, ConversionState, Unattributed};
pub use reason::ForcedReason;
pub use settings::{
    Account, CountType, FaultForm, Goal, OAuth, RefreshTokens, Revenue, RevenueType, Settings,
};
pub use simulator::{Clock, Simulator};
