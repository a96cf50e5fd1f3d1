//! Decode, store the click and its ties, answer 204 with the visitor's cookie. Or delete what was
//! stored: consent is withdrawn.

use tracklayer_core::event::Landing;
use tracklayer_core::id::RecordId;
use tracklayer_core::person::consent::Consent;
use tracklayer_core::reconcile::attribution::TiedBy;
use tracklayer_core::time::{DAY, EventTime, MAX_AGE};
use tracklayer_edge::lambda::deadline::Deadline;
use tracklayer_edge::lambda::http_api;
use tracklayer_edge::lambda::http_api::{Problem, Request, Response};
use tracklayer_edge::lambda::telemetry::log_ignored;
use tracklayer_edge::ports::{
    Captures, Clock as _, Details, LedgerError, Metric, Ports, Right, Telemetry as _, Traces,
};

use crate::{context::Capture, crawlers, snippet, wire, withdraw::Withdrawal};

const MAX_BODY: usize = 8 * 1024;
/// How long ago a browser may have seen a click that it sends now, in seconds: a consent banner may
/// have been answered on a later page.
const BROWSER_HOLDS: i64 = DAY;
/// How long ago somebody with a key may have seen it, in seconds.
const KEY_HOLDS: i64 = MAX_AGE;
const COOKIE: &str = "tl_ref";

const METRICS: [&str; 5] =
    ["Captured", "ClicksCaptured", "CaptureDenied", "CaptureCrawler", "CaptureRefused"];

impl<P: Ports> Capture<P>
where
    P::Clicks: Captures + Traces,
{
    /// Answers one request before `deadline`.
    pub async fn handle(&self, request: &Request, deadline: &Deadline) -> Response {
        if snippet::is_wanted(request) {
            return snippet::answer(request);
        }
        let (counted, response): (&[&str], _) = match self.answer(request, deadline).await {
            // A tie alone says nothing of the pages on which people land.
            Ok(Captured::Stored { cookie, click: true }) => {
                (&["Captured", "ClicksCaptured"], stored(&cookie))
            }
            Ok(Captured::Stored { cookie, click: false }) => (&["Captured"], stored(&cookie)),
            Ok(Captured::Denied) => (&["CaptureDenied"], http_api::empty(204)),
            Ok(Captured::Crawler) => (&["CaptureCrawler"], http_api::empty(204)),
            // A wrong key is no page's, and what can't be stored is no fault of the sender.
            Err(problem) if matches!(problem.status, 401 | 403 | 503) => {
                (&[], http_api::refusal(problem))
            }
            Err(problem) => (&["CaptureRefused"], http_api::refusal(problem)),
        };
        // A landing belongs to no account yet: the click id is looked up by the one that sells.
        // The others are 0: an alarm that compares them has no value where one is missing.
        let count = |name| Metric::count(name, usize::from(counted.contains(&name)));
        self.telemetry.emit("none", &METRICS.map(count));
        response
    }

    async fn answer(&self, request: &Request, deadline: &Deadline) -> Result<Captured, Problem> {
        let by = self.sender(request).await?;
        if by == TiedBy::Browser && crawlers::is_crawler(request) {
            return Ok(Captured::Crawler);
        }
        let body = http_api::body(request, &["application/json", "text/plain"], MAX_BODY)?;
        let landing = wire::landing(&body)?;
        if !landing.ignored.is_empty() {
            log_ignored(landing.ignored.iter().map(|ignored| ("none", ignored)));
            let ignored = Metric::count("FieldIgnored", landing.ignored.len());
            self.telemetry.emit("none", &[ignored]);
        }
        if landing.consent == Consent::Denied {
            return self.deny(request, &landing, by, deadline).await;
        }
        if let Some(problem) = wire::problem(&landing) {
            return Err(problem);
        }
        let cookie = visitor(request)?;
        self.store(&landing, &cookie, by).await?;
        Ok(Captured::Stored { cookie, click: landing.click_id.is_some() })
    }

    async fn deny(
        &self, request: &Request, landing: &Landing, by: TiedBy, deadline: &Deadline,
    ) -> Result<Captured, Problem> {
        let cookie = own_cookie(request);
        let withdrawal = Withdrawal { landing, cookie: cookie.as_ref(), by };
        let is_done = self.withdraw(&withdrawal, deadline).await?;
        is_done.then_some(Captured::Denied).ok_or_else(Problem::unavailable)
    }

    /// Who sends the landing. Without a key it is a browser; a wrong key is an error, not a browser.
    async fn sender(&self, request: &Request) -> Result<TiedBy, Problem> {
        if http_api::header(request, "authorization").is_none() {
            return Ok(TiedBy::Browser);
        }
        http_api::key_of(request, &self.keys, Right::Write).await.map(|_| TiedBy::Key)
    }

    async fn store(
        &self, landing: &Landing, cookie: &RecordId, by: TiedBy,
    ) -> Result<(), LedgerError> {
        let now_ms = self.clock.now_ms();
        let consent = consent(landing, by, self.clock.now());
        let reference = landing.references.session.as_ref().unwrap_or(cookie);
        if let Some(click_id) = &landing.click_id {
            let url = landing.landing_url.as_ref().map(|url| ("landingUrl", url.as_str()));
            let own = url.into_iter().chain([("cookie", cookie.as_str())]);
            let details = own.map(|(name, text)| (name, text.to_owned())).chain(consent.clone());
            let at_ms = clicked_ms(landing.landed_at, now_ms, by);
            self.clicks.add_click(reference, click_id, at_ms, details.collect()).await?;
        }
        for (kind, id) in wire::ties(landing) {
            self.clicks.add_tie(kind, id, by, reference, now_ms, consent.clone()).await?;
        }
        Ok(())
    }
}

/// What was said of consent, by whom and when.
fn consent(landing: &Landing, by: TiedBy, now: EventTime) -> Details {
    let from = match by {
        TiedBy::Key => "key",
        TiedBy::Browser => "page",
    };
    vec![
        ("consent", landing.consent.as_str().to_owned()),
        ("consentFrom", from.to_owned()),
        ("consentAt", now.to_string()),
    ]
}

enum Captured {
    /// Under this cookie, with a click or with ties alone.
    Stored {
        cookie: RecordId,
        click: bool,
    },
    Denied,
    Crawler,
}

/// The server's time, or the earlier one that the page names: not before the earliest moment that it
/// may name, and never later than now.
fn clicked_ms(landed_at: Option<EventTime>, now_ms: i64, by: TiedBy) -> i64 {
    let holds = match by {
        TiedBy::Key => KEY_HOLDS,
        TiedBy::Browser => BROWSER_HOLDS,
    };
    let landed_ms = landed_at.map_or(now_ms, |time| time.epoch() * 1_000);
    landed_ms.clamp(now_ms - holds * 1_000, now_ms)
}

/// The visitor's cookie, if it is one of ours.
fn own_cookie(request: &Request) -> Option<RecordId> {
    let value = http_api::cookie(request, COOKIE).filter(|value| wire::is_32_hex(value))?;
    value.parse().ok()
}

/// The visitor's cookie, else a new one.
fn visitor(request: &Request) -> Result<RecordId, Problem> {
    if let Some(value) = own_cookie(request) {
        return Ok(value);
    }
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).map_err(|error| Problem::unavailable().because(error))?;
    let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.parse().map_err(|_| Problem::unavailable())
}

fn stored(cookie: &RecordId) -> Response {
    let mut response = http_api::empty(204);
    let attributes = "Max-Age=7776000; Path=/; HttpOnly; Secure; SameSite=Lax";
    response.cookies = vec![format!("{COOKIE}={cookie}; {attributes}")];
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_names_a_moment_of_the_last_day_and_a_key_one_of_the_last_90() {
        let now = EventTime::from_epoch(1_800_000_000);
        let seconds_ago = |landed: i64, by| {
            let landed_at = Some(now.plus_seconds(-landed));
            (now.epoch() * 1_000 - clicked_ms(landed_at, now.epoch() * 1_000, by)) / 1_000
        };
        for (landed, browser, key) in [
            (-60, 0, 0),
            (40 * 60, 40 * 60, 40 * 60),
            (DAY, DAY, DAY),
            (30 * DAY, DAY, 30 * DAY),
            (91 * DAY, DAY, 90 * DAY),
        ] {
            assert_eq!(
                (seconds_ago(landed, TiedBy::Browser), seconds_ago(landed, TiedBy::Key)),
                (browser, key)
            );
        }
        assert_eq!(clicked_ms(None, 5_123, TiedBy::Browser), 5_123);
    }
}
