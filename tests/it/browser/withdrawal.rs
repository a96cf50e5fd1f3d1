//! Consent is taken back: whose clicks are meant, and that nothing is sent after it.

use std::collections::BTreeSet;

use serde_json::json;
use test_support::events::click;

use super::driver::{Browser, a_moment};
use super::reference;
use super::site::{Page, Site};

const GRANTED: &str = "tracklayer.consent('granted')";
const DENIED: &str = "tracklayer.consent('denied')";
const UETS_COOKIE: &str = "_uetmsclkid=_uet";

/// The bodies that were posted after the first `count`, which must be withdrawals.
async fn withdrawn(site: &Site, count: usize, withdrawals: usize) -> BTreeSet<String> {
    let posts = site.until_posts(count + withdrawals).await.split_off(count);
    let sessions = posts.iter().map(|post| {
        assert_eq!(*post, json!({"sessionId": post["sessionId"], "consent": "denied"}));
        post["sessionId"].as_str().expect("text").to_owned()
    });
    sessions.collect()
}

/// Consent banners delete the cookies of a site before they say that consent is denied.
#[tokio::test(flavor = "multi_thread")]
async fn a_banner_that_deletes_the_cookies_first_takes_nothing_from_the_withdrawal() {
    let Some(browser) = Browser::open().await else { return };
    for is_on_a_later_page in [false, true] {
        let site = Site::with("").await;
        browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
        browser.js(GRANTED).await;
        let session = reference(&site.until_posts(1).await[0]);
        browser.page.delete_all_cookies().await.expect("no cookies");
        if is_on_a_later_page {
            browser.goto(&site.url("/next")).await;
        }
        browser.js(DENIED).await;
        assert_eq!(withdrawn(&site, 1, 1).await, [session].into());
        // Once is enough.
        browser.goto(&site.url("/last")).await;
        browser.js(DENIED).await;
        a_moment().await;
        site.until_posts(2).await;
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_this_browser_sent_is_taken_back_whichever_session_it_was_sent_under() {
    let Some(browser) = Browser::open().await else { return };
    let site = Site::with("").await;
    browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
    browser.js(GRANTED).await;
    let own = reference(&site.until_posts(1).await[0]);
    for session in ["s-1", "s-2"] {
        browser.js(&format!("tracklayer.session('{session}')")).await;
    }
    site.until_posts(3).await;
    browser.goto(&site.url("/next")).await;
    browser.js(DENIED).await;
    let sessions = withdrawn(&site, 3, 3).await;
    assert_eq!(sessions, [own, "s-1".to_owned(), "s-2".to_owned()].into());
    browser.close().await;
}

/// The other page has heard a grant, and does not know that it is void.
#[tokio::test(flavor = "multi_thread")]
async fn another_page_that_was_granted_before_sends_nothing_after_a_withdrawal() {
    let Some(browser) = Browser::open().await else { return };
    let uet = format!("document.cookie = '{UETS_COOKIE}{}; Path=/'", click(1));
    let late = "; window.late = (ids) => { tracklayer.session('s-1'); tracklayer.link(ids) }";
    let site = Site::start(Page { before: uet + late, ..Page::default() }).await;
    browser.goto(&site.url("/")).await;
    browser.js(GRANTED).await;
    site.until_posts(1).await;
    browser.js("window.onpageshow = (event) => { window.shown = event.persisted }").await;
    browser.goto(&site.url("/settings")).await;
    browser.js(DENIED).await;
    withdrawn(&site, 1, 1).await;
    browser.page.back().await.expect("a page");
    browser.until_js("return window.shown").await;
    a_moment().await;
    browser.js("late({leadId: 'L-1'})").await;
    a_moment().await;
    site.until_posts(2).await;
    // Nor does a page that is new, unless it hears that the visitor agrees again.
    browser.goto(&site.url("/next")).await;
    a_moment().await;
    site.until_posts(2).await;
    browser.js(GRANTED).await;
    // With the click is sent what the page before has kept.
    let posts = site.until_posts(4).await;
    let again = posts[2..].iter().find(|post| post["msclkid"] == json!(click(1))).expect("a click");
    assert_ne!(reference(again), reference(&posts[0]));
    browser.close().await;
}

/// A page in another tab, or one that is restored, does not know that the visitor has agreed since.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_was_denied_before_takes_nothing_back_from_a_newer_grant() {
    let Some(browser) = Browser::open().await else { return };
    let site = Site::with("").await;
    let landing = site.url(&format!("/?msclkid={}", click(1)));
    browser.goto(&landing).await;
    browser.js(DENIED).await;
    let denied = browser.page.window().await.expect("a tab");
    browser.new_tab().await;
    browser.goto(&landing).await;
    browser.js(GRANTED).await;
    let session = reference(&site.until_posts(1).await[0]);
    browser.page.switch_to_window(denied).await.expect("the tab");
    browser.js("tracklayer.link({cartId: 'c-1'})").await;
    browser.js("window.onpageshow = (event) => { window.shown = event.persisted }").await;
    browser.goto(&site.url("/other")).await;
    browser.page.back().await.expect("a page");
    browser.until_js("return window.shown").await;
    a_moment().await;
    site.until_posts(1).await;
    assert_eq!(browser.js("return tracklayer.reference()").await, json!(session));
    // What is said anew counts.
    browser.js(DENIED).await;
    assert_eq!(withdrawn(&site, 1, 1).await, [session].into());
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_needs_no_consent_remembers_who_refused() {
    let Some(browser) = Browser::open().await else { return };
    let uet = format!("document.cookie = '{UETS_COOKIE}{}; Path=/'", click(1));
    let page =
        Page { before: uet, attributes: r#"data-consent="none""#.to_owned(), ..Page::default() };
    let site = Site::start(page).await;
    browser.goto(&site.url("/")).await;
    site.until_posts(1).await;
    browser.js(DENIED).await;
    withdrawn(&site, 1, 1).await;
    browser.goto(&site.url(&format!("/?msclkid={}", click(2)))).await;
    a_moment().await;
    site.until_posts(2).await;
    browser.js(GRANTED).await;
    assert_eq!(site.until_posts(3).await[2]["msclkid"], json!(click(2)));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_waits_for_consent_and_a_withdrawal_until_it_has_arrived() {
    let Some(browser) = Browser::open().await else { return };
    let site = Site::with("").await;
    site.answer(503);
    browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
    browser.js(GRANTED).await;
    a_moment().await;
    let session = reference(&site.until_posts(1).await[0]);
    browser.goto(&site.url("/next")).await;
    a_moment().await;
    site.until_posts(1).await;
    // It was never sent again, and is taken back: it may have arrived.
    browser.js(DENIED).await;
    for (n, page) in (2..).zip(["/1", "/2"]) {
        site.until_posts(n).await;
        browser.goto(&site.url(page)).await;
    }
    site.until_posts(4).await;
    site.answer(204);
    browser.goto(&site.url("/3")).await;
    site.until_posts(5).await;
    browser.goto(&site.url("/4")).await;
    a_moment().await;
    assert_eq!(withdrawn(&site, 1, 4).await, [session].into());
    browser.expect_errors(4).await;
    browser.close().await;
}

/// Banners load the page anew once they are answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_whose_page_is_left_at_once_is_sent_by_the_next_one() {
    let Some(browser) = Browser::open().await else { return };
    let site = Site::with("").await;
    let before = "window.fetch = () => new Promise(() => {})".to_owned();
    site.put("/left", Page { before, ..Page::default() });
    browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
    browser.js(GRANTED).await;
    let session = reference(&site.until_posts(1).await[0]);
    browser.goto(&site.url("/left")).await;
    browser.js(DENIED).await;
    a_moment().await;
    site.until_posts(1).await;
    for page in ["/next", "/last"] {
        browser.goto(&site.url(page)).await;
        a_moment().await;
        assert_eq!(withdrawn(&site, 1, 1).await, [session.clone()].into());
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_that_did_not_arrive_takes_nothing_back_from_a_new_grant() {
    let Some(browser) = Browser::open().await else { return };
    let site = Site::with(r#"data-session="s-1""#).await;
    browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
    browser.js(GRANTED).await;
    site.until_posts(1).await;
    site.answer(503);
    browser.js(DENIED).await;
    a_moment().await;
    assert!(withdrawn(&site, 1, 2).await.contains("s-1"));
    site.answer(204);
    browser.js(GRANTED).await;
    let posts = site.until_posts(4).await;
    assert_eq!((&posts[3]["sessionId"], &posts[3]["consent"]), (&json!("s-1"), &json!("granted")));
    // The snippet's own reference is another one since: its withdrawal is still due.
    browser.goto(&site.url("/next")).await;
    a_moment().await;
    let due = withdrawn(&site, 4, 1).await;
    assert!(due.iter().all(|session| session.starts_with("tl.")), "{due:?}");
    browser.expect_errors(2).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_after_a_withdrawal_is_not_kept() {
    let Some(browser) = Browser::open().await else { return };
    let before = "if (location.pathname === '/slow')
                      window.fetch = () => new Promise((_, fail) => { window.fail = fail })";
    let page = Page {
        before: before.to_owned(),
        attributes: r#"data-session="s-1""#.to_owned(),
        ..Page::default()
    };
    let site = Site::start(page).await;
    browser.goto(&site.url(&format!("/slow?msclkid={}", click(1)))).await;
    browser.js(GRANTED).await;
    let slow = browser.page.window().await.expect("a tab");
    browser.new_tab().await;
    browser.goto(&site.url("/settings")).await;
    browser.js(DENIED).await;
    assert!(withdrawn(&site, 0, 2).await.contains("s-1"));
    browser.page.switch_to_window(slow).await.expect("the tab");
    browser.js("fail()").await;
    a_moment().await;
    browser.goto(&site.url("/next")).await;
    browser.js(GRANTED).await;
    a_moment().await;
    site.until_posts(2).await;
    browser.close().await;
}
