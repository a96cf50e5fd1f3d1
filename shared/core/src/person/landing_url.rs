//! The address of the page that an ad led to.

use serde::Serialize;

/// The address of the page a click led to: scheme, host, path and `utm_*` parameters only. Other
/// query values, the fragment and user names may be personal and are dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct LandingUrl(String);

impl LandingUrl {
    /// Longest address kept, in bytes; a longer one is dropped whole.
    pub const MAX_LEN: usize = 2_048;

    /// Redacts an `http` or `https` address; `None` when it is none.
    pub fn redact(address: &str) -> Option<Self> {
        let address = address.trim();
        let (scheme, rest) = address.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        if !matches!(scheme.as_str(), "http" | "https") || rest.contains(is_unsafe) {
            return None;
        }
        let rest = rest.split('#').next().unwrap_or(rest);
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = place.split_at(place.find('/').unwrap_or(place.len()));
        let host = authority.rsplit('@').next().unwrap_or(authority);
        if host.is_empty() {
            return None;
        }
        let mut kept = format!("{scheme}://{host}{path}");
        for (n, parameter) in query.split('&').filter(|p| is_utm(p)).enumerate() {
            kept.push(if n == 0 { '?' } else { '&' });
            kept.push_str(parameter);
        }
        (kept.len() <= Self::MAX_LEN).then_some(Self(kept))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_unsafe(c: char) -> bool {
    c.is_control() || c.is_whitespace() || c == '\\'
}

fn is_utm(parameter: &str) -> bool {
    let start = parameter.get(..4);
    start.is_some_and(|start| start.eq_ignore_ascii_case("utm_"))
}
