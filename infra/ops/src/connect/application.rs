//! Who asks for consent: the application that is registered in Entra, and the developer token.

use tracklayer_core::ledger::observed::Environment;
use tracklayer_edge::ports::Secret;

use super::prompt::Prompt;
use super::secret::Known;
use crate::{failure::Failure, options::ConnectOptions, place::Microsoft};

/// The sandbox's own, which is public (learn.microsoft.com/advertising/guides/sandbox).
const SANDBOX_DEVELOPER_TOKEN: &str = "BBD37VB98";

/// The registered application and the developer token.
#[derive(Debug)]
pub struct Application {
    /// Its id.
    pub client_id: String,
    /// Its secret; none of a public client.
    pub client_secret: Option<Secret>,
    /// Of the Microsoft Advertising user.
    pub developer_token: Secret,
    /// The Entra tenant, unless it is `common`.
    pub tenant: Option<String>,
}

impl Application {
    /// By the options, else by the account's secret, else by the person at the terminal.
    pub fn of(
        options: &ConnectOptions, known: &Known, microsoft: &Microsoft, prompt: Prompt,
    ) -> Result<Application, Failure> {
        let client_id = client_id(options, known, prompt)?;
        // The secret of another application is of no use.
        let is_known = known.text("client_id").as_ref() == Some(&client_id);
        let client_secret = match &options.client_secret {
            Some(secret) => Some(secret.clone()),
            None if is_known => known.text("client_secret").map(Secret::from),
            None => prompt.secret("Client secret (empty for a public client)")?,
        };
        Ok(Application {
            client_id,
            client_secret: client_secret.filter(is_some_text),
            developer_token: developer_token(options, known, microsoft, prompt)?,
            tenant: options.tenant.clone().or(known.text("tenant")),
        })
    }

    /// What stands for the tenant in addresses.
    pub fn tenant(&self) -> &str {
        self.tenant.as_deref().unwrap_or("common")
    }
}

fn is_some_text(secret: &Secret) -> bool {
    !secret.expose().is_empty()
}

fn client_id(options: &ConnectOptions, known: &Known, prompt: Prompt) -> Result<String, Failure> {
    let named = options.client_id.as_ref().map(|id| id.trim().to_owned());
    match named.filter(|id| !id.is_empty()).or(known.text("client_id")) {
        Some(id) => Ok(id),
        None => prompt.text("Client id (Entra: Application ID)")?.ok_or_else(|| {
            missing("client id", "Set --client-id: the Application ID of the app registration.")
        }),
    }
}

fn developer_token(
    options: &ConnectOptions, known: &Known, microsoft: &Microsoft, prompt: Prompt,
) -> Result<Secret, Failure> {
    let stored = known.text("developer_token").map(Secret::from);
    let public = || {
        let is_sandbox = microsoft.environment == Environment::Sandbox;
        is_sandbox.then(|| Secret::from(SANDBOX_DEVELOPER_TOKEN.to_owned()))
    };
    let given = options.developer_token.clone().filter(is_some_text).or(stored).or_else(public);
    let token = match given {
        Some(token) => Some(token),
        None => prompt.secret("Developer token")?,
    };
    token.filter(is_some_text).ok_or_else(|| {
        let help = "Set TRACKLAYER_DEVELOPER_TOKEN; Microsoft Advertising shows it under Settings, \
                    Developer settings.";
        missing("developer token", help)
    })
}

fn missing(what: &str, help: &str) -> Failure {
    let message = format!("the {what} is not known, and nobody is there to ask");
    Failure::input("value_needed", message, help)
}
