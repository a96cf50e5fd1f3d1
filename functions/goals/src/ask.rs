//! The questions to Microsoft: which goals the account has, whether its clicks carry ids, and what
//! became of its rows.

use std::time::Duration;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;
use tracklayer_core::{
    id::AccountName,
    microsoft::{
        errors::ErrorClass,
        goals::{AccountGoal, GoalFinding, Gravity},
        reply::{MicrosoftError, Reply, read_apply},
        report::{MAX_GOALS, REPORT, ReportAnswer, ReportRequest},
        token_errors::look_up_token,
    },
    time::EventTime,
};
use tracklayer_edge::ports::{
    AccountItems as _, AccountSecret, Answer, AuthError, Clock as _, Metric, Microsoft as _, Ports,
    Secret, SecretError, Secrets as _, Telemetry as _, Tokens as _, Versioned,
};

use crate::{deadline::Deadline, handler::Goals};

/// learn.microsoft.com/advertising/campaign-management-service/getconversiongoalsbyids
const GOALS: &str = "/CampaignManagement/v13/ConversionGoals/QueryByIds";
/// learn.microsoft.com/advertising/campaign-management-service/getaccountproperties
const PROPERTIES: &str = "/CampaignManagement/v13/AccountProperties/Query";
/// No question takes long.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How an account is asked about.
pub struct Session {
    account: AccountName,
    secret: Versioned<AccountSecret>,
    token: Secret,
    /// Whether the token is the second one: a third is not asked for.
    renewed: bool,
}

/// What must be known before an account is asked about.
pub struct Standing<'a> {
    /// The version of its secret that the identity service refused.
    pub refused_secret: Option<&'a str>,
    /// Whether an earlier check was told of goals.
    pub had_goals: bool,
}

/// What Microsoft says of an account.
pub struct Answers {
    pub goals: Vec<AccountGoal>,
    /// Whether landing pages get a click id at all, or why that is unknown.
    pub auto_tagging: Result<bool, String>,
}

/// Why an account could not be asked about.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Auth(#[from] AuthError),
    #[error("the identity service refused this version of the secret before; give consent again")]
    Consent,
    #[error("Microsoft answers {}", said(.0, .1.as_deref()))]
    Refused(MicrosoftError, Option<String>),
    #[error("Microsoft gives no usable answer: {0}")]
    Unusable(String),
    #[error("Microsoft gives no usable answer: {}, {}", .0, said(.1, .2.as_deref()))]
    Doubtful(&'static str, MicrosoftError, Option<String>),
    #[error("Microsoft is not asked until {0}: it, or its identity service, is asked too often")]
    Paused(EventTime),
    #[error("no time is left to ask")]
    NoTime,
}

fn is_lasting(error: &MicrosoftError) -> bool {
    matches!(error.class, ErrorClass::Account | ErrorClass::Token)
}

/// Code, symbol and mark of an answer.
fn said(error: &MicrosoftError, tracking_id: Option<&str>) -> String {
    let code = error.code.map_or_else(|| "-".to_owned(), |code| code.to_string());
    let symbol = error.symbol.as_deref().unwrap_or("-");
    format!("{code} {symbol}, TrackingId {}", tracking_id.unwrap_or("-"))
}

impl AskError {
    /// The metric that a check counts which fails for this.
    pub fn metric(&self) -> Option<&'static str> {
        match self {
            AskError::Refused(error, _) | AskError::Doubtful(_, error, _)
                if error.entry().is_none() =>
            {
                Some("UnknownCode")
            }
            AskError::Refused(error, _) if is_lasting(error) => Some("AuthFailed"),
            AskError::Refused(..) | AskError::Doubtful(..) | AskError::Unusable(_) => {
                Some("Unknown")
            }
            AskError::Secret(_) | AskError::Auth(_) | AskError::Consent => Some("AuthFailed"),
            AskError::Paused(_) | AskError::NoTime => None,
        }
    }

    /// The finding, if a person must repair something before the account can be used.
    pub fn lasting(&self) -> Option<GoalFinding> {
        let cure = match self {
            AskError::Consent => look_up_token(400, "invalid_grant", &[]).cure,
            AskError::Auth(error) => error.cure()?,
            AskError::Refused(error, _) if is_lasting(error) => {
                error.entry().map_or("Look the code up at Microsoft.", |entry| entry.cure)
            }
            _ => return None,
        };
        Some(GoalFinding {
            goal: None,
            gravity: Gravity::Holds,
            problem: self.to_string(),
            cure: cure.to_owned(),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GoalsAnswer {
    /// Must be there, if only as null: an answer to something else must not hold every goal.
    #[serde(deserialize_with = "Option::deserialize")]
    conversion_goals: Option<Vec<Option<AccountGoal>>>,
    /// What could not be looked up: the goals are not all there then.
    partial_errors: Option<Vec<serde::de::IgnoredAny>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PropertiesAnswer {
    account_properties: Option<Vec<Property>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Property {
    name: Option<String>,
    value: Option<String>,
}

impl<P: Ports> Goals<P> {
    /// Signs in for one account; not with a version of its secret that was refused before.
    pub async fn sign_in(
        &self,
        account: &AccountName,
        standing: &Standing<'_>,
        deadline: &Deadline,
    ) -> Result<Session, AskError> {
        let refused = standing.refused_secret;
        let mut secret = self.secrets.account(account).await?;
        if refused == Some(secret.version.as_str()) {
            self.secrets.forget(account).await;
            secret = self.secrets.account(account).await?;
        }
        if refused == Some(secret.version.as_str()) {
            return Err(AskError::Consent);
        }
        self.tell_age(account, &secret);
        let mut asked = self.token(account, &secret, deadline).await;
        if let Err(AskError::Auth(AuthError::Consent(_))) = &asked {
            // A rotation or a person may have written a newer one since it was read.
            let newer = self.secrets.account(account).await?;
            if newer.version != secret.version {
                asked = self.token(account, &newer, deadline).await;
                secret = newer;
            }
        }
        Ok(Session { account: account.clone(), secret, token: asked?, renewed: false })
    }

    async fn token(
        &self,
        account: &AccountName,
        secret: &Versioned<AccountSecret>,
        deadline: &Deadline,
    ) -> Result<Secret, AskError> {
        self.has_time(deadline)?;
        let asked = self.auth.token(account, secret).await;
        match &asked {
            Err(AuthError::Consent(_)) => self.refuse_secret(account, &secret.version).await,
            Err(AuthError::Looping(_)) => self.stop_asking(account).await,
            _ => {}
        }
        Ok(asked?)
    }

    /// After Microsoft refused the token: a new one, perhaps from a secret written meanwhile. Once.
    async fn renew(&self, session: &mut Session, deadline: &Deadline) -> Result<(), AskError> {
        session.renewed = true;
        session.secret = self.secrets.account(&session.account).await?;
        session.token = self.token(&session.account, &session.secret, deadline).await?;
        Ok(())
    }

    fn has_time(&self, deadline: &Deadline) -> Result<(), AskError> {
        deadline.allows(TIMEOUT, &self.clock).then_some(()).ok_or(AskError::NoTime)
    }

    /// Nobody asks for this account for as long as a message rests.
    async fn stop_asking(&self, account: &AccountName) {
        let until = self.clock.now().plus_seconds(self.policy.run_margin);
        if let Err(error) = self.ledger.pause(account, until).await {
            tracing::warn!(account = account.as_str(), %error, "pause not noted");
        }
    }

    /// An account that sells nothing for days still needs its rotation.
    fn tell_age(&self, account: &AccountName, secret: &Versioned<AccountSecret>) {
        let now = self.clock.now().epoch();
        if let Some(created) = secret.created {
            self.telemetry.emit(account.as_str(), &[Metric::secret_age(now - created)]);
        }
    }

    /// No worker asks with this version again.
    async fn refuse_secret(&self, account: &AccountName, version: &str) {
        self.secrets.forget(account).await;
        if let Err(error) = self.ledger.refuse_secret(account, version).await {
            tracing::warn!(account = account.as_str(), %error, "refused secret not noted");
        }
    }

    /// Asks about goals and auto-tagging.
    pub async fn ask(
        &self,
        session: &mut Session,
        standing: &Standing<'_>,
        deadline: &Deadline,
    ) -> Result<Answers, AskError> {
        let query = json!({
            "ConversionGoalTypes": "OfflineConversion",
            "ReturnAdditionalFields": "IsExternallyAttributed,IsEnhancedConversionsEnabled",
        });
        let answer: GoalsAnswer = self.query(session, GOALS, &query, deadline).await?;
        if answer.partial_errors.is_some_and(|errors| !errors.is_empty()) {
            return Err(AskError::Unusable("not all goals could be looked up".to_owned()));
        }
        if answer.conversion_goals.is_none() && standing.had_goals {
            // All of them deleted within the hour? It would hold everything.
            return Err(AskError::Unusable("no list of goals".to_owned()));
        }
        let goals = answer.conversion_goals.unwrap_or_default().into_iter().flatten().collect();
        // A failure here is no failure of the check: the goals are known, and only they hold rows.
        let auto_tagging = match self.ask_tagging(session, deadline).await {
            Ok(Some(on)) => Ok(on),
            Ok(None) => Err("Microsoft does not say".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        Ok(Answers { goals, auto_tagging })
    }

    async fn ask_tagging(
        &self,
        session: &mut Session,
        deadline: &Deadline,
    ) -> Result<Option<bool>, AskError> {
        let query = json!({"AccountPropertyNames": ["MSCLKIDAutoTaggingEnabled"]});
        let answer: PropertiesAnswer = self.query(session, PROPERTIES, &query, deadline).await?;
        let properties = answer.account_properties.unwrap_or_default();
        let tagging =
            properties.iter().find(|p| p.name.as_deref() == Some("MSCLKIDAutoTaggingEnabled"));
        let value = tagging.and_then(|property| property.value.as_deref());
        Ok(value.map(|value| value.eq_ignore_ascii_case("true")))
    }

    /// Asks what became of the goals' rows of the last days, as many calls as it takes.
    pub async fn ask_outcome(
        &self,
        session: &mut Session,
        goal_ids: &[&str],
        now: EventTime,
        deadline: &Deadline,
    ) -> Result<Vec<ReportAnswer>, AskError> {
        let mut answers = Vec::new();
        for goal_ids in goal_ids.chunks(MAX_GOALS) {
            let query = ReportRequest::new(now, goal_ids);
            answers.push(self.query(session, REPORT, &query, deadline).await?);
        }
        Ok(answers)
    }

    /// One question, and a second time with a new token if the first one's was refused.
    async fn query<T: DeserializeOwned>(
        &self,
        session: &mut Session,
        path: &str,
        query: &impl Serialize,
        deadline: &Deadline,
    ) -> Result<T, AskError> {
        match self.query_once(session, path, query, deadline).await {
            Err(AskError::Refused(error, _))
                if error.class == ErrorClass::Token && !session.renewed =>
            {
                self.renew(session, deadline).await?;
                self.query_once(session, path, query, deadline).await
            }
            answer => answer,
        }
    }

    async fn query_once<T: DeserializeOwned>(
        &self,
        session: &Session,
        path: &str,
        query: &impl Serialize,
        deadline: &Deadline,
    ) -> Result<T, AskError> {
        self.has_time(deadline)?;
        let Session { account, secret, token, .. } = session;
        match self.microsoft.post(path, query, token, &secret.value, TIMEOUT).await {
            Answer::Http { status: 200, body, .. } => serde_json::from_slice(&body)
                .map_err(|_| AskError::Unusable("unreadable answer".to_owned())),
            Answer::Http { status, body, tracking_id } => match read_apply(status, &body, 0) {
                Reply::Fault(error) => {
                    // What is asked next comes with a new token, perhaps from a new secret.
                    self.auth.forget(account).await;
                    self.secrets.forget(account).await;
                    Err(AskError::Refused(error, tracking_id))
                }
                Reply::Unknown(why, Some(error)) => {
                    Err(AskError::Doubtful(why, error, tracking_id))
                }
                Reply::Unknown(..) | Reply::Rows(_) => {
                    Err(AskError::Unusable(format!("HTTP {status}")))
                }
            },
            Answer::NotSent(why) | Answer::Lost(why) => Err(AskError::Unusable(why)),
        }
    }
}
