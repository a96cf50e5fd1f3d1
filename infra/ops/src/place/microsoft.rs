//! Where Microsoft is for this deployment.

use tracklayer_core::ledger::observed::Environment;

use super::Deployment;
use crate::failure::Failure;

/// What stands at the end of the token endpoint's address, and of that of the page of consent.
const TOKEN: &str = "/token";
const AUTHORIZE: &str = "/authorize";

/// Addresses of one environment. What the stack's parameters leave open is as Microsoft has it
/// (learn.microsoft.com/advertising/guides/authentication-oauth,
/// learn.microsoft.com/advertising/customer-management-service/getuser).
#[derive(Debug)]
pub struct Microsoft {
    /// Production or sandbox.
    pub environment: Environment,
    /// What stands before `/CampaignManagement`.
    pub campaigns: String,
    /// What stands before `/CustomerManagement`.
    pub customers: String,
    /// The token endpoint, unless it follows from the tenant.
    token: Option<String>,
}

impl Microsoft {
    /// By the parameters of the stack.
    pub fn of(deployment: &Deployment) -> Microsoft {
        let (environment, domain) = match deployment.parameter("MicrosoftEnvironment") {
            Some("sandbox") => (Environment::Sandbox, "api.sandbox.bingads.microsoft.com"),
            _ => (Environment::Production, "api.bingads.microsoft.com"),
        };
        let api = deployment.parameter("MicrosoftApiUrl").map(|url| url.trim_end_matches('/'));
        let host = |name| api.map_or_else(|| format!("https://{name}.{domain}"), str::to_owned);
        Microsoft {
            environment,
            campaigns: host("campaign"),
            customers: host("clientcenter"),
            token: deployment.parameter("MicrosoftTokenUrl").map(str::to_owned),
        }
    }

    /// What the tokens must be for.
    pub fn scope(&self) -> &'static str {
        match self.environment {
            Environment::Production => "https://ads.microsoft.com/msads.manage",
            Environment::Sandbox => "https://si.ads.microsoft.com/msads.manage",
        }
    }

    /// The token endpoint of a tenant.
    pub fn token_url(&self, tenant: &str) -> String {
        let known = || format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0{TOKEN}");
        self.token.clone().unwrap_or_else(known)
    }

    /// The page of consent, which lies beside the token endpoint.
    pub fn authorize_url(&self, tenant: &str) -> Result<String, Failure> {
        let token = self.token_url(tenant);
        let base = token.strip_suffix(TOKEN).ok_or_else(|| {
            let message = format!("the stack's MicrosoftTokenUrl does not end with {TOKEN}");
            let help = "So nobody knows where its page of consent is. Leave the parameter empty \
                        for Microsoft's own.";
            Failure::input("no_authorize_url", message, help)
        })?;
        Ok(format!("{base}{AUTHORIZE}"))
    }
}
