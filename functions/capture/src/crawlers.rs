//! Crawlers that say so: what they load is no visit. Whoever lies about it is Microsoft's to judge.

use tracklayer_edge::lambda::http_api::{self, Request};

/// Words by which crawlers name themselves, in lower case.
const WORDS: [&str; 3] = ["bot", "crawl", "spider"];
/// What a crawler that calls itself a browser (`Mozilla/5.0`) writes before the address of its page:
/// `(compatible; MicrosoftPreview/2.0; +https://aka.ms/MicrosoftPreview)`. Libraries do that as well
/// (`node-fetch/1.0 (+https://…)`), under names of their own.
const PAGE: &str = "+http";
/// Names of crawlers that pass for browsers and show neither, one a line; see `.ci/crawlers`.
///
/// The whole public list would cost visitors: it also holds HTTP libraries (`curl`, `okhttp`), with
/// which shops and apps send landings of real ones, apps that show web pages (Viber, Facebook), and
/// browsers without a window, with which people test. The crates for this say "crawler" to all of these.
/// Of its 1,015 examples that pass for browsers 985 are known here, and of 200,014 real browsers
/// five are taken for crawlers.
const LISTED: &str = include_str!("crawlers.txt");
/// Crawlers, previews and checks that the list lacks, or knows by words that people's browsers have: the
/// names that they document, in lower case.
const NAMES: [&str; 23] = [
    // Microsoft and Yahoo.
    "adidx",
    "bingpreview",
    "microsoftpreview",
    "skypeuripreview",
    // Google: https://developers.google.com/crawling/docs/crawlers-fetchers/google-special-case-crawlers
    "-google",
    "google page speed insights",
    "google web preview",
    "google-ad",
    "google-read-aloud",
    "google-safety",
    "googleother",
    // Answers of language models.
    "chatgpt-user",
    "mistralai-user",
    "perplexity-user",
    // Meta's previews.
    "facebookcatalog",
    "facebookexternalhit",
    "meta-externalagent",
    "meta-externalfetcher",
    // Archives, checks of speed and of being there.
    "catchpoint",
    "ia_archiver",
    "pingdom",
    "ptst/",
    "yandexmetrika",
];
/// Telephones whose names hold one of the words.
const TELEPHONES: [&str; 1] = ["cubot"];

/// Whether the request comes from a crawler, by its `User-Agent`.
pub(crate) fn is_crawler(request: &Request) -> bool {
    let agent = http_api::header(request, "user-agent").unwrap_or_default();
    let is_listed = LISTED.lines().any(|name| !name.starts_with('#') && agent.contains(name));
    let agent = agent.to_ascii_lowercase();
    let holds = |names: &[&str]| names.iter().any(|name| agent.contains(name));
    let names_its_page = agent.starts_with("mozilla/") && agent.contains(PAGE);
    is_listed || names_its_page || holds(&NAMES) || (holds(&WORDS) && !holds(&TELEPHONES))
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
            "Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/133.0.0.0 Safari/537.36 Scope3/2.0 (scope3.com)",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/134.0 Safari/537.36 (Checkly, https://www.checklyhq.com)",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/100.0.4896.60 Safari/537.36 NewRelicSynthetics/1.0",
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
            "Mozilla/5.0 (Linux; Android 15; CPH2557 Build/AP3A.240617.008; wv) AppleWebKit/537.36 Version/4.0 Chrome/142.0.7444.142 Mobile Safari/537.36",
            "Mozilla/5.0 (Linux; Android 16; Pixel 10; wv) AppleWebKit/537.36 Version/4.0 Chrome/146.0 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/550.0;] MetaIAB Facebook",
            "Mozilla/5.0 (Linux; Android 7.1.2; G011A; wv) AppleWebKit/537.36 Version/4.0 Chrome/66.0 Mobile Safari/537.36 Viber",
            "python-requests/2.32.3",
            "Apache-HttpClient/4.5.14 (Java/17.0.2)",
            "Mozilla/5.0 (Windows NT 6.1; Trident/7.0; BOIE9;ENUS; rv:11.0) like Gecko",
            "",
        ] {
            assert!(!is_known(visitor), "{visitor}");
        }
    }
}
