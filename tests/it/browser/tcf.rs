//! IAB banners: which of their answers count, beside a consent mode and alone.

use serde_json::json;
use test_support::events::click;

use super::driver::{Browser, a_moment};
use super::reference;
use super::site::{Page, Site};

const GOOGLE: &str = "window.dataLayer = window.dataLayer || [];
    window.gtag = function () { dataLayer.push(arguments) };";
const DEFAULT: &str = "gtag('consent', 'default', {ad_storage: 'denied'});";
const GRANTED: &str = "gtag('consent', 'update', {ad_storage: 'granted'});";

/// A banner that has this status; `answer` is what it calls next.
fn banner(status: &str, is_given: bool) -> String {
    format!(
        "window.__tcfapi = (command, version, listener) => {{
             window.answer = (eventStatus, isGiven) => listener({{
                 eventStatus, gdprApplies: true, purpose: {{consents: {{1: true}}}},
                 vendor: {{consents: {{1126: isGiven}}}}}}, true);
             answer('{status}', {is_given}) }};"
    )
}

/// A site whose pages have a consent mode that has agreed, and a visitor who came by an ad.
async fn agreed(browser: &Browser) -> (Site, String) {
    let before = format!("{GOOGLE}{GRANTED}");
    let site = Site::start(Page { before, ..Page::default() }).await;
    browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
    let session = reference(&site.until_posts(1).await[0]);
    (site, session)
}

/// With IAB's banners, a string that is loaded is what the visitor has decided, here or on a page
/// without the snippet; one of a banner that is shown is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_loaded_tcf_string_that_denies_is_a_withdrawal_and_a_shown_banner_is_none() {
    let Some(browser) = Browser::open().await else { return };
    let says = |status: &str, is_given: bool| {
        format!(
            "window.__tcfapi = (command, version, listener) => listener({{
            eventStatus: '{status}', gdprApplies: true, purpose: {{consents: {{1: {is_given}}}}},
            vendor: {{consents: {{1126: {is_given}}}}}}}, true)"
        )
    };
    let site = Site::start(Page { before: says("tcloaded", true), ..Page::default() }).await;
    for (path, status) in [("/shown", "cmpuishown"), ("/decided", "tcloaded")] {
        site.put(path, Page { before: says(status, false), ..Page::default() });
    }
    browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
    let session = reference(&site.until_posts(1).await[0]);
    browser.goto(&site.url(&format!("/shown?msclkid={}", click(2)))).await;
    a_moment().await;
    site.until_posts(1).await;
    assert_eq!(browser.js("return tracklayer.reference()").await, json!(session));
    browser.goto(&site.url("/decided")).await;
    let posts = site.until_posts(2).await;
    assert_eq!(posts[1], json!({"sessionId": session, "consent": "denied"}));
    browser.close().await;
}

/// A consent mode beside the banner speaks after the banner's string is loaded, and for itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_loaded_tcf_string_that_denies_waits_for_what_a_consent_mode_says() {
    let Some(browser) = Browser::open().await else { return };
    let grants = "window.dataLayer = [['consent', 'update', {ad_storage: 'granted'}]]";
    let site = Site::start(Page { before: grants.to_owned(), ..Page::default() }).await;
    let denies =
        "window.dataLayer = []; window.__tcfapi = (command, version, listener) => listener({
        eventStatus: 'tcloaded', gdprApplies: true, purpose: {consents: {1: true}},
        vendor: {consents: {}}}, true)";
    site.put("/mixed", Page { before: denies.to_owned(), ..Page::default() });
    browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
    let session = reference(&site.until_posts(1).await[0]);
    browser.goto(&site.url(&format!("/mixed?msclkid={}", click(2)))).await;
    a_moment().await;
    assert_eq!(site.until_posts(1).await.len(), 1);
    browser.js("dataLayer.push(['consent', 'update', {ad_storage: 'granted'}])").await;
    let posts = site.until_posts(2).await;
    assert_eq!((&posts[1]["msclkid"], &posts[1]["sessionId"]), (&json!(click(2)), &session.into()));
    browser.close().await;
}

/// A loaded "no" may be there before the consent mode's queue: the snippet can run ahead of a page's
/// own scripts, and so can the banner.
#[tokio::test(flavor = "multi_thread")]
async fn a_loaded_tcf_string_that_denies_waits_for_a_queue_that_is_not_there_yet() {
    let Some(browser) = Browser::open().await else { return };
    for (n, commands) in (1..).zip([GRANTED.to_owned(), format!("{DEFAULT}{GRANTED}")]) {
        let (site, session) = agreed(&browser).await;
        let late = format!("setTimeout(() => {{ {GOOGLE}{commands} }}, 300);");
        let before = format!("{late}{}", banner("tcloaded", false));
        site.put("/later", Page { before, ..Page::default() });
        browser.goto(&site.url(&format!("/later?msclkid={}", click(2)))).await;
        // Longer than a refusal would wait.
        tokio::time::sleep(std::time::Duration::from_secs(4)).await;
        let posts = site.until_posts(2).await;
        assert_eq!(posts[1]["msclkid"], json!(click(2)), "{n}");
        assert_eq!(posts[1]["sessionId"], json!(session), "{n}");
        browser.js("localStorage.clear()").await;
        browser.page.delete_all_cookies().await.expect("no cookies");
    }
    browser.close().await;
}

/// Whoever agrees to everything refuses a vendor that is not on the list.
#[tokio::test(flavor = "multi_thread")]
async fn a_banner_without_microsoft_on_its_list_loses_no_click_of_a_consent_mode() {
    let Some(browser) = Browser::open().await else { return };
    for default in [DEFAULT, ""] {
        let before = format!("{GOOGLE}{default}{}", banner("cmpuishown", false));
        let site = Site::start(Page { before, ..Page::default() }).await;
        browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
        // It is answered on a page that does not know the landing's address any more.
        for page in ["/shoes", "/cart"] {
            browser.goto(&site.url(page)).await;
        }
        browser.js("answer('useractioncomplete', false)").await;
        browser.js(&format!("setTimeout(() => {{ {GRANTED} }}, 100)")).await;
        let posts = site.until_posts(1).await;
        assert_eq!(posts[0]["msclkid"], json!(click(1)), "{default}");
        tokio::time::sleep(std::time::Duration::from_secs(4)).await;
        site.until_posts(1).await;
        browser.js("localStorage.clear()").await;
        browser.page.delete_all_cookies().await.expect("no cookies");
    }
    browser.close().await;
}

/// The consent mode has said nothing but its default: the banner's own consent is what counted.
#[tokio::test(flavor = "multi_thread")]
async fn a_banner_takes_back_what_it_has_given_also_beside_a_consent_mode() {
    let Some(browser) = Browser::open().await else { return };
    let before = format!("{GOOGLE}{DEFAULT}{}", banner("tcloaded", true));
    let site = Site::start(Page { before, ..Page::default() }).await;
    browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
    let session = reference(&site.until_posts(1).await[0]);
    browser.js("answer('cmpuishown', true)").await;
    a_moment().await;
    site.until_posts(1).await;
    browser.js("answer('useractioncomplete', false)").await;
    let posts = site.until_posts(2).await;
    assert_eq!(posts[1], json!({"sessionId": session, "consent": "denied"}));
    browser.close().await;
}

/// A tag manager's data layer that says nothing about consent leaves the decision to the banner.
#[tokio::test(flavor = "multi_thread")]
async fn a_data_layer_without_consent_commands_keeps_no_refusal_back() {
    let Some(browser) = Browser::open().await else { return };
    let before = format!("{GOOGLE}{}", banner("tcloaded", true));
    let site = Site::start(Page { before, ..Page::default() }).await;
    let before = format!("{GOOGLE}{}", banner("cmpuishown", false));
    site.put("/asked", Page { before, ..Page::default() });
    browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
    let session = reference(&site.until_posts(1).await[0]);
    browser.goto(&site.url("/asked")).await;
    browser.js("answer('useractioncomplete', false)").await;
    let posts = site.until_posts(2).await;
    assert_eq!(posts[1], json!({"sessionId": session, "consent": "denied"}));
    // Who changes the mind at once is not refused by the answer before.
    browser.goto(&site.url(&format!("/asked?msclkid={}", click(2)))).await;
    browser.js("answer('useractioncomplete', false); answer('useractioncomplete', true)").await;
    assert_eq!(site.until_posts(3).await[2]["msclkid"], json!(click(2)));
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    site.until_posts(3).await;
    browser.close().await;
}
