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

#[cfg(test)]
mod tests {
    use super::*;

    fn of(parameters: &[(&str, &str)]) -> Microsoft {
        Microsoft::of(&Deployment::with_parameters(parameters))
    }

    #[test]
    fn addresses_follow_from_the_environment_unless_they_are_named() {
        let production = of(&[("MicrosoftEnvironment", "production"), ("MicrosoftApiUrl", "")]);
        assert_eq!(production.campaigns, "https://campaign.api.bingads.microsoft.com");
        assert_eq!(
            production.authorize_url("common").expect("an address"),
            "https://login.microsoftonline.com/common/oauth2/v2.0/authorize"
        );
        let sandbox = of(&[("MicrosoftEnvironment", "sandbox")]);
        assert_eq!(sandbox.customers, "https://clientcenter.api.sandbox.bingads.microsoft.com");
        assert_eq!(sandbox.scope(), "https://si.ads.microsoft.com/msads.manage");
        let other =
            of(&[("MicrosoftApiUrl", "http://m/"), ("MicrosoftTokenUrl", "http://m/t/token")]);
        assert_eq!((&*other.campaigns, &*other.customers), ("http://m", "http://m"));
        assert_eq!(other.authorize_url("common").expect("an address"), "http://m/t/authorize");
    }

    #[test]
    fn a_token_endpoint_of_another_name_has_no_known_page_of_consent() {
        let other = of(&[("MicrosoftTokenUrl", "https://m/tokens")]);
        assert_eq!(other.authorize_url("common").expect_err("unknown").code, "no_authorize_url");
    }
}
