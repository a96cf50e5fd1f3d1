//! What the tool prints once it is ready: commands to copy.

/// A walk from a click to a restated conversion.
#[must_use]
pub fn sample(api: &str, microsoft: &str, settle_delay: u64) -> String {
    let wait = settle_delay + 10;
    format!(
        r#"
Copy and paste, in another terminal:

# 1. A click on an ad lands on the website, in session s-1.
curl -i {api}/api/tracklayer/ms-attribution -H 'Content-Type: application/json' \
  -d '{{"msclkid":"dd4afcccb1c9a4cad9544dd7e5006","sessionId":"s-1"}}'

# 2. The shop confirms a purchase of that session, a moment later.
sleep 2; curl -s {api}/api/tracklayer/events -H 'Authorization: Bearer local-key' -H 'Content-Type: application/json' \
  -d "{{\"event\":\"purchase\",\"eventId\":\"4711\",\"source\":\"shop\",\"occurredAt\":\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\",\"value\":129.95,\"currency\":\"USD\",\"sessionId\":\"s-1\"}}"

# 3. What Microsoft has got of it, and the whole story of the event.
sleep 3; curl -s {microsoft}/simulator/conversions
curl -s {api}/api/tracklayer/events/shop/4711 -H 'Authorization: Bearer local-key'

# 4. A refund; the conversion is restated to 99.95 as soon as it may be adjusted.
curl -s {api}/api/tracklayer/events -H 'Authorization: Bearer local-key' -H 'Content-Type: application/json' \
  -d "{{\"event\":\"refund\",\"eventId\":\"4711-r1\",\"source\":\"shop\",\"occurredAt\":\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\",\"original\":{{\"eventId\":\"4711\"}},\"amount\":30.00,\"currency\":\"USD\"}}"
sleep {wait}; curl -s {microsoft}/simulator/conversions
"#
    )
}
