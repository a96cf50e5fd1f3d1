//! Decode, store the click and its ties, answer 204 with the visitor's cookie. Or delete what was
//! stored: consent is withdrawn.

use tracklayer_core::{mapping::Mapping, time::EventTime};
use tracklayer_edge::{
    aws::{clicks::Clicks, ingest_keys::Keys},
    lambda::{
        clock,
        http_api::{self, Problem, Request, Response},
        telemetry,
    },
    ports::{Keys as _, LedgerError, Metric, Right},
};

use crate::wire::Landing;

/// The largest body, in bytes.
const MAX_BODY: usize = 8 * 1024;
/// How long a browser may hold a click back until the visitor consents, in seconds.
const CONSENT_HOLD: i64 = 30 * 60;
/// The visitor's cookie.
const COOKIE: &str = "tl_ref";

/// What the function needs.
pub struct Capture {
    pub clicks: Clicks,
    pub keys: Keys,
    /// Which says whether orders that browsers tied count.
    pub mapping: Mapping,
}

impl Capture {
    /// Answers one request.
    pub async fn handle(&self, request: &Request) -> Response {
        let (metric, response) = match self.take(request).await {
            Ok(Taken::Stored(reference)) => ("Captured", stored(&reference)),
            Ok(Taken::Denied) => ("CaptureDenied", http_api::empty(204)),
            Err(problem) => ("CaptureRefused", problem.into()),
        };
        // A landing belongs to no account yet: the click id is looked up by whichever sells.
        telemetry::emit("none", &[Metric::count(metric, 1)]);
        response
    }

    async fn take(&self, request: &Request) -> Result<Taken, Problem> {
        let keyed = self.is_keyed(request).await?;
        if http_api::is_other_type(request, &["application/json", "text/plain"]) {
            let message = "send application/json or text/plain";
            return Err(Problem::new(415, "unsupported_media_type", message));
        }
        let landing = Landing::parse(&http_api::body(request, MAX_BODY)?)?;
        if landing.consent.as_deref() == Some("denied") {
            self.withdraw(own_cookie(request), &landing, keyed).await.map_err(|error| {
                tracing::error!(%error, "clicks not deleted");
                Problem::unavailable()
            })?;
            return Ok(Taken::Denied);
        }
        if landing.click_id.is_none() && landing.ties.is_empty() {
            let message = "msclkid, or one of leadId, cartId, orderId, must be there";
            return Err(Problem {
                field: Some("msclkid"),
                ..Problem::new(422, "missing_field", message)
            });
        }
        let cookie = visitor(request)?;
        self.store(&landing, &cookie, keyed).await.map_err(|error| {
            tracing::error!(%error, "click not stored");
            Problem::unavailable()
        })?;
        Ok(Taken::Stored(cookie))
    }

    /// Without a key a tie is a browser's; a wrong key is an error, not a browser.
    async fn is_keyed(&self, request: &Request) -> Result<bool, Problem> {
        let Some(header) = http_api::header(request, "authorization") else { return Ok(false) };
        let key = self.keys.check(Some(header)).await?;
        match key.may(Right::Write) {
            true => Ok(true),
            false => Err(Problem::forbidden("the key has no right to write")),
        }
    }

    async fn store(&self, landing: &Landing, cookie: &str, keyed: bool) -> Result<(), LedgerError> {
        let at_ms = clicked_ms(landing.landed_at, clock::now_ms());
        let consent = consent(landing, keyed);
        let reference = landing.session.as_ref().map_or(cookie, |session| session.as_str());
        if let Some(click_id) = &landing.click_id {
            let url =
                landing.landing_url.as_ref().map(|url| ("landingUrl", url.as_str().to_owned()));
            let details =
                url.into_iter().chain(consent.clone()).chain([("cookie", cookie.to_owned())]);
            self.clicks.add(reference, click_id, at_ms, details.collect()).await?;
        }
        for (kind, id) in &landing.ties {
            self.clicks.tie(*kind, id, reference, at_ms, keyed, consent.to_vec()).await?;
        }
        Ok(())
    }
}

/// What was said of consent, by whom and when.
fn consent(landing: &Landing, keyed: bool) -> [(&'static str, String); 3] {
    let word = landing.consent.as_deref().unwrap_or("unknown");
    let from = if keyed { "key" } else { "page" };
    [
        ("consent", word.to_owned()),
        ("consentFrom", from.to_owned()),
        ("consentAt", clock::now().to_string()),
    ]
}

enum Taken {
    Stored(String),
    Denied,
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
    getrandom::fill(&mut random).map_err(|error| {
        tracing::error!(%error, "no random bytes");
        Problem::unavailable()
    })?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn stored(cookie: &str) -> Response {
    let mut response = http_api::empty(204);
    let attributes = "Max-Age=7776000; Path=/; HttpOnly; Secure; SameSite=Lax";
    response.cookies = vec![format!("{COOKIE}={cookie}; {attributes}")];
    response
}
