//! Paths: decoding as an HTTP API does it, and patterns with `{name}` and the greedy `{name+}`.

use std::collections::BTreeMap;

/// Percent-decodes a path and cuts it at a decoded `?`, as HTTP API does before it matches a route.
pub(super) fn decode(path: &str) -> String {
    let decoded = percent_decode(path);
    decoded.split('?').next().unwrap_or_default().to_owned()
}

/// Percent-decodes UTF-8; invalid escapes stay as they are.
pub(super) fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escape = (byte == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match escape.filter(|hex| hex.bytes().all(|digit| digit.is_ascii_hexdigit())) {
            Some(hex) => {
                out.push(u8::from_str_radix(hex, 16).unwrap_or(b'%'));
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

enum Segment {
    Literal(String),
    One(String),
    Greedy(String),
}

/// The path of a route.
pub(super) struct Pattern {
    text: String,
    segments: Vec<Segment>,
}

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        let segments = text.trim_start_matches('/').split('/').map(|part| match inner(part) {
            Some(name) => match name.strip_suffix('+') {
                Some(name) => Segment::Greedy(name.to_owned()),
                None => Segment::One(name.to_owned()),
            },
            None => Segment::Literal(part.to_owned()),
        });
        Self { text: text.to_owned(), segments: segments.collect() }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Larger is more specific: literals before one-segment variables before greedy ones.
    pub(super) fn rank(&self) -> (bool, usize) {
        let literals =
            self.segments.iter().filter(|segment| matches!(segment, Segment::Literal(_))).count();
        (!self.segments.iter().any(|segment| matches!(segment, Segment::Greedy(_))), literals)
    }

    /// The path parameters, if the path matches.
    pub(super) fn matches(&self, path: &str) -> Option<BTreeMap<String, String>> {
        let mut parameters = BTreeMap::new();
        let mut rest = Some(path.strip_prefix('/')?);
        for segment in &self.segments {
            let left = rest?;
            let (part, after) =
                left.split_once('/').map_or((left, None), |(part, after)| (part, Some(after)));
            match segment {
                Segment::Literal(literal) if literal == part => rest = after,
                Segment::One(name) if !part.is_empty() => {
                    parameters.insert(name.clone(), part.to_owned());
                    rest = after;
                }
                Segment::Greedy(name) if !left.is_empty() => {
                    parameters.insert(name.clone(), left.to_owned());
                    rest = None;
                }
                _ => return None,
            }
        }
        rest.is_none().then_some(parameters)
    }
}

fn inner(part: &str) -> Option<&str> {
    part.strip_prefix('{')?.strip_suffix('}')
}

#[cfg(test)]
mod tests {
    use super::{Pattern, decode};

    #[test]
    fn decodes_and_cuts() {
        assert_eq!(decode("/events/shop/a%2Fb%20c"), "/events/shop/a/b c");
        assert_eq!(decode("/events/shop/a%3Fb"), "/events/shop/a");
        assert_eq!(decode("/100%/%zz/%C3%A4"), "/100%/%zz/ä");
    }

    #[test]
    fn greedy_takes_the_rest() {
        let pattern = Pattern::new("/events/{source}/{eventId+}");
        let parameters = pattern.matches("/events/shop/a/b").expect("matches");
        assert_eq!(
            (parameters["source"].as_str(), parameters["eventId"].as_str()),
            ("shop", "a/b")
        );
        assert!(pattern.matches("/events/shop").is_none());
        assert!(pattern.matches("/events/shop/").is_none());
        assert!(pattern.matches("/events//a").is_none());
    }

    #[test]
    fn literals_match_whole() {
        let pattern = Pattern::new("/events");
        assert!(pattern.matches("/events").is_some());
        assert!(pattern.matches("/events/").is_none());
        assert!(pattern.matches("/event").is_none());
        assert!(Pattern::new("/events/{id}").rank() > Pattern::new("/events/{id+}").rank());
    }
}
