//! What a browser refuses, and what fails.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use test_support::events::click;
use test_support::rig::until;

use super::driver::{Browser, a_moment};
use super::engine::{Choice, Engine};
use super::reference;
use super::site::{Page, Site};

const NO_CONSENT: &str = r#"data-consent="none""#;

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_sent_once_more_at_the_next_page() {
    let Some(browser) = Browser::open().await else { return };
    let site = Site::with(NO_CONSENT).await;
    for (n, status) in [(1, 503), (3, 429)] {
        site.answer(status);
        browser.goto(&site.url(&format!("/?msclkid={}", click(n)))).await;
        site.until_posts(n as usize).await;
        browser.goto(&site.url("/next")).await;
        let posts = site.until_posts(n as usize + 1).await;
        assert_eq!(posts[n as usize - 1], posts[n as usize]);
        browser.goto(&site.url("/last")).await;
        a_moment().await;
        site.until_posts(n as usize + 1).await;
    }
    // What is refused for good is not sent again.
    site.answer(422);
    browser.goto(&site.url(&format!("/?msclkid={}", click(5)))).await;
    site.until_posts(5).await;
    browser.goto(&site.url("/next")).await;
    a_moment().await;
    site.until_posts(5).await;
    // The browser itself writes a line for each answer that is an error.
    browser.expect_errors(5).await;
    browser.close().await;
}

/// The browser still sends what a page that was left has posted, and tells nobody how it ended.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_answer_when_its_page_is_left_is_sent_once_more() {
    let Some(browser) = Browser::open().await else { return };
    let site = Site::with(NO_CONSENT).await;
    let before = "window.fetch = () => new Promise(() => {})".to_owned();
    let attributes = NO_CONSENT.to_owned();
    site.put("/left", Page { before, attributes, ..Page::default() });
    browser.goto(&site.url(&format!("/left?msclkid={}", click(1)))).await;
    a_moment().await;
    assert!(site.posts().is_empty());
    for page in ["/next", "/last"] {
        browser.goto(&site.url(page)).await;
        a_moment().await;
        assert_eq!(site.until_posts(1).await[0]["msclkid"], json!(click(1)));
    }
    browser.close().await;
}

/// Whoever agrees and follows a link in the same moment has agreed.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_left_while_another_tab_posts_posts_its_own_click() {
    let Some(browser) = Browser::open().await else { return };
    let site = Site::with("").await;
    browser.goto(&site.url("/")).await;
    let lock = "window.isHeld = false; navigator.locks.request('tracklayer', () => {
                    window.isHeld = true; return new Promise(() => {}) })";
    browser.js(lock).await;
    browser.until_js("return window.isHeld").await;
    browser.new_tab().await;
    browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
    let elsewhere = site.elsewhere("/");
    browser.js(&format!("tracklayer.consent('granted'); location.href = '{elsewhere}'")).await;
    assert_eq!(site.until_posts(1).await[0]["msclkid"], json!(click(1)));
    // The page did not hear the answer.
    browser.goto(&site.url("/")).await;
    browser.js("tracklayer.consent('granted')").await;
    let posts = site.until_posts(2).await;
    assert_eq!(posts[0], posts[1]);
    a_moment().await;
    site.until_posts(2).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_of_nonces_and_trusted_types_lets_it_work() {
    let Some(browser) = Browser::open().await else { return };
    let site = Site::start(Page {
        before: "window.dataLayer = [['consent', 'default', {ad_storage: 'denied'}]]".to_owned(),
        attributes: r#"nonce="n""#.to_owned(),
        body: r#"<input type="hidden" name="tl_session">"#.to_owned(),
        is_by_nonce: true,
    })
    .await;
    browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
    browser.js("dataLayer.push(['consent', 'update', {ad_storage: 'granted'}])").await;
    let session = reference(&site.until_posts(1).await[0]);
    let field = browser.js("return document.querySelector('input').value").await;
    assert_eq!(field, json!(session));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_without_keepalive_sends_a_beacon() {
    let Some(browser) = Browser::open().await else { return };
    let before = "delete Request.prototype.keepalive; window.fetch = () => { throw new Error() }";
    let page =
        Page { before: before.to_owned(), attributes: NO_CONSENT.to_owned(), ..Page::default() };
    let site = Site::start(page).await;
    browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
    site.until_posts(1).await;
    let post = site.posts().remove(0);
    assert_eq!(post.body["msclkid"], json!(click(1)));
    let kind = post.headers["content-type"].to_str().expect("text");
    assert!(kind.starts_with("text/plain"), "{kind}");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_storage_is_blocked_the_page_itself_remembers() {
    let Some(browser) = Browser::with(Choice::BlockAll).await else { return };
    let site = Site::with("").await;
    browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
    let is_blocked = "try { localStorage.x = 1; return false } catch { return true }";
    assert_eq!(browser.js(is_blocked).await, json!(browser.engine != Engine::WebKit));
    browser.js("tracklayer.link({leadId: 'L-1'})").await;
    a_moment().await;
    assert!(site.posts().is_empty());
    browser.js("tracklayer.consent('granted')").await;
    let mut posts = site.until_posts(2).await;
    // They are sent at the same time.
    posts.sort_by_key(|post| post["msclkid"].is_null());
    assert_eq!((&posts[0]["msclkid"], &posts[1]["leadId"]), (&json!(click(1)), &json!("L-1")));
    let session = reference(&posts[0]);
    assert_eq!(reference(&posts[1]), session);
    assert_eq!(browser.js("return tracklayer.reference()").await, json!(session));
    browser.js("tracklayer.link({leadId: 'L-1'}); tracklayer.consent('denied')").await;
    let posts = site.until_posts(3).await;
    assert_eq!(posts[2], json!({"sessionId": session, "consent": "denied"}));
    assert_eq!(browser.js("return tracklayer.reference()").await, json!(""));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_tied_by_attributes_by_calls_and_by_calls_that_came_first() {
    let Some(browser) = Browser::open().await else { return };
    let early =
        "window.tracklayer = window.tracklayer || []; tracklayer.push(['link', {cartId: 'c-1'}])";
    let page = Page {
        before: early.to_owned(),
        attributes: format!(
            r#"{NO_CONSENT} data-session="s-1" data-order-id="4711" data-lead-id="""#
        ),
        ..Page::default()
    };
    let site = Site::start(page).await;
    browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
    let calls = "tracklayer.link({leadId: 7, other: 1}); tracklayer.push(['link', {leadId: 7}]);
                 for (const wrong of [undefined, null, 5, 'x', {}]) tracklayer.link(wrong);
                 tracklayer.push('nonsense', null, ['nothing'], []); tracklayer.consent(null);
                 return tracklayer.reference()";
    assert_eq!(browser.js(calls).await, json!("s-1"));
    let posts = site.until_posts(4).await;
    // They are sent side by side, and arrive in any order.
    let tie = |of: &Value| {
        ["sessionId", "msclkid", "cartId", "orderId", "leadId"]
            .iter()
            .filter_map(|name| of[*name].as_str())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let ties: BTreeSet<String> = posts.iter().map(tie).collect();
    let click = format!("s-1 {}", click(1));
    assert_eq!(ties, [&*click, "s-1 c-1", "s-1 4711", "s-1 7"].map(str::to_owned).into());
    // A thank-you page that is loaded again ties nothing anew; another session has the click as well.
    browser.page.refresh().await.expect("a page");
    a_moment().await;
    site.until_posts(4).await;
    browser.js("tracklayer.session('s-2')").await;
    let posts = site.until_posts(5).await;
    assert_eq!(tie(&posts[4]), click.replace("s-1", "s-2"));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_whose_cookie_has_ended_is_given_to_no_other_session() {
    let Some(browser) = Browser::open().await else { return };
    let site = Site::with(NO_CONSENT).await;
    let attributes = format!(r#"{NO_CONSENT} data-session="s-1""#);
    site.put("/account", Page { attributes, ..Page::default() });
    browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
    site.until_posts(1).await;
    browser.page.delete_all_cookies().await.expect("no cookies");
    browser.goto(&site.url("/account")).await;
    browser.js("tracklayer.session('s-2')").await;
    a_moment().await;
    site.until_posts(1).await;
    browser.close().await;
}

/// The shop has the snippet on every page, and a thank-you page a second one for its order.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_copy_of_the_snippet_ties_its_own_record() {
    let Some(browser) = Browser::open().await else { return };
    let copy = r#"<script async src="{api}/ms-attribution.js" data-order-id="4711"></script>"#;
    let site = Site::with(NO_CONSENT).await;
    let attributes = NO_CONSENT.to_owned();
    site.put("/thanks", Page { attributes, body: copy.to_owned(), ..Page::default() });
    browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
    let session = reference(&site.until_posts(1).await[0]);
    browser.goto(&site.url("/thanks")).await;
    let posts = site.until_posts(2).await;
    assert_eq!(posts[1], json!({"sessionId": session, "orderId": "4711"}));
    browser.close().await;
}

/// Scripts that are `async` run as they arrive: the second copy may be the first to run, and asks for
/// no consent of its own.
#[tokio::test(flavor = "multi_thread")]
async fn copies_of_the_snippet_may_run_in_any_order() {
    let Some(browser) = Browser::open().await else { return };
    let copy = r#"<script async src="{api}/ms-attribution.js?v=2" data-order-id="4711"></script>"#;
    let attributes = format!(r#"{NO_CONSENT} data-lead-id="L-1""#);
    let site = Site::start(Page { attributes, body: copy.to_owned(), ..Page::default() }).await;
    site.delay_script(Duration::from_secs(1));
    browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
    let posts = site.until_posts(3).await;
    for (name, id) in
        [("msclkid", click(1)), ("leadId", "L-1".to_owned()), ("orderId", "4711".to_owned())]
    {
        assert!(posts.iter().any(|post| post[name] == json!(id)), "{name}: {posts:#?}");
    }
    a_moment().await;
    site.until_posts(3).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_who_clicked_no_ad_leave_no_trace() {
    let Some(browser) = Browser::open().await else { return };
    let site = Site::with(NO_CONSENT).await;
    browser.goto(&site.url("/")).await;
    browser.js("tracklayer.link({orderId: '4711'})").await;
    a_moment().await;
    assert!(site.posts().is_empty());
    assert_eq!(
        browser.js("return [tracklayer.reference(), document.cookie]").await,
        json!(["", ""])
    );
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_page_has_under_these_names_the_snippet_throws_nothing() {
    let Some(browser) = Browser::open().await else { return };
    for before in [
        "window.uetq = 5; window.dataLayer = {push: 1}; window.__tcfapi = 'no'",
        "window.uetq = [null, 'consent', 'consent']; window.dataLayer = [null, [], ['consent']]",
        "window.uetq = Object.freeze([]); window.dataLayer = Object.freeze({push() {}})",
        "window.__tcfapi = (command, version, listener) => { listener(null, false); listener({}, true) }",
        "window.__tcfapi = () => { throw new Error('thrown by the page') }",
        "window.tracklayer = 5",
        "delete window.crypto; Object.defineProperty(window, 'crypto', {value: undefined})",
        "for (const name of ['tl_held', 'tl_sent', 'tl_failed', 'tl_click'])
             { sessionStorage[name] = '{broken'; localStorage[name] = '5' }",
        "document.cookie = 'tl_session=%E0%A4%A'; document.cookie = 'tl_session=x; Path=/'",
    ] {
        println!("{before}");
        let page = Page { before: before.to_owned(), ..Page::default() };
        let site = Site::start(page).await;
        browser.page.delete_all_cookies().await.expect("no cookies");
        browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
        browser.js("tracklayer.consent('granted'); tracklayer.link({leadId: 'L-1'})").await;
        // Without random numbers there is no reference.
        if before.contains("crypto") {
            a_moment().await;
            assert!(site.posts().is_empty(), "{:#?}", site.posts());
        } else {
            let ids = json!([click(1), "L-1"]);
            until("click and tie", || async {
                let posts: Vec<Value> = site.posts().into_iter().map(|post| post.body).collect();
                let has = |name: &str, id: &Value| posts.iter().any(|post| post[name] == *id);
                let is_all = has("msclkid", &ids[0]) && has("leadId", &ids[1]);
                is_all.then_some(()).ok_or(posts)
            })
            .await;
        }
        let console = browser.console().await;
        assert!(console.is_empty(), "{before}: {console:#?}");
    }
    browser.close().await;
}
