//! `connect`: consent, and the account's secret.

use std::process::Stdio;

use microsoft_simulator::{Account, AnswerBody, Fault, FaultRule};
use reqwest::{Client, Url, redirect::Policy};
use serde_json::{Value, json};
use test_support::events::{click, purchase};
use test_support::rig::World;
use test_support::rig::operator::{TOKEN, parameter};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStderr, Command};

use super::{Ran, local, ops, program};

const SCOPE: &str = "https://ads.microsoft.com/msads.manage";

/// The tool while it waits for an answer, and a browser.
struct Asking {
    tool: Child,
    /// What the tool writes beside its answer; it must not be closed while the tool runs.
    told: BufReader<ChildStderr>,
    /// The page of consent.
    page: Url,
    browser: Client,
}

impl Asking {
    /// Starts `connect --json` and reads the address that it shows.
    async fn start(world: &World, arguments: &[&str]) -> Asking {
        let mut command = Command::new(program().await);
        command.args([&local(world), "connect", "--json", "--no-browser"]).args(arguments);
        command.env_clear().kill_on_drop(true).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut tool = command.spawn().expect("the tool runs");
        let mut told = BufReader::new(tool.stderr.take().expect("a pipe"));
        let page = loop {
            let mut line = String::new();
            assert_ne!(told.read_line(&mut line).await.expect("text"), 0, "no address is shown");
            if line.starts_with("http") {
                break line.trim().parse().expect("an address");
            }
        };
        let browser = Client::builder().redirect(Policy::none()).build().expect("a client");
        Asking { tool, told, page, browser }
    }

    /// A member of the address.
    fn asks(&self, name: &str) -> String {
        let mut pairs = self.page.query_pairs();
        pairs.find(|(it, _)| it == name).unwrap_or_else(|| panic!("no {name}")).1.into_owned()
    }

    /// Presses a button of the page; answers with where the browser is sent.
    async fn decide(&self, decision: &str) -> Url {
        let mut page = self.page.clone();
        page.query_pairs_mut().append_pair("decision", decision);
        let answer = self.browser.get(page).send().await.expect("a page");
        let location = answer.headers().get("location").expect("a redirect");
        location.to_str().expect("text").parse().expect("an address")
    }

    /// Brings an answer to the tool; answers with the status of its page.
    async fn bring(&self, members: &[(&str, &str)]) -> u16 {
        let url = Url::parse_with_params(&self.asks("redirect_uri"), members).expect("an address");
        self.browser.get(url).send().await.expect("a page").status().as_u16()
    }

    /// How the tool ends.
    async fn end(self) -> Ran {
        let mut told = self.told;
        let mut err = String::new();
        told.read_to_string(&mut err).await.expect("text");
        let output = self.tool.wait_with_output().await.expect("it ends");
        let out = String::from_utf8(output.stdout).expect("text");
        Ran { code: output.status.code(), out, err }
    }

    /// Consents, and how the tool ends.
    async fn accepted(self) -> Ran {
        let answer = self.decide("accept").await;
        self.browser.get(answer).send().await.expect("a page");
        self.end().await
    }

    async fn refused(self, code: &str) {
        let ran = self.end().await;
        assert_eq!((ran.code, &ran.json()["error"]["code"]), (Some(2), &json!(code)), "{ran:?}");
    }
}

async fn secret(world: &World) -> Value {
    let id = json!({"SecretId": "tracklayer/main"});
    let current = world.aws("secretsmanager.GetSecretValue", id).await;
    serde_json::from_str(current["SecretString"].as_str().expect("text")).expect("JSON")
}

/// Other ad accounts beside the first.
fn add_accounts(world: &World, ids: &[&str]) {
    world.microsoft().update_settings(|settings| {
        let account = |id: &&str| Account { account_id: (*id).to_owned(), ..Account::default() };
        settings.accounts.extend(ids.iter().map(account));
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_brings_an_account_back_that_was_refused() {
    // However long a person takes to consent, the message is not given up.
    let world = World::with(|options| parameter(options, "MaxReceiveCount", "900")).await;
    world.change_secret("main", "refresh_token", "revoked").await;
    world.change_secret("main", "note", "of a person").await;
    world.queued(&purchase("1", &click(1), &json!(5))).await;
    world.until_called(TOKEN, 1).await;
    assert!(world.conversions().await.is_empty(), "the consent has ended");
    add_accounts(&world, &["7654399"]);

    let asking = Asking::start(&world, &[]).await;
    assert_eq!(asking.asks("code_challenge_method"), "S256");
    assert_eq!(asking.asks("scope"), format!("offline_access {SCOPE}"));
    let ran = asking.accepted().await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let answer = ran.json();
    // Of two accounts it is the one that the secret has.
    for (name, value) in [
        ("account", "main"),
        ("user", "operator@contoso.com"),
        ("accountId", "7654321"),
        ("accountNumber", "X7654321"),
        ("customerId", "1234567"),
    ] {
        assert_eq!(answer[name], json!(value), "{name} in {answer}");
    }
    let written = secret(&world).await;
    assert_eq!(written["note"], json!("of a person"), "what it does not know stays");
    assert!(written["refresh_token"].as_str().expect("text").starts_with("local-refresh-token."));
    assert!(!ran.out.contains("local-refresh-token") && !ran.err.contains("local-refresh-token"));
    // Neither the refusal nor an access token of before is in the way.
    world.until_worth(&click(1), "5").await;

    let ran = Asking::start(&world, &["--account-number", "x7654399"]).await.accepted().await;
    assert_eq!((ran.code, &ran.json()["accountId"]), (Some(0), &json!("7654399")), "{ran:?}");
    assert_eq!(secret(&world).await["account_id"], json!("7654399"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_answer_to_its_own_question_is_taken() {
    let world = World::start().await;
    let before = secret(&world).await;
    // Another state: the tool goes on waiting for its own.
    let asking = Asking::start(&world, &[]).await;
    assert_eq!(asking.bring(&[("state", "another"), ("code", "simulated-code-1")]).await, 400);
    assert_eq!(asking.bring(&[("code", "simulated-code-1")]).await, 400);
    let calls = world.calls(TOKEN).len();
    assert_eq!(asking.accepted().await.code, Some(0));
    assert_eq!(world.calls(TOKEN).len(), calls + 1, "the others were not exchanged");
    let first = secret(&world).await;
    assert_ne!(first["refresh_token"], before["refresh_token"]);

    // A code that was given for somebody else's question has another verifier.
    let (mine, other) = (Asking::start(&world, &[]).await, Asking::start(&world, &[]).await);
    let theirs = other.decide("accept").await;
    let code =
        theirs.query_pairs().find(|(name, _)| name == "code").expect("a code").1.into_owned();
    let mut asked = mine.page.clone();
    let pairs: Vec<(String, String)> = asked.query_pairs().into_owned().collect();
    asked.query_pairs_mut().clear().extend_pairs(pairs.iter().map(|(name, value)| {
        let other = if name == "code_challenge" { "A".repeat(43) } else { value.clone() };
        (name.clone(), other)
    }));
    asked.query_pairs_mut().append_pair("decision", "accept");
    let answer = mine.browser.get(asked).send().await.expect("a page");
    let foreign = answer.headers().get("location").expect("a redirect").to_str().expect("text");
    assert_eq!(mine.browser.get(foreign).send().await.expect("a page").status(), 200);
    let ran = mine.end().await;
    assert_eq!((ran.code, &ran.json()["error"]["code"]), (Some(2), &json!("token_refused")));
    assert!(ran.out.contains("501481"), "the verifier is not the code's: {}", ran.out);
    // With the right verifier, but for another redirect address.
    let state = other.asks("state");
    assert_eq!(other.bring(&[("state", &state), ("code", &format!("{code}0"))]).await, 200);
    other.refused("token_refused").await;
    assert_eq!(secret(&world).await, first, "nothing was written");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_of_no_use_is_not_written() {
    let world = World::start().await;
    let before = secret(&world).await;
    let asking = Asking::start(&world, &[]).await;
    let declined = asking.decide("decline").await;
    asking.browser.get(declined).send().await.expect("a page");
    asking.refused("declined").await;

    let answer = |scope: &str, rest: &str| {
        let text = format!(
            r#"{{"token_type":"Bearer","expires_in":3599,"scope":"{scope}","access_token":"a"{rest}}}"#
        );
        let body = AnswerBody::Text(text);
        FaultRule::new(Fault::Status { status: 200, body, after_accepting: false }).on(TOKEN)
    };
    for (rule, code) in [
        (answer("openid profile", r#","refresh_token":"r""#), "without_scope"),
        (answer(SCOPE, ""), "no_refresh_token"),
        // An access token that Microsoft Advertising does not know.
        (answer(SCOPE, r#","refresh_token":"r""#), "microsoft_refused"),
    ] {
        world.faults(vec![rule]);
        let ran = Asking::start(&world, &[]).await.accepted().await;
        assert_eq!((ran.code, &ran.json()["error"]["code"]), (Some(2), &json!(code)), "{ran:?}");
    }
    world.faults(Vec::new());

    let ran = Asking::start(&world, &["--account-id", "1"]).await.accepted().await;
    assert_eq!(ran.json()["error"]["code"], "not_this_account", "{ran:?}");
    assert!(ran.out.contains("X7654321"), "it says which it may be: {}", ran.out);
    world.microsoft().update_settings(|settings| settings.accounts.clear());
    let ran = Asking::start(&world, &[]).await.accepted().await;
    assert_eq!((ran.code, &ran.json()["error"]["code"]), (Some(2), &json!("no_accounts")));
    assert_eq!(secret(&world).await, before, "nothing was written");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_stack_is_connected_by_what_is_named() {
    let world = World::start().await;
    let fresh = ["client_id", "refresh_token", "developer_token", "customer_id", "account_id"];
    for member in fresh {
        world.change_secret("main", member, "replace me").await;
    }
    add_accounts(&world, &["7654399"]);
    // A pipe is asked nothing.
    let fails = async |arguments: &[&str], code: &str, exit: i32| {
        let ran = ops(&world, &[&["connect", "--json", "--no-browser"], arguments].concat()).await;
        assert_eq!((ran.code, &ran.json()["error"]["code"]), (Some(exit), &json!(code)), "{ran:?}");
    };
    fails(&[], "value_needed", 2).await;
    fails(&["--client-id", "local-client"], "value_needed", 2).await;
    let named = ["--client-id", "local-client", "--developer-token", "local-developer-token"];
    fails(&[&named[..], &["--wait", "1"]].concat(), "no_answer", 3).await;
    fails(&["--account", "other"], "unknown_account", 2).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    fails(&[&named[..], &["--port", &port]].concat(), "port_taken", 2).await;
    let ran = Asking::start(&world, &named).await.accepted().await;
    assert_eq!(ran.json()["error"]["code"], "account_needed", "{ran:?}");
    assert_eq!(secret(&world).await["refresh_token"], json!("replace me"));

    let ran = Asking::start(&world, &[&named[..], &["--account-id", "7654321"]].concat()).await;
    assert_eq!(ran.accepted().await.code, Some(0));
    world.queued(&purchase("1", &click(1), &json!(5))).await;
    world.until_worth(&click(1), "5").await;

    let secret = json!({"SecretId": "tracklayer/main", "ForceDeleteWithoutRecovery": true});
    world.aws("secretsmanager.DeleteSecret", secret).await;
    fails(&named, "no_secret", 3).await;
    world.stop().await;
}

/// What a person types at a terminal of its own, and what that shows until the tool ends.
async fn typed(world: &World, arguments: &str, answers: &[(&str, &str)]) -> String {
    let tool = program().await.display().to_string();
    let tool = format!("{tool} {} connect --no-browser {arguments}", local(world));
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &tool, "/dev/null"]).kill_on_drop(true);
    command.env("TERM", "dumb").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut terminal = command.spawn().expect("script of util-linux runs");
    let mut keys = terminal.stdin.take().expect("a pipe");
    let mut screen = terminal.stdout.take().expect("a pipe");
    let (mut shown, mut from) = (String::new(), 0);
    for (question, answer) in answers {
        while !shown[from..].contains(question) {
            let mut part = [0; 1024];
            let read = screen.read(&mut part).await.expect("text");
            assert_ne!(read, 0, "{question} is not asked: {shown}");
            shown.push_str(&String::from_utf8_lossy(&part[..read]));
        }
        from = shown.len();
        keys.write_all(format!("{answer}\r").as_bytes()).await.expect("typed");
    }
    screen.read_to_string(&mut shown).await.expect("text");
    terminal.wait().await.expect("it ends");
    shown
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_is_asked_for_what_is_not_known_and_shows_no_secret() {
    let world = World::start().await;
    for member in ["client_id", "client_secret", "developer_token"] {
        world.change_secret("main", member, "replace me").await;
    }
    let answers = [
        ("Client id", "local-client"),
        ("Client secret", "typed-client-secret"),
        ("Developer token", "typed-developer-token"),
    ];
    // Nobody opens the page.
    let shown = typed(&world, "--wait 1", &answers).await;
    assert!(shown.contains("client_id=local-client"), "{shown}");
    assert!(shown.contains("error:") && !shown.contains("typed-"), "{shown}");
    world.stop().await;
}
