//! What an error of Microsoft means for rows, and what is known of each error.

/// What an error means for the rows it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// Microsoft's own trouble; whether the rows counted is unknown. Same payload again.
    Retry,
    /// Too many calls: the account pauses for a minute.
    Throttled,
    /// The access token is no good: fetch a new one once, then treat as [`ErrorClass::Account`].
    Token,
    /// Nothing of this account can be sent until a person repairs its set-up. Messages are
    /// returned as batch item failures.
    Account,
    /// The row waits until a moment that can be named, and then is sent again.
    Wait(Wait),
    /// The row is refused; a person changes the goal or the mapping and redrives.
    Configuration,
    /// The row is refused because Microsoft doesn't know its goal's name.
    GoalName,
    /// The click is later than the conversion: the row is sent without that click, or refused if
    /// an earlier attempt has no answer or it was sent without one.
    Click,
    /// The row is refused and no repair will make Microsoft take it.
    Final,
    /// The payload is wrong: a defect of this software, or a row that can't be expressed.
    Defect,
    /// Not in the table, and counted as `UnknownCode`. A row that it names is refused; a whole call
    /// has an unknown outcome and is sent again.
    Unknown,
}

impl ErrorClass {
    /// For people: what becomes of the row, and who must act.
    pub const fn as_str(self) -> &'static str {
        match self {
            ErrorClass::Retry => "retry",
            ErrorClass::Throttled => "pause, then retry",
            ErrorClass::Token => "new token once, then fix configuration",
            ErrorClass::Account => "fix configuration; the account's rows are retried",
            ErrorClass::Wait(_) => "wait, then send again",
            ErrorClass::Configuration | ErrorClass::GoalName => "fix configuration, then redrive",
            ErrorClass::Click => "sent without that click",
            ErrorClass::Final => "final",
            ErrorClass::Defect => "our defect",
            ErrorClass::Unknown => "unknown",
        }
    }
}

/// What a [`ErrorClass::Wait`] waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// A goal takes conversions two hours after it was made.
    GoalTooRecent,
    TimeInFuture,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Microsoft's number; `None` where Microsoft publishes only the symbol.
    pub code: Option<i64>,
    /// Microsoft's symbol (`ErrorCode`).
    pub symbol: &'static str,
    pub class: ErrorClass,
    pub cause: &'static str,
    pub cure: &'static str,
}

/// The symbol of a refusal that says nothing but its HTTP status, 400.
pub const UNREADABLE: &str = "HTTP 400";
