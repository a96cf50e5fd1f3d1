//! What functions/RECIPES.md tells people to paste.

use serde_json::{Value, json};
use test_support::events::click;

use super::driver::{Browser, a_moment};
use super::site::{Page, Site};

/// What is between two marks in a section of the page.
fn between(
    section: &str, begin: &'static str, end: &'static str,
) -> impl Iterator<Item = &'static str> {
    let page = include_str!("../../../functions/RECIPES.md");
    let (_, rest) = page.split_once(&format!("\n## {section}\n")).expect("a section");
    let section = rest.split("\n## ").next().expect("text");
    section.split(begin).skip(1).filter_map(move |text| text.split(end).next())
}

/// The inline scripts of a section of the page, each as a file that a strict policy lets run.
fn scripts(section: &str) -> Vec<String> {
    let inline = between(section, "<script>\n", "</script>");
    inline.map(|script| script.replace("https://API/api/tracklayer", "{api}")).collect()
}

/// Whether a post of these members is among them.
fn holds(posts: &[Value], members: &Value) -> bool {
    let members = members.as_object().expect("an object");
    posts.iter().any(|post| members.iter().all(|(name, value)| post[name] == *value))
}

#[tokio::test(flavor = "multi_thread")]
async fn google_tag_manager() {
    let Some(browser) = Browser::open().await else { return };
    let [tag, thanks] = scripts("Google Tag Manager").try_into().expect("two scripts");
    let banner = "window.dataLayer = []; function gtag() { dataLayer.push(arguments) }
                  gtag('consent', 'default', {ad_storage: 'denied'});";
    let thanks = thanks.replace("{{Order ID}}", "4711");
    // The page itself has no snippet: the tag makes its element.
    let page = Page {
        before: format!("{banner}{thanks};{tag}"),
        attributes: r#"type="text/plain""#.to_owned(),
        ..Page::default()
    };
    let site = Site::start(page).await;
    browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
    a_moment().await;
    assert!(site.posts().is_empty());
    browser.js("gtag('consent', 'update', {ad_storage: 'granted'})").await;
    let posts = site.until_posts(2).await;
    assert!(holds(&posts, &json!({"msclkid": click(1), "consent": "granted"})), "{posts:#?}");
    assert!(holds(&posts, &json!({"orderId": "4711"})), "{posts:#?}");
    browser.close().await;
}

/// What Tag Manager gives a template, as Google describes it: a value is set only where there is none,
/// and a listener hears changes.
/// <https://developers.google.com/tag-platform/tag-manager/templates/api>
const TEMPLATES: &str = "
    window.consent = {isGranted: false, listeners: []};
    window.decide = (isGranted) => { consent.isGranted = isGranted;
        consent.listeners.forEach((listener) => listener('ad_storage', isGranted)) };
    const at = (path) => path.split('.').reduce((owner, name) => owner[name], window);
    const require = (name) => ({
        addConsentListener(type, listener) { consent.listeners.push(listener) },
        callInWindow(path, ...given) { return at(path).apply(at(path.split('.')[0]), given) },
        isConsentGranted() { return consent.isGranted },
        setInWindow(path, value) { if (!(path in window)) window[path] = value },
    })[name];
    const data = {gtmOnSuccess() { window.isDone = true }};";

#[tokio::test(flavor = "multi_thread")]
async fn google_tag_manager_with_a_banner_of_its_own() {
    let Some(browser) = Browser::open().await else { return };
    let template = between("Google Tag Manager", "```js\n", "```").next().expect("a template");
    let before = format!("{TEMPLATES} {{ {template} }}");
    let site = Site::start(Page { before, ..Page::default() }).await;
    let granted =
        format!("{} {{ {template} }}", TEMPLATES.replace("{isGranted: false", "{isGranted: true"));
    site.put("/granted", Page { before: granted, ..Page::default() });
    browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
    a_moment().await;
    assert!(site.posts().is_empty());
    assert_eq!(browser.js("return isDone").await, json!(true));
    browser.js("decide(true)").await;
    site.until_posts(1).await;
    // The next page's default is what was decided before; its tag runs before the snippet does.
    browser.goto(&site.url(&format!("/granted?msclkid={}", click(2)))).await;
    let posts = site.until_posts(2).await;
    assert_eq!(posts[1]["msclkid"], json!(click(2)));
    browser.js("decide(false)").await;
    assert_eq!(site.until_posts(3).await[2]["consent"], json!("denied"));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shopify() {
    let Some(browser) = Browser::open().await else { return };
    let [theme, drawer] = scripts("Shopify").try_into().expect("two scripts");
    let shopify = "window.Shopify = {loadFeatures(features, done) { done() },
                                     customerPrivacy: {marketingAllowed() { return false }}};";
    let before = format!("{shopify}{theme}{drawer}");
    let site = Site::start(Page { before, ..Page::default() }).await;
    browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
    a_moment().await;
    assert!(site.posts().is_empty());
    let answered = |is_allowed: bool| {
        format!(
            "document.dispatchEvent(new CustomEvent('visitorConsentCollected',
                 {{detail: {{marketingAllowed: {is_allowed}}}}}))"
        )
    };
    browser.js(&answered(true)).await;
    let posts = site.until_posts(2).await;
    assert!(holds(&posts, &json!({"msclkid": click(1)})), "{posts:#?}");
    assert!(holds(&posts, &json!({"cartId": "c-1"})), "{posts:#?}");
    let kept = site.until_form(0).await;
    let attributes = |session: &Value| json!({"attributes": {"tl_session": session}}).to_string();
    assert_eq!(kept, attributes(&posts[0]["sessionId"]));
    browser.js(&answered(false)).await;
    let posts = site.until_posts(3).await;
    assert!(holds(&posts, &json!({"consent": "denied"})), "{posts:#?}");
    assert_eq!(site.until_form(1).await, attributes(&json!("")));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hubspots_banner() {
    let Some(browser) = Browser::open().await else { return };
    let [listener] = scripts("HubSpot forms").try_into().expect("a script");
    // Its queue is a list until its script runs.
    let before = format!(
        "{listener}; window.decide = (advertisement) => _hsp[0][1]({{categories: {{advertisement}}}})"
    );
    let site = Site::start(Page { before, ..Page::default() }).await;
    browser.goto(&site.url(&format!("/?msclkid={}", click(1)))).await;
    a_moment().await;
    assert!(site.posts().is_empty());
    for (is_granted, answer) in [(true, "granted"), (false, "denied")] {
        browser.js(&format!("decide({is_granted})")).await;
        let posts = site.until_posts(if is_granted { 1 } else { 2 }).await;
        assert!(holds(&posts, &json!({"consent": answer})), "{posts:#?}");
    }
    browser.close().await;
}

/// A pixel runs in a frame without the page's cookies; `browser.cookie` asks the page for them.
/// <https://shopify.dev/docs/api/web-pixels-api/standard-api/browser>
const PIXEL: &str = "
    const analytics = {subscribe(name, listener) { if (name === 'checkout_completed') window.completed = listener }};
    const browser = {cookie: {async get(name) { return name === 'tl_session' ? window.known : '' }}};";

#[tokio::test(flavor = "multi_thread")]
async fn shopifys_custom_pixel() {
    let Some(browser) = Browser::open().await else { return };
    let pixel = between("Shopify", "```js\n", "```").next().expect("a pixel");
    let pixel = pixel.replace("https://API/api/tracklayer", "{api}");
    let before = format!("{{ {PIXEL} {pixel} }}");
    let page = Page { before, attributes: r#"type="text/plain""#.to_owned(), ..Page::default() };
    let site = Site::start(page).await;
    browser.goto(&site.url("/")).await;
    let reference = format!("tl.{}", "0123456789abcdef".repeat(2));
    let sale = "completed({data: {checkout: {order: {id: 'gid://shopify/Order/4711'}}}})";
    // Who came by no ad or did not consent has no cookie.
    browser.js(&format!("window.known = ''; {sale}")).await;
    browser.js("completed({data: {checkout: {order: null}}})").await;
    a_moment().await;
    assert!(site.posts().is_empty());
    browser.js(&format!("window.known = '{reference}'; {sale}")).await;
    let posts = site.until_posts(1).await;
    assert_eq!(posts[0], json!({"sessionId": reference, "orderId": "4711", "consent": "granted"}));
    browser.close().await;
}
