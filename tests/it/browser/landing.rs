//! Which click is found, and that it is posted once.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::events::click;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::driver::{Browser, a_moment};
use super::engine::Engine;
use super::reference;
use super::site::{Page, Site};

const NO_CONSENT: &str = r#"data-consent="none""#;

/// How many seconds ago the post says that the visitor landed.
pub fn seconds_ago(body: &Value) -> f64 {
    let text = body["landedAt"].as_str().unwrap_or_else(|| panic!("{body}"));
    let landed = OffsetDateTime::parse(text, &Rfc3339).expect("a time");
    (OffsetDateTime::now_utc() - landed).as_seconds_f64()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_is_posted_once_however_its_page_is_reached_again() {
    let Some(browser) = Browser::open().await else { return };
    // A theme and a tag manager may both bring the snippet.
    let again =
        format!(r#"<script async src="{{api}}/ms-attribution.js?v=2" {NO_CONSENT}></script>"#);
    let page = Page { attributes: NO_CONSENT.to_owned(), body: again, ..Page::default() };
    let site = Site::start(page).await;
    let query =
        format!("MSClkId={}&msclkid={}&utm_source=bing&q=jane%40x.example", click(1), click(2));
    let landing = site.url(&format!("/shoes?{query}#top"));
    browser.goto(&landing).await;
    let posted = site.until_posts(1).await.remove(0);
    assert_eq!(posted["msclkid"], json!(click(1)));
    assert_eq!(posted["landingUrl"], json!(site.url("/shoes?utm_source=bing")));
    assert_eq!(posted.get("consent"), None);
    assert!((0.0..10.0).contains(&seconds_ago(&posted)), "{posted}");
    let session = reference(&posted);
    let kind = site.posts()[0].headers["content-type"].to_str().expect("text").to_owned();
    assert!(kind.starts_with("text/plain"), "{kind}");
    assert_eq!(browser.js("return tracklayer.reference()").await, json!(session));
    let cookie = browser.cookie("tl_session").await.expect("a cookie");
    assert_eq!(cookie.value(), session);

    browser.page.refresh().await.expect("a page");
    // What a router does, and back again.
    browser.js("history.pushState(0, '', '/cart'); history.replaceState(0, '', '/checkout')").await;
    browser.js("history.back()").await;
    a_moment().await;
    // The back-forward cache brings back the page as it was.
    browser
        .js("window.kept = 1; window.onpageshow = (event) => { window.shown = event.persisted }")
        .await;
    browser.goto(&site.url("/other")).await;
    browser.page.back().await.expect("a page");
    // Firefox loads this page anew.
    if browser.engine != Engine::Firefox {
        browser.until_js("return window.kept === 1 && window.shown").await;
    }
    a_moment().await;
    browser.new_tab().await;
    browser.goto(&landing).await;
    a_moment().await;
    site.until_posts(1).await;
    browser.close().await;
}

/// An address that is opened in several tabs, as when a browser restores them, while the first of them
/// still waits for its answer.
#[tokio::test(flavor = "multi_thread")]
async fn tabs_that_land_with_one_click_at_the_same_instant_post_it_once() {
    let Some(browser) = Browser::open().await else { return };
    let site = Site::with(NO_CONSENT).await;
    site.delay(Duration::from_millis(700));
    browser.goto(&site.url("/")).await;
    for n in 1..=3 {
        // A visitor whom nobody knows.
        browser.page.delete_all_cookies().await.expect("no cookies");
        let landing = site.url(&format!("/?msclkid={}", click(n)));
        let tabs = format!("for (let n = 0; n < 3; n++) open('{landing}', '_blank', 'noopener')");
        browser.js(&format!("localStorage.clear(); {tabs}")).await;
        a_moment().await;
        browser.js(&tabs).await;
        // Until the last tab has had its turn: it would take the next round's browser for a new visitor.
        tokio::time::sleep(Duration::from_secs(4)).await;
        let posts = site.until_posts(n as usize).await;
        let session = browser.js("return document.cookie").await;
        assert_eq!(session, json!(format!("tl_session={}", reference(&posts[n as usize - 1]))));
    }
    browser.close().await;
}

/// What a tab finds that has made a reference before it could see the one of another tab.
#[tokio::test(flavor = "multi_thread")]
async fn a_reference_made_beside_another_tabs_gives_way_to_the_one_that_was_posted() {
    let Some(browser) = Browser::open().await else { return };
    let site = Site::with(NO_CONSENT).await;
    site.delay(Duration::from_millis(1_500));
    let landing = site.url(&format!("/?msclkid={}", click(1)));
    browser.goto(&landing).await;
    a_moment().await;
    browser.page.delete_all_cookies().await.expect("no cookies");
    browser.new_tab().await;
    browser.goto(&landing).await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let session = reference(&site.until_posts(1).await[0]);
    let cookie = browser.js("return document.cookie").await;
    assert_eq!(cookie, json!(format!("tl_session={session}")));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_landings_and_a_bookmark_are_two_clicks_of_one_reference_that_lives_90_days() {
    let Some(browser) = Browser::open().await else { return };
    let site = Site::with(NO_CONSENT).await;
    for n in [1, 2] {
        browser.goto(&site.url(&format!("/?msclkid={}", click(n)))).await;
        site.until_posts(n as usize).await;
    }
    browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
    a_moment().await;
    let posts = site.until_posts(2).await;
    let clicks: Vec<&Value> = posts.iter().map(|post| &post["msclkid"]).collect();
    assert_eq!(clicks, [&json!(click(1)), &json!(click(2))]);
    assert_eq!(reference(&posts[0]), reference(&posts[1]));
    let cookie = browser.cookie("tl_session").await.expect("a cookie");
    let ends = cookie.expires_datetime().expect("a time").unix_timestamp();
    let days = (ends - OffsetDateTime::now_utc().unix_timestamp()) / 3_600;
    assert!((90 * 24 - 1..=90 * 24).contains(&days), "{days} hours");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_is_found_behind_routers_redirects_and_uets_cookies() {
    let Some(browser) = Browser::open().await else { return };
    let cookie = |name: &str, value: &str| format!("document.cookie = '{name}={value}; Path=/'");
    let cases = [
        (click(1), "history.replaceState(0, '', '/routed')".to_owned()),
        (click(2), String::new()),
        (String::new(), cookie("uet_msclkid", &format!("_uet{}", click(3)))),
        (String::new(), cookie("_uetmsclkid", &format!("_uet{}-0N", click(4)))),
        // None of the next four is one.
        ("undefined".to_owned(), cookie("_uetmsclkid", "_uetN")),
        ("%7Bmsclkid%7D".to_owned(), String::new()),
        ("%3Cscript%3Ealert(1)%3C/script%3E".to_owned(), cookie("_uetmsclkid", "%")),
        ("a".repeat(10_240), String::new()),
        // And these are the first of two.
        (format!("{},{}", click(5), click(6)), String::new()),
        (format!("{}?utm_source=bing", click(7)), String::new()),
    ];
    let mut found = Vec::new();
    for (n, (query, before)) in cases.into_iter().enumerate() {
        let is_one = !(4..8).contains(&n);
        let page = Page { before, attributes: NO_CONSENT.to_owned(), ..Page::default() };
        let site = Site::start(page).await;
        browser.page.delete_all_cookies().await.expect("no cookies");
        let landing = format!("/landing?{}msclkid={query}", if n == 1 { "then=1&" } else { "" });
        if n == 1 {
            // A landing page without the snippet, which sends the visitor on.
            let before = "window.tracklayer = { reference() {} }; location.replace('/shoes')";
            site.put("/landing", Page { before: before.to_owned(), ..Page::default() });
        }
        browser.goto(&site.url(&landing)).await;
        if is_one {
            found.extend(site.until_posts(1).await.into_iter().map(|post| post["msclkid"].clone()));
        } else {
            a_moment().await;
            assert!(site.posts().is_empty(), "{:#?}", site.posts());
        }
        let cookies = browser.js("return document.cookie").await.to_string();
        assert!(n != 2 || cookies.contains(&format!("uet_msclkid=_uet{}", click(3))), "{cookies}");
    }
    assert_eq!(found, [1, 2, 3, 4, 5, 7].map(|n| json!(click(n))));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_prerendered_lands_when_it_is_seen() {
    let Some(browser) = Browser::open().await else { return };
    if browser.engine != Engine::Chromium {
        return println!("skipped: only Chromium prerenders pages");
    }
    let site = Site::with(NO_CONSENT).await;
    let landing = format!("/shoes?msclkid={}", click(1));
    let rules =
        json!({"prerender": [{"source": "list", "urls": [landing], "eagerness": "immediate"}]});
    let body =
        format!(r#"<script type="speculationrules">{rules}</script><a href="{landing}">Shoes</a>"#);
    site.put("/", Page { body, ..Page::default() });
    // It has two copies of the snippet, which have both run when its own code makes a call.
    let calls = "addEventListener('load', () => setTimeout(() => {
                     window.tracklayer = window.tracklayer || [];
                     tracklayer.push(['link', {cartId: 'c-1'}]);
                     window.calledEarly = document.prerendering }, 500))";
    let shoes = Page {
        before: calls.to_owned(),
        attributes: NO_CONSENT.to_owned(),
        body: format!(r#"<script async src="{{api}}/ms-attribution.js" {NO_CONSENT}></script>"#),
        ..Page::default()
    };
    site.put("/shoes", shoes);
    browser.goto(&site.url("/")).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(site.posts().is_empty(), "{:#?}", site.posts());
    let clicked = Instant::now();
    browser.click("a").await;
    let mut posts = site.until_posts(2).await;
    posts.sort_by_key(|post| post["msclkid"].is_null());
    assert_eq!(posts[1]["cartId"], json!("c-1"));
    assert_eq!(browser.js("return window.calledEarly").await, json!(true));
    let posted = posts.remove(0);
    assert!(seconds_ago(&posted) < clicked.elapsed().as_secs_f64(), "{posted}");
    assert_eq!(posted["landingUrl"], json!(site.url("/shoes")));
    let activation = "return performance.getEntriesByType('navigation')[0].activationStart";
    let activation = browser.js(activation).await;
    assert!(
        activation.as_f64().is_some_and(|after| after > 1_000.0),
        "{activation}: not prerendered"
    );
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_before_is_looked_at_only_if_it_is_of_the_same_origin() {
    let Some(browser) = Browser::open().await else { return };
    let site = Site::with(NO_CONSENT).await;
    // A page that gives its whole address away, and has no snippet.
    let before = format!(
        "window.tracklayer = {{ reference() {{}} }};
         const policy = document.createElement('meta');
         policy.name = 'referrer'; policy.content = 'unsafe-url'; document.head.append(policy);
         location.replace('{}')",
        site.url("/shoes")
    );
    site.put("/landing", Page { before, ..Page::default() });
    browser.goto(&site.elsewhere(&format!("/landing?msclkid={}", click(1)))).await;
    browser.until_js("return location.pathname === '/shoes' && !!window.tracklayer.push").await;
    let seen = browser.js("return document.referrer").await;
    assert_eq!(seen, json!(site.elsewhere(&format!("/landing?msclkid={}", click(1)))));
    a_moment().await;
    assert!(site.posts().is_empty(), "{:#?}", site.posts());
    browser.close().await;
}

/// A shop and its checkout share the reference, and two shops under one public suffix do not.
#[tokio::test(flavor = "multi_thread")]
async fn hosts_of_one_site_share_the_reference_and_those_of_a_public_suffix_do_not() {
    let Some(browser) = Browser::open().await else { return };
    if browser.engine == Engine::WebKit {
        return println!("skipped: WebKit asks the machine's resolver for every name");
    }
    let site = Site::with(NO_CONSENT).await;
    let known = async |host: &str| {
        browser.goto(&site.at(host, "/")).await;
        browser.js("return tracklayer.reference()").await
    };
    let cases: [(_, &[_], &[_]); 3] = [
        (
            "www.shop.co.uk",
            &["shop.co.uk", "checkout.shop.co.uk", "a.b.shop.co.uk"],
            &["other.co.uk", "www.other.co.uk"],
        ),
        ("jane.github.io", &["www.jane.github.io"], &["joe.github.io"]),
        ("localhost", &["localhost"], &["127.0.0.1"]),
    ];
    for (n, (landing, own, others)) in (1..).zip(cases) {
        browser.goto(&site.at(landing, &format!("/?msclkid={}", click(n)))).await;
        let session =
            json!(reference(&site.until_posts(n as usize * 2 - 1).await[n as usize * 2 - 2]));
        for host in own {
            assert_eq!(known(host).await, session, "{host}");
        }
        for host in others {
            assert_eq!(known(host).await, json!(""), "{host}");
        }
        // What one of them takes back is gone everywhere.
        known(landing).await;
        browser.js("tracklayer.consent('denied')").await;
        assert_eq!(
            site.until_posts(n as usize * 2).await[n as usize * 2 - 1]["sessionId"],
            session
        );
        assert_eq!(known(own[0]).await, json!(""), "{landing}");
    }
    browser.close().await;
}
