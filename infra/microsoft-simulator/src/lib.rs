//! Stands in for Microsoft Advertising REST v13 on loopback: a development tool, never deployed.
//!
//! It answers the calls this project makes – token, conversions, adjustments, goals, account
//! properties, outcome by goal – by the published rules, keeps what it accepted, and misbehaves when told to.
//! The rules are those of <https://learn.microsoft.com/advertising/campaign-management-service/applyofflineconversions>
//! and its neighbours; where Microsoft publishes nothing the module concerned says what was decided.
//!
//! | module | what it holds |
//! |---|---|
//! | `settings`, `faults` | what is known (accounts, goals, tokens) and how to misbehave |
//! | `server`, `control`, `page` | HTTP: Microsoft's paths, `/simulator/…`, and a page for people |
//! | `state`, `calls` | one call from headers to reply, under one lock; the log of calls |
//! | `oauth`, `reply`, `errors` | tokens; the forms of Microsoft's answers; codes and symbols |
//! | `rows`, `conversions`, `adjustments`, `ledger`, `goals`, `report` | the operations and what they keep |
//! | `refusals` | rows and calls that got an error, for the page |
//! | `clicks` | the click history, and which click a conversion is credited to |
//! | `instant`, `money` | exact times and decimals to and from JSON |

mod adjustments;
mod calls;
mod clicks;
mod control;
mod conversions;
mod errors;
mod faults;
mod goals;
mod instant;
mod ledger;
mod money;
mod oauth;
mod page;
mod refusals;
mod reply;
mod report;
mod rows;
mod server;
mod settings;
mod state;

pub use calls::Call;
pub use clicks::Click;
pub use faults::{AnswerBody, Fault, FaultRule, ForcedError, ForcedReason, ThrottleAnswer};
pub use ledger::{Conversion, ConversionState, Unattributed};
pub use server::{Clock, Simulator};
pub use settings::{
    Account, CountType, FaultForm, Goal, OAuth, RefreshTokens, Revenue, RevenueType, Settings,
};
