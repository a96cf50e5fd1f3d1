//! What is sent when, and taken back.

use serde_json::{Value, json};
use test_support::events::click;

use super::driver::{Browser, a_moment};
use super::landing::seconds_ago;
use super::reference;
use super::site::{Page, Site};

/// How a banner denies by default, and what it calls once it has been answered.
struct Banner {
    name: &'static str,
    default: &'static str,
    granted: &'static str,
    denied: &'static str,
}

const BANNERS: [Banner; 4] = [
    Banner {
        name: "UET",
        default: "window.uetq = window.uetq || []; uetq.push('consent', 'default', {ad_storage: 'denied'})",
        granted: "uetq.push('consent', 'update', {ad_storage: 'granted'})",
        denied: "uetq.push('consent', 'update', {ad_storage: 'denied'})",
    },
    Banner {
        name: "Google",
        default: "window.dataLayer = [{event: 'gtm.js'}];
                  function gtag() { dataLayer.push(arguments) }
                  gtag('consent', 'default', {ad_storage: 'denied', wait_for_update: 500})",
        granted: "gtag('consent', 'update', {ad_storage: 'granted'})",
        denied: "gtag('consent', 'update', {ad_storage: 'denied'})",
    },
    Banner {
        name: "IAB",
        default: "window.__tcfapi = (command, version, listener) => {
                      window.answer = (isGiven, eventStatus) => listener({
                          eventStatus, gdprApplies: true, purpose: {consents: {1: isGiven}},
                          vendor: {consents: {1126: isGiven}}}, true);
                      answer(false, 'cmpuishown') }",
        granted: "answer(true, 'useractioncomplete')",
        denied: "answer(false, 'useractioncomplete')",
    },
    Banner {
        name: "the page's own",
        default: "",
        granted: "tracklayer.consent('granted')",
        denied: "tracklayer.consent('denied')",
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_before_consent_and_everything_is_taken_back_with_it() {
    let Some(browser) = Browser::open().await else { return };
    for Banner { name, default, granted, denied } in BANNERS {
        println!("{name}");
        let site = Site::start(Page { before: default.to_owned(), ..Page::default() }).await;
        browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
        a_moment().await;
        browser.goto(&site.url("/next")).await;
        a_moment().await;
        assert!(site.posts().is_empty(), "{:#?}", site.posts());
        assert_eq!(browser.js("return document.cookie").await, json!(""));
        browser.js(granted).await;
        let click_post = site.until_posts(1).await.remove(0);
        assert_eq!(
            (&click_post["msclkid"], &click_post["consent"]),
            (&json!(click(1)), &json!("granted"))
        );
        assert!(seconds_ago(&click_post) > 0.9, "{click_post}");
        // The default of the next page is no withdrawal.
        browser.goto(&site.url("/checkout")).await;
        a_moment().await;
        site.until_posts(1).await;
        let kept = browser.js("return tracklayer.reference()").await;
        assert_eq!(kept, json!(reference(&click_post)));
        browser.js(denied).await;
        let withdrawal = site.until_posts(2).await.remove(1);
        assert_eq!(withdrawal, json!({"sessionId": kept, "consent": "denied"}));
        // Only the refusal is remembered.
        let left = "return [tracklayer.reference(), document.cookie, Object.keys(localStorage)]";
        assert_eq!(browser.js(left).await, json!(["", "", ["tl_denied"]]));
        browser.js(denied).await;
        browser.goto(&site.url("/last")).await;
        a_moment().await;
        site.until_posts(2).await;
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_ran_before_the_snippet_count() {
    let Some(browser) = Browser::open().await else { return };
    let uet = |command: &str, word: &str| {
        format!(
            "window.uetq = window.uetq || []; uetq.push('consent', '{command}', {{ad_storage: '{word}'}});"
        )
    };
    let google = |command: &str, rest: &str| {
        format!(
            "window.dataLayer = window.dataLayer || []; (function () {{ dataLayer.push(arguments) }})('consent', '{command}', {{ad_storage: {rest}}});"
        )
    };
    // UET's script has replaced the queue.
    let replaced = |is_updated: bool, is_allowed: bool| {
        format!(
            "window.uetq = {{push() {{}}, uetConfig: {{consent: {{enabled: true,
                 adStorageUpdated: {is_updated}, adStorageAllowed: {is_allowed}}}}}}}"
        )
    };
    let tcf = |applies: bool, purpose: bool, vendor: bool| {
        format!("window.__tcfapi = (command, version, listener) => listener({{
                 eventStatus: 'tcloaded', gdprApplies: {applies}, purpose: {{consents: {{1: {purpose}}}}},
                 vendor: {{consents: {{1126: {vendor}}}}}}}, true)")
    };
    let cases = [
        (uet("default", "denied") + &uet("update", "granted"), true),
        (uet("default", "granted"), true),
        (uet("update", "granted") + &uet("update", "denied"), false),
        (uet("default", "denied") + &google("update", "'granted'"), true),
        (uet("update", "denied") + &google("update", "'granted'"), false),
        (google("default", "'denied', region: ['DE']") + &google("default", "'granted'"), false),
        (google("default", "'granted', region: ['US']"), false),
        (google("default", "'granted'"), true),
        (replaced(true, true), true),
        (replaced(true, false), false),
        (replaced(false, false), false),
        (tcf(true, true, true), true),
        (tcf(true, true, false), false),
        (tcf(true, false, true), false),
        (tcf(false, false, false), true),
        (google("default", "'denied'") + &tcf(true, true, true), true),
        // The banner is still to be seen: what an earlier answer said does not count yet.
        (tcf(true, true, true).replace("tcloaded", "cmpuishown"), false),
        (
            google("default", "'granted'")
                + &tcf(true, false, false).replace("tcloaded", "cmpuishown"),
            false,
        ),
        (String::new(), false),
    ];
    for (before, is_sent) in cases {
        let site = Site::start(Page { before: before.clone(), ..Page::default() }).await;
        browser.page.delete_all_cookies().await.expect("no cookies");
        browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
        if is_sent {
            site.until_posts(1).await;
        } else {
            a_moment().await;
            assert!(site.posts().is_empty(), "{before}");
        }
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_that_appear_later_are_heard_and_still_do_their_work() {
    let Some(browser) = Browser::open().await else { return };
    let site = Site::with("").await;
    browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
    // Its own `push` is one of the prototype.
    let is_heard =
        || browser.until_js("return Object.hasOwn(uetq, 'push') && uetq.push !== window.uets");
    browser.js("window.uetq = []; uetq.push('consent', 'default', {ad_storage: 'denied'})").await;
    is_heard().await;
    // As UET's script does it: another object with the same name, and what became of the queue.
    browser
        .js("const seen = window.seen = [];
             window.uetq = {push(...items) { seen.push(items); return 7 },
                            uetConfig: {consent: {enabled: true, adStorageAllowed: false}}};
             window.uets = uetq.push")
        .await;
    is_heard().await;
    a_moment().await;
    assert!(site.posts().is_empty());
    let pushed = browser.js("return uetq.push('consent', 'update', {ad_storage: 'granted'})").await;
    assert_eq!(pushed, json!(7));
    site.until_posts(1).await;
    let seen: Value = browser.js("return window.seen").await;
    assert_eq!(seen, json!([["consent", "update", {"ad_storage": "granted"}]]));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_agrees_again_is_known_under_another_reference() {
    let Some(browser) = Browser::open().await else { return };
    let site = Site::with("").await;
    browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
    for (n, word) in (1..).zip(["granted", "denied", "granted"]) {
        // Known at once: a page may use it in the next line.
        let script = format!("tracklayer.consent('{word}'); return tracklayer.reference()");
        assert_eq!(browser.js(&script).await == json!(""), word == "denied");
        site.until_posts(n).await;
    }
    let posts = site.until_posts(3).await;
    assert_eq!((&posts[2]["msclkid"], &posts[1]["consent"]), (&json!(click(1)), &json!("denied")));
    assert_ne!(reference(&posts[2]), reference(&posts[0]));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_click_waits_for_a_grant_of_its_own_page() {
    let Some(browser) = Browser::open().await else { return };
    let site = Site::with("").await;
    browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
    browser.js("tracklayer.consent('granted')").await;
    let session = reference(&site.until_posts(1).await[0]);
    // The banner may be asking anew, and has said nothing so far.
    browser.goto(&site.url(&format!("/?msclkid={}", click(2)))).await;
    browser.js("tracklayer.link({leadId: 'L-1'})").await;
    a_moment().await;
    site.until_posts(1).await;
    assert_eq!(browser.js("return tracklayer.reference()").await, json!(session));
    browser.js("tracklayer.consent('granted')").await;
    let mut posts = site.until_posts(3).await.split_off(1);
    posts.sort_by_key(|post| post["msclkid"].is_null());
    assert_eq!((&posts[0]["msclkid"], &posts[1]["leadId"]), (&json!(click(2)), &json!("L-1")));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_layer_of_another_name_is_heard() {
    let Some(browser) = Browser::open().await else { return };
    let before = "window.layer = []; function gtag() { layer.push(arguments) }
                  gtag('consent', 'default', {ad_storage: 'denied'})";
    let attributes = r#"data-data-layer="layer""#.to_owned();
    let site = Site::start(Page { before: before.to_owned(), attributes, ..Page::default() }).await;
    browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
    a_moment().await;
    assert!(site.posts().is_empty());
    browser.js("gtag('consent', 'update', {ad_storage: 'granted'})").await;
    site.until_posts(1).await;
    browser.js("gtag('consent', 'update', {ad_storage: 'denied'})").await;
    site.until_posts(2).await;
    browser.close().await;
}
