//! Commands to copy, printed once the stack is ready.

use crate::Stack;

/// Commands that lead from a click to a restated conversion.
pub fn sample(stack: &Stack, settle_delay: u64) -> String {
    let (api, microsoft, shop) = (stack.api_url(), stack.simulator_url(), stack.shop_url());
    let wait = settle_delay + 10;
    format!(
        r#"
Open {shop} and buy something, or copy and paste, in another terminal:

key='Authorization: Bearer local-key' json='Content-Type: application/json'

# 1. A click on an ad lands on the website, in session s-1.
curl -i {api}/api/tracklayer/ms-attribution -H "$json" \
  -d '{{"msclkid":"dd4afcccb1c9a4cad9544dd7e5006","sessionId":"s-1"}}'

# 2. The shop confirms a purchase of that session, a moment later.
sleep 2; curl -sw '\n' {api}/api/tracklayer/events -H "$key" -H "$json" -d @- <<END
{{"event":"purchase","eventId":"4711","source":"shop","occurredAt":"$(date -u +%Y-%m-%dT%H:%M:%SZ)",
 "value":129.95,"currency":"USD","sessionId":"s-1"}}
END

# 3. What Microsoft has got of it (as a page: {microsoft}/simulator), and the whole story of the event.
sleep 5; curl -sw '\n' {microsoft}/simulator/conversions
curl -sw '\n' {api}/api/tracklayer/events/shop/4711 -H "$key"

# 4. A refund. As soon as the conversion may be adjusted it is restated to 99.95.
curl -sw '\n' {api}/api/tracklayer/events -H "$key" -H "$json" -d @- <<END
{{"event":"refund","eventId":"4711-r1","source":"shop","occurredAt":"$(date -u +%Y-%m-%dT%H:%M:%SZ)",
 "original":{{"eventId":"4711"}},"amount":30.00,"currency":"USD"}}
END
sleep {wait}; curl -sw '\n' {microsoft}/simulator/conversions
"#
    )
}
