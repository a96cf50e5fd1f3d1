//! Hidden fields.

use serde_json::json;
use test_support::events::click;

use super::driver::Browser;
use super::site::{Page, Site};

const FORM: &str = r#"
<form method="post" action="/thanks">
  <input type="hidden" name="tl_session">
  <input type="hidden" name="attributes[tl_session]">
  <input type="hidden" name="0-1/tl_session">
  <input type="hidden" name="00N000000000001" data-tracklayer="tl_session">
  <input type="hidden" name="msclkid">
  <input type="hidden" name="not_tl_session_at_all" value="kept">
  <input name="visible_tl_session" value="kept">
  <button>Send</button>
</form>"#;

#[tokio::test(flavor = "multi_thread")]
async fn hidden_fields_are_filled_before_a_form_is_sent() {
    let Some(browser) = Browser::open().await else { return };
    let site = Site::start(Page { body: FORM.to_owned(), ..Page::default() }).await;
    browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
    browser.goto(&site.url("/contact")).await;
    let values = "return [...document.querySelectorAll('input')].map((input) => input.value)";
    assert_eq!(browser.js(values).await, json!(["", "", "", "", "", "kept", "kept"]));
    browser.js("document.forms[0].addEventListener('change', () => { window.changed = (window.changed || 0) + 1 });
                tracklayer.consent('granted')").await;
    site.until_posts(1).await;
    let session = browser.js("return tracklayer.reference()").await;
    let filled = json!([session, session, session, session, click(1), "kept", "kept"]);
    assert_eq!(browser.js(values).await, filled);
    assert_eq!(browser.js("return window.changed").await, json!(5));
    // A form that is made later is filled when it is sent.
    browser
        .js("const form = document.forms[0]; const copy = form.cloneNode(true); form.remove();
                copy.querySelectorAll('[type=hidden]').forEach((input) => { input.value = '' });
                document.body.append(copy)")
        .await;
    browser.click("button").await;
    let sent = site.until_form(0).await;
    let session = session.as_str().expect("text");
    assert!(
        sent.starts_with(&format!("tl_session={session}&attributes%5Btl_session%5D={session}")),
        "{sent}"
    );
    assert!(sent.contains(&format!("00N000000000001={session}&msclkid={}", click(1))), "{sent}");
    // With consent taken back, the fields are empty again.
    browser.js("tracklayer.consent('denied')").await;
    site.until_posts(2).await;
    assert_eq!(browser.js(values).await, json!(["", "", "", "", "", "kept", "kept"]));
    browser.close().await;
}
