//! What goes wrong.

/// How often things go wrong, in cases of 10,000.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// A run dies at a step.
    pub crash: u32,
    /// A step takes seconds.
    pub slow: u32,
    /// A run is frozen for minutes.
    pub freeze: u32,
    /// A request to AWS is not carried out.
    pub not_done: u32,
    /// A request to AWS is carried out, its answer is lost.
    pub done_unheard: u32,
    /// A request to AWS is carried out twice by a client that retries.
    pub done_twice: u32,
    /// A row of a batched read is not processed.
    pub unprocessed: u32,
    /// A message is delivered while somebody else has it.
    pub duplicate: u32,
    /// A message vanishes.
    pub vanished: u32,
    /// A deletion of a message is lost.
    pub undeleted: u32,
    /// No connection to Microsoft.
    pub unreachable: u32,
    /// A request to Microsoft gets lost.
    pub request_lost: u32,
    /// Microsoft's answer gets lost, or can't be read.
    pub answer_lost: u32,
    /// A request reaches Microsoft after its sender gave up.
    pub request_late: u32,
    /// Too many calls.
    pub throttled: u32,
    /// The access token is refused.
    pub token_refused: u32,
    /// A row is refused, only this time.
    pub row_refused: u32,
    /// A call is refused because of a row that is fine the next time.
    pub poison: u32,
    /// Clocks of runs are wrong by up to this many seconds.
    pub skew: i64,
    /// Two sweeps at the same time.
    pub overlap: u32,
}

/// What happens to the goal "Purchase".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoalTrouble {
    /// Nothing.
    None,
    /// The mapping's name is wrong from the start; it is corrected at this second.
    Typo {
        /// When the mapping is corrected.
        fixed: i64,
    },
    /// It is renamed at Microsoft, and the mapping follows.
    Renamed {
        /// When.
        at: i64,
        /// When the mapping is changed.
        fixed: i64,
    },
    /// It is renamed at Microsoft by mistake, for a while.
    RenamedBack {
        /// When.
        at: i64,
        /// Until when.
        fixed: i64,
    },
    /// A new goal takes its place; the old one is deleted.
    Replaced {
        /// When.
        at: i64,
        /// When the mapping is changed.
        fixed: i64,
    },
}

/// A time of trouble.
#[derive(Clone, Copy, Debug)]
pub struct Outage {
    /// With what.
    pub of: OutageOf,
    /// From this second.
    pub from: i64,
    /// Until this second.
    pub until: i64,
}

/// What is in trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutageOf {
    /// Microsoft answers 503.
    Microsoft,
    /// Microsoft carries everything out and answers 504.
    MicrosoftAnswers,
    /// The account's consent ends, then is given again in a new version of the secret.
    Consent,
    /// The user has no access to the account (106).
    Access,
    /// DynamoDB.
    Ledger,
    /// The queue takes no messages.
    Queue,
}
