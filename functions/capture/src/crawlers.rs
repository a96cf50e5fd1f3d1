//! Crawlers that say so: what they load is no visit. Whoever lies about it is Microsoft's to judge.

use tracklayer_edge::lambda::http_api::{self, Request};

/// Words by which crawlers name themselves, in lower case.
///
/// Complete lists also hold HTTP libraries (`curl`, `okhttp`, `python-requests`), with which shops and
/// apps send landings of real visitors, and browsers without a window, with which people test.
const WORDS: [&str; 3] = ["bot", "crawl", "spider"];
/// What a crawler that calls itself a browser (`Mozilla/5.0`) writes before the address of its page:
/// `(compatible; MicrosoftPreview/2.0; +https://aka.ms/MicrosoftPreview)`. Libraries do that as well
/// (`node-fetch/1.0 (+https://…)`), under names of their own.
const PAGE: &str = "+http";
/// Crawlers, previews and checks that show neither: the names that they document, or that lists of
/// crawlers know.
const NAMES: [&str; 32] = [
    // Microsoft and Yahoo.
    "adidx",
    "bingpreview",
    "microsoftpreview",
    "skypeuripreview",
    "slurp",
    "yahoo ad monitoring",
    // Google: https://developers.google.com/crawling/docs/crawlers-fetchers/google-special-case-crawlers
    "-google",
    "chrome-lighthouse",
    "google favicon",
    "google page speed insights",
    "google web preview",
    "google-ad",
    "google-inspectiontool",
    "google-read-aloud",
    "google-safety",
    "google-site-verification",
    "googleother",
    // Answers of language models.
    "chatgpt-user",
    "claude-user",
    "mistralai-user",
    "perplexity-user",
    // Meta's previews.
    "facebookcatalog",
    "facebookexternalhit",
    "meta-externalagent",
    "meta-externalfetcher",
    // Archives, checks of speed and of being there.
    "catchpoint",
    "datadogsynthetics",
    "gtmetrix",
    "ia_archiver",
    "pingdom",
    "ptst/",
    "yandexmetrika",
];
/// Telephones whose names hold one of the words.
const TELEPHONES: [&str; 1] = ["cubot"];

/// Whether the request comes from a crawler, by its `User-Agent`.
pub(crate) fn is_crawler(request: &Request) -> bool {
    let agent = http_api::header(request, "user-agent").unwrap_or_default().to_ascii_lowercase();
    let holds = |names: &[&str]| names.iter().any(|name| agent.contains(name));
    let names_its_page = agent.starts_with("mozilla/") && agent.contains(PAGE);
    names_its_page || holds(&NAMES) || (holds(&WORDS) && !holds(&TELEPHONES))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_known(agent: &'static str) -> bool {
        let mut request = Request::default();
        request.headers.insert("user-agent", http::HeaderValue::from_static(agent));
        is_crawler(&request)
    }

    #[test]
    fn crawlers_and_visitors_are_told_apart() {
        for crawler in [
            "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
            "Mozilla/5.0 (compatible; adidxbot/2.0; +http://www.bing.com/bingbot.htm)",
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Googlebot/2.1) Chrome/120 Safari/537.36",
            "AdsBot-Google (+http://www.google.com/adsbot.html)",
            "Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)",
            "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
            "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
            "Mozilla/5.0 (Linux; Android 11) Chrome/119 Mobile Safari/537.36 Chrome-Lighthouse",
            "GPTBot/1.0 (+https://openai.com/gptbot)",
            "msnbot-media/1.1 (+http://search.msn.com/msnbot.htm)",
            "Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/534+ (KHTML, like Gecko) BingPreview/1.0b",
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; MicrosoftPreview/2.0; +https://aka.ms/MicrosoftPreview) Chrome/120.0.0.0 Safari/537.36",
            "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X) Chrome/120.0.0.0 Mobile Safari/537.36 (compatible; GoogleOther)",
            "Mozilla/5.0 (compatible; Google-InspectionTool/1.0;)",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/104.0 Safari/537.36 Google-AdWords-DisplayAds-WebRender",
            "APIs-Google (+https://developers.google.com/webmasters/APIs-Google.html)",
            "Mozilla/5.0 (compatible;PetalBot;+https://webmaster.petalsearch.com/site/petalbot)",
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_5) Version/13.1.1 Safari/605.1.15 (Applebot/0.1; +http://www.apple.com/go/applebot)",
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)",
            "Mozilla/5.0 (Linux; Android 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Mobile Safari/537.36 (compatible; Bytespider)",
            "Mozilla/5.0 (X11; Linux x86_64) Chrome/138.0.0.0 Safari/537.36 DatadogSynthetics",
            "Mozilla/5.0 (Windows NT 10.0) Chrome/100.0 Safari/537.36 +https://sitebulb.com",
        ] {
            assert!(is_known(crawler), "{crawler}");
        }
        for visitor in [
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Safari/537.36 Edg/148.0.0.0",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
            "Mozilla/5.0 (Linux; Android 13; CUBOT P80) AppleWebKit/537.36 Chrome/120.0.0.0 Mobile Safari/537.36",
            "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/148.0.0.0 Safari/537.36",
            "curl/8.5.0",
            "okhttp/4.12.0",
            "node-fetch/1.0 (+https://github.com/bitinn/node-fetch)",
            "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36 GSA/16.1",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 [FBAN/FBIOS;FBAV/450.0]",
            "Mozilla/5.0 (Windows NT 6.1; Trident/7.0; BOIE9;ENUS; rv:11.0) like Gecko",
            "",
        ] {
            assert!(!is_known(visitor), "{visitor}");
        }
    }
}
