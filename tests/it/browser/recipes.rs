//! What functions/RECIPES.md tells people to paste.

use serde_json::{Value, json};
use test_support::events::click;

use super::{
    driver::{Browser, a_moment},
    site::{Page, Site},
};

/// The inline scripts of a section of the page, each as a file that a strict policy lets run.
fn scripts(section: &str) -> Vec<String> {
    let page = include_str!("../../../functions/RECIPES.md");
    let (_, rest) = page.split_once(&format!("\n## {section}\n")).expect("a section");
    let section = rest.split("\n## ").next().expect("text");
    let inline =
        section.split("<script>\n").skip(1).filter_map(|text| text.split("</script>").next());
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

#[tokio::test(flavor = "multi_thread")]
async fn shopify() {
    let Some(browser) = Browser::open().await else { return };
    let [theme] = scripts("Shopify").try_into().expect("a script");
    let shopify = "window.Shopify = {loadFeatures(features, done) { done() },
                                     customerPrivacy: {marketingAllowed() { return false }}};";
    let site = Site::start(Page { before: format!("{shopify}{theme}"), ..Page::default() }).await;
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
    browser.js(&answered(false)).await;
    let posts = site.until_posts(3).await;
    assert!(holds(&posts, &json!({"consent": "denied"})), "{posts:#?}");
    browser.close().await;
}
