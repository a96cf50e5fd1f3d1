//! The questions to Microsoft: which goals the account has, whether its clicks carry ids, and what
//! became of its rows.

use std::time::Duration;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;
use tracklayer_core::microsoft::errors::ErrorClass;
use tracklayer_core::microsoft::goals::AccountGoal;
use tracklayer_core::microsoft::reply::{Reply, read_apply};
use tracklayer_core::microsoft::report::{MAX_GOALS, REPORT, ReportAnswer, ReportRequest};
use tracklayer_core::time::EventTime;
use tracklayer_edge::flows::sign_in::{Session, SignInError};
use tracklayer_edge::lambda::deadline::Deadline;
use tracklayer_edge::ports::{
    AccountItem, Answer, Microsoft as _, Ports, Secrets as _, Tokens as _,
};

use crate::{context::Goals, error::AskError};

/// learn.microsoft.com/advertising/campaign-management-service/getconversiongoalsbyids
const GOALS: &str = "/CampaignManagement/v13/ConversionGoals/QueryByIds";
/// learn.microsoft.com/advertising/campaign-management-service/getaccountproperties
const PROPERTIES: &str = "/CampaignManagement/v13/AccountProperties/Query";
const TIMEOUT: Duration = Duration::from_secs(10);

/// What Microsoft says of an account.
pub struct Answers {
    pub goals: Vec<AccountGoal>,
    /// Whether landing pages get a click id at all, or why that is unknown.
    pub auto_tagging: Result<bool, String>,
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
    pub(crate) async fn ask(
        &self, session: &mut Session, before: &AccountItem, deadline: Deadline,
    ) -> Result<Answers, AskError> {
        let query = json!({
            "ConversionGoalTypes": "OfflineConversion",
            "ReturnAdditionalFields": "IsExternallyAttributed,IsEnhancedConversionsEnabled",
        });
        let answer: GoalsAnswer = self.query(session, GOALS, &query, deadline).await?;
        if answer.partial_errors.is_some_and(|errors| !errors.is_empty()) {
            return Err(AskError::Unusable("not all goals could be looked up".to_owned()));
        }
        if answer.conversion_goals.is_none() && before.goals_seen > 0 {
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
        &self, session: &mut Session, deadline: Deadline,
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
    pub(crate) async fn ask_outcome(
        &self, session: &mut Session, goal_ids: &[&str], now: EventTime, deadline: Deadline,
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
        &self, session: &mut Session, path: &str, query: &impl Serialize, deadline: Deadline,
    ) -> Result<T, AskError> {
        match self.query_once(session, path, query, deadline).await {
            Err(AskError::Refused(error, _))
                if error.class == ErrorClass::Token && !session.is_renewed =>
            {
                self.sign_in(deadline).renew(session).await?;
                self.query_once(session, path, query, deadline).await
            }
            answer => answer,
        }
    }

    async fn query_once<T: DeserializeOwned>(
        &self, session: &Session, path: &str, query: &impl Serialize, deadline: Deadline,
    ) -> Result<T, AskError> {
        if !deadline.allows(TIMEOUT, &self.clock) {
            return Err(SignInError::NoTime.into());
        }
        let Session { account, secret, token, .. } = session;
        match self.microsoft.post(path, query, token, &secret.value, TIMEOUT).await {
            Answer::Http { status: 200, body, .. } => serde_json::from_slice(&body)
                .map_err(|_| AskError::Unusable("unreadable answer".to_owned())),
            Answer::Http { status, body, tracking_id } => match read_apply(status, &body, 0) {
                Reply::Fault(error) => {
                    // What is asked next is asked with a new token, perhaps from a new secret.
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
