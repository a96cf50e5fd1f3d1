use tracklayer_core::id::AccountName;
use tracklayer_core::microsoft::errors::ErrorClass;
use tracklayer_core::microsoft::goals::{GoalFinding, Gravity};
use tracklayer_core::microsoft::reply::MicrosoftError;
use tracklayer_core::time::EventTime;
use tracklayer_edge::{flows::sign_in::SignInError, ports::LedgerError};

/// Why an account could not be asked about.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error(transparent)]
    SignIn(#[from] SignInError),
    #[error("Microsoft answers {}", said(.0, .1.as_deref()))]
    Refused(MicrosoftError, Option<String>),
    #[error("Microsoft gives no usable answer: {0}")]
    Unusable(String),
    #[error("Microsoft gives no usable answer: {}, {}", .0, said(.1, .2.as_deref()))]
    Doubtful(&'static str, MicrosoftError, Option<String>),
    #[error("Microsoft is not asked until {0}: it, or its identity service, is asked too often")]
    Paused(EventTime),
    #[error(
        "it has the same ad account as \"{0}\", and each would swallow the other's conversions"
    )]
    Shared(AccountName),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

fn is_lasting(error: &MicrosoftError) -> bool {
    matches!(error.class, ErrorClass::Account | ErrorClass::Token)
}

/// Code, symbol and tracking id of an answer.
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
            AskError::SignIn(SignInError::NoTime) | AskError::Paused(_) | AskError::Ledger(_) => {
                None
            }
            AskError::SignIn(_) | AskError::Shared(_) => Some("AuthFailed"),
        }
    }

    /// The finding, if a person must repair something before the account can be used.
    pub fn lasting(&self) -> Option<GoalFinding> {
        let cure = match self {
            AskError::SignIn(error) => error.cure()?,
            AskError::Shared(_) => {
                "Write the right account_id into both secrets, or make one account of the two."
            }
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

#[cfg(test)]
mod tests {
    use tracklayer_edge::ports::SecretError;

    use super::*;

    #[test]
    fn what_a_person_must_repair_holds_the_account_and_what_passes_does_not() {
        let of = |error: SecretError| AskError::from(SignInError::from(error)).lasting();
        let text = |text: &str| text.to_owned();
        let broken =
            of(SecretError::Malformed(text("main"), text("the member tenant is not a text")));
        let finding = broken.expect("nothing of the account can be sent");
        assert_eq!(finding.gravity, Gravity::Holds);
        assert!(finding.problem.contains("the member tenant"), "{}", finding.problem);
        assert_eq!(of(SecretError::Unavailable(text("main"), text("timeout"))), None);
        let other = "other".parse().expect("an account");
        assert!(AskError::Shared(other).lasting().is_some());
    }
}
