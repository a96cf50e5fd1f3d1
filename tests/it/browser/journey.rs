//! From the ad to Microsoft, through the whole system.

use serde_json::{Value, json};
use test_support::events::{click, time};
use test_support::rig::operator::parameter;
use test_support::rig::{World, until};

use super::driver::{Browser, a_moment};
use super::engine::{Choice, Engine};
use super::site::{Page, Site};

const SHOP: &str = r#"<form method="post" action="/thanks"><input type="hidden" name="tl_session">
                      <button>Buy</button></form>"#;
const BANNER: &str = "window.uetq = window.uetq || [];
                      uetq.push('consent', 'default', {ad_storage: 'denied'})";
const GRANTED: &str = "uetq.push('consent', 'update', {ad_storage: 'granted'})";
const DENIED: &str = "uetq.push('consent', 'update', {ad_storage: 'denied'})";

/// A shop, and a system that lets its pages in.
async fn shop() -> (Site, World) {
    let page = Page { before: BANNER.to_owned(), body: SHOP.to_owned(), ..Page::default() };
    let site = Site::start(page).await;
    let origins = [site.url(""), site.elsewhere("")].join(",");
    let world = World::quick(|options| parameter(options, "AllowedOrigins", &origins)).await;
    site.call(world.stack.api_url());
    (site, world)
}

/// Waits until so many clicks are stored.
async fn until_clicks(world: &World, count: usize) -> Vec<Value> {
    until(&format!("{count} clicks"), || async {
        let stored = world.items_with("Clicks", "\"cookie\"").await;
        if stored.len() == count { Ok(stored) } else { Err(stored) }
    })
    .await
}

/// Lands, changes the route, agrees, and sends the form; answers with what the shop's back end got.
async fn buys(browser: &Browser, site: &Site, page: impl Fn(&str) -> String) -> String {
    browser.goto(&page(&format!("/shoes?msclkid={}&utm_source=bing", click(1)))).await;
    browser.js("history.pushState(0, '', '/shoes/42')").await;
    a_moment().await;
    browser.goto(&page("/cart")).await;
    browser.js(GRANTED).await;
    browser.click("button").await;
    let form = site.until_form(0).await;
    let session = form.strip_prefix("tl_session=").expect("the field").to_owned();
    assert!(session.starts_with("tl."), "{session}");
    session
}

/// What the shop's back end does; the conversion that Microsoft has got of it.
async fn sells(world: &World, session: &str) -> Value {
    let order = json!({"event": "purchase", "eventId": "4711", "source": "shop", "value": 129.95,
        "currency": "USD", "occurredAt": time(0), "sessionId": session});
    world.queued(&order).await;
    let record = world.until_state("4711", "accepted").await;
    assert_eq!(record["click"]["from"], json!("session"));
    world.conversion(&click(1)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_on_another_site_than_the_api_whose_cookie_is_blocked() {
    let Some(browser) = Browser::with(Choice::BlockThirdParties).await else { return };
    let (site, world) = shop().await;
    let session = buys(&browser, &site, |path| site.elsewhere(path)).await;
    until_clicks(&world, 1).await;
    let conversion = sells(&world, &session).await;
    assert_eq!(conversion["value"].to_string(), "129.95");
    // Without the cookie, the reference is proof enough.
    browser.js(DENIED).await;
    until_clicks(&world, 0).await;
    browser.goto(world.stack.api_url()).await;
    assert!(browser.cookie("tl_ref").await.is_none(), "it is blocked");
    browser.expect_errors(1).await;
    browser.close().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_on_the_site_of_the_api_gets_the_cookie_on_top() {
    let Some(browser) = Browser::open().await else { return };
    let (site, world) = shop().await;
    let session = buys(&browser, &site, |path| site.url(path)).await;
    let stored = until_clicks(&world, 1).await;
    // WebKit takes no `Secure` cookie from a server without TLS, be it on this machine.
    if browser.engine != Engine::WebKit {
        let cookie =
            until("a cookie", || async { browser.cookie("tl_ref").await.ok_or("no cookie") }).await;
        assert_eq!(cookie.http_only(), Some(true));
        assert!(stored[0].to_string().contains(cookie.value()), "{stored:#?}");
    }
    sells(&world, &session).await;
    browser.js(DENIED).await;
    until_clicks(&world, 0).await;
    browser.close().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_stacks_own_shop_leads_from_its_ad_to_microsofts_page() {
    let Some(browser) = Browser::open().await else { return };
    let world = World::quick(|_| {}).await;
    browser.goto(world.stack.shop_url()).await;
    browser.click("#ad").await;
    let msclkid = browser.js("return new URLSearchParams(location.search).get('msclkid')").await;
    browser.click("#yes").await;
    a_moment().await;
    browser.click("#buy").await;
    let answer = browser.text("#answer").await;
    assert!(answer.contains("202") && answer.contains("\"queued\""), "{answer}");
    let order = browser.text("#order").await;
    world.until_state(&order, "accepted").await;
    let conversion = world.conversion(msclkid.as_str().expect("a click id")).await;
    assert_eq!(conversion["value"].to_string(), "129.95");
    browser.click("#microsoft").await;
    assert!(browser.text("body").await.contains("129.95"));
    // Another visit, without an ad and without consent.
    browser.page.delete_all_cookies().await.expect("no cookies");
    browser.goto(world.stack.shop_url()).await;
    browser.page.delete_all_cookies().await.expect("no cookies");
    browser.goto(&format!("{}/shoes", world.stack.shop_url())).await;
    browser.click("#no").await;
    browser.click("#buy").await;
    assert_eq!(browser.text("#answer").await, "–");
    browser.close().await;
    world.stop().await;
}
