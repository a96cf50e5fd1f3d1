//! `connect`: consent to the use of an ad account, and its secret.
//!
//! - `application`: who asks: the registered application and the developer token
//! - `redirect`: takes the browser's answer on localhost
//! - `consent`: the page of consent, and the exchange of its code
//! - `customers`: who consented, and which ad accounts they may use
//! - `choice`: which of them it shall be
//! - `secret`: the account's secret, read and written
//! - `prompt`: what is asked on a terminal

mod application;
mod choice;
mod consent;
mod customers;
mod prompt;
mod redirect;
mod secret;

use std::time::Duration;

use owo_colors::OwoColorize as _;
use serde::Serialize;
use tracklayer_core::id::AccountName;

use crate::failure::{Failure, Verdict};
use crate::options::ConnectOptions;
use crate::place::{Microsoft, Ops};
use crate::screen::Screen;
use application::Application;
use consent::Consent;
use customers::{AdAccount, Customers};
use prompt::Prompt;
use redirect::Redirect;
pub use secret::PLACEHOLDER;

/// Gives consent and writes the account's secret.
pub async fn run(ops: &Ops, options: &ConnectOptions, screen: &Screen) -> Result<Verdict, Failure> {
    let account = account(ops, options)?;
    let known = secret::read(ops, &account).await?;
    let prompt = Prompt::new(screen);
    let microsoft = Microsoft::of(&ops.deployment);
    let application = Application::of(options, &known, &microsoft, prompt)?;
    let redirect = Redirect::bind(options.port).await?;
    let consent = Consent::new(&application, &microsoft, redirect.address())?;
    show(consent.url(), options, screen);
    let code = redirect.code(consent.state(), Duration::from_secs(options.wait)).await?;
    let tokens = consent.exchange(code).await?;

    let customers = Customers::new(&microsoft, &application, &tokens)?;
    let user = customers.user().await?;
    let accounts = customers.accounts(&user.id).await?;
    if !screen.is_json() {
        screen.say(format!(
            "{} consented and may use:\n\n{}\n",
            user.name,
            choice::table(&accounts)
        ));
    }
    let stored = known.text("account_id");
    let chosen = choice::choose(&accounts, options, stored.as_deref(), prompt)?;
    let version = secret::write(ops, &account, &application, &tokens, chosen).await?;
    tell(&Answer { account: &account, user: &user.name, chosen, version: &version }, screen);
    Ok(Verdict::Fine)
}

/// The account that is named, or the only one.
fn account(ops: &Ops, options: &ConnectOptions) -> Result<AccountName, Failure> {
    let names: Vec<&AccountName> = ops.mapping.accounts().map(|it| it.name()).collect();
    let all = || names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    match (&options.account, names.as_slice()) {
        (Some(name), names) if names.contains(&name) => Ok(name.clone()),
        (Some(name), _) => {
            let help = format!("It has {}. Another mapping is named with --mapping.", all());
            let message = format!("the mapping has no account {name}");
            Err(Failure::input("unknown_account", message, help))
        }
        (None, [only]) => Ok((*only).clone()),
        (None, _) => {
            let help = format!("Name one of {} with --account.", all());
            Err(Failure::input("account_needed", "the mapping has several accounts", help))
        }
    }
}

/// Shows the address in any case: the browser that opens may not be the one of the right user.
fn show(url: &str, options: &ConnectOptions, screen: &Screen) {
    let is_opened = !options.no_browser && webbrowser::open(url).is_ok();
    let what = if is_opened { "A browser opens" } else { "Open" };
    screen.note(format!(
        "{what} this address, on this machine; sign in as a user who manages the ad account:\n\n{url}\n"
    ));
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    account: &'a AccountName,
    user: &'a str,
    #[serde(flatten)]
    chosen: &'a AdAccount,
    /// The version of the secret that was written.
    version: &'a str,
}

fn tell(answer: &Answer<'_>, screen: &Screen) {
    if screen.json(answer) {
        return;
    }
    let Answer { account, chosen, .. } = answer;
    screen.say(format!("{} {account} is connected to {chosen}", "✓".green()));
    screen.say("Its functions use it within five minutes. `doctor --check` tries it.");
}
