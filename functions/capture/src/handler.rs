//! Decode, store the click and its ties, answer 204 with the visitor's cookie. Or delete what was
//! stored: consent is withdrawn.

use tracklayer_core::{person::consent::Consent, time::EventTime};
use tracklayer_edge::{
    lambda::http_api::{self, Problem, Request, Response},
    ports::{
        Captures, Clock as _, Forgets, LedgerError, Metric, Ports, Right, Telemetry as _, TiedBy,
    },
};

use crate::{context::Capture, wire::Landing};

/// The largest body, in bytes.
const MAX_BODY: usize = 8 * 1024;
/// How long a browser may hold a click back until the visitor consents, in seconds.
const CONSENT_HOLD: i64 = 30 * 60;
/// The visitor's cookie.
const COOKIE: &str = "tl_ref";

/// What became of a landing.
enum Captured {
    /// It is stored; this is the visitor's cookie.
    Stored(String),
    /// Consent is withdrawn.
    Denied,
}

impl<P: Ports> Capture<P>
where
    P::Clicks: Captures + Forgets,
{
    /// Answers one request.
    pub async fn handle(&self, request: &Request) -> Response {
        let (metric, response) = match self.capture(request).await {
            Ok(Captured::Stored(cookie)) => ("Captured", stored(&cookie)),
            Ok(Captured::Denied) => ("CaptureDenied", http_api::empty(204)),
            Err(problem) => ("CaptureRefused", http_api::refusal(problem)),
        };
        // A landing belongs to no account yet: the click id is looked up by whichever sells.
        self.telemetry.emit("none", &[Metric::count(metric, 1)]);
        response
    }

    async fn capture(&self, request: &Request) -> Result<Captured, Problem> {
        let by = self.sender(request).await?;
        let body = http_api::body(request, &["application/json", "text/plain"], MAX_BODY)?;
        let landing = Landing::parse(&body)?;
        let failed = |error: LedgerError| Problem::unavailable().because(error);
        if landing.consent == Consent::Denied {
            self.withdraw(own_cookie(request), &landing, by).await.map_err(failed)?;
            return Ok(Captured::Denied);
        }
        if landing.click_id.is_none() && landing.ties.is_empty() {
            let message = "msclkid, or one of leadId, cartId, orderId, must be there";
            return Err(Problem {
                field: Some("msclkid"),
                ..Problem::new(422, "missing_field", message)
            });
        }
        let cookie = visitor(request)?;
        self.store(&landing, &cookie, by).await.map_err(failed)?;
        Ok(Captured::Stored(cookie))
    }

    /// Who sends the landing. Without a key it is a browser; a wrong key is an error, not a browser.
    async fn sender(&self, request: &Request) -> Result<TiedBy, Problem> {
        if http_api::header(request, "authorization").is_none() {
            return Ok(TiedBy::Browser);
        }
        http_api::key_of(request, &self.keys, Right::Write).await.map(|_| TiedBy::Key)
    }

    async fn store(&self, landing: &Landing, cookie: &str, by: TiedBy) -> Result<(), LedgerError> {
        let at_ms = clicked_ms(landing.landed_at, self.clock.now_ms());
        let consent = consent(landing, by, self.clock.now());
        let reference = landing.session.as_ref().map_or(cookie, |session| session.as_str());
        if let Some(click_id) = &landing.click_id {
            let url =
                landing.landing_url.as_ref().map(|url| ("landingUrl", url.as_str().to_owned()));
            let details =
                url.into_iter().chain(consent.clone()).chain([("cookie", cookie.to_owned())]);
            self.clicks.add(reference, click_id, at_ms, details.collect()).await?;
        }
        for (kind, id) in &landing.ties {
            self.clicks.tie(*kind, id, reference, at_ms, by, consent.to_vec()).await?;
        }
        Ok(())
    }
}

/// What was said of consent, by whom and when.
fn consent(landing: &Landing, by: TiedBy, now: EventTime) -> [(&'static str, String); 3] {
    let from = match by {
        TiedBy::Key => "key",
        TiedBy::Browser => "page",
    };
    [
        ("consent", landing.consent.as_str().to_owned()),
        ("consentFrom", from.to_owned()),
        ("consentAt", now.to_string()),
    ]
}

/// The server's time; the browser's only if it is earlier by no more than a consent banner explains.
fn clicked_ms(landed_at: Option<EventTime>, now_ms: i64) -> i64 {
    let landed = landed_at.map(|time| time.epoch() * 1_000);
    landed.filter(|ms| (now_ms - CONSENT_HOLD * 1_000..now_ms).contains(ms)).unwrap_or(now_ms)
}

/// The visitor's cookie, if it is one of ours.
fn own_cookie(request: &Request) -> Option<&str> {
    let ours = |value: &&str| {
        value.len() == 32 && value.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    http_api::cookie(request, COOKIE).filter(ours)
}

/// The visitor's cookie, else a new one.
fn visitor(request: &Request) -> Result<String, Problem> {
    if let Some(value) = own_cookie(request) {
        return Ok(value.to_owned());
    }
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).map_err(|error| Problem::unavailable().because(error))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn stored(cookie: &str) -> Response {
    let mut response = http_api::empty(204);
    let attributes = "Max-Age=7776000; Path=/; HttpOnly; Secure; SameSite=Lax";
    response.cookies = vec![format!("{COOKIE}={cookie}; {attributes}")];
    response
}
