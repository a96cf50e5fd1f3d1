use microsoft_simulator::{RefreshTokens, Settings};

use crate::bench::{Bench, CONVERSIONS, fault_code, purchase, refresh_form};

fn form_with<'a>(name: &str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    let change = |(key, old)| (key, if key == name { value } else { old });
    refresh_form().into_iter().map(change).collect()
}

#[tokio::test]
async fn a_refresh_answers_with_all_members() {
    let answer = Bench::new().await.token(&refresh_form()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json["token_type"], "Bearer");
    assert_eq!(answer.json["expires_in"], 3599);
    assert_eq!(answer.json["scope"], "https://ads.microsoft.com/msads.manage");
    assert_eq!(answer.json["refresh_token"], "local-refresh-token.2");
    assert!(answer.json["access_token"].is_string());
    assert!(answer.tracking_id.is_some());
}

#[tokio::test]
async fn each_wrong_member_has_its_error() {
    let bench = Bench::new().await;
    let cases = [
        ("grant_type", "password", "unsupported_grant_type"),
        ("client_id", "another", "unauthorized_client"),
        ("scope", "offline_access", "invalid_scope"),
        ("refresh_token", "wrong", "invalid_grant"),
        ("refresh_token", "local-refresh-tokens", "invalid_grant"),
    ];
    for (name, value, error) in cases {
        let answer = bench.token(&form_with(name, value)).await;
        assert_eq!((answer.status, &answer.json["error"]), (400, &error.into()), "{name}={value}");
        let description = answer.json["error_description"].as_str().unwrap_or_default();
        assert!(description.starts_with("AADSTS"), "{description}");
    }
}

#[tokio::test]
async fn the_sandbox_scope_is_taken() {
    let form = form_with("scope", "https://si.ads.microsoft.com/msads.manage offline_access");
    assert_eq!(Bench::new().await.token(&form).await.status, 200);
}

#[tokio::test]
async fn a_configured_client_secret_is_required() {
    let mut settings = Settings::default();
    settings.oauth.client_secret = Some("s3cret".to_owned());
    let bench = Bench::with(settings).await;
    let mut form = refresh_form().to_vec();
    let missing = bench.token(&form).await;
    assert_eq!((missing.status, &missing.json["error"]), (401, &"invalid_client".into()));
    form.push(("client_secret", "s3cret"));
    assert_eq!(bench.token(&form).await.status, 200);
}

#[tokio::test]
async fn rotated_tokens_stay_valid_unless_revoked() {
    let bench = Bench::new().await;
    let rotated = bench.token(&refresh_form()).await.json["refresh_token"].clone();
    assert_eq!(bench.token(&refresh_form()).await.status, 200, "the first one still works");

    let revoke = RefreshTokens::RotateAndRevoke;
    bench.simulator.update_settings(|settings| settings.oauth.refresh_tokens = revoke);
    let token = rotated.as_str().unwrap_or_default();
    assert_eq!(bench.token(&form_with("refresh_token", token)).await.status, 200);
    assert_eq!(bench.token(&form_with("refresh_token", token)).await.status, 400);
    assert_eq!(bench.token(&refresh_form()).await.status, 400);
}

#[tokio::test]
async fn a_kept_refresh_token_is_repeated() {
    let bench = Bench::new().await;
    bench.simulator.update_settings(|settings| settings.oauth.refresh_tokens = RefreshTokens::Keep);
    let answer = bench.token(&refresh_form()).await;
    assert_eq!(answer.json["refresh_token"], "local-refresh-token");
}

#[tokio::test]
async fn a_token_of_an_earlier_run_is_taken_and_counted_on() {
    let answer =
        Bench::new().await.token(&form_with("refresh_token", "local-refresh-token.57")).await;
    assert_eq!(answer.json["refresh_token"], "local-refresh-token.58");
}

#[tokio::test]
async fn another_consent_ends_the_old_tokens() {
    let bench = Bench::new().await;
    let change =
        |settings: &mut Settings| settings.oauth.refresh_token = "second-consent".to_owned();
    bench.simulator.update_settings(change);
    assert_eq!(bench.token(&refresh_form()).await.status, 400);
    assert_eq!(bench.token(&form_with("refresh_token", "second-consent")).await.status, 200);
}

#[tokio::test]
async fn access_tokens_expire_by_the_clock() {
    let mut settings = Settings::default();
    settings.oauth.token_lifetime_seconds = 60;
    let bench = Bench::with(settings).await;
    bench.pass(59);
    assert_eq!(bench.convert(&[purchase()]).await.status, 200);
    bench.pass(1);
    let late = bench.convert(&[purchase()]).await;
    assert_eq!((late.status, fault_code(&late)), (401, Some(109)));
    assert_eq!(late.json["Errors"][0]["ErrorCode"], "AuthenticationTokenExpired");
}

#[tokio::test]
async fn a_token_call_is_logged_without_account_or_rows() {
    let bench = Bench::new().await;
    let calls = bench.simulator.calls();
    let call = calls.first().expect("the sign-in");
    assert_eq!(call.path, "/common/oauth2/v2.0/token");
    assert_eq!((call.status, call.rows, &call.account), (Some(200), None, &None));
    assert_eq!(call.form()["grant_type"], "refresh_token");
    assert_ne!(call.path, CONVERSIONS);
}

#[tokio::test]
async fn a_refresh_token_that_is_not_used_expires() {
    const LIFE: i64 = 90 * 24 * 60 * 60;
    let bench = Bench::new().await;
    for (idle, status) in [(LIFE, 200), (LIFE, 200), (LIFE + 1, 400)] {
        bench.pass(idle);
        let answer = bench.token(&refresh_form()).await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    let answer = bench.token(&refresh_form()).await;
    assert_eq!(
        (&answer.json["error"], &answer.json["error_codes"][0]),
        (&"invalid_grant".into(), &700_082.into())
    );
}
