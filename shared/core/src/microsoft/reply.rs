//! What Microsoft answered, as one outcome per row sent.
//!
//! HTTP 200 is not success: a row counts as accepted only if the answer was read completely and
//! names no error for that row's index (learn.microsoft.com/advertising/guides/handle-service-errors-exceptions).

use serde::Deserialize;

use crate::microsoft::errors::{Entry, ErrorClass, UNREADABLE, look_up};

/// One error, from a row (`PartialErrors`) or from a whole call (fault).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MicrosoftError {
    /// Microsoft's number, if sent.
    pub code: Option<i64>,
    /// Microsoft's symbol (`ErrorCode`), if sent.
    pub symbol: Option<String>,
    pub class: ErrorClass,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowOutcome {
    /// Taken (which is not yet attributed).
    Accepted,
    Failed(MicrosoftError),
    /// Nobody knows; the same payload is sent again.
    Unknown,
}

impl RowOutcome {
    /// Why it was not taken, if it was refused.
    pub fn error(&self) -> Option<&MicrosoftError> {
        match self {
            RowOutcome::Failed(error) => Some(error),
            RowOutcome::Accepted | RowOutcome::Unknown => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// One outcome per row, in the order sent.
    Rows(Vec<RowOutcome>),
    /// The call was refused as a whole, before any row was taken.
    Fault(MicrosoftError),
    /// Whether any row was taken is unknown: why, for the log, and what Microsoft said, if anything
    /// (also of the whole account: a refused token under HTTP 500 is a refused token).
    Unknown(&'static str, Option<MicrosoftError>),
}

#[derive(Deserialize)]
struct ApplyAnswer {
    /// Must be there, if only as null: `{}` from some proxy is no acceptance.
    #[serde(rename = "PartialErrors", deserialize_with = "Option::deserialize")]
    partial_errors: Option<Vec<BatchError>>,
    /// A fault under HTTP 200: not documented, and no acceptance.
    #[serde(flatten)]
    fault: FaultBody,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BatchError {
    code: Option<i64>,
    error_code: Option<String>,
    /// Absent is not 0: sloppy JSON leaves it out, and row 0 would be blamed.
    index: Option<i64>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct FaultBody {
    errors: Option<Vec<BatchError>>,
    operation_errors: Option<Vec<BatchError>>,
    batch_errors: Option<Vec<BatchError>>,
    application_fault: Option<Box<FaultBody>>,
}

/// Reads the answer to an Apply call that carried `rows` rows.
pub fn read_apply(status: u16, body: &[u8], rows: usize) -> Reply {
    if status == 200 { read_rows(body, rows) } else { read_fault(status, body, rows) }
}

fn read_rows(body: &[u8], rows: usize) -> Reply {
    // An array would do as a struct for serde: `[[]]` would read as "no errors".
    let is_object = body.trim_ascii_start().starts_with(b"{");
    match serde_json::from_slice::<ApplyAnswer>(body) {
        Ok(answer) if is_object && answer.fault.is_empty() => {
            align(answer.partial_errors.unwrap_or_default(), rows)
        }
        _ => Reply::Unknown("unreadable answer", None),
    }
}

/// Puts each error on the row it names. An error that names no row, or one that wasn't sent,
/// makes every row unknown: some row failed, and nobody can say which.
fn align(errors: Vec<BatchError>, rows: usize) -> Reply {
    let mut outcomes = vec![RowOutcome::Accepted; rows];
    for error in errors {
        let position = error.index.and_then(|index| usize::try_from(index).ok());
        let Some(slot) = position.and_then(|position| outcomes.get_mut(position)) else {
            return Reply::Unknown("error without a valid index", Some(error.into()));
        };
        merge(slot, error.into());
    }
    Reply::Rows(outcomes)
}

/// Several errors can name one row: the gravest decides, so that a row isn't retried for a
/// passing error while a lasting one is beside it.
fn merge(slot: &mut RowOutcome, error: MicrosoftError) {
    let keep = matches!(slot, RowOutcome::Failed(earlier) if gravity(earlier.class) >= gravity(error.class));
    if !keep {
        *slot = RowOutcome::Failed(error);
    }
}

fn gravity(class: ErrorClass) -> u8 {
    match class {
        ErrorClass::Retry | ErrorClass::Throttled | ErrorClass::Token | ErrorClass::Account => 0,
        ErrorClass::Wait(_) => 1,
        ErrorClass::Unknown => 2,
        ErrorClass::Configuration | ErrorClass::GoalName | ErrorClass::Defect => 3,
        ErrorClass::Click | ErrorClass::Final => 4,
    }
}

fn read_fault(status: u16, body: &[u8], rows: usize) -> Reply {
    let Ok(fault) = serde_json::from_slice::<FaultBody>(body) else {
        return by_status(status);
    };
    let fault = fault.unwrapped();
    if status >= 500 {
        // Whatever it says: a server that failed may have carried something out before.
        let lists = [fault.errors, fault.operation_errors, fault.batch_errors];
        let first = lists.into_iter().flatten().flatten().next();
        return Reply::Unknown("failed on Microsoft's side", first.map(MicrosoftError::from));
    }
    if let Some(errors) = fault.batch_errors.filter(|errors| !errors.is_empty()) {
        // A fault that names rows was refused as a whole: the others were not taken either.
        return match align(errors, rows) {
            Reply::Rows(outcomes) => Reply::Rows(outcomes.into_iter().map(untaken).collect()),
            // Some row is to blame, and only a call of its own can show which.
            Reply::Unknown(_, Some(error)) if (400..500).contains(&status) => {
                fault_of(status, error)
            }
            other => other,
        };
    }
    let first = [fault.errors, fault.operation_errors].into_iter().flatten().flatten().next();
    first.map_or_else(|| by_status(status), |error| fault_of(status, error.into()))
}

impl FaultBody {
    fn is_empty(&self) -> bool {
        let lists = [&self.errors, &self.operation_errors, &self.batch_errors];
        let named = lists.into_iter().flatten().any(|errors| !errors.is_empty());
        !named && self.application_fault.is_none()
    }

    /// Some answers wrap the fault in `{"ApplicationFault":{…}}`, some don't.
    fn unwrapped(self) -> FaultBody {
        match self.application_fault {
            Some(inner) => *inner,
            None => self,
        }
    }
}

fn untaken(outcome: RowOutcome) -> RowOutcome {
    match outcome {
        RowOutcome::Accepted => RowOutcome::Unknown,
        named => named,
    }
}

fn fault_of(status: u16, error: MicrosoftError) -> Reply {
    match error.class {
        ErrorClass::Retry => Reply::Unknown("trouble inside Microsoft", Some(error)),
        // The code is new, the status is not.
        ErrorClass::Unknown if matches!(status, 401 | 403 | 429) => match by_status(status) {
            Reply::Fault(known) => Reply::Fault(MicrosoftError { class: known.class, ..error }),
            other => other,
        },
        // Whether a refusal in words that nobody knows carried something out is not known either.
        ErrorClass::Unknown => Reply::Unknown("refused in unfamiliar words", Some(error)),
        _ => Reply::Fault(error),
    }
}

/// What an HTTP status says when the body says nothing.
fn by_status(status: u16) -> Reply {
    let (code, symbol) = match status {
        400 => (None, UNREADABLE),
        401 => (Some(109), "AuthenticationTokenExpired"),
        403 => (Some(106), "UserIsNotAuthorized"),
        404 => (None, "HTTP 404"),
        405 => (None, "HTTP 405"),
        413 => (None, "HTTP 413"),
        429 => (Some(117), "CallRateExceeded"),
        501 => (None, "HTTP 501"),
        _ => return Reply::Unknown("unreadable answer", None),
    };
    let error = MicrosoftError::new(code, Some(symbol.to_owned()));
    match error.class {
        ErrorClass::Unknown => Reply::Unknown("unreadable answer", Some(error)),
        ErrorClass::Retry => Reply::Unknown("not available", Some(error)),
        _ => Reply::Fault(error),
    }
}

impl MicrosoftError {
    /// What Microsoft sent, with what the table says of it. Some answers leave the symbol out;
    /// people search for it.
    pub fn new(code: Option<i64>, symbol: Option<String>) -> Self {
        let sent = symbol.filter(|symbol| !symbol.is_empty());
        let entry = look_up(code, sent.as_deref());
        let class = entry.map_or(ErrorClass::Unknown, |entry| entry.class);
        MicrosoftError {
            code,
            symbol: sent.or_else(|| entry.map(|entry| entry.symbol.to_owned())),
            class,
        }
    }

    /// The table's line for it; an error without one is new.
    pub fn entry(&self) -> Option<&'static Entry> {
        look_up(self.code, self.symbol.as_deref())
    }
}

impl From<BatchError> for MicrosoftError {
    fn from(error: BatchError) -> Self {
        MicrosoftError::new(error.code, error.error_code)
    }
}
