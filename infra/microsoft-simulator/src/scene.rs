//! What the rules for the rows of a call depend on.

use time::OffsetDateTime;

use crate::clicks::Clicks;
use crate::faults::Plan;
use crate::settings::{Account, Settings};

/// The settings, the account of the call, the click history, the faults that act, and the time.
pub(crate) struct Scene<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) account: &'a Account,
    pub(crate) clicks: &'a Clicks,
    pub(crate) plan: &'a Plan,
    pub(crate) now: OffsetDateTime,
}
