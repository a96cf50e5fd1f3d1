//! Crawlers that say so: what they load is no visit. Whoever lies about it is Microsoft's to judge.

use tracklayer_edge::lambda::http_api::{self, Request};

/// Words by which crawlers name themselves, in lower case.
///
/// Complete lists also hold HTTP libraries (`curl`, `okhttp`, `python-requests`), with which shops and
/// apps send landings of real visitors, and browsers without a window, with which people test.
const WORDS: [&str; 3] = ["bot", "crawl", "spider"];
/// Crawlers and previews whose name has none of these words: the names that they document.
const NAMES: [&str; 11] = [
    "bingpreview",
    "chatgpt-user",
    "chrome-lighthouse",
    "facebookexternalhit",
    "google page speed insights",
    "google-inspectiontool",
    "google-read-aloud",
    "ia_archiver",
    "mediapartners-google",
    "meta-externalagent",
    "slurp",
];
/// Telephones whose names hold one of the words.
const TELEPHONES: [&str; 1] = ["cubot"];

/// Whether the request comes from a crawler, by its `User-Agent`.
pub(crate) fn is_crawler(request: &Request) -> bool {
    let agent = http_api::header(request, "user-agent").unwrap_or_default().to_ascii_lowercase();
    let holds = |names: &[&str]| names.iter().any(|name| agent.contains(name));
    holds(&NAMES) || (holds(&WORDS) && !holds(&TELEPHONES))
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
            "",
        ] {
            assert!(!is_known(visitor), "{visitor}");
        }
    }
}
