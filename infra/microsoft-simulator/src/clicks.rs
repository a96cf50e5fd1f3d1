//! The click history, and which click a conversion is credited to.
//!
//! Clicks are declared (`POST /simulator/clicks`). A row whose click id and hashes name no declared
//! click is credited as well, unless `assumeClicks` is off: there are no ads when the system is tried.
//!
//! <https://learn.microsoft.com/advertising/campaign-management-service/offlineconversionunattributedreason>

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::instant;
use crate::reason::{Credit, Reason};
use crate::settings::{Goal, Settings};
use crate::subject::{Subject, bare_click_id};

/// A click on an ad.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Click {
    /// The id that its landing page received.
    pub click_id: String,
    /// When it happened.
    #[serde(with = "instant::required")]
    pub at: OffsetDateTime,
    /// The ad account that paid for it.
    pub account: String,
    /// SHA-256 of the e-mail address of the person who clicked; enhanced conversions match by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hashed_email_address: Option<String>,
    /// SHA-256 of the person's phone number; enhanced conversions match by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hashed_phone_number: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Clicks {
    declared: Vec<Click>,
    /// Positions by click id and by each hash.
    by_name: HashMap<String, Vec<usize>>,
}

impl Clicks {
    pub(crate) fn declared(&self) -> &[Click] {
        &self.declared
    }

    pub(crate) fn declare(&mut self, click: Click) {
        let hashes = [&click.hashed_email_address, &click.hashed_phone_number];
        let names = hashes.into_iter().flatten().cloned();
        for name in names.chain([bare_click_id(&click.click_id)]) {
            self.by_name.entry(name).or_default().push(self.declared.len());
        }
        self.declared.push(click);
    }

    /// The click that a conversion is credited to: of several the latest that fits.
    pub(crate) fn credit(
        &self, subject: &Subject, goal: &Goal, settings: &Settings, now: OffsetDateTime,
    ) -> Credit {
        let by_hash = subject.click_id.is_none();
        let unmatched = if by_hash { "MissingMatchIdentifiers" } else { "NoMatchingClickFound" };
        let mut clicks = self.of(subject);
        if clicks.is_empty() {
            return if settings.assume_clicks { Ok(None) } else { Err(unmatched) };
        }
        let mut narrow = |reason: Reason, fits: &dyn Fn(&Click) -> bool| {
            clicks.retain(|click| fits(click));
            if clicks.is_empty() { Err(reason) } else { Ok(()) }
        };
        let happened = subject.key.at;
        let known = now - Duration::seconds(settings.click_settles_after_seconds.into());
        let window = Duration::minutes(goal.conversion_window_in_minutes.into());
        narrow(unmatched, &|click| click.at <= known)?;
        narrow("AccountMismatch", &|click| click.account == subject.key.account)?;
        narrow("ClickTimestampAfterConversion", &|click| click.at <= happened)?;
        narrow("OutsideGoalLookbackWindow", &|click| happened - click.at <= window)?;
        Ok(clicks.iter().map(|click| click.at).max())
    }

    fn of(&self, subject: &Subject) -> Vec<&Click> {
        let click_id = subject.click_id.as_deref().map(bare_click_id);
        let names = click_id.iter().chain(&subject.hashes);
        let positions = names.filter_map(|name| self.by_name.get(name)).flatten();
        positions.filter_map(|position| self.declared.get(*position)).collect()
    }
}
