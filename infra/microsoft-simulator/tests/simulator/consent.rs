//! Consent, its code, and who the user is.

use microsoft_simulator::{Account, Settings};
use reqwest::redirect::Policy;
use serde_json::json;

use crate::bench::{Answer, Bench, send};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// Of the verifier: the pair is that of RFC 7636, appendix B.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const REDIRECT: &str = "http://localhost:31544/";
const SCOPE: &str = "offline_access https://ads.microsoft.com/msads.manage";

/// What a program asks for.
fn asked() -> Vec<(&'static str, &'static str)> {
    vec![
        ("client_id", "local-client"),
        ("redirect_uri", REDIRECT),
        ("scope", SCOPE),
        ("state", "s-1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]
}

/// Status, address of the redirect, and text of the page of consent.
async fn open(bench: &Bench, members: &[(&str, &str)]) -> (u16, String, String) {
    let http = reqwest::Client::builder().redirect(Policy::none()).build().expect("a client");
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(members).finish();
    let url = format!("{}/common/oauth2/v2.0/authorize?{query}", bench.base);
    let answer = http.get(url).send().await.expect("an answer");
    let status = answer.status().as_u16();
    let location = answer.headers().get("location").and_then(|it| it.to_str().ok());
    let location = location.unwrap_or_default().to_owned();
    (status, location, answer.text().await.expect("a page"))
}

/// The code of a consent.
async fn code(bench: &Bench) -> String {
    let (status, address, _) = open(bench, &[asked(), vec![("decision", "accept")]].concat()).await;
    assert_eq!(status, 302);
    let query = address.strip_prefix(&format!("{REDIRECT}?")).expect("the redirect address");
    let members: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    assert_eq!(members[1], ("state".to_owned(), "s-1".to_owned()));
    members[0].1.clone()
}

async fn redeem(bench: &Bench, code: &str, redirect: &str, verifier: &str) -> Answer {
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "local-client"),
        ("code", code),
        ("redirect_uri", redirect),
        ("code_verifier", verifier),
    ];
    bench.token(&form).await
}

#[tokio::test]
async fn a_code_is_worth_tokens_once() {
    let bench = Bench::new().await;
    let (status, _, page) = open(&bench, &asked()).await;
    assert_eq!(status, 200);
    assert!(page.contains("Accept") && page.contains(CHALLENGE), "{page}");

    let code = code(&bench).await;
    let answer = redeem(&bench, &code, REDIRECT, VERIFIER).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json["scope"], "https://ads.microsoft.com/msads.manage");
    let refresh_token = answer.json["refresh_token"].as_str().expect("a refresh token");
    let mut form = crate::bench::refresh_form();
    form[2].1 = refresh_token;
    assert_eq!(bench.token(&form).await.status, 200, "the refresh token works");
    assert_eq!(redeem(&bench, &code, REDIRECT, VERIFIER).await.json["error_codes"][0], 54_005);
}

#[tokio::test]
async fn a_code_is_only_for_who_asked_for_it() {
    let bench = Bench::new().await;
    for (redirect, verifier, number) in
        [(REDIRECT, "another", 501_481), ("http://localhost:1/", VERIFIER, 500_112)]
    {
        let answer = redeem(&bench, &code(&bench).await, redirect, verifier).await;
        assert_eq!((answer.status, &answer.json["error"]), (400, &"invalid_grant".into()));
        assert_eq!(answer.json["error_codes"][0], number);
    }
    assert_eq!(redeem(&bench, "made-up", REDIRECT, VERIFIER).await.status, 400);
    let late = code(&bench).await;
    bench.pass(301);
    assert_eq!(redeem(&bench, &late, REDIRECT, VERIFIER).await.json["error_codes"][0], 70_008);
}

#[tokio::test]
async fn nobody_is_sent_to_an_address_that_is_not_registered() {
    let bench = Bench::new().await;
    for redirect in ["http://localhost.example/", "https://localhost/", "http://localhost:1/other"]
    {
        let mut asked = asked();
        asked[1].1 = redirect;
        asked.push(("decision", "accept"));
        let (status, location, _) = open(&bench, &asked).await;
        assert_eq!((status, &*location), (400, ""), "{redirect}");
    }
    let declined = open(&bench, &[asked(), vec![("decision", "decline")]].concat()).await;
    assert!(declined.1.contains("error=access_denied") && declined.1.ends_with("state=s-1"));
}

#[tokio::test]
async fn the_user_and_its_accounts_are_listed_a_page_at_a_time() {
    let account = |id: &str| Account { account_id: id.to_owned(), ..Account::default() };
    let accounts = vec![account("7654321"), account("7654322"), account("7654323")];
    let bench = Bench::with(Settings { accounts, ..Settings::default() }).await;
    let user = send(bench.customers("User/Query").body(r#"{"UserId":null}"#)).await;
    assert_eq!(user.json["User"]["Id"], "5000001", "{}", user.text);
    let search = |user: &str, index: u32| {
        json!({"Predicates": [{"Field": "UserId", "Operator": "Equals", "Value": user}],
            "PageInfo": {"Index": index, "Size": 2}})
    };
    let numbers = |answer: &Answer| {
        let accounts = answer.json["Accounts"].as_array().cloned().unwrap_or_default();
        accounts
            .iter()
            .map(|it| it["Number"].as_str().unwrap_or("?").to_owned())
            .collect::<Vec<_>>()
    };
    for (user, index, found) in [
        ("5000001", 0, vec!["X7654321", "X7654322"]),
        ("5000001", 1, vec!["X7654323"]),
        ("5000002", 0, vec![]),
    ] {
        let body = search(user, index).to_string();
        let answer = send(bench.customers("Accounts/Search").body(body)).await;
        assert_eq!(numbers(&answer), found, "{}", answer.text);
    }
}
